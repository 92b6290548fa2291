package rule

import "strings"

// checkQuotes refuses a value that has to be quoted and is not, one with text
// behind the closing quote, which nearly always is a ';' that is missing, and
// one without a closing quote, which nearly always is a ';' that should have
// been escaped.
func (p *parser) checkQuotes(o *Option, stop int) *Error {
	v := o.Value
	if v == "" || v[0] != '"' {
		return p.checkQuoted(o)
	}
	closing := closingQuote(v)
	if closing < 0 {
		return p.errorAt(stop, `inside quotes, ; is written \; and " is written \"`,
			o.Name+": unclosed quote")
	}
	at := skipBlanks(v, closing+1)
	behind := v[at:]
	// A value that ends in a quote may have others inside, as Suricata has it,
	// unless they look like the next option's.
	if behind == "" || v[len(v)-1] == '"' && (o.Name == "pcre" || !startsOption(behind)) {
		return nil
	}
	return p.errorAt(p.valueAt+at, "is a semicolon missing?",
		o.Name+": want ; after the closing quote, got "+quote(behind))
}

// checkQuoted refuses bare values of the keywords whose value Suricata wants
// in double quotes. Editors turn straight quotes into curly ones, which would
// be part of the text.
func (p *parser) checkQuoted(o *Option) *Error {
	switch o.Name {
	case "content", "uricontent", "msg":
	default:
		return nil
	}
	if !o.HasVal {
		return nil
	}
	return p.errorAt(p.valueAt, "write "+o.Name+`:"…" with straight quotes`,
		o.Name+": want a value in double quotes, got "+quote(o.Value))
}

// closingQuote returns the offset of the first quote in v, behind the one that
// opens it, that no backslash escapes, or -1.
func closingQuote(v string) int {
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// startsOption reports whether s looks like keyword:value.
func startsOption(s string) bool {
	name, _, ok := strings.Cut(s, ":")
	return ok && isName(strings.TrimRight(name, " \t"))
}

// checkOnce refuses a second one of the options that name a rule: which of
// them counts would be a guess.
func (p *parser) checkOnce(o *Option, start int) *Error {
	switch o.Name {
	case "sid", "rev", "msg":
	default:
		return nil
	}
	for i := range p.options {
		x := &p.options[i]
		if at := p.start + int(x.name); p.s[at:at+int(x.nameLen)] == o.Name {
			return p.errorAt(start, "keep one of them", o.Name+": given twice in one rule")
		}
	}
	return nil
}
