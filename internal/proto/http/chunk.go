package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Bounds of a chunk size line.
const (
	maxChunkLine = 1 << 10 // what is kept of one; extensions beyond are skipped
	chunkProbe   = 8       // bytes after which junk is no chunk size any more
	maxChunk     = 1<<31 - 1
)

// isChunkCtl reports whether c may stand before or after a chunk size.
func isChunkCtl(c byte) bool { return isSpace(c) }

// chunkSize collects a chunk size line (RFC 9112 §7.1). A line that can't be
// one means that the body is not chunked after all.
func (p *parser) chunkSize(d proto.Dir, s *side, b []byte) int {
	for i, c := range b {
		if c == '\n' {
			if !s.skip {
				s.line = append(s.line, c)
			}
			s.cur.msg[d].body.wire++
			p.chunkLineEnd(d, s, false)
			return i + 1
		}
		s.cur.msg[d].body.wire++
		if s.skip {
			continue
		}
		s.line = append(s.line, c)
		if len(s.line) >= maxChunkLine {
			s.skip = true
		}
		if d == proto.ToClient && len(s.line) == chunkProbe && !chunkLike(s.line) {
			p.chunkLineEnd(d, s, false)
			return i + 1
		}
	}
	return len(b)
}

// chunkLike reports whether line may begin with a chunk size.
func chunkLike(line []byte) bool {
	for _, c := range line {
		if !isChunkCtl(c) {
			return hexVal(c) >= 0
		}
	}
	return true
}

// parseChunk reads a chunk size line: n digits were found, ext says whether an
// extension follows. Endpoints skip blanks before and junk after the digits.
func parseChunk(line []byte) (size uint64, n int, ext, empty bool) {
	for len(line) > 0 && isChunkCtl(line[0]) {
		line = line[1:]
	}
	if len(line) == 0 {
		return 0, 0, false, true
	}
	for n < len(line) && hexVal(line[n]) >= 0 {
		if size <= maxChunk {
			size = size<<4 | uint64(hexVal(line[n]))
		}
		n++
	}
	for _, c := range line[n:] {
		if c == ';' {
			ext = true
		}
	}
	return min(size, maxChunk), n, ext, false
}

// chunkLineEnd acts on the collected line; end says that the stream ended.
func (p *parser) chunkLineEnd(d proto.Dir, s *side, end bool) {
	t := s.cur
	size, n, ext, empty := parseChunk(s.line)
	if empty {
		s.line, s.skip = s.line[:0], false
		return
	}
	if ext && d == proto.ToServer {
		t.Events.Add(evReqChunkExt)
	}
	if n == 0 {
		// Not chunked: browsers show the bytes as they are.
		t.Events.Add(either(d, evReqChunkLen, evResChunkLen))
		s.state = stClose
		p.bodyBytes(d, s, s.line, 0)
		s.line, s.skip = s.line[:0], false
		return
	}
	s.line, s.skip = s.line[:0], false
	if size > 0 {
		s.left = size
		s.state = stChunkData
		return
	}
	if end {
		p.bodyEnd(d, s)
		return
	}
	m := &t.msg[d]
	s.base = len(m.raw)
	s.pos, s.scan = s.base, s.base
	s.bareLF, s.lfcr, s.has = false, false, false
	s.state = stTrailer
}

// chunkEnd skips to the end of the line after chunk data.
func (p *parser) chunkEnd(d proto.Dir, s *side, b []byte) int {
	for i, c := range b {
		s.cur.msg[d].body.wire++
		if c == '\n' {
			s.state = stChunkSize
			return i + 1
		}
	}
	return len(b)
}
