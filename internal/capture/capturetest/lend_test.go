package capturetest

import (
	"context"
	"io"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/capture"
)

// constant lends the same memory for ever, as a careless source may.
type constant struct{ data []byte }

func (c constant) ReadBatch(_ context.Context, b *capture.Batch) error {
	b.Frames = append(b.Frames[:0], capture.Frame{Data: c.data, WireLen: len(c.data)})
	b.N = 1
	return nil
}
func (constant) Counters() capture.Counters { return capture.Counters{} }
func (constant) Close() error               { return io.ErrClosedPipe }

func TestLend(t *testing.T) {
	src := Lend(constant{[]byte("payload")})
	var b capture.Batch
	var kept []byte
	for range 2 {
		if err := src.ReadBatch(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		if got := string(b.Frames[0].Data); got != "payload" {
			t.Fatalf("lent: want payload, got %q", got)
		}
		if kept == nil {
			kept = b.Frames[0].Data
		}
	}
	if string(kept) == "payload" {
		t.Error("memory kept over a ReadBatch still holds its bytes")
	}
	if err := src.Close(); err != io.ErrClosedPipe {
		t.Errorf("Close: got %v", err)
	}
}
