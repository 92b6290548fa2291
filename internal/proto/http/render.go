package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// fresh returns cache i emptied and marks it built; ok is false when it was.
func (m *message) fresh(i int) (buf []byte, ok bool) {
	if m.cached&(1<<i) != 0 {
		return m.cache[i], false
	}
	m.cached |= 1 << i
	return m.cache[i][:0], true
}

// all is every header as "Name: value" and CR LF, repetitions joined.
func (m *message) all() []byte {
	b, ok := m.fresh(cNorm)
	if !ok {
		return b
	}
	m.starts = m.starts[:0]
	for i := range m.headers {
		if !m.headers[i].again {
			m.starts = append(m.starts, len(b))
			b = m.appendHeader(b, i)
			n := len(m.headers[i].name.of(m.text))
			m.headers[i].whole = span{m.starts[len(m.starts)-1] + n + 2, len(b) - 2}
		}
	}
	m.cache[cNorm] = b
	return b
}

func (m *message) appendHeader(b []byte, i int) []byte {
	b = append(b, m.headers[i].name.of(m.text)...)
	b = append(b, ": "...)
	b = m.appendJoined(b, i)
	return append(b, "\r\n"...)
}

// isCookie reports whether header id has a buffer of its own instead.
func isCookie(d proto.Dir, id uint8) bool {
	return id == hCookie && d == proto.ToServer || id == hSetCookie && d == proto.ToClient
}

// normal is http.header: every header but cookies.
func (m *message) normal(d proto.Dir) []byte {
	if m.index[either(d, hCookie, hSetCookie)] == 0 {
		return m.all()
	}
	b, ok := m.fresh(cHeader)
	if !ok {
		return b
	}
	for i := range m.headers {
		if h := &m.headers[i]; !h.again && !isCookie(d, h.id) {
			b = m.appendHeader(b, i)
		}
	}
	m.cache[cHeader] = b
	return b
}

// names is http.header_names: each name once, between CR LF.
func (m *message) names(proto.Dir) []byte {
	b, ok := m.fresh(cNames)
	if !ok {
		return b
	}
	if len(m.headers) > 0 {
		b = append(b, "\r\n"...)
		for i := range m.headers {
			if h := &m.headers[i]; !h.again {
				b = append(b, h.name.of(m.text)...)
				b = append(b, "\r\n"...)
			}
		}
		b = append(b, "\r\n"...)
	}
	m.cache[cNames] = b
	return b
}

// start is http.start: the start line and all headers.
func (m *message) start(proto.Dir) []byte {
	b, ok := m.fresh(cStart)
	if !ok {
		return b
	}
	if m.line.end == 0 {
		m.cache[cStart] = b
		return b
	}
	b = append(b, m.line.of(m.raw)...)
	b = append(b, "\r\n"...)
	b = append(b, m.all()...)
	b = append(b, "\r\n"...)
	m.cache[cStart] = b
	return b
}

// one is the i-th header as "Name: value".
func (m *message) one(_ proto.Dir, i int) ([]byte, bool) {
	b := m.all()
	if i >= len(m.starts) {
		return nil, false
	}
	end := len(b)
	if i+1 < len(m.starts) {
		end = m.starts[i+1]
	}
	return b[m.starts[i] : end-2], true
}

// fileData is the content of the i-th file that a request carries.
func (t *tx) fileData(i int) ([]byte, bool) {
	b := &t.msg[0].body
	if t.multi.active {
		return t.multi.part(b, i)
	}
	if i != 0 {
		return nil, false
	}
	return b.view()
}

// file is the i-th file of direction d; one without name and bytes when there is
// none.
func (t *tx) file(d proto.Dir, i int) *proto.File {
	for _, f := range t.Files {
		if f.Dir != d {
			continue
		}
		if i == 0 {
			return f
		}
		i--
	}
	return &proto.File{}
}
