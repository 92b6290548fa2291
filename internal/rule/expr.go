package rule

import (
	"fmt"
	"strings"
)

// expr is a cursor over an address or port expression: a header field, or the
// text of a variable.
type expr struct {
	s     string
	i     int
	rule  *parser // positions count in its line, from base
	base  int
	name  string // of the file, when rule is nil
	outer string // the whole text, when rule is nil
}

func (p *parser) expr(word string, at int) expr { return expr{s: word, rule: p, base: at} }

func textExpr(name, text string) expr {
	trimmed := strings.TrimSpace(text)
	return expr{s: trimmed, name: name, outer: text, base: strings.Index(text, trimmed)}
}

func (x *expr) pos(off int) Pos {
	if x.rule != nil {
		return x.rule.pos(x.base + off)
	}
	return Pos{File: x.name, Line: 1, Column: x.base + off + 1}
}

func (x *expr) errorAt(off int, hint, msg string) *Error {
	if x.rule != nil {
		return x.rule.errorAt(x.base+off, hint, msg)
	}
	return &Error{Pos: x.pos(off), Msg: msg, Hint: hint, Line: x.outer}
}

// exprError is finish for a header field.
func (p *parser) exprError(x *expr, err *Error, what string) *Error {
	if err == nil && x.i < len(x.s) {
		err = x.errorAt(x.i, "", "unexpected "+quote(x.s[x.i:]))
	}
	if err != nil {
		err.Msg = what + ": " + strings.TrimPrefix(strings.TrimPrefix(err.Msg, "address: "), "port: ")
	}
	return err
}

// finish turns what is left behind the expression into an error.
func (x *expr) finish(err *Error, what string) error {
	if err != nil {
		return err
	}
	if x.i < len(x.s) {
		return x.errorAt(x.i, "", what+": unexpected "+quote(x.s[x.i:]))
	}
	return nil
}

func (x *expr) peek() byte {
	if x.i < len(x.s) {
		return x.s[x.i]
	}
	return 0
}

func (x *expr) skip() { x.i = skipBlanks(x.s, x.i) }

// negations consumes leading '!' and reports whether their number is odd.
func (x *expr) negations() bool {
	neg := false
	for x.skip(); x.peek() == '!'; x.skip() {
		neg = !neg
		x.i++
	}
	return neg
}

// word consumes up to the next ',', bracket or blank.
func (x *expr) word() string {
	start := x.i
	for x.i < len(x.s) && strings.IndexByte(",[] \t", x.s[x.i]) < 0 {
		x.i++
	}
	word := x.s[start:x.i]
	x.skip()
	return word
}

// list consumes "[element,...]"; element consumes one of them.
func (x *expr) list(depth int, element func() *Error) *Error {
	if depth == maxNesting {
		return x.errorAt(x.i, "", fmt.Sprintf("list: want at most %d levels", maxNesting))
	}
	open := x.i
	x.i++
	for {
		if x.skip(); x.peek() == ']' || x.peek() == 0 {
			break
		}
		if err := element(); err != nil {
			return err
		}
		if x.skip(); x.peek() != ',' {
			break
		}
		x.i++
	}
	if x.peek() != ']' {
		return x.errorAt(min(x.i, len(x.s)), fmt.Sprintf("the list opens at column %d", x.pos(open).Column),
			"list: want , or ], got "+quote(x.s[min(x.i, len(x.s)):]))
	}
	x.i++
	if strings.Trim(x.s[open+1:x.i-1], " \t,") == "" {
		return x.errorAt(open, "write any for everything", "list: empty")
	}
	x.skip()
	return nil
}

// checkVar refuses a '$' without a name.
func (x *expr) checkVar(at int, name string) *Error {
	if !isName(name) {
		return x.errorAt(at, "", "variable: want $NAME, got "+quote("$"+name))
	}
	return nil
}
