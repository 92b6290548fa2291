package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Gap implements proto.Parser.
func (p *parser) Gap(d proto.Dir, n int) bool {
	s := &p.side[d]
	if p.stop[d] {
		return false
	}
	if d == proto.ToClient {
		p.heard, p.owed = true, 0 // how many of them were lost is not known
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
		form := d == proto.ToServer && s.cur.multi.active
		if b := &s.cur.msg[d].body; !b.noted && !form {
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
		if line := findStart(d, s.line); line != nil {
			if !p.resume(d, s, line) {
				s.line = s.line[:len(s.line)-1]
				return i // the line end is offered again
			}
			return i + 1
		}
		s.line = s.line[:0]
	}
	return len(b)
}

// findStart returns the start line in line, nil when there is none. A status
// line counts anywhere in it: what a gap tore off need not end in LF.
func findStart(d proto.Dir, line []byte) []byte {
	if line[len(line)-1] != '\n' {
		return nil
	}
	if d == proto.ToServer {
		if probeLine(line) == proto.Accept {
			return line
		}
		return nil
	}
	for {
		i := bytes.Index(line, []byte("HTTP/1."))
		if i < 0 {
			return nil
		}
		line = line[i:]
		if len(line) > 12 && isDigit(line[7]) && line[8] == ' ' && isDigit(line[9]) && isDigit(line[10]) && isDigit(line[11]) {
			return line
		}
		line = line[1:]
	}
}

// resume starts a message with the line that sync found; false when there is
// no transaction for it.
func (p *parser) resume(d proto.Dir, s *side, line []byte) bool {
	line = append(p.scratch[:0], line...)
	p.scratch = line
	if !p.begin(d, s) {
		return false
	}
	for len(line) > 0 && !p.stop[d] {
		n, more := p.step(d, s, line)
		if !more {
			break
		}
		line = line[n:]
	}
	return true
}
