package detect

import (
	"math"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/base/spare"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Counters are an Engine's totals, plain integers of its worker.
type Counters struct {
	Alerts        uint64 // matches handed out
	AlertOverflow uint64 // matches beyond Config.MaxAlerts of a packet
	Suppressed    uint64 // matches that a threshold held back
	Candidates    uint64 // rules that a prefilter found
	Evaluated     uint64 // candidates whose header and state tests held
	EvalLimit     uint64 // evaluations that ran into the step limit
	StreamDropped uint64 // stream bytes that waited too long
	SetFull       uint64 // values that a data set had no room for
	FlowBitsFull  uint64 // flowbits, flowints and captured values refused: too many on a flow or packet
	FlowLimitFull uint64 // thresholds by flow not kept: too many on a flow
	SharedFull    uint64 // thresholds, xbits and hostbits driven out by others
	TxFull        uint64 // candidates refused: too many on a transaction
	FramesLost    uint64 // frames not inspected: too many waited, or too much before them
}

// Add adds what another engine has counted.
func (n *Counters) Add(o *Counters) {
	n.Alerts += o.Alerts
	n.AlertOverflow += o.AlertOverflow
	n.Suppressed += o.Suppressed
	n.Candidates += o.Candidates
	n.Evaluated += o.Evaluated
	n.EvalLimit += o.EvalLimit
	n.StreamDropped += o.StreamDropped
	n.FlowBitsFull += o.FlowBitsFull
	n.SetFull += o.SetFull
	n.TxFull += o.TxFull
	n.FlowLimitFull += o.FlowLimitFull
	n.SharedFull += o.SharedFull
	n.FramesLost += o.FramesLost
}

// Engine inspects the packets of one worker. It is not safe for concurrent use.
type Engine struct {
	Counters Counters
	// Clock is read for the profile's estimate of times, and for nothing else:
	// nanoseconds from any start; nil: there are no times.
	Clock func() int64

	// KeepBytes keeps the bytes of matched ranges, in Span.Bytes. Set before the
	// first Inspect.
	KeepBytes bool

	costs       []ruleCost // by Signature.id
	workBefore  uint64     // the evaluation at hand
	clockBefore int64
	timed       bool // the evaluation at hand is
	budget      spending

	rs     *Ruleset
	rules  uint32 // how often rs was changed
	shared *Shared
	ctx    ctx
	hits   match.Hits
	cand   []uint32
	found  []found
	out    []Match
	spans  []Span // of out
	bytes  []byte // of spans
	frames []FrameMatch
	// What rules captured for this packet, and for its alerts.
	pktVars, context []Var
	cache            []bufCache // by buffer id
	gen              uint64
	head             []byte // the transformed start of a growing buffer
	free             []*FlowState
	spare            spare.Pool
}

// found is a match before thresholds and order.
type found struct {
	s        *Signature
	tx       proto.Tx
	src, dst packet.Addr
	source   Source
	dir      Dir
	span, n  int32 // in Engine.spans
	vars, nv int32 // in Engine.context
	frame    int32 // 1 + index in Engine.frames, or 0
}

// ctx is the state of one inspection. There is one for each Engine.
type ctx struct {
	e      *Engine
	p      *packet.Packet
	f      *flow.Flow
	s      *proto.Session
	fs     *FlowState
	pktDir Dir // of the packet
	dir    Dir // being inspected
	src    packet.Addr
	dst    packet.Addr
	sp, dp uint16
	sig    *Signature
	txNow  proto.Tx

	stream []byte // stream window of dir, nil when none is due

	bodySeen uint64 // how far growing buffers were seen before

	buf       []byte
	bufName   string
	vals      [maxVars]uint64
	steps     int
	limit     uint64 // of re.Work, for this evaluation
	maxEnd    int
	spans     [maxSpans]Span
	spanBytes [maxSpans][maxSpanBytes]byte
	spanCount int
	b64       []byte
	view      []byte
	kept      []kept // by the rule's expressions
	re        match.Scratch
}

// NewEngine makes an engine for one worker.
func NewEngine(rs *Ruleset, shared *Shared) *Engine {
	e := &Engine{shared: shared}
	e.ctx.e = e
	e.Swap(rs)
	return e
}

// Swap changes the rules. It is called between packets; flows and their bits
// live on, open transactions are inspected again. The engine keeps nothing of
// the rules before; the Matches of the last Inspect are not to be used any more.
func (e *Engine) Swap(rs *Ruleset) {
	e.rs = rs
	e.rules++
	e.found, e.out = nil, nil
	e.ctx.sig, e.ctx.kept = nil, nil
	e.costs = make([]ruleCost, len(rs.sigs))
	e.budget.reset(rs)
	e.cache = make([]bufCache, rs.numBufs)
	e.gen++
}

// Inspects reports whether Inspect looks at f: there are rules, and neither one
// of them nor the stream policy ended it. Transactions of other flows need not
// wait for it.
func (e *Engine) Inspects(f *flow.Flow) bool {
	return len(e.rs.sigs) > 0 && (f == nil || f.Flags&flow.FlagNoInspect == 0 && f.State != flow.StateBypassed)
}

// Inspect runs the rules on a packet and on what its tracking brought to light:
// stream chunks and transactions of the flow. f and s may be nil. The result
// is used again by the next call.
func (e *Engine) Inspect(p *packet.Packet, f *flow.Flow, d Dir, s *proto.Session) []Match {
	e.found, e.out, e.spans, e.bytes = e.found[:0], e.out[:0], e.spans[:0], e.bytes[:0]
	e.pktVars, e.context, e.frames = e.pktVars[:0], e.context[:0], e.frames[:0]
	if !e.Inspects(f) {
		return nil
	}
	c := &e.ctx
	c.p, c.f, c.s, c.pktDir, c.fs, c.txNow = p, f, s, d, nil, nil
	if f != nil {
		c.fs, _ = f.Detect.(*FlowState)
	}
	if e.budget.on {
		e.window(c)
	}
	last := p.Has(packet.FlagFlowEnd)
	both := !e.rs.cfg.PacketDirOnly
	c.setDir(d)
	if !last {
		e.inspectAddresses(c)
	}
	e.triggerStreams(c)
	e.inspectPacket(c, !last, last)
	if both && f != nil {
		c.setDir(d.Opposite())
		e.inspectPacket(c, false, last)
	}
	if s != nil && s.Parser != nil {
		c.setDir(d)
		e.inspectFrames(c)
		e.inspectTxs(c)
		if both || last {
			c.setDir(d.Opposite())
			e.inspectFrames(c)
		}
		if both {
			e.inspectTxs(c)
		}
	}
	if c.fs != nil {
		c.fs.events = eventBits{}
		e.chunksDone(c.fs)
		if c.s != nil && e.rs.anySide {
			c.sidesDecided()
		}
	}
	out := e.finish(c)
	c.p, c.f, c.s, c.fs, c.txNow, c.stream = nil, nil, nil, nil, nil, nil
	return out
}

// setDir makes d the direction being inspected.
func (c *ctx) setDir(d Dir) {
	c.dir = d
	c.setEnds(d)
}

// setEnds points the rule's source and destination for direction d.
func (c *ctx) setEnds(d Dir) {
	c.src, c.dst, c.sp, c.dp = c.p.Src, c.p.Dst, c.p.SrcPort, c.p.DstPort
	if d != c.pktDir {
		c.src, c.dst, c.sp, c.dp = c.dst, c.src, c.dp, c.sp
	}
}

// state returns the flow's state, made when there is none yet; nil without a
// flow.
func (c *ctx) state() *FlowState {
	if c.fs == nil && c.f != nil {
		c.fs = c.e.flowState(c.f)
	}
	return c.fs
}

func (e *Engine) flowState(f *flow.Flow) *FlowState {
	if fs, ok := f.Detect.(*FlowState); ok && fs != nil {
		return fs
	}
	var fs *FlowState
	if n := len(e.free); n > 0 {
		fs, e.free = e.free[n-1], e.free[:n-1]
	} else {
		fs = &FlowState{}
	}
	fs.rules = e.rules
	f.Detect = fs
	return fs
}

// FlowEnd takes back what detection keeps in f.Detect.
func (e *Engine) FlowEnd(f *flow.Flow) {
	fs, _ := f.Detect.(*FlowState)
	if fs == nil {
		return
	}
	f.Detect = nil
	for d := range fs.st {
		e.spare.Put(fs.st[d].buf)
		fs.st[d].buf = nil
	}
	fs.reset()
	e.free = append(e.free, fs)
}

// add notes a match of c.sig and runs its actions.
func (e *Engine) add(c *ctx, s *Signature, source Source, tx proto.Tx) {
	if m := &e.costs[s.id].matches; *m < math.MaxUint32 {
		*m++
	}
	vars := int32(len(e.context))
	for _, a := range s.actions {
		a(c)
	}
	if s.NoAlert && s.Action != rule.ActionPass {
		return
	}
	fd := found{s: s, tx: tx, src: c.src, dst: c.dst, source: source, dir: c.dir,
		span: int32(len(e.spans)), n: int32(c.spanCount), vars: vars, nv: int32(len(e.context)) - vars}
	for _, s := range c.spans[:c.spanCount] {
		at := len(e.bytes)
		e.bytes = append(e.bytes, s.Bytes...)
		s.Bytes = e.bytes[at:len(e.bytes):len(e.bytes)]
		e.spans = append(e.spans, s)
	}
	e.found = append(e.found, fd)
}

// finish puts the matches in order, lets pass rules and thresholds have their
// say, and bounds their number.
func (e *Engine) finish(c *ctx) []Match {
	if len(e.found) == 0 {
		return nil
	}
	slices.SortStableFunc(e.found, func(a, b found) int { return int(a.s.id) - int(b.s.id) })
	for i := range e.found {
		fd := &e.found[i]
		c.src, c.dst = fd.src, fd.dst
		action, ok := c.action(fd.s)
		if !ok {
			e.Counters.Suppressed++
			continue
		}
		if action == rule.ActionPass {
			if fd.s.Action != action { // a rate_filter's doing
				e.Counters.Suppressed++
			} else if c.f != nil && (fd.source != SourcePacket || fd.s.kind == kindIP) {
				c.f.Flags |= flow.FlagNoInspect
			}
			break
		}
		if len(e.out) >= e.rs.cfg.MaxAlerts {
			e.Counters.AlertOverflow++
			continue
		}
		e.out = append(e.out, Match{Sig: fd.s, Source: fd.source, Action: action, Dir: fd.dir, Tx: fd.tx,
			Spans:   e.spans[fd.span : fd.span+fd.n : fd.span+fd.n],
			Context: e.context[fd.vars : fd.vars+fd.nv]})
		if fd.frame > 0 {
			e.out[len(e.out)-1].Frame = &e.frames[fd.frame-1]
		}
	}
	e.Counters.Alerts += uint64(len(e.out))
	return e.out
}
