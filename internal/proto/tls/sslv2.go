package tls

import (
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

// SSLv2 message types (draft-hickman-netscape-ssl-00 §C.2).
const (
	v2Error           = 0
	v2ClientHello     = 1
	v2ClientMasterKey = 2
	v2ServerHello     = 4
	v2Refused         = 0xff // ours: a message that is not read
)

// Bounds of an SSLv2 hello: its fixed part, and what is kept of it.
const (
	v2MinHello = 9
	v2MaxHello = 16 << 10
)

// v2record is a side's state in SSLv2 framing.
type v2record struct {
	hello bool // the current record is one, though TLS may follow
	seen  bool // this side began with one
	kind  byte
	typed bool // kind was read
	known bool // this side's hello was read
}

// v2Header takes bytes of a record header, two or three bytes long.
func (p *parser) v2Header(d proto.Dir, s *side, b []byte) int {
	s.hdr[s.nhdr] = b[0]
	s.nhdr++
	size := uint8(2)
	if s.hdr[0]&0x80 == 0 {
		size = 3
	}
	if s.nhdr < size {
		return 1
	}
	s.nhdr = 0
	mask := byte(0x7f)
	if size == 3 {
		mask = 0x3f
	}
	s.left = int(s.hdr[0]&mask)<<8 | int(s.hdr[1])
	s.length = s.left
	s.v2.typed = false
	s.msg.buf = s.msg.buf[:0]
	if s.left == 0 || s.v2.hello && s.left < v2MinHello {
		p.fail(d, s, evInvalidSSLv2Header)
	}
	p.tellV2Frames(d, s, int(size), len(b)-1)
	return 1
}

// v2Body takes a piece of an SSLv2 record: hellos are collected, the rest is
// counted off.
func (p *parser) v2Body(d proto.Dir, s *side, b []byte) {
	if s.secret {
		return
	}
	if !s.v2.typed {
		s.v2.typed, s.v2.kind = true, b[0]
		if !p.v2Begin(d, s) {
			s.v2.kind = v2Refused // the rest of it, in later calls, as well
			return
		}
	}
	if s.v2.kind != v2ClientHello && s.v2.kind != v2ServerHello {
		return
	}
	if room := v2MaxHello - len(s.msg.buf); room > 0 {
		s.msg.buf = append(s.msg.buf, b[:min(room, len(b))]...)
	}
	if s.left > len(b) { // left is lowered by the caller
		return
	}
	if s.v2.kind == v2ClientHello {
		p.v2Client(d, s, s.msg.buf)
	} else {
		p.v2Server(d, s, s.msg.buf)
	}
	s.msg.buf = s.msg.buf[:0]
	s.v2.hello = false
}

// v2Begin looks at a message's type. The client's master key is the last
// message in the clear.
func (p *parser) v2Begin(d proto.Dir, s *side) bool {
	switch {
	case s.v2.kind == v2Error:
		p.tx.Events.Add(evErrorMessageEncountered)
		s.framing, s.v2.hello = sslv2, false
		return false
	case s.v2.kind == v2ClientHello && d == proto.ToServer && !s.v2.known,
		s.v2.kind == v2ServerHello && d == proto.ToClient && !s.v2.known:
		return true
	case s.v2.hello:
		p.fail(d, s, evInvalidSSLv2Header)
		return false
	case s.v2.kind == v2ClientMasterKey && d == proto.ToServer:
		p.tx.clientKey = true
		p.tx.advance(d, clientHandshakeDone)
		s.secret = true
		p.sides[proto.ToClient].secret = true
		p.tx.advance(proto.ToClient, serverHandshakeDone)
		p.tx.logWhenDone()
		return false
	}
	return false
}

// v2Client reads a CLIENT-HELLO: type, version, three lengths, cipher specs,
// session id, challenge. Of TLS's later versions nothing more follows in this
// framing.
func (p *parser) v2Client(d proto.Dir, s *side, b []byte) {
	t := &p.tx
	if len(b) < v2MinHello {
		p.fail(d, s, evInvalidSSLv2Header)
		return
	}
	version := binary.BigEndian.Uint16(b[1:])
	ciphers, id := int(binary.BigEndian.Uint16(b[3:])), int(binary.BigEndian.Uint16(b[5:]))
	challenge := int(binary.BigEndian.Uint16(b[7:]))
	if !tlshello.KnownVersion(version) || 9+ciphers+id+challenge > len(b) || ciphers%3 != 0 {
		p.fail(d, s, evInvalidSSLv2Header)
		return
	}
	s.v2.known = true
	if version == tlshello.SSL20 {
		s.framing = sslv2
	}
	if t.client.seen {
		return
	}
	at := 9 + ciphers
	t.client.hello(version, b[at+id:at+id+challenge], b[at:at+id], nil)
	t.advance(d, clientHelloDone)
}

// v2Server reads a SERVER-HELLO with its certificate.
func (p *parser) v2Server(d proto.Dir, s *side, b []byte) {
	t := &p.tx
	if len(b) < 11 {
		p.fail(d, s, evInvalidSSLv2Header)
		return
	}
	n := int(binary.BigEndian.Uint16(b[5:]))
	if 11+n > len(b) {
		p.fail(d, s, evInvalidSSLv2Header)
		return
	}
	s.v2.known, s.framing = true, sslv2
	t.server.hello(tlshello.SSL20, nil, nil, nil)
	t.advance(d, serverHello)
	if c := &t.certs[d]; n > 0 && !c.seen {
		c.seen = true
		c.add(b[11 : 11+n])
		if c.fault != 0 {
			t.Events.Add(faultEvent(c.fault))
		}
		t.advance(d, serverCertDone)
	}
	t.advance(d, serverHelloDone)
}
