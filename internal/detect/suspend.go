package detect

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mirrorwall/mirrorwall/internal/match"
)

// Budget says when a rule is suspended: it did more than Share of a worker's
// detection work in a window of packet time, and more than Floor steps. Work is
// that of RuleCost and of reading payload, so the same packets suspend the same
// rules.
type Budget struct {
	Share  float64 // 0 to 1; 0: rules are never suspended
	Window int64   // nanoseconds of packet time
	Floor  uint64  // steps
	// Pinned are sids that are never suspended.
	Pinned []uint32
}

// DefaultBudget is what a service starts from: above it a rule takes a third of
// the work, and some tens of milliseconds of CPU time in each second.
func DefaultBudget() Budget {
	return Budget{Share: 0.3, Window: 10e9, Floor: 50e6}
}

// Suspension is a rule that went over the budget.
type Suspension struct {
	SID, GID uint32
	Msg      string
	Share    float64 // of the worker's detection work in the window
	Work     uint64  // in the window, steps
	Time     int64   // of the packet that ended the window
	Until    int64   // packet time at which the rule runs again
	Times    int     // how often it was suspended so far
}

// Bounds of a suspension, in nanoseconds of packet time: each time twice as long.
// It ends by itself, because traffic can be made to cost: nobody switches a rule
// off for good by sending what it is slow with.
const (
	minSuspension = int64(60e9)
	maxSuspension = int64(3600e9)
)

// suspended are the rules of one ruleset that run no longer: beside the
// immutable rules, shared by the engines that run these.
type suspended struct {
	any  atomic.Bool
	bits []atomic.Uint32
	mu   sync.Mutex
	list map[uint32]*Suspension // by rule, those that run again as well
}

func (s *suspended) has(id uint32) bool {
	return s.any.Load() && s.bits[id/32].Load()&(1<<(id%32)) != 0
}

func (s *suspended) add(id uint32, x Suspension) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has(id) {
		return // another worker was faster
	}
	if s.list == nil {
		s.list = map[uint32]*Suspension{}
	}
	if old := s.list[id]; old != nil {
		x.Times = old.Times
	}
	x.Until = x.Time + min(minSuspension<<min(x.Times, 16), maxSuspension)
	x.Times++
	s.list[id] = &x
	s.bits[id/32].Or(1 << (id % 32))
	s.any.Store(true)
}

// restore lets the rules run again whose time is over.
func (s *suspended) restore(now int64) {
	if !s.any.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	off := false
	for id, x := range s.list {
		if s.has(id) && now >= x.Until {
			s.bits[id/32].And(^uint32(1 << (id % 32)))
		}
		off = off || s.has(id)
	}
	s.any.Store(off)
}

// Suspended returns the rules that do not run now, the latest last. They run
// again at Until, and with the next ruleset.
func (rs *Ruleset) Suspended() []Suspension { return rs.off.all(rs.off.has) }

// Suspensions returns the last suspension of each rule, over or not.
func (rs *Ruleset) Suspensions() []Suspension {
	return rs.off.all(func(uint32) bool { return true })
}

func (s *suspended) all(want func(id uint32) bool) (out []Suspension) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, x := range s.list {
		if want(id) {
			out = append(out, *x)
		}
	}
	slices.SortFunc(out, func(a, b Suspension) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.SID, b.SID)) })
	return out
}

// spending is an engine's account of one window.
type spending struct {
	on    bool
	start int64    // packet time
	total uint64   // steps
	rules []uint32 // steps by rule
}

// reset begins the account of a new ruleset.
func (b *spending) reset(rs *Ruleset) {
	*b = spending{on: rs.cfg.Budget.Share > 0}
	if b.on {
		b.rules = make([]uint32, len(rs.sigs))
	}
}

func (b *spending) spend(id uint32, work uint64) {
	b.total += work
	b.rules[id] = uint32(min(uint64(b.rules[id])+work, math.MaxUint32))
}

// window accounts for reading the packet at hand, and ends the window when it
// is over. It runs between packets.
func (e *Engine) window(c *ctx) {
	b := &e.budget
	now := c.p.Time
	if w := e.rs.cfg.Budget.Window; now-b.start >= w || b.start-now >= w {
		e.rs.off.restore(now)
		e.closeWindow(now)
		b.start, b.total = now, 0
		clear(b.rules)
	}
	b.total += match.LiteralWork(len(c.p.Payload)) + 1
}

// closeWindow suspends the rules that went over the budget.
func (e *Engine) closeWindow(now int64) {
	b, limit := &e.budget, &e.rs.cfg.Budget
	for id, work := range b.rules {
		if uint64(work) <= limit.Floor || float64(work) <= limit.Share*float64(b.total) {
			continue
		}
		s := e.rs.sigs[id]
		if slices.Contains(limit.Pinned, s.SID) {
			continue
		}
		e.rs.off.add(uint32(id), Suspension{
			SID: s.SID, GID: s.GID, Msg: s.Msg, Work: uint64(work), Time: now,
			Share: float64(work) / float64(b.total),
		})
	}
}
