package record_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// TestSmallDisk fills a file system until a write is cut in two: no half line
// may stay, and when there is room again the file goes on.
func TestSmallDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("mounting a small file system takes privileges: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "eve.json")
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, path, record.FileOptions{})
	line := strings.Repeat("x", 999) + "\n"
	kept := 0
	for range 20 {
		n, err := f.Write([]byte(line))
		kept += n / len(line)
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	if _, lost := f.Lost(); lost == 0 || int(lost)+kept*len(line) != 20*len(line) {
		t.Fatalf("%d lines kept, %d bytes lost of %d", kept, lost, 20*len(line))
	}
	if got := content(t, path); got != strings.Repeat(line, kept) {
		t.Errorf("%d lines kept, the file has %d bytes", kept, len(got))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	write(t, f, line)
	if got := content(t, path); got != strings.Repeat(line, kept+1) {
		t.Errorf("after there was room: %d bytes, want %d lines", len(got), kept+1)
	}
}
