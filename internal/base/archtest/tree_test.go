package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the path that our own imports start with.
const module = "github.com/mirrorwall/mirrorwall/"

// source is one parsed Go file.
type source struct {
	path string // slash-separated, from the repository's root
	dir  string
	test bool
	text []byte
	ast  *ast.File
}

// tree is every Go file of a repository.
type tree struct {
	fset    *token.FileSet
	sources []*source
	found   []string // violations, "path:line: rule: what"
}

// load parses a repository. testdata and hidden folders are nobody's code.
func load(repo fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	err := fs.WalkDir(repo, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (name == "testdata" || name == "node_modules" || name[0] == '.') {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return t.parse(repo, p)
	})
	return t, err
}

func (t *tree) parse(repo fs.FS, p string) error {
	text, err := fs.ReadFile(repo, p)
	if err != nil {
		return err
	}
	const mode = parser.ParseComments | parser.SkipObjectResolution
	f, err := parser.ParseFile(t.fset, p, text, mode)
	if err != nil {
		t.found = append(t.found, fmt.Sprintf("%s:1: syntax: %v", p, err))
		return nil
	}
	t.sources = append(t.sources, &source{
		path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), text: text, ast: f,
	})
	return nil
}

// report notes a violation at a node; nil means the whole file.
func (t *tree) report(s *source, at ast.Node, rule, format string, args ...any) {
	line := 1
	if at != nil {
		line = t.fset.Position(at.Pos()).Line
	}
	t.found = append(t.found,
		fmt.Sprintf("%s:%d: %s: %s", s.path, line, rule, fmt.Sprintf(format, args...)))
}

// imports yields a file's imports of this module, without the module's path.
func (s *source) imports() func(yield func(string, *ast.ImportSpec) bool) {
	return func(yield func(string, *ast.ImportSpec) bool) {
		for _, spec := range s.ast.Imports {
			if p, ok := strings.CutPrefix(importPath(spec), module); ok && !yield(p, spec) {
				return
			}
		}
	}
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return p
}

// room is the folder below internal that a path belongs to, "" for none.
func room(p string) string {
	parts := strings.Split(p, "/")
	if len(parts) < 2 || parts[0] != "internal" {
		return ""
	}
	return parts[1]
}

// testKit reports whether a package is for tests only: prototest, capturetest.
func testKit(p string) bool { return strings.HasSuffix(path.Base(p), "test") }

// lines counts as an editor does.
func lines(text []byte) int {
	n := bytes.Count(text, []byte("\n"))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		n++
	}
	return n
}

// packages groups the production files by folder and package name.
func (t *tree) packages() [][]*source {
	groups := map[string][]*source{}
	for _, s := range t.sources {
		if !s.test {
			key := s.dir + " " + s.ast.Name.Name
			groups[key] = append(groups[key], s)
		}
	}
	keys := make([]string, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([][]*source, 0, len(keys))
	for _, k := range keys {
		out = append(out, groups[k])
	}
	return out
}
