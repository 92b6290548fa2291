// Package rule reads the Suricata rule language: lexer, parser, syntax tree,
// positions. It knows no keyword's meaning.
package rule

import "slices"

// Action is what a rule asks for. An out-of-band sensor alerts for drop and
// reject as well.
type Action uint8

// Actions.
const (
	ActionAlert Action = iota
	ActionPass
	ActionDrop
	ActionReject
	ActionConfig
)

// Rule is one parsed rule. Strings are slices of the file's text.
type Rule struct {
	Pos      Pos    // of the action word
	Text     string // the rule as written, lines joined
	Disabled bool   // commented out
	Action   Action
	ActionAs string // the word as written ("rejectboth")
	Proto    string // header protocol as written, hook excluded ("http1")
	Hook     string // after ':' in the header ("request_headers"), or ""
	Src, Dst Addresses
	SrcPorts Ports
	DstPorts Ports
	// Both is '<>'; Transactional is '=>'.
	Both, Transactional bool

	options []optionRef
	// lines says where Text continues in the file's next lines; nil for a rule
	// in one line.
	lines []textLine

	// The options that every user of a rule needs, read by the parser.
	SID, GID, Rev uint32
	Msg           string
}

// optionRef is an option as offsets in Text: a set of rules holds hundreds of
// thousands of options, and few users want them all at once.
type optionRef struct {
	name, value       uint32
	nameLen, valueLen uint32
	hasVal, neg       bool
}

// textLine is the part of Text that stands in one line of the file.
type textLine struct {
	start        int // offset in Text
	line, column int // where it stands in the file, from 1
}

// Options returns the keywords of the rule's body, in order. The slice is the
// caller's; the strings are the file's text.
func (r *Rule) Options() []Option { return r.AppendOptions(nil) }

// AppendOptions is Options into dst.
func (r *Rule) AppendOptions(dst []Option) []Option {
	dst = slices.Grow(dst, len(r.options))
	for i := range r.options {
		x := &r.options[i]
		o := Option{HasVal: x.hasVal, Neg: x.neg, Pos: r.pos(x.name)}
		o.Name = r.Text[x.name : x.name+x.nameLen]
		if x.hasVal {
			o.Value, o.ValPos = r.Text[x.value:x.value+x.valueLen], r.pos(x.value)
		}
		dst = append(dst, o)
	}
	return dst
}

// pos is the place of offset off of Text.
func (r *Rule) pos(off uint32) Pos {
	p := r.Pos
	at := int(off)
	if len(r.lines) == 0 {
		p.Column += at
		return p
	}
	i := len(r.lines) - 1
	for i > 0 && r.lines[i].start > at {
		i--
	}
	p.Line, p.Column = r.lines[i].line, r.lines[i].column+at-r.lines[i].start
	return p
}

// Bare returns a copy of r without its options and ends, which are most of it.
func (r *Rule) Bare() *Rule {
	h := *r
	h.options, h.lines = nil, nil
	h.Src, h.Dst, h.SrcPorts, h.DstPorts = Addresses{}, Addresses{}, Ports{}, Ports{}
	return &h
}

// Option is one keyword of the rule's body, in order. A '!' that stands first
// in the value, quoted or not (content:!"x", dsize:!10), is in Neg alone.
type Option struct {
	Name   string
	Value  string // as written behind the '!', outer blanks trimmed; quotes kept
	HasVal bool
	Neg    bool // '!' before the value (content:!"x")
	Pos    Pos  // of the name
	ValPos Pos  // of Value's first byte
}

// Pos is a place in a rules file; Line and Column start at 1, Column counts
// bytes.
type Pos struct {
	File         string
	Line, Column int
}
