package filter

import (
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// maxRegexp bounds a regular expression's text. They run in linear time, but
// counted repetition makes their programs up to a thousand times as long.
const maxRegexp = 512

// compare types the value of a test; op is one of Operators(kind). The negation
// of neq and notin is the caller's.
func compare(kind record.FieldKind, op, value string) (comparison, error) {
	switch kind {
	case record.KindAddr:
		return parsePrefix(value)
	case record.KindNumber:
		return compareNumber(op, value)
	case record.KindSeverity:
		s, ok := record.ParseSeverity(value)
		if !ok {
			return nil, fmt.Errorf("want informational, low, medium, high or critical, got %q", value)
		}
		return severity{op, s}, nil
	case record.KindTime:
		return compareTime(op, value)
	case record.KindList:
		return element{lowered(value), op == "contains"}, nil
	}
	return compareText(op, value)
}

// network is the addresses of a prefix. An absent address is in none.
type network struct{ netip.Prefix }

func (n network) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	a := f.Addr(e)
	return a.IsValid() && n.Contains(a.Unmap())
}

// parsePrefix reads an address or a network; host bits of a network are
// ignored, as PAN-OS does.
func parsePrefix(value string) (comparison, error) {
	p, err := netip.ParsePrefix(value)
	if !strings.Contains(value, "/") {
		var a netip.Addr
		if a, err = netip.ParseAddr(value); err == nil && a.Zone() == "" {
			a = a.Unmap()
			return network{netip.PrefixFrom(a, a.BitLen())}, nil
		}
		p = netip.Prefix{}
	}
	if err != nil || !p.IsValid() {
		return nil, fmt.Errorf("want an address or network, got %q", value)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return network{p.Masked()}, nil
}

// number is a comparison with a number: eq, geq, leq, gt, lt.
type number struct {
	op string
	n  uint64
}

func (c number) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	return ordered(c.op, f.Number(e), c.n)
}

// numbers is one of several.
type numbers []uint64

func (c numbers) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	return slices.Contains(c, f.Number(e))
}

func compareNumber(op, value string) (comparison, error) {
	if op != "in" && op != "notin" {
		n, err := parseNumber(value)
		if op == "neq" {
			op = "eq"
		}
		return number{op, n}, err
	}
	var all numbers
	for _, w := range words(value) {
		n, err := parseNumber(w)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	if all == nil {
		return nil, fmt.Errorf("want numbers, got %q", value)
	}
	return all, nil
}

func parseNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number, got %q", s)
	}
	return n, nil
}

// words splits a list of values.
func words(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

// ordered compares; "neq" is negated by the caller.
func ordered[T ~uint8 | ~uint64](op string, a, b T) bool {
	switch op {
	case "geq":
		return a >= b
	case "leq":
		return a <= b
	case "gt":
		return a > b
	case "lt":
		return a < b
	}
	return a == b
}

type severity struct {
	op string
	s  record.Severity
}

func (c severity) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	return ordered(c.op, f.Sev(e), c.s)
}

// lowered is what texts are compared as: each letter in its lower case, by
// Unicode's simple mapping, as DuckDB and ClickHouse have it.
func lowered(s string) string { return strings.ToLower(s) }

// element asks whether a list has a value or, in part, a text.
type element struct {
	low  string
	part bool
}

func (c element) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	return slices.ContainsFunc(f.List(e), func(v string) bool {
		if c.part {
			return strings.Contains(lowered(v), c.low)
		}
		return lowered(v) == c.low
	})
}

// text compares with one text: eq, contains, startswith.
type text struct{ op, low string }

func (c text) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	v := lowered(f.Text(e))
	switch c.op {
	case "contains":
		return strings.Contains(v, c.low)
	case "startswith":
		return strings.HasPrefix(v, c.low)
	}
	return v == c.low
}

// oneOf is one of several texts, in lower case.
type oneOf []string

func (c oneOf) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	return slices.Contains(c, lowered(f.Text(e)))
}

// pattern is a regular expression.
type pattern struct {
	re *regexp.Regexp
	// canonical says every flag in the expression itself, so that an engine of
	// RE2's language reads it alike whatever its defaults are.
	canonical string
}

func (c pattern) match(f *record.Field, e *record.Entry, _ time.Time) bool {
	return c.re.MatchString(f.Text(e))
}

func compareText(op, value string) (comparison, error) {
	switch op {
	case "matches":
		return comparePattern(value)
	case "in", "notin":
		return oneOf(words(lowered(value))), nil
	case "contains", "startswith":
		return text{op, lowered(value)}, nil
	}
	return text{"eq", lowered(value)}, nil
}

func comparePattern(value string) (comparison, error) {
	if len(value) > maxRegexp {
		return nil, fmt.Errorf("want at most %d bytes of regular expression, got %d", maxRegexp, len(value))
	}
	tree, err := syntax.Parse(value, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("want a regular expression: %w", err)
	}
	canonical := tree.String()
	re, err := regexp.Compile(canonical)
	if err != nil {
		return nil, fmt.Errorf("want a regular expression: %w", err)
	}
	return pattern{re, canonical}, nil
}
