package respond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Counters are a Responder's totals.
type Counters struct {
	Matched, Delivered, Retried, Dead, Unreadable atomic.Uint64
}

// Responder runs the match lists over a spool.
type Responder struct {
	spool *bus.Spool
	dead  *bus.Spool
	lists []*MatchList
	opt   Options
	// OnOutcome, when set before Run, is told of every attempt. It may be
	// called by several goroutines.
	OnOutcome func(Outcome)

	C Counters
}

// New makes a Responder that reads records from spool and puts what can't be
// delivered into dead.
func New(spool, dead *bus.Spool, lists []*MatchList, opt Options) *Responder {
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

// Run delivers until ctx ends or the spool is closed and read to its end. One
// slow receiver holds up its own match list only.
func (r *Responder) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(r.lists))
	for i, m := range r.lists {
		reader, err := r.spool.Reader("respond-" + m.Name)
		if err != nil {
			errs[i] = err
			continue
		}
		wg.Go(func() {
			errs[i] = errors.Join(r.follow(ctx, m, reader), reader.Close())
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// follow delivers the records of one match list in order and acknowledges each
// block once all of it is delivered or dead.
func (r *Responder) follow(ctx context.Context, m *MatchList, reader *bus.Reader) error {
	for {
		b, err := reader.Next(ctx)
		if errors.Is(err, bus.ErrClosed) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("match list %s: %w", m.Name, err)
		}
		for _, line := range b.Records {
			if err := r.one(ctx, m, line); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil // not acknowledged: the block comes again
		}
		if err := reader.Ack(b.End); err != nil {
			return fmt.Errorf("match list %s: %w", m.Name, err)
		}
	}
}

// one runs a record through a match list.
func (r *Responder) one(ctx context.Context, m *MatchList, line []byte) error {
	e, err := record.ParseEVE(line)
	if err != nil {
		r.C.Unreadable.Add(1)
		return nil
	}
	if !m.matches(e, r.opt.Now()) {
		return nil
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

func (r *Responder) deliver(ctx context.Context, m *MatchList, d *Delivery) error {
	for d.Attempt = 1; ; d.Attempt++ {
		start := r.opt.Now()
		err := r.attempt(ctx, m.Action, d)
		if ctx.Err() != nil && err != nil {
			return nil // shutting down: the record is not acknowledged
		}
		var p *permanent
		dead := err != nil && (errors.As(err, &p) || d.Attempt >= r.opt.Attempts)
		r.tell(Outcome{Delivery: d, Err: err, Dead: dead, Took: r.opt.Now().Sub(start)})
		switch {
		case err == nil:
			r.C.Delivered.Add(1)
			return nil
		case dead:
			r.C.Dead.Add(1)
			return r.bury(d, err)
		}
		r.C.Retried.Add(1)
		if !sleep(ctx, r.pause(d.Attempt, err)) {
			return nil
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
	p := r.opt.First << min(attempt-1, 20)
	if p > r.opt.Longest || p <= 0 {
		p = r.opt.Longest
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

// DeadLetter is a delivery that was given up, as the dead letter spool holds
// it.
type DeadLetter struct {
	ID        string          `json:"id"`
	MatchList string          `json:"match_list"`
	Time      time.Time       `json:"time"`
	Attempts  int             `json:"attempts"`
	Error     string          `json:"error"`
	Record    json.RawMessage `json:"record"`
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
