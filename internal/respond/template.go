package respond

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Template is a text with $variables, PAN-OS's way: $src, $threat_name,
// ${severity}; $$ is a dollar sign. Values are escaped for the content type, so
// that no value can break out of its place. Immutable.
type Template struct {
	parts  []part
	escape func(string) string
	json   bool
}

// part is literal text or, with value set, a variable.
type part struct {
	text  string
	value func(*record.Entry) string
	raw   bool // already in the content type's own syntax
}

// maxTemplate bounds a template's text.
const maxTemplate = 64 << 10

// ParseTemplate reads a template for bodies of contentType.
func ParseTemplate(text, contentType string) (*Template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("template: want at most %d bytes, got %d", maxTemplate, len(text))
	}
	t := &Template{}
	if err := t.chooseEscape(contentType); err != nil {
		return nil, err
	}
	vars := variables()
	for rest, off := text, 0; rest != ""; {
		dollar := strings.IndexByte(rest, '$')
		if dollar < 0 {
			t.parts = append(t.parts, part{text: rest})
			break
		}
		if dollar > 0 {
			t.parts = append(t.parts, part{text: rest[:dollar]})
		}
		p, n, err := t.variable(rest[dollar:], vars)
		if err != nil {
			line, col := place(text, off+dollar)
			return nil, fmt.Errorf("template:%d:%d: %w", line, col, err)
		}
		t.parts = append(t.parts, p)
		off += dollar + n
		rest = rest[dollar+n:]
	}
	return t, nil
}

func (t *Template) chooseEscape(contentType string) error {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("content type: want a media type, got %q", contentType)
	}
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		t.escape, t.json = escapeJSON, true
	case kind == "application/x-www-form-urlencoded":
		t.escape = url.QueryEscape
	case strings.HasSuffix(kind, "xml") || kind == "text/html":
		t.escape = escapeXML
	default:
		t.escape = escapeText
	}
	return nil
}

// variable reads one at the start of s and tells its length.
func (t *Template) variable(s string, vars map[string]func(*record.Entry) string) (part, int, error) {
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
	if name == "eve" {
		return part{value: func(e *record.Entry) string { return string(e.Raw) }, raw: t.json}, n, nil
	}
	get := vars[name]
	if get == nil {
		if near := rule.Nearest(name, keys(vars)); near != "" {
			return part{}, 0, fmt.Errorf("unknown variable $%s; did you mean $%s?", name, near)
		}
		return part{}, 0, fmt.Errorf("unknown variable $%s", name)
	}
	return part{value: get}, n, nil
}

func isVarByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func keys(m map[string]func(*record.Entry) string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
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
		case p.raw:
			dst = append(dst, strings.TrimSpace(p.value(e))...)
		default:
			dst = append(dst, t.escape(p.value(e))...)
		}
	}
	return dst
}

// variables maps every field of the catalogue under its names, with '.' and
// '-' written as '_'.
func variables() map[string]func(*record.Entry) string {
	m := map[string]func(*record.Entry) string{}
	for _, f := range record.Fields() {
		get := valueOf(f)
		for _, name := range append([]string{f.Name, f.PAN}, f.Aliases...) {
			if name != "" {
				m[strings.NewReplacer(".", "_", "-", "_").Replace(name)] = get
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
	case f.Addrs != nil:
		return func(e *record.Entry) string {
			if a := f.Addrs(e)[0]; a.IsValid() {
				return a.String()
			}
			return ""
		}
	}
	return func(e *record.Entry) string { return strconv.FormatUint(f.Numbers(e)[0], 10) }
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

// escapeText keeps a value on its line.
func escapeText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
