package detect

import (
	"strings"
	"testing"
)

// TestGap checks that nothing matches across missing bytes, and that the bytes
// around them are all looked at.
func TestGap(t *testing.T) {
	for _, c := range []struct {
		name, pieces string // a gap at each /
		want         bool
	}{
		{"whole", "xEVILx", true},
		{"across", "xEV/ILx", false},
		{"before", "xEVIL/yy", true},
		{"after", "xx/yEVILy", true},
		{"between", "xx/yEVILy/zz", true},
		{"across the second", "xx/yEV/ILzz", false},
		{"leading", "/EVIL", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ruleOf(1, "alert tcp any any -> any any", `content:"EVIL"`)+
				ruleOf(2, "alert tcp any any -> any any", `pcre:"/EVIL/"`))
			for i, p := range strings.Split(c.pieces, "/") {
				if i > 0 {
					r.e.StreamGap(r.f, toServer, 4)
				}
				r.e.StreamData(r.f, toServer, []byte(p), 0)
			}
			if got := r.end(); (len(got) == 2) != c.want {
				t.Errorf("got %v, want match %t", got, c.want)
			}
		})
	}
}

// TestGapDepth checks that a depth counts from each gap on, and that the next
// chunk doesn't join what lay before one.
func TestGapDepth(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert tcp any any -> any any", `content:"EVIL"; depth:4`)+
		ruleOf(2, "alert tcp any any -> any any", `content:"GOOD"`))
	r.e.StreamData(r.f, toServer, []byte("xxGO"), 0)
	r.e.StreamGap(r.f, toServer, 4)
	r.e.StreamData(r.f, toServer, []byte("EVIL"), 8)
	r.want(r.send(toServer, ""), 1)
	r.e.StreamData(r.f, toServer, []byte("OD"), 12)
	r.want(r.end())
}

// TestGapBound checks the bounds of a window with many gaps and too many bytes.
func TestGapBound(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert tcp any any -> any any", `content:"EVIL"`))
	for range 10 * maxCuts {
		r.e.StreamData(r.f, toServer, []byte("ab"), 0)
		r.e.StreamGap(r.f, toServer, 1)
	}
	st := &r.f.Detect.(*FlowState).st[toServer]
	if len(st.cuts) != maxCuts {
		t.Errorf("got %d cuts", len(st.cuts))
	}
	r.e.StreamData(r.f, toServer, make([]byte, maxPending-4), 0)
	for _, at := range st.cuts {
		if at <= 0 || at > len(st.buf) {
			t.Fatalf("got a cut at %d of %d", at, len(st.buf))
		}
	}
	dropped := int(r.e.Counters.StreamDropped)
	if len(st.buf) > maxPending || dropped == 0 || len(st.buf)+dropped != 2*10*maxCuts+maxPending-4 {
		t.Errorf("got %d bytes, %d dropped", len(st.buf), dropped)
	}
	r.e.StreamData(r.f, toServer, []byte("EVIL"), 0)
	r.want(r.end(), 1)
}
