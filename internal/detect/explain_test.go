package detect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExplain checks what is told of a rule of each kind.
func TestExplain(t *testing.T) {
	for _, c := range []struct{ name, rule, want string }{
		{"transaction", `alert fake $HOME_NET any -> any 80 (msg:"m"; flow:to_server; flowbits:isset,a; fake.line; to_lowercase; content:"/x"; offset:1; depth:30; fast_pattern; content:!"zz"; nocase; distance:2; within:20; pcre:"/a+/i"; threshold:type limit,track by_src,count 1,seconds 60; bypass; nfq_set_mark:1; classtype:trojan-activity; sid:7; rev:2;)`,
			`sid 7 rev 2: m
rule         alert fake $HOME_NET any -> any 80
order        1 of 1, priority 1
runs on      transactions
protocols    fake
directions   to_server
found by     fast pattern "/x" on fake.line;to_lowercase, anywhere in it
buffer       fake.line;to_lowercase: content "/x" offset 1 depth 30, !content "zz" nocase distance 2 within 20, pcre
flow         flow:to_server
state        flowbits:isset,a
expression   pcre:"/a+/i"
limit        threshold:type limit,track by_src,count 1,seconds 60
then         bypass
no effect    nfq_set_mark:1
`},
		{"both sides", `alert fake any any => any any (msg:"m"; fake.line; content:"GET"; fake.both: to_client; content:"x"; fake.code:3; sid:7;)`,
			`sid 7 rev 0: m
rule         alert fake any any => any any
order        1 of 1, priority 3
runs on      transactions
protocols    fake
directions   both of one transaction; source is the client
found by     fast pattern "GET" on fake.line, anywhere in it
buffer       fake.line: content "GET"
buffer       fake.both to_client: content "x"
test         fake.code:3
`},
		{"payload", `alert tcp any any -> any any (msg:"m"; content:"ab|00|c"; startswith; byte_test:1,>,2,0,relative; sid:7;)`,
			`sid 7 rev 0: m
rule         alert tcp any any -> any any
order        1 of 1, priority 3
runs on      packets and streams
payload      each packet and the stream
directions   to_server, to_client
found by     fast pattern "ab\x00c" on payload, at its start
buffer       payload: content "ab\x00c" depth 4, byte_test relative
bytes        byte_test:1,>,2,0,relative
`},
		{"port", `alert udp any any -> any 53 (msg:"m"; dsize:>100; sid:7;)`,
			`sid 7 rev 0: m
rule         alert udp any any -> any 53
order        1 of 1, priority 3
runs on      packets and streams
directions   to_server, to_client
found by     the destination port
test         dsize:>100
`},
		{"addresses", `alert ip 192.0.2.0/24 any -> any any (msg:"m"; sid:7;)`,
			`sid 7 rev 0: m
rule         alert ip 192.0.2.0/24 any -> any any
order        1 of 1, priority 3
runs on      addresses, once a flow and direction
directions   to_server, to_client
found by     the address table
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
