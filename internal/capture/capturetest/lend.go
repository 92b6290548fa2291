package capturetest

import (
	"bytes"
	"context"

	"github.com/mirrorwall/mirrorwall/internal/base/invariant"
	"github.com/mirrorwall/mirrorwall/internal/capture"
)

// Lend wraps a source so that the lending rule bites: every batch is a copy,
// and the copy is overwritten when the next batch is asked for. A consumer
// that keeps a slice passes with the bare source and fails with this one.
func Lend(src capture.Source) capture.Source { return &lender{Source: src} }

type lender struct {
	capture.Source
	lent [][]byte
}

func (l *lender) ReadBatch(ctx context.Context, b *capture.Batch) error {
	for _, d := range l.lent {
		invariant.Scribble(d)
	}
	l.lent = l.lent[:0]
	err := l.Source.ReadBatch(ctx, b)
	for i := range b.Frames[:b.N] {
		f := &b.Frames[i]
		f.Data = bytes.Clone(f.Data)
		l.lent = append(l.lent, f.Data)
	}
	return err
}
