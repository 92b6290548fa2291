package detect

import (
	"reflect"
	"slices"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// TestSwapTransactions: an open transaction knows the rules that wait on it and
// those that have matched by number; the numbers of the rules before mean
// nothing after a swap.
func TestSwapTransactions(t *testing.T) {
	hit, wait := fakeRule(1, `fake.line; content:"GET"`), fakeRule(2, `fake.line; content:"GET"; fake.body; content:"tail"`)
	r := newRig(t, hit+wait).app(1)
	r.set(fakeLine, "GET /")
	r.tx(0).Progress[0] = fakeHead
	r.want(r.send(toServer, ""), 1)
	next, _ := compileText(t, fakeRule(3, `fake.line; content:"GET"`))
	r.e.Swap(next)
	r.tx(0).Progress[0] = fakeComplete
	r.want(r.send(toServer, ""), 3)
	if ds := &r.tx(0).Detect; len(ds.Candidates[0]) > 0 || !slices.Equal(ds.Matched, []uint32{0}) {
		t.Errorf("left of the rules before: %+v", ds)
	}
}

// TestFlowStateReused: a flow gets the memory of one that has ended, not its
// flowbits.
func TestFlowStateReused(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; flowbits:set,x; noalert`)+
		ruleOf(2, "alert udp any any -> any any", `content:"b"; flowbits:isset,x`)+
		ruleOf(3, "alert udp any any -> any any", `content:"c"; flowbits:set,y`))
	r.newFlow(packet.ProtoUDP)
	r.send(toServer, "a")
	fs := r.f.Detect.(*FlowState)
	r.e.FlowEnd(r.f)
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, "c"), 3)
	if r.f.Detect.(*FlowState) != fs {
		t.Error("the memory was not used again")
	}
	r.want(r.send(toServer, "b"))
}

// TestCountersAdd: every counter is added.
func TestCountersAdd(t *testing.T) {
	var n, o Counters
	v := reflect.ValueOf(&o).Elem()
	for i := range v.NumField() {
		v.Field(i).SetUint(uint64(i + 1))
	}
	n.Add(&o)
	if n != o {
		t.Errorf("got %+v, want %+v", n, o)
	}
}
