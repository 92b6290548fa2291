package doctest

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update writes the generated parts of the documents.
var update = flag.Bool("update", false, "write the generated parts of docs")

// root is the repository.
const root = "../../.."

// document is one Markdown file.
type document struct {
	path   string // from the root
	lines  []string
	fences []fence
	fenced []bool // by line: part of a fence
}

// fence is one block of code.
type fence struct {
	line int // of the opening, from 1
	lang string
	text string
}

func read(t *testing.T, path string) *document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{path: path, lines: strings.Split(string(text), "\n")}
	d.fenced = make([]bool, len(d.lines))
	open := -1
	for i, l := range d.lines {
		mark := strings.HasPrefix(strings.TrimSpace(l), "```")
		d.fenced[i] = mark || open >= 0
		switch {
		case mark && open < 0:
			open = i
		case mark:
			lang := strings.TrimPrefix(strings.TrimSpace(d.lines[open]), "```")
			body := strings.Join(d.lines[open+1:i], "\n") + "\n"
			d.fences = append(d.fences, fence{open + 1, lang, body})
			open = -1
		}
	}
	if open >= 0 {
		t.Errorf("%s:%d: a block of code has no end", path, open+1)
	}
	return d
}

// documents reads every Markdown file of the repository.
func documents(t *testing.T) []*document {
	t.Helper()
	var out []*document
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := e.Name()
		if e.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "dist") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			out = append(out, read(t, filepath.ToSlash(rel)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("only %d documents: not the repository", len(out))
	}
	return out
}

// text is a whole document.
func (d *document) text() string { return strings.Join(d.lines, "\n") }

// same compares a generated part with the document's, or writes it.
func (d *document) same(t *testing.T, begin, end string, want []string) {
	t.Helper()
	from, to := slices.Index(d.lines, begin), slices.Index(d.lines, end)
	if from < 0 || to < from {
		t.Fatalf("%s: want the lines %q and %q", d.path, begin, end)
	}
	if *update {
		lines := slices.Concat(d.lines[:from+1], want, d.lines[to:])
		write(t, d.path, strings.Join(lines, "\n"))
		return
	}
	if diff := cmp.Diff(d.lines[from+1:to], want); diff != "" {
		t.Errorf("%s: go test ./internal/base/doctest -update writes it (-have +want):\n%s", d.path, diff)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLength holds the two entrances to what one sitting reads.
func TestLength(t *testing.T) {
	for path, most := range map[string]int{"README.md": 150, "ARCHITECTURE.md": 300} {
		if n := len(read(t, path).lines) - 1; n > most {
			t.Errorf("%s: %d lines, want at most %d", path, n, most)
		}
	}
}

// TestNoMachinePaths keeps the writer's machine out of the documents.
func TestNoMachinePaths(t *testing.T) {
	for _, d := range documents(t) {
		for i, l := range d.lines {
			for _, p := range []string{"/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"} {
				if strings.Contains(l, p) {
					t.Errorf("%s:%d: names the folder %s of somebody's machine", d.path, i+1, p)
				}
			}
		}
	}
}
