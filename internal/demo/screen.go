package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/units"
)

// View is everything that a screen shows.
type View struct {
	Uptime, For time.Duration
	Now         time.Time
	Frames      uint64 // received by the sensor
	Rate        float64
	Flows       uint64
	Rules       int
	Lost        uint64
	Attacks     int // scenarios begun
	AllAttacks  int
	Findings    Findings
	Received    Received
	Failed      uint64 // deliveries that failed or were given up
	Metrics     string // URL
	EVE         string // path
}

// Screens narrower or lower than this are drawn as if they were not.
const (
	minWidth  = 50
	minHeight = 16
	maxWidth  = 140
	// fixedLines are the headings, the blank lines and the foot.
	fixedLines = 11
)

// AppendScreen appends the view as lines of at most width columns, at most
// height of them, without a line end after the last.
func AppendScreen(b []byte, v *View, width, height int, color bool) []byte {
	s := screen{v: v, width: min(max(width, minWidth), maxWidth), height: max(height, minHeight), color: color}
	s.head()
	// The tables share what is left: applications, threats, deliveries.
	left, deliveries := s.height-len(s.lines)-fixedLines, 3
	if left < 12 {
		deliveries = 1
	}
	left -= deliveries
	needed := (len(v.Findings.Apps) + s.columns() - 1) / s.columns()
	apps := max(min(needed, left/2), min(4, left/2), 1)
	s.apps(apps)
	s.threats(max(1, left-apps))
	s.deliveries(deliveries)
	s.foot()
	return append(b, strings.Join(s.lines[:min(len(s.lines), s.height)], "\n")...)
}

type screen struct {
	v             *View
	width, height int
	color         bool
	lines         []string
}

func (s *screen) line() *line { return &line{max: s.width, color: s.color} }

func (s *screen) add(l *line) { s.lines = append(s.lines, l.String()) }

func (s *screen) blank() { s.lines = append(s.lines, "") }

func clock(d time.Duration) string {
	n := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}

func (s *screen) head() {
	v := s.v
	l := s.line()
	l.put(bold, "Mirrorwall")
	l.put(plain, " demo: a web shop's traffic, mirrored ")
	l.right(plain, clock(v.Uptime)+" of "+clock(v.For))
	s.add(l)
	l = s.line()
	l.put(bold, count(v.Frames))
	l.put(plain, fmt.Sprintf(" frames, %.0f/s   ", v.Rate))
	l.put(bold, count(v.Flows))
	l.put(plain, " flows   ")
	l.put(bold, fmt.Sprint(v.Rules))
	l.put(plain, " rules   ")
	lost := green
	if v.Lost > 0 {
		lost = red
	}
	l.put(lost, count(v.Lost)+" lost")
	l.put(plain, "   ")
	l.put(plain, fmt.Sprintf("attacks played: %d of %d", v.Attacks, v.AllAttacks))
	s.add(l)
	s.blank()
}

// columns of the application table.
func (s *screen) columns() int { return max(1, s.width/48) }

func (s *screen) apps(rows int) {
	n := s.columns()
	each := s.width / n
	l := s.line()
	l.put(bold, fmt.Sprintf("APPLICATIONS (%d)", s.v.Findings.NamedApps()))
	s.add(l)
	l = s.line()
	for i := range n {
		l.to(i * each)
		s.appRow(l, each-3, dim, nil)
	}
	s.add(l)
	apps := s.v.Findings.Apps
	for r := range rows {
		l := s.line()
		for i := range n {
			if at := i*rows + r; at < len(apps) {
				l.to(i * each)
				s.appRow(l, each-3, plain, &apps[at])
			}
		}
		s.add(l)
	}
	s.blank()
}

// appRow puts one application, or the heading for nil.
func (s *screen) appRow(l *line, width int, st style, a *App) {
	name := max(10, width-6-10-5)
	if a == nil {
		l.column(st, "NAME", name)
		l.column(st, "FLOWS", -6)
		l.column(st, "BYTES", -10)
		l.column(st, "RISK", -5)
		return
	}
	if !Named(a.Name) {
		st = dim
	}
	bytes, risk := "-", "-"
	if a.Bytes > 0 {
		bytes = units.Bytes(a.Bytes)
	}
	if a.Risk > 0 {
		risk = fmt.Sprint(a.Risk)
	}
	l.column(st, a.Name, name)
	l.column(st, count(a.Flows), -6)
	l.column(st, bytes, -10)
	l.column(riskStyle(a.Risk), risk, -5)
}

// Widths of the threat table's columns.
const (
	timeWidth     = 9
	severityWidth = 9
	peersWidth    = 36
)

func (s *screen) threats(rows int) {
	threats := s.v.Findings.Threats
	l := s.line()
	l.put(bold, fmt.Sprintf("THREATS (%s)", count(s.v.Findings.Alerts)))
	if s.v.Findings.False > 0 {
		l.put(red, fmt.Sprintf("   %d of ordinary traffic", s.v.Findings.False))
	}
	s.add(l)
	name := max(16, s.width-timeWidth-severityWidth-peersWidth-1)
	l = s.line()
	l.column(dim, "TIME", timeWidth)
	l.column(dim, "SEVERITY", severityWidth)
	l.column(dim, "NAME", name)
	l.put(dim, " CLIENT → SERVER")
	s.add(l)
	for i := range rows {
		l := s.line()
		switch {
		case i == rows-1 && len(threats) > rows:
			l.put(dim, fmt.Sprintf("and %d earlier", len(threats)-i))
		case i < len(threats):
			s.threat(l, &threats[i], name)
		}
		s.add(l)
	}
	s.blank()
}

func (s *screen) threat(l *line, t *Threat, name int) {
	l.column(dim, t.Last.Local().Format("15:04:05"), timeWidth)
	l.column(severityStyle(t.Severity), short(t.Severity.String()), severityWidth)
	title := threatTitle(t.Name)
	if t.Count > 1 {
		many := " ×" + count(t.Count)
		title = clip(title, name-len([]rune(many))) + many
	}
	l.column(plain, title, name)
	l.put(plain, " "+peers(t))
}

func peers(t *Threat) string { return t.Client.String() + " → " + t.Server.String() }

// short abbreviates the one severity that is a long word.
func short(severity string) string {
	if severity == "informational" {
		return "info"
	}
	return severity
}

func (s *screen) deliveries(rows int) {
	r, all := s.v.Received, s.v.Findings.Deliveries
	l := s.line()
	l.put(bold, "RESPONSES")
	l.put(plain, fmt.Sprintf("  severity high and above → webhook: %s delivered, ", count(r.Valid)))
	l.put(green, count(r.Valid)+" signatures valid")
	if bad := r.Invalid + s.v.Failed; bad > 0 {
		l.put(plain, ", ")
		l.put(red, count(bad)+" failed")
	}
	s.add(l)
	for i := range rows {
		l := s.line()
		if at := len(all) - 1 - i; at >= 0 {
			d := &all[at]
			l.column(dim, d.Time.Local().Format("15:04:05"), timeWidth)
			what, st := "delivered", plain
			if !d.Valid {
				what, st = "refused", red
			}
			l.column(st, what, severityWidth+2)
			l.put(plain, threatTitle(d.Threat))
		}
		s.add(l)
	}
	s.blank()
}

func (s *screen) foot() {
	for _, text := range [...]string{
		"Ctrl-C ends it.  Meanwhile:  curl " + s.v.Metrics,
		"                             tail -f " + s.v.EVE,
		"Then, your own traffic:      mirrorwall inspect my.pcap",
	} {
		l := s.line()
		l.put(dim, text)
		s.add(l)
	}
}
