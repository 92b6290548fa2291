package flow

import "github.com/mirrorwall/mirrorwall/internal/packet"

// Table holds the live flows of one worker. It is not safe for concurrent
// use.
type Table struct {
	cfg  Config
	sink Sink
	n    Counters
}

// NewTable makes a table that reports to sink.
func NewTable(cfg Config, sink Sink) *Table {
	return &Table{cfg: cfg.withDefaults(), sink: sink}
}

// Track finds or makes the flow of p, counts p in it, and runs the TCP session.
// The flow is nil for packets that join none: without IP, FlagInvalid, and
// fragments that wait for their rest.
func (t *Table) Track(p *packet.Packet) (*Flow, Dir) { return nil, ToServer }

// Expire ends flows that have been idle for too long at packet time now,
// nanoseconds. Work per call is bounded; call it for every batch.
func (t *Table) Expire(now int64) {}

// Flush ends all flows.
func (t *Table) Flush(r Reason) {}

// Len is the number of live flows.
func (t *Table) Len() int { return 0 }

// Counters returns a snapshot.
func (t *Table) Counters() Counters { return t.n }
