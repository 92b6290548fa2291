package http

import (
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// statusLine takes one line before the response's headers: a status line, an
// empty line, or what browsers show as body for want of a status line.
func (p *parser) statusLine(s *side, m *message, l span) bool {
	t := s.cur
	line := chomp(l.of(m.raw))
	if len(line) == 0 {
		return false
	}
	if looksStatus(line) {
		m.line = span{l.off, l.off + len(line)}
		m.head = span{l.end, l.end}
		t.parseStatusLine(m)
		t.advance(proto.ToClient, progLine)
		s.state = stHeaders
		s.base = 0
		return false
	}
	rest := m.raw[l.end:]
	if len(rest) > 0 && (rest[0] == 'H' || rest[0] == 'h' || len(line) <= 2) {
		return false // junk before the status line
	}
	// Browsers show the line; a status line may still follow it.
	m.body.begin(t, proto.ToClient)
	m.body.add(t, proto.ToClient, l.of(m.raw), l.end-l.off)
	return false
}

// looksStatus reports whether browsers take line for a status line: blanks,
// then "http" in any case.
func looksStatus(line []byte) bool {
	line = trimLeft(line)
	return len(line) >= 4 && equalFold(line[:4], "http")
}

// plainBody takes a response without a head (HTTP/0.9) once its first line is
// too long to be anything else.
func (p *parser) plainBody(s *side, m *message, line []byte) {
	t := s.cur
	t.advance(proto.ToClient, progHeaders)
	m.body.begin(t, proto.ToClient)
	m.body.add(t, proto.ToClient, line, len(line))
	s.state = stClose
}

// parseStatusLine splits protocol, status and reason.
func (t *tx) parseStatusLine(m *message) {
	raw := m.raw
	i, end := m.line.off, m.line.end
	for i < end && (isSpace(raw[i]) || raw[i] == 0) {
		i++
	}
	start := i
	for i < end && !isSpace(raw[i]) {
		i++
	}
	m.proto = span{start, i}
	if m.minor = version(raw[start:i]); m.minor < 0 {
		t.Events.Add(evResProtocol)
	}
	for i < end && isSpace(raw[i]) {
		i++
	}
	start = i
	for i < end && !isSpace(raw[i]) {
		i++
	}
	t.status = span{start, i}
	for i < end && isSpace(raw[i]) {
		i++
	}
	t.reason = span{i, end}
	t.code = -1
	v, n := parseUint(t.status.of(raw))
	if n == 0 || n != t.status.end-t.status.off || v < 100 || v > 999 {
		t.Events.Add(evResStatus)
	}
	if n > 0 && n == t.status.end-t.status.off && v <= 999 {
		t.code = int(v)
	}
}

// responseHeaders decides what follows a response's head (RFC 9112 §6.3).
func (p *parser) responseHeaders(s *side, m *message) {
	t := s.cur
	cl, has := t.contentLength(proto.ToClient, s)
	framed := m.has(hTransferEncoding) || has
	if t.code >= 100 && t.code < 200 && t.code != 101 && (!framed || !m.has(hTransferEncoding) && cl == 0) {
		p.interim(s, m)
		return
	}
	t.headersKnown(proto.ToClient)
	if p.switches(t, framed) {
		p.bodyEnd(proto.ToClient, s)
		p.complete(proto.ToClient)
		s.state = stIgnore
		return
	}
	noBody := t.code >= 100 && t.code < 200 || t.code == 204 || t.code == 304
	if noBody && framed {
		t.Events.Add(evResBodyUnexpected)
	}
	switch {
	case equalFold(t.methodBytes(), "HEAD"), noBody && !framed:
		p.bodyEnd(proto.ToClient, s)
		return
	case m.mentions(hTransferEncoding, "chunked"):
		t.checkChunked(m)
		s.state = stChunkSize
	case has && cl == 0:
		p.bodyEnd(proto.ToClient, s)
		return
	case has:
		s.left = cl
		s.state = stLength
	default:
		s.state = stClose
		if m.has(hTransferEncoding) {
			t.Events.Add(evResTE)
		}
		if containsLoose(m.value(hContentType), "multipart/byteranges") {
			t.Events.Add(evByteranges)
		}
	}
	m.body.begun = false // what came before the status line was not coded
	m.body.begin(t, proto.ToClient)
	if s.eat {
		s.line = append(s.line[:0], byte(s.state))
		s.eat = false
		s.state = stBodyStart
	}
}

func (t *tx) checkChunked(m *message) {
	if !equalLoose(trimSpace(m.value(hTransferEncoding)), "chunked") {
		t.Events.Add(evResAbnormalTE)
	}
	if m.minor == 9 || m.minor == 10 {
		t.Events.Add(evChunkedOld)
	}
}

// interim forgets a 1xx response (RFC 9110 §15.2); the final one follows.
func (p *parser) interim(s *side, m *message) {
	t := s.cur
	if t.code == 100 {
		if t.interim++; t.interim > 1 {
			t.Events.Add(evContinueSeen)
		}
	}
	keep := append(p.scratch[:0], m.raw[s.pos:]...)
	p.scratch = keep
	m.resetHead()
	m.raw = append(m.raw, keep...)
	t.Progress[proto.ToClient] = progStarted
	t.code = -1
	t.status, t.reason = span{}, span{}
	*s = side{state: stLine, cur: t, line: s.line[:0], fold: s.fold[:0]}
}

// switches reports whether the response changes the flow's protocol, and to
// which.
func (p *parser) switches(t *tx, framed bool) bool {
	switch {
	case equalFold(t.methodBytes(), "CONNECT") && t.code >= 200 && t.code < 300:
		p.upgrade = "?"
	case t.code == 101 && !framed:
		if p.upgrade = upgradeName(t.msg[1].value(hUpgrade)); p.upgrade == "" {
			p.upgrade = "?"
		}
	default:
		return false
	}
	return true
}

// bodyStart skips the CRLF that follows an empty line begun by LF CR.
func (p *parser) bodyStart(d proto.Dir, s *side, b []byte) int {
	next := state(s.line[0])
	switch {
	case len(s.line) == 1 && b[0] == '\r':
		s.line = append(s.line, '\r')
		return 1
	case len(s.line) == 2 && b[0] == '\n':
		s.state = next
		s.line = s.line[:0]
		return 1
	}
	cr := len(s.line) == 2
	s.state = next
	s.line = s.line[:0]
	if cr {
		p.replay(d, s)
	}
	return 0
}

// replay gives the body the CR that bodyStart took.
func (p *parser) replay(d proto.Dir, s *side) {
	one := append(p.scratch[:0], '\r')
	p.scratch = one
	if n, _ := p.step(d, s, one); n == 0 {
		s.cur.Events.Add(evResBodyInternal)
	}
}

// surplus takes bytes that follow a message in the same piece of data.
func (p *parser) surplus(d proto.Dir, s *side, b []byte) int {
	if d == proto.ToServer {
		return p.surplusRequest(s, b)
	}
	n := len(b)
	line := b
	for i, c := range b {
		if c == '\n' {
			n, line = i+1, b[:i+1]
			break
		}
	}
	if looksStatus(line) || n == len(b) && line[n-1] != '\n' && maybeStatus(line) {
		p.complete(d)
		return 0
	}
	s.cur.Events.Add(evResBodyUnexpected)
	s.cur.msg[d].body.late(s.cur, d, line)
	return n
}

// maybeStatus reports whether line may yet become a status line.
func maybeStatus(line []byte) bool {
	line = trimLeft(line)
	return len(line) < 4 && equalFold(line, "http"[:len(line)])
}

// surplusRequest decides whether what follows a request is the next one.
func (p *parser) surplusRequest(s *side, b []byte) int {
	n := lineEnds(b)
	if n < len(b) && probe(proto.ToServer, b[n:]) == proto.Reject {
		s.cur.Events.Add(evReqBodyUnexpected)
		s.cur.msg[0].body.late(s.cur, proto.ToServer, b)
		return len(b)
	}
	p.complete(proto.ToServer)
	return n
}
