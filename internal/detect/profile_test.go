package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// profileRules: one that matches, one whose expression searches on and on, one
// whose header never holds, one that nothing leads to.
func profileRules() string {
	const head = "alert udp any any -> any any"
	return ruleOf(1, head, `content:"a"`) + ruleOf(2, head, `content:"a"; pcre:"/[a-z]+\d[a-z]+\d/R"`) +
		ruleOf(3, "alert udp any any -> any 81", `content:"a"`) + ruleOf(4, head, `content:"nowhere"`)
}

// TestProfile: checks, matches and work are those of the packets, and the work
// is the same whenever these come again.
func TestProfile(t *testing.T) {
	run := func() []RuleCost {
		r := newRig(t, profileRules())
		r.newFlow(packet.ProtoUDP)
		for range 10 {
			r.send(toServer, strings.Repeat("a", 200))
		}
		return MergeProfiles(r.e.Profile(nil))
	}
	got := run()
	if !slices.Equal(got, run()) {
		t.Error("the same packets cost something else")
	}
	if len(got) != 3 {
		t.Fatalf("got %+v", got)
	}
	slow, hit, header := got[0], got[1], got[2]
	if slow.SID != 2 || slow.Checks != 10 || slow.Matches != 0 || slow.Work != 29030 {
		t.Errorf("slow rule: got %+v", slow)
	}
	if hit.SID != 1 || hit.Checks != 10 || hit.Matches != 10 || hit.Work != 20 {
		t.Errorf("plain rule: got %+v", hit)
	}
	if header.SID != 3 || header.Checks != 10 || header.Matches != 0 || header.Work != 10 {
		t.Errorf("header that never holds: got %+v", header)
	}
	if all := MergeProfiles(got, got); all[0].Work != 2*slow.Work || all[1].Checks != 20 || all[1].Matches != 20 || len(all) != 3 {
		t.Errorf("merged: %+v", all)
	}
}

// TestProfileOfTransactions: rules on buffers are booked as those on payload are.
func TestProfileOfTransactions(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert tcp any any -> any any", `fake.host; content:"evil"`))
	r.app(1)
	r.set(fakeHost, "evil")
	r.tx(0).Progress[0] = fakeComplete
	r.want(r.send(toServer, ""), 1)
	want := RuleCost{SID: 1, GID: 1, Msg: r.rs.sigs[0].Msg, Checks: 1, Matches: 1, Work: 2}
	if got := r.e.Profile(nil); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestProfileClock: every 256th evaluation is timed, for all.
func TestProfileClock(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"`))
	reads := 0
	r.e.Clock = func() int64 { reads++; return int64(reads) * 640 }
	r.newFlow(packet.ProtoUDP)
	for range 3 * sampleEvery {
		r.send(toServer, "a")
	}
	if got := r.e.Profile(nil)[0].Nanos; reads != 6 || got != 3*640*sampleEvery {
		t.Errorf("%d looks at the clock, %d ns", reads, got)
	}
}

func TestProfileIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(ruleCost{}); n > 24 {
		t.Errorf("%d bytes for a rule and worker, want at most 24", n)
	}
	r := newRig(t, profileRules())
	r.e.Clock = func() int64 { return 0 }
	r.newFlow(packet.ProtoUDP)
	r.send(toServer, "aaaa")
	if n := testing.AllocsPerRun(1000, func() { r.e.Inspect(&r.p, r.f, toServer, nil) }); n != 0 {
		t.Errorf("allocations: want 0, got %v", n)
	}
}

// budgetRig compiles profileRules with a budget that rule 2 goes over within a
// second of packets.
func budgetRig(t *testing.T, pinned ...uint32) *rig {
	t.Helper()
	cfg := testConfig()
	cfg.Budget = Budget{Share: 0.3, Window: 1e9, Floor: 1000, Pinned: pinned}
	f, _ := rule.ParseFile("test.rules", []byte(profileRules()))
	rs, _ := Compile([]*rule.File{f}, cfg)
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.newFlow(packet.ProtoUDP)
	return r
}

// workOf2 sends packets over three seconds and returns the steps of rule 2's
// evaluations.
func (r *rig) workOf2() uint64 {
	before := r.costOf2()
	for range 30 {
		r.time += 1e8
		r.send(toServer, strings.Repeat("a", 200))
	}
	return r.costOf2() - before
}

func (r *rig) costOf2() uint64 {
	for _, c := range r.e.Profile(nil) {
		if c.SID == 2 {
			return c.Work - c.Checks
		}
	}
	return 0
}

// TestSuspension: a rule over its budget ends with its window, for all engines
// of the ruleset and at the same packet whenever these packets come; others go
// on, a pinned one does, and the next ruleset has it again.
func TestSuspension(t *testing.T) {
	r := budgetRig(t)
	other := &rig{t: t, rs: r.rs, e: NewEngine(r.rs, NewShared()), time: r.time}
	other.newFlow(packet.ProtoUDP)
	r.workOf2()
	got := r.rs.Suspended()
	if len(got) != 1 || got[0].SID != 2 || got[0].Share < 0.5 || got[0].Share > 1 || got[0].Work <= 1000 {
		t.Fatalf("got %+v", got)
	}
	again := budgetRig(t)
	again.workOf2()
	if fmt.Sprint(again.rs.Suspended()) != fmt.Sprint(got) {
		t.Errorf("got %+v, then %+v", got, again.rs.Suspended())
	}
	if n := r.workOf2() + other.workOf2(); n != 0 {
		t.Errorf("suspended, and did %d steps", n)
	}
	r.want(r.send(toServer, "a"), 1)
	r.time += minSuspension
	if again := r.workOf2(); again == 0 {
		t.Error("the rule does not run again when its time is over")
	}
	if got := r.rs.Suspended(); len(got) != 1 || got[0].Times != 2 || got[0].Until-got[0].Time != 2*minSuspension {
		t.Errorf("the second time: got %+v", got)
	}
	if pinned := budgetRig(t, 2); pinned.workOf2() == 0 || len(pinned.rs.Suspended()) != 0 || pinned.workOf2() == 0 {
		t.Error("a pinned rule was suspended")
	}
	rs, _ := compileText(t, profileRules())
	r.e.Swap(rs)
	if r.workOf2() == 0 || len(rs.Suspended()) != 0 {
		t.Error("the rule does not come back with the next ruleset")
	}
}

// TestSuspensionNeedsBoth: neither a great share of little work, nor much work
// of which it is a small share, is over the budget; without one nothing is.
func TestSuspensionNeedsBoth(t *testing.T) {
	for _, b := range []Budget{
		{Share: 0.3, Window: 1e9, Floor: 1e9}, {Share: 0.999, Window: 1e9, Floor: 1}, {Window: 1e9, Floor: 1},
	} {
		cfg := testConfig()
		cfg.Budget = b
		f, _ := rule.ParseFile("test.rules", []byte(profileRules()))
		rs, _ := Compile([]*rule.File{f}, cfg)
		r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
		r.newFlow(packet.ProtoUDP)
		if r.workOf2(); len(rs.Suspended()) != 0 {
			t.Errorf("%+v: got %+v", b, rs.Suspended())
		}
	}
}
