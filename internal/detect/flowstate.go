package detect

import "github.com/mirrorwall/mirrorwall/internal/flow"

// Bounds of one flow's state.
const (
	maxFlowBits = 256
	maxFlowInts = 64
)

// FlowState is what detection keeps of one flow, in flow.Flow.Detect. It
// belongs to the flow's worker.
type FlowState struct {
	bits   []uint64 // flowbits that are set, by nameID
	ints   []flowInt
	vars   []flowVar
	st     [2]streamState
	ipDone [2]bool     // address rules have run
	sides  [2]sideStep // for rules on the protocol alone
	change uint8       // of protocol, that sides is about
	events eventBits   // since the packet before
	once   []uint32    // sids whose event of protocol detection was raised
	limits []flowLimit // thresholds tracked by flow
	each   [2]uint64   // proto.Session.Calls that rules of each time have seen
	rules  uint32      // Engine.rules, whose numbers transactions hold
}

// sideStep says how far rules on the protocol alone are in one direction.
type sideStep uint8

const (
	sideOpen    sideStep = iota // protocol detection is at work
	sideDecided                 // done; the direction's next packet is theirs
	sideDone
)

// flowInt is one flowint.
type flowInt struct {
	id    uint64
	value uint32
}

func (fs *FlowState) reset() {
	*fs = FlowState{bits: fs.bits[:0], ints: fs.ints[:0], vars: fs.vars[:0], once: fs.once[:0], limits: fs.limits[:0]}
}

func (fs *FlowState) bit(id uint64) bool {
	for _, b := range fs.bits {
		if b == id {
			return true
		}
	}
	return false
}

func (fs *FlowState) anyBit(ids []uint64) bool {
	for _, id := range ids {
		if fs.bit(id) {
			return true
		}
	}
	return false
}

func (fs *FlowState) allBits(ids []uint64) bool {
	for _, id := range ids {
		if !fs.bit(id) {
			return false
		}
	}
	return true
}

func (fs *FlowState) setBit(id uint64, on bool, n *Counters) {
	for i, b := range fs.bits {
		if b != id {
			continue
		}
		if !on {
			last := len(fs.bits) - 1
			copy(fs.bits[i:], fs.bits[i+1:])
			fs.bits = fs.bits[:last]
		}
		return
	}
	if !on {
		return
	}
	if len(fs.bits) >= maxFlowBits {
		n.FlowBitsFull++
		return
	}
	fs.bits = append(fs.bits, id)
}

func (fs *FlowState) intAt(id uint64) *flowInt {
	for i := range fs.ints {
		if fs.ints[i].id == id {
			return &fs.ints[i]
		}
	}
	return nil
}

func (fs *FlowState) changeInt(id uint64, y uint32, f func(x, y uint32) uint32, n *Counters) {
	if x := fs.intAt(id); x != nil {
		x.value = f(x.value, y)
		return
	}
	if len(fs.ints) >= maxFlowInts {
		n.FlowBitsFull++
		return
	}
	fs.ints = append(fs.ints, flowInt{id, f(0, y)})
}

// FlowBits calls yield with the name of each flowbit that is set on f, in the
// order they were set, for a record's metadata.
func (e *Engine) FlowBits(f *flow.Flow, yield func(name string) bool) {
	fs, _ := f.Detect.(*FlowState)
	if fs == nil {
		return
	}
	for _, id := range fs.bits {
		if name, ok := e.rs.bitNames[id]; ok && !yield(name) {
			return
		}
	}
}

// FlowInts calls yield with each flowint of f.
func (e *Engine) FlowInts(f *flow.Flow, yield func(name string, value uint32) bool) {
	fs, _ := f.Detect.(*FlowState)
	if fs == nil {
		return
	}
	for _, x := range fs.ints {
		if name, ok := e.rs.bitNames[x.id]; ok && !yield(name, x.value) {
			return
		}
	}
}
