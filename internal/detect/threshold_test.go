package detect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// newThresholdRig compiles rules with a threshold file.
func newThresholdRig(t *testing.T, rules, file string) (*rig, *Report) {
	t.Helper()
	cfg := testConfig()
	cfg.Thresholds = []ThresholdFile{{Name: "t.config", Text: []byte(file)}}
	f, errs := rule.ParseFile("test.rules", []byte(rules))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	rs, rep := Compile([]*rule.File{f}, cfg)
	if len(rs.Signatures()) != len(f.Rules) {
		t.Fatalf("refused: %v", rep.Verdicts)
	}
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.newFlow(packet.ProtoUDP)
	return r, rep
}

// at sends one datagram for each time, in tenths of a second, and writes down
// which of them alert, with a letter for another action than alert.
func (r *rig) at(tenths ...int) string {
	var out []string
	start := r.time
	for i, t := range tenths {
		r.time = start + int64(t)*1e8
		if ids := r.send(toServer, "a"); len(ids) > 0 {
			mark := map[rule.Action]string{rule.ActionDrop: "d", rule.ActionReject: "r"}[r.e.out[0].Action]
			out = append(out, fmt.Sprint(i+1)+mark)
		}
	}
	return strings.Join(out, " ")
}

// TestThresholds: which of the datagrams alert. The times lie at the ends of
// windows; the answers are those of Suricata 8.0.
func TestThresholds(t *testing.T) {
	windows := []int{0, 10, 20, 100, 105, 110, 200, 210, 220, 230}
	each := []int{0, 10, 20, 30, 40, 50, 60, 70, 80, 90}
	cases := []struct {
		name, option string
		at           []int
		want         string
	}{
		{"none", ``, each, "1 2 3 4 5 6 7 8 9 10"},
		{"limit", `threshold:type limit,track by_src,count 2,seconds 10`, windows, "1 2 5 6 8 9"},
		{"threshold", `threshold:type threshold,track by_dst,count 3,seconds 60`, each, "3 6 9"},
		{"threshold, the window goes on", `threshold:type threshold,track by_src,count 2,seconds 10`, []int{0, 90, 95, 110, 120, 130, 140}, "2 5 7"},
		{"both", `threshold:type both,track by_src,count 2,seconds 10`, windows, "2 6 9"},
		{"both, count 1", `threshold:type both,track by_src,count 1,seconds 10`, windows, "1 5 8"},
		{"backoff", `threshold:type backoff,track by_flow,count 3,multiplier 2`, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, "3 6 12"},
		{"detection_filter", `detection_filter:track by_src,count 2,seconds 10`, windows, "3 4 7 10"},
		{"by_rule", `threshold:type limit,track by_rule,count 4,seconds 60`, each, "1 2 3 4"},
		{"by_both", `threshold:type limit,track by_both,count 5,seconds 60`, each, "1 2 3 4 5"},
		{"by_flow", `threshold:type limit,track by_flow,count 2,seconds 60`, each, "1 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; `+c.option))
			r.newFlow(packet.ProtoUDP)
			if got := r.at(c.at...); got != c.want {
				t.Errorf("alerts: got %q, want %q", got, c.want)
			}
		})
	}
}

// TestThresholdTracks: who shares a counter that lets one alert through.
func TestThresholdTracks(t *testing.T) {
	for track, want := range map[string]string{
		"by_src": "110", "by_dst": "101", "by_both": "110", "by_rule": "100", "by_flow": "111",
	} {
		r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; threshold:type limit,count 1,seconds 60,track `+track))
		got := ""
		one := func(d Dir, client byte) {
			r.newFlow(packet.ProtoUDP)
			r.f.Client = addr(10, 0, 0, client)
			got += fmt.Sprint(len(r.send(d, "a")))
		}
		one(toServer, 1)
		one(toServer, 2)
		if track == "by_both" || track == "by_src" {
			one(toServer, 1)
		} else {
			one(toClient, 1)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", track, got, want)
		}
	}
}

// TestThresholdFile checks what the lines of a file do; the answers are those of
// Suricata 8.0.
func TestThresholdFile(t *testing.T) {
	limited := `threshold:type limit,track by_src,count 4,seconds 60`
	filter := "rate_filter gen_id 1, sig_id 1, track %s, count 2, seconds 5, new_action %s, timeout 6"
	times := []int{0, 10, 20, 30, 40, 95, 102, 110, 120, 180, 190, 200, 250, 260, 270, 280, 400, 410, 420}
	four := []int{0, 1, 2, 3}
	type test struct {
		name, option, file string
		at                 []int
		want               string
	}
	cases := []test{
		{"none", "", "# nothing\n\n", four, "1 2 3 4"},
		{"suppress", "", "suppress gen_id 1, sig_id 1", four, ""},
		{"another line ends it", "", "suppress gen_id 1, \\\r\n  sig_id 1 # why", four, ""},
		{"address", "", "suppress gen_id 1, sig_id 1, track by_src, ip [10.0.0.0/24,1.1.1.1]", four, ""},
		{"other address", "", "suppress gen_id 1, sig_id 1, track by_src, ip 10.0.1.0/24", four, "1 2 3 4"},
		{"variable", "", "suppress gen_id 1, sig_id 1, track by_src, ip $HOME_NET", four, ""},
		{"by_dst", "", "suppress gen_id 1, sig_id 1, track by_dst, ip 8.8.8.8", four, ""},
		{"all rules", "", "suppress gen_id 0, sig_id 0, track by_either, ip 8.8.8.8", four, ""},
		{"threshold", "", "threshold gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 60", four, "1 2"},
		{"replaces the rule's", limited, "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 2, seconds 60", four, "1 2"},
		{"for all, leaves the rule's", limited, "threshold gen_id 1, sig_id 0, type limit, track by_src, count 2, seconds 60", four, "1 2 3 4"},
		{"the first for all", "", "threshold gen_id 1, sig_id 0, type limit, track by_rule, count 3, seconds 60\n" +
			"threshold gen_id 0, sig_id 0, type limit, track by_src, count 1, seconds 60", four, "1 2 3"},
		{"rate_filter, no timeout", "", "rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 5, new_action pass, timeout 0",
			[]int{0, 10, 20, 30, 40, 50, 60}, "1 2 4 6 7"},
		{"rate_filter reject", "", fmt.Sprintf(filter, "by_src", "reject"), []int{0, 1, 2}, "1 2 3r"},
		{"rate_filter pass", "", fmt.Sprintf(filter, "by_src", "pass"), times, "1 2 6 7 8 11 12 13 14 15 17 18 19"},
	}
	for _, track := range []string{"by_src", "by_dst", "by_both", "by_rule", "by_flow"} {
		cases = append(cases, test{"rate_filter drop " + track, "", fmt.Sprintf(filter, track, "drop"), times,
			"1 2 3d 4d 5d 6 7 8 9d 10d 11 12 13 14 15 16d 17 18 19"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, rep := newThresholdRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; `+c.option), c.file)
			if len(rep.Thresholds) != 0 {
				t.Fatal(rep.Thresholds)
			}
			if got := r.at(c.at...); got != c.want {
				t.Errorf("alerts: got %q, want %q", got, c.want)
			}
		})
	}
}

// TestThresholdsAndPass: a pass rule that is held back does not pass, and a
// rate_filter may make one that passes.
func TestThresholdsAndPass(t *testing.T) {
	const head = " udp any any -> any any"
	for _, c := range []struct{ action, option, file, want string }{
		{"pass", "", "", ""},
		{"pass", "threshold:type limit,track by_src,count 1,seconds 60", "", "2 3"},
		{"pass", "", "suppress gen_id 1, sig_id 1", ""},
		{"pass", "", "suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1", "1 2 3"},
		{"alert", "priority:1", "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 9, new_action pass, timeout 9", "1"},
	} {
		r, _ := newThresholdRig(t, ruleOf(1, c.action+head, `content:"a"; `+c.option)+ruleOf(2, "alert"+head, `content:"a"`), c.file)
		if got := r.at(0, 1, 2); got != c.want {
			t.Errorf("%s %s %s: got %q, want %q", c.action, c.option, c.file, got, c.want)
		}
	}
}

// TestThresholdComplaints: each bad line is left out and named with its place.
func TestThresholdComplaints(t *testing.T) {
	limited := ruleOf(2, "alert udp any any -> any any", `content:"b"; threshold:type limit,track by_src,count 1,seconds 9`)
	for _, c := range []struct{ file, want string }{
		{"supress gen_id 1, sig_id 1", `1:1: want suppress, threshold, event_filter or rate_filter, got "supress"`},
		{"\n  suppress gen_id x, sig_id 1", `2:12: gen_id: want a number, got "x"`},
		{"suppress gen_id 1", "1:1: suppress: want gen_id and sig_id first"},
		{"suppress gen_id 0, sig_id 1", "1:20: gen_id 0 means every generator, and then sig_id must be 0"},
		{"suppress gen_id 1, sig_id 3", "1:20: suppress: no active rule has gid 1 and sid 3"},
		{"suppress gen_id 1, sig_id 1, track by_src", "1:1: suppress: want track and ip together, or neither of them"},
		{"suppress gen_id 1, sig_id 1, \\\n track by_rule, ip 1.1.1.1", `2:2: track: want by_src, by_dst or by_either, got "by_rule"`},
		{"suppress gen_id 1, sig_id 1, track by_src, ip $NOWHERE", `1:44: ip: "$NOWHERE": unknown variable $NOWHERE`},
		{"suppress gen_id 1, sig_id 1, count 3", `1:30: suppress: unknown option "count"`},
		{"threshold gen_id 1, sig_id 1, type limit, track by_src, count 1", "1:1: threshold: no seconds"},
		{"threshold gen_id 1, sig_id 1, type limit, track by_src, count 0, seconds 1", "1:1: threshold: count: want at least 1"},
		{"threshold gen_id 1, sig_id 1, type limit, type both, track by_src, count 1, seconds 1", "1:43: type: given twice"},
		{"threshold gen_id 1, sig_id 1, type backoff, track by_flow, count 1, seconds 1", `1:31: type: want limit, threshold or both, got "backoff"`},
		{"rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action deny, timeout 1", `1:67: new_action: want alert, drop, reject or pass, got "deny"`},
		{"rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action drop", "1:1: rate_filter: no timeout"},
		{"rate_filter gen_id 1, sig_id 2, track by_src, count 1, seconds 1, new_action drop, timeout 1", "1:23: rate_filter: sid 2 has a threshold already, which counts"},
	} {
		r, rep := newThresholdRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"`)+limited, c.file)
		if len(rep.Thresholds) != 1 || rep.Thresholds[0].Error() != "t.config:"+c.want {
			t.Errorf("%q: got %v, want %s", c.file, rep.Thresholds, c.want)
		}
		if got := r.at(0, 1); got != "1 2" {
			t.Errorf("%q: the line is not left out: %s", c.file, got)
		}
	}
}

// TestFlowThresholdBound: a flow keeps so many thresholds; the rules beyond
// alert, and are counted apart from other state.
func TestFlowThresholdBound(t *testing.T) {
	var text strings.Builder
	for i := range maxFlowInts + 2 {
		text.WriteString(ruleOf(i+1, "alert udp any any -> any any", `content:"a"; threshold:type limit,track by_flow,count 1,seconds 60`))
	}
	f, _ := rule.ParseFile("test.rules", []byte(text.String()))
	cfg := testConfig()
	cfg.MaxAlerts = 1000
	rs, _ := Compile([]*rule.File{f}, cfg)
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.newFlow(packet.ProtoUDP)
	r.send(toServer, "a")
	if n := len(r.send(toServer, "a")); n != 2 || r.e.Counters.FlowLimitFull != 4 || r.e.Counters.FlowBitsFull != 0 {
		t.Errorf("got %d alerts, %+v", n, r.e.Counters)
	}
}

// TestSharedBound: what is driven out is counted by who drives it out.
func TestSharedBound(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; threshold:type limit,track by_src,count 1,seconds 60; xbits:set,x,track ip_src`))
	for i := range shards {
		sh := &r.e.shared.shard[i]
		for n := range uint32(maxShard) {
			sh.limits[limitKey{gid: 9, sid: n}] = limitState{}
			sh.bits[bitKey{id: uint64(n)}] = 0
		}
	}
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, "a"), 1)
	if r.e.Counters.SharedFull != 2 {
		t.Errorf("got %+v", r.e.Counters)
	}
}

// thresholdWorkers are engines with one shared state, each with flows of its own.
func thresholdWorkers(t *testing.T, n int) []*rig {
	text := ""
	for i, opt := range []string{
		`threshold:type limit,track by_src,count 7,seconds 60`, `threshold:type threshold,track by_dst,count 9,seconds 60`,
		`threshold:type both,track by_both,count 5,seconds 60`, `detection_filter:track by_rule,count 11,seconds 60`,
		`threshold:type limit,track by_rule,count 3,seconds 1`,
	} {
		text += ruleOf(i+1, "alert udp any any -> any any", `content:"a"; `+opt)
	}
	first, rep := newThresholdRig(t, text+ruleOf(6, "alert udp any any -> any any", `content:"a"`),
		"rate_filter gen_id 1, sig_id 6, track by_src, count 4, seconds 60, new_action pass, timeout 600")
	if len(rep.Thresholds) > 0 {
		t.Fatal(rep.Thresholds)
	}
	out := []*rig{first}
	for len(out) < n {
		r := &rig{t: t, rs: first.rs, e: NewEngine(first.rs, first.e.shared), time: first.time}
		out = append(out, r)
	}
	return out
}

// datagram sends the i-th of a row of datagrams: six clients, two servers, many
// flows.
func (r *rig) datagram(i int, now int64) []uint32 {
	r.newFlow(packet.ProtoUDP)
	r.f.Client, r.f.Server, r.f.ClientPort = addr(10, 0, 0, byte(i%6)), addr(8, 8, 8, byte(i%2)), uint16(i)
	r.time = now
	return r.send(toServer, "a")
}

// TestThresholdsAcrossWorkers: packets spread over workers alert exactly as
// with one worker, packet by packet when they come in order, and as often when
// the workers run at once.
func TestThresholdsAcrossWorkers(t *testing.T) {
	const n, start = 600, int64(1e18)
	row := func(workers int) (out []string) {
		w := thresholdWorkers(t, workers)
		for i := range n {
			// i*i spreads the flows of one client unevenly.
			out = append(out, fmt.Sprint(w[i*i%workers].datagram(i, start+int64(i)*1e7)))
		}
		return out
	}
	want := row(1)
	for _, workers := range []int{2, 5, 16} {
		if got := row(workers); !slices.Equal(got, want) {
			t.Errorf("%d workers: other alerts than with one", workers)
		}
	}
	count := func(workers int) map[uint32]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		sids := map[uint32]int{}
		for k, w := range thresholdWorkers(t, workers) {
			wg.Go(func() {
				for i := k; i < n; i += workers {
					ids := w.datagram(i, start)
					mu.Lock()
					for _, id := range ids {
						sids[id]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return sids
	}
	if got, want := count(8), count(1); !maps.Equal(got, want) {
		t.Errorf("at once: got %v, want %v", got, want)
	}
}
