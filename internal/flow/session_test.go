package flow_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/flow/flowtest"
)

// TestEvents plays what each stream event is for; want are the events in
// order, state is where the session stands after it.
func TestEvents(t *testing.T) {
	const closeWait = handshake + "C>S FIN,ACK\nS>C ACK\n"
	const finWait1 = handshake + "S>C FIN,ACK\n"
	const finWait2 = finWait1 + "C>S ACK\n"
	const lastACK = closeWait + "S>C FIN,ACK\n"
	const timeWait = finWait2 + "C>S FIN,ACK\n"
	tests := []struct {
		name, script, want string
		state              flow.TCPState
	}{
		{"reset without session", "C>S RST", "rst_but_no_session", flow.TCPNone},
		{"fin without session", "C>S FIN,ACK", "fin_but_no_session", flow.TCPNone},
		{"syn and fin", "C>S SYN,FIN", "fin_syn", flow.TCPNone},
		{"broken ack", "C>S SYN\nS>C SYN,ACK\nC>S ACK\nC>S PSH ack=9", "", flow.TCPEstablished},
		{"synack by the client", "C>S SYN\nC>S SYN,ACK", "3whs_synack_in_wrong_direction", flow.TCPSYNSent},
		{"synack with wrong ack", "C>S SYN\nS>C SYN,ACK ack=7", "3whs_synack_with_wrong_ack", flow.TCPSYNSent},
		{"refused", "C>S SYN\nS>C RST,ACK", "", flow.TCPClosed},
		{"refused by a stranger", "C>S SYN\nS>C RST,ACK ack=9", "rst_invalid_ack", flow.TCPSYNSent},
		{"answer to another clock", "C>S SYN ts=500/0\nS>C RST,ACK ts=1/7", "pkt_invalid_timestamp", flow.TCPSYNSent},
		{"one-sided, wrong number", "C>S SYN\nC>S ACK seq=99", "3whs_async_wrong_seq", flow.TCPSYNSent},
		{"four-way, wrong ack", "C>S SYN\nS>C SYN\nC>S SYN,ACK seq=0 ack=9", "4whs_synack_with_wrong_ack", flow.TCPSYNSent},
		{"four-way, wrong syn", "C>S SYN\nS>C SYN\nC>S SYN,ACK seq=5", "4whs_synack_with_wrong_syn", flow.TCPSYNSent},
		{"four-way, wrong end", "C>S SYN\nS>C SYN\nC>S SYN,ACK seq=0\nS>C ACK seq=9\nS>C ACK seq=1 ack=9", "4whs_wrong_seq 4whs_invalid_ack", flow.TCPSYNRecv},
		{"ack from the server", "C>S SYN\nS>C SYN,ACK\nS>C ACK", "3whs_ack_in_wrong_dir", flow.TCPSYNRecv},
		{"right seq, wrong ack", "C>S SYN\nS>C SYN,ACK\nC>S ACK ack=70000", "3whs_right_seq_wrong_ack_evasion", flow.TCPSYNRecv},
		{"wrong seq, wrong ack", "C>S SYN\nS>C SYN,ACK\nC>S ACK seq=80000 ack=70000", "3whs_wrong_seq_wrong_ack", flow.TCPSYNRecv},
		{"another syn", "C>S SYN\nS>C SYN,ACK\nC>S SYN seq=50", "3whs_syn_resend_diff_seq_on_syn_recv", flow.TCPSYNRecv},
		{"same syn", "C>S SYN\nS>C SYN,ACK\nC>S SYN seq=0", "", flow.TCPSYNRecv},
		{"syn to the client", "C>S SYN\nS>C SYN,ACK\nS>C SYN", "3whs_syn_toclient_on_syn_recv", flow.TCPSYNRecv},
		{"synack to the server", "C>S SYN\nS>C SYN,ACK\nC>S SYN,ACK", "3whs_synack_toserver_on_syn_recv", flow.TCPSYNRecv},
		{"synack, other ack", "C>S SYN\nS>C SYN,ACK\nS>C SYN,ACK seq=0 ack=8", "3whs_synack_resend_with_different_ack", flow.TCPSYNRecv},
		{"synack, other seq, taken", "C>S SYN\nS>C SYN,ACK\nS>C SYN,ACK seq=500 ack=1\nC>S ACK ack=501", "3whs_synack_resend_with_diff_seq", flow.TCPEstablished},
		{"data ends the handshake", "C>S SYN\nS>C SYN,ACK\nS>C ACK \"220\"", "", flow.TCPEstablished},
		{"est: syn", handshake + "C>S SYN seq=0", "est_syn_resend", flow.TCPEstablished},
		{"est: another syn", handshake + "C>S SYN seq=77", "est_syn_resend_diff_seq", flow.TCPEstablished},
		{"est: syn to the client", handshake + "S>C SYN seq=0", "est_syn_toclient", flow.TCPEstablished},
		{"est: synack", handshake + "S>C SYN,ACK seq=0 ack=1", "est_synack_resend", flow.TCPEstablished},
		{"est: synack, other ack", handshake + "S>C SYN,ACK seq=0 ack=5", "est_synack_resend_with_different_ack", flow.TCPEstablished},
		{"est: synack, other seq", handshake + "S>C SYN,ACK seq=5 ack=1", "est_synack_resend_with_diff_seq", flow.TCPEstablished},
		{"est: synack to the server", handshake + "C>S SYN,ACK", "est_synack_toserver", flow.TCPEstablished},
		{"est: old clock", "C>S SYN ts=500/0\nS>C SYN,ACK ts=9/500\nC>S ACK ts=501/9\nC>S ACK ts=400/9 \"x\"", "pkt_invalid_timestamp", flow.TCPEstablished},
		{"reset with a wrong ack", handshake + "C>S RST,ACK ack=70000", "rst_invalid_ack", flow.TCPEstablished},
		{"reset out of window", handshake + "C>S RST seq=90000", "", flow.TCPEstablished},
		{"reset", handshake + "C>S RST", "", flow.TCPClosed},
		{"fin with a wrong ack", handshake + "C>S FIN,ACK ack=70000", "fin_invalid_ack", flow.TCPEstablished},
		{"fin out of window", handshake + "C>S ACK \"abc\"\nC>S FIN,ACK seq=2", "fin_out_of_window", flow.TCPEstablished},
		{"close_wait", closeWait, "", flow.TCPCloseWait},
		{"close_wait: wrong ack", closeWait + "S>C ACK ack=70000", "closewait_invalid_ack", flow.TCPCloseWait},
		{"close_wait: out of window", closeWait + "S>C ACK seq=70000 \"x\"", "closewait_ack_out_of_window", flow.TCPCloseWait},
		{"close_wait: again", handshake + "S>C ACK \"ab\"\nC>S FIN,ACK\nS>C ACK seq=1 \"ab\"", "closewait_pkt_before_last_ack", flow.TCPCloseWait},
		{"close_wait: syn", closeWait + "C>S SYN seq=0", "shutdown_syn_resend", flow.TCPCloseWait},
		{"fin_wait1", finWait1, "", flow.TCPFINWait1},
		{"fin_wait1: wrong ack", finWait1 + "C>S ACK ack=70000", "fin1_invalid_ack", flow.TCPFINWait1},
		{"fin_wait2", finWait2, "", flow.TCPFINWait2},
		{"fin_wait2: out of window", finWait2 + "C>S ACK seq=70000 \"x\"", "fin2_ack_wrong_seq", flow.TCPFINWait2},
		{"closing", finWait1 + "C>S FIN", "", flow.TCPClosing},
		{"time_wait", timeWait, "", flow.TCPTimeWait},
		{"time_wait: wrong ack", timeWait + "S>C ACK ack=70000", "timewait_invalid_ack", flow.TCPTimeWait},
		{"time_wait, then closed", timeWait + "S>C ACK", "", flow.TCPClosed},
		{"last_ack", lastACK, "", flow.TCPLastACK},
		{"last_ack: wrong ack", lastACK + "C>S ACK ack=70000", "lastack_invalid_ack", flow.TCPLastACK},
		{"last_ack, then closed", lastACK + "C>S ACK", "", flow.TCPClosed},
		{"again, delivered", handshake + "C>S ACK \"ab\"\nS>C ACK\nC>S ACK seq=1 \"ab\"", "est_pkt_before_last_ack", flow.TCPEstablished},
		{"keep-alive", handshake + "C>S ACK \"ab\"\nS>C ACK\nC>S ACK seq=2 \"z\"\nS>C ACK", "", flow.TCPEstablished},
		{"bad checksum", handshake + "C>S RST badsum", "", flow.TCPEstablished},
	}
	for _, tt := range tests {
		y := flowtest.New(t, flow.DefaultConfig())
		var got []string
		for _, l := range strings.Split(y.Play(tt.script), "\n") {
			if e, ok := strings.CutPrefix(l, "event "); ok && e != "pkt_broken_ack" {
				got = append(got, e)
			}
		}
		if !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%s: events: got %v, want %v", tt.name, got, tt.want)
		}
		if y.Flow == nil || y.Flow.TCP.State != tt.state {
			t.Errorf("%s: state: got %v, want %v", tt.name, y.Flow.TCP.State, tt.state)
		}
		y.End()
		for _, w := range y.Recorder.Wrong {
			t.Errorf("%s: %s", tt.name, w)
		}
	}
}

func TestEventNames(t *testing.T) {
	seen := map[string]bool{}
	for e := flow.EventNone + 1; e.String() != ""; e++ {
		name := e.String()
		if got, ok := flow.EventByName(name); !ok || got != e || seen[name] {
			t.Errorf("%d %q: got %d, %v, seen %v", e, name, got, ok, seen[name])
		}
		seen[name] = true
	}
	if len(seen) < 60 {
		t.Errorf("events: got %d names", len(seen))
	}
	for _, name := range []string{"", "nonsense"} {
		if _, ok := flow.EventByName(name); ok {
			t.Errorf("%q: want no event", name)
		}
	}
}

// TestReuse: a SYN after the close begins another flow; in the middle of a
// session it does so only when the server agrees.
func TestReuse(t *testing.T) {
	tests := []struct {
		name, script string
		flows        uint64
		state        flow.TCPState
		bytes        string
	}{
		{"after the close", handshake + "C>S RST\nC>S SYN seq=900\nS>C SYN,ACK seq=800\nC>S ACK\nC>S ACK \"new\"\nS>C ACK", 2, flow.TCPEstablished, "new"},
		{"copy of the SYN after the close", handshake + "C>S RST\nC>S SYN seq=0", 1, flow.TCPClosed, ""},
		{"last FIN lost", handshake + "C>S FIN,ACK\nC>S SYN seq=900", 2, flow.TCPSYNSent, ""},
		{"forged in the middle", handshake + "C>S SYN seq=90000\nC>S ACK seq=1 \"old\"\nS>C ACK ack=4", 1, flow.TCPEstablished, "old"},
		{"agreed in the middle", handshake + "C>S SYN seq=90000\nS>C SYN,ACK seq=80000\nC>S ACK\nC>S ACK \"new\"\nS>C ACK", 2, flow.TCPEstablished, "new"},
		{"after a lone reset", "S>C RST\nC>S SYN\nS>C SYN,ACK\nC>S ACK \"x\"\nS>C ACK", 2, flow.TCPEstablished, "x"},
	}
	for _, tt := range tests {
		y := flowtest.New(t, flow.DefaultConfig())
		y.Play(tt.script)
		if n := y.Table.Counters(); n.Flows != tt.flows {
			t.Errorf("%s: %d flows, want %d", tt.name, n.Flows, tt.flows)
		}
		if y.Flow.TCP.State != tt.state || string(y.Recorder.Bytes[0]) != tt.bytes {
			t.Errorf("%s: got %v %q, want %v %q", tt.name, y.Flow.TCP.State, y.Recorder.Bytes[0], tt.state, tt.bytes)
		}
		if y.Flow.ServerPort != 80 {
			t.Errorf("%s: server port %d", tt.name, y.Flow.ServerPort)
		}
	}
}

// TestResetGrace: a reset closes both directions after a while, without waiting
// for the flow's end.
func TestResetGrace(t *testing.T) {
	y := flowtest.New(t, flow.DefaultConfig())
	y.Play(handshake + "C>S ACK \"GET\"\nC>S RST")
	from := len(y.Recorder.Calls)
	y.Table.Expire(y.Now() + 1e9)
	if got := y.Recorder.Calls[from:]; len(got) != 0 {
		t.Errorf("at once: %q", got)
	}
	y.Table.Expire(y.Now() + 4e9)
	if got := y.Recorder.Calls[from:]; !slices.Equal(got, []string{"close ts", "close tc"}) {
		t.Errorf("later: %q", got)
	}
	if y.Table.Len() != 1 {
		t.Error("flow gone")
	}
	y.Table.Expire(y.Now() + 61e9)
	y.Table.Expire(y.Now() + 62e9)
	if y.Table.Len() != 0 || len(y.Recorder.Wrong) != 0 {
		t.Errorf("%d flows, %q", y.Table.Len(), y.Recorder.Wrong)
	}
}

func TestEstablished(t *testing.T) {
	tests := []struct {
		script string
		want   bool
	}{
		{"C>S SYN", false},
		{"C>S SYN\nS>C SYN,ACK", false},
		{"C>S SYN\nS>C RST,ACK", false},
		{"C>S SYN\nS>C SYN,ACK\nC>S RST", false},
		{handshake, true},
		{handshake + "C>S RST", true},
		{"C>S ACK \"x\"", true},
	}
	for _, tt := range tests {
		y := flowtest.New(t, flow.DefaultConfig())
		y.Play(tt.script)
		if got := y.Flow.TCP.Established(); got != tt.want {
			t.Errorf("%q: got %v", tt.script, got)
		}
	}
}

func TestStreamFacts(t *testing.T) {
	y := flowtest.New(t, flow.DefaultConfig())
	y.Play(handshake + `
		C>S PSH,ACK "12345"
		S>C ACK
		S>C ACK "abc"
		S>C ACK seq=8 "xyz"`)
	s := y.Flow.TCP
	if !s.Established() || s.Size(0) != 6 || s.Size(1) != 11 || s.ISN(0) != flowtest.ClientISN ||
		s.NextSeq(0) != flowtest.ClientISN+6 || s.AppOffset(0) != 5 || s.AppOffset(1) != 0 {
		t.Errorf("sizes %d %d, offsets %d %d", s.Size(0), s.Size(1), s.AppOffset(0), s.AppOffset(1))
	}
	if s.MaxRegions(0) != 1 || s.MaxRegions(1) != 2 || s.Buffered(1) != 6 || s.AllFlags() != 0x1a {
		t.Errorf("regions %d %d, buffered %d, flags %#x", s.MaxRegions(0), s.MaxRegions(1), s.Buffered(1), s.AllFlags())
	}
}

// TestUrgent plays one urgent byte for each policy.
func TestUrgent(t *testing.T) {
	tests := []struct {
		policy flow.UrgentPolicy
		want   string
	}{
		{flow.UrgentOOB, "abde"},
		{flow.UrgentInline, "abcde"},
		{flow.UrgentDrop, "???de"},
		{flow.UrgentGap, "ab?de"},
	}
	for _, tt := range tests {
		cfg := flow.DefaultConfig()
		cfg.Urgent = tt.policy
		y := flowtest.New(t, cfg)
		y.Play(handshake + "C>S URG,ACK \"abc\" urg=3\nC>S ACK \"de\"\nS>C ACK")
		y.End()
		if got := string(y.Recorder.Bytes[0]); got != tt.want {
			t.Errorf("policy %d: got %q, want %q", tt.policy, got, tt.want)
		}
		for _, w := range y.Recorder.Wrong {
			t.Errorf("policy %d: %s", tt.policy, w)
		}
	}
}

// TestForgedServerReset: what the client sends after a reset in the server's
// name is there once the server goes on; data that was merely under way when
// the client reset raises nothing.
func TestForgedServerReset(t *testing.T) {
	y := flowtest.New(t, flow.DefaultConfig())
	y.Play(handshake + "S>C RST\nC>S ACK \"GET\"\nS>C ACK seq=1 \"200\"\nC>S ACK")
	if got := string(y.Recorder.Bytes[0]) + string(y.Recorder.Bytes[1]); got != "GET200" {
		t.Errorf("forged: bytes: got %q", got)
	}
	y = flowtest.New(t, flow.DefaultConfig())
	got := y.Play(handshake + "C>S RST\nS>C ACK \"under way\"")
	if strings.Contains(got, "suspected") || y.Flow.TCP.State != flow.TCPClosed {
		t.Errorf("under way: %v\n%s", y.Flow.TCP.State, got)
	}
	y.Table.Expire(y.Now() + 4e9)
	if got := string(y.Recorder.Bytes[1]); got != "under way" || len(y.Recorder.Wrong) != 0 {
		t.Errorf("under way: got %q, %q", got, y.Recorder.Wrong)
	}
}

// TestReordered shows packets that a mirror of both ends gets in the wrong
// order: the answer before what it answers.
func TestReordered(t *testing.T) {
	tests := []struct {
		name, script, want string
		state              flow.TCPState
	}{
		{"SYN/ACK before SYN", "S>C SYN,ACK ack=1\nC>S SYN seq=0\nC>S ACK\nC>S ACK \"x\"\nS>C ACK", "x", flow.TCPEstablished},
		{"ACK before SYN/ACK", "C>S SYN\nC>S ACK ack=1\nS>C SYN,ACK\nC>S ACK seq=1 \"x\"\nS>C ACK", "x", flow.TCPEstablished},
		{"ACK before data", handshake + "S>C ACK ack=3\nC>S ACK seq=1 \"xy\"", "xy", flow.TCPEstablished},
		{"ACK before FIN", handshake + "S>C ACK ack=4\nC>S ACK seq=1 \"xy\"\nC>S FIN,ACK seq=3", "xy", flow.TCPCloseWait},
		{"FIN before data", handshake + "C>S FIN,ACK seq=3\nC>S ACK seq=1 \"xy\"\nS>C ACK ack=4", "xy", flow.TCPCloseWait},
	}
	for _, tt := range tests {
		y := flowtest.New(t, flow.DefaultConfig())
		y.Play(tt.script)
		state := y.Flow.TCP.State
		y.End()
		if got := string(y.Recorder.Bytes[0]); got != tt.want || state != tt.state {
			t.Errorf("%s: got %q %v, want %q %v", tt.name, got, state, tt.want, tt.state)
		}
		if n := y.Table.Counters(); n.Gaps != 0 || len(y.Recorder.Wrong) != 0 {
			t.Errorf("%s: %d gaps, %q", tt.name, n.Gaps, y.Recorder.Wrong)
		}
	}
}

// TestForgedFIN: data behind a FIN that the receiver never took is delivered.
func TestForgedFIN(t *testing.T) {
	y := flowtest.New(t, flow.DefaultConfig())
	y.Play(handshake + `
		C>S ACK "GET "
		S>C ACK
		C>S FIN,ACK
		C>S ACK seq=5 "/evil"
		S>C ACK ack=10`)
	if got := string(y.Recorder.Bytes[0]); got != "GET /evil" {
		t.Errorf("bytes: got %q", got)
	}
}

// TestMidstreamPolicy plays a session whose start was not seen, and one whose
// was, under each policy.
func TestMidstreamPolicy(t *testing.T) {
	const late = "S>C ACK \"uid=0\"\nC>S ACK ack=6\n"
	for _, tt := range []struct {
		name, script string
		policy       flow.MidstreamPolicy
		midstream    bool
		data         bool // reaches the sink
		state        flow.State
		inspect      bool
		unseen       bool
	}{
		{"ignore", late, flow.MidstreamIgnore, true, true, flow.StateEstablished, true, true},
		{"ignore, off", late, flow.MidstreamIgnore, false, false, flow.StateNew, true, true},
		{"pass-flow", late, flow.MidstreamPassFlow, true, true, flow.StateEstablished, false, true},
		{"pass-flow, off", late, flow.MidstreamPassFlow, false, false, flow.StateNew, false, true},
		{"bypass", late, flow.MidstreamBypass, true, false, flow.StateBypassed, false, true},
		{"bypass, off", late, flow.MidstreamBypass, false, false, flow.StateBypassed, false, true},
		{"bypass, from the answer", "S>C SYN,ACK\nC>S ACK\n" + late, flow.MidstreamBypass, true, false, flow.StateBypassed, false, true},
		{"bypass, whole", handshake + late, flow.MidstreamBypass, true, true, flow.StateEstablished, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := flow.DefaultConfig()
			cfg.MidstreamPolicy, cfg.Midstream, cfg.AsyncOneSide = tt.policy, tt.midstream, tt.midstream
			y := flowtest.New(t, cfg)
			calls := y.Play(tt.script)
			f := y.Flow
			if got := strings.Contains(calls, "uid=0"); got != tt.data || f.State != tt.state {
				t.Errorf("data %v, state %v; want %v, %v\n%s", got, f.State, tt.data, tt.state, calls)
			}
			if got := f.Flags&flow.FlagNoInspect == 0; got != tt.inspect {
				t.Errorf("inspected %v, want %v", got, tt.inspect)
			}
			if got := f.TCP.Flags&flow.StreamUnseen != 0; got != tt.unseen || f.TCP.Midstream != tt.policy && tt.unseen {
				t.Errorf("unseen %v under %v, want %v under %v", got, f.TCP.Midstream, tt.unseen, tt.policy)
			}
			if f.Pkts[0]+f.Pkts[1] != uint64(strings.Count(tt.script, ">")) {
				t.Errorf("%v packets counted", f.Pkts)
			}
		})
	}
}

// TestBypass: a flow that is bypassed in the middle is counted on, and delivers
// nothing more, not even what it held.
func TestBypass(t *testing.T) {
	y := flowtest.New(t, flow.DefaultConfig())
	y.Play(handshake + "C>S ACK \"one\"\nS>C ACK\nC>S ACK \"held\"")
	y.Table.Bypass(y.Flow)
	if n := y.Flow.TCP.Buffered(flow.ToServer); n != 0 {
		t.Errorf("%d bytes held", n)
	}
	got := y.Play("S>C ACK\nC>S ACK \"two\"\nS>C ACK\nC>S FIN,ACK")
	if got != "" || y.Flow.State != flow.StateBypassed || y.Flow.Pkts != [2]uint64{6, 4} {
		t.Errorf("%v, %v packets: %q", y.Flow.State, y.Flow.Pkts, got)
	}
	if end := y.End(); end != "end shutdown" {
		t.Errorf("at the end: %q", end)
	}
}
