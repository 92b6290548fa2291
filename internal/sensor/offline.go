package sensor

import (
	"context"
	"errors"
	"io"

	"github.com/mirrorwall/mirrorwall/internal/capture"
)

// batchFrames is how many frames are asked of a source at once.
const batchFrames = 256

// Play runs a finite source through w to its end. The flows stay open; Finish
// ends them. progress, when not nil, is called after each batch.
func Play(ctx context.Context, w *Worker, src capture.Source, progress func()) error {
	batch := capture.Batch{Frames: make([]capture.Frame, batchFrames)}
	for {
		err := src.ReadBatch(ctx, &batch)
		for i := range batch.Frames[:batch.N] {
			w.Frame(&batch.Frames[i])
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if progress != nil {
			progress()
		}
	}
}
