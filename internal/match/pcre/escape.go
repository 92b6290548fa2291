package pcre

import "strings"

// escape parses what a backslash opens outside a class.
func (p *parser) escape() (*node, error) {
	if p.i+1 == len(p.s) {
		return nil, p.errorf(`\ at the end`)
	}
	c := p.s[p.i+1]
	if s, ok := escapeSet(c); ok {
		p.i += 2
		return setNode(s), nil
	}
	if a, ok := escapeAssertion(c); ok {
		p.i += 2
		return assertNode(a), nil
	}
	switch c {
	case 'Q':
		p.i += 2
		p.quoted = true
		return nil, nil
	case 'E':
		p.i += 2
		return nil, nil
	case 'K':
		p.i += 2
		return &node{op: opKeep}, nil
	case 'R':
		p.i += 2
		return lineBreak(), nil
	case 'k', 'g':
		return p.reference(c)
	case 'C', 'X', 'p', 'P', 'u', 'U', 'l', 'L':
		return nil, p.errorf(`\%c is not supported`, c)
	}
	if c >= '1' && c <= '9' {
		if end, n := number(p.s, p.i+1); n < 10 || n <= p.total {
			p.i = end
			return p.backref(n), nil
		}
	}
	b, err := p.escapedByte()
	if err != nil {
		return nil, err
	}
	return p.byteNode(b), nil
}

func (p *parser) backref(n int) *node {
	return &node{op: opBackref, index: n, fold: p.flags&Caseless != 0}
}

func escapeAssertion(c byte) (assertion, bool) {
	switch c {
	case 'A':
		return atStart, true
	case 'z':
		return atEnd, true
	case 'Z':
		return atEndOrNewline, true
	case 'b':
		return atWord, true
	case 'B':
		return notAtWord, true
	case 'G':
		return atFrom, true
	}
	return 0, false
}

// lineBreak is \R: CR LF as one, or any vertical white space.
func lineBreak() *node {
	vertical, _ := escapeSet('v')
	pair := &node{op: opCat, subs: []*node{byteNode('\r', false), byteNode('\n', false)}}
	return &node{op: opAtomic, subs: []*node{{op: opAlt, subs: []*node{pair, setNode(vertical)}}}}
}

// reference parses \k<name>, \k{name}, \k'name', \g{n}, \g{-n}, \gn and
// \g{name}.
func (p *parser) reference(c byte) (*node, error) {
	rest := p.s[p.i+2:]
	if rest == "" {
		return nil, p.errorf(`\%c: want a group`, c)
	}
	if end := strings.IndexByte("<{'", rest[0]); end >= 0 && (c == 'k' || rest[0] == '{') {
		n, err := p.namedReference(3, ">}'"[end])
		if err != nil || c == 'k' {
			return n, err
		}
		return p.numbered(n)
	}
	end, n := number(rest, 0)
	if c == 'k' || end == 0 {
		return nil, p.errorf(`\%c: want a group`, c)
	}
	p.i += 2 + end
	return p.backref(n), nil
}

// numbered turns a name of digits into a number; -1 is the group before.
func (p *parser) numbered(n *node) (*node, error) {
	digits := strings.TrimPrefix(n.name, "-")
	end, index := number(digits, 0)
	if end != len(digits) {
		return n, nil
	}
	if digits != n.name {
		index = p.groups - index + 1
	}
	return p.backref(index), nil
}

// escapedByte parses an escape that stands for one byte.
func (p *parser) escapedByte() (byte, error) {
	c := p.s[p.i+1]
	p.i += 2
	switch c {
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'f':
		return '\f', nil
	case 'a':
		return 7, nil
	case 'e':
		return 0x1b, nil
	case 'c':
		if p.i == len(p.s) {
			return 0, p.errorf(`\c at the end`)
		}
		p.i++
		return strings.ToUpper(p.s[p.i-1 : p.i])[0] ^ 0x40, nil
	case 'x':
		return p.hexByte()
	case 'o':
		return 0, p.errorf(`\o is not supported`)
	}
	if c >= '0' && c <= '7' {
		return p.octal(c)
	}
	return c, nil
}

// octal parses up to two more octal digits behind the first, c.
func (p *parser) octal(c byte) (byte, error) {
	v := int(c - '0')
	for n := 0; n < 2 && p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '7'; n++ {
		v = v*8 + int(p.s[p.i]-'0')
		p.i++
	}
	if v > 255 {
		return 0, p.errorf("octal escape above 377")
	}
	return byte(v), nil
}

// hexByte parses what follows \x: up to two digits, or digits in braces.
func (p *parser) hexByte() (byte, error) {
	limit, v := 2, 0
	braces := p.i < len(p.s) && p.s[p.i] == '{' && strings.IndexByte(p.s[p.i:], '}') > 1
	if braces {
		p.i++
		limit = 8
	}
	for n := 0; n < limit && p.i < len(p.s); n++ {
		d := strings.IndexByte("0123456789abcdef", p.s[p.i]|0x20)
		if d < 0 || p.s[p.i] < '0' {
			break
		}
		v = min(v*16+d, 256)
		p.i++
	}
	if braces {
		if p.i == len(p.s) || p.s[p.i] != '}' {
			return 0, p.errorf(`\x{: want hex digits and }`)
		}
		p.i++
	}
	if v > 255 {
		return 0, p.errorf(`\x{: want at most ff`)
	}
	return byte(v), nil
}

// class parses [...].
func (p *parser) class() (*node, error) {
	open := p.i
	p.i++
	neg := p.i < len(p.s) && p.s[p.i] == '^'
	if neg {
		p.i++
	}
	var s set
	for first := true; ; first = false {
		if p.i == len(p.s) {
			p.i = open
			return nil, p.errorf("unclosed [")
		}
		if p.s[p.i] == ']' && !first {
			p.i++
			break
		}
		if err := p.classItem(&s); err != nil {
			return nil, err
		}
	}
	if p.flags&Caseless != 0 {
		s.fold()
	}
	if neg {
		s = s.inverse()
	}
	return setNode(s), nil
}

// classItem adds one member, range or named set to s.
func (p *parser) classItem(s *set) error {
	low, named, isSet, err := p.classMember()
	if err != nil {
		return err
	}
	if isSet {
		s.union(named)
		return nil
	}
	if p.i+1 >= len(p.s) || p.s[p.i] != '-' || p.s[p.i+1] == ']' {
		s.add(low)
		return nil
	}
	p.i++
	high, named, isSet, err := p.classMember()
	switch {
	case err != nil:
		return err
	case isSet:
		s.add(low)
		s.add('-')
		s.union(named)
		return nil
	case high < low:
		return p.errorf("range %q-%q: want ascending ends", low, high)
	}
	s.addRange(low, high)
	return nil
}

// classMember parses a byte or a named set.
func (p *parser) classMember() (c byte, named set, isSet bool, err error) {
	rest := p.s[p.i:]
	if after, ok := strings.CutPrefix(rest, "[:"); ok {
		if name, _, ok := strings.Cut(after, ":]"); ok {
			size := len("[:") + len(name) + len(":]")
			name, neg := strings.CutPrefix(name, "^")
			if named, isSet = posixSet(name); isSet {
				p.i += size
				if neg {
					named = named.inverse()
				}
				return 0, named, true, nil
			}
		}
	}
	if rest[0] != '\\' {
		p.i++
		return rest[0], set{}, false, nil
	}
	if len(rest) == 1 {
		return 0, set{}, false, p.errorf(`\ at the end`)
	}
	if named, isSet = escapeSet(rest[1]); isSet && rest[1] != 'N' {
		p.i += 2
		return 0, named, true, nil
	}
	switch rest[1] {
	case 'b':
		p.i += 2
		return 8, set{}, false, nil
	case 'E', 'Q':
		p.i += 2
		return 0, set{}, true, nil
	case 'N', 'R', 'X', 'p', 'P', 'u', 'U', 'l', 'L':
		return 0, set{}, false, p.errorf(`\%c in a class is not supported`, rest[1])
	}
	c, err = p.escapedByte()
	return c, set{}, false, err
}
