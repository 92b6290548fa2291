package ssh

import (
	"bytes"
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

const (
	// maxBanner is the longest identification line that is read; RFC 4253
	// §4.2 allows 255 bytes.
	maxBanner = 256
	// maxPreamble bounds the lines that a server may send before its own.
	maxPreamble = 1024
	// packetHeader is packet_length, padding_length and the message number.
	packetHeader = 6
	// maxKex bounds a KEXINIT packet that is read.
	maxKex = 65535
	// keepBuffer bounds the memory that a side holds on to between flows.
	keepBuffer = 8 << 10

	msgKexinit = 20
	msgNewkeys = 21
)

// stage is what a side's next bytes are.
type stage uint8

const (
	atBanner stage = iota
	atLineEnd
	atHeader
	atBody
	atCipher // NEWKEYS went by: ciphertext
	atEnd    // given up
)

// side is one direction of the connection.
type side struct {
	stage stage
	line  []byte // a banner cut apart, at most maxBanner
	skip  int    // bytes of lines before the banner

	hdr  [packetHeader]byte
	nhdr uint8
	code byte
	left int  // bytes of the current packet still to come
	keep bool // the packet is a KEXINIT that is read
	buf  []byte
}

// parser follows one flow.
type parser struct {
	tx    tx
	list  [1]proto.Tx
	live  bool
	freed bool
	sides [2]side
	// plain: HASSH is switched off, and the record does not wait for it.
	plain  bool
	frames *proto.Frames
}

// The frames: one of these each for every packet in the clear.
const (
	frameHeader = iota // lengths and message number
	frameData          // what is behind them, with the padding
	framePDU           // both
)

func frameNames() []string {
	return []string{frameHeader: "record.hdr", frameData: "record.data", framePDU: "record.pdu"}
}

// SetFrames tells the parser who wants its frames; nil is nobody.
func (p *parser) SetFrames(f *proto.Frames) { p.frames = f }

var _ proto.Parser = (*parser)(nil)

// newParser knows Suricata's setting app-layer.protocols.ssh.hassh; unlike
// there, fingerprints are made unless it says no.
func newParser(c *proto.Config) proto.Parser {
	p := &parser{}
	if c.Set != nil {
		p.plain = c.Set("app-layer.protocols.ssh.hassh") == "no"
	}
	p.list[0] = &p.tx
	return p
}

// Data implements proto.Parser; it always takes everything. Encrypted is said
// of the first bytes behind both NEWKEYS, so that the NEWKEYS themselves are
// still inspected as plain payload.
func (p *parser) Data(d proto.Dir, b []byte) proto.Progress {
	s := &p.sides[d]
	n := len(b)
	done := p.sides[0].stage == atCipher && p.sides[1].stage == atCipher
	p.live = p.live || n > 0 && !p.freed
	for len(b) > 0 && s.stage < atCipher {
		b = b[p.step(d, s, b):]
	}
	return proto.Progress{Used: n, Stop: s.stage == atEnd, Encrypted: done}
}

// step takes some bytes of b and returns how many.
func (p *parser) step(d proto.Dir, s *side, b []byte) int {
	switch s.stage {
	case atBanner:
		return p.banner(d, s, b)
	case atLineEnd:
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return len(b)
		}
		if s.stage = atBanner; p.tx.known(d) {
			p.bannerDone(d, s)
		}
		return i + 1
	case atHeader:
		return p.header(d, s, b)
	}
	return p.body(d, s, b)
}

// banner collects the line and reads it. A line is cut off at maxBanner bytes
// wherever the segments end.
func (p *parser) banner(d proto.Dir, s *side, b []byte) int {
	line, ended := b, false
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		line, ended = b[:i], true
	}
	if room := maxBanner - len(s.line); len(line) >= room {
		line, ended = line[:room], false
	}
	n := len(line)
	if ended {
		n++
	}
	if len(s.line) > 0 || !ended {
		s.line = append(s.line, line...)
		line = s.line
	}
	if ended || len(line) == maxBanner {
		p.line(d, s, line, ended)
		s.line = s.line[:0]
	}
	return n
}

// line reads one line before or with the banner; ended tells whether its end
// was seen.
func (p *parser) line(d proto.Dir, s *side, line []byte, ended bool) {
	if ended {
		line = bytes.TrimSuffix(line, []byte{'\r'})
	} else {
		s.stage = atLineEnd
	}
	if !bytes.HasPrefix(line, []byte(bannerStart)) && d == proto.ToClient {
		if s.skip += len(line) + 2; s.skip <= maxPreamble {
			return
		}
	}
	if !ended {
		p.tx.Events.Add(evLongBanner)
	}
	if !p.tx.setBanner(d, line) {
		p.tx.Events.Add(evInvalidBanner)
		s.stage = atEnd
		return
	}
	if ended {
		p.bannerDone(d, s)
		return
	}
	p.tx.advance(d, bannerWaitEOL)
}

// bannerDone begins the packets. Version 1 has other packets, and encrypts
// soon: nothing more is read of it.
func (p *parser) bannerDone(d proto.Dir, s *side) {
	s.stage = atHeader
	p.tx.advance(d, bannerDone)
	p.logWhenDone()
	if p.tx.one() && p.tx.known(1-d) {
		p.secret(d)
		p.secret(1 - d)
	}
}

// secret ends the reading of a direction.
func (p *parser) secret(d proto.Dir) {
	p.sides[d].stage = atCipher
	p.tx.advance(d, finished)
	p.logWhenDone()
}

// logWhenDone lets the record be written when both sides have negotiated, or
// the flow is over, so that both fingerprints are in it.
func (p *parser) logWhenDone() {
	t := &p.tx
	enough := uint8(kexinitDone)
	if p.plain {
		enough = bannerDone
	}
	if t.Progress[0] >= enough && t.Progress[1] >= enough && (t.known(0) || t.known(1)) {
		t.LogReady |= proto.LogTx
	}
}

// header takes bytes of a packet header (RFC 4253 §6).
func (p *parser) header(d proto.Dir, s *side, b []byte) int {
	n := copy(s.hdr[s.nhdr:], b)
	s.nhdr += uint8(n)
	if s.nhdr < packetHeader {
		return n
	}
	s.nhdr = 0
	size := int64(binary.BigEndian.Uint32(s.hdr[:]))
	if size < 2 || int64(s.hdr[4]) >= size {
		p.tx.Events.Add(evInvalidRecord)
		s.stage = atEnd
		return n
	}
	s.code, s.left = s.hdr[5], int(size-2)
	s.keep = s.code == msgKexinit && len(p.tx.sides[d].hassh) == 0 && !p.plain
	if s.keep && size > maxKex {
		p.tx.Events.Add(evLongKexRecord)
		s.keep = false
	}
	behind := len(b) - n
	p.frames.AddTx(d, frameHeader, behind+packetHeader, packetHeader, p.tx.ID)
	p.frames.AddTx(d, frameData, behind, s.left, p.tx.ID)
	p.frames.AddTx(d, framePDU, behind+packetHeader, packetHeader+s.left, p.tx.ID)
	s.buf = s.buf[:0]
	s.stage = atBody
	if s.left == 0 {
		p.packetEnd(d, s)
	}
	return n
}

// body takes a piece of a packet behind its message number.
func (p *parser) body(d proto.Dir, s *side, b []byte) int {
	n := min(s.left, len(b))
	s.left -= n
	switch {
	case !s.keep:
	case s.left == 0 && len(s.buf) == 0:
		p.kexinit(d, s.payload(b[:n]))
	default:
		s.buf = append(s.buf, b[:n]...)
	}
	if s.left == 0 {
		if s.keep && len(s.buf) > 0 {
			p.kexinit(d, s.payload(s.buf))
		}
		p.packetEnd(d, s)
	}
	return n
}

// payload takes the padding off the end of a packet's body.
func (s *side) payload(b []byte) []byte { return b[:max(0, len(b)-int(s.hdr[4]))] }

func (p *parser) packetEnd(d proto.Dir, s *side) {
	s.stage = atHeader
	s.buf = s.buf[:0]
	if s.code == msgNewkeys {
		p.secret(d)
	}
}

// kexinit reads the name lists behind the cookie: key exchange, host key, then
// cipher, MAC, compression and language for either direction. HASSH joins the
// lists that the sender's own direction uses.
func (p *parser) kexinit(d proto.Dir, b []byte) {
	side := &p.tx.sides[d]
	own := 0
	if d == proto.ToClient {
		own = 1
	}
	ok := len(b) >= 16
	if ok {
		b = b[16:]
	}
	side.lists = side.lists[:0]
	for i := 0; i < 8 && ok; i++ {
		var list []byte
		if list, b, ok = nameList(b); !ok {
			break
		}
		if i == 0 || i >= 2 && i&1 == own {
			if i > 0 {
				side.lists = append(side.lists, ';')
			}
			side.lists = append(side.lists, list...)
		}
	}
	if !ok {
		side.lists = side.lists[:0]
		p.tx.Events.Add(evInvalidRecord)
		return
	}
	side.hassh = tlshello.AppendMD5(side.hassh[:0], side.lists)
	p.tx.advance(d, kexinitDone)
	p.logWhenDone()
}

// nameList splits a length-prefixed list off b (RFC 4251 §5).
func nameList(b []byte) (list, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// Gap implements proto.Parser: a gap inside a packet is counted off.
func (p *parser) Gap(d proto.Dir, n int) bool {
	s := &p.sides[d]
	switch {
	case s.stage == atCipher:
		return true
	case s.stage == atBody && n < s.left:
		s.left -= n
		s.keep = false
		return true
	case s.stage == atBody && n == s.left:
		s.left, s.keep = 0, false
		p.packetEnd(d, s)
		return true
	}
	s.stage = atEnd
	return false
}

// Close implements proto.Parser.
func (p *parser) Close(d proto.Dir) {
	if !p.live {
		return
	}
	s := &p.sides[d]
	if s.stage == atBanner && len(s.line) > 0 && !p.tx.setBanner(d, s.line) {
		p.tx.Events.Add(evInvalidBanner)
	}
	s.line = s.line[:0]
	if s.stage < atCipher {
		s.stage = atEnd
	}
	p.tx.advance(d, finished)
	p.logWhenDone()
	p.tx.Done = p.tx.Progress == [2]uint8{finished, finished} &&
		p.sides[0].stage >= atCipher && p.sides[1].stage >= atCipher
}

// Txs implements proto.Parser.
func (p *parser) Txs() []proto.Tx {
	if !p.live {
		return nil
	}
	return p.list[:]
}

// Free implements proto.Parser.
func (p *parser) Free(n int) {
	if n > 0 && p.live {
		p.live, p.freed = false, true
	}
}

// Reset implements proto.Parser.
func (p *parser) Reset() {
	p.live, p.freed = false, false
	p.tx.reset()
	for i := range p.sides {
		buf := p.sides[i].buf[:0]
		if cap(buf) > keepBuffer {
			buf = nil
		}
		p.sides[i] = side{line: p.sides[i].line[:0], buf: buf}
	}
}
