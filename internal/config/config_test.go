package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
// comments name, "# want: …", all of them and no others.
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
		errs, ok := err.(Errors)
		if !ok {
			t.Errorf("%s: got %v, want Errors", path, err)
			continue
		}
		if len(errs) != len(want) {
			t.Errorf("%s: %d complaints, want %d:\n%v", path, len(errs), len(want), err)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no complaint %q in:\n%v", path, w, err)
			}
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
	if len(c.Sensor.Listen) == 0 || len(c.Respond) == 0 {
		t.Errorf("the sample shows no listener or no match list: %+v", c)
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
