package detect

import (
	"bytes"
	"fmt"
	"math"
	"strings"
)

// neverContent looks for contents that can't all be in one buffer.
func (l *linter) neverContent() {
	for _, g := range l.s.buffers() {
		if !l.sizes(&g) || !l.overlaps(&g) || !l.negations(&g) || !l.changed(&g) {
			return // one complaint a rule is enough
		}
	}
}

// limits are the sizes that g's buffer may have.
func (l *linter) limits(g *bufTest) (low, high uint64, by string) {
	high = math.MaxUint64
	for i := range g.ops {
		if o := &g.ops[i]; o.kind == opSize && !o.x.size.not {
			low, high, by = max(low, o.x.size.low), min(high, o.x.size.high), "bsize"
		}
	}
	if len(g.ops) == 0 || g.buf != l.s.payloadBuf || l.s.onStream {
		return low, high, by
	}
	for i := range l.opts {
		o := &l.opts[i]
		if o.Name != "dsize" || o.Neg {
			continue
		}
		if t, err := parseSize(strings.Trim(o.Value, "\" ")); err == nil && !t.not && t.high < high {
			high, by = t.high, "dsize"
		}
	}
	return low, high, by
}

// reach is where a test of a buffer ends: at least and at most.
type reach struct{ low, high int64 }

// farthest is a place that no buffer has.
const farthest = math.MaxInt32

// next returns where o ends when the test before ended at r, and whether there
// is room for it.
func (r reach) next(o *op) (reach, bool) {
	n := int64(len(o.pattern))
	low, high := int64(0), int64(farthest)
	switch {
	case o.has(flagDistance | flagWithin):
		if o.distance.ref|o.within.ref != 0 {
			return reach{n, farthest}, true
		}
		low = max(0, r.low+int64(o.distance.n))
		if o.has(flagWithin) && r.high < farthest {
			high = r.high + int64(o.distance.n) + int64(o.within.n)
		}
	case o.has(flagDepth | flagOffset):
		if o.offset.ref|o.depth.ref != 0 {
			return reach{n, farthest}, true
		}
		low = int64(o.offset.n)
		if o.has(flagDepth) {
			high = low + int64(o.depth.n)
		}
	}
	return reach{low + n, high}, low+n <= high
}

// sizes compares where contents end with the sizes of the buffer.
func (l *linter) sizes(g *bufTest) bool {
	least, most, by := l.limits(g)
	if least > most {
		l.add(LintNeverContent, optionPos(l.r, "bsize"), "never matches: no size is in all of the ranges of bsize", "keep one of them")
		return false
	}
	at := reach{}
	for i := range g.ops {
		o := &g.ops[i]
		if o.kind != opContent {
			if o.moves() {
				at = reach{0, farthest}
			}
			continue
		}
		if o.has(flagNeg) {
			continue
		}
		ok := true
		if at, ok = at.next(o); !ok {
			l.add(LintNeverContent, contentPos(l.r, o, "within", "distance"), fmt.Sprintf("never matches: %q has no room between distance and within", o.pattern),
				"within counts from distance, and distance from the end of the content before")
			return false
		}
		if uint64(at.low) > most {
			l.add(LintNeverContent, contentPos(l.r, o), fmt.Sprintf("never matches: %q ends at byte %d or later, %s allows %d bytes", o.pattern, at.low, by, most),
				"check "+by+", offset and distance")
			return false
		}
	}
	return true
}

// fixed is a content at one place, from the start or, below zero, the end.
type fixed struct {
	o  *op
	at int
}

// fixedPlaces lists the contents that lie at one place of the buffer.
func fixedPlaces(ops []op) (out []fixed) {
	for i := range ops {
		o := &ops[i]
		if o.kind != opContent || o.has(flagNeg|flagDistance|flagWithin) || o.offset.ref|o.depth.ref != 0 {
			continue
		}
		switch n := len(o.pattern); {
		case o.has(flagDepth) && int(o.depth.n) == n:
			out = append(out, fixed{o, int(o.offset.n)})
		case o.has(flagEnds) && !o.has(flagDepth):
			out = append(out, fixed{o, -n})
		}
	}
	return out
}

// overlaps compares the contents at fixed places with each other.
func (l *linter) overlaps(g *bufTest) bool {
	list := fixedPlaces(g.ops)
	for i, a := range list {
		for _, b := range list[:i] {
			if (a.at < 0) == (b.at < 0) && clash(a, b) {
				l.add(LintNeverContent, contentPos(l.r, a.o), fmt.Sprintf("never matches: %q and %q ask for different bytes at one place", b.o.pattern, a.o.pattern),
					"a buffer has one start and one end")
				return false
			}
		}
	}
	return true
}

// clash reports two contents that want different bytes at the same place.
func clash(a, b fixed) bool {
	fold := a.o.has(flagNocase) || b.o.has(flagNocase)
	for i, c := range a.o.pattern {
		j := a.at + i - b.at
		if j < 0 || j >= len(b.o.pattern) {
			continue
		}
		if d := b.o.pattern[j]; c != d && (!fold || lower(c) != lower(d)) {
			return true
		}
	}
	return false
}

// negations looks for a content that must be there and holds one that must not
// be anywhere.
func (l *linter) negations(g *bufTest) bool {
	for i := range g.ops {
		no := &g.ops[i]
		if no.kind != opContent || !no.has(flagNeg) || no.flags&(flagDepth|flagOffset|flagEnds|flagAnyRelative) != 0 {
			continue
		}
		for j := range g.ops {
			yes := &g.ops[j]
			if yes.kind == opContent && !yes.has(flagNeg) && holds(yes, no) {
				l.add(LintNeverContent, contentPos(l.r, no), fmt.Sprintf("never matches: %q must be there and %q must not", yes.pattern, no.pattern),
					"give the negated one a place: depth, or within of the other")
				return false
			}
		}
	}
	return true
}

// holds reports whether every text of yes has no in it.
func holds(yes, no *op) bool {
	if no.has(flagNocase) {
		return bytes.Contains(bytes.ToLower(yes.pattern), bytes.ToLower(no.pattern))
	}
	return !yes.has(flagNocase) && bytes.Contains(yes.pattern, no.pattern)
}

// changed looks for bytes that the buffer's last transform leaves none of.
func (l *linter) changed(g *bufTest) bool {
	if g.buf == nil || len(g.buf.xforms) == 0 {
		return true
	}
	name := g.buf.xforms[len(g.buf.xforms)-1].name
	for i := range g.ops {
		o := &g.ops[i]
		if o.kind != opContent || o.has(flagNeg) {
			continue
		}
		lost := ""
		switch {
		case name == "to_lowercase" && !o.has(flagNocase) && bytes.ContainsFunc(o.pattern, func(r rune) bool { return r >= 'A' && r <= 'Z' }):
			lost = "upper case"
		case name == "to_uppercase" && !o.has(flagNocase) && bytes.ContainsFunc(o.pattern, func(r rune) bool { return r >= 'a' && r <= 'z' }):
			lost = "lower case"
		case name == "strip_whitespace" && bytes.IndexByte(o.pattern, ' ') >= 0:
			lost = "blanks"
		}
		if lost != "" {
			l.add(LintNeverContent, contentPos(l.r, o), fmt.Sprintf("never matches: %s leaves no %s, %q asks for it", name, lost, o.pattern), "change the content, or remove "+name)
			return false
		}
	}
	return true
}
