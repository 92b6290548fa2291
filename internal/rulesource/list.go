package rulesource

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Matcher is one entry of a disable, enable or drop list: it chooses rules.
type Matcher struct {
	match func(r *rule.Rule, file string) bool
}

// Match reports whether the entry chooses a rule of the named file.
func (m *Matcher) Match(r *rule.Rule, file string) bool { return m.match(r, file) }

// syntaxError is what is wrong with an entry, at a byte of it.
type syntaxError struct {
	off       int
	msg, hint string
}

func (e *syntaxError) Error() string { return e.msg }

const matcherHint = `want a sid, gid:sid, re:EXPRESSION, group:NAME, filename:GLOB, "metadata: key value" or *`

// ParseMatcher reads one entry in suricata-update's syntax: "2019401",
// "1:2019401", "1:2019401:3" (with a revision) and several of these behind
// commas; "re:heartbleed", an expression (RE2's syntax, regardless of case) over
// the rule's text; "group:emerging-icmp.rules", a glob over the file's base name,
// with or without its extension; "filename:rules/*dns*", one over its whole
// name; "metadata: key value"; "*".
func ParseMatcher(text string) (*Matcher, error) {
	m, err := parseMatcher(text)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func parseMatcher(text string) (*Matcher, *syntaxError) {
	text = strings.TrimSpace(text)
	kind, arg, _ := strings.Cut(text, ":")
	off := len(kind) + 1 + len(arg) - len(strings.TrimLeft(arg, " \t"))
	arg = strings.TrimSpace(arg)
	switch {
	case text == "":
		return nil, &syntaxError{0, "want an entry, got nothing", matcherHint}
	case text == "*":
		return &Matcher{func(*rule.Rule, string) bool { return true }}, nil
	case text[0] >= '0' && text[0] <= '9' && !strings.HasSuffix(text, ".rules"):
		return parseIDs(text)
	case kind == "re":
		return parseExpr(arg, off)
	case kind == "filename" && arg != "":
		return globMatcher(arg, func(g *regexp.Regexp, file string) bool { return g.MatchString(file) })
	case kind == "group" && arg != "":
		return groupMatcher(arg)
	case kind == "metadata":
		return metadataMatcher(arg, off)
	case strings.HasSuffix(text, ".rules"):
		return groupMatcher(text)
	}
	return nil, &syntaxError{0, "not an entry of a list", matcherHint}
}

// ruleID names a rule; rev is 0 in entries that leave it out.
type ruleID struct{ gid, sid, rev uint32 }

func idOf(r *rule.Rule) ruleID { return ruleID{gid: max(r.GID, 1), sid: r.SID} }

func parseIDs(text string) (*Matcher, *syntaxError) {
	ids := map[ruleID]bool{}
	off := 0
	for entry := range strings.SplitSeq(text, ",") {
		parts := strings.Split(strings.TrimSpace(entry), ":")
		var n []uint32
		for _, p := range parts {
			v, err := strconv.ParseUint(strings.TrimSpace(p), 10, 32)
			if err != nil || len(parts) > 3 {
				return nil, &syntaxError{off, "want sid, gid:sid or gid:sid:rev", ""}
			}
			n = append(n, uint32(v))
		}
		switch len(n) {
		case 1:
			ids[ruleID{gid: 1, sid: n[0]}] = true
		case 2:
			ids[ruleID{gid: n[0], sid: n[1]}] = true
		default:
			ids[ruleID{gid: n[0], sid: n[1], rev: max(n[2], 1)}] = true
		}
		off += len(entry) + 1
	}
	return &Matcher{func(r *rule.Rule, _ string) bool {
		id := idOf(r)
		if ids[id] {
			return true
		}
		id.rev = max(r.Rev, 1)
		return ids[id]
	}}, nil
}

func parseExpr(expr string, off int) (*Matcher, *syntaxError) {
	if expr == "" {
		return nil, &syntaxError{off, "re: want an expression", ""}
	}
	re, err := compileExpr("(?i)", expr)
	if err != nil {
		return nil, &syntaxError{off, err.msg, err.hint}
	}
	return &Matcher{func(r *rule.Rule, _ string) bool { return re.MatchString(r.Text) }}, nil
}

// compileExpr compiles an expression that was written for Python's re; what
// that has beyond RE2 is refused.
func compileExpr(flags, expr string) (*regexp.Regexp, *syntaxError) {
	re, err := regexp.Compile(flags + expr)
	if err == nil {
		return re, nil
	}
	hint := ""
	for _, s := range []string{"(?=", "(?!", "(?<=", "(?<!", "(?P=", "\\1"} {
		if strings.Contains(expr, s) {
			hint = "look-around and back references are not taken: expressions run in linear time (RE2)"
		}
	}
	msg := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	return nil, &syntaxError{msg: "expression: " + strings.ReplaceAll(msg, "`"+flags+expr+"`", "`"+expr+"`"), hint: hint}
}

func groupMatcher(pattern string) (*Matcher, *syntaxError) {
	return globMatcher(pattern, func(g *regexp.Regexp, file string) bool {
		base := path.Base(file)
		return g.MatchString(base) || g.MatchString(strings.TrimSuffix(base, path.Ext(base)))
	})
}

func globMatcher(pattern string, match func(*regexp.Regexp, string) bool) (*Matcher, *syntaxError) {
	g, err := regexp.Compile(globExpr(pattern))
	if err != nil {
		return nil, &syntaxError{0, fmt.Sprintf("pattern %q: unclosed or empty [...]", pattern), ""}
	}
	return &Matcher{func(_ *rule.Rule, file string) bool { return match(g, file) }}, nil
}

// globExpr turns a pattern of fnmatch(3) without flags into an expression: '*'
// crosses slashes.
func globExpr(pattern string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			n := strings.IndexByte(pattern[min(i+2, len(pattern)):], ']')
			if n < 0 {
				b.WriteString(`\[`)
				continue
			}
			class := pattern[i+1 : i+2+n]
			b.WriteByte('[')
			if class[0] == '!' {
				b.WriteByte('^')
				class = class[1:]
			}
			b.WriteString(strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`, `]`, `\]`).Replace(class))
			b.WriteByte(']')
			i += 2 + n
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	b.WriteString(`\z`)
	return b.String()
}

func metadataMatcher(arg string, off int) (*Matcher, *syntaxError) {
	key, value, ok := strings.Cut(arg, " ")
	if value = strings.TrimSpace(value); !ok || value == "" {
		return nil, &syntaxError{off, "metadata: want a key and a value", "such as metadata: signature_severity Informational"}
	}
	return &Matcher{func(r *rule.Rule, _ string) bool {
		for _, o := range r.Options() {
			if o.Name == "metadata" && hasMetadata(o.Value, key, value) {
				return true
			}
		}
		return false
	}}, nil
}

func hasMetadata(list, key, value string) bool {
	for entry := range strings.SplitSeq(list, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(entry), " ")
		if strings.EqualFold(k, key) && strings.EqualFold(strings.TrimSpace(v), value) {
			return true
		}
	}
	return false
}
