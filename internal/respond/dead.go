package respond

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

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

// ListDead calls f with the dead letters in dir that were not delivered later,
// oldest first, each once. The service may run meanwhile. damaged counts what
// can't be read.
func ListDead(dir string, f func(*DeadLetter) error) (damaged int, err error) {
	text, err := os.ReadFile(filepath.Join(dir, replayedName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("dead letters: %w", err)
	}
	return listDead(dir, replayed(text), f)
}

// listDead passes over the letters in done.
func listDead(dir string, done map[string]bool, f func(*DeadLetter) error) (damaged int, err error) {
	seen := map[string]bool{}
	unreadable := 0
	damaged, err = bus.Scan(dir, func(b []byte) error {
		var l DeadLetter
		if json.Unmarshal(b, &l) != nil || l.ID == "" {
			unreadable++
			return nil
		}
		if done[l.ID] || seen[l.ID] {
			return nil
		}
		seen[l.ID] = true
		return f(&l)
	})
	return damaged + unreadable, err
}

// Replayed is what became of dead letters that were sent again.
type Replayed struct {
	Delivered, Left int
	Damaged         int // can't be read
}

// ErrNoList says that a dead letter's match list is no longer configured.
var ErrNoList = errors.New("no such match list in the configuration")

// ReplayDead sends the dead letters in dir once more, one attempt each, with
// the ids that they had. What is delivered is a dead letter no longer. After an
// error that another attempt may cure, the list's other letters stay: its
// receiver is down. Letters of other lists than only, unless that is empty, are
// passed over. The service may run meanwhile, another ReplayDead may not. tell,
// which may be nil, is told of every attempt, and of lists that are not there.
func ReplayDead(ctx context.Context, dir string, lists []*MatchList, only []string, opt Options, tell func(Outcome)) (sum Replayed, err error) {
	r := New(nil, nil, lists, opt)
	r.OnOutcome = tell
	f, done, err := openReplayed(dir)
	if err != nil {
		return sum, fmt.Errorf("dead letters: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	down := map[string]bool{}
	sum.Damaged, err = listDead(dir, done, func(l *DeadLetter) error {
		if len(only) > 0 && !slices.Contains(only, l.MatchList) {
			return nil
		}
		ok, err := r.replay(ctx, l, down)
		if err == nil && ok {
			sum.Delivered++
			return markReplayed(f, l.ID)
		}
		sum.Left++
		return err
	})
	return sum, err
}

// replay sends one dead letter; err ends all. down are the lists whose receivers
// can't be had.
func (r *Responder) replay(ctx context.Context, l *DeadLetter, down map[string]bool) (delivered bool, err error) {
	if down[l.MatchList] {
		return false, nil
	}
	d := &Delivery{ID: l.ID, MatchList: l.MatchList, Attempt: l.Attempts + 1}
	var m *MatchList
	for _, known := range r.lists {
		if known.Name == l.MatchList {
			m = known
		}
	}
	if m == nil {
		down[l.MatchList] = true
		r.tell(Outcome{Delivery: d, Err: ErrNoList, Dead: true})
		return false, nil
	}
	if d.Entry, err = record.ParseEVE(l.Record); err == nil {
		start := r.opt.Now()
		err = r.attempt(ctx, m.Action, d)
		if ctx.Err() != nil && err != nil {
			return false, ctx.Err()
		}
		r.tell(Outcome{Delivery: d, Err: err, Dead: err != nil, Took: r.opt.Now().Sub(start)})
		var p *permanent
		down[m.Name] = err != nil && !errors.As(err, &p)
		return err == nil, nil
	}
	r.tell(Outcome{Delivery: d, Err: err, Dead: true})
	return false, nil
}
