package rule

import (
	"fmt"
	"strconv"
	"strings"
)

// parser holds one logical line at a time and a cursor into it.
type parser struct {
	file     string
	disabled bool
	line     int // of the last physical line read
	s        string
	i        int
	segments []segment
	start    int         // of the rule in s
	options  []optionRef // reused; rules get copies of the right size
	valueAt  int         // offset of the last option's value
	errs     Errors
}

// actions lists the words a rule may start with.
func actions() []string {
	return []string{"alert", "pass", "drop", "reject", "rejectsrc", "rejectdst",
		"rejectboth", "config"}
}

func actionOf(word string) (Action, bool) {
	switch word {
	case "alert":
		return ActionAlert, true
	case "pass":
		return ActionPass, true
	case "drop":
		return ActionDrop, true
	case "reject", "rejectsrc", "rejectdst", "rejectboth":
		return ActionReject, true
	case "config":
		return ActionConfig, true
	}
	return 0, false
}

// rule parses the rule that starts at offset start of p.s.
func (p *parser) rule(start int) (*Rule, *Error) {
	if len(p.s)-start > maxRuleBytes {
		return nil, p.errorAt(start, "split the rule", fmt.Sprintf(
			"rule: want at most %d bytes, got %d", maxRuleBytes, len(p.s)-start))
	}
	p.i, p.start = start, start
	r := &Rule{Pos: p.pos(start), Text: strings.TrimRight(p.s[start:], " \t")}
	if err := p.header(r); err != nil {
		return nil, err
	}
	if err := p.body(r); err != nil {
		return nil, err
	}
	return r, nil
}

// header parses everything before the parenthesis.
func (p *parser) header(r *Rule) *Error {
	if err := p.actionField(r); err != nil {
		return err
	}
	if err := p.protoField(r); err != nil {
		return err
	}
	if err := p.addressField(&r.Src, "source address"); err != nil {
		return err
	}
	if err := p.portField(&r.SrcPorts, "source port"); err != nil {
		return err
	}
	if err := p.directionField(r); err != nil {
		return err
	}
	if err := p.addressField(&r.Dst, "destination address"); err != nil {
		return err
	}
	return p.portField(&r.DstPorts, "destination port")
}

func (p *parser) actionField(r *Rule) *Error {
	word, at := p.field()
	action, ok := actionOf(word)
	if !ok {
		return p.errorAt(at, didYouMean(word, actions()),
			"action: want alert, pass, drop, reject..., or config, got "+quote(word))
	}
	r.Action, r.ActionAs = action, word
	return nil
}

func (p *parser) protoField(r *Rule) *Error {
	word, at := p.field()
	r.Proto, r.Hook, _ = strings.Cut(word, ":")
	if !isName(r.Proto) || strings.Contains(word, ":") && !isName(r.Hook) {
		return p.errorAt(at, "", "protocol: want a name or name:hook, got "+quote(word))
	}
	return nil
}

func (p *parser) directionField(r *Rule) *Error {
	word, at := p.field()
	switch word {
	case "->":
	case "<>":
		r.Both = true
	case "=>":
		r.Transactional = true
	case "<-":
		return p.errorAt(at, "swap the two ends and write ->",
			`direction: want ->, <> or =>, got "<-"`)
	default:
		return p.errorAt(at, "a header is: action protocol address port -> address port",
			"direction: want ->, <> or =>, got "+quote(word))
	}
	return nil
}

func (p *parser) addressField(a *Addresses, what string) *Error {
	word, at := p.field()
	if word == "" {
		return p.errorAt(at, "", what+": missing")
	}
	x := p.expr(word, at)
	node, err := x.addressField()
	a.Root = &node
	return p.exprError(&x, err, what)
}

func (p *parser) portField(ports *Ports, what string) *Error {
	word, at := p.field()
	if word == "" {
		return p.errorAt(at, "", what+": missing")
	}
	x := p.expr(word, at)
	node, err := x.portField()
	ports.Root = &node
	return p.exprError(&x, err, what)
}

// field returns the next word of the header and its offset. Blanks inside
// brackets belong to the word.
func (p *parser) field() (word string, at int) {
	at = skipBlanks(p.s, p.i)
	p.i = fieldEnd(p.s, at)
	return p.s[at:p.i], at
}

// fieldEnd returns the end of the header word at offset i: a blank or an
// opening parenthesis outside brackets.
func fieldEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ' ', '\t', '(':
			if depth <= 0 || s[i] == '(' {
				return i
			}
		}
	}
	return i
}

// body parses the parenthesis with the options.
func (p *parser) body(r *Rule) *Error {
	p.i = skipBlanks(p.s, p.i)
	if p.i == len(p.s) || p.s[p.i] != '(' {
		return p.errorAt(p.i, "", "options: want (, got "+quote(p.s[p.i:]))
	}
	end := len(strings.TrimRight(p.s, " \t"))
	if p.s[end-1] != ')' || end-1 <= p.i {
		return p.errorAt(end-1, `a rule that goes on in the next line needs \ at the end of this one`,
			"options: want ) at the end of the rule, got "+quote(p.s[end-1:end]))
	}
	end--
	p.options = p.options[:0]
	for p.i = skipBlanks(p.s, p.i+1); p.i < end; p.i = skipBlanks(p.s, p.i) {
		if err := p.option(r, end); err != nil {
			return err
		}
	}
	if r.SID == 0 {
		return p.errorAt(end, "give the rule a number of its own, 1000000-1999999 for local rules",
			"sid: missing")
	}
	r.options = append(make([]optionRef, 0, len(p.options)), p.options...)
	if len(p.segments) > 1 {
		r.lines = p.textLines()
	}
	return nil
}

// option parses one option that ends before offset end.
func (p *parser) option(r *Rule, end int) *Error {
	if len(p.options) == maxOptions {
		return p.errorAt(p.i, "", fmt.Sprintf("options: want at most %d", maxOptions))
	}
	start := p.i
	stop := optionEnd(p.s[:end], start)
	if stop < 0 {
		return p.errorAt(end, "", "option: want ; behind "+quote(p.s[start:end]))
	}
	p.i = stop + 1
	o := Option{Pos: p.pos(start)}
	o.Name = p.s[start:stop]
	if colon := strings.IndexByte(o.Name, ':'); colon >= 0 {
		p.value(&o, start+colon+1, stop)
		o.Name = o.Name[:colon]
	}
	o.Name = strings.TrimRight(o.Name, " \t")
	if !isName(o.Name) {
		return p.errorAt(start, "a ; inside a value is written \\;",
			"option: want a keyword, got "+quote(o.Name))
	}
	if err := p.checkQuotes(&o, stop); err != nil {
		return err
	}
	if err := p.checkOnce(&o, start); err != nil {
		return err
	}
	p.options = append(p.options, p.ref(&o, start))
	return p.common(r, &o)
}

// ref is o, which starts at offset start, and its value at valueAt.
func (p *parser) ref(o *Option, start int) optionRef {
	x := optionRef{name: uint32(start - p.start), nameLen: uint32(len(o.Name)), hasVal: o.HasVal, neg: o.Neg}
	if o.HasVal {
		x.value, x.valueLen = uint32(p.valueAt-p.start), uint32(len(o.Value))
	}
	return x
}

// textLines says where the rule at hand stands in its lines.
func (p *parser) textLines() []textLine {
	out := make([]textLine, 0, len(p.segments))
	for _, s := range p.segments {
		at := textLine{start: s.start - p.start, line: s.line, column: 1}
		if at.start < 0 {
			at.start, at.column = 0, 1-at.start
		}
		out = append(out, at)
	}
	return out
}

// optionEnd returns the offset of the first ';' from i that no backslash
// precedes, or -1.
func optionEnd(s string, i int) int {
	for from := i; ; {
		n := strings.IndexByte(s[from:], ';')
		if n < 0 {
			return -1
		}
		if at := from + n; at == i || s[at-1] != '\\' {
			return at
		}
		from += n + 1
	}
}

// value fills in o's value from p.s[start:stop].
func (p *parser) value(o *Option, start, stop int) {
	start = skipBlanks(p.s[:stop], start)
	if start < stop && p.s[start] == '!' {
		o.Neg = true
		start = skipBlanks(p.s[:stop], start+1)
	}
	o.Value = strings.TrimRight(p.s[start:stop], " \t")
	o.HasVal = true
	o.ValPos = p.pos(start)
	p.valueAt = start
}

// common reads the options that every user of a rule needs.
func (p *parser) common(r *Rule, o *Option) *Error {
	switch o.Name {
	case "sid":
		return p.number(o, &r.SID, 1)
	case "gid":
		return p.number(o, &r.GID, 0)
	case "rev":
		return p.number(o, &r.Rev, 0)
	case "msg":
		r.Msg = Unquote(o.Value)
	}
	return nil
}

func (p *parser) number(o *Option, dst *uint32, low uint64) *Error {
	if !o.HasVal {
		return p.errorAt(p.i-1, "", o.Name+": want a number behind a colon")
	}
	n, err := strconv.ParseUint(Unquote(o.Value), 10, 32)
	if err != nil || n < low || o.Neg {
		return p.errorAt(p.valueAt, "", fmt.Sprintf(
			"%s: want a number from %d to 4294967295, got %s", o.Name, low, quote(o.Value)))
	}
	*dst = uint32(n)
	return nil
}

func didYouMean(word string, names []string) string {
	if near := Nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func skipBlanks(s string, i int) int {
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	return i
}

// isName reports whether s is a keyword: letters, digits, '.', '-', '_'.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '_' || c == '-' || c == '.'
		if !ok {
			return false
		}
	}
	return s != ""
}
