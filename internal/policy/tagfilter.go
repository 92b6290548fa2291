package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// tagExpr is a dynamic group's condition on the tags of an address.
type tagExpr struct {
	tag         string
	op          byte // 't'ag, '&', '|', '!'
	left, right *tagExpr
}

// Bounds of a condition.
const (
	maxTagFilter = 2048 // bytes
	maxTagDepth  = 32   // parentheses
)

// parseTagFilter reads "'web' and ('prod' or 'test')". "and" binds stronger
// than "or"; quotes may be left out around a word.
func parseTagFilter(s string) (*tagExpr, error) {
	if len(s) > maxTagFilter {
		return nil, fmt.Errorf("want at most %d bytes, got %d", maxTagFilter, len(s))
	}
	p := &tagParser{rest: s}
	e, err := p.either(0)
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("want and, or, or the end, got %q", p.peek())
	}
	if err == nil {
		err = p.err
	}
	return e, err
}

type tagParser struct {
	rest   string
	token  string
	quoted bool
	have   bool
	err    error
}

// peek returns the next word, or "" at the end.
func (p *tagParser) peek() string {
	if p.have {
		return p.token
	}
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	p.quoted, p.have, p.token = false, true, ""
	if p.rest == "" {
		return ""
	}
	switch c := p.rest[0]; c {
	case '\'', '"':
		end := strings.IndexByte(p.rest[1:], c)
		if end < 1 {
			p.err = fmt.Errorf("a quote is not closed, or empty: %s", p.rest)
			p.rest = ""
			return ""
		}
		p.token, p.rest, p.quoted = p.rest[1:1+end], p.rest[2+end:], true
	case '(', ')':
		p.token, p.rest = p.rest[:1], p.rest[1:]
	default:
		end := strings.IndexAny(p.rest, " \t\r\n()'\"")
		if end < 0 {
			end = len(p.rest)
		}
		p.token, p.rest = p.rest[:end], p.rest[end:]
	}
	return p.token
}

// take skips a word that is not quoted.
func (p *tagParser) take(word string) bool {
	if !strings.EqualFold(p.peek(), word) || p.quoted {
		return false
	}
	p.have = false
	return true
}

func (p *tagParser) either(depth int) (*tagExpr, error) {
	left, err := p.both(depth)
	for err == nil && p.take("or") {
		var right *tagExpr
		right, err = p.both(depth)
		left = &tagExpr{op: '|', left: left, right: right}
	}
	return left, err
}

func (p *tagParser) both(depth int) (*tagExpr, error) {
	left, err := p.one(depth)
	for err == nil && p.take("and") {
		var right *tagExpr
		right, err = p.one(depth)
		left = &tagExpr{op: '&', left: left, right: right}
	}
	return left, err
}

func (p *tagParser) one(depth int) (*tagExpr, error) {
	if depth > maxTagDepth {
		return nil, errors.New("too many parentheses")
	}
	switch {
	case p.take("not"):
		e, err := p.one(depth + 1)
		return &tagExpr{op: '!', left: e}, err
	case p.take("("):
		e, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			err = errors.New("a parenthesis is not closed")
		}
		return e, err
	}
	word := p.peek()
	if p.err != nil {
		return nil, p.err
	}
	if word == "" || !p.quoted && (word == ")" || strings.EqualFold(word, "and") || strings.EqualFold(word, "or")) {
		return nil, fmt.Errorf("want a tag in quotes, got %q", word)
	}
	p.have = false
	return &tagExpr{op: 't', tag: word}, nil
}

// holds reports whether an address with these tags is a member.
func (e *tagExpr) holds(tags []string) bool {
	switch e.op {
	case 't':
		return slices.Contains(tags, e.tag)
	case '&':
		return e.left.holds(tags) && e.right.holds(tags)
	case '|':
		return e.left.holds(tags) || e.right.holds(tags)
	}
	return !e.left.holds(tags)
}
