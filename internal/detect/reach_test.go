package detect

import (
	"fmt"
	"testing"
)

// TestHead compiles rules on payload and wants the content that is looked for,
// and how far into the payload it may lie.
func TestHead(t *testing.T) {
	for _, c := range []struct {
		options, fast string
		limit         int
	}{
		{`content:"ab"; depth:2; content:"a long and rare content"`, "a long and rare content", 0},
		{`content:"abcd"; depth:20; content:"a long and rare content"`, "abcd", 20},
		{`content:"abcd"; depth:20; content:"a long and rare content"; fast_pattern`, "abcd", 20},
		{`content:"abcd"; offset:3; depth:20; content:"a long and rare content"`, "abcd", 23},
		{`content:"abcd"; depth:200; content:"a long and rare content"`, "a long and rare content", 0},
		{`content:"a"; depth:1; content:"bcdef"; distance:3; within:9; content:"a long and rare content"`, "bcdef", 13},
		{`content:"a"; depth:9; content:"bcdef"; distance:-4; within:9; content:"a long and rare content"`, "bcdef", 14},
		{`content:"a"; depth:1; content:"bcdef"; distance:3; content:"a long and rare content"`, "a long and rare content", 0},
		{`content:"a"; content:"bcdef"; within:9; content:"a long and rare content"`, "a long and rare content", 0},
		{`content:"a"; depth:1; byte_jump:1,0,relative; content:"bcdef"; within:9; content:"a long and rare content"`, "a long and rare content", 0},
		{`content:"a"; depth:1; pcre:"/x/R"; content:"bcdef"; within:9; content:"a long and rare content"`, "a long and rare content", 0},
		{`content:"a"; depth:1; content:!"z"; distance:1; content:"bcdef"; within:9; content:"a long and rare content"`, "bcdef", 10},
		{`content:"abcd"; within:9; content:"a long and rare content"`, "a long and rare content", 0},
	} {
		rs, rep := compileText(t, fmt.Sprintf("alert tcp any any -> any any (%s; sid:1;)", c.options))
		if rep.Active != 1 {
			t.Fatalf("%s: %v", c.options, rep.Verdicts)
		}
		f := rs.sigs[0].fast
		if limit := f.limit; string(f.bytes) != c.fast || limit != c.limit {
			t.Errorf("%s: got %q within %d, want %q within %d", c.options, f.bytes, limit, c.fast, c.limit)
		}
	}
}

// TestHeadShared wants the explicit choice where many rules begin alike.
func TestHeadShared(t *testing.T) {
	text := ""
	for sid := range 2 * maxHeadShare {
		text += fmt.Sprintf("alert tcp any any -> any any (content:\"HELO\"; depth:4; content:\"number %d of many\"; sid:%d;)\n", sid, sid+1)
	}
	rs, _ := compileText(t, text)
	for _, s := range rs.sigs {
		if s.atHead() {
			t.Errorf("sid %d: looked for by %q, which every rule begins with", s.SID, s.fast.bytes)
		}
	}
}
