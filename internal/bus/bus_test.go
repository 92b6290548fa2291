package bus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, dir string, opt Options) *Spool {
	t.Helper()
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drain reads everything that is there and acknowledges it when ack is set.
func drain(t *testing.T, s *Spool, name string, ack bool) []string {
	t.Helper()
	r, err := s.Reader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	for {
		b, ok, err := r.read()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		for _, rec := range b.Records {
			out = append(out, string(rec))
		}
		if ack {
			if err := r.Ack(b.End); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAppendReadAck(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{SegmentBytes: 256})
	var want []string
	for i := range 50 {
		rec := fmt.Sprintf("record %d %s", i, strings.Repeat("x", i))
		want = append(want, rec)
		if err := s.Append([]byte(rec)); err != nil {
			t.Fatal(err)
		}
	}
	if got := drain(t, s, "a", false); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v", got)
	}
	if got := drain(t, s, "a", true); len(got) != len(want) {
		t.Fatalf("unacknowledged records came %d times of %d", len(got), len(want))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{SegmentBytes: 256})
	defer s.Close()
	if got := drain(t, s, "a", true); len(got) != 0 {
		t.Fatalf("acknowledged records came again: %v", got)
	}
	if got := drain(t, s, "late", true); len(got) == 0 {
		t.Fatal("a new reader sees nothing of what is kept")
	}
}

func TestBoundsCountLoss(t *testing.T) {
	s := open(t, t.TempDir(), Options{SegmentBytes: 512, MaxBytes: 2048})
	defer s.Close()
	if _, err := s.Reader("slow"); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := s.Append([]byte(fmt.Sprintf("%d %x", i, os.Getpid()*i*7919))); err != nil {
			t.Fatal(err)
		}
	}
	if c := s.Counters(); c.LostFull == 0 {
		t.Fatal("unread segments went away uncounted")
	}
	got := drain(t, s, "slow", true)
	if len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "199 ") {
		t.Fatalf("the newest record is missing: %d records", len(got))
	}
}

func TestTornAndDamagedBlocks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	for _, rec := range []string{"one", "two", "three"} {
		if err := s.Append([]byte(rec)); err != nil {
			t.Fatal(err)
		}
	}
	end := s.End()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := segmentPath(dir, 1)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(segmentMagic)+blockHeader+2] ^= 0xff // inside block one
	data = data[:end.Offset-1]                    // block three is torn
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	defer s.Close()
	if err := s.Append([]byte("four")); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(drain(t, s, "r", true)); got != "[two four]" {
		t.Fatalf("got %s", got)
	}
	if s.Counters().Damaged == 0 {
		t.Fatal("a damaged block was not counted")
	}
}

func TestNextWaitsAndEnds(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	r, err := s.Reader("r")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make(chan error, 1)
	go func() {
		b, err := r.Next(context.Background())
		if err == nil && string(b.Records[0]) != "late" {
			err = fmt.Errorf("got %q", b.Records[0])
		}
		got <- err
	}()
	if err := s.Append([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(context.Background()); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
	if err := s.Append([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
}

func TestCursorNameIsAWord(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	for _, name := range []string{"", "../x", "a/b", "a b"} {
		if _, err := s.Reader(name); err == nil {
			t.Errorf("cursor name %q was taken", name)
		}
	}
}

// TestKill appends in a child process that is killed without warning, and
// wants back every record whose Append had returned.
func TestKill(t *testing.T) {
	if dir := os.Getenv("BUS_TEST_CHILD"); dir != "" {
		s := open(t, dir, Options{SegmentBytes: 4096})
		for i := 0; ; i++ {
			if err := s.Append([]byte(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("accepted %d\n", i)
		}
	}
	dir := filepath.Join(t.TempDir(), "spool")
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKill$")
	cmd.Env = append(os.Environ(), "BUS_TEST_CHILD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	accepted := -1
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if _, err := fmt.Sscanf(sc.Text(), "accepted %d", &accepted); err == nil && accepted == 500 {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: the status says nothing
	if accepted < 500 {
		t.Fatalf("the child ended early, at %d", accepted)
	}
	s := open(t, dir, Options{})
	defer s.Close()
	got := drain(t, s, "r", true)
	if len(got) <= accepted {
		t.Fatalf("%d records accepted, %d there", accepted+1, len(got))
	}
	for i, rec := range got {
		if rec != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, rec)
		}
	}
}

func TestSyncEachBlock(t *testing.T) {
	s := open(t, t.TempDir(), Options{SyncEvery: -1})
	if err := s.Append([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAgeBound(t *testing.T) {
	now := time.Unix(1000, 0)
	s := open(t, t.TempDir(), Options{SegmentBytes: 64, MaxAge: time.Minute, Now: func() time.Time { return now }})
	defer s.Close()
	for i := range 20 {
		now = now.Add(10 * time.Second)
		if err := s.Append([]byte(fmt.Sprintf("a record of some length %d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if c := s.Counters(); c.LostAge == 0 {
		t.Fatalf("old segments stayed: %+v", c)
	}
}

func FuzzBlock(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.append(nil, [][]byte{[]byte("one"), nil, []byte("three")}))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		records, n, err := c.parse(b)
		if n < 0 || n > len(b) || err == nil && n < blockHeader {
			t.Fatalf("%d bytes used of %d, error %v", n, len(b), err)
		}
		if err != nil {
			return
		}
		want := fmt.Sprintf("%q", records) // borrowed until the next call
		again, _, err := c.parse(c.append(nil, slices.Clone(records)))
		if got := fmt.Sprintf("%q", again); err != nil || got != want {
			t.Fatalf("packed again: %s, %v, want %s", got, err, want)
		}
	})
}
