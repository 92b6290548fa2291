// Package capturetest holds what tests of capture sources share: a conformance
// kit that every source passes, and a wrapper that makes consumers which keep
// borrowed memory fail.
//
// It owns no frames of its own and is imported by tests only.
package capturetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/invariant"
	"github.com/mirrorwall/mirrorwall/internal/capture"
)

// Open makes a fresh source and says which frames it will yield, in order. A
// Time or WireLen of 0 in want means that the value is not known beforehand:
// the kit then only checks that the source sets one.
type Open func(t *testing.T) (src capture.Source, want []capture.Frame)

// readTime bounds one ReadBatch of the kit; idleTime is how long a live source
// may keep the kit waiting for nothing.
const (
	readTime = time.Minute
	idleTime = 200 * time.Millisecond
)

// Run checks a source against the contract of capture.Source.
func Run(t *testing.T, open Open) {
	t.Run("frames", func(t *testing.T) { frames(t, open, 256) })
	t.Run("frames one by one", func(t *testing.T) { frames(t, open, 1) })
	t.Run("batch without memory", func(t *testing.T) { frames(t, open, 0) })
	t.Run("cancel", func(t *testing.T) { cancelled(t, open) })
	t.Run("close", func(t *testing.T) { closed(t, open) })
}

// frames reads all and checks content, order, lending, end and counters.
func frames(t *testing.T, open Open, size int) {
	src, want := open(t)
	defer src.Close()
	if len(want) == 0 {
		t.Fatal("harness: no frames wanted, so nothing is tested")
	}
	b := capture.Batch{Frames: make([]capture.Frame, size)}
	var got []capture.Frame
	for len(got) < len(want) {
		if err := read(src, &b, readTime); err != nil {
			t.Fatalf("frame %d: ReadBatch: %v", len(got), err)
		}
		if b.N < 1 || b.N > len(b.Frames) {
			t.Fatalf("frame %d: batch of %d frames in room for %d", len(got), b.N, len(b.Frames))
		}
		for i := range b.Frames[:b.N] {
			f := b.Frames[i]
			f.Data = bytes.Clone(f.Data)
			got = append(got, f)
		}
		checkDisjoint(t, b.Frames[:b.N])
		// The frames are ours until the next call: a source that still needs
		// this memory delivers rubbish next.
		scribble(b.Frames[:b.N])
	}
	for i := range min(len(got), len(want)) {
		compare(t, i, got[i], want[i])
	}
	if len(got) > len(want) {
		t.Errorf("frames: want %d, got %d", len(want), len(got))
	}
	checkEnd(t, src, &b)
	checkCounters(t, src, got)
}

// patience is how long tests wait for what must happen. Only tests that fail
// wait that long.
const patience = time.Minute

// Await polls until ok, or until a test should give up, and returns ok's last
// answer.
func Await(ok func() bool) bool {
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return ok()
		}
	}
	return true
}

// read is one ReadBatch with a deadline.
func read(src capture.Source, b *capture.Batch, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return src.ReadBatch(ctx, b)
}

func compare(t *testing.T, i int, got, want capture.Frame) {
	t.Helper()
	if !bytes.Equal(got.Data, want.Data) {
		t.Errorf("frame %d: data:\nwant %x\ngot  %x", i, want.Data, got.Data)
	}
	if got.WireLen < len(got.Data) || want.WireLen != 0 && got.WireLen != want.WireLen {
		t.Errorf("frame %d: wire length: want %d, got %d", i, want.WireLen, got.WireLen)
	}
	if want.Time == 0 && got.Time <= 0 || want.Time != 0 && got.Time != want.Time {
		t.Errorf("frame %d: time: want %d, got %d", i, want.Time, got.Time)
	}
	if got.Link != want.Link {
		t.Errorf("frame %d: link type: want %d, got %d", i, want.Link, got.Link)
	}
	if got.Outer != want.Outer {
		t.Errorf("frame %d: outer:\nwant %+v\ngot  %+v", i, want.Outer, got.Outer)
	}
}

// checkDisjoint fails when appending to one frame could reach another.
func checkDisjoint(t *testing.T, fs []capture.Frame) {
	t.Helper()
	for i := range fs {
		if cap(fs[i].Data) != len(fs[i].Data) {
			t.Errorf("frame %d of the batch: capacity %d exceeds length %d", i, cap(fs[i].Data), len(fs[i].Data))
			return
		}
	}
}

func scribble(fs []capture.Frame) {
	for i := range fs {
		invariant.Scribble(fs[i].Data)
	}
}

// checkEnd wants io.EOF, again and again, or, of a live source, patience until
// the context ends.
func checkEnd(t *testing.T, src capture.Source, b *capture.Batch) {
	t.Helper()
	for range 2 {
		err := read(src, b, idleTime)
		if !errors.Is(err, io.EOF) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the last frame: want io.EOF or the context's error, got %v", err)
		}
		if b.N != 0 {
			t.Errorf("after the last frame: batch holds %d frames", b.N)
		}
	}
}

func checkCounters(t *testing.T, src capture.Source, got []capture.Frame) {
	t.Helper()
	var size, cut uint64
	for i := range got {
		size += uint64(len(got[i].Data))
		if got[i].WireLen > len(got[i].Data) {
			cut++
		}
	}
	c := src.Counters()
	if c.Frames != uint64(len(got)) || c.Bytes != size || c.Truncated != cut {
		t.Errorf("counters: want %d frames, %d bytes, %d truncated, got %+v", len(got), size, cut, c)
	}
}

// cancelled checks that a context that ended is obeyed at once, and that it
// does no lasting harm.
func cancelled(t *testing.T, open Open) {
	src, _ := open(t)
	defer src.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var b capture.Batch
	if err := src.ReadBatch(ctx, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled context: want context.Canceled, got %v", err)
	}
	if err := read(src, &b, readTime); err != nil || b.N == 0 {
		t.Errorf("the call after it: %d frames, %v", b.N, err)
	}
}

// closed checks that Close is final and repeatable.
func closed(t *testing.T, open Open) {
	src, _ := open(t)
	for range 2 {
		if err := src.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	var b capture.Batch
	err := read(src, &b, idleTime)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ReadBatch after Close: want an error that says so, got %v", err)
	}
	src.Counters() // must not fail either
}
