package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorwall/mirrorwall/internal/detect"
)

// costsOf are n rules; the first one has cost most.
func costsOf(n int) []detect.RuleCost {
	var out []detect.RuleCost
	for i := range n {
		out = append(out, detect.RuleCost{SID: uint32(i + 1), GID: 1, Msg: "rule", Checks: 2, Work: uint64(n - i), Nanos: 2500})
	}
	return out
}

// TestRuleCosts: ten rules have a series of their own, and all one together.
func TestRuleCosts(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(newRuleCosts(func() []detect.RuleCost { return costsOf(30) }))
	got, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got {
		switch f.GetName() {
		case "mirrorwall_sensor_rule_work":
			if v := f.GetMetric()[0].GetGauge().GetValue(); v != 465 {
				t.Errorf("all rules: got %v", v)
			}
		case "mirrorwall_sensor_top_rule_work":
			if len(f.GetMetric()) != topRules {
				t.Errorf("got %d series", len(f.GetMetric()))
			}
		default:
			t.Errorf("got %s", f.GetName())
		}
	}
}

func TestProfileTable(t *testing.T) {
	var b bytes.Buffer
	printProfile(&b, profileLines(costsOf(2)))
	want := "SID  CHECKS  MATCHES  WORK  SHARE   EST. TIME  NAME\n" +
		"1    2       0        2     66.7 %  2µs        rule\n" +
		"2    2       0        1     33.3 %  2µs        rule\n"
	if got := strings.ReplaceAll(b.String(), " \n", "\n"); got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestSuspendedHint: the check names each rule's sid where it is to be written.
func TestSuspendedHint(t *testing.T) {
	c := suspendedCheck([]detect.Suspension{{SID: 7}, {SID: 8}})
	if !strings.Contains(c.Hint, "rules: pinned: [7, 8]") || !c.Advisory {
		t.Errorf("got %+v", c)
	}
}
