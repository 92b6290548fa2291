//go:build unix && !solaris && !aix

package record_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// TestOneWriter: a second writer of one path is refused and harms nothing, also
// after rotations; it may have the file once the first has closed it.
func TestOneWriter(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "eve.json"), newClock()
	first, err := record.OpenFile(path, record.FileOptions{MaxBytes: 1, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"{1}\n", "{2}\n", "{3}\n"} {
		write(t, first, text)
		for _, opt := range []record.FileOptions{{}, {New: true}} {
			var le *record.LockedError
			if _, err := record.OpenFile(path, opt); !errors.As(err, &le) || le.Path != path || le.Hint() == "" {
				t.Fatalf("second writer: %v", err)
			}
		}
		if got := content(t, path); got != text {
			t.Errorf("eve.json holds %q, want %q", got, text)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, path, record.FileOptions{New: true})
	write(t, second, "{4}\n")
	if got := content(t, path); got != "{4}\n" {
		t.Errorf("eve.json holds %q", got)
	}
}

// TestMovedAndTaken: the file was moved away under its writer, and another
// process has the path now. What that writes is left alone.
func TestMovedAndTaken(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "eve.json")
	first := open(t, path, record.FileOptions{MaxBytes: 1, Now: c.Now})
	write(t, first, "{1}\n")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	second, err := record.OpenFile(path, record.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, second, "{a}\n")
	var le *record.LockedError
	if _, err := first.Write([]byte("{2}\n")); !errors.As(err, &le) {
		t.Errorf("the path is taken: %v", err)
	}
	if got := list(t, dir); len(got) != 2 || content(t, path) != "{a}\n" {
		t.Errorf("files %q, %q", got, content(t, path))
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, first, "{3}\n")
	if got := content(t, path); got != "{a}\n{3}\n" {
		t.Errorf("eve.json holds %q", got)
	}
}

// TestNewThrowsAway: a new file is empty before the first write.
func TestNewThrowsAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "eve.json")
	if err := os.WriteFile(path, []byte("{1}\n{2"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, path, record.FileOptions{New: true})
	if got := content(t, path); got != "" {
		t.Errorf("holds %q", got)
	}
	write(t, f, "{3}\n")
	if got := content(t, path); got != "{3}\n" {
		t.Errorf("holds %q", got)
	}
}
