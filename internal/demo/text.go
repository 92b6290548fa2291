package demo

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// style is an SGR parameter list, "" for none.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	red    style = "31"
	alarm  style = "1;37;41"
)

// severityStyle colours a severity; the word says the same.
func severityStyle(s record.Severity) style {
	switch s {
	case record.Critical:
		return alarm
	case record.High:
		return "1;31"
	case record.Medium:
		return yellow
	case record.Low:
		return cyan
	}
	return dim
}

// riskStyle colours the risk of an application, 1 to 5.
func riskStyle(risk int) style {
	switch {
	case risk >= 5:
		return red
	case risk == 4:
		return yellow
	}
	return plain
}

// line builds one line of a screen that never gets wider than max columns.
type line struct {
	b     strings.Builder
	width int
	max   int
	color bool
}

// put appends text as far as there is room.
func (l *line) put(s style, text string) {
	text = clip(text, l.max-l.width)
	l.width += utf8.RuneCountInString(text)
	if l.color && s != plain && text != "" {
		fmt.Fprintf(&l.b, "\x1b[%sm%s\x1b[0m", s, text)
		return
	}
	l.b.WriteString(text)
}

// column appends text cut or filled to n columns: to the left, or with a
// negative n to the right.
func (l *line) column(s style, text string, n int) {
	right := n < 0
	n = max(n, -n)
	text = clip(text, n)
	pad := strings.Repeat(" ", n-utf8.RuneCountInString(text))
	if right {
		l.put(plain, pad)
	}
	l.put(s, text)
	if !right {
		l.put(plain, pad)
	}
}

// to fills with spaces up to a column.
func (l *line) to(column int) {
	l.put(plain, strings.Repeat(" ", max(0, column-l.width)))
}

// right appends text so that it ends at the last column.
func (l *line) right(s style, text string) {
	l.to(l.max - utf8.RuneCountInString(text))
	l.put(s, text)
}

func (l *line) String() string { return strings.TrimRight(l.b.String(), " ") }

// clip cuts text to n columns and shows with … that it did. Control bytes
// become dots: a name must not drive the terminal.
func clip(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '.'
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	if n <= 0 {
		return ""
	}
	return string([]rune(text)[:n-1]) + "…"
}

// count prints a number with commas.
func count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// threatTitle drops the brand and the class that our own signatures begin
// with: in a list of threats they say nothing.
func threatTitle(name string) string {
	name = strings.TrimPrefix(name, "Mirrorwall ")
	return name
}

// plural is "1 threat", "2 threats".
func plural(n uint64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(n) + " " + word + "s"
}
