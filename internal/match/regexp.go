package match

import "github.com/mirrorwall/mirrorwall/internal/match/pcre"

// RegexpFlags are PCRE's compile-time flags. The letters are those of the
// Suricata keyword pcre.
type RegexpFlags = pcre.Flags

// Flags.
const (
	Caseless      = pcre.Caseless      // i
	DotAll        = pcre.DotAll        // s
	Multiline     = pcre.Multiline     // m
	Extended      = pcre.Extended      // x
	Anchored      = pcre.Anchored      // A
	DollarEndOnly = pcre.DollarEndOnly // E
	Ungreedy      = pcre.Ungreedy      // G
)

// Scratch is one worker's memory for Find. The zero value is ready. Its field
// Limited counts searches given up for their cost, Work what all have cost.
type Scratch = pcre.Scratch

// Regexp is a regular expression over bytes: "." and "[^a]" match one byte,
// whatever its value, and "\xff" is the byte 0xff. It is immutable.
type Regexp struct {
	re   *pcre.Regexp
	must *Literal // every match contains it; nil where that helps nothing
}

// minRequired is the shortest required literal that is looked for first.
const minRequired = 3

// CompileRegexp compiles PCRE syntax. The error is a *pcre.Error with the
// offset in expr.
func CompileRegexp(expr string, flags RegexpFlags) (*Regexp, error) {
	re, err := pcre.Compile(expr, flags)
	if err != nil {
		return nil, err
	}
	r := &Regexp{re: re}
	// Where a match can start at one place only, trying is cheaper than looking
	// for a literal in all that follows.
	if text, nocase := re.Required(); len(text) >= minRequired && !re.OneStart() {
		r.must = NewLiteral(text, nocase)
	}
	return r, nil
}

// Find looks for the first match in b that starts at or after from. "^" and
// look-behind see all of b, but an Anchored expression must match at from.
// start and end are offsets in b.
func (r *Regexp) Find(b []byte, from int, sc *Scratch) (start, end int, ok bool) {
	if !r.possible(b, from, sc) {
		return 0, 0, false
	}
	return r.re.Find(b, from, sc)
}

// FindSubmatch is Find that returns the offsets of the match and of its groups
// in pairs, -1 for a group that took no part; nil if there is no match. The
// slice is sc's and lives until its next use.
func (r *Regexp) FindSubmatch(b []byte, from int, sc *Scratch) []int {
	if !r.possible(b, from, sc) {
		return nil
	}
	return r.re.FindSubmatch(b, from, sc)
}

// possible reports whether b holds the literal that every match contains.
func (r *Regexp) possible(b []byte, from int, sc *Scratch) bool {
	if from < 0 || from > len(b) {
		return false
	}
	if r.must == nil {
		return true
	}
	at := r.must.Index(b[from:])
	if at < 0 {
		sc.Work += LiteralWork(len(b) - from)
		return false
	}
	sc.Work += LiteralWork(at)
	return true
}

// LiteralWork is what looking for a literal in n bytes costs, in the units of
// Scratch.Work.
func LiteralWork(n int) uint64 { return uint64(n) >> 2 }

// LooksBack reports whether a match may depend on what stands before it, or on
// where the buffer or the search begins. Where an expression that does not has
// no match, the end of the buffer has none either.
func (r *Regexp) LooksBack() bool { return r.re.LooksBack() }

// NumGroups returns the number of capture groups.
func (r *Regexp) NumGroups() int { return r.re.NumGroups() }

// Group returns the number of the group called name, or 0.
func (r *Regexp) Group(name string) int { return r.re.Group(name) }

// String returns the expression as it was compiled.
func (r *Regexp) String() string { return r.re.String() }
