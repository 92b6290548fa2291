package match

import (
	"bytes"
	"slices"
	"strings"
)

// Literal finds one byte string. It is immutable.
type Literal struct {
	pattern []byte // lower case where nocase
	nocase  bool
	// The byte of the pattern that is expected the least, and its place; of a
	// letter both cases.
	rare, upper byte
	at          int
	hash, power uint32 // of the pattern, for the linear search
}

// prime is the base of the rolling hash.
const prime = 16777619

// NewLiteral compiles pattern, which is copied. With nocase, ASCII case is
// ignored.
func NewLiteral(pattern []byte, nocase bool) *Literal {
	l := &Literal{pattern: bytes.Clone(pattern), power: 1}
	if nocase {
		l.pattern = lower(pattern)
		l.nocase = slices.ContainsFunc(l.pattern, isLetter)
	}
	if l.nocase {
		l.prepare()
	}
	return l
}

// prepare computes what the search without case needs.
func (l *Literal) prepare() {
	best := -1
	for i, c := range l.pattern {
		if r := rarity(c); r > best {
			best, l.at, l.rare = r, i, c
		}
		l.hash = l.hash*prime + uint32(c)
		l.power *= prime
	}
	l.upper = l.rare
	if isLetter(l.rare) {
		l.upper = l.rare &^ 0x20
	}
}

// rarity ranks bytes by how seldom they stand in text and in padding.
func rarity(c byte) int {
	switch {
	case c == 0 || c == 0xff || c == ' ':
		return 0
	case c >= 'a' && c <= 'z':
		const seldom = "etaoinsrhldcumfpgwybvkxjqz"
		return 1 + strings.IndexByte(seldom, c)
	case c >= '0' && c <= '9':
		return 20
	case c == '/' || c == '.' || c == '-' || c == '=' || c == '\r' || c == '\n':
		return 18
	}
	return 30
}

// Len returns the pattern's length in bytes.
func (l *Literal) Len() int { return len(l.pattern) }

// Index returns the offset of the first occurrence in b, or -1. An empty
// pattern is found at 0. The time is linear in b whatever b holds.
func (l *Literal) Index(b []byte) int {
	if !l.nocase {
		return bytes.Index(b, l.pattern)
	}
	last := len(b) - len(l.pattern) // where a match may start at most
	if last < 0 {
		return -1
	}
	c := cursor{text: b[:last+l.at+1], lower: l.rare, upper: l.upper, nextLower: -1, nextUpper: -1}
	c.seek(l.at)
	for failures := 0; c.at >= 0; c.seek(c.at + 1) {
		start := c.at - l.at
		if equalFold(b[start:start+len(l.pattern)], l.pattern) {
			return start
		}
		// Comparing costs up to a pattern's length; where the rare byte turns
		// out to be common, the rolling hash is cheaper and linear.
		if failures++; failures > 8+start/16 {
			return l.rolling(b, start+1)
		}
	}
	return -1
}

// rolling searches from offset from by a rolling hash.
func (l *Literal) rolling(b []byte, from int) int {
	n := len(l.pattern)
	if from+n > len(b) {
		return -1
	}
	var hash uint32
	for _, c := range b[from : from+n] {
		hash = hash*prime + uint32(lowerByte(c))
	}
	for start := from; ; start++ {
		if hash == l.hash && equalFold(b[start:start+n], l.pattern) {
			return start
		}
		if start+n == len(b) {
			return -1
		}
		hash = hash*prime + uint32(lowerByte(b[start+n])) - l.power*uint32(lowerByte(b[start]))
	}
}

// cursor walks over the places of a byte in either case. Each case is looked
// for only when its last place is behind, so the whole walk reads text twice.
type cursor struct {
	text         []byte
	lower, upper byte
	nextLower    int // the last places found, -1 for none yet
	nextUpper    int
	at           int // -1 at the end
}

// seek moves to the first place from offset from.
func (c *cursor) seek(from int) {
	if c.nextLower < from {
		c.nextLower = indexFrom(c.text, from, c.lower)
	}
	if c.upper == c.lower {
		c.nextUpper = len(c.text)
	} else if c.nextUpper < from {
		c.nextUpper = indexFrom(c.text, from, c.upper)
	}
	c.at = min(c.nextLower, c.nextUpper)
	if c.at == len(c.text) {
		c.at = -1
	}
}

// indexFrom returns the first place of x in b from offset from, or len(b).
func indexFrom(b []byte, from int, x byte) int {
	if from >= len(b) {
		return len(b)
	}
	if n := bytes.IndexByte(b[from:], x); n >= 0 {
		return from + n
	}
	return len(b)
}

// Equal reports whether b is the pattern.
func (l *Literal) Equal(b []byte) bool {
	if len(b) != len(l.pattern) {
		return false
	}
	if l.nocase {
		return equalFold(b, l.pattern)
	}
	return string(b) == string(l.pattern)
}

// HasPrefix reports whether b starts with the pattern.
func (l *Literal) HasPrefix(b []byte) bool {
	return len(b) >= len(l.pattern) && l.Equal(b[:len(l.pattern)])
}

// HasSuffix reports whether b ends with the pattern.
func (l *Literal) HasSuffix(b []byte) bool {
	return len(b) >= len(l.pattern) && l.Equal(b[len(b)-len(l.pattern):])
}
