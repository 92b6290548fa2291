package rule

import (
	"io"
	"strings"
)

// Bounds of what is read. A rule beyond them is refused.
const (
	maxRuleBytes = 64 << 10
	maxOptions   = 1024
	maxNesting   = 16   // of lists in a header field
	maxErrors    = 1000 // kept for one file; File.Refused counts on
)

// File is a parsed rules file.
type File struct {
	Name    string
	Rules   []*Rule // in order; the disabled ones only with KeepDisabled
	Refused int     // rules left out, each for one error
}

// ParseOption changes what ParseFile and Parse keep.
type ParseOption func(*parser)

// KeepDisabled keeps rules that are commented out, marked Disabled. A comment
// that does not parse as a rule stays a comment.
func KeepDisabled() ParseOption { return func(p *parser) { p.disabled = true } }

// Parse is ParseFile of all that r holds. A read error is reported at line 0.
func Parse(r io.Reader, name string, opts ...ParseOption) (*File, Errors) {
	text, err := io.ReadAll(r)
	if err != nil {
		return &File{Name: name}, Errors{{Pos: Pos{File: name}, Msg: "read: " + err.Error()}}
	}
	return ParseFile(name, text, opts...)
}

// ParseFile parses the rules in text, which is copied. A bad rule is left out
// and reported; the rest of the file is parsed nevertheless, so both results
// may be non-empty.
//
// A rule is one line; a backslash at the end of a line joins the next one to
// it. Lines that start with '#' or ';' are comments.
func ParseFile(name string, text []byte, opts ...ParseOption) (*File, Errors) {
	p := &parser{file: name}
	for _, o := range opts {
		o(p)
	}
	f := &File{Name: name}
	rest := strings.TrimPrefix(string(text), "\ufeff")
	for rest != "" {
		rest = p.nextLogical(rest)
		p.take(f)
	}
	return f, p.errs
}

// take parses the logical line at hand and files the outcome.
func (p *parser) take(f *File) {
	start := skipBlanks(p.s, 0)
	if start == len(p.s) || p.s[start] == ';' {
		return
	}
	comment := p.s[start] == '#'
	if comment {
		if !p.disabled || !p.looksDisabled(&start) {
			return
		}
	}
	r, err := p.rule(start)
	switch {
	case err == nil:
		r.Disabled = comment
		f.Rules = append(f.Rules, r)
	case !comment:
		f.Refused++
		if len(p.errs) < maxErrors {
			p.errs = append(p.errs, err)
		}
	}
}

// looksDisabled moves start behind the comment marks and reports whether an
// action word stands there.
func (p *parser) looksDisabled(start *int) bool {
	i := *start
	for i < len(p.s) && (p.s[i] == '#' || isBlank(p.s[i])) {
		i++
	}
	*start = i
	word := p.s[i:fieldEnd(p.s, i)]
	_, ok := actionOf(word)
	return ok
}

// segment is one physical line of a logical one.
type segment struct {
	start int    // offset in the logical line
	line  int    // number, from 1
	text  string // the whole line
}

// nextLogical sets p.s and p.segments to the next line with its continuation
// lines joined, and returns what follows.
func (p *parser) nextLogical(rest string) string {
	p.segments = p.segments[:0]
	line, rest := p.physical(rest)
	p.segments = append(p.segments, segment{line: p.line, text: line})
	p.s = line
	head, more := continued(line)
	if !more || strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
		return rest
	}
	var joined strings.Builder
	for more {
		joined.WriteString(head)
		if rest == "" {
			head = ""
			break
		}
		line, rest = p.physical(rest)
		p.segments = append(p.segments, segment{joined.Len(), p.line, line})
		head, more = continued(line)
	}
	joined.WriteString(head)
	p.s = joined.String()
	return rest
}

// continued cuts the backslash that joins the next line to this one. Blanks
// may follow it.
func continued(line string) (head string, more bool) {
	trimmed := strings.TrimRight(line, " \t")
	head, more = strings.CutSuffix(trimmed, `\`)
	if !more {
		return line, false
	}
	return head, true
}

// physical cuts the next line off rest, without its line end.
func (p *parser) physical(rest string) (line, after string) {
	p.line++
	line, after, _ = strings.Cut(rest, "\n")
	return strings.TrimSuffix(line, "\r"), after
}

// segmentAt returns the segment that holds offset off of the logical line.
func (p *parser) segmentAt(off int) *segment {
	i := len(p.segments) - 1
	for i > 0 && p.segments[i].start > off {
		i--
	}
	return &p.segments[i]
}

func (p *parser) pos(off int) Pos {
	s := p.segmentAt(off)
	return Pos{File: p.file, Line: s.line, Column: off - s.start + 1}
}

func (p *parser) errorAt(off int, hint, msg string) *Error {
	return &Error{Pos: p.pos(off), Msg: msg, Hint: hint, Line: p.segmentAt(off).text}
}
