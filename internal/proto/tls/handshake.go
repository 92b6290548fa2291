package tls

import (
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

// Handshake message types (IANA).
const (
	msgClientHello        = 1
	msgServerHello        = 2
	msgHelloRetryRequest  = 6
	msgCertificate        = 11
	msgServerKeyExchange  = 12
	msgCertificateRequest = 13
	msgServerHelloDone    = 14
	msgClientKeyExchange  = 16
)

// maxMessage bounds a handshake message that is read; longer ones are stepped
// over.
const maxMessage = 64 << 10

// message reassembles a side's handshake messages from records.
type message struct {
	hdr  [4]byte
	nhdr uint8
	kind byte
	left int    // bytes of the body still to come
	skip bool   // the body is not wanted, too long, or has a gap
	lost bool   // a gap swallowed a header: no more messages
	buf  []byte // a body cut apart
}

// gap steps over n missing bytes.
func (m *message) gap(n int) {
	if m.nhdr < 4 || n > m.left {
		m.lost = true
		return
	}
	m.left -= n
	m.skip = true
	if m.left == 0 {
		m.nhdr = 0
		m.buf = m.buf[:0]
	}
}

// knownMessage reports whether a handshake type is one that is in use.
func knownMessage(t byte) bool {
	return t <= 6 || t == 8 || t >= 11 && t <= 16 || t >= 20 && t <= 25 || t == 67 || t == 254
}

// wanted reports whether a message's body is read.
func wanted(t byte) bool {
	return t == msgClientHello || t == msgServerHello || t == msgCertificate
}

// handshake takes a piece of a handshake record.
func (p *parser) handshake(d proto.Dir, s *side, b []byte) {
	m := &s.msg
	for len(b) > 0 && !m.lost {
		if m.nhdr < 4 {
			n := copy(m.hdr[m.nhdr:], b)
			m.nhdr += uint8(n)
			b = b[n:]
			if m.nhdr == 4 {
				p.messageHeader(d, m)
			}
			continue
		}
		n := min(m.left, len(b))
		m.left -= n
		switch {
		case m.skip:
		case m.left == 0 && len(m.buf) == 0:
			p.message(d, m.kind, b[:n])
		default:
			m.buf = append(m.buf, b[:n]...)
		}
		b = b[n:]
		if m.left == 0 {
			p.messageEnd(d, m)
		}
	}
}

// messageHeader begins a message whose header is whole.
func (p *parser) messageHeader(d proto.Dir, m *message) {
	m.kind = m.hdr[0]
	m.left = int(m.hdr[1])<<16 | int(m.hdr[2])<<8 | int(m.hdr[3])
	m.buf = m.buf[:0]
	if !knownMessage(m.kind) {
		p.tx.Events.Add(evInvalidHandshakeMessage)
		m.lost = true
		return
	}
	m.skip = !wanted(m.kind)
	if m.left > maxMessage {
		p.tx.Events.Add(evHandshakeInvalidLength)
		m.skip = true
	}
	if m.left == 0 {
		p.messageEnd(d, m)
	}
}

// messageEnd finishes a message: one that was collected is read, the others
// count by their type.
func (p *parser) messageEnd(d proto.Dir, m *message) {
	m.nhdr = 0
	switch {
	case len(m.buf) > 0 && !m.skip:
		p.message(d, m.kind, m.buf)
	case m.kind == msgServerHelloDone && d == proto.ToClient:
		p.tx.advance(d, serverHelloDone)
		p.tx.logWhenDone()
	case m.kind == msgCertificateRequest && d == proto.ToClient:
		p.tx.wantsCert = true
	case m.kind == msgClientKeyExchange:
		p.tx.clientKey = true
	case m.kind == msgServerKeyExchange:
		p.tx.serverKey = true
	case m.kind == msgHelloRetryRequest && d == proto.ToClient:
		p.retry = true
	}
	m.buf = m.buf[:0]
}

// message reads the body of a wanted message.
func (p *parser) message(d proto.Dir, kind byte, b []byte) {
	switch {
	case kind == msgClientHello && d == proto.ToServer:
		p.clientHello(b)
	case kind == msgServerHello && d == proto.ToClient:
		p.serverHello(b)
	case kind == msgCertificate:
		p.certificates(d, b)
	}
}

// clientHello keeps what the first ClientHello of the flow says; the second
// one, after a HelloRetryRequest, repeats it.
func (p *parser) clientHello(b []byte) {
	t := &p.tx
	c, ok := tlshello.ViewClient(b, false)
	if !ok {
		t.Events.Add(evInvalidHandshakeMessage)
		return
	}
	if t.client.seen {
		return
	}
	t.flawEvents(c.Flaws)
	t.client.hello(c.Preferred(), c.Random, c.SessionID, c.ALPN)
	t.sni = append(t.sni[:0], c.SNI...)
	t.ech, t.ticket = c.ECH, c.Ticket
	t.ja3 = tlshello.AppendJA3(t.ja3[:0], &c)
	t.ja3Hash = tlshello.AppendMD5(t.ja3Hash[:0], t.ja3)
	t.ja4 = tlshello.AppendJA4(t.ja4[:0], &c, 't')
	t.ja4EVE = tlshello.AppendJA4Suricata(t.ja4EVE[:0], &c, 't')
	t.advance(proto.ToServer, clientHelloDone)
}

// serverHello keeps what the server chose. The fingerprint is of the first
// hello, the rest of the last: a HelloRetryRequest chooses nothing.
func (p *parser) serverHello(b []byte) {
	t := &p.tx
	s, ok := tlshello.ViewServer(b)
	if !ok {
		t.Events.Add(evInvalidHandshakeMessage)
		return
	}
	t.flawEvents(s.Flaws)
	if len(t.ja3s) == 0 {
		t.ja3s = tlshello.AppendJA3S(t.ja3s[:0], &s)
		t.ja3sHash = tlshello.AppendMD5(t.ja3sHash[:0], t.ja3s)
	}
	p.retry = s.Retry
	if s.Retry || t.server.seen {
		return
	}
	t.server.hello(s.Chosen(), s.Random, s.SessionID, s.ALPN)
	t.cipher = s.Cipher
	t.advance(proto.ToClient, serverHello)
}

// certificates reads a Certificate message up to TLS 1.2 (RFC 5246 §7.4.2):
// a list of certificates, each behind its length.
func (p *parser) certificates(d proto.Dir, b []byte) {
	t := &p.tx
	c := &t.certs[d]
	if c.seen {
		return
	}
	c.seen = true
	if !c.read(b) {
		t.Events.Add(evInvalidCertificate)
		t.Events.Add(evInvalidHandshakeMessage)
	}
	if c.fault != 0 {
		t.Events.Add(faultEvent(c.fault))
	}
	if d == proto.ToClient {
		t.advance(d, serverCertDone)
	} else {
		t.advance(d, clientCertDone)
		t.logWhenDone()
	}
}
