package bus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// disk remembers what was forced to it: all that a loss of power leaves.
type disk struct {
	t     *testing.T
	syncs int
	files []inode
	names map[string]map[string]os.FileInfo // by folder
}

type inode struct {
	info os.FileInfo
	data []byte
}

func (d *disk) sync(f *os.File) error {
	d.syncs++
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.IsDir() {
		data, err := os.ReadFile(f.Name())
		d.files = append(d.files, inode{info, data})
		return err
	}
	names := map[string]os.FileInfo{}
	entries, err := os.ReadDir(f.Name())
	for _, e := range entries {
		info, ierr := e.Info()
		err = errors.Join(err, ierr)
		names[e.Name()] = info
	}
	if d.names == nil {
		d.names = map[string]map[string]os.FileInfo{}
	}
	d.names[f.Name()] = names
	return err
}

// left makes a folder of what a loss of power leaves of dir.
func (d *disk) left(dir string) string {
	d.t.Helper()
	if d.names[filepath.Dir(dir)][filepath.Base(dir)] == nil {
		d.t.Fatalf("the name of %s was not synced", dir)
	}
	out := d.t.TempDir()
	for name, info := range d.names[dir] {
		var data []byte
		for _, f := range d.files {
			if os.SameFile(f.info, info) {
				data = f.data // the last one counts
			}
		}
		if err := os.WriteFile(filepath.Join(out, name), data, 0o640); err != nil {
			d.t.Fatal(err)
		}
	}
	return out
}

// TestPowerLoss: what was synced is there, with the cursor where it was
// acknowledged.
func TestPowerLoss(t *testing.T) {
	for name, tt := range map[string]struct {
		every time.Duration
		end   func(*Spool) error
	}{
		"after a flush":     {time.Hour, (*Spool).flush},
		"after Close":       {time.Hour, (*Spool).Close},
		"after each Append": {-1, func(*Spool) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			d := &disk{t: t}
			dir := filepath.Join(t.TempDir(), "state", "spool")
			s := open(t, dir, Options{SegmentBytes: 64, SyncEvery: tt.every, sync: d.sync})
			defer s.Close()
			r, err := s.Reader("r")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			fill(t, s, 0, 10)
			b, ok, err := r.read()
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			check := func(from int) {
				t.Helper()
				left := open(t, d.left(dir), Options{})
				defer left.Close()
				got := drain(t, left, "r", true)
				if len(got) != 10-from || got[0] != fmt.Sprintf("%04d", from) || left.Counters().Damaged != 0 {
					t.Errorf("got %v, %d damaged", got, left.Counters().Damaged)
				}
			}
			if err := tt.end(s); err != nil {
				t.Fatal(err)
			}
			check(0)
			if err := r.Ack(b.End); err != nil {
				t.Fatal(err)
			}
			check(1)
		})
	}
}

// TestSyncHoldsUpNobody: Append's callers read packets, so that it neither syncs
// nor waits for a sync under way, also where a segment ends.
func TestSyncHoldsUpNobody(t *testing.T) {
	d := &disk{t: t}
	var s *Spool
	n := 0
	s = open(t, t.TempDir(), Options{SegmentBytes: 64, SyncEvery: time.Hour, sync: func(f *os.File) error {
		if s == nil {
			return d.sync(f)
		}
		if !s.mu.TryLock() {
			t.Errorf("%s is synced under the lock", filepath.Base(f.Name()))
			return nil
		}
		closed := s.closed
		s.mu.Unlock()
		if !closed {
			fill(t, s, n, 5)
			n += 5
		}
		return d.sync(f)
	}})
	before := d.syncs
	fill(t, s, n, 10)
	n += 10
	if d.syncs != before {
		t.Errorf("Append synced %d times", d.syncs-before)
	}
	if len(s.rolled) == 0 {
		t.Fatal("no segment ended")
	}
	if err := s.flush(); err != nil || d.syncs < before+3 {
		t.Errorf("%d synced, %v", d.syncs-before, err)
	}
	if err := s.Close(); err != nil || len(s.rolled) != 0 {
		t.Errorf("%v, %d segments wait", err, len(s.rolled))
	}
	if got := drain(t, s, "r", true); len(got) != n {
		t.Errorf("%d records, want %d", len(got), n)
	}
}

// TestRolledAreBounded: segments that go before they were synced keep no file
// open, also when they go while they are synced.
func TestRolledAreBounded(t *testing.T) {
	var s *Spool
	s = open(t, t.TempDir(), Options{SegmentBytes: 64, MaxBytes: 256, SyncEvery: time.Hour, sync: func(f *os.File) error {
		if s != nil && !s.closed {
			fill(t, s, 0, 50)
		}
		return f.Sync()
	}})
	fill(t, s, 0, 50)
	if len(s.rolled) >= len(s.segments) {
		t.Errorf("%d files open of %d segments", len(s.rolled), len(s.segments))
	}
	if err := errors.Join(s.flush(), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestFlushEverySoOften: somebody flushes. There is no limit to how long it may
// take.
func TestFlushEverySoOften(t *testing.T) {
	synced := make(chan string, 1)
	s := open(t, t.TempDir(), Options{SyncEvery: time.Millisecond, sync: func(f *os.File) error {
		select {
		case synced <- filepath.Ext(f.Name()):
		default:
		}
		return nil
	}})
	defer s.Close()
	for <-synced != ".seg" {
	}
	fill(t, s, 0, 1)
	for <-synced != ".seg" {
	}
}

// TestFailedSync: it is counted, and what was not synced is tried again.
func TestFailedSync(t *testing.T) {
	d := &disk{t: t}
	bad := errors.New("input/output error")
	fails := true
	dir := filepath.Join(t.TempDir(), "spool")
	s := open(t, dir, Options{SegmentBytes: 64, SyncEvery: time.Hour, sync: func(f *os.File) error {
		if fails && filepath.Ext(f.Name()) == ".seg" {
			return bad
		}
		return d.sync(f)
	}})
	defer s.Close()
	fill(t, s, 0, 10)
	for range 2 {
		if err := s.flush(); !errors.Is(err, bad) {
			t.Fatalf("got %v", err)
		}
	}
	fails = false
	if err := s.flush(); err != nil || s.Counters().SyncErrors != 2 {
		t.Errorf("%v, %d counted", err, s.Counters().SyncErrors)
	}
	left := open(t, d.left(dir), Options{})
	defer left.Close()
	if got := drain(t, left, "r", true); len(got) != 10 {
		t.Errorf("got %v", got)
	}
}

// TestFailedBlockLeavesNothing: a block that is in the file but not on the disk
// is cut off, whole.
func TestFailedBlockLeavesNothing(t *testing.T) {
	bad := errors.New("input/output error")
	fails := false
	dir := t.TempDir()
	s := open(t, dir, Options{SyncEvery: -1, sync: func(*os.File) error {
		if fails {
			return bad
		}
		return nil
	}})
	defer s.Close()
	fill(t, s, 0, 1)
	fails = true
	if err := s.Append([]byte("a longer record than those around it")); !errors.Is(err, bad) {
		t.Fatalf("got %v", err)
	}
	if st, err := os.Stat(segmentPath(dir, 1)); err != nil || st.Size() != s.End().Offset {
		t.Errorf("%d bytes, want %d, %v", st.Size(), s.End().Offset, err)
	}
	fails = false
	fill(t, s, 1, 1)
	if got := fmt.Sprint(drain(t, s, "r", true)); got != "[0000 0001]" || s.Counters().Damaged != 0 {
		t.Errorf("got %s, %d damaged", got, s.Counters().Damaged)
	}
}
