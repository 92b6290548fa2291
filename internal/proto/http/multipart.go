package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Bounds of a multipart body (RFC 2046 §5.1; a boundary has at most 70 bytes).
const (
	maxBoundary   = 200
	maxPartHeader = 4 << 10
)

type partState uint8

const (
	partPreamble partState = iota // before the first boundary
	partDelim                     // the rest of a boundary line
	partHeader                    // header lines of a part
	partData                      // its content
	partEnd                       // after the last boundary
)

// multipart finds the files of an uploaded form as its bytes go by.
type multipart struct {
	active bool
	state  partState
	delim  []byte // LF "--" boundary
	buf    []byte // what is not decided yet
	scan   int    // how far buf was searched
	pos    uint64 // of buf's start in the body
	name   []byte // of the current part's file
	isFile bool
	any    bool // the current part has content
	head   int  // header bytes of the current part
	file   *proto.File
	parts  []partSpan
}

// partSpan is one file's place in the body.
type partSpan struct {
	off, end uint64
	open     bool
}

func (m *multipart) reset() {
	*m = multipart{delim: m.delim[:0], buf: m.buf[:0], name: m.name[:0], parts: m.parts[:0]}
}

// setUp looks whether the request's body is multipart.
func (m *multipart) setUp(t *tx) {
	v := t.msg[0].value(hContentType)
	if len(v) < 10 || !equalFold(v[:10], "multipart/") {
		return
	}
	b := boundary(v)
	if len(b) == 0 || len(b) > maxBoundary {
		t.Events.Add(evMultipart)
		return
	}
	m.active = true
	m.delim = append(m.delim[:0], "\n--"...)
	m.delim = append(m.delim, b...)
	m.buf = append(m.buf[:0], '\n') // the first boundary needs no line before it
	m.pos = ^uint64(0)              // that LF is not in the body
}

// boundary is the boundary parameter of a Content-Type value.
func boundary(v []byte) []byte {
	for len(v) > 0 {
		i := bytes.IndexByte(v, ';')
		if i < 0 {
			return nil
		}
		v = trimLeft(v[i+1:])
		if len(v) > 9 && equalFold(v[:8], "boundary") {
			if rest := trimLeft(v[8:]); len(rest) > 0 && rest[0] == '=' {
				return unquote(trimLeft(rest[1:]))
			}
		}
	}
	return nil
}

// feed takes the next bytes of the body.
func (m *multipart) feed(t *tx, b []byte) {
	if m.state == partEnd {
		return
	}
	m.buf = append(m.buf, b...)
	used := 0
	for {
		n := m.step(t, m.buf[used:])
		if n == 0 {
			break
		}
		used += n
		m.scan = 0
		m.pos += uint64(n)
	}
	m.buf = append(m.buf[:0], m.buf[used:]...)
}

// step decides on the start of b and returns how much of it, 0 for too little.
func (m *multipart) step(t *tx, b []byte) int {
	switch m.state {
	case partPreamble, partData:
		return m.content(t, b)
	case partDelim, partHeader:
		i := bytes.IndexByte(b[m.scan:], '\n')
		if i >= 0 {
			i += m.scan + 1
			m.line(t, chomp(b[:i]), m.pos+uint64(i))
			return i
		}
		m.scan = len(b)
		if m.state == partDelim && len(b) >= 2 && b[0] == '-' && b[1] == '-' {
			m.state = partEnd
			return len(b)
		}
		if len(b) > maxPartHeader {
			t.Events.Add(evMultipartHeader)
			m.line(t, nil, m.pos+uint64(len(b)))
			return len(b)
		}
		return 0
	}
	return len(b)
}

// lost notes that n bytes of the body are missing. What was not decided yet is
// content; a part whose head is torn is passed over.
func (m *multipart) lost(n int) {
	switch m.state {
	case partEnd:
		return
	case partData:
		m.emit(m.buf)
		if m.file != nil {
			m.any = true
			m.file.Gap(n)
		}
	default:
		m.state = partPreamble
	}
	m.pos += uint64(len(m.buf))
	m.buf, m.scan = m.buf[:0], 0
}

// content passes on the bytes before the next boundary.
func (m *multipart) content(t *tx, b []byte) int {
	i := m.find(b)
	if i < 0 {
		// Keep what may begin a boundary: CR, the delimiter, two bytes more.
		n := len(b) - len(m.delim) - 2
		if n <= 0 {
			return 0
		}
		m.emit(b[:n])
		return n
	}
	data := b[:i]
	if i > 0 && data[i-1] == '\r' {
		data = data[:i-1]
	}
	m.emit(data)
	m.closePart(t, m.pos+uint64(len(data)), false)
	m.state = partDelim
	return i + len(m.delim)
}

// find returns where the next boundary begins, -1 when there is none yet. The
// delimiter must be followed by the line's end, blanks or "--"; otherwise it is
// the start of a longer word.
func (m *multipart) find(b []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], m.delim)
		if i < 0 {
			return -1
		}
		i += from
		rest := b[i+len(m.delim):]
		switch {
		case len(rest) == 0:
			return -1
		case isSpace(rest[0]):
			return i
		case rest[0] == '-' && len(rest) == 1:
			return -1
		case rest[0] == '-' && rest[1] == '-':
			return i
		}
		from = i + 1
	}
}

func (m *multipart) emit(b []byte) {
	if m.state != partData || len(b) == 0 {
		return
	}
	m.any = true
	if m.file != nil {
		m.file.Append(b)
	}
}

// line takes the rest of a boundary line or a part's header line; next is
// where the body goes on.
func (m *multipart) line(t *tx, line []byte, next uint64) {
	if m.state == partDelim {
		if len(line) >= 2 && line[0] == '-' && line[1] == '-' {
			m.state = partEnd
			return
		}
		m.state, m.isFile, m.any, m.head = partHeader, false, false, 0
		m.name = m.name[:0]
		return
	}
	if len(line) == 0 {
		m.openPart(t, next)
		return
	}
	if m.head += len(line); m.head > maxPartHeader {
		t.Events.Add(evMultipartHeader)
		return
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		t.Events.Add(evMultipartHeader)
		return
	}
	if equalLoose(trimSpace(line[:colon]), "content-disposition") {
		if name := dispositionName(line[colon+1:]); name != nil {
			m.isFile = true
			m.name = append(m.name[:0], name...)
		}
	}
}

// openPart begins a part's content. Every part with a file name is a file,
// unless the name is empty: a form's unused file field.
func (m *multipart) openPart(t *tx, pos uint64) {
	m.state = partData
	if !m.isFile || len(m.name) == 0 {
		return
	}
	if m.file = t.newFile(proto.ToServer, m.name); m.file != nil {
		m.parts = append(m.parts, partSpan{off: pos, open: true})
	}
}

func (m *multipart) closePart(t *tx, end uint64, cut bool) {
	if m.file == nil {
		return
	}
	if !m.any {
		t.Events.Add(evMultipartNoFile)
	}
	m.file.Close(cut)
	m.file = nil
	p := &m.parts[len(m.parts)-1]
	p.end, p.open = end, false
}

// finish ends the body: an open part is cut short.
func (m *multipart) finish(t *tx, cut bool) {
	if m.state == partData {
		m.emit(m.buf)
		m.closePart(t, m.pos+uint64(len(m.buf)), true)
	}
	if m.state != partEnd && !cut && len(m.parts) > 0 {
		t.Events.Add(evMultipart)
	}
	m.state = partEnd
}

// part is what is kept in b of the i-th file.
func (m *multipart) part(b *body, i int) ([]byte, bool) {
	if i >= len(m.parts) {
		return nil, false
	}
	s := m.parts[i]
	end := s.end
	if s.open {
		end = m.pos
	}
	off := min(s.off, uint64(len(b.data)))
	end = max(off, min(end, uint64(len(b.data))))
	v := b.data[off:end]
	return v, len(v) > 0 && (!s.open || b.whole || b.full || len(v) >= minInspect)
}
