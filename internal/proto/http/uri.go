package http

import "bytes"

// target is the request target, split (RFC 3986 §3); spans are in the
// request's raw bytes.
type target struct {
	host        span // authority, port included
	path        span
	query       span // without '?'
	fragment    span // without '#'
	hasQuery    bool
	hasFragment bool
	isAuthority bool // CONNECT host:port
}

// parseTarget splits the URI and builds its normalised form.
func (t *tx) parseTarget() {
	m := &t.msg[0]
	raw := m.raw
	i, end := t.uri.off, t.uri.end
	g := &t.target
	*g = target{}
	if equalFold(t.methodBytes(), "CONNECT") && i < end && raw[i] != '/' {
		g.isAuthority = true
		g.host = span{i, end}
	} else if n := schemeLen(raw[i:end]); n > 0 {
		i += n
		stop := i
		for stop < end && raw[stop] != '/' && raw[stop] != '?' && raw[stop] != '#' {
			stop++
		}
		g.host = span{i, stop}
		i = stop
	}
	if g.isAuthority {
		i = end
	}
	g.fragment = span{end, end}
	if n := bytes.IndexByte(raw[i:end], '#'); n >= 0 {
		g.hasFragment = true
		g.fragment = span{i + n + 1, end}
		end = i + n
	}
	g.query = span{end, end}
	if n := bytes.IndexByte(raw[i:end], '?'); n >= 0 {
		g.hasQuery = true
		g.query = span{i + n + 1, end}
		end = i + n
	}
	g.path = span{i, end}
	t.normalise()
}

// schemeLen returns the length of "scheme://" at the start of b, 0 without.
func schemeLen(b []byte) int {
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':' && i+2 < len(b) && b[i+1] == '/' && b[i+2] == '/':
			return i + 3
		default:
			return 0
		}
	}
	return 0
}

// normalise builds the normalised URI: path decoded, its separators and dot
// segments reduced; query decoded once; host left out, as Suricata does by
// default.
func (t *tx) normalise() {
	raw, g := t.msg[0].raw, &t.target
	if g.isAuthority {
		t.norm = append(t.norm[:0], g.host.of(raw)...)
		t.pathLen = len(t.norm)
		return
	}
	t.norm = t.norm[:0]
	start := 0
	t.norm = decodePercent(t.norm, g.path.of(raw), true)
	t.norm = reducePath(t.norm[:start], t.norm[start:])
	t.pathLen = len(t.norm)
	if doubled(t.norm) {
		t.Events.Add(evDoubleEncoded)
	}
	if g.hasQuery {
		t.norm = append(t.norm, '?')
		t.norm = decodePercent(t.norm, g.query.of(raw), false)
	}
	if g.hasFragment {
		t.norm = append(t.norm, '#')
		t.norm = append(t.norm, g.fragment.of(raw)...)
	}
}

// doubled reports whether b, decoded once, still holds an escape.
func doubled(b []byte) bool {
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' && hexVal(b[i+1]) >= 0 && hexVal(b[i+2]) >= 0 {
			return true
		}
	}
	return false
}

// decodePercent appends b with %xx and %uxxxx decoded; what is no escape stays.
// In a path, overlong UTF-8 is reduced as well: some servers do.
func decodePercent(dst, b []byte, path bool) []byte {
	start := len(dst)
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' {
			if v, n := escape(b[i:]); n > 0 {
				dst = append(dst, v)
				i += n - 1
				continue
			}
		}
		dst = append(dst, c)
	}
	if path {
		return append(dst[:start], foldOverlong(dst[start:])...)
	}
	return dst
}

// escape decodes the escape at the start of b and returns its length, 0 when
// it is none.
func escape(b []byte) (byte, int) {
	if len(b) >= 3 {
		hi, lo := hexVal(b[1]), hexVal(b[2])
		if hi >= 0 && lo >= 0 {
			return byte(hi<<4 | lo), 3
		}
	}
	if len(b) < 6 || lower(b[1]) != 'u' {
		return 0, 0
	}
	v := 0
	for _, c := range b[2:6] {
		h := hexVal(c)
		if h < 0 {
			return 0, 0
		}
		v = v<<4 | h
	}
	return bestFit(v), 6
}

// bestFit maps a code point to the byte that a server of one-byte strings
// makes of it.
func bestFit(v int) byte {
	switch {
	case v < 0x100:
		return byte(v)
	case v >= 0xff01 && v <= 0xff5e: // full-width forms
		return byte(v - 0xff01 + '!')
	case v == 0x2044 || v == 0x2215:
		return '/'
	case v == 0x2216:
		return '\\'
	}
	return '?'
}

// foldOverlong rewrites two- and three-byte UTF-8 that stands for ASCII, in
// place.
func foldOverlong(b []byte) []byte {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c&0xfe == 0xc0 && i+1 < len(b) && b[i+1]&0xc0 == 0x80:
			c = c<<6 | b[i+1]&0x3f
			i++
		case c == 0xe0 && i+2 < len(b) && b[i+1]&0xfe == 0x80 && b[i+2]&0xc0 == 0x80:
			c = b[i+1]<<6 | b[i+2]&0x3f
			i += 2
		}
		b[n] = c
		n++
	}
	return b[:n]
}

// reducePath appends path with backslashes turned, runs of slashes joined and
// dot segments removed (RFC 3986 §5.2.4). path may lie right behind dst.
func reducePath(dst, path []byte) []byte {
	root := len(dst)
	for i := 0; i < len(path); {
		c := path[i]
		if c != '/' && c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		for i < len(path) && (path[i] == '/' || path[i] == '\\') {
			i++
		}
		seg := segment(path[i:])
		switch string(seg) {
		case ".":
			i++
			if i == len(path) {
				dst = append(dst, '/')
			}
		case "..":
			i += 2
			if j := bytes.LastIndexByte(dst[root:], '/'); j >= 0 {
				dst = dst[:root+j]
			}
			if i == len(path) {
				dst = append(dst, '/')
			}
		default:
			dst = append(dst, '/')
		}
	}
	return dst
}

// segment is the path segment at the start of b, cut after three bytes: enough
// to know the dot segments.
func segment(b []byte) []byte {
	n := 0
	for n < len(b) && n < 3 && b[n] != '/' && b[n] != '\\' {
		n++
	}
	return b[:n]
}

// path is the normalised path, without query.
func (t *tx) path() []byte {
	return t.norm[:t.pathLen]
}
