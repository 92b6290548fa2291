package flow

// The wheel finds idle flows: buckets of one second, a flow in the bucket of
// the time limit it had when it was put there. Packets don't move their flow;
// when a bucket comes up, flows that were active meanwhile are put where their
// limit is now. That is at most one move for each time limit, so both packets
// and expiry are O(1).
type wheel struct {
	heads  [wheelLen]uint32
	cursor int64 // the tick whose bucket is looked at next
	begun  bool
}

const (
	wheelLen  = 1024
	noTick    = ^uint32(0)
	tickNanos = 1e9

	// maxBackward is how many seconds of disorder packets may come in before it
	// counts as a clock set back.
	maxBackward = 60

	// expireBudget bounds the flows looked at by one call of Expire. A packet
	// makes one flow at most, so a call for each packet catches up, and none
	// waits long.
	expireBudget = 8
)

// schedule puts the slot at place i into the bucket of its time limit.
func (t *Table) schedule(i uint32) {
	s := t.slots.at(i)
	w := &t.wheel
	tick := (t.wake(&s.flow) + tickNanos - 1) / tickNanos
	if !w.begun {
		w.begun, w.cursor = true, s.flow.Last/tickNanos
	}
	tick = min(max(tick, w.cursor+1), w.cursor+wheelLen-1)
	b := uint32(tick) & (wheelLen - 1)
	s.tick, s.prev, s.next = b, 0, w.heads[b]
	if s.next != 0 {
		t.slots.at(s.next).prev = i
	}
	w.heads[b] = i
}

// unschedule takes the slot at place i out of its bucket.
func (t *Table) unschedule(i uint32) {
	s := t.slots.at(i)
	if s.tick == noTick {
		return
	}
	if s.prev != 0 {
		t.slots.at(s.prev).next = s.next
	} else {
		t.wheel.heads[s.tick] = s.next
	}
	if s.next != 0 {
		t.slots.at(s.next).prev = s.prev
	}
	s.tick, s.next, s.prev = noTick, 0, 0
}

// deadline is the packet time at which f has been idle for too long.
func (t *Table) deadline(f *Flow) int64 { return f.Last + t.timeouts(f.Key.Proto).of(f.State) }

// resetGrace is how long a reset session may prove the reset forged before its
// directions are closed, nanoseconds.
const resetGrace = 2e9

// wake is the packet time at which Expire has something to do for f.
func (t *Table) wake(f *Flow) int64 {
	if f.TCP != nil && f.TCP.resetPending() {
		return f.Last + resetGrace
	}
	return t.deadline(f)
}

// Expire ends flows that have been idle for too long at packet time now,
// nanoseconds. Work per call is bounded; more says that some was left over. Call
// it once a second, and with every packet while there is more.
func (t *Table) Expire(now int64) (more bool) {
	w := &t.wheel
	if !w.begun {
		return false
	}
	tick := now / tickNanos
	w.cursor = max(w.cursor, tick-wheelLen)
	if tick < w.cursor-maxBackward {
		// A clock was set back: nothing would expire until it has caught up. All
		// buckets come up once, and flows are put where their limits are now.
		w.cursor = tick - wheelLen
	}
	for budget := expireBudget; budget > 0; {
		i := w.heads[uint32(w.cursor)&(wheelLen-1)]
		switch {
		case i == 0 && w.cursor >= tick:
			return false
		case i == 0:
			w.cursor++ // at most wheelLen times in a call
		case w.cursor > tick && t.wake(&t.slots.at(i).flow) > now:
			return false
		default:
			t.due(i, now)
			budget--
		}
	}
	return true
}

// due does what the time asks for the flow at place i.
func (t *Table) due(i uint32, now int64) {
	f := &t.slots.at(i).flow
	if t.deadline(f) <= now {
		t.end(f, ReasonTimeout)
		return
	}
	if t.wake(f) <= now {
		t.flushBoth(f)
		t.close(f, ToServer)
		t.close(f, ToClient)
	}
	t.unschedule(i)
	t.schedule(i)
}

// evict ends the flow that is nearest its time limit, as far as the wheel
// knows; a few candidates are looked at so that a flow that has been active
// since is spared.
func (t *Table) evict() {
	var best *Flow
	left := 8
	for b := int64(0); b < wheelLen && left > 0; b++ {
		i := t.wheel.heads[uint32(t.wheel.cursor+b)&(wheelLen-1)]
		for ; i != 0 && left > 0; i = t.slots.at(i).next {
			f := &t.slots.at(i).flow
			if best == nil || t.deadline(f) < t.deadline(best) {
				best = f
			}
			left--
		}
	}
	if best != nil {
		t.n.Evicted++
		t.end(best, ReasonForced)
	}
}
