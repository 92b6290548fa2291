package bus

import (
	"errors"
	"os"
	"slices"
	"testing"
)

// TestScan looks into a spool that another one writes to: whole blocks, in
// order, over several segments; damage is counted and half a block at the end
// is not there yet.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{SegmentBytes: 64})
	want := []string{"one", "two", "three", "four", "five"}
	scan := func() (got []string, damaged int) {
		damaged, err := Scan(dir, func(b []byte) error {
			got = append(got, string(b))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got, damaged
	}
	for _, r := range want {
		if err := s.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if got, damaged := scan(); !slices.Equal(got, want) || damaged != 0 {
		t.Fatalf("%q, %d damaged", got, damaged)
	}
	if segments, err := listSegments(dir); err != nil || len(segments) < 2 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, segmentPath(dir, 1), int64(len(segmentMagic))+blockHeader)
	last := segmentPath(dir, s.lastLocked().id)
	st, err := os.Stat(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(last, st.Size()-1); err != nil {
		t.Fatal(err)
	}
	if got, damaged := scan(); !slices.Equal(got, want[1:4]) || damaged != 1 {
		t.Errorf("%q, %d damaged", got, damaged)
	}
	stop := errors.New("stop")
	if _, err := Scan(dir, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if _, err := Scan(dir+"/no", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// flip turns over the bits of one byte of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] ^= 0xff
	_, werr := f.WriteAt(b[:], at)
	if err := errors.Join(err, werr, f.Close()); err != nil {
		t.Fatal(err)
	}
}
