package detect

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"sync"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// shards divides the shared state; a power of two.
const shards = 64

// maxShard bounds the entries of one shard.
const maxShard = 16 << 10

// Shared is the state that rules keep across flows: thresholds, xbits and
// hostbits. All workers use one; it is locked by shard, and touched only by
// matches and by rules that ask for it.
type Shared struct {
	seed  maphash.Seed
	shard [shards]shard
}

type shard struct {
	mu     sync.Mutex
	limits map[limitKey]limitState
	bits   map[bitKey]int64 // until when, packet time in nanoseconds
}

type limitKey struct {
	gid, sid uint32
	a, b     packet.Addr
	tenant   uint32
}

type limitState struct {
	start int64 // of the window
	count uint32
	// next is, for backoff, the count that alerts next; for rate_filter the
	// second in which the rate was exceeded, 0 while it is not.
	next uint32
}

type bitKey struct {
	id     uint64
	a, b   packet.Addr
	tenant uint32
}

// NewShared makes empty state.
func NewShared() *Shared {
	s := &Shared{seed: maphash.MakeSeed()}
	for i := range s.shard {
		s.shard[i].limits = map[limitKey]limitState{}
		s.shard[i].bits = map[bitKey]int64{}
	}
	return s
}

// of is the shard of an entry. Addresses are the attacker's to choose: could
// they be aimed at one shard, it would take 64 times fewer to drive entries out.
func (s *Shared) of(a, b *packet.Addr, x uint64) *shard {
	var k [40]byte
	copy(k[:], a[:])
	copy(k[16:], b[:])
	binary.LittleEndian.PutUint64(k[32:], x)
	return &s.shard[maphash.Bytes(s.seed, k[:])&(shards-1)]
}

// tracked returns the addresses that share a counter.
func (c *ctx) tracked(by trackBy) (a, b packet.Addr) {
	switch by {
	case trackSrc:
		a = c.src
	case trackDst:
		a = c.dst
	case trackPair:
		a, b = c.src, c.dst
		for i := range a {
			if a[i] != b[i] {
				if a[i] > b[i] {
					a, b = b, a
				}
				break
			}
		}
	}
	return a, b
}

func (s *Shared) bit(c *ctx, id uint64, by trackBy) bool {
	k := bitKey{id: id, tenant: c.p.Tenant}
	k.a, k.b = c.tracked(by)
	sh := s.of(&k.a, &k.b, id)
	sh.mu.Lock()
	until, ok := sh.bits[k]
	sh.mu.Unlock()
	return ok && until > c.p.Time
}

// setBit sets the bit for seconds, or clears it when that is 0.
func (s *Shared) setBit(c *ctx, id uint64, by trackBy, seconds int64) {
	k := bitKey{id: id, tenant: c.p.Tenant}
	k.a, k.b = c.tracked(by)
	sh := s.of(&k.a, &k.b, id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if seconds == 0 {
		delete(sh.bits, k)
		return
	}
	if _, ok := sh.bits[k]; !ok && len(sh.bits) >= maxShard {
		c.e.Counters.SharedFull++
		sh.evictBit(c.p.Time)
	}
	sh.bits[k] = c.p.Time + seconds*1e9
}

// evictBit makes room: an expired entry if a few looks find one, else any.
func (sh *shard) evictBit(now int64) {
	looks := 0
	for k, until := range sh.bits {
		if looks++; until <= now || looks == 8 {
			delete(sh.bits, k)
			return
		}
	}
}

// evictLimit makes room: of a few entries, the one whose window began first.
func (sh *shard) evictLimit() {
	var oldest limitKey
	best, looks := int64(1<<63-1), 0
	for k, st := range sh.limits {
		if st.start < best {
			oldest, best = k, st.start
		}
		if looks++; looks == 8 {
			break
		}
	}
	delete(sh.limits, oldest)
}

// flowLimit is a threshold tracked by flow.
type flowLimit struct {
	gid, sid uint32
	st       limitState
}

// action is what a match of s leads to; false: nothing, a threshold or a
// suppression holds it back.
func (c *ctx) action(s *Signature) (rule.Action, bool) {
	switch {
	case len(s.suppressed) > 0 && c.silenced(s):
		return s.Action, false
	case s.limit.kind != limitNone:
		return c.allows(s)
	}
	return s.Action, true
}

// allows counts a match of s, which has a limit; it returns the action of the
// alert, and whether there is to be one.
func (c *ctx) allows(s *Signature) (rule.Action, bool) {
	t := &s.limit
	if t.track == trackFlow {
		return c.allowsFlow(s)
	}
	k := limitKey{gid: s.GID, sid: s.SID, tenant: c.p.Tenant}
	k.a, k.b = c.tracked(t.track)
	sh := c.e.shared.of(&k.a, &k.b, uint64(s.SID))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	st, ok := sh.limits[k]
	if !ok && len(sh.limits) >= maxShard {
		c.e.Counters.SharedFull++
		sh.evictLimit()
	}
	act, out := st.match(s, ok, c.p.Time)
	sh.limits[k] = st
	return act, out
}

func (c *ctx) allowsFlow(s *Signature) (rule.Action, bool) {
	fs := c.state()
	if fs == nil {
		return s.Action, true
	}
	for i := range fs.limits {
		if fs.limits[i].gid == s.GID && fs.limits[i].sid == s.SID {
			return fs.limits[i].st.match(s, true, c.p.Time)
		}
	}
	if len(fs.limits) >= maxFlowInts {
		c.e.Counters.FlowLimitFull++
		return s.Action, true
	}
	fs.limits = append(fs.limits, flowLimit{gid: s.GID, sid: s.SID})
	return fs.limits[len(fs.limits)-1].st.match(s, false, c.p.Time)
}

// match counts one match of s at time now. known says that the state was in use
// before.
func (st *limitState) match(s *Signature, known bool, now int64) (rule.Action, bool) {
	t := &s.limit
	if t.kind == limitRate {
		if st.exceeds(t, known, now) {
			return t.action, true
		}
		return s.Action, true
	}
	return s.Action, st.count1(t, known, now)
}

// count1 counts one match at time now and tells whether it alerts.
func (st *limitState) count1(t *threshold, known bool, now int64) bool {
	st.window(t, known, now)
	switch t.kind {
	case limitLimit:
		return st.count <= t.count
	case limitThreshold:
		if st.count < t.count {
			return false
		}
		st.count = 0 // the window goes on
		return true
	case limitBoth:
		return st.count == t.count
	case limitDetection:
		return st.count > t.count
	case limitBackoff:
		if st.count < st.next {
			return false
		}
		st.next = uint32(min(uint64(st.next)*uint64(max(t.mult, 2)), math.MaxUint32))
		return true
	}
	return true
}

// window counts one match, in a new window where the old one is over.
func (st *limitState) window(t *threshold, known bool, now int64) {
	if !known || t.kind != limitBackoff && now-st.start > t.seconds*1e9 {
		*st = limitState{start: now}
		if t.kind == limitBackoff {
			st.next = t.count
		}
	}
	if st.count < math.MaxUint32 {
		st.count++
	}
}

// exceeds counts one match for a rate_filter and tells whether the new action
// holds. While it does nothing is counted, and the match after its end is
// neither counted nor changed, as in Suricata 8.
func (st *limitState) exceeds(t *threshold, known bool, now int64) bool {
	second := now / 1e9
	if known && st.next != 0 {
		if second-int64(st.next) <= int64(t.timeout) {
			return true
		}
		st.next = 0
		return false
	}
	st.window(t, known, now)
	if st.count <= t.count {
		return false
	}
	st.next = uint32(second)
	return true
}
