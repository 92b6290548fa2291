package rulesource

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

const sample = `alert tcp any any -> any any (msg:"One"; content:"a"; metadata:created_at 2026_01_01, signature_severity Major; sid:1; rev:2;)`

func one(t testing.TB, text string) *rule.Rule {
	t.Helper()
	f, errs := rule.ParseFile("rules/some-dns.rules", []byte(text), rule.KeepDisabled())
	if len(errs) > 0 || len(f.Rules) != 1 {
		t.Fatalf("%s: %v, %d rules", text, errs, len(f.Rules))
	}
	return f.Rules[0]
}

func TestMatcher(t *testing.T) {
	r := one(t, sample)
	for in, want := range map[string]bool{
		"1": true, "2": false, "1:1": true, "3:1": false, "1:1:2": true, "1:1:3": false, "7, 1": true, "7,8": false,
		"*": true, "re:ONE": true, "re: ^alert tcp": true, "re:two|three": false, "re:^# ": false,
		"group:some-dns.rules": true, "group:some-dns": true, "group:some-*": true, "group:other": false,
		"some-dns.rules": true, "group:some-[d-f]ns": true, "group:some-[!d]ns": false,
		"filename:rules/*": true, "filename:*dns.rules": true, "filename:some-dns.rules": false, "filename:rules/????-dns.rules": true,
		"metadata: signature_severity major": true, "metadata:signature_severity  Minor": false, "metadata: major signature_severity": false,
	} {
		m, err := ParseMatcher(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := m.Match(r, "rules/some-dns.rules"); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestMatcherErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":              "0 want an entry, got nothing",
		"heartbleed":    "0 not an entry of a list",
		"1,x":           "2 want sid, gid:sid or gid:sid:rev",
		"1:2:3:4":       "0 want sid, gid:sid or gid:sid:rev",
		"re:":           "3 re: want an expression",
		"re: a(":        "4 expression: missing closing ): `a(`",
		"re:(?!a)":      "3 expression: invalid or unsupported Perl syntax: `(?!`",
		"metadata: key": "10 metadata: want a key and a value",
		"99999999999":   "0 want sid, gid:sid or gid:sid:rev",
	} {
		off, hint, err := Item("disable", in)
		if err == nil {
			t.Errorf("%q: no error", in)
		} else if got := string(rune('0'+off/10)) + string(rune('0'+off%10)) + " " + err.Error(); strings.TrimPrefix(got, "0") != want {
			t.Errorf("%q: %s (%s)", in, got, hint)
		}
	}
}

func TestModifier(t *testing.T) {
	const dis = "# " + sample
	for _, c := range []struct{ name, in, rule, want string }{
		{"plain", `1 "Two" "Three"`, sample, ""},
		{"sid", `1 "One" "Two"`, sample, strings.Replace(sample, "One", "Two", 1)},
		{"group", `re:one "(alert)(.*)" "drop\\2"`, sample, "drop" + sample[5:]},
		{"named", `re:one "(?P<x>One)" '\g<x>!'`, sample, strings.Replace(sample, "One", "One!", 1)},
		{"dollar", `1 "any any ->" "\$HOME_NET any ->"`, sample, strings.Replace(sample, "any any ->", "$HOME_NET any ->", 1)},
		{"bare dollar", `1 "any any ->" "$HOME_NET any ->"`, sample, strings.Replace(sample, "any any ->", "$HOME_NET any ->", 1)},
		{"oinkmaster", `modifysid 1 "^alert(.*)One" | "pass${1}Two"`, sample, "pass" + strings.Replace(sample[5:], "One", "Two", 1)},
		{"enables", `1 "^# " ""`, dis, sample},
		{"disables", `1 "^" "# "`, sample, dis},
		{"metadata", `metadata-add re:One "policy" "mine"`, sample, strings.TrimSuffix(sample, ")") + " metadata:policy mine;)"},
		{"not", `metadata-add re:Two "policy" "mine"`, sample, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ParseModifier(c.in)
			if err != nil {
				t.Fatal(err)
			}
			r := one(t, c.rule)
			got := ""
			if m.Match(r, "x.rules") {
				changed, err := m.Change(r)
				if err != nil {
					t.Fatal(err)
				}
				if changed != nil {
					got = format(changed)
				}
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestModifierErrors(t *testing.T) {
	for in, want := range map[string]string{
		`1 "a`:        "a quote is not closed",
		`1 "a"`:       "not an entry of a modify list",
		`1 "(" "b"`:   "expression: missing closing ): `(`",
		`x "a" "b"`:   "not an entry of a list",
		`1 "a" "\\1"`: "the expression has no group 1",
		`1 a b c`:     "not an entry of a modify list",
	} {
		if _, err := ParseModifier(in); err == nil || err.Error() != want {
			t.Errorf("%s: %v", in, err)
		}
	}
	m, err := ParseModifier(`1 "content:.*" ""`)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := m.Change(one(t, sample)); err == nil {
		t.Errorf("a rule without its end: %+v", r)
	}
}

// TestRead: comments, places of complaints, all of them.
func TestRead(t *testing.T) {
	var l Lists
	errs := l.Read("disable", "d.conf", "\ufeff# list\r\n\r\n  1 # first\r\nre:x\n\theart\n")
	errs = append(errs, l.Read("modify", "m.conf", `1 "a #b" "c" # why`+"\n1 'a\n")...)
	if len(l.Disable) != 2 || len(l.Modify) != 1 || len(errs) != 2 {
		t.Fatalf("%d disable, %d modify, %v", len(l.Disable), len(l.Modify), errs)
	}
	for i, want := range []string{"d.conf:5:2: not an entry of a list", "m.conf:2:3: a quote is not closed"} {
		if got := errs[i].Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if errs := l.Add("drop", []string{"1", "file:" + t.TempDir() + "/none"}); len(errs) != 1 || len(l.Drop) != 1 {
		t.Errorf("%d drop, %v", len(l.Drop), errs)
	}
}

// FuzzEntry: an entry is read or refused, its complaint inside of it, and what
// it chooses or changes is a rule or left alone.
func FuzzEntry(f *testing.F) {
	for _, s := range []string{
		"1", "1:2:3", "1, 3:4", "re:a.*b", "group:a[!b]?*", "filename:[]a]", "metadata: a b", "*", "x.rules",
		`1 "a" "b"`, `re:x "(a)" "\\1\\g<1>${1}"`, `modifysid * "a" | 'b'`, `metadata-add 1 a b`, `1 "^# " ""`, "re:(", "group:[",
	} {
		f.Add(s)
	}
	r := one(f, sample)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 || strings.ContainsAny(text, "\n\r") {
			return
		}
		for _, list := range ListNames() {
			if off, _, err := Item(list, text); err != nil && (off < 0 || off > len(text)) {
				t.Fatalf("%s %q: %v at %d", list, text, err, off)
			}
		}
		if m, err := ParseMatcher(text); err == nil {
			m.Match(r, "some.rules")
		}
		if m, err := ParseModifier(text); err == nil {
			if got, err := m.Change(r); err == nil && got != nil && format(got) == format(r) {
				t.Fatalf("%q changed nothing", text)
			}
		}
		var l Lists
		l.Read("disable", "x", text)
		l.Read("modify", "x", text)
	})
}
