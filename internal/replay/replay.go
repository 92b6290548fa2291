package replay

import (
	"context"
	"errors"
	"io"

	"github.com/mirrorwall/mirrorwall/internal/capture"
)

// Options adjust Play.
type Options struct {
	VNI   uint32
	Pacer *Pacer // nil: the pace of the capture
	// OnFrame, when set, is told after each frame.
	OnFrame func()
}

// Totals are what Play has read.
type Totals struct {
	Cut   uint64 // frames that the capture's snap length had cut; sent as they are
	Empty uint64 // records without a frame, left out
}

// Play mirrors all frames of a source, and returns at its end or ctx's.
func Play(ctx context.Context, src capture.Source, s *Sender, opt Options) (t Totals, err error) {
	if opt.Pacer == nil {
		opt.Pacer = &Pacer{}
	}
	var b capture.Batch
	var buf []byte
	for first := true; ; {
		err := src.ReadBatch(ctx, &b)
		for i := range b.Frames[:b.N] {
			f := &b.Frames[i]
			if first {
				opt.Pacer.Restart(f.Time)
				first = false
			}
			var frameErr error
			if buf, frameErr = appendEthernet(buf[:0], f.Data, f.Link); frameErr != nil {
				return t, frameErr
			}
			if len(buf) == 0 {
				t.Empty++
				continue
			}
			if f.WireLen > len(f.Data) {
				t.Cut++
			}
			if err := one(ctx, s, buf, f.Time, &opt); err != nil {
				return t, err
			}
		}
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return t, err
		}
	}
}

// one sends a frame when it is due.
func one(ctx context.Context, s *Sender, frame []byte, at int64, opt *Options) error {
	if err := opt.Pacer.Wait(ctx, at); err != nil {
		return err
	}
	if err := s.Send(frame, opt.VNI); err != nil {
		return err
	}
	if opt.OnFrame != nil {
		opt.OnFrame()
	}
	return nil
}
