package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Minimum of what a whole demo promises.
const minApps = 12

// Loss is a reason why something was not inspected.
type Loss struct {
	Text  string
	Count uint64
}

// Outcome is the end of a demo: what was sent, what came of it.
type Outcome struct {
	Took      time.Duration
	Sent      uint64 // datagrams
	Received  uint64 // frames that the sensor read
	Kernel    uint64 // datagrams that the kernel dropped
	Ours      uint64 // datagrams that the sensor could not use
	Losses    []Loss // of the packet path, not of whole frames
	Rules     int
	Findings  Findings
	Scenarios []Scenario
	Webhooks  Received
	Matched   uint64 // records that the match list chose
	Dead      uint64 // deliveries given up
	Pending   uint64 // matched, neither delivered nor dead
}

// Whole reports whether every attack was played to its end.
func (o *Outcome) Whole() bool { return whole(o.Scenarios) }

// Broken lists the promises that were not kept. Attacks that were not played
// to their end promise nothing; the number of applications is promised for a
// whole demo.
func (o *Outcome) Broken() (out []string) {
	for _, s := range o.Scenarios {
		if s.Attack && s.Done > 0 && s.Threats == 0 {
			out = append(out, fmt.Sprintf("attack %s raised no threat", s.Name))
		}
		if !s.Attack && s.Threats > 0 {
			out = append(out, fmt.Sprintf("ordinary traffic %s raised %s: %s", s.Name, plural(s.Threats, "threat"), threatTitle(s.First)))
		}
	}
	if n := o.unknown(); n > 0 {
		out = append(out, plural(n, "threat")+" between hosts that nothing was played between")
	}
	if n := o.Findings.NamedApps(); n < minApps && o.Whole() {
		out = append(out, fmt.Sprintf("only %d applications were named, want %d", n, minApps))
	}
	if o.Webhooks.Invalid > 0 {
		out = append(out, plural(o.Webhooks.Invalid, "webhook")+" without a valid signature")
	}
	if o.Dead+o.Pending > 0 {
		out = append(out, plural(o.Dead+o.Pending, "webhook")+" not delivered")
	}
	if o.Webhooks.Valid == 0 && o.Whole() {
		out = append(out, "no webhook arrived")
	}
	if o.Sent != o.Received+o.Kernel+o.Ours {
		out = append(out, fmt.Sprintf("%s frames sent, %s accounted for", count(o.Sent), count(o.Received+o.Kernel+o.Ours)))
	}
	return out
}

// unknown counts threats that belong to no scenario.
func (o *Outcome) unknown() uint64 {
	n := o.Findings.Alerts
	for _, s := range o.Scenarios {
		n -= min(n, s.Threats)
	}
	return n
}

// Print writes the summary, no line longer than 100 columns.
func (o *Outcome) Print(w io.Writer) {
	p := func(format string, args ...any) {
		fmt.Fprintln(w, strings.TrimRight(clip(fmt.Sprintf(format, args...), maxLine), " "))
	}
	p("The demo ran for %s with %d rules.", clock(o.Took), o.Rules)
	p("")
	p("Frames        %s sent = %s received + %s dropped by the kernel + %s dropped by us",
		count(o.Sent), count(o.Received), count(o.Kernel), count(o.Ours))
	for _, l := range o.Losses {
		if l.Count > 0 {
			p("              %s %s", count(l.Count), l.Text)
		}
	}
	o.printApps(p)
	o.printScenarios(p)
	p("Responses     %s chosen (severity high and above), %s delivered with a valid signature,",
		count(o.Matched), count(o.Webhooks.Valid))
	p("              %s with a wrong one, %s given up, %s not yet delivered",
		count(o.Webhooks.Invalid), count(o.Dead), count(o.Pending))
	p("")
	broken := o.Broken()
	for _, b := range broken {
		p("NOT AS PROMISED: %s", b)
	}
	switch {
	case len(broken) > 0:
	case o.Whole():
		p("As promised: a threat for each attack, none for ordinary traffic, every webhook signed.")
	default:
		p("So far as promised; a demo of 2 minutes or more (--for) plays every attack.")
	}
	p("Next, with traffic of your own:  mirrorwall inspect my.pcap")
}

func (o *Outcome) printApps(p func(string, ...any)) {
	var names []string
	for _, a := range o.Findings.Apps {
		if Named(a.Name) {
			names = append(names, a.Name)
		}
	}
	lines := wrap(names, maxLine-len("Applications  999  "))
	for i, text := range lines {
		if i == 0 {
			p("Applications  %-4d %s", len(names), text)
			continue
		}
		p("                   %s", text)
	}
}

// wrap joins words with commas into lines of at most n columns.
func wrap(words []string, n int) (lines []string) {
	var cur string
	for i, w := range words {
		if i < len(words)-1 {
			w += ","
		}
		if cur != "" && len(cur)+1+len(w) > n {
			lines, cur = append(lines, cur), ""
		}
		cur = strings.TrimSpace(cur + " " + w)
	}
	return append(lines, cur)
}

func (o *Outcome) printScenarios(p func(string, ...any)) {
	p("Threats       %s of attacks, %s of ordinary traffic", count(o.Findings.Alerts-o.Findings.False), count(o.Findings.False))
	for _, s := range o.Scenarios {
		played := fmt.Sprintf("played %d×", s.Begun)
		switch {
		case s.Attack && s.Begun == 0:
			p("  %-16s not played", s.Name)
		case s.Attack && s.Threats == 0 && s.Done == 0:
			p("  %-16s cut short", s.Name)
		case s.Attack && s.Threats == 0:
			p("  %-16s %-10s NO THREAT", s.Name, played)
		case s.Threats > 0:
			p("  %-16s %-10s %11s  %s", s.Name, played, plural(s.Threats, "threat"), threatTitle(s.First))
		}
	}
}
