package detect

import (
	"cmp"
	"math"
	"slices"
)

// sampleEvery is which of the evaluations is timed.
const sampleEvery = 256

// tickBits is the unit of ruleCost.ticks: 64 nanoseconds of a timed evaluation.
const tickBits = 6

// ruleCost is what one rule has cost one engine.
type ruleCost struct {
	checks  uint64 // how often it was a candidate
	work    uint64 // of its evaluations
	matches uint32
	ticks   uint32 // of those that were timed
}

// RuleCost is what a rule has cost since it was loaded.
type RuleCost struct {
	SID, GID uint32
	Msg      string
	// Checks counts how often the rule was a candidate, Matches its hits before
	// thresholds.
	Checks, Matches uint64
	// Work is the steps of its checks: one each, one for each test tried, and
	// the units of match.Scratch.Work for what these search. The same packets
	// give the same work.
	Work uint64
	// Nanos estimates the time: that of every 256th evaluation, times 256. 0
	// without a clock.
	Nanos uint64
}

// begin starts the account of one evaluation.
func (c *ctx) begin() {
	e := c.e
	e.workBefore = c.re.Work
	if e.Clock != nil && e.Counters.Evaluated%sampleEvery == 0 {
		e.timed, e.clockBefore = true, e.Clock()
	}
}

// end books the evaluation on s.
func (c *ctx) end(s *Signature) {
	e := c.e
	work := c.re.Work - e.workBefore
	p := &e.costs[s.id]
	p.work += work
	if e.timed {
		e.timed = false
		ticks := (e.Clock() - e.clockBefore + 1<<(tickBits-1)) >> tickBits
		p.ticks = uint32(min(uint64(p.ticks)+uint64(max(ticks, 0)), math.MaxUint32))
	}
	if e.budget.on {
		e.budget.spend(s.id, work)
	}
}

// Profile appends what each rule of the ruleset in force has cost this engine,
// in the order of evaluation, without those that were never a candidate.
func (e *Engine) Profile(dst []RuleCost) []RuleCost {
	for i, p := range e.costs {
		if p.checks == 0 {
			continue
		}
		s := e.rs.sigs[i]
		dst = append(dst, RuleCost{
			SID: s.SID, GID: s.GID, Msg: s.Msg, Checks: p.checks, Matches: uint64(p.matches),
			Work: p.checks + p.work, Nanos: uint64(p.ticks) * sampleEvery << tickBits,
		})
	}
	return dst
}

// MergeProfiles adds up the profiles of engines; most work comes first.
func MergeProfiles(profiles ...[]RuleCost) []RuleCost {
	at := map[ruleKey]int{}
	var out []RuleCost
	for _, p := range profiles {
		for _, r := range p {
			k := ruleKey{r.GID, r.SID}
			i, ok := at[k]
			if !ok {
				at[k] = len(out)
				out = append(out, r)
				continue
			}
			o := &out[i]
			o.Checks += r.Checks
			o.Matches += r.Matches
			o.Work += r.Work
			o.Nanos += r.Nanos
		}
	}
	slices.SortFunc(out, func(a, b RuleCost) int {
		return cmp.Or(cmp.Compare(b.Work, a.Work), cmp.Compare(a.GID, b.GID), cmp.Compare(a.SID, b.SID))
	})
	return out
}
