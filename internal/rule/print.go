package rule

import "strings"

// String prints the rule in one line, in the house form: one blank between
// fields, none inside them. Parsing it gives the rule again, but for Pos and
// Text.
func (r *Rule) String() string {
	var b strings.Builder
	if r.Disabled {
		b.WriteString("# ")
	}
	b.WriteString(r.ActionAs + " " + r.Proto)
	if r.Hook != "" {
		b.WriteString(":" + r.Hook)
	}
	arrow := " -> "
	switch {
	case r.Both:
		arrow = " <> "
	case r.Transactional:
		arrow = " => "
	}
	b.WriteString(" " + r.Src.String() + " " + r.SrcPorts.String() + arrow +
		r.Dst.String() + " " + r.DstPorts.String() + " (")
	for i, o := range r.Options() {
		if i > 0 {
			b.WriteByte(' ')
		}
		o.print(&b)
	}
	b.WriteByte(')')
	return b.String()
}

// String prints the option with its semicolon.
func (o *Option) String() string {
	var b strings.Builder
	o.print(&b)
	return b.String()
}

func (o *Option) print(b *strings.Builder) {
	b.WriteString(o.Name)
	if o.HasVal {
		b.WriteByte(':')
		if o.Neg {
			b.WriteByte('!')
		}
		b.WriteString(o.Value)
		if strings.HasSuffix(o.Value, `\`) {
			b.WriteByte(' ') // or the semicolon would be escaped
		}
	}
	b.WriteByte(';')
}
