//go:build duckdb

package duckdb

import (
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
