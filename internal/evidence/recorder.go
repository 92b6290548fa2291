package evidence

import "slices"

// Options bound what a Recorder keeps. Zero fields mean the default.
type Options struct {
	Ring   int // bytes of a worker's ring; 16 MiB
	Before int // packets of the flow up to and with the one that fired; 16
	After  int // packets of the flow after it; 16
	// Open is how many captures of a worker may wait for their last packets at a
	// time; 256.
	Open int
	// Flow is how many captures one flow may have; 8.
	Flow int
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.Ring, 16<<20)
	o.Ring = max(o.Ring, 4*(frameHead+maxFrame))
	set(&o.Before, 16)
	set(&o.After, 16)
	set(&o.Open, 256)
	set(&o.Flow, 8)
	return o
}

// Capture is the evidence of one threat, or of several that one flow set off
// close together. It belongs to who gets it.
type Capture struct {
	ID     ID
	Frames []Frame // in the order of their coming, the data their own
	Hits   []Hit
}

// Hit is a rule that fired, and why.
type Hit struct {
	Time          int64 // of the packet it fired on, nanoseconds since the epoch
	Packet        int   // the newest of the capture then, counted from 1
	GID, SID, Rev uint32
	Matched       []Matched
}

// Matched is a range of bytes that a rule's content or expression found.
type Matched struct {
	Buffer string // Suricata's name, such as http.uri
	Offset int    // in the buffer
	Length int
	Bytes  []byte // the first of them
}

// maxHits bounds the hits of one capture.
const maxHits = 64

// Hit adds a rule that fired on the newest packet of the capture; what it holds
// is the capture's from then on.
func (c *Capture) Hit(h Hit) {
	if len(c.Hits) < maxHits {
		last := len(c.Frames)
		h.Packet, h.Time = last, c.Frames[last-1].Time
		c.Hits = append(c.Hits, h)
	}
}

// Sink takes finished captures, and must not block: it counts what it can't take.
type Sink interface{ Put(*Capture) }

// Counters are a Recorder's totals.
type Counters struct {
	Captures  uint64 // handed to the sink
	Packets   uint64 // in them
	LostOpen  uint64 // not begun: Options.Open captures were open
	LostFlow  uint64 // not begun: the flow had Options.Flow captures
	Truncated uint64 // captures whose first packets the ring had overwritten
}

// Recorder is a worker's. It is not for use by several goroutines, and allocates
// only when a rule fires.
type Recorder struct {
	opt  Options
	ring ring
	sink Sink
	open []*Tail
	C    Counters
}

// NewRecorder makes a Recorder that hands captures to sink.
func NewRecorder(opt Options, sink Sink) *Recorder {
	opt = opt.withDefaults()
	return &Recorder{opt: opt, ring: ring{buf: make([]byte, opt.Ring)}, sink: sink}
}

// Tail is what a flow keeps of its evidence: the zero value before its first
// packet. The flow's owner calls End when it ends.
type Tail struct {
	last  uint64 // place of the flow's newest packet in the ring, plus one
	seen  uint32 // packets of the flow
	taken int    // captures begun
	left  int    // packets that the open capture waits for
	open  *Capture
}

// Packet takes a packet of the flow of t. It comes before the Trigger of what
// fires on it. A nil Recorder does nothing.
func (r *Recorder) Packet(t *Tail, f Frame) {
	if r == nil {
		return
	}
	t.last = r.ring.add(t.last, &f)
	if t.seen++; t.open == nil {
		return
	}
	t.open.add(&f)
	if t.left--; t.left <= 0 {
		r.End(t)
	}
}

// Trigger says that a rule fired on the flow's newest packet, and returns the
// capture that will show it; nil when there is none. It may be added to until the
// next call of a method. A capture that is open goes on for Options.After packets
// from here, at most four times as many as were asked for.
func (r *Recorder) Trigger(t *Tail, flowID uint64) *Capture {
	if r == nil {
		return nil
	}
	if t.open != nil {
		most := 4*(r.opt.Before+r.opt.After) - len(t.open.Frames)
		t.left = max(1, min(r.opt.After, most))
		return t.open
	}
	switch {
	case t.taken >= r.opt.Flow:
		r.C.LostFlow++
		return nil
	case len(r.open) >= r.opt.Open:
		r.C.LostOpen++
		return nil
	}
	c := &Capture{Frames: make([]Frame, 0, r.opt.Before+r.opt.After)}
	var f Frame
	at := t.last
	for len(c.Frames) < r.opt.Before {
		prev, ok := r.ring.get(at, &f)
		if !ok {
			break
		}
		c.add(&f)
		at = prev
	}
	if len(c.Frames) == 0 {
		return nil // the flow has had no packet: nothing fired on one
	}
	if len(c.Frames) < min(r.opt.Before, int(t.seen)) {
		r.C.Truncated++
	}
	slices.Reverse(c.Frames)
	t.taken++
	c.ID = ID{Time: c.Frames[len(c.Frames)-1].Time, Flow: flowID, N: t.taken}
	t.open, t.left = c, r.opt.After
	r.open = append(r.open, t)
	return c
}

// End hands on the capture that the flow of t has open.
func (r *Recorder) End(t *Tail) {
	if r == nil || t.open == nil {
		return
	}
	c := t.open
	t.open = nil
	if i := slices.Index(r.open, t); i >= 0 {
		r.open = slices.Delete(r.open, i, i+1)
	}
	r.C.Captures++
	r.C.Packets += uint64(len(c.Frames))
	r.sink.Put(c)
}

func (c *Capture) add(f *Frame) {
	kept := *f
	kept.Data = slices.Clone(f.Data[:min(len(f.Data), maxFrame)])
	c.Frames = append(c.Frames, kept)
}
