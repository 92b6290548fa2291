package pcre

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found returns the match and its groups as text, "-" for no match.
func found(t *testing.T, expr string, flags Flags, in string) string {
	t.Helper()
	r, err := Compile(expr, flags)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	var sc Scratch
	groups := r.FindSubmatch([]byte(in), 0, &sc)
	if groups == nil {
		return "-"
	}
	var parts []string
	for i := 0; i < len(groups); i += 2 {
		if groups[i] < 0 {
			parts = append(parts, "~")
		} else {
			parts = append(parts, in[groups[i]:groups[i+1]])
		}
	}
	return strings.Join(parts, "|")
}

// findCase is an expression, an input and what found returns.
type findCase struct {
	expr  string
	flags Flags
	in    string
	want  string
}

func checkFind(t *testing.T, cases []findCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.expr, func(t *testing.T) {
			if diff := cmp.Diff(c.want, found(t, c.expr, c.flags, c.in)); diff != "" {
				t.Errorf("flags %b in %q (-want +got):\n%s", c.flags, c.in, diff)
			}
		})
	}
}

func TestFindBytes(t *testing.T) {
	checkFind(t, []findCase{
		{`abc`, 0, "xxabcxx", "abc"},
		{`abc`, Caseless, "xxAbCxx", "AbC"},
		{`a.c`, 0, "a\nc abc", "abc"},
		{`a.c`, DotAll, "a\nc", "a\nc"},
		{`a.c`, 0, "a\xffc", "a\xffc"},
		{`[^a]`, 0, "a\x80", "\x80"},
		{`\xff\x{41}\101`, 0, "\xffAA", "\xffAA"},
		{`[\x80-\xff]+`, 0, "a\x80\xfe\xffb", "\x80\xfe\xff"},
		{`\x41\t\r\n\f\e\a\cA\0`, 0, "A\t\r\n\f\x1b\a\x01\x00", "A\t\r\n\f\x1b\a\x01\x00"},
		{`[]a]+`, 0, "x]a]", "]a]"},
		{`[^]a]+`, 0, "]xy]", "xy"},
		{`[a\-z]+`, 0, "b-az", "-az"},
		{`[\w-]+`, 0, "+a-b+", "a-b"},
		{`[[:alpha:][:^punct:]]+`, 0, "!a1 \x01!", "a1 \x01"},
		{`[\b]`, 0, "\b", "\b"},
		{`\d+\D\w+\W\s\S`, 0, "12-ab- x", "12-ab- x"},
		{`\h\H\v\V`, 0, "\ta\nb", "\ta\nb"},
		{`a\Rb`, 0, "a\r\nb", "a\r\nb"},
		{`\Qa.b\E+`, 0, "axb a.bb", "a.bb"},
		{`\_\;\"\/`, 0, `_;"/`, `_;"/`},
		{`a b # x`, Extended, "ab", "ab"},
		{`a[ ]b`, Extended, "a b", "a b"},
		{`\N+`, DotAll, "ab\ncd", "ab"},
		{`x{,3}`, 0, "x{,3}", "x{,3}"},
		{`a{`, 0, "a{", "a{"},
	})
}

func TestFindRepeats(t *testing.T) {
	checkFind(t, []findCase{
		{`a*`, 0, "aaab", "aaa"},
		{`a*?b`, 0, "aaab", "aaab"},
		{`<.+>`, 0, "<a><b>", "<a><b>"},
		{`<.+?>`, 0, "<a><b>", "<a>"},
		{`<.+>`, Ungreedy, "<a><b>", "<a>"},
		{`<.+?>`, Ungreedy, "<a><b>", "<a><b>"},
		{`a{2,3}`, 0, "aaaa", "aaa"},
		{`a{2,3}?`, 0, "aaaa", "aa"},
		{`(?:ab){2}`, 0, "abab", "abab"},
		{`(?:ab){2,}c`, 0, "abababc", "abababc"},
		{`(?:a|ab){3}c`, 0, "aababc", "aababc"},
		{`(?:[a-z]\d){200,300}!`, 0, strings.Repeat("a1", 250) + "!", strings.Repeat("a1", 250) + "!"},
		{`(?:[a-z]\d){200,300}?`, 0, strings.Repeat("a1", 250), strings.Repeat("a1", 200)},
		{`a{1500}`, 0, strings.Repeat("a", 1500), strings.Repeat("a", 1500)},
		{`a{1500}`, 0, strings.Repeat("a", 1499), "-"},
		{`a++a`, 0, "aaa", "-"},
		{`(?:ab)++a`, 0, "ababa", "ababa"},
		{`(?>a|ab)c`, 0, "abc", "-"},
		{`(?>ab|a)c`, 0, "abc", "abc"},
		{`(a|b*)*c`, 0, "abbac", "abbac|"},
		{`(a*)*`, 0, "b", "|"},
		{`(?:a?){3}b`, 0, "aab", "aab"},
	})
}

func TestFindGroups(t *testing.T) {
	checkFind(t, []findCase{
		{`(a)(b)?(c)`, 0, "ac", "ac|a|~|c"},
		{`(?<x>a)\k<x>\k{x}\k'x'(?P=x)`, 0, "aaaaa", "aaaaa|a"},
		{`(?P<q>['"]).*?\1`, 0, `x'a"b'`, `'a"b'|'`},
		{`(a)\g1\g{1}\g{-1}`, 0, "aaaa", "aaaa|a"},
		{`(ab)\1`, Caseless, "abAB", "abAB|ab"},
		{`(?:(a)|b)\1`, 0, "b", "-"},
		{`(a)|\1b`, 0, "b", "-"},
		{`(?i)a(?-i)b`, 0, "AB Ab", "Ab"},
		{`(?i:a)b`, 0, "AB Ab", "Ab"},
		{`(a(?i)b)c`, 0, "aBC aBc", "aBc|aB"},
		{`a|(?i)b|c`, 0, "C", "C"},
		{`(?#note)a(?:b|cd)*`, 0, "acdb", "acdb"},
	})
}

func TestFindAssertions(t *testing.T) {
	checkFind(t, []findCase{
		{`^abc$`, 0, "abc\n", "abc"},
		{`^abc$`, DollarEndOnly, "abc\n", "-"},
		{`^b`, 0, "a\nb", "-"},
		{`^b$`, Multiline, "a\nb\nc", "b"},
		{`\Ab`, Multiline, "a\nb", "-"},
		{`a\z`, 0, "a\n", "-"},
		{`a\Z`, 0, "a\n", "a"},
		{`\bcat\b`, 0, "concat cat", "cat"},
		{`\Bcat`, 0, "cat concat", "cat"},
		{`foo(?=bar)`, 0, "foox foobar", "foo"},
		{`foo(?!bar)...`, 0, "foobar foobaz", "foobaz"},
		{`(?<=a|bc)x`, 0, "bx bcx", "x"},
		{`(?<!a)x`, 0, "axx", "x"},
		{`(?<!ab|c)x`, 0, "abxcxdx", "x"},
		{`(?=(a+))a*b\1`, 0, "baaabac", "aba|a"},
		{`(?!.*secret)^.*$`, 0, "a secret", "-"},
		{`^(?:(?!ab).)*$`, 0, "xxba", "xxba"},
		{`^(?:(?!ab).)*$`, 0, "xxab", "-"},
		{`ab\Kcd`, 0, "abcd", "cd"},
		{`a`, Anchored, "ba", "-"},
	})
}

func TestFindFrom(t *testing.T) {
	cases := []struct {
		expr  string
		flags Flags
		from  int
		want  [2]int
		ok    bool
	}{
		{`b`, 0, 2, [2]int{3, 4}, true},
		{`^a`, 0, 0, [2]int{0, 1}, true},
		{`^a`, 0, 2, [2]int{}, false},
		{`\Ga`, 0, 2, [2]int{2, 3}, true},
		{`a`, Anchored, 2, [2]int{2, 3}, true},
		{`b`, Anchored, 2, [2]int{}, false},
		{`(?<=b)a`, 0, 2, [2]int{2, 3}, true},
		{`x*`, 0, 4, [2]int{4, 4}, true},
		{`a`, 0, 5, [2]int{}, false},
		{`a`, 0, -1, [2]int{}, false},
	}
	var sc Scratch
	for _, c := range cases {
		r, err := Compile(c.expr, c.flags)
		if err != nil {
			t.Fatal(err)
		}
		start, end, ok := r.Find([]byte("abab"), c.from, &sc)
		if got := [2]int{start, end}; got != c.want || ok != c.ok {
			t.Errorf("%s from %d: want %v %v, got %v %v", c.expr, c.from, c.want, c.ok, got, ok)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	cases := []struct{ expr, want string }{
		{`(a`, "unclosed ( at offset 2"},
		{`a)`, "unmatched ) at offset 1"},
		{`[a`, "unclosed [ at offset 0"},
		{`*a`, "* repeats nothing at offset 0"},
		{`a**`, "* repeats nothing at offset 2"},
		{`a{3,2}`, "repeat {3,2}: want ascending numbers up to 65535 at offset 1"},
		{`[z-a]`, `range 'z'-'a': want ascending ends at offset 4`},
		{`a\`, `\ at the end at offset 1`},
		{`(?R)`, "(?R is not supported at offset 2"},
		{`(?(1)a)`, "(?( is not supported at offset 2"},
		{`(*FAIL)`, "verbs such as (*SKIP) are not supported at offset 1"},
		{`\p{L}`, `\p is not supported at offset 0`},
		{`\2(a)`, "reference to unknown group 2 at offset 5"},
		{`\k<x>`, `reference to unknown group "x" at offset 5`},
		{`(?<=a*)b`, "look-behind: want alternatives of fixed length at offset 0"},
		{`\x{100}`, `\x{: want at most ff at offset 7`},
		{strings.Repeat("(", 300), "nesting: want at most 200 levels at offset 200"},
		{strings.Repeat("(?:a{2}b){60}", 900), "expression too large at offset 0"},
	}
	for _, c := range cases {
		_, err := Compile(c.expr, 0)
		if got := fmt.Sprint(err); got != c.want {
			t.Errorf("%.40s: want %q, got %q", c.expr, c.want, got)
		}
	}
}

func TestRequired(t *testing.T) {
	cases := []struct {
		expr   string
		flags  Flags
		want   string
		nocase bool
	}{
		{`abc`, 0, "abc", false},
		{`a(?:bc)d+e`, 0, "abc", false},
		{`x|y`, 0, "", false},
		{`(?:x|y)longer(?!no)z*q`, 0, "longer", false},
		{`aBc\d+`, Caseless, "abc", true},
		{`(foo){2,}`, 0, "foo", false},
		{`(foo)*ab`, 0, "ab", false},
		{`^/index\.php\?[a-z]=`, 0, "/index.php?", false},
	}
	for _, c := range cases {
		r, err := Compile(c.expr, c.flags)
		if err != nil {
			t.Fatal(err)
		}
		if text, nocase := r.Required(); string(text) != c.want || nocase != c.nocase {
			t.Errorf("%s: want %q %v, got %q %v", c.expr, c.want, c.nocase, text, nocase)
		}
	}
}

func TestNames(t *testing.T) {
	r, err := Compile(`(a)(?<key>b)(?P<other>c)`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.NumGroups() != 3 || r.Group("key") != 2 || r.Group("other") != 3 || r.Group("none") != 0 {
		t.Errorf("groups %d, key %d, other %d, none %d", r.NumGroups(), r.Group("key"), r.Group("other"), r.Group("none"))
	}
}
