//go:build duckdb

package duckdb

import (
	"database/sql/driver"
	"net/netip"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
)

// column is one of a part: the types are those that filter's SQL expects.
type column struct {
	name  string
	field record.Field
}

// timeColumn orders the records.
const timeColumn = "receive_time"

// computed are columns that need no room, by their expressions.
func computed() map[string]string {
	return map[string]string{"bytes": "bytes_sent + bytes_received", "packets": "pkts_sent + pkts_received"}
}

// columnsOf are the columns of a log type that are kept, in their order.
func columnsOf(log string) []column {
	var out []column
	for _, f := range record.Columns(log) {
		if name := f.Column(); computed()[name] == "" {
			out = append(out, column{name, f})
		}
	}
	return out
}

func sqlType(k record.FieldKind) string {
	switch k {
	case record.KindNumber:
		return "UBIGINT"
	case record.KindAddr:
		return "BLOB"
	case record.KindSeverity:
		return "UTINYINT"
	case record.KindTime:
		return "TIMESTAMP"
	}
	return "VARCHAR"
}

// zero is the literal of an absent value.
func zero(k record.FieldKind) string {
	switch k {
	case record.KindNumber:
		return "0::UBIGINT"
	case record.KindAddr:
		return "''::BLOB"
	case record.KindSeverity:
		return "0::UTINYINT"
	case record.KindTime:
		return "TIMESTAMP '0001-01-01'"
	}
	return "''"
}

// value is an entry's value for the appender.
func (c *column) value(e *record.Entry) driver.Value {
	switch c.field.Kind {
	case record.KindNumber:
		return c.field.Number(e)
	case record.KindAddr:
		return addrBytes(c.field.Addr(e))
	case record.KindSeverity:
		return uint8(c.field.Sev(e))
	case record.KindTime:
		return micros(c.field.Time(e))
	case record.KindList:
		l := c.field.List(e)
		if len(l) == 0 {
			return ""
		}
		return filter.Separator + strings.Join(l, filter.Separator) + filter.Separator
	}
	return c.field.Text(e)
}

func addrBytes(a netip.Addr) []byte { return filter.Bytes16(a) }

func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// createTable writes the table of a hot part.
func createTable(name string, cols []column) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + name + " (")
	for _, c := range cols {
		b.WriteString(`"` + c.name + `" ` + sqlType(c.field.Kind) + " NOT NULL, ")
	}
	b.WriteString("id UBIGINT NOT NULL, raw BLOB NOT NULL)")
	return b.String()
}

// view wraps a source so that it has every column of the log type: those that
// are computed, and those that an older version did not keep.
func view(source, log string, has []string) string {
	kept := map[string]bool{}
	for _, h := range has {
		kept[h] = true
	}
	var b strings.Builder
	b.WriteString("(SELECT *")
	for _, c := range columnsOf(log) {
		if !kept[c.name] {
			b.WriteString(", " + zero(c.field.Kind) + ` AS "` + c.name + `"`)
		}
	}
	inner := b.String() + " FROM " + source + ")"
	b.Reset()
	b.WriteString("(SELECT *")
	for _, f := range record.Columns(log) {
		if expr := computed()[f.Column()]; expr != "" {
			b.WriteString(", " + expr + " AS " + f.Column())
		}
	}
	return b.String() + " FROM " + inner + ")"
}

func names(cols []column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.name
	}
	return out
}
