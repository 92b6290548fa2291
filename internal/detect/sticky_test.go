package detect

import (
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// TestEmptySticky checks that a sticky buffer needs a test, and which words
// count as one.
func TestEmptySticky(t *testing.T) {
	cases := []struct{ body, word string }{ // word: the buffer that is empty, or ""
		{`fake.line`, "fake.line"},
		{`content:"x"; fake_l`, "fake_l"},
		{`fake.line; fake.host; content:"x"`, "fake.line"},
		{`fake.line; fake_l; content:"x"`, "fake.line"},
		{`fake.line; content:"x"; fake.host`, "fake.host"},
		{`fake.names; content:"x"; fake.names`, "fake.names"},
		{`fake.line; to_lowercase`, "fake.line"},
		{`fake.line; pkt_data; content:"x"`, "fake.line"},
		{`fake.line; flowbits:set,a; content:"x"; fake.host; priority:1`, "fake.host"},
		{`fake.status; fake.code:1`, "fake.status"},
		{`tcp.hdr`, "tcp.hdr"},
		{`fake.line; bsize:3`, ""},
		{`fake.line; pcre:"/x/"`, ""},
		{`fake.line; isdataat:5`, ""},
		{`fake.line; absent`, ""},
		{`fake.line; byte_test:1,>,2,0`, ""},
		{`fake.line; entropy:value > 4`, ""},
		{`fake.line; to_lowercase; content:"x"`, ""},
		{`fake.line; content:"x"; to_lowercase`, ""},
		{`fake.line; content:"x"; pkt_data`, ""},
		{`fake.line; content:"x"; fake.line`, ""},
		{`content:"x"; fake_line; pcre:"/x/U"`, ""},
		{`fake.line; base64_decode:bytes 4; base64_data; content:"x"`, ""},
	}
	for _, c := range cases {
		text := ruleOf(1, "alert tcp any any -> any any", c.body)
		_, rep := compileText(t, text)
		v := rep.Verdicts[0]
		if c.word == "" {
			if v.State != Active {
				t.Errorf("%s: got %s", c.body, v)
			}
			continue
		}
		column := strings.LastIndex(text, c.word+";") + 1
		if v.State != Refused || v.Hint == "" || v.Pos.Column != column ||
			v.Reason != c.word+": no content or other match follows it" {
			t.Errorf("%s: want column %d, got %s %s", c.body, column, v.State, v)
		}
	}
}

// TestValueColumn checks that a complaint about a byte of a value is told at
// that byte.
func TestValueColumn(t *testing.T) {
	text := ruleOf(1, "alert tcp any any -> any any", `content: !"ab|4g|"`)
	_, rep := compileText(t, text)
	if got, want := rep.Verdicts[0].Pos.Column, strings.Index(text, "g|")+1; got != want {
		t.Errorf("want column %d, got %d", want, got)
	}
}

// TestUnsetFlowbits checks the warning about flowbits that nothing sets: one a
// name, at its first place, and none when a rule is unknown.
func TestUnsetFlowbits(t *testing.T) {
	head := "alert tcp any any -> any any"
	text := ruleOf(1, head, `flowbits:isset,here|typo`) + ruleOf(2, head, `flowbits:isset, typo`) +
		ruleOf(3, head, `flowbits:set,here`) + ruleOf(4, head, `flowbits:toggle,on`) +
		ruleOf(5, head, `flowbits:isset,on; flowbits:isnotset,never`) +
		ruleOf(6, head, `flowbits:isset,cleared; flowbits:unset,cleared`) +
		ruleOf(7, head, `flowbits:isset,refused; depth:x`)
	f, _ := rule.ParseFile("x", []byte(text))
	lint := func() (unset []Verdict) {
		rs, _ := Compile([]*rule.File{f}, testConfig())
		return slices.DeleteFunc(rs.Lint([]*rule.File{f}), func(v Verdict) bool { return v.Lint != LintUnsetFlowbit })
	}
	unset := lint()
	var got []string
	for _, w := range unset {
		got = append(got, w.Reason)
	}
	want := `flowbits: no loaded rule sets "typo" flowbits: no loaded rule sets "cleared"`
	if s := strings.Join(got, " "); s != want {
		t.Fatalf("want %s\ngot  %s", want, s)
	}
	column := strings.Index(text, "flowbits") + 1
	if p := unset[0].Pos; p.Line != 1 || p.Column != column || unset[0].SID != 1 {
		t.Errorf("want 1:%d, got %s", column, unset[0])
	}
	f, _ = rule.ParseFile("x", []byte(text+"alert nonsense\n"))
	if unset = lint(); len(unset) != 0 {
		t.Errorf("a rule is unknown: got %v", unset)
	}
}
