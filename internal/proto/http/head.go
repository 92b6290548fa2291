package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// headBlock is how much of a head is copied at a time: what is behind its end
// is handed back.
const headBlock = 4096

// headBytes adds b to the head and reads the lines that are whole.
func (p *parser) headBytes(d proto.Dir, s *side, b []byte) int {
	m := &s.cur.msg[d]
	n := min(len(b), headBlock)
	m.raw = append(m.raw, b[:n]...)
	if p.lines(d, s, m, false) {
		// The head ended: what follows it is still in b.
		rest := min(len(m.raw)-s.pos, n)
		m.raw = m.raw[:len(m.raw)-rest]
		return n - rest
	}
	if s.state == stLine && s.pos > 0 {
		// Nothing before the start line is kept.
		m.raw = append(m.raw[:0], m.raw[s.pos:]...)
		s.scan -= s.pos
		s.pos = 0
	}
	if d == proto.ToClient && s.state == stLine && len(m.raw)-s.pos > headBlock && !looksStatus(m.raw[s.pos:]) {
		p.plainBody(s, m, m.raw[s.pos:])
		return n
	}
	if len(m.raw)-s.base > maxHead {
		s.cur.Events.Add(either(d, evReqTooLong, evResTooLong))
		p.stop[d] = true
		s.cur.finish(d, true)
		p.settle(s.cur)
	}
	return n
}

// lines reads whole lines from the message's raw until the head ends, and
// reports whether it did; end says that no more bytes will come.
func (p *parser) lines(d proto.Dir, s *side, m *message, end bool) bool {
	for {
		if s.bareLF && d == proto.ToClient && s.pos < len(m.raw) && m.raw[s.pos] == '\r' && s.scan == s.pos {
			// LF CR ends a line too, unless it begins an empty CR LF.
			if s.pos+1 == len(m.raw) && !end {
				return false
			}
			if s.pos+1 < len(m.raw) && m.raw[s.pos+1] != '\n' {
				s.pos++
				s.scan = s.pos
				s.lfcr = true
			}
			s.bareLF = false
		}
		stop, ok := s.lineEnd(d, m.raw, end)
		if !ok {
			return false
		}
		line := m.raw[s.pos:stop]
		if s.unsure(d, m.raw, stop, end) {
			return false
		}
		start := s.pos
		s.pos, s.scan = stop, stop
		s.bareLF = len(line) > 0 && line[len(line)-1] == '\n' && (len(line) < 2 || line[len(line)-2] != '\r')
		if p.headLine(d, s, m, span{start, stop}) {
			return true
		}
	}
}

// lineEnd finds the end of the line at s.pos. Requests end lines in LF only;
// in responses a bare CR does as well, because browsers take it so.
func (s *side) lineEnd(d proto.Dir, raw []byte, end bool) (int, bool) {
	if d == proto.ToServer {
		i := bytes.IndexByte(raw[s.scan:], '\n')
		if i >= 0 {
			return s.scan + i + 1, true
		}
		s.scan = len(raw)
		return len(raw), end && len(raw) > s.pos
	}
	for i := s.scan; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\n':
			return i + 1, true
		case c != '\r':
		case i+1 == len(raw):
			s.scan = i
			return len(raw), end
		case raw[i+1] == '\n':
			return i + 2, true
		case s.state == stLine:
			return i + 1, true
		case raw[i+1] == '\r' || i == s.pos:
			// CR CR LF and CR X are no empty lines.
		default:
			return i + 1, true
		}
	}
	s.scan = len(raw)
	return len(raw), end && len(raw) > s.pos
}

// unsure reports whether what the line up to stop means depends on a byte that
// is not there yet: a blank and LF may end the head, junk before a status line
// is told from a body without a head by what follows.
func (s *side) unsure(d proto.Dir, raw []byte, stop int, end bool) bool {
	line := raw[s.pos:stop]
	if end || stop != len(raw) || line[len(line)-1] != '\n' {
		return false
	}
	if s.state == stLine {
		if d == proto.ToServer || looksStatus(line) || len(chomp(line)) == 0 {
			return false
		}
	} else if len(line) != 2 || !isBlank(line[0]) {
		return false
	}
	s.scan = stop - 1
	return true
}

// headLine takes one line, l in raw, and reports whether the head ended.
func (p *parser) headLine(d proto.Dir, s *side, m *message, l span) bool {
	if s.state == stLine {
		if d == proto.ToServer {
			return p.requestLine(s, m, l)
		}
		return p.statusLine(s, m, l)
	}
	line := l.of(m.raw)
	if endsHead(line, m.raw[l.end:]) {
		s.commit(d, m)
		s.eat = s.lfcr && len(line) == 2
		if s.state == stTrailer {
			p.bodyEnd(d, s)
			return true
		}
		m.head.end = l.end
		p.headEnd(d, s, m)
		return true
	}
	s.lfcr = false
	p.headerLine(d, s, m, span{l.off, l.off + len(chomp(line))})
	return false
}

// endsHead reports whether line is the empty one; a blank and LF counts when
// no LF follows.
func endsHead(line, rest []byte) bool {
	switch len(line) {
	case 1:
		return line[0] == '\n' || line[0] == '\r'
	case 2:
		if line[0] == '\r' {
			return line[1] == '\n'
		}
		return isBlank(line[0]) && line[1] == '\n' && (len(rest) == 0 || rest[0] != '\n')
	}
	return false
}

// headerLine takes one header line. It is kept until the next one shows that
// it is not continued (obs-fold, RFC 9112 §5.2).
func (p *parser) headerLine(d proto.Dir, s *side, m *message, l span) {
	line := l.of(m.raw)
	if len(line) == 0 {
		return
	}
	if !isFold(line[0]) {
		s.commit(d, m)
		s.pend, s.has, s.folded = l, true, false
		return
	}
	if !s.has {
		s.cur.Events.Add(either(d, evReqFolding, evResFolding))
		for len(line) > 0 && isFold(line[0]) {
			line = line[1:]
		}
		s.pend, s.has, s.folded = span{l.end - len(line), l.end}, true, false
		return
	}
	if m.minor == 11 && bytes.IndexByte(line, ':') >= 0 && bytes.IndexByte(s.pending(m), ':') >= 0 {
		// A header of its own that hides behind a blank.
		s.cur.Events.Add(either(d, evReqFolding, evResFolding))
		s.commit(d, m)
		s.pend, s.has, s.folded = span{l.off + 1, l.end}, true, false
		return
	}
	if !s.folded {
		s.fold = append(s.fold[:0], s.pend.of(m.raw)...)
		s.folded = true
	}
	s.fold = append(s.fold, line...)
}

// pending is the header line that waits for its continuation.
func (s *side) pending(m *message) []byte {
	if s.folded {
		return s.fold
	}
	return s.pend.of(m.raw)
}

// commit keeps the pending header line.
func (s *side) commit(d proto.Dir, m *message) {
	if !s.has {
		return
	}
	s.has = false
	if line := s.pending(m); len(trimSpace(line)) > 0 {
		m.addHeader(s.cur, d, line)
	}
}

// headEnd is called once the header block is whole.
func (p *parser) headEnd(d proto.Dir, s *side, m *message) {
	s.base = len(m.raw)
	if d == proto.ToServer {
		p.requestHeaders(s, m)
		return
	}
	p.responseHeaders(s, m)
}

// endOfStream takes what is left in a head when the stream ends.
func (p *parser) endOfStream(d proto.Dir, s *side) {
	m := &s.cur.msg[d]
	switch s.state {
	case stLine, stHeaders, stTrailer:
		ended := p.lines(d, s, m, true)
		if !ended && s.cur != nil && s.state != stLine {
			s.commit(d, m)
			if s.state == stHeaders {
				m.head.end = len(m.raw)
				s.cur.headersKnown(d)
			}
		}
	case stChunkSize:
		p.chunkLineEnd(d, s, true)
	case stBodyStart:
	}
}
