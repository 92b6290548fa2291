package record_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// clock is a wall clock that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func open(t *testing.T, path string, opt record.FileOptions) *record.File {
	t.Helper()
	f, err := record.OpenFile(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func write(t *testing.T, f *record.File, s string) {
	t.Helper()
	if n, err := f.Write([]byte(s)); err != nil || n != len(s) {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// list returns the names in a folder, sorted.
func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestRotateBySize(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "eve.json")
	f := open(t, path, record.FileOptions{MaxBytes: 10, Now: c.Now})
	write(t, f, "{1}\n")
	write(t, f, "{2}\n")
	c.advance(time.Second)
	write(t, f, "{3}\n") // 12 bytes would be too many
	if got := content(t, path); got != "{3}\n" {
		t.Errorf("eve.json: %q", got)
	}
	want := []string{"eve.json", "eve.json.20261123T100001.000000000"}
	if got := list(t, dir); !slices.Equal(got, want) {
		t.Fatalf("files %q, want %q", got, want)
	}
	if got := content(t, filepath.Join(dir, want[1])); got != "{1}\n{2}\n" {
		t.Errorf("rotated: %q", got)
	}
}

// TestRotateBig: one batch larger than the limit gets a file of its own, and
// an empty file is never rotated.
func TestRotateBig(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "eve.json")
	f := open(t, path, record.FileOptions{MaxBytes: 4, Now: c.Now})
	big := strings.Repeat("x", 100) + "\n"
	write(t, f, big)
	write(t, f, big) // at the same instant: the names must differ
	write(t, f, big)
	if got := list(t, dir); len(got) != 3 {
		t.Errorf("files %q, want 3", got)
	}
}

func TestRotateByAge(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "eve.json")
	f := open(t, path, record.FileOptions{MaxAge: time.Hour, Now: c.Now})
	write(t, f, "{1}\n")
	c.advance(59 * time.Minute)
	write(t, f, "{2}\n")
	c.advance(time.Minute)
	write(t, f, "{3}\n")
	if got := content(t, path); got != "{3}\n" {
		t.Errorf("eve.json: %q", got)
	}
	if got := list(t, dir); len(got) != 2 {
		t.Errorf("files %q, want 2", got)
	}
}

func TestKeep(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "eve.json")
	others := []string{"eve.json.20261123T100001.bak", "eve.json.gz", "eve.jsonl.20261123T100001.000000000"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, path, record.FileOptions{MaxBytes: 1, Keep: 2, Now: c.Now})
	for i := range 6 {
		c.advance(time.Second)
		write(t, f, fmt.Sprintf("{%d}\n", i))
	}
	got := list(t, dir)
	for _, name := range others {
		if !slices.Contains(got, name) {
			t.Errorf("%s is gone", name)
		}
	}
	var all string
	for _, name := range got {
		all += content(t, filepath.Join(dir, name))
	}
	if all != "{5}\n{3}\n{4}\n" {
		t.Errorf("files %q hold %q", got, all)
	}
}

// TestMovedAway: another program (logrotate) may move the file under its writer.
func TestMovedAway(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	path := filepath.Join(dir, "eve.json")
	f := open(t, path, record.FileOptions{MaxBytes: 1, Now: c.Now})
	write(t, f, "{1}\n")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "{2}\n")
	if got := content(t, path) + content(t, path+".moved"); got != "{2}\n{1}\n" {
		t.Errorf("files hold %q", got)
	}
}

// TestReopen: after a folder was away, records are lost and counted, and the
// next write after it is back succeeds.
func TestReopen(t *testing.T) {
	c := newClock()
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "eve.json")
	f := open(t, path, record.FileOptions{MaxBytes: 1, Now: c.Now})
	write(t, f, "{1}\n")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("{2}\n")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("write without a folder: %v", err)
	}
	if _, err := f.Write([]byte("{3}\n")); err != nil {
		t.Errorf("a row of failures is told once, got %v", err)
	}
	if w, b := f.Lost(); w != 2 || b != 8 {
		t.Errorf("lost %d writes, %d bytes", w, b)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, f, "{4}\n")
	if got := content(t, path); got != "{4}\n" {
		t.Errorf("eve.json: %q", got)
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	f := open(t, "/dev/full", record.FileOptions{MaxBytes: 1, MaxAge: 1, Keep: 1})
	if _, err := f.Write([]byte("{1}\n")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("first write: %v", err)
	}
	if _, err := f.Write([]byte("{2}\n")); err != nil {
		t.Errorf("second write of a row: %v", err)
	}
	if w, b := f.Lost(); w != 2 || b != 8 {
		t.Errorf("lost %d writes, %d bytes", w, b)
	}
	want := "eve: /dev/full: 8 bytes of records lost: no space left on device"
	if err := f.Err(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if st, err := os.Stat("/dev/full"); err != nil || st.Mode().IsRegular() {
		t.Error("the device was renamed or replaced")
	}
}

// TestHalfLine: a crash in mid-write leaves half a line, which the next start
// takes away.
func TestHalfLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "eve.json")
	for _, tt := range []struct{ name, old, want string }{
		{"whole", "{1}\n{2}\n", "{1}\n{2}\n{3}\n"},
		{"half", "{1}\n{2", "{1}\n{3}\n"},
		{"only half", "{1", "{3}\n"},
		{"empty", "", "{3}\n"},
		{"long", "{1}\n" + strings.Repeat("x", 100), "{1}\n{3}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.old), 0o600); err != nil {
				t.Fatal(err)
			}
			f := open(t, path, record.FileOptions{})
			write(t, f, "{3}\n")
			if got := content(t, path); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestWorkers: lines of several writers never mix, across rotations.
func TestWorkers(t *testing.T) {
	const workers, batches = 4, 200
	dir := t.TempDir()
	path := filepath.Join(dir, "eve.json")
	f := open(t, path, record.FileOptions{MaxBytes: 4 << 10})
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			line := strings.Repeat(string(rune('a'+i)), 50) + "\n"
			for range batches {
				if _, err := f.Write([]byte(line + line)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for _, name := range list(t, dir) {
		text := content(t, filepath.Join(dir, name))
		if len(text) > 4<<10 {
			t.Errorf("%s: %d bytes", name, len(text))
		}
		for line := range strings.Lines(text) {
			n++
			if line != strings.Repeat(line[:1], 50)+"\n" {
				t.Fatalf("%s: a mixed line %q", name, line)
			}
		}
	}
	if want := workers * batches * 2; n != want {
		t.Errorf("%d lines, want %d", n, want)
	}
	if w, b := f.Lost(); w+b != 0 || f.Err() != nil {
		t.Errorf("lost %d writes, %d bytes, %v", w, b, f.Err())
	}
}
