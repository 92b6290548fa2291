package rulesource

import (
	"regexp"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Modifier is one entry of a modify list: it chooses rules and changes their
// text.
type Modifier struct {
	Matcher
	change func(text string) string
}

const modifyHint = `want MATCH "FROM" "TO", such as 2019401 "^drop" "alert"`

// ParseModifier reads one entry in suricata-update's syntax: a Matcher, an
// expression and what replaces each of its matches, each quoted as for a shell;
// \1, \g<name> and ${1} stand for groups. Oinkmaster's modifysid … "a" | "b" and
// metadata-add MATCH "key" "value" are read, too. A disabled rule's text begins
// with "# ".
func ParseModifier(text string) (*Modifier, error) {
	m, err := parseModifier(text)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func parseModifier(text string) (*Modifier, *syntaxError) {
	tokens, serr := shellSplit(text)
	if serr != nil {
		return nil, serr
	}
	if len(tokens) == 5 && tokens[0].text == "modifysid" && tokens[3].text == "|" {
		tokens = []token{tokens[1], tokens[2], tokens[4]}
	}
	meta := len(tokens) == 4 && tokens[0].text == "metadata-add"
	if meta {
		tokens = tokens[1:]
	}
	if len(tokens) != 3 {
		return nil, &syntaxError{0, "not an entry of a modify list", modifyHint}
	}
	m, serr := parseMatcher(tokens[0].text)
	if serr != nil {
		serr.off += tokens[0].off
		return nil, serr
	}
	if meta {
		return &Modifier{*m, addMetadata(tokens[1].text, tokens[2].text)}, nil
	}
	re, serr := compileExpr("", tokens[1].text)
	if serr != nil {
		serr.off = tokens[1].off
		return nil, serr
	}
	to, serr := template(tokens[2], re)
	if serr != nil {
		return nil, serr
	}
	return &Modifier{*m, func(text string) string { return re.ReplaceAllString(text, to) }}, nil
}

// addMetadata puts an option behind the others.
func addMetadata(key, value string) func(string) string {
	return func(text string) string {
		head := strings.TrimRight(text, " \t")
		body, ok := strings.CutSuffix(head, ")")
		if !ok {
			return text
		}
		return body + " metadata:" + key + " " + value + ";)"
	}
}

// Change returns the rule with its text changed; nil when it is as before. The
// error is why the new text is no rule: the old one should stay.
func (m *Modifier) Change(r *rule.Rule) (*rule.Rule, *rule.Error) {
	old := format(r)
	text := m.change(old)
	if text == old {
		return nil, nil
	}
	return reparse(r, text)
}

// reparse parses the changed text of a rule, of the same place.
func reparse(r *rule.Rule, text string) (*rule.Rule, *rule.Error) {
	f, errs := rule.ParseFile(r.Pos.File, []byte(text), rule.KeepDisabled())
	switch {
	case len(errs) > 0:
		return nil, errs[0]
	case len(f.Rules) != 1 || strings.ContainsAny(text, "\n\r"):
		return nil, &rule.Error{Pos: r.Pos, Msg: "no rule is left of it", Line: text}
	}
	f.Rules[0].Pos = r.Pos
	return f.Rules[0], nil
}

// format is a rule's text as modify lists see it: a comment mark before it when it
// is disabled.
func format(r *rule.Rule) string {
	if r.Disabled {
		return "# " + r.Text
	}
	return r.Text
}

// template turns Python's notation of groups into Go's.
func template(t token, re *regexp.Regexp) (string, *syntaxError) {
	var b strings.Builder
	for i := 0; i < len(t.text); i++ {
		rest := t.text[i:]
		switch {
		case strings.HasPrefix(rest, `\g<`) && strings.IndexByte(rest, '>') > 3:
			end := strings.IndexByte(rest, '>')
			b.WriteString("${" + rest[3:end] + "}")
			i += end
		case len(rest) > 1 && rest[0] == '\\' && rest[1] >= '0' && rest[1] <= '9':
			if int(rest[1]-'0') > re.NumSubexp() {
				return "", &syntaxError{t.off, "the expression has no group " + rest[1:2], ""}
			}
			b.WriteString("${" + rest[1:2] + "}")
			i++
		case strings.HasPrefix(rest, `\$`):
			b.WriteString("$$")
			i++
		case strings.HasPrefix(rest, `\\`):
			b.WriteByte('\\')
			i++
		case len(rest) > 3 && rest[:2] == "${" && rest[2] >= '0' && rest[2] <= '9' && strings.IndexByte(rest, '}') > 0:
			b.WriteString("${")
			i++
		case rest[0] == '$':
			b.WriteString("$$")
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String(), nil
}

// token is one word of an entry and where it begins.
type token struct {
	text string
	off  int
}

// shellSplit splits as a shell would, without expansions (POSIX §2.2): a
// backslash inside double quotes stands for itself but before '"' and '\'.
func shellSplit(s string) ([]token, *syntaxError) {
	var out []token
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		t, next, err := word(s, i)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		i = next
	}
	return out, nil
}

func word(s string, i int) (token, int, *syntaxError) {
	var b strings.Builder
	t, quote, opened := token{off: i}, byte(0), 0
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t'):
			t.text = b.String()
			return t, i, nil
		case quote == 0 && (c == '"' || c == '\''):
			quote, opened = c, i
		case c == quote && quote != 0:
			quote = 0
		case c == '\\' && i+1 < len(s) && (quote == 0 || quote == '"' && (s[i+1] == '"' || s[i+1] == '\\')):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return t, i, &syntaxError{opened, "a quote is not closed", modifyHint}
	}
	t.text = b.String()
	return t, i, nil
}
