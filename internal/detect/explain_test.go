package detect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExplain checks what is told of a rule of each kind.
func TestExplain(t *testing.T) {
	for _, c := range []struct{ name, rule, want string }{
		{"transaction", `alert fake $HOME_NET any -> any 80 (msg:"m"; flow:to_server; flowbits:isset,a; fake.line; to_lowercase; content:"/x"; offset:1; depth:30; fast_pattern; content:!"zz"; nocase; distance:2; within:20; pcre:"/a+/i"; threshold:type limit,track by_src,count 1,seconds 60; bypass; nfq_set_mark:1; classtype:trojan-activity; sid:7; rev:2;)`,
			`sid 7 rev 2: m
rule         alert fake $HOME_NET any -> any 80
order        1 of 1, priority 1; reads state, behind the rules that set it
runs on      transactions
protocols    fake
directions   to_server
found by     fast pattern "/x" on fake.line;to_lowercase, anywhere in it
chosen       it is marked fast_pattern
prefilter    literal set
groups       fake to_server from request_head
buffer       fake.line;to_lowercase: content "/x" offset 1 depth 30, !content "zz" nocase distance 2 within 20, pcre
flow         flow:to_server
state        flowbits:isset,a
expression   pcre:"/a+/i"
limit        threshold:type limit,track by_src,count 1,seconds 60
then         bypass
no effect    nfq_set_mark:1
cost         moderate; when found: contents 2, expressions 1, other tests 1
`},
		{"both sides", `alert fake any any => any any (msg:"m"; fake.line; content:"GET"; fake.both: to_client; content:"x"; fake.code:3; sid:7;)`,
			`sid 7 rev 0: m
rule         alert fake any any => any any
order        1 of 1, priority 3
runs on      transactions
protocols    fake
directions   both of one transaction; source is the client
found by     fast pattern "GET" on fake.line, anywhere in it
chosen       the strongest of 2 contents: length, rare bytes, and buffers scanned once count
prefilter    literal set
groups       fake to_server from request_head
buffer       fake.line: content "GET"
buffer       fake.both to_client: content "x"
test         fake.code:3
cost         cheap; when found: contents 2, expressions 0, other tests 1
`},
		{"payload", `alert tcp any any -> any any (msg:"m"; content:"ab|00|c"; startswith; byte_test:1,>,2,0,relative; sid:7;)`,
			`sid 7 rev 0: m
rule         alert tcp any any -> any any
order        1 of 1, priority 3
runs on      packets and streams
payload      each packet and the stream
directions   to_server, to_client
found by     fast pattern "ab\x00c" on payload, at its start
chosen       the only content that must be there
prefilter    table of beginnings
groups       tcp packets to_server; stream to_server; tcp packets to_client; stream to_client
buffer       payload: content "ab\x00c" depth 4, byte_test relative
bytes        byte_test:1,>,2,0,relative
cost         cheap; when found: contents 1, expressions 0, other tests 1
`},
		{"frames", `alert fake any any -> any any (msg:"m"; flow:to_client; frame:unit; content:"ab"; endswith; sid:7;)`,
			`sid 7 rev 0: m
rule         alert fake any any -> any any
order        1 of 1, priority 3
runs on      frames
protocols    fake
directions   to_client
found by     fast pattern "ab" on fake.unit, anywhere in it
chosen       the only content that must be there
prefilter    literal set
groups       fake frames to_client
buffer       fake.unit: content "ab" endswith
flow         flow:to_client
test         frame:unit
cost         moderate; when found: contents 1, expressions 0, other tests 0
`},
		{"port", `alert udp any any -> any 53 (msg:"m"; dsize:>100; sid:7;)`,
			`sid 7 rev 0: m
rule         alert udp any any -> any 53
order        1 of 1, priority 3
runs on      packets and streams
directions   to_server, to_client
found by     the destination port
groups       udp packets to_server; udp packets to_client
test         dsize:>100
cost         cheap; when found: contents 0, expressions 0, other tests 2
`},
		{"addresses", `alert ip 192.0.2.0/24 any -> any any (msg:"m"; sid:7;)`,
			`sid 7 rev 0: m
rule         alert ip 192.0.2.0/24 any -> any any
order        1 of 1, priority 3
runs on      addresses, once a flow and direction
directions   to_server, to_client
found by     the address table
groups       the first packet of a flow and direction
cost         cheap; when found: contents 0, expressions 0, other tests 0
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.rule)
			if d := cmp.Diff(c.want, r.rs.Explain(r.rs.Signatures()[0])); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestFast checks what programs are told of fast patterns: why that content, in
// which structure, and how it is written.
func TestFast(t *testing.T) {
	for _, c := range []struct{ head, body, pattern, prefilter, chosen string }{
		{"alert fake any any -> any any", `fake.line; content:"ab|00 ff|c\;|22|"`, `ab|00 ff|c|3b 22|`, "literal set", "the only content"},
		{"alert fake any any -> any any", `fake.line; content:"abcd"; endswith; content:"abcdefgh"`, `abcd`, "table of endings", "of 2 contents the one with a fixed place"},
		{"alert fake any any -> any any", `fake.line; content:"abcd"; startswith; endswith`, `abcd`, "table of whole buffers", "the only content"},
		{"alert udp any any -> any any", `content:"abcd"; startswith`, `abcd`, "table of beginnings", "the only content"},
		{"alert udp any any -> any any", `content:"abcdef"; depth:20`, `abcdef`, "literal set of the first 128 bytes", "the only content"},
		{"alert udp any any -> any any", `content:"abcdef"; dsize:<20`, `abcdef`, "literal set of payloads up to 256 bytes", "the only content"},
		{"alert udp any any -> any any", `content:"ab"; fast_pattern; content:"abcdef"`, `abcdef`, "literal set", `"ab" is marked fast_pattern, but too short`},
		{"alert udp any any -> any any", `content:"abcdef"; fast_pattern:1,3; content:"ghijkl"`, `bcd`, "literal set", "it is marked fast_pattern"},
	} {
		rs, rep := compileText(t, ruleOf(1, c.head, c.body))
		if rep.Active != 1 {
			t.Errorf("%s: %v", c.body, rep.Verdicts)
			continue
		}
		s := rs.Signatures()[0]
		if f := s.Fast(); f == nil || f.Pattern != c.pattern || f.Prefilter != c.prefilter || !strings.HasPrefix(s.chosen(), c.chosen) {
			t.Errorf("%s: got %+v, %s", c.body, f, s.chosen())
		}
	}
	if s := newRig(t, ruleOf(1, "alert udp any any -> any any", `ttl:3`)).rs.Signatures()[0]; s.Fast() != nil || s.FoundBy() == "" {
		t.Errorf("no pattern: got %+v, %s", s.Fast(), s.FoundBy())
	}
}
