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
func Play(ctx context.Context, src capture.Source, s *Sender, opt Options) (Totals, error) {
	if opt.Pacer == nil {
		opt.Pacer = &Pacer{}
	}
	var b capture.Batch
	p := player{ctx: ctx, s: s, opt: &opt}
	for {
		err := src.ReadBatch(ctx, &b)
		for i := range b.Frames[:b.N] {
			if err := p.frame(&b.Frames[i]); err != nil {
				return p.totals, err
			}
		}
		if errors.Is(err, io.EOF) {
			return p.totals, nil
		}
		if err != nil {
			return p.totals, err
		}
	}
}

type player struct {
	ctx    context.Context
	s      *Sender
	opt    *Options
	buf    []byte
	begun  bool
	totals Totals
}

// frame sends one frame when it is due.
func (p *player) frame(f *capture.Frame) (err error) {
	if !p.begun {
		p.opt.Pacer.Restart(f.Time)
		p.begun = true
	}
	if p.buf, err = appendEthernet(p.buf[:0], f.Data, f.Link); err != nil {
		return err
	}
	if len(p.buf) == 0 {
		p.totals.Empty++
		return nil
	}
	if f.WireLen > len(f.Data) {
		p.totals.Cut++
	}
	if err := p.opt.Pacer.Wait(p.ctx, f.Time); err != nil {
		return err
	}
	if err := p.s.Send(p.buf, p.opt.VNI); err != nil {
		return err
	}
	if p.opt.OnFrame != nil {
		p.opt.OnFrame()
	}
	return nil
}
