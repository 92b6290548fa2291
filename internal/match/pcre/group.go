package pcre

import "strings"

// group parses what '(' opens.
func (p *parser) group() (*node, error) {
	p.i++
	rest := p.s[p.i:]
	switch {
	case strings.HasPrefix(rest, "*"):
		return nil, p.errorf("verbs such as (*SKIP) are not supported")
	case !strings.HasPrefix(rest, "?"):
		return p.capture("")
	case strings.HasPrefix(rest, "?#"):
		n := strings.IndexByte(rest, ')')
		if n < 0 {
			return nil, p.errorf("unclosed (?#")
		}
		p.i += n + 1
		return nil, nil
	}
	for _, look := range lookarounds() {
		if strings.HasPrefix(rest, look.mark) {
			p.i += len(look.mark)
			n := look.node
			return p.wrap(&n)
		}
	}
	if name, size, ok := groupName(rest); ok {
		p.i += size
		return p.capture(name)
	}
	if strings.HasPrefix(rest, "?P=") {
		return p.namedReference(3, ')')
	}
	return p.flagGroup()
}

type lookaround struct {
	mark string
	node node
}

func lookarounds() []lookaround {
	return []lookaround{
		{"?:", node{op: opCat}},
		{"?=", node{op: opLook}},
		{"?!", node{op: opLook, neg: true}},
		{"?<=", node{op: opLook, behind: true}},
		{"?<!", node{op: opLook, behind: true, neg: true}},
		{"?>", node{op: opAtomic}},
	}
}

// groupName reads ?<name>, ?P<name> and ?'name'.
func groupName(s string) (name string, size int, ok bool) {
	for _, form := range []struct{ open, end string }{{"?P<", ">"}, {"?<", ">"}, {"?'", "'"}} {
		if rest, found := strings.CutPrefix(s, form.open); found {
			name, _, ok = strings.Cut(rest, form.end)
			return name, len(form.open) + len(name) + 1, ok && name != ""
		}
	}
	return "", 0, false
}

func (p *parser) capture(name string) (*node, error) {
	p.groups++
	if name != "" {
		if _, ok := p.names[name]; ok {
			return nil, p.errorf("two groups named %q", name)
		}
		p.names[name] = p.groups
	}
	return p.wrap(&node{op: opGroup, index: p.groups})
}

// wrap parses the inside of a group into n, and its ')'. Flags set inside end
// there.
func (p *parser) wrap(n *node) (*node, error) {
	flags := p.flags
	sub, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.i == len(p.s) {
		return nil, p.errorf("unclosed (")
	}
	p.i++
	p.flags = flags
	n.subs = []*node{sub}
	return n, nil
}

// flagGroup parses (?i-s) and (?i-s:...).
func (p *parser) flagGroup() (*node, error) {
	before := p.flags
	on := true
	for p.i++; p.i < len(p.s); p.i++ {
		var flag Flags
		switch c := p.s[p.i]; c {
		case '-':
			on = false
			continue
		case ')':
			p.i++
			return nil, nil
		case ':':
			p.i++
			n, err := p.wrap(&node{op: opCat})
			p.flags = before
			return n, err
		case 'i':
			flag = Caseless
		case 's':
			flag = DotAll
		case 'm':
			flag = Multiline
		case 'x':
			flag = Extended
		case 'U':
			flag = Ungreedy
		default:
			return nil, p.errorf("(?%c is not supported", c)
		}
		if on {
			p.flags |= flag
		} else {
			p.flags &^= flag
		}
	}
	return nil, p.errorf("unclosed (?")
}

// namedReference parses a reference by name that starts skip bytes on and
// ends with the byte end.
func (p *parser) namedReference(skip int, end byte) (*node, error) {
	rest := p.s[min(p.i+skip, len(p.s)):]
	n := strings.IndexByte(rest, end)
	if n <= 0 {
		return nil, p.errorf("reference: want a name")
	}
	p.i += skip + n + 1
	return &node{op: opBackref, name: rest[:n], fold: p.flags&Caseless != 0}, nil
}
