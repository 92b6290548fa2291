package respond

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Template is a text with $variables, PAN-OS's way: $src, $threat_name,
// ${severity}; $$ is a dollar sign. Values are escaped for the content type, so
// that no value can break out of its place; a text that leaves a value no such
// place is refused. Immutable.
type Template struct {
	parts  []part
	syntax syntax
}

// TemplateError is what is wrong with a template, and where.
type TemplateError struct {
	Offset       int // in bytes
	line, column int // of Offset; 0: the template as a whole
	Err          error
}

func (e *TemplateError) Error() string {
	if e.line == 0 {
		return "template: " + e.Err.Error()
	}
	return fmt.Sprintf("template:%d:%d: %v", e.line, e.column, e.Err)
}

func (e *TemplateError) Unwrap() error { return e.Err }

// part is literal text or, with value set, a variable.
type part struct {
	text  string
	value func(*record.Entry) string
	plain bool // stands as it is: digits, or JSON where JSON may stand
}

// syntax is how a content type takes values.
type syntax struct {
	escape func(string) string
	// json: values are escaped inside of quotes; outside only numbers and $eve
	// may stand.
	json bool
	// check reads a rendered sample; nil when every text is well formed.
	check func([]byte) error
}

// maxTemplate bounds a template's text.
const maxTemplate = 64 << 10

// ParseTemplate reads a template for bodies of contentType. The error is a
// *TemplateError unless it is the content type's.
func ParseTemplate(text, contentType string) (*Template, error) {
	if len(text) > maxTemplate {
		return nil, &TemplateError{Err: fmt.Errorf("want at most %d bytes, got %d", maxTemplate, len(text))}
	}
	syn, err := syntaxOf(contentType)
	if err != nil {
		return nil, err
	}
	t := &Template{syntax: syn}
	var in quotes
	vars := variables()
	for rest, off := text, 0; rest != ""; {
		dollar := strings.IndexByte(rest, '$')
		if dollar < 0 {
			t.parts = append(t.parts, part{text: rest})
			break
		}
		if dollar > 0 {
			t.parts = append(t.parts, part{text: rest[:dollar]})
			in.read(rest[:dollar])
		}
		p, n, err := t.variable(rest[dollar:], vars, in)
		if err != nil {
			line, col := place(text, off+dollar)
			return nil, &TemplateError{Offset: off + dollar, line: line, column: col, Err: err}
		}
		t.parts = append(t.parts, p)
		off += dollar + n
		in.read(p.text)
		rest = rest[dollar+n:]
	}
	if syn.check != nil {
		if err := syn.check(t.sample()); err != nil {
			return nil, &TemplateError{Err: fmt.Errorf("want %s: %w", contentType, err)}
		}
	}
	return t, nil
}

// quotes follows a JSON text: whether it is inside of a string, and behind a
// backslash there.
type quotes struct{ open, escaped bool }

func (q *quotes) read(s string) {
	for i := range len(s) {
		switch {
		case q.escaped:
			q.escaped = false
		case s[i] == '"':
			q.open = !q.open
		case s[i] == '\\':
			q.escaped = q.open
		}
	}
}

// sample renders values that show whether their places hold them.
func (t *Template) sample() (out []byte) {
	for _, p := range t.parts {
		switch {
		case p.value == nil:
			out = append(out, p.text...)
		case p.plain:
			out = append(out, '0')
		default:
			out = append(out, "a b"...)
		}
	}
	return out
}

func syntaxOf(contentType string) (syntax, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return syntax{}, fmt.Errorf("want a media type, got %q", contentType)
	}
	switch {
	case kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json"):
		return syntax{escape: escapeJSON, json: true, check: checkJSON}, nil
	case kind == "application/x-ndjson" || kind == "application/ndjson":
		return syntax{escape: escapeJSON, json: true, check: checkJSONLines}, nil
	case kind == "application/x-www-form-urlencoded":
		return syntax{escape: url.QueryEscape}, nil
	case kind == "application/xml" || kind == "text/xml" || strings.HasSuffix(kind, "+xml"):
		return syntax{escape: escapeXML, check: checkXML}, nil
	case kind == "text/plain":
		return syntax{escape: escapeText}, nil
	}
	return syntax{}, fmt.Errorf("want JSON, application/x-ndjson, XML, application/x-www-form-urlencoded or text/plain, got %q", kind)
}

func checkJSON(b []byte) error {
	var v json.RawMessage
	return json.Unmarshal(b, &v)
}

func checkJSONLines(b []byte) error {
	for line := range bytes.Lines(b) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := checkJSON(line); err != nil {
			return err
		}
	}
	return nil
}

// checkXML is strict: attributes without quotes are refused, where a value with
// a blank would begin another one.
func checkXML(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		switch _, err := d.Token(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// variable reads one at the start of s, which stands in, and tells its length.
func (t *Template) variable(s string, vars map[string]variable, in quotes) (part, int, error) {
	if strings.HasPrefix(s, "$$") {
		return part{text: "$"}, 2, nil
	}
	name, n := "", 0
	if strings.HasPrefix(s, "${") {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return part{}, 0, fmt.Errorf("want } after ${")
		}
		name, n = s[2:end], end+1
	} else {
		n = 1
		for n < len(s) && isVarByte(s[n]) {
			n++
		}
		name = s[1:n]
	}
	if name == "" {
		return part{}, 0, fmt.Errorf("want a variable's name after $; write $$ for a dollar sign")
	}
	v, ok := vars[name]
	if !ok {
		if near := rule.Nearest(name, slices.Sorted(maps.Keys(vars))); near != "" {
			return part{}, 0, fmt.Errorf("unknown variable $%s; did you mean $%s?", name, near)
		}
		return part{}, 0, fmt.Errorf("unknown variable $%s", name)
	}
	switch {
	case !t.syntax.json:
		return part{value: v.get}, n, nil
	case in.escaped:
		return part{}, 0, fmt.Errorf("want no backslash before $%s", name)
	case in.open:
		return part{value: v.get}, n, nil
	case !v.plain:
		return part{}, 0, fmt.Errorf("want quotes around $%s: it is text", name)
	}
	return part{value: v.get, plain: true}, n, nil
}

func isVarByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func place(text string, off int) (line, col int) {
	before := text[:off]
	line = strings.Count(before, "\n") + 1
	return line, off - strings.LastIndexByte(before, '\n')
}

// Append renders the template for e behind dst.
func (t *Template) Append(dst []byte, e *record.Entry) []byte {
	for _, p := range t.parts {
		switch {
		case p.value == nil:
			dst = append(dst, p.text...)
		case p.plain:
			dst = append(dst, p.value(e)...)
		default:
			dst = append(dst, t.syntax.escape(p.value(e))...)
		}
	}
	return dst
}

// variable is a field of the catalogue; plain ones are JSON as they are.
type variable struct {
	get   func(*record.Entry) string
	plain bool
}

// variables maps every field of the catalogue under its names, with '.' and
// '-' written as '_', and "eve", the whole record.
func variables() map[string]variable {
	m := map[string]variable{"eve": {plain: true, get: func(e *record.Entry) string {
		return string(bytes.TrimSpace(e.Raw))
	}}}
	for _, f := range record.Fields() {
		v := variable{get: valueOf(f), plain: f.Kind == record.KindNumber}
		for _, name := range append([]string{f.Name, f.PAN}, f.Aliases...) {
			if name != "" {
				m[strings.NewReplacer(".", "_", "-", "_").Replace(name)] = v
			}
		}
	}
	return m
}

func valueOf(f record.Field) func(*record.Entry) string {
	switch {
	case f.Text != nil:
		return f.Text
	case f.Number != nil:
		return func(e *record.Entry) string { return strconv.FormatUint(f.Number(e), 10) }
	case f.Sev != nil:
		return func(e *record.Entry) string { return f.Sev(e).String() }
	case f.Time != nil:
		return func(e *record.Entry) string { return f.Time(e).UTC().Format("2006/01/02 15:04:05") }
	case f.List != nil:
		return func(e *record.Entry) string { return strings.Join(f.List(e), ",") }
	}
	return func(e *record.Entry) string {
		if a := f.Addr(e); a.IsValid() {
			return a.String()
		}
		return ""
	}
}

func escapeJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b[1 : len(b)-1])
}

func escapeXML(s string) string {
	var b strings.Builder
	// A Builder's writes do not fail.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// escapeText keeps a value on its line: controls and Unicode's line ends become
// blanks.
func escapeText(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
