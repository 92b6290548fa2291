package cli

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// told is what doctor prints of findings, one a line without the hints, and
// whether all is well.
func told(found []finding) (text string, ok bool) {
	var b bytes.Buffer
	printFindings(&b, found)
	ok = true
	for _, f := range found {
		ok = ok && f.OK
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "      hint: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n"), ok
}

func TestLossFindings(t *testing.T) {
	for _, c := range []struct {
		cause        string
		count, flows uint64
		want         string
		ok           bool
	}{
		{"parser_stop", 0, 100, "", true},
		{"parser_stop", 10, 100, "note  lost: 10, of 100 flows", true},
		{"parser_stop", 11, 100, "LOOK  lost: 11", false},
		{"stream_gap", 1, 9, "LOOK  lost: 1", false},
		{"stream_depth", 1, 10, "note  lost: 1, of 10 flows", true},
		{"fragment_timeout", 1, 10, "note  lost: 1, of 10 flows", true},
		{"flow_evicted", 1, 1000, "LOOK  lost: 1", false},
		{"kernel_drop", 5, 10, "", true}, // told of its listener
	} {
		got, ok := told(lossFindings([]health.Cause{{Cause: c.cause, Text: "lost", Count: c.count}}, c.flows))
		if got != c.want || ok != c.ok {
			t.Errorf("%s, %d of %d: %q, %v; want %q, %v", c.cause, c.count, c.flows, got, ok, c.want, c.ok)
		}
	}
}

func TestBufferFindings(t *testing.T) {
	at := netip.MustParseAddrPort("0.0.0.0:4789")
	for reported, want := range map[int]string{
		64 << 20: "", 32<<20 + 2: "LOOK  0.0.0.0:4789/udp: the kernel granted 16.0 MiB of 32.0 MiB of receive_buffer",
		8 << 20: "LOOK  0.0.0.0:4789/udp: the kernel granted 4.0 MiB of 32.0 MiB of receive_buffer",
		0:       "", // not known
	} {
		found := bufferFindings([]health.Listener{{Address: at, ReceiveBuffer: reported}}, 32<<20)
		if got, _ := told(found); got != want {
			t.Errorf("%d: %q, want %q", reported, got, want)
		}
		if want != "" && !strings.HasPrefix(found[0].Do, "sysctl -w net.core.rmem_max=33554432") {
			t.Errorf("hint %q", found[0].Do)
		}
	}
}

// TestChecks: each condition of the outputs, well and not, as doctor tells it.
func TestChecks(t *testing.T) {
	unreadable := errors.New("open my.rules: permission denied")
	for _, c := range []struct {
		check health.Check
		want  string
	}{
		{eveCheck(nil, 0, false), ""},
		{eveCheck(errors.New("no space"), 7, true), "LOOK  not ready: eve: 7 bytes of records lost since the start: no space"},
		{eveCheck(&record.LostError{Path: "eve.json", Bytes: 7, Err: errors.New("no space")}, 9, true), "LOOK  not ready: eve: 9 bytes of records lost since the start: no space"},
		{responseCheck(0, 0), ""},
		{responseCheck(171, 2), "LOOK  responses: 171 dead letters since the start: deliveries that were given up"},
		{responseCheck(0, 1), "LOOK  responses: 1 pause since the start: the spool or the dead letters could not be written"},
		{refusedCheck(0), ""},
		{refusedCheck(46), "LOOK  refused: 46 rules refused"},
		{thresholdCheck(0), ""},
		{thresholdCheck(1), "LOOK  thresholds: 1 line of threshold files left out"},
		{suspendedCheck(nil), ""},
		{suspendedCheck([]detect.Suspension{{SID: 7, Msg: "slow", Share: 0.62}, {SID: 8, Msg: "slower", Share: 0.31}}),
			"LOOK  suspended: sid 7 (slow) suspended: it took 62 % of a worker's detection work; sid 8 (slower) suspended: it took 31 % of a worker's detection work"},
		{reloadCheck(nil), ""},
		{reloadCheck(&unreadable), "LOOK  reload: the last reload failed, the old rules stay: open my.rules: permission denied"},
	} {
		found := checkFindings([]health.Check{c.check})
		if got, _ := told(found); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if (c.want == "") != c.check.OK || c.check.Text == "" || len(found) > 0 && found[0].Do == "" {
			t.Errorf("%+v", c.check)
		}
	}
}

// TestPlurals: one is one.
func TestPlurals(t *testing.T) {
	st := &health.Status{Sessions: []health.MirrorSession{{Source: netip.MustParseAddr("10.0.0.1"), VNI: 7, Frames: 1}}}
	got, ok := told(trafficFindings(st))
	if want := "ok    1 mirror session inspected; the busiest is VNI 7 from 10.0.0.1 with 1 frame"; got != want || !ok {
		t.Errorf("%q, want %q", got, want)
	}
	if got := counted(2, "frame") + ", " + counted(0, "flow"); got != "2 frames, 0 flows" {
		t.Error(got)
	}
}

// TestDoctorHealthOff: the file says why nobody answers.
func TestDoctorHealthOff(t *testing.T) {
	cfg, err := config.Parse("mirrorwall.yaml", []byte("version: 1\nhealth: {address: \"\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	found := diagnose(t.Context(), cfg)
	got, ok := told(found)
	if ok || got != "LOOK  health is switched off in the file: the service can't be asked" || !strings.HasPrefix(found[0].Do, "set health: address:") {
		t.Errorf("%q, %v, %+v", got, ok, found)
	}
}

// TestRuleStates: the metric says what became of the rules.
func TestRuleStates(t *testing.T) {
	s, f := scrape(t)
	states := map[string]float64{}
	for _, m := range f["mirrorwall_sensor_rules"].GetMetric() {
		states[m.Label[0].GetValue()] = m.GetGauge().GetValue()
	}
	r := s.report.Load()
	want := map[string]float64{"active": float64(r.Active), "inactive": float64(r.Inactive), "refused": float64(r.Refused)}
	if len(states) != 3 || r.Active == 0 {
		t.Errorf("%v of %+v", states, r)
	}
	for k, n := range want {
		if states[k] != n {
			t.Errorf("%s: %v, want %v", k, states[k], n)
		}
	}
}
