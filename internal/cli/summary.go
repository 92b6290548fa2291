package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/units"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// topRows is how many rows each table of the summary has.
const topRows = 12

// maxHosts bounds what a summary counts apart; the rest is one row.
const maxHosts = 1 << 16

// summary gathers what a person wants to know of a capture.
type summary struct {
	rules   *ruleReport // nil: none were asked for
	apps    map[string]*appRow
	hosts   map[packet.Addr]uint64
	threats map[uint32]*threatRow
	flows   uint64
	flagged map[string]uint64
	damaged []string // captures that could not be read to their end
}

type appRow struct {
	name, category string
	risk           uint8
	flows, bytes   uint64
}

type threatRow struct {
	sid      uint32
	severity record.Severity
	name     string
	count    uint64
	src, dst packet.Addr
	port     uint16
}

func newSummary() *summary {
	return &summary{
		apps: map[string]*appRow{}, hosts: map[packet.Addr]uint64{},
		threats: map[uint32]*threatRow{}, flagged: map[string]uint64{},
	}
}

var _ sensor.Observer = (*summary)(nil)

// Alert implements sensor.Observer.
func (s *summary) Alert(c *record.Common, a *record.AlertInfo, _ *flow.Flow) {
	t := s.threats[a.SID]
	if t == nil {
		t = &threatRow{sid: a.SID, severity: a.SeverityName(), name: a.Signature, src: c.Src, dst: c.Dst, port: c.DstPort}
		s.threats[a.SID] = t
	}
	t.count++
}

// FlowEnd implements sensor.Observer.
func (s *summary) FlowEnd(c *record.Common, f *flow.Flow) {
	if f.Reason == flow.ReasonNone {
		return
	}
	s.flows++
	bytes := f.Bytes[0] + f.Bytes[1]
	row := s.apps[c.Ours.App]
	if row == nil {
		row = &appRow{name: c.Ours.App, category: c.Ours.AppCategory, risk: c.Ours.AppRisk}
		s.apps[row.name] = row
	}
	row.flows++
	row.bytes += bytes
	for _, a := range [2]packet.Addr{f.Client, f.Server} {
		if _, known := s.hosts[a]; known || len(s.hosts) < maxHosts {
			s.hosts[a] += bytes
		}
	}
	for _, name := range c.Ours.Flags {
		s.flagged[name]++
	}
}

func (s *summary) print(w io.Writer, wk *sensor.Worker, paths []string, took time.Duration) {
	name := strings.Join(paths, ", ")
	if len(paths) > 4 {
		name = fmt.Sprintf("%d captures", len(paths))
	}
	fmt.Fprintf(w, "%s: %d packets, %s, %d flows, in %.2f s\n", name,
		wk.C.Packets, units.Bytes(wk.C.Bytes), s.flows, took.Seconds())
	if r := s.rules; r != nil {
		fmt.Fprintf(w, "Rules: %d active, %d inactive, %d refused\n", r.Active, r.Inactive, r.Refused)
	}
	s.printApps(w)
	s.printHosts(w)
	s.printThreats(w)
	s.printLosses(w, wk)
}

func table(w io.Writer, fill func(tw *tabwriter.Writer)) {
	tw := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	fill(tw)
	// The writer below is a terminal or a file; its errors show there.
	_ = tw.Flush()
}

func (s *summary) printApps(w io.Writer) {
	rows := slices.SortedFunc(maps.Values(s.apps), func(a, b *appRow) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	fmt.Fprintf(w, "\nApplications (%d)\n", len(rows))
	table(w, func(tw *tabwriter.Writer) {
		fmt.Fprintln(tw, "  NAME\tFLOWS\tBYTES\tRISK\tCATEGORY")
		for _, r := range rows[:min(topRows, len(rows))] {
			risk := "-"
			if r.risk > 0 {
				risk = fmt.Sprint(r.risk)
			}
			fmt.Fprintf(tw, "  %s\t%d\t%s\t%s\t%s\n", r.name, r.flows, units.Bytes(r.bytes), risk, cmp.Or(r.category, "-"))
		}
	})
	more(w, len(rows))
}

func (s *summary) printHosts(w io.Writer) {
	hosts := slices.SortedFunc(maps.Keys(s.hosts), func(a, b packet.Addr) int {
		return cmp.Or(cmp.Compare(s.hosts[b], s.hosts[a]), a.Netip().Compare(b.Netip()))
	})
	fmt.Fprintf(w, "\nHosts (%d)\n", len(hosts))
	table(w, func(tw *tabwriter.Writer) {
		for _, h := range hosts[:min(5, len(hosts))] {
			fmt.Fprintf(tw, "  %s\t%s\n", h.Netip(), units.Bytes(s.hosts[h]))
		}
	})
}

func (s *summary) printThreats(w io.Writer) {
	rows := slices.SortedFunc(maps.Values(s.threats), func(a, b *threatRow) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(b.count, a.count), cmp.Compare(a.sid, b.sid))
	})
	if len(rows) == 0 {
		fmt.Fprint(w, "\nThreats: none\n")
		return
	}
	fmt.Fprintf(w, "\nThreats (%d)\n", len(rows))
	table(w, func(tw *tabwriter.Writer) {
		fmt.Fprintln(tw, "  SEVERITY\tCOUNT\tSID\tNAME\tFIRST SEEN")
		for _, r := range rows[:min(topRows, len(rows))] {
			fmt.Fprintf(tw, "  %s\t%d\t%d\t%s\t%s > %s:%d\n", r.severity, r.count, r.sid,
				printable(r.name), r.src.Netip(), r.dst.Netip(), r.port)
		}
	})
	more(w, len(rows))
}

func (s *summary) printLosses(w io.Writer, wk *sensor.Worker) {
	var lines []string
	for _, l := range wk.Losses() {
		if l.Count > 0 {
			lines = append(lines, fmt.Sprintf("  %d %s", l.Count, l.Text))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.flagged)) {
		flows := "flows"
		if s.flagged[name] == 1 {
			flows = "flow"
		}
		lines = append(lines, fmt.Sprintf("  %d %s marked %s", s.flagged[name], flows, name))
	}
	for _, path := range s.damaged {
		lines = append(lines, fmt.Sprintf("  %s is damaged: not read to its end", printable(path)))
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\nLost or cut\n%s\n", strings.Join(lines, "\n"))
	}
}

func more(w io.Writer, n int) {
	if n > topRows {
		fmt.Fprintf(w, "  and %d more\n", n-topRows)
	}
}

// printable replaces control bytes, so that a rule's text cannot drive the
// terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '.'
		}
		return r
	}, s)
}
