package rule

import (
	"strings"
	"testing"
)

const quotesHead = "alert ip any any -> any any ("

// TestQuoteErrors checks what is refused about quotes and repeated options;
// columns count from the parenthesis.
func TestQuoteErrors(t *testing.T) {
	const behind, straight = "|is a semicolon missing?", "|write content:\"…\" with straight quotes"
	cases := []struct {
		in     string
		column int
		want   string
	}{
		{`msg:"a" content:"x"; sid:1;`, 9, `msg: want ; after the closing quote, got "content:\"x\""` + behind},
		{`msg:"a"content:"x"; sid:1;`, 8, `msg: want ; after the closing quote, got "content:\"x\""` + behind},
		{`content:"x" sid:1;`, 13, `content: want ; after the closing quote, got "sid:1"` + behind},
		{`content:!"x"  nocase; sid:1;`, 15, `content: want ; after the closing quote, got "nocase"` + behind},
		{`content:"x\"", nocase; sid:1;`, 14, `content: want ; after the closing quote, got ", nocase"` + behind},
		{`pcre:"/x/" sid:1;`, 12, `pcre: want ; after the closing quote, got "sid:1"` + behind},
		{`content:“x”; sid:1;`, 9, `content: want a value in double quotes, got "“x”"` + straight},
		{`content:!“x”; sid:1;`, 10, `content: want a value in double quotes, got "“x”"` + straight},
		{`content:x; sid:1;`, 9, `content: want a value in double quotes, got "x"` + straight},
		{`content:'x'; sid:1;`, 9, `content: want a value in double quotes, got "'x'"` + straight},
		{`content:; sid:1;`, 9, `content: want a value in double quotes, got ""` + straight},
		{`msg:a; sid:1;`, 5, `msg: want a value in double quotes, got "a"|write msg:"…" with straight quotes`},
		{`content:"x\"; sid:1;`, 13, `content: unclosed quote|inside quotes, ; is written \; and " is written \"`},
		{`msg:"a"; msg:"b"; sid:1;`, 10, `msg: given twice in one rule|keep one of them`},
		{`sid:1; sid:1;`, 8, `sid: given twice in one rule|keep one of them`},
		{`sid:1; rev:1; rev:2;`, 15, `rev: given twice in one rule|keep one of them`},
	}
	for _, c := range cases {
		f, errs := ParseFile("x", []byte(quotesHead+c.in+")"))
		if len(errs) != 1 || len(f.Rules) != 0 {
			t.Errorf("%s: want one error, got %v", c.in, errs)
			continue
		}
		e := errs[0]
		if got := e.Msg + "|" + e.Hint; got != c.want || e.Pos.Column != len(quotesHead)+c.column {
			t.Errorf("%s:\nwant %d %s\ngot  %d %s", c.in, c.column, c.want,
				e.Pos.Column-len(quotesHead), got)
		}
	}
}

// TestQuotesAccepted checks values that look odd and are right.
func TestQuotesAccepted(t *testing.T) {
	for _, in := range []string{
		`msg:"a \"b\" c: \"d\""; sid:1;`, `msg:"say "hi" twice"; sid:1;`, `msg:"a"  ; sid:1;`,
		`pcre:"/a"b:"/"; sid:1;`, `pcre:/x/; sid:1;`, `metadata:"a b", "c d"; sid:1;`,
		`content: ! "x"; content:"\\"; sid:1;`, `reference:url,a; reference:url,b; gid:1; gid:2; sid:1;`,
	} {
		if f, errs := ParseFile("x", []byte(quotesHead+in+")")); len(errs) != 0 || len(f.Rules) != 1 {
			t.Errorf("%s: got %v", strings.TrimSpace(in), errs)
		}
	}
}
