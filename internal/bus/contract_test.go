package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// fill appends n numbered records, one a block.
func fill(t *testing.T, s *Spool, from, n int) {
	t.Helper()
	for i := range n {
		if err := s.Append([]byte(fmt.Sprintf("%04d", from+i))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestContract holds the spool to what the package promises; the names are the
// promises.
func TestContract(t *testing.T) {
	for name, f := range map[string]func(t *testing.T){
		"a record is read once its Append returned nil":            appendThenRead,
		"a cursor beyond what a power loss left skips no record":   cursorBeyondEnd,
		"a cursor without its segments skips no record":            cursorWithoutSegments,
		"a damaged length costs its segment and is counted once":   damagedLength,
		"a file of another format is left alone and counted":       otherFormat,
		"what can't be read back is refused":                       tooLarge,
		"a failed Append leaves nothing and the next one works":    failedAppend,
		"acknowledged segments go, unread ones stay":               trimRead,
		"a forgotten cursor holds nothing":                         forgotten,
		"all segments together stay below the bound":               bounded,
		"readers follow the writer over segments, each on its own": followers,
		"zeros behind the last block are cut":                      zeroTail,
		"a damaged cursor is set aside and skips no record":        damagedCursor,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), f)
	}
}

func appendThenRead(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	for i := range 20 {
		fill(t, s, i, 1)
		if got := drain(t, s, "r", true); len(got) != 1 || got[0] != fmt.Sprintf("%04d", i) {
			t.Fatalf("record %d: got %v", i, got)
		}
	}
}

func cursorBeyondEnd(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	fill(t, s, 0, 10)
	end := s.End()
	drain(t, s, "r", true)
	s.Close()
	if err := os.Truncate(segmentPath(dir, 1), end.Offset/2); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 10, 20)
	if got := drain(t, s, "r", true); len(got) != 20 || got[0] != "0010" {
		t.Fatalf("got %v", got)
	}
}

func cursorWithoutSegments(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{SegmentBytes: 64})
	fill(t, s, 0, 10)
	drain(t, s, "r", true)
	s.Close()
	segments, err := listSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range segments {
		if err := os.Remove(segmentPath(dir, g.id)); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 10, 2)
	if got := fmt.Sprint(drain(t, s, "r", true)); got != "[0010 0011]" {
		t.Fatalf("got %s", got)
	}
}

func damagedLength(t *testing.T) {
	for _, length := range []uint32{1 << 31, 1 << 20} {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		fill(t, s, 0, 3)
		f, err := os.OpenFile(segmentPath(dir, 1), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], length)
		if _, err := f.WriteAt(b[:], int64(len(segmentMagic))); err != nil {
			t.Fatal(err)
		}
		f.Close()
		for range 3 {
			if got := drain(t, s, "r", true); len(got) != 0 {
				t.Fatalf("got %v", got)
			}
		}
		s.mu.Lock()
		err = s.rollLocked()
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		fill(t, s, 3, 1)
		if got := drain(t, s, "r", true); len(got) != 1 || s.Counters().Damaged != 1 {
			t.Fatalf("got %v, damaged %d", got, s.Counters().Damaged)
		}
		s.Close()
	}
}

func otherFormat(t *testing.T) {
	dir := t.TempDir()
	const text = "this is no segment of ours, whatever it is called"
	if err := os.WriteFile(segmentPath(dir, 7), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 0, 2)
	if got := fmt.Sprint(drain(t, s, "r", true)); got != "[0000 0001]" {
		t.Fatalf("got %s", got)
	}
	if b, err := os.ReadFile(segmentPath(dir, 7)); err != nil || string(b) != text {
		t.Fatalf("the file became %q, %v", b, err)
	}
	if s.Counters().Damaged == 0 {
		t.Fatal("not counted")
	}
}

func tooLarge(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	if err := s.Append(make([]byte, maxBlock)); err == nil {
		t.Error("a block of zeros that can't be unpacked was taken")
	}
	if err := s.Append(make([][]byte, maxRecords+1)...); err == nil {
		t.Error("too many records were taken")
	}
	if n := s.Counters().WriteErrors; n != 2 {
		t.Errorf("%d counted", n)
	}
	if err := s.Append(make([]byte, maxRaw-16)); err != nil {
		t.Error(err)
	}
	if got := drain(t, s, "r", true); len(got) != 1 {
		t.Errorf("%d records read back", len(got))
	}
}

func failedAppend(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	fill(t, s, 0, 1)
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	good := s.f
	s.f = full
	if err := s.Append([]byte("lost")); err == nil || s.Counters().WriteErrors != 1 {
		t.Fatalf("error %v, %d counted", err, s.Counters().WriteErrors)
	}
	s.f = good
	fill(t, s, 1, 1)
	if got := fmt.Sprint(drain(t, s, "r", true)); got != "[0000 0001]" {
		t.Fatalf("got %s", got)
	}
}

func trimRead(t *testing.T) {
	s := open(t, t.TempDir(), Options{SegmentBytes: 64})
	defer s.Close()
	fill(t, s, 0, 10)
	before := len(s.segments)
	r, err := s.Reader("slow")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fill(t, s, 10, 10)
	if len(s.segments) <= before {
		t.Fatalf("%d segments, %d before: unread ones went", len(s.segments), before)
	}
	drain(t, s, "slow", true)
	fill(t, s, 20, 10)
	if oldest := s.segments[0].id; oldest <= uint64(before) || s.Counters().LostFull != 0 {
		t.Fatalf("segment %d stayed, %d lost", oldest, s.Counters().LostFull)
	}
}

func forgotten(t *testing.T) {
	s := open(t, t.TempDir(), Options{SegmentBytes: 64})
	defer s.Close()
	fill(t, s, 0, 1)
	drain(t, s, "gone", true)
	fill(t, s, 1, 20)
	drain(t, s, "here", true)
	if err := s.Forget("gone"); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 21, 5)
	if names, err := s.Cursors(); err != nil || fmt.Sprint(names) != "[here]" || len(s.segments) > 6 {
		t.Fatalf("cursors %v, %v; %d segments", names, err, len(s.segments))
	}
	if err := s.Forget("gone"); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func bounded(t *testing.T) {
	opt := Options{SegmentBytes: 256, MaxBytes: 1024}
	s := open(t, t.TempDir(), opt)
	defer s.Close()
	for i := range 200 {
		fill(t, s, i, 1)
		var total int64
		for _, g := range s.segments {
			total += g.size
		}
		if total > opt.MaxBytes {
			t.Fatalf("%d bytes after %d records, want at most %d", total, i+1, opt.MaxBytes)
		}
	}
}

func followers(t *testing.T) {
	const records = 300
	s := open(t, t.TempDir(), Options{SegmentBytes: 512})
	var wg sync.WaitGroup
	for i := range 3 {
		r, err := s.Reader(fmt.Sprintf("r%d", i))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer r.Close()
			next := 0
			for {
				b, err := r.Next(context.Background())
				if errors.Is(err, ErrClosed) {
					break
				}
				if err != nil {
					t.Error(err)
					return
				}
				for _, rec := range b.Records {
					if want := fmt.Sprintf("%04d", next); string(rec) != want {
						t.Errorf("reader %d: got %s, want %s", i, rec, want)
						return
					}
					next++
				}
				if next%(10+i) == 0 {
					if err := r.Ack(b.End); err != nil {
						t.Error(err)
						return
					}
				}
			}
			if next != records {
				t.Errorf("reader %d: %d records, want %d", i, next, records)
			}
		})
	}
	fill(t, s, 0, records)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func zeroTail(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	fill(t, s, 0, 2)
	end := s.End()
	s.Close()
	if err := os.Truncate(segmentPath(dir, 1), end.Offset+1000); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	defer s.Close()
	// A reader elsewhere may stand in what was cut: the next block goes elsewhere.
	if want := (Position{2, int64(len(segmentMagic))}); s.End() != want || s.Counters().Damaged != 1 {
		t.Errorf("end %v, want %v; %d damaged", s.End(), want, s.Counters().Damaged)
	}
	if st, err := os.Stat(segmentPath(dir, 1)); err != nil || st.Size() != end.Offset {
		t.Errorf("%d bytes, want %d, %v", st.Size(), end.Offset, err)
	}
	fill(t, s, 2, 1)
	if got := fmt.Sprint(drain(t, s, "r", true)); got != "[0000 0001 0002]" {
		t.Errorf("got %s", got)
	}
}

func damagedCursor(t *testing.T) {
	for _, text := range []string{"", "garbage", `{"segment":1,"off`, "\x00\x00\x00", `{"segment":-1,"offset":8}`} {
		dir := t.TempDir()
		s := open(t, dir, Options{SegmentBytes: 64})
		fill(t, s, 0, 10)
		drain(t, s, "r", true)
		path := cursorPath(dir, "r")
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 10, 10) // what a cursor in doubt may need stays
		r, err := s.Reader("r")
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(r.SetAside()); err != nil || string(b) != text || r.SetAside() == path {
			t.Errorf("%q: %s is %q, %v", text, r.SetAside(), b, err)
		}
		names, err := s.Cursors()
		if err := errors.Join(err, r.Close()); err != nil || len(names) != 1 {
			t.Errorf("cursors %v, %v", names, err)
		}
		for again := range 2 {
			if got := drain(t, s, "r", true); len(got) != 20*(1-again) {
				t.Errorf("%q: got %v", text, got)
			}
		}
		s.Close()
	}
}
