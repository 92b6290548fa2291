package respond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Counters are a Responder's totals.
type Counters struct {
	Matched, Delivered, Retried, Dead atomic.Uint64
	// Unreadable are records that are no EVE lines; they are passed over.
	Unreadable atomic.Uint64
	// Stalled counts the times that a match list waited because the spool or the
	// dead letters could not be read or written.
	Stalled atomic.Uint64
}

// Spool is where a Responder reads: a *bus.Spool that this process writes, or the
// *bus.Folder of one that another does.
type Spool interface {
	Reader(name string) (*bus.Reader, error)
	Cursors() ([]string, error)
	Forget(name string) error
}

// Responder runs the match lists over a spool.
type Responder struct {
	spool Spool
	dead  *bus.Spool
	lists []*MatchList
	opt   Options
	// readers are those of the lists, nil before Open.
	readers []*bus.Reader
	// OnOutcome, when set before Run, is told of every attempt. It may be
	// called by several goroutines.
	OnOutcome func(Outcome)

	C Counters
}

// New makes a Responder that reads records from spool and puts what can't be
// delivered into dead.
func New(spool Spool, dead *bus.Spool, lists []*MatchList, opt Options) *Responder {
	if opt.Attempts <= 0 {
		opt.Attempts = 8
	}
	if opt.First <= 0 {
		opt.First = time.Second
	}
	if opt.Longest <= 0 {
		opt.Longest = time.Minute
	}
	if opt.Timeout <= 0 {
		opt.Timeout = 10 * time.Second
	}
	if opt.Rand == nil {
		opt.Rand = rand.Float64
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Responder{spool: spool, dead: dead, lists: lists, opt: opt}
}

// cursorPrefix is before a match list's name in that of its cursor.
const cursorPrefix = "respond-"

// Run delivers until ctx ends or the spool is closed and read to its end. One
// slow receiver holds up its own match list only. It opens what Open did not,
// and closes it.
func (r *Responder) Run(ctx context.Context) error {
	if r.readers == nil {
		if _, err := r.Open(); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	for i, m := range r.lists {
		wg.Go(func() { r.follow(ctx, m, r.readers[i]) })
	}
	wg.Wait()
	return r.Close()
}

// Close closes what Open opened, for a Responder that will not Run.
func (r *Responder) Close() error {
	var errs []error
	for _, reader := range r.readers {
		errs = append(errs, reader.Close())
	}
	r.readers = nil
	return errors.Join(errs...)
}

// Open opens the cursors of the match lists, all or none, so that what is wrong
// with them is told before Run. There is one Responder to a spool: cursors of
// match lists that it does not have are forgotten. aside names the files of
// damaged cursors, put out of the way: their lists begin with the oldest record.
func (r *Responder) Open() (aside []string, err error) {
	names, err := r.spool.Cursors()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		known := func(m *MatchList) bool { return cursorPrefix+m.Name == name }
		if strings.HasPrefix(name, cursorPrefix) && !slices.ContainsFunc(r.lists, known) {
			if err := r.spool.Forget(name); err != nil {
				return nil, err
			}
		}
	}
	for _, m := range r.lists {
		reader, err := r.spool.Reader(cursorPrefix + m.Name)
		if err != nil {
			return aside, errors.Join(fmt.Errorf("match list %s: %w", m.Name, err), r.Close())
		}
		r.readers = append(r.readers, reader)
		if f := reader.SetAside(); f != "" {
			aside = append(aside, f)
		}
	}
	return aside, nil
}

// follow delivers the records of one match list in order and acknowledges each
// block once all of it is delivered or dead.
func (r *Responder) follow(ctx context.Context, m *MatchList, reader *bus.Reader) {
	for {
		var b bus.Batch
		closed := false
		if !r.insist(ctx, func() (err error) {
			b, err = reader.Next(ctx)
			closed = errors.Is(err, bus.ErrClosed)
			if closed {
				return nil
			}
			return err
		}) || closed {
			return
		}
		for _, line := range b.Records {
			// What is not done when ctx ends is not acknowledged: the block
			// comes again.
			if !r.one(ctx, m, line) {
				return
			}
		}
		if !r.insist(ctx, func() error { return reader.Ack(b.End) }) {
			return
		}
	}
}

// insist repeats what needs the disk until it is done or ctx ends, with growing
// pauses: a full disk must not end a match list.
func (r *Responder) insist(ctx context.Context, do func() error) bool {
	for n := 1; ; n++ {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.C.Stalled.Add(1)
		if !sleep(ctx, r.pause(n, err)) {
			return false
		}
	}
}

// one runs a record through a match list; it returns false when ctx ended
// before it was done.
func (r *Responder) one(ctx context.Context, m *MatchList, line []byte) bool {
	e, err := record.ParseEVE(line)
	if err != nil {
		r.C.Unreadable.Add(1)
		return true
	}
	if !m.matches(e, r.opt.Now()) {
		return true
	}
	r.C.Matched.Add(1)
	return r.deliver(ctx, m, &Delivery{ID: deliveryID(m.Name, line), MatchList: m.Name, Entry: e})
}

// deliveryID is the same whenever the same record meets the same match list.
func deliveryID(list string, line []byte) string {
	h := sha256.New()
	h.Write([]byte(list))
	h.Write([]byte{0})
	h.Write(line)
	return "msg_" + hex.EncodeToString(h.Sum(nil)[:16])
}

func (r *Responder) deliver(ctx context.Context, m *MatchList, d *Delivery) bool {
	for d.Attempt = 1; ; d.Attempt++ {
		start := r.opt.Now()
		err := r.attempt(ctx, m.Action, d)
		if ctx.Err() != nil && err != nil {
			return false
		}
		var p *permanent
		dead := err != nil && (errors.As(err, &p) || d.Attempt >= r.opt.Attempts)
		r.tell(Outcome{Delivery: d, Err: err, Dead: dead, Took: r.opt.Now().Sub(start)})
		switch {
		case err == nil:
			r.C.Delivered.Add(1)
			return true
		case dead:
			r.C.Dead.Add(1)
			return r.insist(ctx, func() error { return r.bury(d, err) })
		}
		r.C.Retried.Add(1)
		if !sleep(ctx, r.pause(d.Attempt, err)) {
			return false
		}
	}
}

func (r *Responder) attempt(ctx context.Context, a Action, d *Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	return a.Deliver(ctx, d)
}

func (r *Responder) tell(o Outcome) {
	if r.OnOutcome != nil {
		r.OnOutcome(o)
	}
}

// pause is how long to wait after a failed attempt: what the receiver asked
// for, else doubling with half of it left to chance, so that many sensors do
// not come back at once.
func (r *Responder) pause(attempt int, err error) time.Duration {
	var l *later
	if errors.As(err, &l) {
		return min(l.pause, 5*r.opt.Longest)
	}
	p := min(r.opt.First, r.opt.Longest)
	for ; attempt > 1 && p < r.opt.Longest; attempt-- {
		p = min(2*p, r.opt.Longest)
	}
	return p/2 + time.Duration(r.opt.Rand()*float64(p/2))
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (r *Responder) bury(d *Delivery, cause error) error {
	b, err := json.Marshal(DeadLetter{
		ID: d.ID, MatchList: d.MatchList, Time: r.opt.Now().UTC(), Attempts: d.Attempt,
		Error: cause.Error(), Record: json.RawMessage(d.Entry.Raw),
	})
	if err != nil {
		return err
	}
	if err := r.dead.Append(b); err != nil {
		return fmt.Errorf("dead letters: %w", err)
	}
	return nil
}
