package pcre

import "math/bits"

// set is a set of byte values.
type set [4]uint64

func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *set) add(c byte) { s[c>>6] |= 1 << (c & 63) }

func (s *set) addRange(low, high byte) {
	for c := int(low); c <= int(high); c++ {
		s.add(byte(c))
	}
}

func (s *set) union(t set) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s set) inverse() set {
	for i := range s {
		s[i] = ^s[i]
	}
	return s
}

func (s *set) len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// min returns the least member; the set is not empty.
func (s *set) min() byte {
	for i, w := range s {
		if w != 0 {
			return byte(i*64 + bits.TrailingZeros64(w))
		}
	}
	return 0
}

// fold adds the other case of each ASCII letter.
func (s *set) fold() {
	for c := byte('a'); c <= 'z'; c++ {
		if s.has(c) || s.has(c-0x20) {
			s.add(c)
			s.add(c - 0x20)
		}
	}
}

// single returns the one member, or for a letter in both cases the lower one.
func (s *set) single() (c byte, folded, ok bool) {
	c = s.min()
	switch s.len() {
	case 1:
		return c, false, true
	case 2:
		if c >= 'A' && c <= 'Z' && s.has(c|0x20) {
			return c | 0x20, true, true
		}
	}
	return 0, false, false
}

func setOf(ranges string) (s set) {
	for i := 0; i+1 < len(ranges); i += 2 {
		s.addRange(ranges[i], ranges[i+1])
	}
	return s
}

func allBytes() set   { return set{}.inverse() }
func notNewline() set { return setOf("\n\n").inverse() }

// escapeSet returns what \d, \w and their kin stand for.
func escapeSet(c byte) (set, bool) {
	var s set
	switch c | 0x20 {
	case 'd':
		s = setOf("09")
	case 'w':
		s = setOf("09AZaz__")
	case 's':
		s = setOf("\t\r  ")
	case 'h':
		s = setOf("\t\t  \xa0\xa0")
	case 'v':
		s = setOf("\n\r\x85\x85")
	default:
		if c == 'N' {
			return notNewline(), true
		}
		return s, false
	}
	if c < 'a' {
		s = s.inverse()
	}
	return s, true
}

// posixSet returns the members of [:name:].
func posixSet(name string) (set, bool) {
	ranges, ok := map[string]string{
		"alpha": "AZaz", "digit": "09", "alnum": "09AZaz", "upper": "AZ", "lower": "az",
		"space": "\t\r  ", "blank": "\t\t  ", "punct": "!/:@[`{~", "print": " ~",
		"graph": "!~", "cntrl": "\x00\x1f\x7f\x7f", "xdigit": "09AFaf", "word": "09AZaz__",
		"ascii": "\x00\x7f",
	}[name]
	return setOf(ranges), ok
}
