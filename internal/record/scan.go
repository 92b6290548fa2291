package record

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"time"
	"unicode/utf8"
	"unsafe"
)

// scanner reads an EVE line as its encoder writes it into a wire. It knows a
// part of JSON's ways: where a line goes others (nulls, fractions, a key twice
// that holds a list, capitals in a key), or is no JSON, it gives up, and
// encoding/json says what the line means. What it reads, that reads alike: a
// fuzz test holds it to that. It takes 1.5 µs where that takes 10.
//
// Texts without escapes borrow the line.
type scanner struct {
	b  []byte
	at int
	ok bool
}

// maxNest bounds the brackets inside each other.
const maxNest = 64

// scanEVE reports whether it has read the line.
func scanEVE(line []byte, w *wire) bool {
	if !utf8.Valid(line) {
		return false
	}
	s := &scanner{b: line, ok: true}
	s.blank()
	s.object(func(key string) { s.top(key, w) })
	s.blank()
	return s.ok && s.at == len(line)
}

func (s *scanner) fail() { s.ok = false }

func (s *scanner) blank() {
	for s.at < len(s.b) && (s.b[s.at] == ' ' || s.b[s.at] == '\n' || s.b[s.at] == '\t' || s.b[s.at] == '\r') {
		s.at++
	}
}

// take eats c behind blanks.
func (s *scanner) take(c byte) bool {
	s.blank()
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

// object calls field before each value, which field must read.
func (s *scanner) object(field func(key string)) {
	if !s.take('{') {
		s.fail()
		return
	}
	if s.take('}') {
		return
	}
	for s.ok {
		s.blank()
		key, plain := s.literal()
		for _, c := range []byte(key) {
			plain = plain && (c < 'A' || c > 'Z') && c < 0x80
		}
		if !plain || !s.take(':') {
			s.fail()
			return
		}
		s.blank()
		field(key)
		if s.take('}') {
			return
		}
		if !s.take(',') {
			s.fail()
		}
	}
}

// list calls item before each value.
func (s *scanner) list(item func()) {
	if !s.take('[') {
		s.fail()
		return
	}
	if s.take(']') {
		return
	}
	for s.ok {
		s.blank()
		item()
		if s.take(']') {
			return
		}
		if !s.take(',') {
			s.fail()
		}
	}
}

// literal gives what stands between quotes, and whether it holds no escapes.
func (s *scanner) literal() (text string, plain bool) {
	if s.at >= len(s.b) || s.b[s.at] != '"' {
		s.fail()
		return "", false
	}
	from := s.at + 1
	plain = true
	for i := from; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.at = i + 1
			return unsafe.String(unsafe.SliceData(s.b[from:i]), i-from), plain
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			s.fail()
			return "", false
		}
	}
	s.fail()
	return "", false
}

func (s *scanner) text(into *string) {
	from := s.at
	v, plain := s.literal()
	if !s.ok {
		return
	}
	if !plain {
		if json.Unmarshal(s.b[from:s.at], into) != nil {
			s.fail()
		}
		return
	}
	*into = v
}

func (s *scanner) texts(into *[]string) {
	if *into != nil {
		s.fail()
		return
	}
	*into = []string{}
	s.list(func() {
		v := ""
		s.text(&v)
		*into = append(*into, v)
	})
}

// digits reads a whole number of at most maximum.
func (s *scanner) digits(maximum uint64) (n uint64) {
	from := s.at
	for ; s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9'; s.at++ {
		if n > (1<<64-1-9)/10 { // as long as it can't run over
			s.fail()
			return 0
		}
		n = n*10 + uint64(s.b[s.at]-'0')
	}
	long := s.at - from
	if long == 0 || long > 1 && s.b[from] == '0' || n > maximum || s.at < len(s.b) && bytes.IndexByte([]byte(".eE"), s.b[s.at]) >= 0 {
		s.fail()
	}
	return n
}

func (s *scanner) uint(into *uint64)   { *into = s.digits(1<<64 - 1) }
func (s *scanner) int(into *int)       { *into = int(s.digits(1<<31 - 1)) }
func (s *scanner) uint32(into *uint32) { *into = uint32(s.digits(1<<32 - 1)) }
func (s *scanner) uint16(into *uint16) { *into = uint16(s.digits(1<<16 - 1)) }

func (s *scanner) addr(into *netip.Addr) {
	v := ""
	if s.text(&v); v == "" {
		s.fail()
		return
	}
	a, err := netip.ParseAddr(v)
	if err != nil {
		s.fail()
	}
	*into = a
}

// skip passes over a value.
func (s *scanner) skip(depth int) {
	if s.at >= len(s.b) || depth > maxNest {
		s.fail()
		return
	}
	switch c := s.b[s.at]; {
	case c == '"':
		from := s.at
		if _, plain := s.literal(); s.ok && !plain && !json.Valid(s.b[from:s.at]) {
			s.fail()
		}
	case c == '{':
		s.members(depth)
	case c == '[':
		s.list(func() { s.skip(depth + 1) })
	default:
		s.word()
	}
}

// members passes over an object; its keys may be any texts.
func (s *scanner) members(depth int) {
	s.take('{')
	if s.take('}') {
		return
	}
	for s.ok {
		s.blank()
		s.skip(depth + 1)
		if !s.ok || s.b[s.at-1] != '"' || !s.take(':') {
			s.fail()
			return
		}
		s.blank()
		s.skip(depth + 1)
		if s.take('}') {
			return
		}
		if !s.take(',') {
			s.fail()
		}
	}
}

// word passes over true, false, null and numbers.
func (s *scanner) word() {
	from := s.at
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' {
		s.at++
	}
	if s.at > from && s.at < len(s.b) && bytes.IndexByte([]byte(",]}"), s.b[s.at]) >= 0 && (s.b[from] != '0' || s.at == from+1) {
		return
	}
	for s.at < len(s.b) && bytes.IndexByte([]byte(",]} \t\r\n"), s.b[s.at]) < 0 {
		s.at++
	}
	if !json.Valid(s.b[from:s.at]) {
		s.fail()
	}
}

// scanTime reads the form of the encoder, in UTC; other forms are time.Parse's.
func scanTime(v string) (time.Time, error) {
	const form = "0000-00-00T00:00:00.000000+0000"
	if len(v) != len(form) || v[26:] != "+0000" {
		return time.Parse(eveTime, v)
	}
	for i := range 26 {
		if digit := form[i] == '0'; digit != (v[i] >= '0' && v[i] <= '9') || !digit && v[i] != form[i] {
			return time.Parse(eveTime, v)
		}
	}
	n := func(from, to int) (n int) {
		for _, c := range []byte(v[from:to]) {
			n = n*10 + int(c-'0')
		}
		return n
	}
	t := time.Date(n(0, 4), time.Month(n(5, 7)), n(8, 10), n(11, 13), n(14, 16), n(17, 19), n(20, 26)*1000, time.UTC)
	if t.Day() != n(8, 10) || t.Hour() != n(11, 13) || t.Minute() != n(14, 16) || t.Second() != n(17, 19) || t.Month() != time.Month(n(5, 7)) {
		return time.Parse(eveTime, v) // no such day: it says so
	}
	return t, nil
}
