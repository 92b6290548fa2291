package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// authority is a parsed host[:port].
type authority struct {
	host    []byte
	port    int // -1 when not given
	badPort bool
}

// parseAuthority splits "user@host:port"; IPv6 addresses stand in brackets.
func parseAuthority(b []byte) authority {
	a := authority{port: -1}
	if i := bytes.LastIndexByte(b, '@'); i >= 0 {
		b = b[i+1:]
	}
	b = trimSpace(b)
	rest := []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 0 {
			a.host = b
			return a
		}
		a.host, rest = b[:i+1], b[i+1:]
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		a.host, rest = trimSpace(b[:i]), b[i:]
	} else {
		a.host = b
	}
	if len(rest) == 0 {
		return a
	}
	digits := trimSpace(rest[1:])
	v, n := parseUint(digits)
	if rest[0] != ':' || n == 0 || n != len(digits) || v == 0 || v > 65535 {
		a.badPort = true
		return a
	}
	a.port = int(v)
	return a
}

// validHost reports whether h is a name or address that a URI may hold
// (RFC 3986 §3.2.2; underscores occur).
func validHost(h []byte) bool {
	if len(h) == 0 || len(h) > 255 {
		return false
	}
	if h[0] == '[' {
		if len(h) <= 3 || h[len(h)-1] != ']' {
			return false
		}
		for _, c := range h[1 : len(h)-1] {
			if hexVal(c) < 0 && c != ':' && c != '.' && c != '%' {
				return false
			}
		}
		return true
	}
	label := 0
	for i, c := range h {
		if c == '.' {
			if label == 0 && i != len(h)-1 {
				return false
			}
			label = 0
			continue
		}
		if label++; label > 63 || !isToken(c) && c < 0x80 {
			return false
		}
	}
	return true
}

// findHost sets the transaction's host from the URI or the Host header; the
// URI wins (RFC 9112 §3.2.2).
func (t *tx) findHost() {
	m := &t.msg[0]
	src := t.target.host.of(m.raw)
	if len(src) == 0 {
		src = m.value(hHost)
	}
	a := parseAuthority(src)
	t.hostName = t.hostName[:0]
	for _, c := range a.host {
		t.hostName = append(t.hostName, lower(c))
	}
	for n := len(t.hostName); n > 1 && t.hostName[n-1] == '.'; n-- {
		t.hostName = t.hostName[:n-1]
	}
	t.port = a.port
}

// checkHost sets the events on missing, doubled and malformed hosts.
func (t *tx) checkHost() {
	m := &t.msg[0]
	inURI := t.target.host.of(m.raw)
	if len(inURI) > 0 {
		a := parseAuthority(inURI)
		if !validHost(a.host) {
			t.Events.Add(evURIHost)
		}
		if a.badPort {
			t.Events.Add(either(proto.Dir(b2i(!t.target.isAuthority)), evAuthorityPort, evServerPort))
		}
	}
	if !m.has(hHost) {
		if m.minor == 11 {
			t.Events.Add(evNoHost)
		}
		return
	}
	h := parseAuthority(m.value(hHost))
	if !validHost(h.host) || h.badPort {
		t.Events.Add(evHeaderHost)
	}
	if len(inURI) > 0 {
		a := parseAuthority(inURI)
		if !bytes.EqualFold(a.host, h.host) || a.port >= 0 && h.port >= 0 && a.port != h.port {
			t.Events.Add(evHostAmbiguous)
		}
	}
	if m.headers[m.index[hHost]-1].next != 0 {
		t.Events.Add(evHostAmbiguous)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
