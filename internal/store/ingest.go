package store

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// IngestOptions are an Ingester's settings; zero fields mean the default.
type IngestOptions struct {
	// Rows and Wait bound a batch: what has come by then is appended as one; a
	// batch costs a commit. 65,536 rows, 500 ms.
	Rows int
	Wait time.Duration
	// Retry is how long to wait before an append that failed is tried again: 1 s,
	// doubled up to 30 s.
	Retry time.Duration
	Log   *slog.Logger
	Now   func() time.Time
}

// IngestCounters are an Ingester's totals.
type IngestCounters struct {
	Kept       uint64 // records that the store holds now because of this ingester
	Passed     uint64 // records that it held already
	Unreadable uint64 // lines that are no EVE record, or of no log type; lost
	Full       uint64 // records given up because the store had no room
	Retries    uint64 // appends that failed and were tried again
}

// Ingester carries records from the bus into a store. It acknowledges a block
// when the store has it for good, so a death at any time loses nothing and, as
// the store passes over what it holds, doubles nothing.
//
// A store that is full makes it count and go on: the bus must not fill up, and
// in the end the sensor's spool, because of a full disk here.
type Ingester struct {
	src   bus.Source
	store Store
	hub   *Hub
	logs  []string
	opt   IngestOptions

	kept, passed, unreadable, full, retries atomic.Uint64
	fullNow                                 atomic.Bool
}

// NewIngester carries from src to st and publishes on hub (nil: nobody follows).
// The source is the ingester's alone while Run runs.
func NewIngester(src bus.Source, st Store, hub *Hub, opt IngestOptions) *Ingester {
	if opt.Rows <= 0 {
		opt.Rows = 65_536
	}
	if opt.Wait <= 0 {
		opt.Wait = 500 * time.Millisecond
	}
	if opt.Retry <= 0 {
		opt.Retry = time.Second
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Ingester{src: src, store: st, hub: hub, logs: Logs(), opt: opt}
}

// Counters are the totals since NewIngester.
func (g *Ingester) Counters() IngestCounters {
	return IngestCounters{Kept: g.kept.Load(), Passed: g.passed.Load(), Unreadable: g.unreadable.Load(), Full: g.full.Load(), Retries: g.retries.Load()}
}

// Full reports whether the last append found no room.
func (g *Ingester) Full() bool { return g.fullNow.Load() }

// batch is what was read and not yet appended.
type batch struct {
	blocks []Block
	rows   int
	end    bus.Position
}

// Run works until ctx ends, which is no error, or the source does. What was
// read is appended before it returns. Reading and parsing go on while the batch
// before is appended.
func (g *Ingester) Run(ctx context.Context) error {
	work, done := make(chan batch), make(chan bus.Position)
	go func() {
		defer close(done)
		for b := range work {
			if g.append(ctx, b) {
				done <- b.end
			}
		}
	}()
	busy, err := false, error(nil)
	for err == nil {
		var b batch
		b, err = g.collect(ctx)
		if busy && (len(b.blocks) > 0 || err == nil) {
			end, ok := <-done
			if busy = false; !ok {
				break
			}
			err = errors.Join(err, g.src.Ack(end))
		}
		if len(b.blocks) > 0 {
			work <- b
			busy = true
		}
	}
	close(work)
	for end := range done {
		err = errors.Join(err, g.src.Ack(end))
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// collect reads blocks until a batch is full or Wait has gone by since its
// first block; without any it waits no longer than that either.
func (g *Ingester) collect(ctx context.Context) (batch, error) {
	var b batch
	within, cancel := context.WithTimeout(ctx, g.opt.Wait)
	defer cancel()
	for b.rows < g.opt.Rows {
		in, err := g.src.Next(within)
		if err != nil {
			if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				err = nil
			}
			return b, err
		}
		blk := g.parse(in)
		b.blocks, b.rows, b.end = append(b.blocks, blk), b.rows+len(blk.Entries), in.End
	}
	return b, nil
}

// parse copies a block's lines, whose memory the source will use again; the
// entries borrow the copy.
func (g *Ingester) parse(in bus.Batch) Block {
	size := 0
	for _, r := range in.Records {
		size += len(r)
	}
	mem := make([]byte, 0, size)
	blk := Block{Origin: in.Origin, Entries: make([]*record.Entry, 0, len(in.Records))}
	entries := make([]record.Entry, len(in.Records))
	for i, r := range in.Records {
		at := len(mem)
		mem = append(mem, r...)
		e := &entries[i]
		if err := record.BorrowEVE(mem[at:len(mem):len(mem)], e); err != nil || !slices.Contains(g.logs, e.Log) {
			g.unreadable.Add(1)
			continue
		}
		blk.Entries = append(blk.Entries, e)
	}
	return blk
}

// append appends until the store takes it. It reports false when ctx ended
// before: the batch comes again at the next start.
func (g *Ingester) append(ctx context.Context, b batch) bool {
	wait := g.opt.Retry
	for {
		// A shutdown does not cut a commit short, but it ends the trying.
		kept, err := g.store.Append(context.WithoutCancel(ctx), b.blocks)
		g.fullNow.Store(errors.Is(err, ErrFull))
		switch {
		case err == nil:
			g.kept.Add(uint64(kept))
			g.passed.Add(uint64(b.rows - kept))
			if g.hub != nil {
				g.hub.Publish(b.blocks, g.opt.Now())
			}
			return true
		case errors.Is(err, ErrFull):
			g.full.Add(uint64(b.rows))
			return true
		}
		g.retries.Add(1)
		g.opt.Log.Error("log store: records wait on the bus, trying again", "records", b.rows, "in", wait, "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
		wait = min(2*wait, 30*time.Second)
	}
}
