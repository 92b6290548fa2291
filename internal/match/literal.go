package match

// Literal finds one byte string. It is immutable.
type Literal struct {
	pattern []byte
	nocase  bool
}

// NewLiteral compiles pattern, which is copied. With nocase, ASCII case is
// ignored.
func NewLiteral(pattern []byte, nocase bool) *Literal {
	return &Literal{pattern: append([]byte(nil), pattern...), nocase: nocase}
}

// Len returns the pattern's length in bytes.
func (l *Literal) Len() int { return len(l.pattern) }

// Index returns the offset of the first occurrence in b, or -1. An empty
// pattern is found at 0. The time is linear in b whatever b holds.
func (l *Literal) Index(b []byte) int { return -1 }

// Equal reports whether b is the pattern.
func (l *Literal) Equal(b []byte) bool { return false }

// HasPrefix reports whether b starts with the pattern.
func (l *Literal) HasPrefix(b []byte) bool { return false }

// HasSuffix reports whether b ends with the pattern.
func (l *Literal) HasSuffix(b []byte) bool { return false }
