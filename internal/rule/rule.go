// Package rule reads the Suricata rule language: lexer, parser, syntax tree,
// positions. It knows no keyword's meaning.
package rule

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
	Options             []Option

	// The options that every user of a rule needs, read by the parser.
	SID, GID, Rev uint32
	Msg           string
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
