package match

// Set finds many literals in a buffer in one pass.
type Set struct {
	patterns []Pattern
	size     int
}

// Build compiles patterns into a Set. The bytes are copied. Patterns without
// bytes never match. Several patterns may share an ID.
func Build(patterns []Pattern) *Set { return &Set{} }

// Len returns the number of patterns.
func (s *Set) Len() int { return len(s.patterns) }

// Scan adds to h the ID of every pattern that occurs in b, each once.
func (s *Set) Scan(b []byte, h *Hits) {}
