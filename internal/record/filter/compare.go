package filter

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// maxRegexp bounds a regular expression's text. They run in linear time, but
// counted repetition makes their programs up to a thousand times as long.
const maxRegexp = 512

// compare types one test; op is one of operators(f.Kind).
func compare(f *record.Field, op, value string) (node, error) {
	switch f.Kind {
	case record.KindAddr:
		return compareAddr(f, op, value)
	case record.KindNumber:
		return compareNumber(f, op, value)
	case record.KindSeverity:
		return compareSeverity(f, op, value)
	case record.KindTime:
		return compareTime(f, op, value)
	case record.KindList:
		return compareList(f, op, value), nil
	}
	return compareText(f, op, value)
}

func negate(n test, yes bool) test {
	if !yes {
		return n
	}
	return func(e *record.Entry, now time.Time) bool { return !n(e, now) }
}

func compareAddr(f *record.Field, op, value string) (node, error) {
	prefix, err := parsePrefix(value)
	if err != nil {
		return nil, err
	}
	return negate(func(e *record.Entry, _ time.Time) bool {
		a := f.Addrs(e)
		return a[0].IsValid() && prefix.Contains(a[0].Unmap()) || a[1].IsValid() && prefix.Contains(a[1].Unmap())
	}, op == "notin" || op == "neq"), nil
}

// parsePrefix reads an address or a network; host bits of a network are
// ignored, as PAN-OS does.
func parsePrefix(value string) (netip.Prefix, error) {
	if strings.Contains(value, "/") {
		p, err := netip.ParsePrefix(value)
		if err != nil {
			return p, fmt.Errorf("want an address or network, got %q", value)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(value)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("want an address or network, got %q", value)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// ordered turns the result of a comparison into an answer.
func ordered(op string, c int) bool {
	switch op {
	case "eq":
		return c == 0
	case "neq":
		return c != 0
	case "geq":
		return c >= 0
	case "leq":
		return c <= 0
	case "gt":
		return c > 0
	}
	return c < 0
}

func compareNumber(f *record.Field, op, value string) (node, error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("want a number, got %q", value)
	}
	if f.Numbers == nil {
		return test(func(e *record.Entry, _ time.Time) bool { return ordered(op, cmp.Compare(f.Number(e), n)) }), nil
	}
	positive := op
	if op == "neq" {
		positive = "eq"
	}
	return negate(func(e *record.Entry, _ time.Time) bool {
		v := f.Numbers(e)
		return ordered(positive, cmp.Compare(v[0], n)) || ordered(positive, cmp.Compare(v[1], n))
	}, op == "neq"), nil
}

func compareSeverity(f *record.Field, op, value string) (node, error) {
	s, ok := record.ParseSeverity(value)
	if !ok {
		return nil, fmt.Errorf("want informational, low, medium, high or critical, got %q", value)
	}
	return test(func(e *record.Entry, _ time.Time) bool { return ordered(op, cmp.Compare(f.Sev(e), s)) }), nil
}

func compareList(f *record.Field, op, value string) node {
	return negate(func(e *record.Entry, _ time.Time) bool {
		return slices.ContainsFunc(f.List(e), func(v string) bool {
			if op == "contains" {
				return strings.Contains(strings.ToLower(v), strings.ToLower(value))
			}
			return strings.EqualFold(v, value)
		})
	}, op == "neq")
}

func compareText(f *record.Field, op, value string) (node, error) {
	low := strings.ToLower(value)
	get := func(e *record.Entry) string { return strings.ToLower(f.Text(e)) }
	switch op {
	case "contains":
		return test(func(e *record.Entry, _ time.Time) bool { return strings.Contains(get(e), low) }), nil
	case "startswith":
		return test(func(e *record.Entry, _ time.Time) bool { return strings.HasPrefix(get(e), low) }), nil
	case "matches":
		if len(value) > maxRegexp {
			return nil, fmt.Errorf("want at most %d bytes of regular expression, got %d", maxRegexp, len(value))
		}
		re, err := regexp.Compile(value)
		if err != nil {
			return nil, fmt.Errorf("want a regular expression: %w", err)
		}
		return test(func(e *record.Entry, _ time.Time) bool { return re.MatchString(f.Text(e)) }), nil
	case "in", "notin":
		words := strings.FieldsFunc(low, func(r rune) bool { return r == ',' || r == ' ' })
		return negate(func(e *record.Entry, _ time.Time) bool { return slices.Contains(words, get(e)) }, op == "notin"), nil
	}
	return negate(func(e *record.Entry, _ time.Time) bool { return get(e) == low }, op == "neq"), nil
}
