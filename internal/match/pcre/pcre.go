// Package pcre matches Perl-compatible regular expressions against bytes.
//
// It owns the parser, the compiler and a backtracking matcher: "." and "[^a]"
// are one byte of any value, letters have two cases in ASCII only, and
// look-around, back-references, atomic groups, possessive repeats and counts
// to 65,535 are there. Missing are recursion, conditions, verbs and Unicode
// properties; they are refused by name.
//
// Work is bounded: a search that takes too many steps starts over with a memo
// of where it has failed, which makes it linear, or, if the expression's
// features forbid that, ends without a match and is counted. The matcher never
// recurses and never allocates once its Scratch has grown.
package pcre

import (
	"bytes"
	"slices"
)

// Flags are PCRE's compile-time flags, with the letters of the Suricata
// keyword pcre.
type Flags uint16

// Flags.
const (
	Caseless      Flags = 1 << iota // i
	DotAll                          // s
	Multiline                       // m
	Extended                        // x
	Anchored                        // A
	DollarEndOnly                   // E
	Ungreedy                        // G
)

// Regexp is a compiled expression. It is immutable and may be shared.
type Regexp struct {
	prog     *program
	expr     string
	anchored bool // at the start of the search
	atStart  bool // at the start of the buffer
	first    *set // bytes a match starts with; nil for any, or none
	prefix   []byte
	must     literal
	names    map[string]int
}

// Compile compiles expr. The error is an *Error.
func Compile(expr string, flags Flags) (*Regexp, error) {
	tree, p, err := parse(expr, flags)
	if err != nil {
		return nil, err
	}
	prog, err := compile(tree, p.groups)
	if err != nil {
		return nil, err
	}
	r := &Regexp{prog: prog, expr: expr, anchored: flags&Anchored != 0,
		atStart: tree.anchored(), must: tree.required(), names: p.names}
	if first, empty := tree.first(); !empty && first.len() < 256 {
		r.first = &first
	}
	if in := &prog.code[0]; in.code == cString {
		r.prefix = in.text
	} else if in.code == cByte {
		r.prefix = []byte{in.b}
	}
	return r, nil
}

// String returns the expression as it was compiled.
func (r *Regexp) String() string { return r.expr }

// NumGroups returns the number of capture groups.
func (r *Regexp) NumGroups() int { return r.prog.groups }

// Group returns the number of the group called name, or 0.
func (r *Regexp) Group(name string) int { return r.names[name] }

// OneStart reports whether a match can start at one place of a search only.
func (r *Regexp) OneStart() bool { return r.anchored || r.atStart }

// LooksBack reports whether a match may depend on what stands before it, or on
// where the buffer or the search begins. Where an expression that does not has
// no match, the end of the buffer has none either.
func (r *Regexp) LooksBack() bool {
	if r.OneStart() {
		return true
	}
	for i := range r.prog.code {
		switch in := &r.prog.code[i]; in.code {
		case cBack:
			return true
		case cAssert:
			switch assertion(in.b) {
			case atStart, atLineStart, atFrom, atWord, notAtWord:
				return true
			}
		}
	}
	return false
}

// Required returns the longest string that every match contains, and whether
// its ASCII case is ignored; the string is lower case then. It may be empty.
func (r *Regexp) Required() (text []byte, nocase bool) {
	return slices.Clone(r.must.text), r.must.fold
}

// Find looks for the first match in b that starts at or after from. ^, \b and
// look-behind see all of b; an Anchored expression must match at from. start
// and end are offsets in b.
func (r *Regexp) Find(b []byte, from int, sc *Scratch) (start, end int, ok bool) {
	if !r.search(b, from, sc, false) {
		return 0, 0, false
	}
	return int(sc.slots[0]), int(sc.slots[1]), true
}

// FindSubmatch is Find that returns the offsets of the match and of its groups
// in pairs, -1 for a group that took no part; nil if there is no match. The
// slice is sc's and lives until its next use.
func (r *Regexp) FindSubmatch(b []byte, from int, sc *Scratch) []int {
	if !r.search(b, from, sc, true) {
		return nil
	}
	sc.result = sc.result[:0]
	for i := 0; i < 2*(r.prog.groups+1); i += 2 {
		start, end := int(sc.slots[i]), int(sc.slots[i+1])
		if start < 0 || end < 0 {
			start, end = -1, -1
		}
		sc.result = append(sc.result, start, end)
	}
	return sc.result
}

// search fills sc's slots with the first match from from.
func (r *Regexp) search(b []byte, from int, sc *Scratch, groups bool) bool {
	if from < 0 || from > len(b) || len(b) > maxBuffer || r.atStart && from > 0 {
		return false
	}
	sc.begin(r.prog, b, from, groups)
	ok := r.walk(b, from, sc)
	sc.charge()
	sc.b = nil // borrowed
	return ok
}

// walk tries one start after the other.
func (r *Regexp) walk(b []byte, from int, sc *Scratch) bool {
	for start := from; ; start++ {
		if !r.anchored && !r.atStart {
			at := start
			if start = r.candidate(b, start); start < 0 {
				sc.Work += uint64(len(b)-at) >> 2
				return false
			}
			sc.Work += uint64(start-at) >> 2
		}
		switch sc.try(start) {
		case matched:
			return true
		case exhausted:
			return false
		}
		if r.anchored || r.atStart || start == len(b) {
			return false
		}
	}
}

// candidate returns the next place from start where a match may start, or -1.
func (r *Regexp) candidate(b []byte, start int) int {
	if r.prefix != nil {
		n := bytes.Index(b[start:], r.prefix)
		if n < 0 {
			return -1
		}
		return start + n
	}
	if r.first == nil {
		return start
	}
	for i, c := range b[start:] {
		if r.first.has(c) {
			return start + i
		}
	}
	return -1
}
