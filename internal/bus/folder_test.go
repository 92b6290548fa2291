package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestFolder holds a follower of another process's spool to what it promises;
// the names are the promises.
func TestFolder(t *testing.T) {
	for name, f := range map[string]func(t *testing.T){
		"half a block is not there yet, and comes whole":          folderHalf,
		"a block that is given up and written anew comes anew":    folderAnew,
		"after a restart that cut the end nothing is passed over": folderCut,
		"zeros behind the last block are no blocks":               folderZeros,
		"what it read goes uncounted, what it did not is counted": folderLoss,
		"a folder made anew is read from its beginning":           folderRemade,
		"all is done when every cursor is at the end":             folderDone,
		"a block that failed gives its position to no other":      failedPosition,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), f)
	}
}

func follow(t *testing.T, dir, name string) (*Folder, *Reader) {
	t.Helper()
	f, err := Follow(dir, FolderOptions{Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Reader(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return f, r
}

// all reads what is there.
func all(t *testing.T, r *Reader, ack bool) (out []string) {
	t.Helper()
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

func want(t *testing.T, got []string, texts ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(texts) {
		t.Fatalf("got %v, want %v", got, texts)
	}
}

// put writes bytes into a segment, at the end of its file when at is negative.
func put(t *testing.T, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at, err = f.Seek(0, 2)
	}
	_, werr := f.WriteAt(b, at)
	if err := errors.Join(err, werr, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func pack(t *testing.T, text string) []byte {
	t.Helper()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	return c.append(nil, [][]byte{[]byte(text)})
}

func folderHalf(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 0, 1)
	f, r := follow(t, dir, "r")
	want(t, all(t, r, true), "0000")
	b := pack(t, "a block of several bytes")
	for i := range b {
		put(t, segmentPath(dir, 1), s.End().Offset+int64(i), b[i:i+1])
		if got := all(t, r, true); len(got) != 0 && i < len(b)-1 {
			t.Fatalf("after %d of %d bytes: %v", i+1, len(b), got)
		} else if i == len(b)-1 {
			want(t, got, "a block of several bytes")
		}
	}
	if f.Damaged() != 0 {
		t.Errorf("%d damaged", f.Damaged())
	}
}

// folderAnew: the writer's write fails after the length and part of the frame,
// with old bytes behind; it cuts them off, and another block comes there.
func folderAnew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	defer s.Close()
	f, r := follow(t, dir, "r")
	end := s.End()
	b := pack(t, "this one failed")
	b[len(b)-1] ^= 1
	put(t, segmentPath(dir, 1), end.Offset, b)
	want(t, all(t, r, true))
	if err := os.Truncate(segmentPath(dir, 1), end.Offset); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 0, 2)
	want(t, all(t, r, true), "0000", "0001")
	if f.Damaged() != 0 {
		t.Errorf("%d damaged", f.Damaged())
	}
}

// folderCut: the writer dies within a block, and its follower lives on.
func folderCut(t *testing.T) {
	for cut := range int64(30) {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		fill(t, s, 0, 3)
		_, r := follow(t, dir, "r")
		want(t, all(t, r, true), "0000", "0001", "0002")
		end := s.End()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		torn := pack(t, "a block that is longer than the next ones")
		put(t, segmentPath(dir, 1), end.Offset, torn[:min(cut, int64(len(torn)))])
		want(t, all(t, r, true))
		s = open(t, dir, Options{})
		fill(t, s, 3, 3)
		want(t, all(t, r, true), "0003", "0004", "0005")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func folderZeros(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	fill(t, s, 0, 1)
	_, r := follow(t, dir, "r")
	end := s.End()
	if err := errors.Join(s.Close(), os.Truncate(segmentPath(dir, 1), end.Offset+1000)); err != nil {
		t.Fatal(err)
	}
	want(t, all(t, r, true), "0000")
	s = open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 1, 40)
	if got := all(t, r, true); len(got) != 40 || got[0] != "0001" {
		t.Fatalf("got %v", got)
	}
}

// folderLoss: the writer counts the loss of a reader in another process, and of
// it alone.
func folderLoss(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{SegmentBytes: 128, MaxBytes: 512})
	defer s.Close()
	_, quick := follow(t, dir, "quick")
	for i := range 100 {
		fill(t, s, i, 1)
		if got := all(t, quick, true); len(got) != 1 {
			t.Fatalf("record %d: %v", i, got)
		}
	}
	if n := s.Counters().LostFull; n != 0 {
		t.Fatalf("%d segments counted that were read to their end", n)
	}
	_, slow := follow(t, dir, "slow")
	first := all(t, slow, false)
	fill(t, s, 100, 100)
	if s.Counters().LostFull == 0 {
		t.Fatal("segments went unread and uncounted")
	}
	if got := all(t, slow, true); len(got) == 0 || got[len(got)-1] != "0199" || len(first)+len(got) > 200 {
		t.Fatalf("first %v, then %v", first, got)
	}
}

func folderRemade(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{SegmentBytes: 64})
	fill(t, s, 0, 20)
	_, r := follow(t, dir, "r")
	if got := all(t, r, true); len(got) != 20 {
		t.Fatalf("got %v", got)
	}
	if err := errors.Join(s.Close(), os.RemoveAll(dir)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 20, 1)
	want(t, all(t, r, true), "0020")
}

func folderDone(t *testing.T) {
	dir := t.TempDir()
	f, r := follow(t, dir, "r")
	done := func(want bool) {
		t.Helper()
		if got, err := f.Done(); got != want || err != nil {
			t.Fatalf("done %v, %v, want %v", got, err, want)
		}
	}
	done(true)
	s := open(t, dir, Options{SegmentBytes: 64})
	defer s.Close()
	done(true)
	fill(t, s, 0, 10)
	done(false)
	all(t, r, true)
	done(true)
	s.mu.Lock()
	err := s.rollLocked()
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	done(true)
	fill(t, s, 10, 1)
	done(false)
}

// failedPosition: a block that was whole in the file when its sync failed may
// have been read; the next one must not have its ID.
func failedPosition(t *testing.T) {
	bad := errors.New("input/output error")
	fails := 0
	dir := t.TempDir()
	s := open(t, dir, Options{SyncEvery: -1, sync: func(*os.File) error {
		if fails > 0 {
			fails--
			return bad
		}
		return nil
	}})
	defer s.Close()
	seen := map[Position]bool{}
	for i := range 5 {
		fails = 1
		at := s.End()
		if s.Append([]byte("fails")) == nil {
			t.Fatal("no error")
		}
		seen[at] = true
		fails = 0
		fill(t, s, i, 1)
	}
	_, r := follow(t, dir, "r")
	for i := range 5 {
		b, err := r.Next(t.Context())
		if err != nil || string(b.Records[0]) != fmt.Sprintf("%04d", i) || seen[b.Origin.Start] {
			t.Fatalf("block %d: %v at %v, %v", i, b.Records, b.Origin.Start, err)
		}
	}
	if segments, err := listSegments(dir); err != nil || len(segments) > 6 {
		t.Errorf("%d segments, %v", len(segments), err)
	}
}

// TestFolderWaits: a follower may come before the writer, and sees what comes.
func TestFolderWaits(t *testing.T) {
	dir := t.TempDir() + "/later/spool"
	_, r := follow(t, dir, "r")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		b, err := r.Next(t.Context())
		if err == nil && (string(b.Records[0]) != "0007" || b.Origin.Spool == "" || b.Origin.Sensor != "local") {
			err = fmt.Errorf("%q of %+v", b.Records[0], b.Origin)
		}
		got <- err
	}()
	s := open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 7, 1)
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

// TestFollowedBound: a length that runs past the end of the file is not read.
func TestFollowedBound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	defer s.Close()
	fill(t, s, 0, 1)
	b := pack(t, "damaged")
	b[len(b)-1] ^= 1
	put(t, segmentPath(dir, 1), -1, b)
	head := make([]byte, blockHeader)
	binary.LittleEndian.PutUint32(head, maxBlock)
	put(t, segmentPath(dir, 1), -1, head)
	f, r := follow(t, dir, "r")
	want(t, all(t, r, true), "0000")
	if f.Damaged() != 0 {
		t.Errorf("%d damaged in what may still be written", f.Damaged())
	}
}
