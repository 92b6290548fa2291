package http

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// parseURILen reads "urilen:[<|>|!|<=|>=]n[<>m][,norm|,raw]": the length of the
// URI in bytes, normalised unless raw is asked for. Bounds are exclusive.
func parseURILen(value string) (proto.TxTest, error) {
	s, kind, found := strings.Cut(value, ",")
	raw := false
	if found {
		switch strings.TrimSpace(kind) {
		case "raw":
			raw = true
		case "norm":
		default:
			return nil, fmt.Errorf("urilen: want raw or norm, got %q", kind)
		}
	}
	r, err := parseLengths(strings.TrimSpace(s))
	if err != nil {
		return nil, err
	}
	return func(x proto.Tx, _ proto.Dir) bool {
		t, ok := x.(*tx)
		if !ok || t.Progress[proto.ToServer] < progLine {
			return false
		}
		n := len(t.norm)
		if raw {
			n = t.uri.end - t.uri.off
		}
		return r.has(n)
	}, nil
}

// lengths is an inclusive range; not inverts it.
type lengths struct {
	min, max int
	not      bool
}

func (r lengths) has(n int) bool { return (n >= r.min && n <= r.max) != r.not }

func parseLengths(s string) (r lengths, err error) {
	const most = 1 << 30
	number := func(s string) int {
		n, e := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
		if e != nil && err == nil {
			err = fmt.Errorf("urilen: want number, got %q", s)
		}
		return int(n)
	}
	lo, hi, between := strings.Cut(s, "<>")
	switch {
	case between:
		r = lengths{min: number(lo) + 1, max: number(hi) - 1}
		if err == nil && r.min > r.max {
			err = fmt.Errorf("urilen: empty range %q", s)
		}
	case strings.HasPrefix(s, "<="):
		r = lengths{max: number(s[2:])}
	case strings.HasPrefix(s, ">="):
		r = lengths{min: number(s[2:]), max: most}
	case strings.HasPrefix(s, "<"):
		r = lengths{max: number(s[1:]) - 1}
	case strings.HasPrefix(s, ">"):
		r = lengths{min: number(s[1:]) + 1, max: most}
	case strings.HasPrefix(s, "!"):
		n := number(s[1:])
		r = lengths{min: n, max: n, not: true}
	default:
		n := number(s)
		r = lengths{min: n, max: n}
	}
	return r, err
}
