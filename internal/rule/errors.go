package rule

import (
	"fmt"
	"strings"
)

// Error is one complaint about a rules file.
type Error struct {
	Pos  Pos
	Msg  string // "direction: want ->, <> or =>, got "-""
	Hint string // what to do about it, or ""
	Line string // the offending line of the file, or ""
}

// Error prints file:line:column: message.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s", e.Pos, e.Msg)
}

// Errors are the complaints about one file, in order.
type Errors []*Error

// Error prints every complaint with its line, a caret and its hint.
func (e Errors) Error() string {
	var b strings.Builder
	for _, x := range e {
		b.WriteString(x.Error())
		b.WriteByte('\n')
	}
	return b.String()
}

// String prints file:line:column.
func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }
