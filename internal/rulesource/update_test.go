package rulesource

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// world is a store and the folder of one source.
type world struct {
	*Store
	t   *testing.T
	src string
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{NewStore(filepath.Join(dir, "rules")), t, filepath.Join(dir, "src"), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	if err := os.Mkdir(w.src, 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.src, "a.rules"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) prepare(sources ...Source) *Plan {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	p, err := Prepare(w.t.Context(), w.Store, append([]Source{{Name: "s", Path: w.src}}, sources...), "", &Lists{}, &Fetcher{}, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) update(text string) *Manifest {
	w.t.Helper()
	unlock, err := w.Lock()
	if err != nil {
		w.t.Fatal(err)
	}
	defer unlock()
	w.write(text)
	m, err := w.prepare().Commit(false)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// loaded is what a service would load.
func (w *world) loaded() string {
	w.t.Helper()
	m, err := w.Current()
	if err != nil {
		w.t.Fatal(err)
	}
	out := ""
	for _, p := range w.Paths(m, "s") {
		text, err := os.ReadFile(p)
		if err != nil {
			w.t.Fatal(err)
		}
		out += string(text)
	}
	return out
}

func version(n string) string { return strings.Replace(ruleText, `"a"`, `"`+n+`"`, 1) }

func TestGenerations(t *testing.T) {
	w := newWorld(t)
	if m, err := w.Current(); m != nil || err != nil {
		t.Fatalf("%v, %v", m, err)
	}
	if _, _, err := w.Rollback(); err == nil {
		t.Error("rollback of nothing")
	}
	first := w.update(version("1"))
	same := w.update(version("1"))
	if same.Generation != 1 || !same.Sources[0].Changed.Equal(first.Created) || !same.Sources[0].Checked.After(first.Created) {
		t.Errorf("nothing changed: %+v", same)
	}
	for _, v := range []string{"2", "3", "4"} {
		w.update(version(v))
	}
	if got := w.loaded(); got != version("4") {
		t.Errorf("loaded %q", got)
	}
	for _, dir := range []string{"generations", "blobs"} {
		if all, err := os.ReadDir(w.path(dir)); err != nil || len(all) != keep {
			t.Errorf("%s: %v, %v", dir, all, err)
		}
	}
	for _, want := range []string{"3", "2"} {
		if _, _, err := w.Rollback(); err != nil {
			t.Fatal(err)
		}
		if got := w.loaded(); got != version(want) {
			t.Errorf("loaded %q, want %s", got, want)
		}
	}
	if _, _, err := w.Rollback(); err == nil {
		t.Error("rolled back beyond what is kept")
	}
	// The next update leads back to what was in force before it, not to what
	// had been rolled back.
	w.update(version("5"))
	if _, _, err := w.Rollback(); err != nil || w.loaded() != version("2") {
		t.Errorf("%v, loaded %q", err, w.loaded())
	}
}

// TestPrepareChangesNothing: a plan that is not committed leaves no trace.
func TestPrepareChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.update(version("1"))
	w.write(version("2"))
	p := w.prepare()
	if o := p.Sources[0]; !p.New || o.Status != Updated || o.Changed != 1 || o.Added+o.Removed != 0 {
		t.Errorf("%+v", p)
	}
	if got := w.loaded(); got != version("1") {
		t.Errorf("loaded %q", got)
	}
	if blobs, err := os.ReadDir(w.path("blobs")); err != nil || len(blobs) != 1 {
		t.Errorf("%v, %v", blobs, err)
	}
}

// TestFailedSource: its rules stay, the others go on.
func TestFailedSource(t *testing.T) {
	w := newWorld(t)
	w.update(version("1"))
	if err := os.RemoveAll(w.src); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "b.rules")
	if err := os.WriteFile(other, []byte(strings.Replace(ruleText, "sid:1", "sid:2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := w.prepare(Source{Name: "o", Path: other}, Source{Name: "never", Path: other + "x"})
	var got []string
	for _, o := range p.Sources {
		got = append(got, o.Source+" "+string(o.Status))
	}
	if strings.Join(got, ", ") != "s failed, o updated, never failed" || p.Failed() != 2 || len(p.Sets) != 2 {
		t.Fatalf("%v, %d sets", got, len(p.Sets))
	}
	if _, err := p.Commit(false); err != nil {
		t.Fatal(err)
	}
	if got := w.loaded(); got != version("1") {
		t.Errorf("loaded %q", got)
	}
	var h interface{ Hint() string }
	if !errors.As(p.Sources[0].Err, &h) {
		t.Errorf("no hint: %v", p.Sources[0].Err)
	}
}

// TestEmptySource: what has no rule in it is no update.
func TestEmptySource(t *testing.T) {
	w := newWorld(t)
	w.update(version("1"))
	w.write("nothing here\n")
	if p := w.prepare(); p.New || p.Sources[0].Status != Failed {
		t.Errorf("%+v", p.Sources[0])
	}
}

// TestOnly: sources that are not asked keep their rules, and lists apply to
// them.
func TestOnly(t *testing.T) {
	w := newWorld(t)
	w.update(version("1"))
	w.write(version("2"))
	ls := &Lists{}
	if errs := ls.Add("disable", []string{"1"}); len(errs) > 0 {
		t.Fatal(errs)
	}
	p, err := Prepare(t.Context(), w.Store, []Source{{Name: "s", Path: w.src}, {Name: "o", Path: w.src}}, "o", ls, &Fetcher{}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if s, o := p.Sources[0], p.Sources[1]; s.Status != Kept || s.Removed != 1 || s.Counts.Disabled != 1 || o.Status != Updated {
		t.Errorf("%+v, %+v", s, o)
	}
}

func TestLockAndCancel(t *testing.T) {
	w := newWorld(t)
	w.write(version("1"))
	unlock, err := w.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewStore(w.dir).Lock(); err == nil {
		t.Error("locked twice")
	}
	unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Prepare(ctx, w.Store, []Source{{Name: "s", Path: w.src}}, "", &Lists{}, &Fetcher{}, w.now); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestBroken: a store that somebody damaged says so, and never leads outside.
func TestBroken(t *testing.T) {
	for name, damage := range map[string]func(w *world) error{
		"current":  func(w *world) error { return os.WriteFile(w.path("current"), []byte("x"), 0o600) },
		"missing":  func(w *world) error { return os.WriteFile(w.path("current"), []byte("9"), 0o600) },
		"manifest": func(w *world) error { return os.WriteFile(w.generation(1, "manifest.json"), []byte("{"), 0o600) },
		"names": func(w *world) error {
			text := `{"generation":1,"sources":[{"name":"s","blob":"` + strings.Repeat("0", 64) + `","files":["../../../x"]}]}`
			return os.WriteFile(w.generation(1, "manifest.json"), []byte(text), 0o600)
		},
	} {
		w := newWorld(t)
		w.update(version("1"))
		if err := damage(w); err != nil {
			t.Fatal(err)
		}
		if m, err := w.Current(); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
	// A lost blob is fetched anew.
	w := newWorld(t)
	m := w.update(version("1"))
	if err := os.WriteFile(w.blob(m.Sources[0].Blob), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := w.prepare(); p.New || p.Sources[0].Status != Updated {
		t.Errorf("%+v", p.Sources[0])
	}
}

func TestJudge(t *testing.T) {
	before := &Measure{Rules: 100, Active: 100, Work: 1000}
	for name, c := range map[string]struct {
		before *Measure
		next   Measure
		want   string
	}{
		"first":        {nil, Measure{Rules: 10, Active: 10, Work: 1 << 40}, ""},
		"same":         {before, *before, ""},
		"empty":        {nil, Measure{}, "no rule"},
		"refused":      {before, Measure{Rules: 100, Active: 94, Refused: 6}, "6 of 100"},
		"few refused":  {before, Measure{Rules: 100, Active: 95, Refused: 5}, ""},
		"fewer active": {before, Measure{Rules: 49, Active: 49}, "less than half"},
		"half":         {before, Measure{Rules: 50, Active: 50}, ""},
		"work":         {before, Measure{Rules: 100, Active: 100, Work: 2001}, "2001 steps"},
		"twice":        {before, Measure{Rules: 100, Active: 100, Work: 2000}, ""},
		"limited":      {before, Measure{Rules: 100, Active: 100, Limited: 1}, "1 evaluations"},
	} {
		got := strings.Join(Judge(c.before, c.next, 100), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := Judge(&Measure{Rules: 1, Active: 1}, Measure{Rules: 2, Active: 2, Work: 1000}, 100); len(got) > 0 {
		t.Errorf("little work refuses: %v", got)
	}
}
