package filter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenQuoted
	tokenOpen
	tokenClose
	tokenNot
	tokenBad
)

type token struct {
	kind tokenKind
	text string // of a quoted value, without the quotes
	at   int
}

type parser struct {
	text   string
	pos    int
	ahead  *token
	terms  int
	fields map[string]*record.Field
}

func (p *parser) errorf(at int, hint, format string, args ...any) error {
	return &Error{Text: p.text, Offset: at, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

func (p *parser) peek() token {
	if p.ahead == nil {
		t := p.scan()
		p.ahead = &t
	}
	return *p.ahead
}

func (p *parser) next() token {
	t := p.peek()
	p.ahead = nil
	return t
}

const blanks = " \t\r\n"

func (p *parser) scan() token {
	for p.pos < len(p.text) && strings.IndexByte(blanks, p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return token{kind: tokenEnd, text: "the end", at: p.pos}
	}
	at, c := p.pos, p.text[p.pos]
	switch c {
	case '(', ')', '!':
		p.pos++
		kind := map[byte]tokenKind{'(': tokenOpen, ')': tokenClose, '!': tokenNot}[c]
		return token{kind: kind, text: string(c), at: at}
	case '\'', '"':
		end := strings.IndexByte(p.text[at+1:], c)
		if end < 0 {
			p.pos = len(p.text)
			return token{kind: tokenBad, text: "unclosed quote", at: at}
		}
		p.pos = at + 1 + end + 1
		return token{kind: tokenQuoted, text: p.text[at+1 : at+1+end], at: at}
	}
	end := strings.IndexAny(p.text[at:], blanks+"()!'\"")
	if end < 0 {
		end = len(p.text) - at
	}
	p.pos = at + end
	return token{kind: tokenWord, text: p.text[at : at+end], at: at}
}

func (t token) is(word string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, word)
}

func (p *parser) expr(depth int) (node, error) {
	return p.list(depth, "or", func() (node, error) { return p.conjunction(depth) }, func(n []node) node { return or(n) })
}

func (p *parser) conjunction(depth int) (node, error) {
	return p.list(depth, "and", func() (node, error) { return p.unary(depth) }, func(n []node) node { return and(n) })
}

// list parses items joined by word; one item alone is itself.
func (p *parser) list(depth int, word string, item func() (node, error), join func([]node) node) (node, error) {
	var all []node
	for {
		n, err := item()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if !p.peek().is(word) {
			break
		}
		p.next()
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return join(all), nil
}

func (p *parser) unary(depth int) (node, error) {
	if depth > maxDepth {
		return nil, p.errorf(p.peek().at, "", "more than %d brackets or nots inside each other", maxDepth)
	}
	if t := p.peek(); t.kind == tokenNot || t.is("not") {
		p.next()
		n, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return not{n}, nil
	}
	return p.primary(depth)
}

func (p *parser) primary(depth int) (node, error) {
	if p.peek().kind != tokenOpen {
		return p.comparison()
	}
	open := p.next()
	n, err := p.expr(depth + 1)
	if err != nil {
		return nil, err
	}
	if t := p.next(); t.kind != tokenClose {
		return nil, p.errorf(t.at, fmt.Sprintf("the bracket at column %d is open", open.at+1), "want ), got %q", t.text)
	}
	return n, nil
}

func (p *parser) comparison() (node, error) {
	name := p.next()
	if name.kind != tokenWord {
		return nil, p.errorf(name.at, "a test is FIELD OPERATOR VALUE, such as ( severity geq high )", "want a field, got %q", name.text)
	}
	if p.terms++; p.terms > maxTerms {
		return nil, p.errorf(name.at, "", "more than %d tests", maxTerms)
	}
	f := p.fields[strings.ToLower(name.text)]
	if f == nil {
		hint := "fields are listed in docs/fields.md"
		if near := rule.Nearest(name.text, slices.Collect(maps.Keys(p.fields))); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, p.errorf(name.at, hint, "unknown field %q", name.text)
	}
	op := p.next()
	if op.kind != tokenWord || !slices.Contains(Operators(f.Kind), strings.ToLower(op.text)) {
		return nil, p.errorf(op.at, f.Name+" takes "+strings.Join(Operators(f.Kind), ", "), "want an operator, got %q", op.text)
	}
	value := p.next()
	if value.kind != tokenWord && value.kind != tokenQuoted {
		return nil, p.errorf(value.at, "quote values with blanks or brackets", "want a value, got %q", value.text)
	}
	n, err := p.test(f, strings.ToLower(op.text), value.text)
	if err != nil {
		return nil, p.errorf(value.at, "", "%s: %v", f.Name, err)
	}
	return n, nil
}

// test types one test. A field of either end is two tests; what is asked with
// neq or notin must hold for both.
func (p *parser) test(f *record.Field, op, value string) (node, error) {
	c, err := compare(f.Kind, op, value)
	if err != nil {
		return nil, err
	}
	var n node
	if f.Either == nil {
		n = &leaf{f, c}
	} else {
		var both or
		for _, name := range f.Either {
			both = append(both, &leaf{p.fields[name], c})
		}
		n = both
	}
	if op == "neq" || op == "notin" {
		n = not{n}
	}
	return n, nil
}

// Operators lists what a kind of field may be asked.
func Operators(k record.FieldKind) []string {
	switch k {
	case record.KindAddr:
		return []string{"in", "notin", "eq", "neq"}
	case record.KindNumber:
		return []string{"eq", "neq", "geq", "leq", "gt", "lt", "in", "notin"}
	case record.KindSeverity:
		return []string{"eq", "neq", "geq", "leq", "gt", "lt"}
	case record.KindTime:
		return []string{"in", "geq", "leq", "gt", "lt", "eq", "neq"}
	case record.KindList:
		return []string{"has", "eq", "neq", "contains"}
	}
	return []string{"eq", "neq", "contains", "startswith", "matches", "in", "notin"}
}
