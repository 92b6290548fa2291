package record_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/")

// TestFieldsDoc holds docs/fields.md against the catalogue.
func TestFieldsDoc(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Field | Other names | Kind | Logs | Holds | EVE | PAN-OS |\n|---|---|---|---|---|---|---|\n")
	var inert []string
	fields := record.Fields()
	slices.SortStableFunc(fields, func(a, b record.Field) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range fields {
		if f.Inert {
			inert = append(inert, f.Name)
			if f.PAN != f.Name {
				inert = append(inert, f.PAN)
			}
			continue
		}
		logs := "all"
		if f.Logs != nil {
			logs = strings.Join(f.Logs, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", code(f.Name), codes(f.Aliases), kindName(f.Kind), logs, f.Doc, code(f.EVE), code(f.PAN))
	}
	generated(t, "fields.md", "inert", codes(inert)+"\n")
	generated(t, "fields.md", "fields", b.String())
}

// TestFields: names are told apart, and each field has the getter of its kind.
func TestFields(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range record.Fields() {
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			if name == "" || name != strings.ToLower(name) || seen[name] {
				t.Errorf("%s: name %q is odd or taken", f.Name, name)
			}
			seen[name] = true
		}
		ok := map[record.FieldKind]bool{
			record.KindText: f.Text != nil, record.KindNumber: f.Number != nil, record.KindAddr: f.Addr != nil,
			record.KindSeverity: f.Sev != nil, record.KindTime: f.Time != nil, record.KindList: f.List != nil,
		}
		if !ok[f.Kind] || f.Doc == "" {
			t.Errorf("%s: no getter of its kind, or not described", f.Name)
		}
	}
}

// TestEVEDoc holds the tables of docs/eve.md against the code and the schema.
func TestEVEDoc(t *testing.T) {
	var b strings.Builder
	b.WriteString("| EVE `event_type` | Log type | PAN-OS log |\n|---|---|---|\n")
	for _, k := range record.Kinds() {
		name := code(k.EVE)
		if k.EVE == "" {
			name = fmt.Sprintf("(%s: not in eve.json)", k.Log)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, code(k.Log), cmp.Or(k.PAN, "-"))
	}
	generated(t, "eve.md", "kinds", b.String())
	generated(t, "eve.md", "mirrorwall", schemaTable(t))
}

func schemaTable(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recordtest.Root(t), "docs", "schema", "mirrorwall.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Properties map[string]struct {
			Type        string   `json:"type"`
			Enum        []string `json:"enum"`
			Description string   `json:"description"`
			Items       struct {
				Enum []string `json:"enum"`
			} `json:"items"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| Key | Type | Holds |\n|---|---|---|\n")
	for _, name := range ourOrder(text, len(s.Properties)) {
		p := s.Properties[name]
		holds := p.Description
		if values := append(p.Enum, p.Items.Enum...); len(values) > 0 {
			holds += " One of " + codes(values) + "."
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", code(name), p.Type, holds)
	}
	return b.String()
}

// ourOrder reads the names of the properties in the order of the schema's text.
func ourOrder(text []byte, n int) (names []string) {
	_, props, _ := strings.Cut(string(text), `"properties": {`)
	for line := range strings.Lines(props) {
		name, ok := strings.CutSuffix(strings.TrimSpace(line), `": {`)
		if ok && strings.HasPrefix(line, `    "`) && len(names) < n {
			names = append(names, name[1:])
		}
	}
	return names
}

func kindName(k record.FieldKind) string {
	return map[record.FieldKind]string{
		record.KindText: "text", record.KindNumber: "number", record.KindAddr: "address",
		record.KindSeverity: "severity", record.KindTime: "time", record.KindList: "list",
	}[k]
}

func code(s string) string {
	if s == "" {
		return "-"
	}
	return "`" + s + "`"
}

func codes(in []string) string {
	if len(in) == 0 {
		return "-"
	}
	return "`" + strings.Join(in, "`, `") + "`"
}

// generated wants text between the markers of a page in docs/.
func generated(t *testing.T, page, name, text string) {
	t.Helper()
	path := filepath.Join(recordtest.Root(t), "docs", page)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->"
	head, rest, ok := strings.Cut(string(old), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s: no markers of %s", page, name)
	}
	if got == text {
		return
	}
	if !*update {
		t.Errorf("docs/%s: %s is not what the code says; go test ./internal/record -update rewrites it", page, name)
		return
	}
	if err := os.WriteFile(path, []byte(head+begin+text+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
