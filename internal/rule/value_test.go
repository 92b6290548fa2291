package rule

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseContent(t *testing.T) {
	cases := []struct {
		in   string
		want string
		neg  bool
	}{
		{`"abc"`, "abc", false},
		{`abc`, "abc", false},
		{` ! "abc" `, "abc", true},
		{`"|41 42|c|0D0a|"`, "ABc\r\n", false},
		{`"| 4 1 |"`, "A", false},
		{`"a\"b\\c\;d\:e"`, `a"b\c;d:e`, false},
		{`" a "`, " a ", false},
		{`"|7c|"`, "|", false},
		{`"||x"`, "x", false},
	}
	for _, c := range cases {
		got, neg, err := ParseContent(c.in)
		if string(got) != c.want || neg != c.neg || err != nil {
			t.Errorf("%s: want %q %v, got %q %v %v", c.in, c.want, c.neg, got, neg, err)
		}
	}
}

func TestParseContentErrors(t *testing.T) {
	cases := []struct{ in, want string }{
		{`""`, "content: empty at 1"},
		{`"||"`, "content: empty at 3"},
		{``, "content: empty at 0"},
		{`"a|4"`, "content: unclosed | block at 2"},
		{`"a|4|"`, "content: want two hex digits a byte at 4"},
		{`"a|4g|"`, `content: want a hex digit, got "g" at 4`},
		{`"a\nb"`, `content: want \", \\, \; or \: as an escape, got "\\n" at 2`},
		{`"a\"`, `content: want \", \\, \; or \: as an escape, got "\\" at 2`},
		{`"a"b"`, `content: " inside the value at 2`},
	}
	for _, c := range cases {
		_, _, err := ParseContent(c.in)
		var v *ValueError
		if !errors.As(err, &v) {
			t.Errorf("%s: want a ValueError, got %v", c.in, err)
			continue
		}
		if got := fmt.Sprintf("%v at %d", err, v.Offset); got != c.want {
			t.Errorf("%s: want %s, got %s", c.in, c.want, got)
		}
	}
}

func TestParsePCRE(t *testing.T) {
	cases := []struct {
		in   string
		want PCRE
		err  string
	}{
		{`"/a\/b\;/iU"`, PCRE{Expr: `a\/b\;`, Flags: "iU", Offset: 2}, ""},
		{`!"/a/"`, PCRE{Expr: "a", Neg: true, Offset: 3}, ""},
		{`/a/b/R`, PCRE{Expr: "a/b", Flags: "R", Offset: 1}, ""},
		{`"/(.)/i, flow:x, pkt:y"`, PCRE{Expr: "(.)", Flags: "i", Vars: []string{"flow:x", "pkt:y"}, Offset: 2}, ""},
		{`"/(.)/,flow:x"`, PCRE{Expr: "(.)", Vars: []string{"flow:x"}, Offset: 2}, ""},
		{`"abc"`, PCRE{}, `pcre: want /expression/flags, got "abc"`},
		{`"/abc"`, PCRE{}, `pcre: want /expression/flags, got "/abc"`},
		{`"//i"`, PCRE{}, "pcre: empty expression"},
		{`"/a/i8"`, PCRE{}, `pcre: want letters as flags, got "i8"`},
	}
	for _, c := range cases {
		got, err := ParsePCRE(c.in)
		if c.err != "" {
			if fmt.Sprint(err) != c.err {
				t.Errorf("%s: want error %s, got %v", c.in, c.err, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.in, err, diff)
		}
	}
}

func TestUnquote(t *testing.T) {
	cases := []struct{ in, want string }{
		{`"a"`, "a"}, {`a`, "a"}, {`"a\"b"`, `a"b`}, {`"a\nb\\"`, `a\nb\`}, {`"`, `"`}, {`""`, ""}, {`a\;b\:`, "a;b:"},
	}
	for _, c := range cases {
		if got := Unquote(c.in); got != c.want {
			t.Errorf("%s: want %q, got %q", c.in, c.want, got)
		}
	}
}

func TestOptionErrorAt(t *testing.T) {
	f, errs := ParseFile("x", []byte(`alert ip any any -> any any (content:"ab|zz|"; nocase; sid:1;)`))
	if errs.Err() != nil {
		t.Fatal(errs)
	}
	content, nocase := &f.Rules[0].Options()[0], &f.Rules[0].Options()[1]
	_, _, err := ParseContent(content.Value)
	if got := content.ErrorAt(err); got.Pos.Column != 42 || got.Hint == "" {
		t.Errorf("want column 42 and a hint, got %v, %q", got, got.Hint)
	}
	if got := nocase.ErrorAt(errors.New("nocase: bad")); got.Error() != "x:1:48: nocase: bad" {
		t.Errorf("got %v", got)
	}
}
