//go:build unix && !solaris && !aix

package bus

import (
	"errors"
	"os"
	"slices"
	"testing"
)

// TestLock: a second writer is refused without touching what is there, and may
// have the folder once the first has closed it.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, Options{})
	if err := first.Append([]byte("a")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := Open(dir, Options{})
		var le *LockedError
		if !errors.As(err, &le) || le.Dir != dir || le.Hint() == "" {
			t.Fatalf("second writer: %v", err)
		}
	}
	if err := errors.Join(first.Append([]byte("b")), first.Close()); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir, Options{})
	if got := drain(t, second, "r", false); !slices.Equal(got, []string{"a", "b"}) || second.Counters().Damaged != 0 {
		t.Errorf("after the lock: %q, %+v", got, second.Counters())
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLockReleasedOnError: a spool that could not be opened locks nobody out.
func TestLockReleasedOnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(segmentPath(dir, 1), 0o750); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := Open(dir, Options{})
		var le *LockedError
		if err == nil || errors.As(err, &le) {
			t.Fatalf("a folder in the place of a segment: %v", err)
		}
	}
}
