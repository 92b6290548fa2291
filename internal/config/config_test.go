package config

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/apps"
	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// TestGood loads every testdata/*.good.yaml.
func TestGood(t *testing.T) {
	for _, path := range glob(t, "testdata/*.good.yaml") {
		if _, err := Load(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestBad loads every testdata/*.bad.yaml and wants the complaints that its
// comments name, "# want: …", in this order, and no others.
func TestBad(t *testing.T) {
	for _, path := range glob(t, "testdata/*.bad.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(text)) {
			if w, ok := strings.CutPrefix(line, "# want: "); ok {
				want = append(want, strings.TrimSpace(w))
			}
		}
		_, err = Parse("f.yaml", text)
		if d := cmp.Diff(want, complaints(t, err)); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
}

// complaints are the first lines of what is wrong with a document.
func complaints(t *testing.T, err error) (out []string) {
	t.Helper()
	errs, ok := err.(Errors)
	if !ok {
		t.Fatalf("got %v, want Errors", err)
	}
	for _, e := range errs {
		out = append(out, e.Error())
	}
	return out
}

// TestPlaces: each complaint shows its line with a caret, and what may be a
// secret is not shown.
func TestPlaces(t *testing.T) {
	_, err := Parse("f.yaml", []byte(`version: 1
sensor: {workers: many}
respond:
  - name: ä
    filter: |
      ( severity geq high )
      and ( app equals ssh )
  - {name: y, filter: '( severity gek high )', action: webhook, with: {url: "https://token", secret: token}, ulr: token}
`), func(_ *Config, k *Checker) {
		var with struct {
			URL  string `yaml:"url"`
			Body string `yaml:"body"`
		}
		if k.Decode(At("respond", 1, "with"), &with) || with.URL != "https://token" {
			t.Errorf("decoded %+v, and no complaint", with)
		}
		k.Add(At("respond", 1, "with", "url"), "", "url: is wrong")
		k.AddAt(At("respond", 1, "with", "url"), 3, "", "url: is wrong there")
	})
	want := `f.yaml:2:19: want a number, got "many"
	sensor: {workers: many}
	                  ^
f.yaml:4:5: respond: ä: want an action
	  - name: ä
	    ^
f.yaml:4:11: respond: name: want letters, digits, - and _, got "ä"
	  - name: ä
	          ^
f.yaml:7:17: respond: ä: filter: want an operator, got "equals"
	      and ( app equals ssh )
	                ^
	hint: app takes eq, neq, contains, startswith, matches, in, notin
f.yaml:8:35: respond: y: filter: want an operator, got "gek"
	  - {name: y, filter: '( severity gek high )', action: webhook, with: ...
	                                  ^
	hint: severity takes eq, neq, geq, leq, gt, lt
f.yaml:8:77: url: is wrong
	...                                             url: ...
	                                                     ^
f.yaml:8:81: url: is wrong there
f.yaml:8:94: unknown key "secret"
	...                                                  secret: ...
	                                                     ^
f.yaml:8:110: unknown key "ulr"
	...                                                  ulr: ...
	                                                     ^`
	if d := cmp.Diff(want, err.Error()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestSyntaxShowsNoSecret: a line that YAML can't read may hold one.
func TestSyntaxShowsNoSecret(t *testing.T) {
	for _, text := range []string{
		"version: 1\nrespond:\n  - name: x\n    with:\n      url: https://token: x\n",
		"version: 1\nrespond:\n  - with: {headers: {A: \"token\n",
		"version: 1\nrespond:\n  - with:\n    token\n   token: [\n",
	} {
		_, err := Parse("f.yaml", []byte(text))
		if err == nil || strings.Contains(strings.ReplaceAll(err.Error(), "   token: ...", ""), "token") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func TestSample(t *testing.T) {
	c, err := Load("../../mirrorwall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sensor.Listen) == 0 || len(c.Respond) != 0 {
		t.Errorf("the sample has no listener, or sends threats somewhere: %+v", c)
	}
	text, err := os.ReadFile("../../mirrorwall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range []string{"policy", "respond"} {
		text = uncommented(t, text, section)
	}
	catalogue, err := appid.Load(apps.FS)
	if err != nil {
		t.Fatal(err)
	}
	c, errs, warnings := Examine("mirrorwall.yaml", text, CheckPolicy(policy.Env{Apps: catalogue}))
	if len(errs) > 0 || len(c.Respond) != 1 || len(c.Policy.Rules) != 3 {
		t.Errorf("the sample's examples: %v", errs)
	}
	if len(warnings) > 0 {
		t.Errorf("the sample's policy: %v", warnings)
	}
}

// uncommented takes the '#' away from an example: the lines from that with its
// key to the next that is no comment.
func uncommented(t *testing.T, text []byte, section string) []byte {
	t.Helper()
	before, example, ok := bytes.Cut(text, []byte("\n#"+section+":"))
	if !ok {
		t.Fatal("the sample has no example of " + section)
	}
	example, after, _ := bytes.Cut(example, []byte("\n\n"))
	example = bytes.ReplaceAll(example, []byte("\n#"), []byte("\n"))
	return slices.Concat(before, []byte("\n"+section+":"), example, []byte("\n\n"), after)
}

// TestRetention: a log type that is named has limits of its own only.
func TestRetention(t *testing.T) {
	c, err := Load("testdata/full.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := &c.Store.Retention
	if got, want := r.Of("traffic"), (Keep{Age: Duration(7 * 24 * time.Hour), Bytes: 100 << 30}); got != want {
		t.Errorf("traffic: %+v, want %+v", got, want)
	}
	if got, want := r.Of("dns"), (Keep{Age: Duration(90 * 24 * time.Hour)}); got != want {
		t.Errorf("dns: %+v, want %+v", got, want)
	}
	if c.ConsoleState() != "/tmp/console" || c.StorePath() != filepath.Join("/tmp/mw", "store") {
		t.Errorf("folders %s, %s", c.ConsoleState(), c.StorePath())
	}
}

func FuzzConfig(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "../../mirrorwall.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("f.yaml", b)
		if (c == nil) != (err != nil) {
			t.Fatalf("config %v, error %v", c, err)
		}
	})
}
