package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestRepository holds this repository to every rule.
func TestRepository(t *testing.T) {
	const root = "../../.."
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	repo, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(repo.sources) < 50 {
		t.Fatalf("only %d files: not the repository", len(repo.sources))
	}
	for _, r := range rules() {
		r.check(repo)
	}
	for _, v := range repo.found {
		t.Error(v)
	}
}

// TestPlanted proves that each rule finds what is planted in testdata/*.txtar
// and nothing else there. An archive's comment is the list of violations; it
// is named for its rule, or clean.
func TestPlanted(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	planted := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		planted[name] = true
		t.Run(name, func(t *testing.T) { checkPlanted(t, name, file) })
	}
	for _, r := range rules() {
		if !planted[r.name] {
			t.Errorf("rule %s has nothing planted", r.name)
		}
	}
	if !planted["clean"] {
		t.Error("no clean.txtar")
	}
}

func checkPlanted(t *testing.T, name, file string) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	repo := fstest.MapFS{}
	for _, f := range a.Files {
		repo[f.Name] = &fstest.MapFile{Data: grow(f.Data)}
	}
	tr, err := load(repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules() {
		r.check(tr)
	}
	var want []string
	for l := range strings.Lines(string(a.Comment)) {
		if l = strings.TrimSpace(l); l != "" {
			want = append(want, l)
		}
	}
	slices.Sort(want)
	slices.Sort(tr.found)
	if d := cmp.Diff(want, tr.found); d != "" {
		t.Errorf("violations (-want +got):\n%s", d)
	}
	if name == "clean" {
		return
	}
	if !slices.ContainsFunc(tr.found, func(v string) bool { return strings.Contains(v, ": "+name+": ") }) {
		t.Errorf("rule %s finds nothing", name)
	}
}

// grow makes a planted file long where it says "grow 600".
func grow(text []byte) []byte {
	return []byte(strings.Replace(string(text), "// grow 600\n", strings.Repeat("// x\n", 600), 1))
}

func TestHasWord(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"x AB", true}, {"AB: y", true}, {"(AB)", true}, {"ABC", false}, {"CAB ab", false}, {"CAB AB", true},
	} {
		if got := hasWord(c.text, "AB"); got != c.want {
			t.Errorf("hasWord(%q) = %v", c.text, got)
		}
	}
}
