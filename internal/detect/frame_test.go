package detect

import (
	"strings"
	"testing"
)

// TestFrameRefused checks what a rule on frames may not be.
func TestFrameRefused(t *testing.T) {
	for _, c := range []struct{ head, body, want string }{
		{"alert tcp any any -> any any", `frame:unit; content:"a"`, "no protocol"},
		{"alert tcp any any -> any any", `frame:fake.unti; content:"a"`, "did you mean unit?"},
		{"alert tcp any any -> any any", `frame:smb.nbss; content:"a"`, "without a parser here: smb"},
		{"alert fake any any -> any any", `frame:unit`, "no content"},
		{"alert fake any any -> any any", `frame:unit; content:"a"; frame:part; content:"b"`, "two kinds"},
		{"alert fake any any -> any any", `frame:unit; content:"a"; fake.line; content:"b"`, "beside a frame"},
		{"alert fake any any -> any any", `frame:unit; content:"a"; fake.code:1`, "beside a frame"},
		{"alert fake any any -> any any", `content:"b"; frame:unit; content:"a"`, "beside a frame"},
		{"alert fake any any -> any any", `dsize:>5; frame:unit; content:"a"`, "beside a frame"},
	} {
		_, rep := compileText(t, ruleOf(1, c.head, c.body))
		if got := rep.Verdicts[0].Reason + " " + rep.Verdicts[0].Hint; rep.Active != 0 || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
}

// TestFrameFound checks how such a rule is found.
func TestFrameFound(t *testing.T) {
	for body, want := range map[string]string{
		`frame:unit; content:"abc"`:                           `fast pattern "abc" on fake.unit`,
		`frame:fake.unit; to_lowercase; content:"abc"`:        "nothing: evaluated for every such frame",
		`frame:stream; content:!"abc"`:                        "nothing: evaluated for every such frame",
		`frame:unit; content:"abc"; content:"d"; pcre:"/e/R"`: `fast pattern "abc" on fake.unit`,
	} {
		rs, rep := compileText(t, ruleOf(1, "alert fake any any -> any any", body))
		if rep.Active != 1 {
			t.Fatalf("%s: %v", body, rep.Verdicts)
		}
		if got := rs.Explain(rs.Signatures()[0]); !strings.Contains(got, want) || !strings.Contains(got, "runs on      frames") {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
}
