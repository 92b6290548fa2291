package rulesource

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func listsOf(t *testing.T, text string) *Lists {
	t.Helper()
	l := &Lists{}
	for line := range strings.Lines(text) {
		list, entry, _ := strings.Cut(strings.TrimSpace(line), " ")
		if list == "" {
			continue
		}
		if errs := l.Add(list, []string{entry}); len(errs) > 0 {
			t.Fatal(errs)
		}
	}
	return l
}

func TestApply(t *testing.T) {
	const a, b, c = `alert tcp any any -> any any (msg:"a"; sid:1;)`, `alert tcp any any -> any any (msg:"b"; sid:2;)`, `# alert tcp any any -> any any (msg:"c"; sid:3;)`
	for _, tc := range []struct {
		name, lists, in, want string
		counts                Counts
	}{
		{"nothing", "", a + "\n# text\nbad line\n" + c + "\n", a + "\n# text\nbad line\n" + c + "\n", Counts{Rules: 2, Disabled: 1}},
		{"disable", "disable 1", a + "\n" + b, "# " + a + "\n" + b, Counts{Rules: 1, Disabled: 1, ByList: 1}},
		{"enable", "enable re:\"c\"", a + "\n" + c + "\n", a + "\n" + c[2:] + "\n", Counts{Rules: 2, Enabled: 1}},
		{"enable wins", "disable *\nenable 2", a + "\n" + b + "\n", "# " + a + "\n" + b + "\n", Counts{Rules: 1, Disabled: 1, ByList: 1}},
		{"drop", "drop 1", a + "\n" + b + "\n", "drop" + a[5:] + "\n" + b + "\n", Counts{Rules: 2, Dropped: 1}},
		{"drop keeps disabled", "drop *", c + "\n", "# drop" + c[7:] + "\n", Counts{Disabled: 1, Dropped: 1}},
		{"modify", `modify 1 "\"a\"" "\"z\""`, a + "\n", strings.Replace(a, `"a"`, `"z"`, 1) + "\n", Counts{Rules: 1, Modified: 1}},
		{
			"continued", "disable 1", "alert tcp any any -> any any (\\\n  msg:\"a\"; \\\n sid:1;)\n" + b + "\n",
			"# alert tcp any any -> any any (  msg:\"a\";  sid:1;)\n\n\n" + b + "\n", Counts{Rules: 1, Disabled: 1, ByList: 1},
		},
		{
			"revisions", "", a + "\n" + strings.Replace(a, "sid:1;", "sid:1; rev:3;", 1) + "\n" + a + "\n",
			"# " + a + "\n" + strings.Replace(a, "sid:1;", "sid:1; rev:3;", 1) + "\n# " + a + "\n", Counts{Rules: 1, Disabled: 2, Replaced: 2},
		},
		{"enabled copy", "", "# " + a + "\n" + a + "\n", "# " + a + "\n" + a + "\n", Counts{Rules: 1, Disabled: 1, Replaced: 1}},
		{
			"flowbits", "disable 5\ndisable 6",
			`alert tcp any any -> any any (msg:"x"; flowbits:isset,b1|b2; sid:4;)
alert tcp any any -> any any (msg:"y"; flowbits:isset,b3; flowbits:set, b1; sid:5;)
alert tcp any any -> any any (msg:"z"; flowbits:set,b3; noalert; sid:6;)
# alert tcp any any -> any any (msg:"o"; flowbits:set,b4; sid:7;)
`, `alert tcp any any -> any any (msg:"x"; flowbits:isset,b1|b2; sid:4;)
alert tcp any any -> any any (msg:"y"; flowbits:isset,b3; flowbits:set, b1; sid:5; noalert;)
alert tcp any any -> any any (msg:"z"; flowbits:set,b3; noalert; sid:6;)
# alert tcp any any -> any any (msg:"o"; flowbits:set,b4; sid:7;)
`, Counts{Rules: 3, Disabled: 1, Flowbits: 2},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := Apply([]Set{{"s", []File{{"x.rules", []byte(tc.in)}, {"x-deleted.rules", []byte(c)}}}}, listsOf(t, tc.lists))
			if len(out.Warnings) > 0 || len(out.Sets) != 1 || len(out.Sets[0].Files) != 1 {
				t.Fatalf("%+v", out)
			}
			if d := cmp.Diff(tc.want, string(out.Sets[0].Files[0].Text)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			want := tc.counts
			if tc.name == "nothing" {
				want.Rules = 2 // the line that is no rule stays, to be complained about
			}
			if d := cmp.Diff(want, out.Counts["s"]); d != "" {
				t.Errorf("counts (-want +got):\n%s", d)
			}
		})
	}
}

// TestApplyWarns: what would be no rule any more stays as it is.
func TestApplyWarns(t *testing.T) {
	const a = `alert tcp any any -> any any (msg:"a"; sid:1;)`
	out := Apply([]Set{{"s", []File{{"x.rules", []byte("\n" + a)}}}}, listsOf(t, `modify 1 "\)$" ""`))
	if len(out.Warnings) != 1 || !strings.HasPrefix(out.Warnings[0].Error(), "s/x.rules:2:") {
		t.Errorf("warnings %v", out.Warnings)
	}
	if got := string(out.Sets[0].Files[0].Text); got != "\n"+a {
		t.Errorf("got %q", got)
	}
}

// TestApplyAcross: copies in another source give way, too.
func TestApplyAcross(t *testing.T) {
	const a = `alert tcp any any -> any any (msg:"a"; sid:1; rev:1;)`
	newer := strings.Replace(a, "rev:1", "rev:2", 1)
	out := Apply([]Set{{"s", []File{{"x.rules", []byte(a)}}}, {"t", []File{{"x.rules", []byte(newer)}}}}, &Lists{})
	if got := string(out.Sets[0].Files[0].Text); got != "# "+a+"\n" {
		t.Errorf("got %q", got)
	}
	if out.Counts["s"].Replaced != 1 || out.Counts["t"].Rules != 1 {
		t.Errorf("counts %+v", out.Counts)
	}
}
