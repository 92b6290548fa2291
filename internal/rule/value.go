package rule

import (
	"strings"
)

// ValueError is a complaint about an option's value. Offset counts bytes from
// the value's first byte, quotes included, so that ValPos.Column+Offset is the
// column in the file (for a value on one line).
type ValueError struct {
	Offset int
	Msg    string
	Hint   string
}

// Error returns the message.
func (e *ValueError) Error() string { return e.Msg }

// ParseContent decodes the value of content and its relatives: outer quotes,
// a '!' before them, |hex| blocks and the escapes \" \\ \; \:. Option.Value
// comes without the '!', so neg is for values from elsewhere. The error is a
// *ValueError.
func ParseContent(value string) (b []byte, neg bool, err error) {
	d := contentDecoder{s: value, end: len(value)}
	neg = d.open()
	if err := d.run(); err != nil {
		return nil, neg, err
	}
	if len(d.out) == 0 {
		return nil, neg, &ValueError{Offset: d.i, Msg: "content: empty"}
	}
	return d.out, neg, nil
}

type contentDecoder struct {
	s      string
	i, end int
	out    []byte
}

// open strips blanks, '!' and quotes.
func (d *contentDecoder) open() (neg bool) {
	d.i = skipBlanks(d.s, 0)
	if d.i < d.end && d.s[d.i] == '!' {
		neg = true
		d.i = skipBlanks(d.s, d.i+1)
	}
	for d.end > d.i && isBlank(d.s[d.end-1]) {
		d.end--
	}
	if d.end-d.i >= 2 && d.s[d.i] == '"' && d.s[d.end-1] == '"' {
		d.i++
		d.end--
	}
	d.out = make([]byte, 0, d.end-d.i)
	return neg
}

func (d *contentDecoder) run() error {
	for d.i < d.end {
		switch c := d.s[d.i]; c {
		case '|':
			if err := d.hex(); err != nil {
				return err
			}
		case '\\':
			if err := d.escape(); err != nil {
				return err
			}
		case '"':
			return &ValueError{d.i, `content: " inside the value`, `write \" or |22|`}
		default:
			d.out = append(d.out, c)
			d.i++
		}
	}
	return nil
}

func (d *contentDecoder) escape() error {
	if d.i+1 == d.end || strings.IndexByte(`"\;:`, d.s[d.i+1]) < 0 {
		return &ValueError{d.i, `content: want \", \\, \; or \: as an escape, got ` +
			quote(d.s[d.i:min(d.i+2, d.end)]), `a backslash is written \\, a byte |0d|`}
	}
	d.out = append(d.out, d.s[d.i+1])
	d.i += 2
	return nil
}

// hex decodes a block of hex digits; blanks may stand anywhere in it.
func (d *contentDecoder) hex() error {
	open := d.i
	digits := 0
	var value byte
	for d.i++; d.i < d.end && d.s[d.i] != '|'; d.i++ {
		c := d.s[d.i]
		if c == ' ' {
			continue
		}
		nibble, ok := hexDigit(c)
		if !ok {
			return &ValueError{d.i, "content: want a hex digit, got " + quote(d.s[d.i:d.i+1]),
				"between two | stand hex bytes; a | itself is written |7c|"}
		}
		value = value<<4 | nibble
		if digits++; digits%2 == 0 {
			d.out = append(d.out, value)
		}
	}
	if d.i == d.end {
		return &ValueError{open, "content: unclosed | block", "a | itself is written |7c|"}
	}
	if digits%2 != 0 {
		return &ValueError{d.i, "content: want two hex digits a byte", ""}
	}
	d.i++
	return nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// PCRE is the value of pcre, split. Expr is as written: the escapes \; \" \/
// mean the same in an expression.
type PCRE struct {
	Expr   string
	Flags  string   // the letters behind the last slash
	Vars   []string // capture variables after the flags: "flow:name"
	Neg    bool
	Offset int // of Expr in the value
}

// ParsePCRE splits "/re/flags" and "/re/flags, flow:name, pkt:other". The
// error is a *ValueError.
func ParsePCRE(value string) (PCRE, error) {
	d := contentDecoder{s: value, end: len(value)}
	p := PCRE{Neg: d.open()}
	body := value[d.i:d.end]
	last := strings.LastIndexByte(body, '/')
	if body == "" || body[0] != '/' || last == 0 {
		return p, &ValueError{d.i, "pcre: want /expression/flags, got " + quote(body),
			`a slash in the expression is written \/`}
	}
	p.Expr, p.Offset = body[1:last], d.i+1
	flags, vars, some := strings.Cut(body[last+1:], ",")
	p.Flags = strings.TrimSpace(flags)
	for i := range len(p.Flags) {
		if c := p.Flags[i] | 0x20; c < 'a' || c > 'z' {
			return p, &ValueError{d.i + last + 1 + i,
				"pcre: want letters as flags, got " + quote(p.Flags), ""}
		}
	}
	if some {
		for v := range strings.SplitSeq(vars, ",") {
			p.Vars = append(p.Vars, strings.TrimSpace(v))
		}
	}
	if p.Expr == "" {
		return p, &ValueError{d.i + 1, "pcre: empty expression", ""}
	}
	return p, nil
}

// Unquote returns an option's value without its outer quotes and with the
// escapes \" \\ \; \: undone; other backslashes stay.
func Unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) && strings.IndexByte(`"\;:`, value[i+1]) >= 0 {
			i++
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// ErrorAt turns a complaint about o's value into one about the rule. A
// *ValueError moves the column and brings its hint.
func (o *Option) ErrorAt(err error) *Error {
	e := &Error{Pos: o.Pos, Msg: err.Error()}
	if o.HasVal {
		e.Pos = o.ValPos
	}
	if v, ok := err.(*ValueError); ok {
		e.Pos.Column += v.Offset
		e.Hint = v.Hint
	}
	return e
}
