package rule

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is one complaint about a rules file.
type Error struct {
	Pos  Pos
	Msg  string // `direction: want ->, <> or =>, got "-"`
	Hint string // what to do about it, or ""
	Line string // the offending line of the file, or ""
}

// Error prints file:line:column: message, in one line.
func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Detail prints the message, the line with a caret under the column, and the
// hint: one to four lines without a final line feed.
func (e *Error) Detail() string {
	var b strings.Builder
	b.WriteString(e.Error())
	if e.Line != "" && e.Pos.Column > 0 {
		text, caret := excerpt(e.Line, e.Pos.Column-1)
		fmt.Fprintf(&b, "\n\t%s\n\t%s^", text, strings.Repeat(" ", caret))
	}
	if e.Hint != "" {
		b.WriteString("\n\thint: " + e.Hint)
	}
	return b.String()
}

// Errors are the complaints about one file, in order. A nil Errors put into an
// error interface is not nil: use Err.
type Errors []*Error

// Error prints the Detail of every complaint.
func (e Errors) Error() string {
	parts := make([]string, len(e))
	for i, x := range e {
		parts[i] = x.Detail()
	}
	return strings.Join(parts, "\n")
}

// Err returns e, or nil if there are no complaints.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// String prints file:line:column.
func (p Pos) String() string {
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// excerpt cuts a window of line around byte offset off, makes it printable,
// and returns the caret's place in it, in characters.
func excerpt(line string, off int) (text string, caret int) {
	const before, after = 50, 40
	off = min(off, len(line))
	low, high := max(0, off-before), min(len(line), off+after)
	for low > 0 && !utf8.RuneStart(line[low]) {
		low--
	}
	for high < len(line) && !utf8.RuneStart(line[high]) {
		high++
	}
	head, tail := printable(line[low:off]), printable(line[off:high])
	if low > 0 {
		head = "..." + head
	}
	if high < len(line) {
		tail += "..."
	}
	return head + tail, utf8.RuneCountInString(head)
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r == utf8.RuneError:
			return '.'
		}
		return r
	}, s)
}

// quote shortens s for a message.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

// Nearest returns the name that is closest to word, for hints, or "" if none
// is close: at most one edit in three letters.
func Nearest(word string, names []string) string {
	const longest = 64 // bounds the work, which is quadratic in the length
	if word == "" || len(word) > longest {
		return ""
	}
	best, dist := "", len(word)/3+1
	for _, name := range names {
		if len(name) > longest {
			continue
		}
		d := distance(strings.ToLower(word), strings.ToLower(name))
		if d < dist || d == dist && best != "" && name < best {
			best, dist = name, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
