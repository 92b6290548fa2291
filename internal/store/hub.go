package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Hub hands records that were just kept to those who follow. A follower that
// does not keep up loses records, and is told how many.
type Hub struct {
	mu        sync.Mutex
	followers map[*Follower]struct{}
}

// MaxFollowers bounds those who follow at once.
const MaxFollowers = 64

// Follower receives what matches its query, oldest first.
type Follower struct {
	C    <-chan Row // closed by Close
	c    chan Row
	hub  *Hub
	q    Query
	lost atomic.Uint64
}

// NewHub makes a hub without followers.
func NewHub() *Hub { return &Hub{followers: map[*Follower]struct{}{}} }

// Follow begins to follow with room for queue rows (0: 1,024). The query's span
// is not looked at. Close it.
func (h *Hub) Follow(q Query, queue int) (*Follower, error) {
	if err := q.Check(time.Now()); err != nil {
		return nil, err
	}
	if queue <= 0 {
		queue = 1024
	}
	f := &Follower{c: make(chan Row, queue), hub: h, q: q}
	f.C = f.c
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.followers) >= MaxFollowers {
		return nil, Bad("close another live view", "%d live views are open, the most there can be", MaxFollowers)
	}
	h.followers[f] = struct{}{}
	return f, nil
}

// Lost is how many rows were dropped because the follower was too slow.
func (f *Follower) Lost() uint64 { return f.lost.Load() }

// Close ends the follower.
func (f *Follower) Close() {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if _, ok := f.hub.followers[f]; ok {
		delete(f.hub.followers, f)
		close(f.c)
	}
}

// Next waits for a row.
func (f *Follower) Next(ctx context.Context) (Row, error) {
	select {
	case r, ok := <-f.C:
		if !ok {
			return Row{}, context.Canceled
		}
		return r, nil
	case <-ctx.Done():
		return Row{}, ctx.Err()
	}
}

// Publish hands entries to the followers whose query they match. It never
// waits. Rows carry no ID: they are not found again by it.
func (h *Hub) Publish(blocks []Block, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.followers) == 0 {
		return
	}
	for _, b := range blocks {
		for _, e := range b.Entries {
			h.publish(e, now)
		}
	}
}

func (h *Hub) publish(e *record.Entry, now time.Time) {
	var raw []byte // one copy for all: rows are read only
	for f := range h.followers {
		if !slices.Contains(f.q.Logs, e.Log) || f.q.Filter != nil && !f.q.Filter.Match(e, now) {
			continue
		}
		if raw == nil {
			raw = slices.Clone(e.Raw)
		}
		select {
		case f.c <- Row{Log: e.Log, Raw: raw}:
		default:
			f.lost.Add(1)
		}
	}
}
