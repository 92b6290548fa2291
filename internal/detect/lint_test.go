package detect

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// lintOf compiles text and returns what the linter says of it.
func lintOf(t *testing.T, text string) []Verdict {
	t.Helper()
	f, errs := rule.ParseFile("test.rules", []byte(text))
	if errs != nil {
		t.Fatalf("%s: %v", text, errs)
	}
	rs, rep := Compile([]*rule.File{f}, testConfig())
	if rep.Active != rep.Rules {
		t.Fatalf("%s: %+v", text, rep.Verdicts)
	}
	return rs.Lint([]*rule.File{f})
}

// udp, tcp and others send one packet of a kind.
func udp(payload string) func(*rig) []uint32 {
	return func(r *rig) []uint32 { r.newFlow(packet.ProtoUDP); return r.send(toServer, payload) }
}

func tcp(flags uint8) func(*rig) []uint32 {
	return func(r *rig) []uint32 { r.p.TCP.Flags = flags; return r.send(toServer, "") }
}

func icmp(kind uint8) func(*rig) []uint32 {
	return func(r *rig) []uint32 {
		r.newFlow(packet.ProtoICMP)
		r.f.ClientPort, r.f.ServerPort, r.p.ICMPType = 0, 0, kind
		return r.send(toServer, "")
	}
}

func line(s string) func(*rig) []uint32 {
	return func(r *rig) []uint32 {
		r.app(1).set(fakeLine, s)
		r.tx(0).Progress[0] = fakeComplete
		return r.send(toServer, "")
	}
}

// TestLintNever checks each complaint about a rule that can't match: the rule
// does not match, and one that differs in the contradiction alone matches the
// same traffic and is not complained about.
func TestLintNever(t *testing.T) {
	const u, tc, ic, fk = "alert udp any any -> any any", "alert tcp any any -> any any", "alert icmp any any -> any any", "alert fake any any -> any any"
	for _, c := range []struct {
		name       string
		kind       Lint
		head, bad  string
		goodHead   string // or head
		good, word string // word: where the caret stands
		traffic    func(*rig) []uint32
	}{
		{"dsize", LintNeverContent, u, `dsize:<5; content:"abcdef"`, "", `dsize:<7; content:"abcdef"`, "content", udp("abcdef")},
		{"dsize and offset", LintNeverContent, u, `dsize:6; content:"cdef"; offset:3`, "", `dsize:6; content:"cdef"; offset:2`, "content", udp("abcdef")},
		{"dsize and distance", LintNeverContent, u, `dsize:6; content:"ab"; content:"ef"; distance:3`, "", `dsize:6; content:"ab"; content:"ef"; distance:2`, `content:"ef"`, udp("abcdef")},
		{"dsize ranges", LintNeverHeader, u, `dsize:>6; dsize:<7; content:"ab"`, "", `dsize:>5; dsize:<7; content:"ab"`, "dsize:<7", udp("abcdef")},
		{"bsize", LintNeverContent, fk, `fake.line; content:"/abc"; bsize:<4`, "", `fake.line; content:"/abc"; bsize:<5`, "content", line("/abc")},
		{"bsizes", LintNeverContent, fk, `fake.line; content:"/"; bsize:<4; bsize:>4`, "", `fake.line; content:"/"; bsize:<5; bsize:>3`, "bsize:<4", line("/abc")},
		{"within behind the start", LintNeverContent, u, `content:"ab"; depth:2; content:"ef"; distance:-9; within:4`, "", `content:"ab"; depth:2; content:"ef"; distance:0; within:4`, "distance", udp("abcdef")},
		{"two starts", LintNeverContent, fk, `fake.line; content:"/a"; depth:2; content:"/b"; depth:2`, "", `fake.line; content:"/a"; depth:2; content:"/b"; depth:4`, `content:"/b"`, line("/a/b")},
		{"two ends", LintNeverContent, u, `content:"ef"; endswith; content:"cd"; endswith`, "", `content:"ef"; endswith; content:"f"; endswith`, `content:"cd"`, udp("abcdef")},
		{"overlap in case", LintNeverContent, u, `content:"AB"; startswith; content:"c"; offset:1; depth:1; nocase`, "", `content:"AB"; startswith; content:"b"; offset:1; depth:1; nocase`, `content:"c"`, udp("ABcdef")},
		{"negated", LintNeverContent, u, `content:"abcd"; content:!"bc"`, "", `content:"abcd"; content:!"bc"; offset:2`, `content:!`, udp("abcdef")},
		{"negated nocase", LintNeverContent, u, `content:"abcd"; nocase; content:!"Bc"; nocase`, "", `content:"abcd"; nocase; content:!"Bc"`, `content:!`, udp("abcdef")},
		{"lower case", LintNeverContent, fk, `fake.line; to_lowercase; content:"/Abc"`, "", `fake.line; to_lowercase; content:"/Abc"; nocase`, "content", line("/abc")},
		{"blanks", LintNeverContent, fk, `fake.line; strip_whitespace; content:"a b"`, "", `fake.line; strip_whitespace; content:"ab"`, "content", line("a b")},
		{"flags", LintNeverFlags, tc, `flags:S; flags:A+`, "", `flags:S+; flags:A+`, "flags:A+", tcp(packet.SYN | packet.ACK)},
		{"flags ignored", LintNeverFlags, tc, `flags:S,S`, "", `flags:S,CE`, "flags", tcp(packet.SYN)},
		{"flags in udp", LintNeverHeader, u, `content:"a"; flags:S`, "alert ip any any -> any any", `flags:S`, "flags", tcp(packet.SYN)},
		{"ip_proto", LintNeverHeader, u, `ip_proto:6; content:"a"`, "", `ip_proto:17; content:"a"`, "ip_proto", udp("a")},
		{"icmp in tcp", LintNeverHeader, "alert tcp any any -> any 80", `itype:8`, ic, `itype:8`, "itype", icmp(8)},
		{"icmp type", LintNeverHeader, ic, `itype:>255`, "", `itype:<255`, "itype", icmp(8)},
		{"icmp ports", LintNeverHeader, "alert icmp any any -> any 80", `itype:8`, ic, `itype:8`, "80", icmp(8)},
		{"ttl", LintNeverHeader, u, `ttl:>64; content:"a"; ttl:<64`, "", `ttl:>63; content:"a"; ttl:<65`, "ttl:<64", udp("a")},
		{"protocol", LintNeverHeader, "alert icmp any any -> any any", `fake.line; content:"/abc"`, tc, `fake.line; content:"/abc"`, "icmp", line("/abc")},
		{"flowbits", LintNeverFlowbit, u, `content:"a"; flowbits:isnotset,x; flowbits:isset,x; flowbits:set,x`, "", `content:"a"; flowbits:isnotset,x; flowbits:set,x`, "flowbits:isset", udp("a")},
		{"threshold", LintNeverThreshold, "alert ip 10.0.0.0/8 any -> any any", `threshold:type threshold,track by_flow,count 3,seconds 60`, "", `threshold:type threshold,track by_flow,count 1,seconds 60`, "threshold", func(r *rig) (all []uint32) {
			for range 4 {
				all = append(all, slices.Concat(r.send(toServer, ""), r.send(toClient, ""))...)
			}
			return all[:min(1, len(all))]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := ruleOf(1, c.head, c.bad)
			got := lintOf(t, bad)
			i := slices.IndexFunc(got, func(v Verdict) bool { return v.Lint == c.kind })
			if i < 0 {
				t.Fatalf("no complaint of kind %s, got %v", c.kind, got)
			}
			if v := got[i]; v.SID != 1 || v.Hint == "" || v.Pos.Column != strings.Index(bad, c.word)+1 {
				t.Errorf("want the caret at %q, got %s", c.word, v)
			}
			r := newRig(t, bad)
			r.want(c.traffic(r))
			good := ruleOf(1, cmp.Or(c.goodHead, c.head), c.good)
			for _, v := range lintOf(t, good) {
				if strings.HasPrefix(v.Lint.String(), "never") {
					t.Errorf("a rule that matches: %s", v)
				}
			}
			r = newRig(t, good)
			r.want(c.traffic(r), 1)
		})
	}
}

// TestLintKinds checks the other complaints and what is not worth one.
func TestLintKinds(t *testing.T) {
	const u, tc, fk = "alert udp any any -> any any", "alert tcp any any -> any any", "alert fake any any -> any any"
	for _, c := range []struct{ head, body, want string }{
		{u, `content:"abc"`, ""},
		{u, `content:!"abc"`, "no-fast-pattern"},
		{u, `pcre:"/a+/"`, "no-fast-pattern"},
		{u, `ttl:64`, "no-fast-pattern"},
		{"alert udp any any -> any 53", `ttl:64`, ""},
		{tc, `flags:S`, ""},
		{tc, `pcre:"/a+/"`, "no-fast-pattern"},
		{"alert ip 192.0.2.0/24 any -> any any", ``, ""},
		{fk, `fake.line; pcre:"/a+/"`, "no-fast-pattern"},
		{fk, `fake.code:3`, ""},
		{fk, ``, "no-fast-pattern"},
		{"alert pkthdr any any -> any any", `decode-event:ipv4.pkt_too_small`, ""},
		{u, `content:"ab"`, "weak-fast-pattern"},
		{u, `content:"ab"; depth:9`, ""},
		{u, `content:"ab"; dsize:<9`, ""},
		{fk, `fake.line; content:"ab"`, "short-content"},
		{fk, `fake.line; content:"ab"; endswith`, ""},
		{fk, `frame:unit; content:"abc"`, ""},
		{fk, `frame:unit; pcre:"/a+/"`, "no-fast-pattern"},
		{fk, `frame:unit; content:"abc"; bsize:2`, "never-content"},
		{fk, `fake.line; pcre:"/a+/"; bsize:<2; bsize:>2`, "never-content"}, // and nothing about its cost
		{fk, `fake.line; content:"abc"; pcre:"/(a+)=(b+).*\1/"`, "slow-pcre"},
		{fk, `fake.line; content:"abc"; pcre:"/(?:a+b?)+(?!x)/"`, "slow-pcre"},
		{fk, `fake.line; content:"abc"; pcre:"/(a+)=(b+)long.*\1/"`, ""},
		{fk, `fake.line; content:"abc"; pcre:"/(?:a+b?)+x.*.*.*/"`, ""},
		{fk, `fake.line; content:"abc"; pcre:"/^a+(?!x)/"`, ""},
		{tc, `content:"abc"; flow:established; flags:S,CE`, "established-syn"},
		{tc, `content:"abc"; flow:established; flags:S+`, ""},
		{u, `content:"abc"; flowbits:isset,never.set`, "unset-flowbit"},
		{u, `content:"abc"; flowbits:isset,a|b; flowbits:isnotset,a; flowbits:set,a; flowbits:set,b`, ""},
		{"drop udp any any -> any any", `content:"abc"`, "alert-only"},
		{u, `content:"a|20|b"; content:!"b"; within:1; content:"b"; distance:1; within:5`, ""},
		{u, `content:"ab"; content:"cd"; distance:-30; within:40; dsize:4`, ""},
		{u, `byte_extract:1,0,n; content:"abcd"; offset:n; content:"ef"; distance:n; within:4; dsize:<20`, ""},
	} {
		var got []string
		for _, v := range lintOf(t, ruleOf(1, c.head, c.body)) {
			got = append(got, v.Lint.String())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s %s: want %q, got %q", c.head, c.body, c.want, s)
		}
	}
}

// TestLintDuplicate checks that rules which say the same are told, and which
// parts don't count.
func TestLintDuplicate(t *testing.T) {
	text := `alert udp any any -> any 53 (msg:"a"; content:"abc"; nocase; classtype:trojan-activity; sid:1;)
alert udp any any ->  any 53 (content: "abc"; nocase; msg:"b"; priority:1; sid:2; rev:4;)
alert udp any any -> any 54 (msg:"a"; content:"abc"; nocase; sid:3;)
alert udp any any -> any 53 (msg:"a"; content:"abc"; sid:4;)
pass udp any any -> any 53 (msg:"a"; content:"abc"; nocase; sid:5;)
`
	f, _ := rule.ParseFile("test.rules", []byte(text))
	twice, _ := rule.ParseFile("test.rules", []byte(text)) // as if named twice
	files := []*rule.File{f, twice}
	rs, _ := Compile(files, testConfig())
	got := rs.Lint(files)
	if len(got) != 1 || got[0].Lint != LintDuplicateRule || got[0].SID != 2 ||
		got[0].Reason != "the same rule as sid 1 at test.rules:1:1" || got[0].Pos.Column != 76 {
		t.Errorf("got %v", got)
	}
}

// TestLintNames checks that every kind has a name of its own.
func TestLintNames(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range Lints() {
		if l.String() == "" || seen[l.String()] {
			t.Errorf("kind %d: %q", l, l)
		}
		seen[l.String()] = true
	}
}
