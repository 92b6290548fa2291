package match

// RegexpFlags are PCRE's compile-time flags. The letters are those of the
// Suricata keyword pcre.
type RegexpFlags uint16

// Flags.
const (
	Caseless      RegexpFlags = 1 << iota // i
	DotAll                                // s
	Multiline                             // m
	Extended                              // x
	Anchored                              // A
	DollarEndOnly                         // E
	Ungreedy                              // G
)

// Regexp is a regular expression over bytes: "." and "[^a]" match one byte,
// whatever its value, and "\xff" is the byte 0xff. It is immutable.
type Regexp struct{}

// Scratch is a worker's memory for Find. The zero value is ready.
type Scratch struct{}

// CompileRegexp compiles PCRE syntax.
func CompileRegexp(expr string, flags RegexpFlags) (*Regexp, error) { return &Regexp{}, nil }

// Find looks for the first match in b that starts at or after from. "^" and
// look-behind see all of b, but an Anchored expression must start at from.
// start and end are offsets in b.
func (r *Regexp) Find(b []byte, from int, sc *Scratch) (start, end int, ok bool) {
	return 0, 0, false
}

// FindSubmatch is Find that returns the offsets of the match and of its groups
// in pairs, -1 for a group that took no part; nil if there is no match. The
// slice is sc's and lives until its next use.
func (r *Regexp) FindSubmatch(b []byte, from int, sc *Scratch) []int { return nil }

// NumGroups returns the number of capture groups.
func (r *Regexp) NumGroups() int { return 0 }
