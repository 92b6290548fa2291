package detect

import "github.com/mirrorwall/mirrorwall/internal/flow"

// Bounds of the stream bytes kept of one direction.
const (
	// keepBytes of what was inspected stay, so that a match may lie across the
	// border of two chunks.
	keepBytes = 256
	// maxPending is the most that waits for inspection; the oldest goes first.
	maxPending = 256 << 10
	// leastDrop is the least that goes at once: if each small segment drove out
	// as much as it brings, each would move all that waits.
	leastDrop = maxPending / 8
	// maxCuts bounds the gaps that one window remembers. Bytes around those
	// beyond are taken for neighbours: better a rule too many than one missed.
	maxCuts = 64
	// maxTransformed is the largest buffer of transformed bytes that is kept
	// for use again.
	maxTransformed = 64 << 10
)

// streamState is one direction's window of raw stream bytes.
type streamState struct {
	buf     []byte // buf[:seen] was inspected
	seen    int
	cuts    []int // places in buf, behind seen, where bytes are missing
	trigger bool  // inspect what there is, without waiting for a chunk
	closed  bool
	due     bool // being inspected
}

// StreamData takes the next in-order bytes of one direction; b is borrowed. off
// is the stream offset of b[0]. They are inspected by a later Inspect.
func (e *Engine) StreamData(f *flow.Flow, d Dir, b []byte, off uint64) {
	if !e.rs.anyStream[d] || f.Flags&(flow.FlagNoInspect|flow.FlagNoPayloadInspect) != 0 {
		return
	}
	st := &e.flowState(f).st[d]
	if drop := len(st.buf) - st.seen + len(b) - maxPending; drop > 0 {
		drop = max(drop, leastDrop)
		e.Counters.StreamDropped += uint64(drop)
		e.ctx.re.Work += uint64(len(st.buf)) >> 4 // bytes moved
		if waits := len(st.buf) - st.seen; drop >= waits {
			b = b[drop-waits:]
			st.forget(len(st.buf))
		} else {
			st.forget(st.seen + drop)
		}
	}
	st.buf = e.spare.Append(st.buf, b)
}

// forget drops the first n bytes.
func (st *streamState) forget(n int) {
	keep := st.cuts[:0]
	for _, at := range st.cuts {
		if at > n {
			keep = append(keep, at-n)
		}
	}
	st.cuts = keep
	st.buf, st.seen = st.buf[:copy(st.buf, st.buf[n:])], 0
}

// piece returns the i-th run of bytes without a gap, and where its new bytes
// start; nil behind the last.
func (st *streamState) piece(i int) (b []byte, fresh int) {
	if i > len(st.cuts) {
		return nil, 0
	}
	end := len(st.buf)
	if i < len(st.cuts) {
		end = st.cuts[i]
	}
	if i == 0 {
		return st.buf[:end], st.seen
	}
	return st.buf[st.cuts[i-1]:end], 0
}

// StreamGap says that n bytes will never come: nothing matches across them.
func (e *Engine) StreamGap(f *flow.Flow, d Dir, n int) {
	fs, _ := f.Detect.(*FlowState)
	if fs == nil {
		return
	}
	st := &fs.st[d]
	if st.seen == len(st.buf) {
		st.buf, st.seen = st.buf[:0], 0
		return
	}
	// What waits was followed by the gap; it is inspected as it is.
	st.trigger = true
	if n := len(st.cuts); n < maxCuts && (n == 0 || st.cuts[n-1] < len(st.buf)) {
		st.cuts = append(st.cuts, len(st.buf))
	}
}

// StreamClose says that direction d has ended: the rest is due.
func (e *Engine) StreamClose(f *flow.Flow, d Dir) {
	if fs, _ := f.Detect.(*FlowState); fs != nil {
		fs.st[d].closed = true
	}
}

// eventBits is a set of stream events.
type eventBits [2]uint64

func (s *eventBits) add(e flow.Event)      { s[e>>6&1] |= 1 << (e & 63) }
func (s *eventBits) has(e flow.Event) bool { return s[e>>6&1]&(1<<(e&63)) != 0 }
func (s *eventBits) empty() bool           { return s[0]|s[1] == 0 }

// StreamEvent notes a stream event of f for the next packet of f that is
// inspected: an event that time brought to light comes between the packets of
// other flows.
func (e *Engine) StreamEvent(f *flow.Flow, event flow.Event) {
	if len(e.rs.streamEvent) > 0 {
		e.flowState(f).events.add(event)
	}
}

// chunkDue reports whether direction d of the flow has bytes to inspect now:
// a chunk is full, the application layer finished something, the direction
// ended, the session closes, or (without a parser that would say so) the other
// side has answered.
func (e *Engine) chunkDue(c *ctx, d Dir, last bool) bool {
	if c.fs == nil {
		return false
	}
	st := &c.fs.st[d]
	n := len(st.buf) - st.seen
	switch {
	case n == 0:
		return false
	case n >= e.rs.cfg.ChunkSize, st.trigger, st.closed, last:
		return true
	case c.f.TCP.State > flow.TCPTimeWait:
		return true // the session closes: this may be the last packet of d
	case c.f.Flags&flow.FlagNoPayloadInspect != 0:
		return true // what came before the ciphertext
	}
	return (c.s == nil || c.s.Proto == nil) && d != c.pktDir && len(c.p.Payload) > 0
}

// chunksDone files the windows that were inspected, once everything that may
// look at them has done so.
func (e *Engine) chunksDone(fs *FlowState) {
	for d := range fs.st {
		if fs.st[d].due {
			e.chunkDone(&fs.st[d])
		}
	}
}

// chunkDone files a window as inspected and keeps its end.
func (e *Engine) chunkDone(st *streamState) {
	st.trigger, st.due = false, false
	if st.closed {
		e.spare.Put(st.buf)
		st.buf, st.seen, st.cuts = nil, 0, nil
		return
	}
	rest, _ := st.piece(len(st.cuts))
	n := min(len(rest), keepBytes)
	st.cuts = st.cuts[:0]
	copy(st.buf, st.buf[len(st.buf)-n:])
	// Flows idle for long, and there are many: each keeps what it needs.
	st.buf, st.seen = e.spare.Fit(st.buf[:n]), n
}
