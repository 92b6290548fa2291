package tls

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// bounds is a comparison with one or two numbers.
type bounds struct {
	op   string // "=", "!", "<", "<=", ">", ">=", "<>"
	a, b int64
}

func (r *bounds) holds(v int64) bool {
	switch r.op {
	case "<":
		return v < r.a
	case "<=":
		return v <= r.a
	case ">":
		return v > r.a
	case ">=":
		return v >= r.a
	case "!":
		return v != r.a
	case "<>":
		return v > r.a && v < r.b
	}
	return v == r.a
}

// parseBounds reads a comparison whose numbers number reads.
func parseBounds(name, value string, number func(string) (int64, bool)) (r bounds, err error) {
	text := strings.Trim(strings.TrimSpace(value), `"`)
	bad := fmt.Errorf("%s: want a comparison, got %q", name, value)
	if a, b, ok := strings.Cut(text, "<>"); ok {
		r.op = "<>"
		var ok1, ok2 bool
		r.a, ok1 = number(strings.TrimSpace(a))
		r.b, ok2 = number(strings.TrimSpace(b))
		if !ok1 || !ok2 || r.a >= r.b {
			return r, bad
		}
		return r, nil
	}
	r.op = "="
	for _, op := range [...]string{"<=", ">=", "!=", "<", ">", "=", "!"} {
		if rest, ok := strings.CutPrefix(text, op); ok {
			r.op, text = op, rest
			break
		}
	}
	if r.op == "!=" {
		r.op = "!"
	}
	var ok bool
	if r.a, ok = number(strings.TrimSpace(text)); !ok {
		return r, bad
	}
	return r, nil
}

func parseUint32(s string) (int64, bool) {
	v, err := strconv.ParseUint(s, 10, 32)
	return int64(v), err == nil
}

// parseChainLen reads tls.cert_chain_len: a comparison with the number of
// certificates sent.
func parseChainLen(value string) (proto.TxTest, error) {
	r, err := parseBounds("tls.cert_chain_len", value, parseUint32)
	if err != nil {
		return nil, err
	}
	return func(x proto.Tx, d proto.Dir) bool {
		c := &x.(*tx).certs[d]
		return c.seen && r.holds(int64(c.count))
	}, nil
}

// parseWhen reads a date of a rule, in UTC: a year with a month, a day, a time
// to the hour, minute or second, or seconds since 1970.
func parseWhen(s string) (int64, bool) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) != 4 {
		return v, true
	}
	s = strings.Replace(s, "T", " ", 1)
	for _, layout := range [...]string{
		"2006", "2006-01", "2006-01-02", "2006-01-02 15", "2006-01-02 15:04", "2006-01-02 15:04:05",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Unix(), true
		}
	}
	return 0, false
}

// parseDate makes the reader of tls_cert_notbefore and tls_cert_notafter.
func parseDate(field func(*chain) int64) func(string) (proto.TxTest, error) {
	return func(value string) (proto.TxTest, error) {
		r, err := parseBounds("date", value, parseWhen)
		if err != nil {
			return nil, err
		}
		return func(x proto.Tx, d proto.Dir) bool {
			c := &x.(*tx).certs[d]
			return c.leaf.Dated && r.holds(field(c))
		}, nil
	}
}

// expired answers tls_cert_expired.
func expired(x proto.Tx, d proto.Dir) bool {
	t := x.(*tx)
	c := &t.certs[d].leaf
	return c.Dated && c.NotAfter < t.now
}

// valid answers tls_cert_valid.
func valid(x proto.Tx, d proto.Dir) bool {
	t := x.(*tx)
	c, now := &t.certs[d].leaf, t.now
	return c.Dated && c.NotBefore <= now && now <= c.NotAfter
}
