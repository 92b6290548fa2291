package policy

import (
	"sync/atomic"
	"time"
)

// Hits are the flows that a rule held for (PAN-OS: rule usage, hit count).
type Hits struct {
	Rule  string    `json:"rule"`
	Count uint64    `json:"count"`          // flows that have ended
	First time.Time `json:"first,omitzero"` // packet time of the end of the first
	Last  time.Time `json:"last,omitzero"`
}

// counter is a rule's; all workers share it.
type counter struct {
	n           atomic.Uint64
	first, last atomic.Int64 // packet time, nanoseconds
}

// Hit counts a flow that ended at a packet time, for the rule that holds. It may
// be called by several goroutines.
func (d *Decision) Hit(at int64) {
	if d.rule == nil {
		return
	}
	c := d.rule.hits
	c.n.Add(1)
	c.first.CompareAndSwap(0, at)
	for old := c.last.Load(); at > old && !c.last.CompareAndSwap(old, at); old = c.last.Load() {
	}
}

// Hits tells of every rule in order, then of the two defaults.
func (p *Policy) Hits() []Hits {
	out := make([]Hits, 0, len(p.rules)+2)
	p.each(func(r *ruleInfo) {
		h := Hits{Rule: r.name, Count: r.hits.n.Load()}
		if h.Count > 0 {
			h.First, h.Last = time.Unix(0, r.hits.first.Load()).UTC(), time.Unix(0, r.hits.last.Load()).UTC()
		}
		out = append(out, h)
	})
	return out
}

// Inherit goes on with the counts of a policy that p replaces, for rules of the
// same name; nil for none. Call it before p is used: the two count together
// then, so that nothing is lost while workers change over.
func (p *Policy) Inherit(old *Policy) {
	if old == nil {
		return
	}
	before := map[string]*counter{}
	old.each(func(r *ruleInfo) { before[r.name] = r.hits })
	p.each(func(r *ruleInfo) {
		if c := before[r.name]; c != nil {
			r.hits = c
		}
	})
}

func (p *Policy) each(f func(*ruleInfo)) {
	for i := range p.rules {
		f(&p.rules[i])
	}
	f(&p.intrazone)
	f(&p.interzone)
}
