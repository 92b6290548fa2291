package doctest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/respond"
)

// TestVariables keeps the table of variables in docs/respond.md, and proves
// that a template takes each.
func TestVariables(t *testing.T) {
	want := []string{"", "| Variable | Also | Holds |", "|---|---|---|"}
	for _, f := range record.Fields() {
		var names []string
		for _, n := range append([]string{f.Name, f.PAN}, f.Aliases...) {
			n = strings.NewReplacer(".", "_", "-", "_").Replace(n)
			if n != "" && !slices.Contains(names, "$"+n) {
				names = append(names, "$"+n)
			}
		}
		if _, err := respond.ParseTemplate(strings.Join(names, " "), "text/plain"); err != nil {
			t.Error(err)
		}
		if f.Inert {
			continue // docs/fields.md lists them
		}
		also := "-"
		if len(names) > 1 {
			also = "`" + strings.Join(names[1:], "`, `") + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", names[0], also, f.Doc))
	}
	read(t, "docs/respond.md").same(t, "<!-- variables: written by go test ./internal/base/doctest -update -->",
		"<!-- end of variables -->", append(want, ""))
}
