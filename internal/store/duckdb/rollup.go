//go:build duckdb

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// A sealed part has its counts by the minute and by the fields that have few
// values: histograms and rankings of those read them instead of the part.

// dimensions are the columns of a log type's roll-up.
func dimensions(log string) []string {
	out := []string{"subtype", "proto", "app", "category_of_app", "risk_of_app", "tenant", "rule", "action", "zone_src", "zone_dst"}
	if log == "threat" {
		out = append(out, "severity", "threatid", "name_of_threatid", "category_of_threatid")
	}
	return out
}

func rollupTable(log string) string { return "rollup_" + log }

// hasFlows reports whether a log type counts bytes and packets.
func hasFlows(log string) bool {
	return slices.ContainsFunc(record.Columns(log), func(f record.Field) bool { return f.Name == "bytes" })
}

// createRollup is part of the first layout: a change of dimensions is a
// migration.
func createRollup() string {
	var b strings.Builder
	for _, log := range store.Logs() {
		b.WriteString("CREATE TABLE " + rollupTable(log) + "(part UBIGINT NOT NULL, " + timeColumn + " TIMESTAMP NOT NULL")
		for _, f := range record.Columns(log) {
			if slices.Contains(dimensions(log), f.Column()) {
				fmt.Fprintf(&b, ", %q %s NOT NULL", f.Column(), sqlType(f.Kind))
			}
		}
		b.WriteString(", n UBIGINT NOT NULL, bytes UBIGINT NOT NULL, packets UBIGINT NOT NULL);\n")
	}
	return b.String()
}

// rollupColumns are the dimensions in the order of the table.
func rollupColumns(log string) []string {
	var out []string
	for _, f := range record.Columns(log) {
		if slices.Contains(dimensions(log), f.Column()) {
			out = append(out, f.Column())
		}
	}
	return out
}

func insertRollup(p *part, source string) string {
	dims := `"` + strings.Join(rollupColumns(p.log), `", "`) + `"`
	sums := "0, 0"
	if hasFlows(p.log) {
		sums = "sum(bytes), sum(packets)"
	}
	return fmt.Sprintf("INSERT INTO %s SELECT %d, date_trunc('minute', %s) AS m, %s, count(*), %s FROM %s GROUP BY m, %s",
		rollupTable(p.log), p.id, timeColumn, dims, sums, source, dims)
}

// Fields with many values would make a roll-up by the minute as large as the
// part. Of these a sealed part has the counts of each value alone: a ranking
// without a filter over whole parts reads them.

// rankable are the columns that are counted, where a part has few enough values.
func rankable(log string) []record.Field {
	want := []string{"addr_src", "addr_dst", "port_dst", "hostname", "dns_query", "ja4", "vni", "instance", "eni", "misc", "user_agent", "http_status", "filetype", "filedigest"}
	return slices.DeleteFunc(record.Columns(log), func(f record.Field) bool { return !slices.Contains(want, f.Column()) })
}

// minRepeat is how many records a value must stand for, on the average.
const minRepeat = 8

func rankTable(k record.FieldKind) string {
	switch k {
	case record.KindAddr:
		return "rank_addr"
	case record.KindNumber:
		return "rank_number"
	}
	return "rank_text"
}

func rankTables() []string { return []string{"rank_addr", "rank_number", "rank_text"} }

// countTables have rows of sealed parts, under the column part.
func countTables() []string {
	out := rankTables()
	for _, log := range store.Logs() {
		out = append(out, rollupTable(log))
	}
	return out
}

// createRanks is part of the second layout.
func createRanks() string {
	var b strings.Builder
	for _, k := range []record.FieldKind{record.KindAddr, record.KindNumber, record.KindText} {
		fmt.Fprintf(&b, "CREATE TABLE %s(part UBIGINT NOT NULL, field VARCHAR NOT NULL, v %s NOT NULL, n UBIGINT NOT NULL, bytes UBIGINT NOT NULL, packets UBIGINT NOT NULL);\n",
			rankTable(k), sqlType(k))
	}
	return b.String()
}

// count writes a part's roll-up and rankings, and tells which columns have one.
// They count only once the part is sealed: rows of an attempt before this one,
// that did not come so far, are removed first.
func (s *Store) count(ctx context.Context, p *part) (ranked []string, err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	do := func(q string) {
		if err == nil {
			_, err = conn.ExecContext(ctx, q)
		}
	}
	source := s.source(p)
	fields := rankable(p.log)
	few := make([]bool, len(fields))
	for i, f := range fields {
		q := fmt.Sprintf("SELECT approx_count_distinct(%q) * %d <= count(*) FROM %s", f.Column(), minRepeat, source)
		if err := conn.QueryRowContext(ctx, q).Scan(&few[i]); err != nil {
			return nil, err
		}
	}
	do("BEGIN TRANSACTION")
	for _, t := range append(rankTables(), rollupTable(p.log)) {
		do(fmt.Sprintf("DELETE FROM %s WHERE part = %d", t, p.id))
	}
	do(insertRollup(p, source))
	sums := "0, 0"
	if hasFlows(p.log) {
		sums = "sum(bytes), sum(packets)"
	}
	for i, f := range fields {
		if few[i] {
			do(fmt.Sprintf("INSERT INTO %s SELECT %d, %s, %q, count(*), %s FROM %s GROUP BY %q", rankTable(f.Kind), p.id, quote(f.Column()), f.Column(), sums, source, f.Column()))
			ranked = append(ranked, f.Column())
		}
	}
	do("COMMIT")
	if err != nil {
		_, rerr := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return nil, errors.Join(err, rerr)
	}
	return ranked, nil
}

// ranking is a part's counts of a column's values, as rows of the part.
func ranking(x *held, col string) rowsOf {
	table := ""
	for _, f := range rankable(x.log) {
		if f.Column() == col {
			table = rankTable(f.Kind)
		}
	}
	return rowsOf{
		from:  fmt.Sprintf("(SELECT v AS %q, n, bytes, packets FROM %s WHERE part = %d AND field = %s)", col, table, x.id, quote(col)),
		where: "TRUE", count: "sum(n)",
	}
}
