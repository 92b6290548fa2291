package console

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

	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
)

var update = flag.Bool("update", false, "rewrite the generated part of docs/api.md")

type apiDoc struct {
	Paths map[string]map[string]struct {
		OperationID, Summary string
		Parameters           []struct {
			Name, Description string
			Required          bool
			Schema            struct {
				Type    any
				Default any
				Enum    []any
			}
		}
		RequestBody struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
	}
	Components struct {
		Schemas map[string]struct {
			Properties map[string]struct {
				Type        any
				Description string
			}
			Required []string
		}
	}
}

// TestAPIDoc holds docs/api.md to the OpenAPI document.
func TestAPIDoc(t *testing.T) {
	f := newFixture(t).setup()
	var doc apiDoc
	if err := json.Unmarshal(f.do(200, f.login(access.Superuser), "GET /api/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var calls []string
	text := map[string]string{}
	for path, ops := range doc.Paths {
		for method := range ops {
			call := path + " " + strings.ToUpper(method)
			calls, text[call] = append(calls, call), operation(&doc, path, method)
		}
	}
	slices.Sort(calls)
	var b strings.Builder
	for _, c := range calls {
		b.WriteString(text[c])
	}
	path := filepath.Join(recordtest.Root(t), "docs", "api.md")
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- generated: operations -->\n", "<!-- end: operations -->"
	head, rest, ok := strings.Cut(string(have), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/api.md: no markers")
	}
	if got == b.String() {
		return
	}
	if !*update {
		t.Fatal("docs/api.md is not what the code says; go test ./internal/console -update rewrites it")
	}
	if err := os.WriteFile(path, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

func operation(doc *apiDoc, path, method string) string {
	var b strings.Builder
	op := doc.Paths[path][method]
	need := cmp.Or(string(permissions()[op.OperationID]), "none but being signed in")
	fmt.Fprintf(&b, "### %s %s\n\n%s. Needs: %s.\n\n", strings.ToUpper(method), path, op.Summary, need)
	for _, p := range op.Parameters {
		fmt.Fprintf(&b, "- `%s`", p.Name)
		if p.Required {
			b.WriteString(" (required)")
		}
		if p.Schema.Default != nil {
			fmt.Fprintf(&b, ", %v unless given", p.Schema.Default)
		}
		if len(p.Schema.Enum) > 0 {
			fmt.Fprintf(&b, ", one of %v", p.Schema.Enum)
		}
		if p.Description != "" {
			b.WriteString(": " + p.Description)
		}
		b.WriteString("\n")
	}
	body := doc.Components.Schemas[filepath.Base(op.RequestBody.Content["application/json"].Schema.Ref)]
	var names []string
	for name := range body.Properties {
		if !strings.HasPrefix(name, "$") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "- in the body: `%s`", name)
		if slices.Contains(body.Required, name) {
			b.WriteString(" (required)")
		}
		if d := body.Properties[name].Description; d != "" {
			b.WriteString(": " + d)
		}
		b.WriteString("\n")
	}
	if len(op.Parameters)+len(names) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}
