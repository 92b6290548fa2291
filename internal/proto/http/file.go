package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// newFile adds a file to the transaction, using an old one's memory. It
// returns nil when there are too many.
func (t *tx) newFile(d proto.Dir, name []byte) *proto.File {
	n := len(t.Files)
	if n >= proto.MaxFiles {
		return nil
	}
	if len(name) > proto.MaxFileName {
		t.Events.Add(evFileName)
	}
	if n < cap(t.Files) {
		t.Files = t.Files[:n+1]
	} else {
		t.Files = append(t.Files, nil)
	}
	if t.Files[n] == nil {
		t.Files[n] = &proto.File{}
	}
	f := t.Files[n]
	f.Open(d, name, t.ID, *t.p.cfg.hashes)
	t.msg[d].files++
	return f
}

// openBodyFile opens the file that the body of direction d is: every response
// body, and what is PUT or POSTed.
func (t *tx) openBodyFile(d proto.Dir) {
	m := &t.msg[d]
	if d == proto.ToServer && !equalFold(t.methodBytes(), "POST") && !equalFold(t.methodBytes(), "PUT") {
		return
	}
	name := dispositionName(m.value(hContentDisposition))
	if len(name) == 0 {
		name = t.path()
	}
	f := t.newFile(d, name)
	if f == nil {
		return
	}
	m.body.file = f
	if d == proto.ToClient && m.has(hContentRange) {
		t.setRange(f, m.value(hContentRange))
	}
}

// dispositionName is the filename parameter of a Content-Disposition value
// (RFC 6266), without quotes.
func dispositionName(v []byte) []byte {
	for len(v) > 0 {
		i := bytes.IndexByte(v, ';')
		if i < 0 {
			return nil
		}
		v = trimLeft(v[i+1:])
		if len(v) > 9 && equalFold(v[:8], "filename") {
			rest := trimLeft(v[8:])
			if len(rest) > 0 && rest[0] == '=' {
				return unquote(trimLeft(rest[1:]))
			}
		}
	}
	return nil
}

// unquote is a parameter's value: up to the closing quote, or to a blank or
// semicolon when it has none.
func unquote(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	if q := v[0]; q == '"' || q == '\'' {
		v = v[1:]
		if i := bytes.IndexByte(v, q); i >= 0 {
			return v[:i]
		}
		return v
	}
	for i, c := range v {
		if c == ';' || isSpace(c) {
			return v[:i]
		}
	}
	return v
}
