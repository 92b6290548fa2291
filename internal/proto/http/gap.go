package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Gap implements proto.Parser.
func (p *parser) Gap(d proto.Dir, n int) bool {
	s := &p.side[d]
	if p.stop[d] {
		return false
	}
	if d == proto.ToClient {
		p.heard = true
	}
	switch s.state {
	case stIgnore:
		return true
	case stClose:
		s.cur.msg[d].body.lost(s.cur, n)
		return true
	case stLength, stChunkData:
		k := int(min(uint64(n), s.left))
		s.left -= uint64(k)
		s.cur.advance(d, progBody)
		if b := &s.cur.msg[d].body; !b.noted {
			b.noted = true
			s.cur.openBodyFile(d)
		}
		s.cur.msg[d].body.lost(s.cur, k)
		if s.left > 0 {
			return true
		}
		if k == n && s.state == stChunkData {
			s.state = stChunkEnd
			return true
		}
		if k == n {
			p.bodyEnd(d, s)
			p.complete(d)
			return true
		}
	}
	p.unsync(d, s)
	return true
}

// unsync gives up the current message and looks for the next one.
func (p *parser) unsync(d proto.Dir, s *side) {
	if t := s.cur; t != nil {
		whole := s.state == stFinal || s.state == stLength && s.left == 0
		if m := &t.msg[d]; s.state == stHeaders {
			s.commit(d, m)
			m.head.end = len(m.raw)
			t.headersKnown(d)
		}
		t.finish(d, !whole)
		p.settle(t)
	}
	line := s.line[:0]
	*s = side{state: stSync, line: line, fold: s.fold[:0]}
}

// maxSyncLine bounds what is kept of a line while looking for a start line.
const maxSyncLine = 8 << 10

// sync skips lines until one looks like the start of a message; the gap's end
// counts as the start of a line.
func (p *parser) sync(d proto.Dir, s *side, b []byte) int {
	for i, c := range b {
		if len(s.line) < maxSyncLine {
			s.line = append(s.line, c)
		}
		if c != '\n' {
			continue
		}
		if startsMessage(d, s.line) {
			p.resume(d, s)
			return i + 1
		}
		s.line = s.line[:0]
	}
	return len(b)
}

func startsMessage(d proto.Dir, line []byte) bool {
	if d == proto.ToServer {
		return probeLine(line) == proto.Accept
	}
	return probeStatus(line) == proto.Accept && line[len(line)-1] == '\n'
}

// resume starts a message with the line that sync found.
func (p *parser) resume(d proto.Dir, s *side) {
	line := append(p.scratch[:0], s.line...)
	p.scratch = line
	if !p.begin(d, s) {
		p.stop[d] = true
		return
	}
	p.headBytes(d, s, line)
}
