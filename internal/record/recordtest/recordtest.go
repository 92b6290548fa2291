// Package recordtest holds EVE lines against the schemas, for tests.
//
// It owns the way to the two schemas: ours of the object "mirrorwall", which
// the repository ships, and Suricata's of the whole record, which it finds in
// the exam folder and which tests must do without where that is missing.
package recordtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schemas are what a line is held against.
type Schemas struct {
	ours *jsonschema.Schema
	eve  *jsonschema.Schema // nil without the exam folder
}

// Load compiles the schemas. Without the exam folder only the object
// "mirrorwall" is checked, and the test's log says so.
func Load(tb testing.TB) *Schemas {
	tb.Helper()
	root := Root(tb)
	ours := read(tb, filepath.Join(root, "docs", "schema", "mirrorwall.schema.json"))
	s := &Schemas{ours: compile(tb, "ours.json", ours)}
	path := filepath.Join(Exam(tb), "eve-schema.json")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		tb.Logf("no %s: lines are checked against our own schema only; set EXAM to the folder that holds it", path)
		return s
	}
	eve := read(tb, path)
	props, ok := eve["properties"].(map[string]any)
	if !ok {
		tb.Fatalf("%s: no properties", path)
	}
	delete(ours, "$id")
	delete(ours, "$schema")
	props["mirrorwall"] = ours
	s.eve = compile(tb, "eve.json", eve)
	return s
}

// Check validates one EVE line.
func (s *Schemas) Check(line []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return errors.New("want an object")
	}
	if s.eve != nil {
		return s.eve.Validate(v)
	}
	if o, ok := m["mirrorwall"]; ok {
		return s.ours.Validate(o)
	}
	return nil
}

// CheckLines validates every line of an EVE file and reports each that fails,
// at most five. It returns the number of lines.
func (s *Schemas) CheckLines(tb testing.TB, eve []byte) (n int) {
	tb.Helper()
	bad := 0
	for line := range bytes.Lines(eve) {
		n++
		if !bytes.HasSuffix(line, []byte("\n")) {
			tb.Errorf("line %d is not whole: %s", n, line)
		}
		if err := s.Check(line); err != nil {
			if bad++; bad <= 5 {
				tb.Errorf("line %d: %v\n%s", n, err, line)
			}
		}
	}
	return n
}

// Full reports whether whole records are checked, not our object alone.
func (s *Schemas) Full() bool { return s.eve != nil }

// Root is the folder of go.mod.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the working folder")
		}
		dir = up
	}
}

// Exam is the folder of the public captures, $EXAM or ../shared/exam beside
// the repository. It need not exist.
func Exam(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("EXAM"); dir != "" {
		if filepath.IsAbs(dir) {
			return dir
		}
		return filepath.Join(Root(tb), dir)
	}
	return filepath.Join(Root(tb), "..", "shared", "exam")
}

func read(tb testing.TB, path string) map[string]any {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var doc map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return doc
}

func compile(tb testing.TB, name string, doc map[string]any) *jsonschema.Schema {
	tb.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	s, err := c.Compile(name)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return s
}
