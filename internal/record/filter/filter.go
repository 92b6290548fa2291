// Package filter is the filter language of the logs: PAN-OS's grammar, as the
// Monitor tab has it.
//
//	expr  = and { "or" and } .
//	and   = unary { "and" unary } .
//	unary = [ "not" | "!" ] primary .
//	primary = "(" expr ")" | field operator value .
//
// "and" binds tighter than "or", as in most languages (PAN-OS documents no
// precedence; people write brackets). Values are words, 'single' or "double"
// quoted texts, addresses and networks, numbers, severities and times. The
// package owns lexer, parser, typing and the predicate; the fields, each under
// PAN-OS's names and ours, come from record's catalogue. Texts compare without
// regard to case, but for "matches". It knows no displays.
//
// The typed tree has two back ends that give the same answer: Match looks at a
// record, SQL writes a condition with bound parameters.
package filter

import (
	"fmt"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Bounds of a filter.
const (
	maxText  = 16 << 10
	maxDepth = 64
	maxTerms = 1024
)

// Filter is a parsed and typed filter; immutable. The zero Filter matches
// every record.
type Filter struct {
	text string
	root node
}

// Error is what is wrong with a filter, and where.
type Error struct {
	Text   string // the filter
	Offset int    // byte offset of the complaint
	Msg    string
	Hint   string
}

// Error prints column and message in one line.
func (e *Error) Error() string { return fmt.Sprintf("filter:%d: %s", e.Offset+1, e.Msg) }

// Detail prints the message, the filter with a caret, and the hint.
func (e *Error) Detail() string {
	line := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, e.Text)
	s := fmt.Sprintf("%s\n\t%s\n\t%s^", e.Error(), line, strings.Repeat(" ", len([]rune(line[:min(e.Offset, len(line))]))))
	if e.Hint != "" {
		s += "\n\thint: " + e.Hint
	}
	return s
}

// Parse reads a filter. The error is an *Error.
func Parse(text string) (*Filter, error) {
	if strings.TrimSpace(text) == "" {
		return &Filter{text: text}, nil
	}
	if len(text) > maxText {
		return nil, &Error{Text: text[:80] + "…", Msg: fmt.Sprintf("want at most %d bytes, got %d", maxText, len(text))}
	}
	p := &parser{text: text, fields: fieldIndex()}
	root, err := p.expr(0)
	if err == nil && p.peek().kind != tokenEnd {
		t := p.peek()
		err = p.errorf(t.at, "join the next test with \"and\" or \"or\"", "want and, or, or the end, got %q", t.text)
	}
	if err != nil {
		return nil, err
	}
	return &Filter{text: text, root: root}, nil
}

// String returns the filter as written.
func (f *Filter) String() string { return f.text }

// Match reports whether e passes; now is what relative times refer to.
func (f *Filter) Match(e *record.Entry, now time.Time) bool {
	return f.root == nil || f.root.match(e, now)
}

func fieldIndex() map[string]*record.Field {
	fields := record.Fields()
	m := make(map[string]*record.Field, 2*len(fields))
	for i := range fields {
		f := &fields[i]
		m[f.Name] = f
		for _, a := range append([]string{f.PAN}, f.Aliases...) {
			if a != "" && m[a] == nil {
				m[a] = f
			}
		}
	}
	return m
}
