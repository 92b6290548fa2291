package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// requestLine parses the request line l. It reports whether the head ended,
// which it does when the line says that nothing follows.
func (p *parser) requestLine(s *side, m *message, l span) bool {
	t := s.cur
	end := l.off + len(chomp(l.of(m.raw)))
	m.line = span{l.off, end}
	m.head = span{l.end, l.end}
	t.parseRequestLine(m)
	if l.of(m.raw)[l.end-l.off-1] != '\n' {
		t.Events.Add(evReqIncomplete)
	}
	t.parseTarget()
	t.advance(proto.ToServer, progLine)
	s.state = stHeaders
	s.base = 0
	return false
}

// parseRequestLine splits method, URI and protocol the way libhtp does: the
// URI may hold blanks, the last word is the protocol if it looks like one.
func (t *tx) parseRequestLine(m *message) {
	raw := m.raw
	i, end := m.line.off, m.line.end
	for i < end && isSpace(raw[i]) {
		i++
	}
	if i > m.line.off {
		t.Events.Add(evLeadingSpace)
	}
	start := i
	for i < end && !isSpace(raw[i]) {
		i++
	}
	t.method = span{start, i}
	m.minor = 9
	if !allToken(raw[start:i]) || i == start {
		t.Events.Add(evReqLineInvalid)
	}
	for j := i; j < end && isSpace(raw[j]); i, j = j+1, j+1 {
		if raw[j] != ' ' {
			t.Events.Add(evMethodDelim)
		}
	}
	for end > i && isSpace(raw[end-1]) {
		end--
	}
	if i == end {
		t.uri = span{i, i}
		t.Events.Add(evReqIncomplete)
		return
	}
	t.uri = span{i, end}
	j := end
	for j > i && !isSpace(raw[j-1]) {
		j--
	}
	if j == i || !protoLike(raw[j:end]) {
		return
	}
	m.proto = span{j, end}
	m.minor = version(raw[j:end])
	for j > i && isSpace(raw[j-1]) {
		if j--; raw[j] != ' ' {
			t.Events.Add(evURIDelim)
		}
	}
	t.uri = span{i, j}
}

// protoLike reports whether the last word of a request line is its protocol.
func protoLike(b []byte) bool {
	return len(b) >= 4 && equalFold(b[:4], "http")
}

// version reads "HTTP/1.1" as 11; -1 when it is none that is known.
func version(b []byte) int8 {
	if len(b) < 6 || !equalFold(b[:5], "HTTP/") {
		return -1
	}
	major, n := parseUint(b[5:])
	if n == 0 || 5+n >= len(b) || b[5+n] != '.' {
		return -1
	}
	minor, k := parseUint(b[6+n:])
	if k == 0 || 6+n+k != len(b) {
		return -1
	}
	switch {
	case major == 0 && minor == 9:
		return 9
	case major == 1 && minor <= 1:
		return int8(10 + minor)
	}
	return -1
}

// requestHeaders decides what follows a request's head (RFC 9112 §6.3).
func (p *parser) requestHeaders(s *side, m *message) {
	t := s.cur
	if m.proto.end == 0 && len(m.headers) > 0 {
		t.Events.Add(evNoProtocol)
	}
	t.headersKnown(proto.ToServer)
	t.checkHost()
	t.checkAuthorization()
	te := m.index[hTransferEncoding] != 0
	cl, has := t.contentLength(proto.ToServer, s)
	switch {
	case equalFold(t.methodBytes(), "CONNECT"):
		p.endRequestHead(s, stWait)
		return
	case te && !hasToken(m, hTransferEncoding, "chunked"):
		t.Events.Add(evReqTE)
	case te && m.minor != 11:
		t.Events.Add(evReqTE)
	}
	switch {
	case te && m.mentions(hTransferEncoding, "chunked"):
		s.state = stChunkSize
	case has && cl > 0:
		s.left = cl
		s.state = stLength
	case m.has(hUpgrade) && upgradeName(m.value(hUpgrade)) != "":
		p.endRequestHead(s, stWait)
		return
	default:
		p.bodyEnd(proto.ToServer, s)
		return
	}
	t.msg[0].body.begin(t, proto.ToServer)
}

// endRequestHead completes a request without a body whose response decides
// what the client's next bytes are.
func (p *parser) endRequestHead(s *side, next state) {
	t := s.cur
	t.finish(proto.ToServer, false)
	p.settle(t)
	s.state = next
}

// headersKnown notes that the header block of direction d is whole.
func (t *tx) headersKnown(d proto.Dir) {
	t.advance(d, progHeaders)
	if d == proto.ToServer {
		t.findHost()
	}
}

// checkAuthorization sets an event for methods beyond the usual ones.
func (t *tx) checkAuthorization() {
	v := t.msg[0].value(hAuthorization)
	if len(v) == 0 {
		return
	}
	n := bytes.IndexByte(v, ' ')
	if n < 0 {
		n = len(v)
	}
	for _, s := range [...]string{"basic", "digest", "bearer"} {
		if equalFold(v[:n], s) {
			return
		}
	}
	t.Events.Add(evAuthUnrecognized)
}

// hasToken reports whether a comma-separated header holds the word.
func hasToken(m *message, id uint8, word string) bool {
	for i := int(m.index[id]) - 1; i >= 0; i = int(m.headers[i].next) - 0 {
		v := m.headers[i].value.of(m.text)
		for len(v) > 0 {
			n := bytes.IndexByte(v, ',')
			item := v
			if n >= 0 {
				item, v = v[:n], v[n+1:]
			} else {
				v = nil
			}
			if equalLoose(trimSpace(item), word) {
				return true
			}
		}
		if m.headers[i].next == 0 {
			return false
		}
	}
	return false
}

// mentions reports whether any occurrence of header id contains the word.
func (m *message) mentions(id uint8, word string) bool {
	if m.index[id] == 0 {
		return false
	}
	for i := m.index[id] - 1; ; i = m.headers[i].next {
		if containsLoose(m.headers[i].value.of(m.text), word) {
			return true
		}
		if m.headers[i].next == 0 {
			return false
		}
	}
}

// contentLength reads Content-Length. Values that differ, or that carry more
// than a number, make the length doubtful: what follows the body is body too.
func (t *tx) contentLength(d proto.Dir, s *side) (uint64, bool) {
	m := &t.msg[d]
	if !m.has(hContentLength) {
		return 0, false
	}
	i := m.index[hContentLength] - 1
	v, ok, odd := parseLength(m.headers[i].value.of(m.text))
	if !ok {
		t.Events.Add(either(d, evReqCL, evResCL))
		return 0, false
	}
	s.loose = odd
	for n := m.headers[i].next; n != 0; n = m.headers[n].next {
		t.Events.Add(either(d, evReqDupCL, evResDupCL))
		if w, ok, _ := parseLength(m.headers[n].value.of(m.text)); !ok || w != v {
			s.loose = true
		}
	}
	return v, true
}

// parseLength reads the first number in b; odd says that there was more.
func parseLength(b []byte) (v uint64, ok, odd bool) {
	i := 0
	for i < len(b) && !isDigit(b[i]) {
		odd = odd || !isBlank(b[i])
		i++
	}
	v, n := parseUint(b[i:])
	return v, n > 0, odd || i+n < len(b)
}

// waiting holds the client's bytes back until the response to CONNECT or
// Upgrade tells what they are.
func (p *parser) waiting(s *side, b []byte) (int, bool) {
	if n := lineEnds(b); n > 0 {
		return n, true // belongs to neither protocol
	}
	t := s.cur
	switch {
	case t == nil || t.Progress[proto.ToClient] >= progHeaders:
		s.state, s.cur = stIdle, nil
		return 0, true
	case !equalFold(t.methodBytes(), "CONNECT") && probe(proto.ToServer, b) == proto.Accept:
		s.state, s.cur = stIdle, nil
		return 0, true
	case len(b) >= maxHeld:
		// The other direction is not seen: look at the bytes themselves.
		if p.upgrade = upgradeName(t.msg[0].value(hUpgrade)); p.upgrade == "" {
			p.upgrade = "?"
		}
	}
	return 0, false
}

// lineEnds counts the CR and LF bytes at the start of b.
func lineEnds(b []byte) int {
	n := 0
	for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

// maxHeld bounds the bytes that wait for a response.
const maxHeld = 16 << 10

// upgradeName is the protocol that an Upgrade header's value leads to.
func upgradeName(v []byte) string {
	v = trimSpace(v)
	switch {
	case equalFold(v, "h2c"):
		return "http2"
	case equalFold(v, "websocket"):
		return "websocket"
	}
	return ""
}
