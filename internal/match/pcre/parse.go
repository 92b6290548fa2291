package pcre

import (
	"fmt"
	"strings"
)

// Bounds of an expression.
const (
	maxDepth  = 200
	maxRepeat = 65535
	maxGroups = 999
)

// Error is a complaint about an expression. Offset counts bytes in it.
type Error struct {
	Offset int
	Msg    string
}

// Error returns the message with its place.
func (e *Error) Error() string { return fmt.Sprintf("%s at offset %d", e.Msg, e.Offset) }

type parser struct {
	s      string
	i      int
	flags  Flags
	groups int // opened so far
	total  int // in the whole expression
	names  map[string]int
	depth  int
	quoted bool // inside \Q...\E
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{p.i, fmt.Sprintf(format, args...)}
}

// parse returns the tree of the whole expression.
func parse(expr string, flags Flags) (*node, *parser, error) {
	p := &parser{s: expr, flags: flags, names: map[string]int{}}
	p.total = countGroups(expr)
	if p.total > maxGroups {
		return nil, p, p.errorf("groups: want at most %d, got %d", maxGroups, p.total)
	}
	n, err := p.alternatives()
	if err != nil {
		return nil, p, err
	}
	if p.i < len(p.s) {
		return nil, p, p.errorf("unmatched )")
	}
	return n, p, p.resolve(n)
}

// countGroups counts capturing groups, roughly where classes hold brackets:
// it only decides whether \12 is a reference or octal.
func countGroups(s string) int {
	count := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '(':
			rest := s[i+1:]
			named := strings.HasPrefix(rest, "?P<") || strings.HasPrefix(rest, "?'") ||
				strings.HasPrefix(rest, "?<") && !strings.HasPrefix(rest, "?<=") && !strings.HasPrefix(rest, "?<!")
			if !strings.HasPrefix(rest, "?") && !strings.HasPrefix(rest, "*") || named {
				count++
			}
		}
	}
	return count
}

// resolve turns names of groups into numbers and checks that they exist.
func (p *parser) resolve(n *node) error {
	if n.op == opBackref {
		if n.name != "" {
			index, ok := p.names[n.name]
			if !ok {
				return p.errorf("reference to unknown group %q", n.name)
			}
			n.index = index
		}
		if n.index < 1 || n.index > p.groups {
			return p.errorf("reference to unknown group %d", n.index)
		}
	}
	for _, s := range n.subs {
		if err := p.resolve(s); err != nil {
			return err
		}
	}
	return nil
}

// alternatives parses up to ')' or the end.
func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf("nesting: want at most %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	var alts []*node
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		alts = append(alts, n)
		if p.i == len(p.s) || p.s[p.i] != '|' {
			break
		}
		p.i++
	}
	if len(alts) == 1 {
		return alts[0], nil
	}
	return &node{op: opAlt, subs: alts}, nil
}

// sequence parses up to '|', ')' or the end.
func (p *parser) sequence() (*node, error) {
	cat := &node{op: opCat}
	for {
		if p.skipExtended(); p.i == len(p.s) {
			return cat, nil
		}
		if c := p.s[p.i]; !p.quoted && (c == '|' || c == ')') {
			return cat, nil
		}
		n, err := p.atom()
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if n, err = p.quantified(n); err != nil {
			return nil, err
		}
		cat.subs = append(cat.subs, n)
	}
}

// skipExtended skips blanks and comments where the flag x is set.
func (p *parser) skipExtended() {
	if p.flags&Extended == 0 || p.quoted {
		return
	}
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == ' ' || c >= '\t' && c <= '\r':
			p.i++
		case c == '#':
			if n := strings.IndexByte(p.s[p.i:], '\n'); n >= 0 {
				p.i += n + 1
			} else {
				p.i = len(p.s)
			}
		default:
			return
		}
	}
}

// atom parses one item without its quantifier; nil for what stands for
// nothing.
func (p *parser) atom() (*node, error) {
	c := p.s[p.i]
	if p.quoted {
		if strings.HasPrefix(p.s[p.i:], `\E`) {
			p.quoted = false
			p.i += 2
			return nil, nil
		}
		p.i++
		return p.byteNode(c), nil
	}
	switch c {
	case '(':
		return p.group()
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	case '.':
		p.i++
		if p.flags&DotAll != 0 {
			return setNode(allBytes()), nil
		}
		return setNode(notNewline()), nil
	case '^':
		p.i++
		return p.assertIf(Multiline, atLineStart, atStart), nil
	case '$':
		p.i++
		if p.flags&(Multiline|DollarEndOnly) == DollarEndOnly {
			return assertNode(atEnd), nil
		}
		return p.assertIf(Multiline, atLineEnd, atEndOrNewline), nil
	case '*', '+', '?':
		return nil, p.errorf("%c repeats nothing", c)
	}
	p.i++
	return p.byteNode(c), nil
}

func (p *parser) byteNode(c byte) *node { return byteNode(c, p.flags&Caseless != 0) }

func assertNode(a assertion) *node { return &node{op: opAssert, assert: a} }

func (p *parser) assertIf(flag Flags, with, without assertion) *node {
	if p.flags&flag != 0 {
		return assertNode(with)
	}
	return assertNode(without)
}

// quantified parses the quantifier behind n, if there is one.
func (p *parser) quantified(n *node) (*node, error) {
	if p.quoted && strings.HasPrefix(p.s[p.i:], `\E`) {
		p.quoted = false
		p.i += 2
	}
	p.skipExtended()
	if p.quoted || p.i == len(p.s) {
		return n, nil
	}
	low, high, size := quantifier(p.s[p.i:])
	if size == 0 {
		return n, nil
	}
	if low > maxRepeat || high > maxRepeat || high != unlimited && high < low {
		return nil, p.errorf("repeat {%d,%d}: want ascending numbers up to %d", low, high, maxRepeat)
	}
	p.i += size
	r := &node{op: opRepeat, subs: []*node{n}, min: low, max: high}
	ungreedy := p.flags&Ungreedy != 0
	if p.i < len(p.s) && p.s[p.i] == '+' {
		r.mode = possessive
		p.i++
		return r, nil
	}
	if p.i < len(p.s) && p.s[p.i] == '?' {
		ungreedy = !ungreedy
		p.i++
	}
	if ungreedy {
		r.mode = lazy
	}
	return r, nil
}

// quantifier reads *, +, ?, {n}, {n,} and {n,m}; size is 0 if s starts with
// none of them.
func quantifier(s string) (low, high, size int) {
	switch s[0] {
	case '*':
		return 0, unlimited, 1
	case '+':
		return 1, unlimited, 1
	case '?':
		return 0, 1, 1
	case '{':
		return braces(s)
	}
	return 0, 0, 0
}

func braces(s string) (low, high, size int) {
	i, low := number(s, 1)
	if i == 1 || i == len(s) {
		return 0, 0, 0
	}
	if s[i] == '}' {
		return low, low, i + 1
	}
	if s[i] != ',' {
		return 0, 0, 0
	}
	end, high := number(s, i+1)
	if end == len(s) || s[end] != '}' {
		return 0, 0, 0
	}
	if end == i+1 {
		high = unlimited
	}
	return low, high, end + 1
}

// number reads digits from offset i, and returns the offset behind them.
func number(s string, i int) (end, n int) {
	for end = i; end < len(s) && s[end] >= '0' && s[end] <= '9'; end++ {
		n = min(n*10+int(s[end]-'0'), maxRepeat+1)
	}
	return end, n
}
