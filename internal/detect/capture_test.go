package detect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vars writes what is kept of the rig's flow, packet and last match.
func (r *rig) vars(m []Match) string {
	var b strings.Builder
	r.e.FlowVars(r.f, func(v Var) bool { fmt.Fprintf(&b, "flow %s=%s ", v.Name, v.Value); return true })
	for _, v := range r.e.PacketVars() {
		fmt.Fprintf(&b, "pkt %s=%s ", v.Name, v.Value)
	}
	for i := range m {
		for _, v := range m[i].Context {
			fmt.Fprintf(&b, "%d %s=%s ", m[i].Sig.SID, v.Name, v.Value)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestCapture(t *testing.T) {
	const head = "alert udp any any -> any any"
	for _, c := range []struct {
		name, rules, payload, want string
	}{
		{"names behind the flags", ruleOf(1, head, `pcre:"/(a+)(b+)(c+)/, flow:x, pkt:y, alert:z"`), "xaabbccx", "flow x=aa pkt y=bb 1 z=cc"},
		{"named groups", ruleOf(1, head, `pcre:"/(?P<flow_x>a+)(?P<other>b)(?P<pkt_y_z>b*)(?P<alert_z>c+)/"`), "aabbc", "flow x=aa pkt y_z=b 1 z=c"},
		{"key and value", ruleOf(1, head, `pcre:"/(\w+)=(\w+)/, pkt:key, pkt:value"`), "user=root", "pkt user=root"},
		{"no match", ruleOf(1, head, `pcre:"/(a+)/, flow:x"; content:"zz"`), "aa", ""},
		{"the match that counts", ruleOf(1, head, `pcre:"/a(\d)/, flow:x"; content:"z"; distance:0; within:1`), "a1 a2z", "flow x=2"},
		{"behind a content that is tried again", ruleOf(1, head, `content:"a"; pcre:"/^(\d)/R, flow:x"; content:"z"; distance:0; within:1`), "a1 a2z", "flow x=2"},
		{"a group that takes no part", ruleOf(1, head, `pcre:"/a(b)?(c)/, flow:x, flow:y"`), "ac", "flow y=c"},
		{"negated", ruleOf(1, head, `pcre:!"/(a)/, flow:x"`), "b", ""},
		{"too long", ruleOf(1, head, `pcre:"/(.*)/, flow:x"`), strings.Repeat("a", 300), "flow x=" + strings.Repeat("a", maxVarLen)},
		{"read by another", ruleOf(1, head, `flowvar:x,"|61|a"; pktvar:y,c; pcre:"/(.)$/, alert:z"`) + ruleOf(2, head, `pcre:"/(a+)b(.*)/, flow:x, pkt:y"`),
			"aabcc", "flow x=aa pkt y=cc 1 z=c"},
		{"read in vain", ruleOf(1, head, `flowvar:x,"b"; pcre:"/(.)$/, alert:z"`) + ruleOf(2, head, `pcre:"/(a+)/, flow:x"`), "aabcc", "flow x=aa"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.rules)
			r.newFlow(17)
			r.send(toServer, c.payload)
			if diff := cmp.Diff(c.want, r.vars(r.e.out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCaptureBounds checks that a flow keeps so many values and no more, that
// a value is replaced, and that packets leave nothing for the next.
func TestCaptureBounds(t *testing.T) {
	var text strings.Builder
	for i := range maxKept + 3 {
		text.WriteString(ruleOf(i+1, "alert udp any any -> any any", fmt.Sprintf(`pcre:"/(a.)/, flow:f%d"; pcre:"/(a.)/, pkt:p%d"`, i, i)))
	}
	r := newRig(t, text.String())
	r.newFlow(17)
	for _, payload := range []string{"a1", "a2"} {
		r.send(toServer, payload)
		if n := strings.Count(r.vars(nil), payload); n != 2*maxKept {
			t.Errorf("%s: got %d values, want %d", payload, n, 2*maxKept)
		}
	}
	if r.e.Counters.FlowBitsFull == 0 {
		t.Error("nothing was counted")
	}
	r.send(toServer, "b")
	if got := r.vars(nil); strings.Contains(got, "pkt") {
		t.Errorf("left over: %s", got)
	}
	p := r.p
	p.Payload = []byte("a3")
	if n := testing.AllocsPerRun(100, func() { r.e.Inspect(&p, r.f, toServer, nil) }); n != 0 {
		t.Errorf("got %v allocations a packet", n)
	}
}

func TestCaptureRefused(t *testing.T) {
	for _, body := range []string{
		`pcre:"/(a)/, flow:x, flow:y"`, `pcre:"/(a)/, host:x"`, `pcre:"/(a)/, flow:"`,
		`pcre:"/(a)(b)(c)(d)(e)(f)(g)(h)(i)/, flow:1,flow:2,flow:3,flow:4,flow:5,flow:6,flow:7,flow:8,flow:9"`,
		`flowvar:x`, `flowvar:,"a"`, `flowvar:x,""`, `flowvar:x,!"a"`, `flowvar:!x,"a"`, `pktvar:x,!"a"`, `pktvar:!x,"a"`,
	} {
		if _, rep := compileText(t, ruleOf(1, "alert udp any any -> any any", body)); rep.Refused != 1 {
			t.Errorf("%s: want it refused", body)
		}
	}
}
