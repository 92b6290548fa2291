package detect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// TestRequires checks which requirements are met: a rule with one that is not
// is skipped, whatever else is in it, and only one that can't be read is an
// error (Suricata 8).
func TestRequires(t *testing.T) {
	for _, c := range []struct {
		requires string
		want     State
	}{
		{"version >= 8.0.0", Active},
		{"version >= 7.0.3 < 8 | >= 8.0.1", Active},
		{"version < 8", Inactive},
		{"version >= 9.0", Inactive},
		{"version > 8.0.8", Inactive},
		{"version <= 8.0.8, version >= 8.0.8", Active},
		{"feature lua", Inactive},
		{"feature geoip", Inactive},
		{"keyword content, keyword fake.line", Active},
		{"keyword nosuch", Inactive},
		{"keyword lua", Inactive},
		{"strange thing", Inactive},
		{"version ~ 9", Refused},
		{"version", Refused},
		{"version eight", Refused},
		{"", Refused},
	} {
		text := ruleOf(1, "alert tcp any any -> any any", `content:"x"; requires:`+c.requires)
		_, rep := compileText(t, text)
		v := rep.Verdicts[0]
		if v.State != c.want {
			t.Errorf("%s: got %s %s", c.requires, v.State, v)
		}
		if v.State == Active {
			continue
		}
		if at := strings.Index(text, "requires") + 1; v.Pos.Column != at || !strings.HasPrefix(v.Reason, "requires: ") {
			t.Errorf("%s: want column %d, got %s", c.requires, at, v)
		}
	}
	_, rep := compileText(t, ruleOf(1, "alert nosuch any any -> $NO any", `nosuch:1; requires:version >= 9`))
	if rep.Inactive != 1 {
		t.Errorf("unknown words in a rule for others: got %s", rep.Verdicts[0])
	}
}

// TestRequiresVersions checks that of several versions of a rule the one runs
// whose requirements are met, and that the others are no duplicates.
func TestRequiresVersions(t *testing.T) {
	for _, order := range [][2]string{{"version < 8", "version >= 8"}, {"version >= 8", "version < 8"}} {
		text := ""
		for i, v := range order {
			text += fmt.Sprintf("alert tcp any any -> any any (content:\"%d\"; requires:%s; sid:1; rev:%d;)\n", i, v, 9-i)
		}
		rs, rep := compileText(t, text)
		if rep.Active != 1 || rep.Inactive != 1 || !strings.Contains(rs.Signatures()[0].Rule.Text, ">= 8") {
			t.Errorf("%v: got %+v", order, rep)
		}
	}
}

// TestVerdictPlaces checks that a complaint names the place of what it is
// about, once, and the same one whatever other rules it is also about.
func TestVerdictPlaces(t *testing.T) {
	for _, c := range []struct{ text, at, reason string }{
		{`alert  nosuch any any -> any any (sid:1;)`, "nosuch", `unknown protocol "nosuch"`},
		{`alert smtp any any -> any any (sid:1;)`, "smtp", "protocol without a parser here: smtp"},
		{`alert fake:nosuch any any -> any any (sid:1;)`, "nosuch", `unknown hook "nosuch"`},
		{`alert tcp any any -> $NO any (sid:1;)`, "$NO", "unknown variable $NO"},
		{`alert tcp any any -> any [80,$NO] (sid:1;)`, "$NO", "unknown variable $NO"},
		{`alert tcp any any -> any any (content:"a"; content:"abc"; nocase; depth:2; sid:1;)`, "depth", "depth: 2 is less than the content's length 3"},
		{`alert tcp any any -> any any (content:"abc"; content:"abcd"; within:2; sid:1;)`, "within", "within: 2 is less than the content's length 4"},
		{`alert fake any any -> any any (flow:to_server; fake.line; content:"a"; fake.status; content:"b"; sid:1;)`, "fake.status", "its buffers never exist together in one direction and protocol"},
		{`alert fake any any -> any any (flow:to_client; fake.line; content:"a"; sid:1;)`, "fake.line", "its buffers never exist together in one direction and protocol"},
		{`alert fake any any => any any (content:"x"; fake.line; content:"a"; fake.status; content:"b"; sid:1;)`, `content:"x"`, "raw bytes have no direction in a transactional rule"},
		{`alert fake any any => any any (flow:to_server; fake.line; content:"a"; sid:1;)`, "flow", "flow: a direction in a transactional rule"},
		{`alert fake any any => any any (fake.line; content:"a"; sid:1;)`, "=>", "a transactional rule needs buffers of both directions"},
		{`alert tcp any any => any any (flags:S; sid:1;)`, "=>", "a transactional rule needs buffers of both directions"},
		{`alert fake any any => any any (fake.line; content:"a"; fake.both; content:"b"; sid:1;)`, "fake.both", "fake.both is in both directions of a transactional rule"},
	} {
		// Twice: what the first rule left behind must not lend the second its place.
		text := c.text + "\n" + strings.Replace(c.text, "sid:1", "sid:2", 1)
		_, rep := compileText(t, text)
		for i, v := range rep.Verdicts {
			if v.Pos.Line != i+1 || v.Pos.Column != strings.LastIndex(c.text, c.at)+1 || v.Reason != c.reason {
				t.Errorf("%s: want %q at %s, got %s", c.text, c.reason, c.at, v)
			}
		}
	}
	_, rep := compileText(t, "alert ip any any -> any any (sid:7; rev:1;)\nalert ip any any -> any any (rev:2; sid:7;)")
	if v := rep.Verdicts[0]; v.Pos != (rule.Pos{File: "test.rules", Line: 1, Column: 30}) || v.Reason != "also at test.rules:2:1, revision 2" {
		t.Errorf("duplicate: got %s", v)
	}
}
