package http

import "bytes"

// stars stand in a record for what was masked.
const stars = "***"

// appendMasked appends a URL as sent, but for its secrets: userinfo (RFC 3986
// §3.2.1) wherever one may stand, also in a URL inside it, and the values of
// parameters with well-known names. Names and separators count with one level
// of percent-encoding taken off. It is linear, and appends at most three times
// the bytes of v.
func appendMasked(dst, v []byte) []byte {
	i := leadingUserinfo(v)
	if i > 0 {
		from := authorityStart(v)
		dst = append(append(dst, v[:from]...), stars...)
	}
	var name paramName
	var last, prev byte
	for i < len(v) {
		c, n := decoded(v[i:])
		dst = append(dst, v[i:i+n]...)
		i += n
		end := i
		switch {
		case c == '=' && name.secret():
			end = valueEnd(v, i, n > 1)
		case isSlash(c) && isSlash(last) && (prev == ':' || prev == '='):
			end = userinfoEnd(v, i)
		}
		if end > i {
			dst = append(dst, stars...)
			i = end
		}
		name.add(c)
		prev, last = last, c
	}
	return dst
}

func isSlash(c byte) bool { return c == '/' || c == '\\' }

// decoded returns the first character of b and how many bytes spell it.
func decoded(b []byte) (c byte, n int) {
	if b[0] == '%' && len(b) >= 3 {
		if hi, lo := hexVal(b[1]), hexVal(b[2]); hi >= 0 && lo >= 0 {
			return byte(hi<<4 | lo), 3
		}
	}
	return b[0], 1
}

// authorityStart returns where the authority of v begins: behind a scheme and
// its slashes, of which clients take any number and either kind.
func authorityStart(v []byte) int {
	i := 0
	for i < len(v) && (lower(v[i]) >= 'a' && lower(v[i]) <= 'z' || i > 0 && (isDigit(v[i]) || v[i] == '+' || v[i] == '-' || v[i] == '.')) {
		i++
	}
	if i == 0 || i+1 >= len(v) || v[i] != ':' || !isSlash(v[i+1]) {
		i = 0
	} else {
		i++
	}
	for i < len(v) && isSlash(v[i]) {
		i++
	}
	return i
}

// leadingUserinfo returns the place of the '@' behind the userinfo that v
// begins with, 0 without one. A path has none.
func leadingUserinfo(v []byte) int {
	from := authorityStart(v)
	if from == 1 {
		return 0
	}
	head := v[from:]
	if n := bytes.IndexAny(head, "?#"); n >= 0 {
		head = head[:n]
	}
	first := head
	if n := bytes.IndexAny(head, `/\`); n >= 0 {
		first = head[:n]
	}
	at := bytes.LastIndexByte(first, '@')
	if n := bytes.IndexByte(first, ':'); at < 0 && n >= 0 && first[0] != '[' {
		// What follows is no port: a password with a slash in it.
		if _, digits := parseUint(first[n+1:]); n+1+digits < len(first) {
			at = bytes.LastIndexByte(head, '@')
		}
	}
	if at <= 0 {
		return 0
	}
	return from + at
}

// userinfoEnd returns the place of the last '@' in the authority that begins at
// from inside another URL; from without one.
func userinfoEnd(v []byte, from int) int {
	end := from
	for i := from; i < len(v); {
		c, n := decoded(v[i:])
		switch c {
		case '@':
			end = i
		case '/', '\\', '?', '#', '&':
			return end
		}
		i += n
	}
	return end
}

// valueEnd returns where a parameter's value ends. A parameter of a URL that
// stands encoded in another ends at encoded separators, too.
func valueEnd(v []byte, i int, encoded bool) int {
	for i < len(v) {
		c, n := decoded(v[i:])
		if (c == '&' || c == '#') && (n == 1 || encoded) {
			return i
		}
		i += n
	}
	return i
}

// paramName gathers the name of a parameter: lower case, '-' as '_', of
// "user[password]" the part in brackets.
type paramName struct {
	b    [24]byte
	n    int
	open bool // behind a separator
}

func (p *paramName) add(c byte) {
	switch c {
	case '?', '&', '#', ';':
		p.n, p.open = 0, true
		return
	case '=':
		p.open = false
	case '[':
		p.n = 0
		return
	case ']':
		return
	case ' ', '+':
		if p.n == 0 {
			return // servers trim names
		}
	case '-':
		c = '_'
	}
	if p.open && p.n < len(p.b) {
		p.b[p.n] = lower(c)
		p.n++
	}
}

// secret reports whether the values of the parameter are secrets. docs/eve.md
// lists the names.
func (p *paramName) secret() bool {
	if !p.open {
		return false
	}
	switch string(p.b[:p.n]) {
	case "password", "passwd", "pwd", "pass", "passphrase", "token", "access_token",
		"id_token", "refresh_token", "auth_token", "client_secret", "client_assertion",
		"secret", "api_key", "apikey", "signature", "sig",
		"x_amz_signature", "x_amz_security_token", "x_goog_signature":
		return true
	}
	return false
}
