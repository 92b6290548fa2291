package rule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseRule(t *testing.T) {
	text := `alert http1:request_headers [10.0.0.0/8, !10.1.2.3] any => $EXTERNAL_NET [80,8000:8080,!8001] ` +
		`(msg:"Say \"hi\"\; now"; content:!"a|3b|\;" ; nocase; dsize: !10 ;noalert; sid:7; gid:2; rev:3;)`
	f, errs := ParseFile("x.rules", []byte("\n"+text+"  \r\n"))
	if errs.Err() != nil || len(f.Rules) != 1 {
		t.Fatalf("%d rules, %v", len(f.Rules), errs)
	}
	at := func(column int) Pos { return Pos{"x.rules", 2, column} }
	option := func(name string, pos, val int, neg bool, value string) Option {
		o := Option{Name: name, Value: value, Neg: neg, Pos: at(pos)}
		if val > 0 {
			o.HasVal, o.ValPos = true, at(val)
		}
		return o
	}
	want := Rule{
		Pos: at(1), Text: text, Action: ActionAlert, ActionAs: "alert",
		Proto: "http1", Hook: "request_headers", Transactional: true,
		SID: 7, GID: 2, Rev: 3, Msg: `Say "hi"; now`,
	}
	wantOptions := []Option{
		option("msg", 96, 100, false, `"Say \"hi\"\; now"`),
		option("content", 120, 129, true, `"a|3b|\;"`),
		option("nocase", 141, 0, false, ""),
		option("dsize", 149, 157, true, "10"),
		option("noalert", 161, 0, false, ""),
		option("sid", 170, 174, false, "7"),
		option("gid", 177, 181, false, "2"),
		option("rev", 184, 188, false, "3"),
	}
	got := *f.Rules[0]
	if diff := cmp.Diff(wantOptions, got.Options()); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	header := got.Src.String() + " " + got.SrcPorts.String() + " " + got.Dst.String() + " " + got.DstPorts.String()
	if want := "[10.0.0.0/8,!10.1.2.3] any $EXTERNAL_NET [80,8000:8080,!8001]"; header != want {
		t.Errorf("header: want %s, got %s", want, header)
	}
	if p := got.Src.Root.List[1].Pos; p != at(42) {
		t.Errorf("second address: want column 42, got %v", p)
	}
	got = *got.Bare()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Rule{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseFile(t *testing.T) {
	text := "\ufeff# a comment\n" +
		"; another\n" +
		"\n" +
		"  alert ip any any -> any any (sid:1;)\n" +
		"drop ip any any <> any any (sid:2; \\\n" +
		"  rev:9;)\n" +
		"# alert ip any any -> any any (sid:3;)\n" +
		"#alert the reader: this is no rule\n" +
		"alert ip any any -> any any (bad)\n" +
		"## pass ip any any -> any any (sid:4;) \\\n" +
		"reject ip any any -> any any (sid:5;) \\ \n" +
		"\n" +
		"config ip any any -> any any (sid:6;)\\"
	type line struct {
		SID, Line int
		Disabled  bool
	}
	cases := []struct {
		opts []ParseOption
		want []line
	}{
		{nil, []line{{1, 4, false}, {2, 5, false}, {5, 11, false}, {6, 13, false}}},
		{[]ParseOption{KeepDisabled()},
			[]line{{1, 4, false}, {2, 5, false}, {3, 7, true}, {5, 11, false}, {6, 13, false}}},
	}
	for _, c := range cases {
		f, errs := Parse(strings.NewReader(text), "x", c.opts...)
		var got []line
		for _, r := range f.Rules {
			got = append(got, line{int(r.SID), r.Pos.Line, r.Disabled})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(errs) != 1 || errs[0].Pos.Line != 9 || f.Refused != 1 {
			t.Errorf("want one error in line 9, got %d refused, %v", f.Refused, errs)
		}
		if p := f.Rules[1].Options()[1].Pos; p.Line != 6 || p.Column != 3 {
			t.Errorf("option in a continued line: want 6:3, got %v", p)
		}
	}
}

func TestParseReadError(t *testing.T) {
	_, errs := Parse(iotest.ErrReader(errors.New("disk gone")), "x")
	if got := fmt.Sprint(errs); got != "x:0:0: read: disk gone" {
		t.Errorf("got %s", got)
	}
}

func TestParseErrors(t *testing.T) {
	cases := []struct{ in, want string }{
		{"alrt tcp any any -> any any (sid:1;)",
			`1:1: action: want alert, pass, drop, reject..., or config, got "alrt"|did you mean alert?`},
		{"alert", `1:6: protocol: want a name or name:hook, got ""|`},
		{"alert http: any any -> any any (sid:1;)", `1:7: protocol: want a name or name:hook, got "http:"|`},
		{"alert ip any any - any any (sid:1;)",
			`1:18: direction: want ->, <> or =>, got "-"|a header is: action protocol address port -> address port`},
		{"alert ip any any <- any any (sid:1;)",
			`1:18: direction: want ->, <> or =>, got "<-"|swap the two ends and write ->`},
		{"alert ip any any -> any", `1:24: destination port: missing|`},
		{"alert ip any any -> any any", `1:28: options: want (, got ""|`},
		{"alert ip any any -> any any (sid:1;",
			`1:35: options: want ) at the end of the rule, got ";"|a rule that goes on in the next line needs \ at the end of this one`},
		{"alert ip any any -> any any (sid:1)", `1:35: option: want ; behind "sid:1"|`},
		{"alert ip any any -> any any (msg:\"x\";)",
			`1:38: sid: missing|give the rule a number of its own, 1000000-1999999 for local rules`},
		{"alert ip any any -> any any (sid:0;)", `1:34: sid: want a number from 1 to 4294967295, got "0"|`},
		{"alert ip any any -> any any (sid:4294967296;)",
			`1:34: sid: want a number from 1 to 4294967295, got "4294967296"|`},
		{"alert ip any any -> any any (sid;)", `1:33: sid: want a number behind a colon|`},
		{"alert ip any any -> any any (sid:1; rev:x;)", `1:41: rev: want a number from 0 to 4294967295, got "x"|`},
		{`alert ip any any -> any any (content:"a;b"; sid:1;)`,
			`1:40: content: unclosed quote|inside quotes, ; is written \; and " is written \"`},
		{"alert ip any any -> any any (;sid:1;)", `1:30: option: want a keyword, got ""|a ; inside a value is written \;`},
		{"alert ip any any -> any any (a b; sid:1;)", `1:30: option: want a keyword, got "a b"|a ; inside a value is written \;`},
		{"alert ip 10.0.0.256 any -> any any (sid:1;)",
			`1:10: source address: want any, an address, a CIDR block, a range, a $VARIABLE or a [list], got "10.0.0.256"|`},
		{"alert ip HOME_NET any -> any any (sid:1;)",
			`1:10: source address: want any, an address, a CIDR block, a range, a $VARIABLE or a [list], got "HOME_NET"|a variable is written $HOME_NET`},
		{"alert ip any any -> [10.0.0.1,[any,Any]] any (sid:1;)",
			`1:36: destination address: want any, an address, a CIDR block, a range, a $VARIABLE or a [list], got "Any"|any is written in lower case`},
		{"alert ip [10.0.0.1 any -> any any (sid:1;)",
			`1:20: source address: list: want , or ], got "any -> any any "|the list opens at column 10`},
		{"alert ip [] any -> any any (sid:1;)", `1:10: source address: list: empty|write any for everything`},
		{"alert ip $ any -> any any (sid:1;)", `1:10: source address: variable: want $NAME, got "$"|`},
		{"alert ip 10.0.0.1] any -> any any (sid:1;)", `1:18: source address: unexpected "]"|`},
		{"alert ip 10.0.0.9-10.0.0.1 any -> any any (sid:1;)",
			`1:10: source address: want any, an address, a CIDR block, a range, a $VARIABLE or a [list], got "10.0.0.9-10.0.0.1"|`},
		{"alert ip any 80-90 -> any any (sid:1;)",
			`1:14: source port: want any, 0-65535, a range low:high, a $VARIABLE or a [list], got "80-90"|a range is written 80:90`},
		{"alert ip any 90:80 -> any any (sid:1;)",
			`1:14: source port: want any, 0-65535, a range low:high, a $VARIABLE or a [list], got "90:80"|`},
		{"alert ip any 65536 -> any any (sid:1;)",
			`1:14: source port: want any, 0-65535, a range low:high, a $VARIABLE or a [list], got "65536"|`},
		{"alert ip " + strings.Repeat("[", 17) + "any" + strings.Repeat("]", 17) + " any -> any any (sid:1;)",
			`1:26: source address: list: want at most 16 levels|`},
		{"alert ip any any -> any any (sid:1;" + strings.Repeat("nocase;", 1024) + ")",
			`1:7197: options: want at most 1024|`},
		{"alert ip any any -> any any (sid:1;" + strings.Repeat(" ", 64<<10) + ")",
			`1:1: rule: want at most 65536 bytes, got 65572|split the rule`},
	}
	for _, c := range cases {
		f, errs := ParseFile("x", []byte(c.in))
		if len(errs) != 1 || len(f.Rules) != 0 {
			t.Errorf("%.80s: want one error, got %v", c.in, errs)
			continue
		}
		if got := strings.TrimPrefix(errs[0].Error(), "x:") + "|" + errs[0].Hint; got != c.want {
			t.Errorf("%.80s:\nwant %s\ngot  %s", c.in, c.want, got)
		}
	}
}

func TestErrorDetail(t *testing.T) {
	_, errs := ParseFile("local.rules", []byte("alert ip any any - any any \t(sid:1;)\n\x00\xff"))
	want := "local.rules:1:18: direction: want ->, <> or =>, got \"-\"\n" +
		"\talert ip any any - any any  (sid:1;)\n" +
		"\t                 ^\n" +
		"\thint: a header is: action protocol address port -> address port\n" +
		"local.rules:2:1: action: want alert, pass, drop, reject..., or config, got \"\\x00\\xff\"\n" +
		"\t..\n" +
		"\t^"
	if diff := cmp.Diff(want, errs.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	long := "alert ip any any -> any any (msg:\"" + strings.Repeat("é", 100) + "\"; sid:x; classtype:a; metadata:aaaaaaaaaaaaaaaaaaaaaaaaaa;)"
	_, errs = ParseFile("x", []byte(long))
	lines := strings.Split(errs.Error(), "\n")
	text, caret := []rune(lines[1]), strings.IndexByte(lines[2], '^')
	if len(text) > 100 || text[caret] != 'x' {
		t.Errorf("caret not under x, or line too long:\n%s", errs.Error())
	}
}

func TestManyErrors(t *testing.T) {
	f, errs := ParseFile("x", []byte(strings.Repeat("nonsense\n", 5000)))
	if f.Refused != 5000 || len(errs) != maxErrors {
		t.Errorf("want 5000 refused and %d errors, got %d and %d", maxErrors, f.Refused, len(errs))
	}
	if Errors(nil).Err() != nil {
		t.Error("no errors: want nil")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"content", "contains", "http.uri", "flow"}
	cases := []struct{ word, want string }{
		{"contnet", "content"}, {"http_uri", "http.uri"}, {"folw", ""}, {"flwo", ""}, {"fow", "flow"},
		{"xyz", ""}, {"", ""}, {strings.Repeat("a", 65), ""},
	}
	for _, c := range cases {
		if got := Nearest(c.word, names); got != c.want {
			t.Errorf("%q: want %q, got %q", c.word, c.want, got)
		}
	}
}
