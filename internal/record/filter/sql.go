package filter

import (
	"net/netip"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Dialect is an engine's SQL.
type Dialect uint8

// Dialects.
const (
	DuckDB Dialect = iota
	ClickHouse
)

// Separator stands before and after each element of a list's column: a list is
// one text, so that every engine keeps it alike; an empty list is an empty text.
const Separator = "\x1f"

// clause is a condition, or one of the constants.
type clause string

const (
	always clause = "TRUE"
	never  clause = "FALSE"
)

type writer struct {
	dialect Dialect
	log     string
	now     time.Time
	args    []any
	sample  record.Entry // a record of the log that says nothing
}

// SQL writes the filter as a condition on the table of a log type, whose columns
// are record.Columns(log), none of them NULL, an absent value the zero of its
// type:
//
//	text      VARCHAR
//	list      VARCHAR, each element between Separators
//	number    unsigned 64 bit
//	severity  unsigned 8 bit
//	address   16 bytes, IPv4 mapped into IPv6; absent: no bytes
//	time      TIMESTAMP with microseconds, UTC
//
// Values are bound parameters in args, never part of the text. A test that has
// the same answer for every record of the log is folded: where may be TRUE or
// FALSE. now is what relative times refer to.
func (f *Filter) SQL(d Dialect, log string, now time.Time) (where string, args []any) {
	if f == nil || f.root == nil {
		return string(always), nil
	}
	w := &writer{dialect: d, log: log, now: now, sample: record.Entry{Log: log}}
	c := f.root.sql(w)
	if c == always || c == never {
		return string(c), nil
	}
	return string(c), w.args
}

func (w *writer) bind(v any) string {
	w.args = append(w.args, v)
	return "?"
}

func (n and) sql(w *writer) clause { return join(w, n, " AND ", always, never) }

func (n or) sql(w *writer) clause { return join(w, n, " OR ", never, always) }

// join leaves out what is neutral, and everything when one part decides.
func join(w *writer, nodes []node, word string, neutral, decides clause) clause {
	var parts []string
	mark := len(w.args)
	for _, n := range nodes {
		switch c := n.sql(w); c {
		case neutral:
		case decides:
			w.args = w.args[:mark]
			return decides
		default:
			parts = append(parts, string(c))
		}
	}
	switch len(parts) {
	case 0:
		return neutral
	case 1:
		return clause(parts[0])
	}
	return clause("(" + strings.Join(parts, word) + ")")
}

func (n not) sql(w *writer) clause {
	switch c := n.x.sql(w); c {
	case always:
		return never
	case never:
		return always
	default:
		return "NOT (" + c + ")"
	}
}

func (l *leaf) sql(w *writer) clause {
	column := l.field.Column()
	if column == "" || !l.field.In(w.log) {
		if l.match(&w.sample, w.now) {
			return always
		}
		return never
	}
	return l.test.sql(w, `"`+column+`"`)
}

// Bytes16 is an address as a store keeps it; absent ones are empty.
func Bytes16(a netip.Addr) []byte {
	if !a.IsValid() {
		return []byte{}
	}
	b := a.As16()
	return b[:]
}

func (n network) sql(w *writer, column string) clause {
	first, last := bounds(n.Prefix)
	if first == last {
		return clause(column + " = " + w.blob(first))
	}
	c := column + " BETWEEN " + w.blob(first) + " AND " + w.blob(last)
	mapped := netip.PrefixFrom(netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff}), 96)
	if n.Addr().Is6() && n.Overlaps(mapped) {
		// IPv4 addresses are in no network of IPv6.
		a, b := bounds(mapped)
		c = "(" + c + " AND NOT (" + column + " BETWEEN " + w.blob(a) + " AND " + w.blob(b) + "))"
	}
	return clause(c)
}

func (w *writer) blob(b [16]byte) string {
	if w.dialect == ClickHouse {
		return w.bind(string(b[:]))
	}
	return w.bind(b[:])
}

// bounds are the first and the last address of a network, mapped into IPv6.
func bounds(p netip.Prefix) (first, last [16]byte) {
	first = p.Masked().Addr().As16()
	last = first
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		last[i/8] |= 1 << (7 - i%8)
	}
	return first, last
}

// sign is the SQL operator of a comparison's.
func sign(op string) string {
	return map[string]string{"eq": " = ", "geq": " >= ", "leq": " <= ", "gt": " > ", "lt": " < ", "neq": " <> "}[op]
}

func (c number) sql(w *writer, column string) clause {
	return clause(column + sign(c.op) + w.bind(c.n))
}

func (c numbers) sql(w *writer, column string) clause {
	marks := make([]string, len(c))
	for i, n := range c {
		marks[i] = w.bind(n)
	}
	return clause(column + " IN (" + strings.Join(marks, ", ") + ")")
}

func (c severity) sql(w *writer, column string) clause {
	op := c.op
	if op == "neq" {
		op = "eq"
	}
	return clause(column + sign(op) + w.bind(uint8(c.s)))
}

func (c span) sql(w *writer, column string) clause {
	from, to := c.micros(w.now)
	make := "make_timestamp(CAST(%s AS BIGINT))"
	if w.dialect == ClickHouse {
		make = "fromUnixTimestamp64Micro(%s, 'UTC')"
	}
	at := func(us int64) string { return strings.Replace(make, "%s", w.bind(us), 1) }
	return clause("(" + column + " >= " + at(from) + " AND " + column + " < " + at(to) + ")")
}

func (w *writer) lower(column string) string {
	if w.dialect == ClickHouse {
		return "lowerUTF8(" + column + ")"
	}
	return "lower(" + column + ")"
}

// has is the condition that a text contains another.
func (w *writer) has(text, part string) clause {
	if w.dialect == ClickHouse {
		return clause("position(" + text + ", " + w.bind(part) + ") > 0")
	}
	return clause("contains(" + text + ", " + w.bind(part) + ")")
}

func (c element) sql(w *writer, column string) clause {
	if strings.Contains(c.low, Separator) {
		return never
	}
	if !c.part {
		return w.has(w.lower(column), Separator+c.low+Separator)
	}
	if c.low == "" {
		return clause(column + " <> ''")
	}
	return w.has(w.lower(column), c.low)
}

func (c text) sql(w *writer, column string) clause {
	switch c.op {
	case "contains":
		if c.low == "" {
			return always
		}
		return w.has(w.lower(column), c.low)
	case "startswith":
		if w.dialect == ClickHouse {
			return clause("startsWith(" + w.lower(column) + ", " + w.bind(c.low) + ")")
		}
		return clause("starts_with(" + w.lower(column) + ", " + w.bind(c.low) + ")")
	}
	return clause(w.lower(column) + " = " + w.bind(c.low))
}

func (c oneOf) sql(w *writer, column string) clause {
	if len(c) == 0 {
		return never
	}
	marks := make([]string, len(c))
	for i, s := range c {
		marks[i] = w.bind(s)
	}
	return clause(w.lower(column) + " IN (" + strings.Join(marks, ", ") + ")")
}

func (c pattern) sql(w *writer, column string) clause {
	if w.dialect == ClickHouse {
		return clause("match(" + column + ", " + w.bind(c.canonical) + ")")
	}
	return clause("regexp_matches(" + column + ", " + w.bind(c.canonical) + ")")
}
