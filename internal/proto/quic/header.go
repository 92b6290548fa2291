package quic

import "encoding/binary"

const (
	longForm = 0x80 // RFC 8999 §5.1
	fixedBit = 0x40 // RFC 9000 §17.2
	// maxID is the longest connection id of the versions read here (RFC 9000
	// §17.2).
	maxID = 20
	// minSealed is the least that a sealed payload has: a packet number of 4
	// bytes and the sample behind it (RFC 9001 §5.4.2).
	minSealed = 20
	// minDatagram is the least size of a client's first datagram (RFC 9000
	// §14.1). A shorter one that lacks bytes was not cut by the mirror.
	minDatagram = 1200
)

// version is the number in a long header.
type version uint32

// Versions with a number of their own.
const (
	negotiation version = 0
	version1    version = 1          // RFC 9000
	version2    version = 0x6b3343cf // RFC 9369
	draft       version = 0xff000000 // and the draft's number
	facebook    version = 0xfaceb000 // mvfst, Meta's drafts
	googleQ     version = 'Q'<<24 | '0'<<16
	googleT     version = 'T'<<24 | '0'<<16
)

// google tells Google's versions from before the RFC, whose layout is another.
func (v version) google() bool {
	if v>>16<<16 != googleQ && v>>16<<16 != googleT {
		return false
	}
	tens, ones := byte(v>>8), byte(v)
	return tens >= '2' && tens <= '5' && ones >= '0' && ones <= '9'
}

// open tells Google's versions whose first packets are not encrypted.
func (v version) open() bool { return v.google() && v < googleQ|'4'<<8|'9' }

// known tells a version that was spoken somewhere.
func (v version) known() bool {
	return v == version1 || v == version2 || v.google() ||
		v>>8 == draft>>8 && v&0xff >= 17 && v&0xff <= 34 || v>>8 == facebook>>8
}

// kind is the type of a packet with a long header.
type kind uint8

const (
	kindUnknown kind = iota
	kindNegotiation
	kindInitial
	kind0RTT
	kindHandshake
	kindRetry
)

// header is a view of one packet with a long header (RFC 9000 §17.2).
type header struct {
	version version
	kind    kind
	dcid    []byte
	rest    []byte // behind the connection ids
	at      int    // of the packet number
	length  int    // of packet number and payload, as far as they are there
	cut     bool   // the datagram ends before the packet does
}

// size is how many bytes of the datagram the packet takes.
func (h *header) size() int { return h.at + h.length }

// readLong reads a long header; ok is false when it can't be one. Of versions
// that are not known it reads what RFC 8999 promises, and kind is unknown.
func readLong(b []byte) (h header, ok bool) {
	if len(b) < 7 || b[0]&longForm == 0 {
		return h, false
	}
	h.version = version(binary.BigEndian.Uint32(b[1:]))
	if h.version.open() {
		return readGoogleLong(b, h)
	}
	r := b[5:]
	var scid []byte
	if h.dcid, r, ok = idOf(r); !ok {
		return h, false
	}
	if scid, r, ok = idOf(r); !ok {
		return h, false
	}
	h.rest, h.at = r, len(b)-len(r)
	h.length = len(r)
	if h.version == negotiation {
		h.kind = kindNegotiation
		return h, true
	}
	if !h.version.known() {
		return h, true
	}
	if len(h.dcid) > maxID || len(scid) > maxID {
		return h, false
	}
	h.kind = h.version.kindOf(b[0])
	return h, h.kind == kindRetry || h.lengths()
}

// idOf takes a connection id behind its length.
func idOf(b []byte) (id, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}

// kindOf reads the type bits; version 2 counts them from another one (RFC 9369
// §3.2).
func (v version) kindOf(first byte) kind {
	n := first >> 4 & 3
	if v == version2 {
		n = (n + 3) & 3
	}
	return kindInitial + kind(n)
}

// lengths steps over the token of an Initial and takes the length.
func (h *header) lengths() bool {
	r := h.rest
	if h.kind == kindInitial {
		n, after, ok := varint(r)
		if !ok || n > uint64(len(after)) {
			return false
		}
		r = after[n:]
	}
	n, r, ok := varint(r)
	if !ok {
		return false
	}
	h.at += len(h.rest) - len(r)
	h.cut = n > uint64(len(r))
	h.length = len(r)
	if !h.cut {
		h.length = int(n)
	}
	return true
}

// varint takes a variable-length integer (RFC 9000 §16).
func varint(b []byte) (v uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	n := 1 << (b[0] >> 6)
	if n > len(b) {
		return 0, nil, false
	}
	v = uint64(b[0] & 0x3f)
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, b[n:], true
}

// knownList tells the list of a Version Negotiation packet (RFC 8999 §6): one
// of its versions must be known, others may be there to keep peers honest.
func knownList(b []byte) bool {
	if len(b) == 0 || len(b)%4 != 0 {
		return false
	}
	for ; len(b) > 0; b = b[4:] {
		if version(binary.BigEndian.Uint32(b)).known() {
			return true
		}
	}
	return false
}
