package quic

import (
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

// Google's versions before the RFC ("QUIC Wire Layout Specification" and "QUIC
// Crypto", Chromium project). Their first packet holds the client's message
// CHLO in clear: tags with values, SNI among them.
const (
	publicVersion = 0x01 // flags of the public header
	publicID      = 0x08
	publicUnused  = 0xc0
	// hashLen is FNV-1a in 96 bits, before the frames of a packet that is not
	// encrypted yet.
	hashLen = 12
	// maxTags bounds the tags of one message; clients send some 30.
	maxTags = 128
)

// readPublic reads a public header with version, of Q043 and before; rest
// begins behind the packet number.
func readPublic(b []byte) (h header, ok bool) {
	if len(b) < 14 || b[0]&(publicUnused|publicVersion|publicID) != publicVersion|publicID {
		return h, false
	}
	h.version = version(binary.BigEndian.Uint32(b[9:]))
	n := numberLen(b[0] >> 4 & 3)
	if !h.version.google() || h.version > googleQ|'4'<<8|'3' || len(b) < 13+n {
		return h, false
	}
	h.kind, h.dcid = kindInitial, b[1:9]
	h.at = 13 + n
	h.rest, h.length = b[h.at:], len(b)-h.at
	return h, true
}

func numberLen(bits byte) int { return [4]int{1, 2, 4, 6}[bits] }

// readGoogleLong reads the long header of Q044 to Q048: one byte with both
// lengths of the connection ids, no token, no length.
func readGoogleLong(b []byte, h header) (header, bool) {
	at := 6
	for _, n := range [2]byte{b[5] >> 4, b[5] & 15} {
		if n > 0 {
			at += int(n) + 3
		}
	}
	at += 1 + int(b[0]&3)
	if at > len(b) {
		return h, false
	}
	h.kind, h.at, h.rest, h.length = kindInitial, at, b[at:], len(b)-at
	return h, true
}

// google takes a packet of one of Google's versions. What follows the client's
// message tells nothing more.
func (p *parser) google(d proto.Dir, h *header) {
	s := &p.sides[d]
	if s.done {
		return
	}
	t := p.plain(d, h.version)
	if t != nil && d == proto.ToServer {
		s.done = t.chlo(h.message())
	}
}

// message returns what the first STREAM frame of a packet holds, up to the
// packet's end: 1fdooossB, with the lengths of data, offset and stream id in d,
// ooo and ss. Q033 and before have a byte of private flags before the frames.
func (h *header) message() []byte {
	skip := hashLen
	if h.version <= googleQ|'3'<<8|'3' {
		skip++
	}
	b := h.rest[min(skip, len(h.rest)):]
	for len(b) > 0 && b[0] == 0 { // padding
		b = b[1:]
	}
	if len(b) == 0 || b[0]&0x80 == 0 {
		return nil
	}
	flags := b[0]
	at := 1 + 1 + int(flags&3)
	if offset := int(flags >> 2 & 7); offset > 0 {
		at += offset + 1
	}
	if flags&0x20 != 0 {
		at += 2
	}
	return b[min(at, len(b)):]
}

// chlo reads a CHLO: the number of tags, then tag and end of value for each,
// then the values. Numbers are little-endian. CYU is the list of the tags
// behind the version's number.
func (t *tx) chlo(b []byte) bool {
	if len(b) < 8 || string(b[:4]) != "CHLO" {
		return false
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	if n == 0 || n > maxTags || len(b) < 8+8*n {
		t.Events.Add(evErrorOnData)
		return true
	}
	values, from := b[8+8*n:], 0
	t.cyu = append(t.cyu, t.wire[2:]...)
	sep := byte(',')
	for tags := b[8 : 8+8*n]; len(tags) > 0; tags = tags[8:] {
		t.cyu = append(t.cyu, sep)
		sep = '-'
		for _, c := range tags[:4] {
			if c > ' ' && c < 0x7f {
				t.cyu = append(t.cyu, c)
			}
		}
		to := int(min(binary.LittleEndian.Uint32(tags[4:]), 1<<16))
		if to < from || to > len(values) {
			t.Events.Add(evErrorOnData)
			break
		}
		t.tag(string(tags[:4]), values[from:to])
		from = to
	}
	t.cyuHash = tlshello.AppendMD5(t.cyuHash, t.cyu)
	return true
}

// maxValue bounds what is kept of a value.
const maxValue = 256

func (t *tx) tag(name string, value []byte) {
	value = value[:min(len(value), maxValue)]
	switch name {
	case "SNI\x00":
		t.sni = append(t.sni[:0], value...)
	case "UAID":
		t.ua = append(t.ua[:0], value...)
	}
}
