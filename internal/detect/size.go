package detect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeTest is a comparison with a number or a range, as most numeric keywords
// have it: 5, <5, >5, <=5, >=5, !5, =5, 3<>9 (both ends excluded), 3-9.
type sizeTest struct {
	low, high uint64 // both included
	not       bool
}

func (t sizeTest) holds(n uint64) bool { return (n >= t.low && n <= t.high) != t.not }

// exactly returns the only number that holds.
func (t sizeTest) exactly() (uint64, bool) { return t.low, t.low == t.high && !t.not }

func parseSize(v string) (sizeTest, error) {
	s := strings.TrimSpace(v)
	bad := refuse(fmt.Sprintf("want a number, <n, >n or n<>m, got %q", v), "")
	if a, b, ok := strings.Cut(s, "<>"); ok {
		lo, err1 := parseUint(a)
		hi, err2 := parseUint(b)
		if err1 != nil || err2 != nil || hi <= lo+1 {
			return sizeTest{}, bad
		}
		return sizeTest{low: lo + 1, high: hi - 1}, nil
	}
	if a, b, ok := strings.Cut(s, "-"); ok {
		lo, err1 := parseUint(a)
		hi, err2 := parseUint(b)
		if err1 != nil || err2 != nil || hi < lo {
			return sizeTest{}, bad
		}
		return sizeTest{low: lo, high: hi}, nil
	}
	sign := strings.TrimRight(s[:len(s)-len(strings.TrimLeft(s, "<>=!"))], " ")
	n, err := parseUint(s[len(sign):])
	if err != nil {
		return sizeTest{}, bad
	}
	switch {
	case sign == "" || sign == "=" || sign == "==":
		return sizeTest{low: n, high: n}, nil
	case sign == "!" || sign == "!=":
		return sizeTest{low: n, high: n, not: true}, nil
	case sign == ">=":
		return sizeTest{low: n, high: math.MaxUint64}, nil
	case sign == "<=":
		return sizeTest{high: n}, nil
	case sign == ">" && n < math.MaxUint64:
		return sizeTest{low: n + 1, high: math.MaxUint64}, nil
	case sign == "<" && n > 0:
		return sizeTest{high: n - 1}, nil
	}
	return sizeTest{}, bad
}

func parseUint(s string) (uint64, error) {
	return strconv.ParseUint(strings.TrimSpace(s), 0, 64)
}
