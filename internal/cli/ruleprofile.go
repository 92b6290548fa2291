package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// ruleClock is the clock of the rules' profile.
func ruleClock() func() int64 {
	start := time.Now()
	return func() int64 { return int64(time.Since(start)) }
}

// profileLine is one line of inspect --rule-profile.
type profileLine struct {
	SID     uint32  `json:"sid"`
	GID     uint32  `json:"gid"`
	Msg     string  `json:"msg"`
	Checks  uint64  `json:"checks"`
	Matches uint64  `json:"matches"`
	Work    uint64  `json:"work"`
	Share   float64 `json:"share"`
	Micros  uint64  `json:"est_us"`
}

// writeRuleProfile writes a profile: a table on a terminal, else JSON lines.
func (a *app) writeRuleProfile(path string, costs []detect.RuleCost) error {
	lines := profileLines(detect.MergeProfiles(costs))
	if path == "-" {
		if f := fileOf(a.out); f != nil && isTerminal(f) {
			printProfile(a.out, lines)
			return nil
		}
		return encodeProfile(a.out, lines)
	}
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(encodeProfile(f, lines), f.Close())
	}
	if err != nil {
		return fail(fmt.Errorf("--rule-profile: %w", err), "is the folder there, and writable?")
	}
	return nil
}

func profileLines(costs []detect.RuleCost) []profileLine {
	var total uint64
	for _, c := range costs {
		total += c.Work
	}
	var out []profileLine
	for _, c := range costs {
		out = append(out, profileLine{
			SID: c.SID, GID: c.GID, Msg: c.Msg, Checks: c.Checks, Matches: c.Matches, Work: c.Work,
			Share: float64(c.Work*10000/total) / 10000, Micros: c.Nanos / 1000,
		})
	}
	return out
}

func encodeProfile(w io.Writer, lines []profileLine) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func printProfile(w io.Writer, lines []profileLine) {
	table(w, func(tw *tabwriter.Writer) {
		fmt.Fprintln(tw, "SID\tCHECKS\tMATCHES\tWORK\tSHARE\tEST. TIME\tNAME")
		for _, l := range lines {
			fmt.Fprintf(tw, "%d\t%d\t%d\t%d\t%.1f %%\t%s\t%s\n", l.SID, l.Checks, l.Matches, l.Work, 100*l.Share,
				time.Duration(l.Micros)*time.Microsecond, printable(l.Msg))
		}
	})
}

// printSuspended tells of the rules that an inspection suspended.
func (a *app) printSuspended(list []detect.Suspension) {
	for _, x := range list {
		fmt.Fprintf(a.err, "warning: %s, from %s on\n", suspension(x), time.Unix(0, x.Time).UTC().Format(time.RFC3339))
	}
	if len(list) > 0 {
		fmt.Fprintln(a.err, "hint: the records are not complete; "+pinHint(list, "--set mirrorwall.rules.pinned=", ",", ""))
	}
}

func suspension(x detect.Suspension) string {
	return fmt.Sprintf("sid %d (%s) suspended: it took %.0f %% of a worker's detection work", x.SID, printable(x.Msg), 100*x.Share)
}

// pinHint says how to keep the rules of list running.
func pinHint(list []detect.Suspension, before, between, after string) string {
	var sids []string
	for _, x := range list {
		sids = append(sids, strconv.FormatUint(uint64(x.SID), 10))
	}
	return before + strings.Join(sids, between) + after + " keeps it running"
}

// suspendedCheck lists the rules that run no longer.
func suspendedCheck(list []detect.Suspension) health.Check {
	c := health.Check{Name: "suspended", OK: len(list) == 0, Advisory: true, Text: "every rule keeps to its budget"}
	if c.OK {
		return c
	}
	var text []string
	for _, x := range list {
		text = append(text, suspension(x))
	}
	c.Text = strings.Join(text, "; ")
	c.Hint = "SIGHUP brings it back; " + pinHint(list, "rules: pinned: [", ", ", "]") + " for good; mirrorwall rules explain SID shows what it asks for"
	return c
}

// topRules is how many rules have a series of their own.
const topRules = 10

// ruleCosts are the metrics of what rules cost: all of them, and the first few.
type ruleCosts struct {
	get        func() []detect.RuleCost
	total, top *prometheus.Desc
}

func newRuleCosts(get func() []detect.RuleCost) *ruleCosts {
	return &ruleCosts{
		get:   get,
		total: prometheus.NewDesc("mirrorwall_sensor_rule_work", "Steps that rules have cost since they were loaded.", nil, nil),
		top: prometheus.NewDesc("mirrorwall_sensor_top_rule_work", "Steps of the ten rules that have cost most since they were loaded.",
			[]string{"gid", "sid"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (r *ruleCosts) Describe(ch chan<- *prometheus.Desc) { ch <- r.total; ch <- r.top }

// Collect implements prometheus.Collector.
func (r *ruleCosts) Collect(ch chan<- prometheus.Metric) {
	costs := r.get()
	var total uint64
	for i, c := range costs {
		total += c.Work
		if i < topRules {
			ch <- prometheus.MustNewConstMetric(r.top, prometheus.GaugeValue, float64(c.Work),
				strconv.FormatUint(uint64(c.GID), 10), strconv.FormatUint(uint64(c.SID), 10))
		}
	}
	ch <- prometheus.MustNewConstMetric(r.total, prometheus.GaugeValue, float64(total))
}
