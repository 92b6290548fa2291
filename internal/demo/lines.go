package demo

import (
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"
)

// maxLine is how long a printed line may be.
const maxLine = 100

// Lines prints one line an event, for where no terminal is.
type Lines struct {
	mu  sync.Mutex
	w   io.Writer
	now func() time.Time
}

// NewLines prints to w; now is the clock that begins each line.
func NewLines(w io.Writer, now func() time.Time) *Lines { return &Lines{w: w, now: now} }

var _ Listener = (*Lines)(nil)

// NewApp implements Listener.
func (l *Lines) NewApp(a App) {
	text := fmt.Sprintf("app new: %s", a.Name)
	if a.Category != "" {
		text += fmt.Sprintf(" (%s, risk %d)", a.Category, a.Risk)
	}
	l.print(text)
}

// NewThreat implements Listener.
func (l *Lines) NewThreat(t Threat) {
	head := fmt.Sprintf("threat %-8s ", short(t.Severity.String()))
	tail := "  " + peers(&t)
	room := maxLine - len("15:04:05 ") - len(head) - utf8.RuneCountInString(tail)
	text := clip(threatTitle(t.Name), max(20, room)) + tail
	if app := " (" + t.App + ")"; Named(t.App) && len(app)+utf8.RuneCountInString(text) <= maxLine-len("15:04:05 ")-len(head) {
		text += app
	}
	l.print(head + text)
}

// Delivered implements Listener.
func (l *Lines) Delivered(d Delivery) {
	if d.Valid {
		l.print("webhook delivered, signature valid  " + threatTitle(d.Threat))
		return
	}
	l.print("webhook refused, signature wrong: " + d.ID)
}

// Progress prints how far the play is.
func (l *Lines) Progress(v *View) {
	l.print(fmt.Sprintf("%s of %s: %s frames, %d applications, %s, %s, %s lost",
		clock(v.Uptime), clock(v.For), count(v.Frames), v.Findings.NamedApps(),
		plural(v.Findings.Alerts, "threat"), plural(v.Received.Valid, "webhook"), count(v.Lost)))
}

func (l *Lines) print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.w, clip(l.now().Local().Format("15:04:05")+" "+text, maxLine))
}
