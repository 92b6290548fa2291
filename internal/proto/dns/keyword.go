package dns

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// keywords lists dns.opcode, dns.rcode and dns.rrtype. They answer for the
// message of the direction asked: a request to the server, a response to the
// client.
func keywords() []proto.Keyword {
	mk := func(name string, parse func(string) (proto.TxTest, error)) proto.Keyword {
		return proto.Keyword{
			Name: name, Dir: proto.MaskBoth, Progress: stateComplete, Parse: parse,
		}
	}
	return []proto.Keyword{
		mk("dns.opcode", parseOpcode), mk("dns.rcode", parseRcode),
		mk("dns.rrtype", parseRRType),
	}
}

func parseOpcode(value string) (proto.TxTest, error) {
	want, err := parseNumber(value, 8, nil)
	if err != nil {
		return nil, fmt.Errorf("opcode: %w", err)
	}
	return func(tx proto.Tx, d proto.Dir) bool {
		t, ok := tx.(*Tx)
		return ok && t.dir == d && want.match(uint64(t.head.opcode()))
	}, nil
}

func parseRcode(value string) (proto.TxTest, error) {
	want, err := parseNumber(value, 8, func(s string) (uint64, bool) {
		for c := range uint8(16) {
			if n := rcodeName(c); n != "" && strings.EqualFold(n, s) {
				return uint64(c), true
			}
		}
		return 0, false
	})
	if err != nil {
		return nil, fmt.Errorf("rcode: %w", err)
	}
	return func(tx proto.Tx, d proto.Dir) bool {
		t, ok := tx.(*Tx)
		return ok && t.dir == d && want.match(uint64(t.head.rcode()))
	}, nil
}

// parseRRType tests the types asked for in a request and answered in a
// response; one that fits is enough.
func parseRRType(value string) (proto.TxTest, error) {
	want, err := parseNumber(value, 16, func(s string) (uint64, bool) {
		for t := range uint16(258) {
			if n := typeName(t); n != "" && strings.EqualFold(n, s) {
				return uint64(t), true
			}
		}
		return 0, false
	})
	if err != nil {
		return nil, fmt.Errorf("rrtype: %w", err)
	}
	return func(tx proto.Tx, d proto.Dir) bool {
		t, ok := tx.(*Tx)
		if !ok || t.dir != d {
			return false
		}
		section := secQuery
		if t.isResponse() {
			section = secAnswer
		}
		for i := range t.section(section) {
			if want.match(uint64(t.section(section)[i].typ)) {
				return true
			}
		}
		return false
	}, nil
}

// number is a test of Suricata's integer keywords: all bounds inclusive.
type number struct {
	lo, hi uint64
	mask   uint64 // 0 for none
	negate bool
}

func (n number) match(v uint64) bool {
	if n.mask != 0 {
		v &= n.mask
	}
	return (n.lo <= v && v <= n.hi) != n.negate
}

// parseNumber reads [!|=|!=|<|<=|>|>=] number, a range a-b without its ends, or
// &mask=value and &mask!=value; numbers are decimal or 0x…, names come from
// lookup.
func parseNumber(s string, bits int, lookup func(string) (uint64, bool)) (number, error) {
	value := func(s string) (uint64, error) {
		s = strings.TrimSpace(s)
		if v, err := strconv.ParseUint(s, 0, bits); err == nil {
			return v, nil
		}
		if lookup != nil {
			if v, ok := lookup(s); ok {
				return v, nil
			}
		}
		return 0, fmt.Errorf("want number of %d bits, got %q", bits, s)
	}
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "&"); ok {
		return parseMask(rest, value)
	}
	var n number
	if rest, ok := strings.CutPrefix(s, "!"); ok {
		n.negate, s = true, strings.TrimSpace(rest)
	}
	top := uint64(1)<<bits - 1
	op := s[:len(s)-len(strings.TrimLeft(s, "<>="))]
	if i := strings.IndexByte(s, '-'); op == "" && i > 0 {
		return n.between(s[:i], s[i+1:], value)
	}
	v, err := value(s[len(op):])
	if err != nil {
		return n, err
	}
	switch op {
	case "", "=":
		n.lo, n.hi = v, v
	case "<=":
		n.hi = v
	case ">=":
		n.lo, n.hi = v, top
	case "<":
		// Nothing is below 0.
		if n.hi = v - 1; v == 0 {
			return n, fmt.Errorf("want number above 0, got %q", s)
		}
	case ">":
		if n.lo, n.hi = v+1, top; v == top {
			return n, fmt.Errorf("want number below %d, got %q", top, s)
		}
	default:
		return n, fmt.Errorf("want operator, got %q", op)
	}
	return n, nil
}

func (n number) between(a, b string, value func(string) (uint64, error)) (number, error) {
	lo, err := value(a)
	if err != nil {
		return n, err
	}
	hi, err := value(b)
	if err != nil {
		return n, err
	}
	if hi < lo+2 {
		return n, fmt.Errorf("want range with a number inside, got %s-%s", a, b)
	}
	n.lo, n.hi = lo+1, hi-1
	return n, nil
}

func parseMask(s string, value func(string) (uint64, error)) (n number, err error) {
	mask, want, ok := strings.Cut(s, "=")
	if !ok {
		return n, fmt.Errorf("want &mask=value, got %q", "&"+s)
	}
	mask, n.negate = strings.CutSuffix(strings.TrimSpace(mask), "!")
	if n.mask, err = value(mask); err != nil {
		return n, err
	}
	if n.lo, err = value(want); err != nil {
		return n, err
	}
	n.hi = n.lo
	if n.mask == 0 {
		return n, fmt.Errorf("want mask above 0, got %q", "&"+s)
	}
	return n, nil
}
