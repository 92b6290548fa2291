package sensor_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

const getRule = `alert udp any any -> any any (msg:"get"; content:"GET"; sid:%d;)` + "\n"

// get is a datagram of a client's port.
func get(port uint16) []shot {
	sc := scene()
	sc.UDP(netip.AddrPortFrom(client().Addr(), port), web()).Client([]byte("GET"))
	return shots(sc)
}

// TestSwapReleases: a worker keeps nothing of rules that were changed, though
// the flows that met them live on.
func TestSwapReleases(t *testing.T) {
	const generations = 4
	text := fmt.Sprintf(getRule, 1) + `alert udp any any -> any any (msg:"bit"; content:"GET"; flowbits:set,x; sid:2;)` + "\n"
	cfg := activeConfig(t, text)
	w := sensor.NewWorker(cfg, &sink{}, nil)
	var sigs []weak.Pointer[detect.Signature]
	var sets []weak.Pointer[detect.Ruleset]
	for i := range generations {
		play(w, get(uint16(1000+i)))
		for _, s := range cfg.Rules.Signatures() {
			sigs = append(sigs, weak.Make(s))
		}
		sets = append(sets, weak.Make(cfg.Rules))
		cfg.Rules = activeConfig(t, text).Rules
		w.SwapRules(&sensor.Rules{All: cfg.Rules})
	}
	runtime.GC()
	for i := range sigs {
		if sigs[i].Value() != nil {
			t.Errorf("a signature of generation %d is kept", i*generations/len(sigs))
		}
	}
	for i := range sets {
		if sets[i].Value() != nil {
			t.Errorf("the rules of generation %d are kept", i)
		}
	}
	if w.C.Alerts != 2*generations {
		t.Errorf("%d alerts, want %d", w.C.Alerts, 2*generations)
	}
	runtime.KeepAlive(w)
}

// TestSwapTenants: new rules reach the tenants that have their own.
func TestSwapTenants(t *testing.T) {
	cfg := activeConfig(t, "")
	cfg.TenantRules = map[uint32]*detect.Ruleset{0: activeConfig(t, fmt.Sprintf(getRule, 1)).Rules}
	var out bytes.Buffer
	w := sensor.NewWorker(cfg, &out, nil)
	play(w, get(1000))
	w.SwapRules(&sensor.Rules{All: cfg.Rules, Tenants: map[uint32]*detect.Ruleset{0: activeConfig(t, fmt.Sprintf(getRule, 2)).Rules}})
	play(w, get(1001))
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	for _, sid := range []string{`"signature_id":1,`, `"signature_id":2,`} {
		if n := strings.Count(out.String(), sid); n != 1 {
			t.Errorf("%s: %d alerts, want 1", sid, n)
		}
	}
}

// TestTenantLosses: what a tenant's own rules had to leave out is a loss too.
func TestTenantLosses(t *testing.T) {
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, getRule, i+1)
	}
	cfg := activeConfig(t, text.String())
	cfg.TenantRules = map[uint32]*detect.Ruleset{0: cfg.Rules}
	cfg.Rules = activeConfig(t, "").Rules
	w := sensor.NewWorker(cfg, &sink{}, nil)
	play(w, get(1000))
	want := uint64(40) - w.C.Alerts
	if n := lossOf(t, w, "alert_overflow"); n != want || want == 0 {
		t.Errorf("%d alerts beyond the limit of a packet, want %d", n, want)
	}
	if n := statOf(t, w, "detect.alert_queue_overflow"); n != want {
		t.Errorf("%d in the statistics, want %d", n, want)
	}
}

// TestConnReused: a flow's record tells of its own gaps, not of those of the
// flow whose memory it got.
func TestConnReused(t *testing.T) {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Client(bytes.Repeat([]byte("x"), 6000))
	c.Close()
	var out bytes.Buffer
	w := sensor.NewWorker(activeConfig(t, ""), &out, nil)
	for _, frames := range [][]shot{withoutBig(shots(sc), 1), shots(httpPlain())} {
		play(w, frames)
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	var gaps []bool
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, `"event_type":"flow"`) {
			gaps = append(gaps, strings.Contains(line, `"tc_gap":true`) || strings.Contains(line, `"ts_gap":true`))
		}
	}
	if len(gaps) != 2 || !gaps[0] || gaps[1] {
		t.Errorf("gaps in the flow records: %v, want [true false]", gaps)
	}
}
