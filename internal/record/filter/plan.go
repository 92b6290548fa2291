package filter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Span gives a half-open span of time outside of which no record matches. Zero
// times stand for no bound.
func (f *Filter) Span(now time.Time) (from, to time.Time) {
	a, b := int64(math.MinInt64), int64(math.MaxInt64)
	if f != nil && f.root != nil {
		a, b = spanOf(f.root, now)
	}
	if a != math.MinInt64 {
		from = time.UnixMicro(a).UTC()
	}
	if b != math.MaxInt64 {
		to = time.UnixMicro(b).UTC()
	}
	return from, to
}

func spanOf(n node, now time.Time) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	switch n := n.(type) {
	case and:
		for _, x := range n {
			a, b := spanOf(x, now)
			from, to = max(from, a), min(to, b)
		}
		return from, max(from, to)
	case or:
		from, to = spanOf(n[0], now)
		for _, x := range n[1:] {
			a, b := spanOf(x, now)
			from, to = min(from, a), max(to, b)
		}
	case *leaf:
		s, ok := n.test.(span)
		if !ok || n.field.Name != "receive_time" {
			break
		}
		a, b := s.micros(now)
		if a > firstTime().UnixMicro() {
			from = a
		}
		if b < lastTime().UnixMicro() {
			to = b
		}
	}
	return from, to
}

// Fields names the fields that the filter looks at, sorted.
func (f *Filter) Fields() []string {
	var out []string
	walk(f.root, func(l *leaf) { out = append(out, l.field.Name) })
	slices.Sort(out)
	return slices.Compact(out)
}

func walk(n node, f func(*leaf)) {
	switch n := n.(type) {
	case and:
		for _, x := range n {
			walk(x, f)
		}
	case or:
		for _, x := range n {
			walk(x, f)
		}
	case not:
		walk(n.x, f)
	case *leaf:
		f(n)
	}
}

// Needle is a value that a field of a record must have.
type Needle struct {
	Field string
	Key   string // texts in lower case; the 16 bytes of an address; digits
}

// Needles are necessary conditions, for an index of what a pile of records
// contains: of each of the lists, a record that matches has at least one needle.
func (f *Filter) Needles() [][]Needle {
	if f == nil || f.root == nil {
		return nil
	}
	return needlesOf(f.root)
}

func needlesOf(n node) [][]Needle {
	switch n := n.(type) {
	case and:
		var out [][]Needle
		for _, x := range n {
			out = append(out, needlesOf(x)...)
		}
		return out
	case or:
		// One list of each branch, together, is a condition of the whole.
		var all []Needle
		for _, x := range n {
			lists := needlesOf(x)
			if len(lists) == 0 {
				return nil
			}
			all = append(all, lists[0]...)
		}
		return [][]Needle{all}
	case *leaf:
		if list := n.needles(); list != nil {
			return [][]Needle{list}
		}
	}
	return nil
}

func (l *leaf) needles() []Needle {
	name := l.field.Name
	switch c := l.test.(type) {
	case network:
		if c.IsSingleIP() {
			return []Needle{{name, string(Bytes16(c.Addr()))}}
		}
	case number:
		if c.op == "eq" && c.n != 0 {
			return []Needle{{name, fmt.Sprint(c.n)}}
		}
	case text:
		if c.op == "eq" && c.low != "" {
			return []Needle{{name, c.low}}
		}
	case oneOf:
		var out []Needle
		for _, s := range c {
			out = append(out, Needle{name, s})
		}
		return out
	}
	return nil
}

// Warnings are reasons why a filter may not be what was meant: it can't match,
// or asks for what no record says.
func (f *Filter) Warnings() []string {
	if f == nil || f.root == nil {
		return nil
	}
	var out []string
	walk(f.root, func(l *leaf) {
		if l.field.Inert {
			out = append(out, "no record says "+l.field.Name+": it reads as absent")
		}
	})
	contradictions(f.root, func(name string) {
		out = append(out, "never matches: the tests of "+name+" that are joined with and exclude each other")
	})
	slices.Sort(out)
	return slices.Compact(out)
}

func contradictions(n node, found func(field string)) {
	switch n := n.(type) {
	case and:
		conflicts(n, found)
		for _, x := range n {
			contradictions(x, found)
		}
	case or:
		for _, x := range n {
			contradictions(x, found)
		}
	case not:
		contradictions(n.x, found)
	}
}

// held is what an and leaves of one field.
type held struct {
	texts    []string // nil: any
	from, to uint64
}

// conflicts looks at the tests that stand directly in an and.
func conflicts(n and, found func(field string)) {
	by := map[string]*held{}
	var flat func(n and)
	flat = func(n and) {
		for _, x := range n {
			switch x := x.(type) {
			case and:
				flat(x)
			case *leaf:
				h := by[x.field.Name]
				if h == nil {
					h = &held{to: math.MaxUint64}
					by[x.field.Name] = h
				}
				if !h.narrow(x.test) {
					found(x.field.Name)
				}
			}
		}
	}
	flat(n)
}

// narrow reports whether anything is left.
func (h *held) narrow(c comparison) bool {
	switch c := c.(type) {
	case text:
		if c.op == "eq" {
			return h.oneOf([]string{c.low})
		}
	case oneOf:
		return h.oneOf(c)
	case number:
		return h.bound(c.op, c.n)
	case severity:
		return h.bound(c.op, uint64(c.s))
	}
	return true
}

func (h *held) oneOf(list []string) bool {
	if h.texts == nil {
		h.texts = list
		return true
	}
	h.texts = slices.DeleteFunc(slices.Clone(h.texts), func(s string) bool { return !slices.Contains(list, s) })
	return len(h.texts) > 0
}

func (h *held) bound(op string, n uint64) bool {
	switch op {
	case "eq":
		h.from, h.to = max(h.from, n), min(h.to, n)
	case "geq":
		h.from = max(h.from, n)
	case "leq":
		h.to = min(h.to, n)
	case "gt":
		if n == math.MaxUint64 {
			return false
		}
		h.from = max(h.from, n+1)
	case "lt":
		if n == 0 {
			return false
		}
		h.to = min(h.to, n-1)
	}
	return h.from <= h.to
}

// Completion is what may stand at the end of an unfinished filter.
type Completion struct {
	// Want is "field", "operator", "value" or "join".
	Want string
	// Field that a value or an operator is wanted for.
	Field string
	// From is the byte offset where the word that is completed begins.
	From int
	// Options begin with that word, sorted; values of texts are the caller's to
	// find.
	Options []string
}

// Complete tells what may stand at the end of text.
func Complete(text string) Completion {
	if len(text) > maxText {
		return Completion{Want: "join", From: len(text)}
	}
	p := &parser{text: text, fields: fieldIndex()}
	c := Completion{Want: "field", From: len(text)}
	for {
		t := p.next()
		last := p.pos == len(p.text)
		if t.kind == tokenEnd {
			return c.options(p, "")
		}
		if last && (t.kind == tokenWord || t.kind == tokenBad) {
			c.From = t.at
			return c.options(p, strings.TrimLeft(p.text[t.at:], `'"`))
		}
		c.step(t)
	}
}

// step moves behind a whole token.
func (c *Completion) step(t token) {
	switch {
	case t.kind == tokenOpen || t.kind == tokenNot:
		c.Want = "field"
	case t.kind == tokenClose:
		c.Want = "join"
	case c.Want == "field" && t.is("not"):
	case c.Want == "field":
		c.Want, c.Field = "operator", t.text
	case c.Want == "operator":
		c.Want = "value"
	case c.Want == "value":
		c.Want = "join"
	default:
		c.Want = "field"
	}
}

func (c Completion) options(p *parser, prefix string) Completion {
	f := p.fields[strings.ToLower(c.Field)]
	if c.Want == "field" || c.Want == "join" || f == nil {
		c.Field = ""
	} else {
		c.Field = f.Name
	}
	var all []string
	switch {
	case c.Want == "field":
		for _, f := range record.Fields() {
			if !f.Inert {
				all = append(all, f.Name)
			}
		}
	case c.Want == "operator" && f != nil:
		all = Operators(f.Kind)
	case c.Want == "join":
		all = []string{"and", "or"}
	case c.Want == "value" && f != nil && f.Kind == record.KindSeverity:
		all = []string{"informational", "low", "medium", "high", "critical"}
	case c.Want == "value" && f != nil && f.Kind == record.KindTime:
		all = []string{"last-15-minutes", "last-hour", "last-6-hrs", "last-24-hrs", "last-7-days", "last-30-days", "last-calendar-day", "last-calendar-week", "last-calendar-month"}
	}
	for _, o := range all {
		if strings.HasPrefix(o, strings.ToLower(prefix)) {
			c.Options = append(c.Options, o)
		}
	}
	slices.Sort(c.Options)
	return c
}
