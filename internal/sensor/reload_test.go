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

// say is a datagram of a client's port, at a second.
func say(port uint16, at int64, text string) []shot {
	sc := scene()
	sc.UDP(netip.AddrPortFrom(client().Addr(), port), web()).Client([]byte(text))
	out := shots(sc)
	for i := range out {
		out[i].time += at * 1e9
	}
	return out
}

// TestReloadKeepsState: flows, their bits and integers, bits of hosts and
// thresholds outlive a change of rules, also of rules whose numbers change.
func TestReloadKeepsState(t *testing.T) {
	const rules = `alert udp any any -> any any (msg:"sets"; content:"first"; flowbits:set,b; flowint:i,+,1; xbits:set,x,track ip_src,expire 60; noalert; sid:10;)
alert udp any any -> any any (msg:"bit"; content:"later"; flowbits:isset,b; sid:11;)
alert udp any any -> any any (msg:"integer"; content:"later"; flowint:i,==,1; sid:12;)
alert udp any any -> any any (msg:"host"; content:"later"; xbits:isset,x,track ip_src; sid:13;)
alert udp any any -> any any (msg:"limited"; content:"limited"; threshold:type limit,track by_src,count 1,seconds 60; sid:14;)
alert udp any any -> any any (msg:"third"; content:"limited"; detection_filter:track by_src,count 2,seconds 60; sid:15;)
`
	cfg := activeConfig(t, rules)
	var out bytes.Buffer
	w := sensor.NewWorker(cfg, &out, nil)
	generation := 0
	reload := func() {
		generation++
		var more strings.Builder // other rules in front move the numbers
		for i := range generation {
			fmt.Fprintf(&more, "alert tcp any any -> any any (msg:\"more\"; content:\"more%d\"; sid:%d;)\n", i, 100+i)
		}
		w.SwapRules(&sensor.Rules{All: activeConfig(t, more.String()+rules).Rules})
	}
	for i, text := range []string{"first", "limited", "later", "limited", "limited"} {
		play(w, say(1000, int64(i), text))
		reload()
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		want int
	}{
		{`"signature_id":11,`, 1}, {`"signature_id":12,`, 1}, {`"signature_id":13,`, 1},
		{`"signature_id":14,`, 1}, // once a minute, over three generations
		{`"signature_id":15,`, 1}, // the third of them
		{`"event_type":"flow"`, 1},
	} {
		if got := strings.Count(out.String(), c.text); got != c.want {
			t.Errorf("%s: %d records, want %d", c.text, got, c.want)
		}
	}
}

// TestReloadReleases: a service keeps nothing of the rules that it had, once
// its workers have changed to the next, though nothing arrives.
func TestReloadReleases(t *testing.T) {
	text := fmt.Sprintf(getRule, 1)
	cfg := activeConfig(t, text)
	kept := []weak.Pointer[detect.Ruleset]{weak.Make(cfg.Rules)}
	l := startService(t, cfg, 0)
	cfg.Rules = nil // the caller's own
	for range 3 {
		next := &sensor.Rules{All: activeConfig(t, text).Rules}
		kept = append(kept, weak.Make(next.All))
		l.Reload(next)
	}
	for i, old := range kept[:len(kept)-1] {
		await(t, fmt.Sprintf("generation %d is let go", i), func() bool {
			runtime.GC()
			return old.Value() == nil
		})
	}
	if kept[len(kept)-1].Value() == nil {
		t.Error("the rules in force are gone")
	}
	runtime.KeepAlive(l)
}
