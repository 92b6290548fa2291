package detect

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// fakeRule is a rule on the fake protocol towards the server.
func fakeRule(sid int, body string) string {
	return ruleOf(sid, "alert fake any any -> any any", "flow:to_server; "+body)
}

// TestBuffers checks what a complete request matches.
func TestBuffers(t *testing.T) {
	cases := []struct {
		name, body string
		want       bool
	}{
		{"sticky", `fake.line; content:"GET"`, true},
		{"sticky alias", `fake_l; content:"GET"`, true},
		{"sticky misses", `fake.line; content:"POST"`, false},
		{"sticky goes forwards", `fake.line; content:"GET"; fake.host; content:"example"`, true},
		{"sticky holds for all that follow", `fake.line; content:"GET"; content:"example"`, false},
		{"modifier goes backwards", `content:"GET"; fake_line`, true},
		{"modifier means one content", `content:"GET"; fake_line; content:"/index"; fake_line; distance:1`, true},
		{"modifier keeps distance", `content:"GET"; fake_line; content:"index"; fake_line; distance:3; within:5`, false},
		{"pcre letter", `content:"GET"; fake_line; pcre:"/^GET .index/U"`, true},
		{"pcre letter relative", `content:"GET"; fake_line; pcre:"/^ .index/UR"`, true},
		{"bsize", `fake.host; bsize:11; content:"example.com"`, true},
		{"bsize off", `fake.host; bsize:<11; content:"example"`, false},
		{"bsize alone", `fake.host; bsize:>10`, true},
		{"exact", `fake.host; content:"example.com"; startswith; endswith`, true},
		{"exact off", `fake.host; content:"example.co"; startswith; endswith`, false},
		{"suffix", `fake.host; content:"ple.com"; endswith`, true},
		{"suffix off", `fake.host; content:"example"; endswith`, false},
		{"dotprefix", `fake.host; dotprefix; content:".example.com"; endswith`, true},
		{"dotprefix off", `fake.host; dotprefix; content:".xample.com"; endswith`, false},
		{"upper then suffix nocase", `fake.host; content:"PLE.COM"; nocase; endswith`, true},
		{"to_uppercase", `fake.host; to_uppercase; content:"EXAMPLE.COM"`, true},
		{"to_md5", `fake.host; to_md5; content:"|5a ba bd 44 a5 8e 7e f8|"; startswith`, false},
		{"strip_whitespace", `fake.line; strip_whitespace; content:"GET/index"`, true},
		{"xor", `fake.line; xor:"20"; content:"get"`, true},
		{"transforms in a row", `fake.line; strip_whitespace; to_lowercase; content:"get/index"`, true},
		{"transform after content", `fake.host; content:"example"; dotprefix; content:".ex"; startswith`, true},
		{"pcrexform", `fake.line; pcrexform:"^GET (\S+)"; content:"/index.html"; startswith; endswith`, true},
		{"negated content alone", `fake.host; content:!"other"`, true},
		{"negated content there", `fake.host; content:!"example"`, false},
		{"multi in one instance", `fake.names; content:"bet"; content:"alpha"`, false},
		{"multi one", `fake.names; content:"bet"; content:"a"`, true},
		{"multi in two instances", `fake.names; content:"bet"; fake.names; content:"alpha"`, true},
		{"both directions", `fake.both; content:"x"`, false},
		{"absent", `fake.both; absent`, true},
		{"absent or else", `fake.both; absent:or_else; content:!"q"`, true},
		{"absent but there", `fake.host; absent`, false},
		{"negated content on an absent buffer", `fake.both; content:!"q"`, false},
		{"body", `fake.body; content:"tail"; endswith`, true},
		{"payload and buffer", `fake.line; content:"GET"; pkt_data; content:"raw"`, true},
		{"payload and buffer off", `fake.line; content:"GET"; pkt_data; content:"cooked"`, false},
		{"event", `app-layer-event:fake.bad_thing`, true},
		{"event off", `app-layer-event:fake.worse_thing`, false},
		{"byte_extract across buffers", `fake.body; byte_extract:1,0,n; fake.host; content:"com"; offset:n`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, fakeRule(1, c.body)).app(1)
			r.set(fakeLine, "GET /index.html")
			r.set(fakeHost, "example.com")
			r.set(fakeNames, "alpha", "beta")
			r.set(fakeBody, "body with a tail")
			tx := r.tx(0)
			tx.Events.Add(0)
			tx.Progress[0] = fakeComplete
			got := r.stream(toServer, "raw bytes")
			if (len(got) == 1) != c.want {
				t.Errorf("got %v, want match %t\n%s", got, c.want, r.rs.Explain(r.rs.Signatures()[0]))
			}
			r.want(r.send(toServer, ""))
		})
	}
}

// TestDomain checks the transforms that know public suffixes.
func TestDomain(t *testing.T) {
	cfg := testConfig()
	text := fakeRule(1, `fake.host; domain; content:"example.co.uk"; startswith; endswith`) +
		fakeRule(2, `fake.host; tld; content:"co.uk"; startswith; endswith`)
	f, _ := rule.ParseFile("test.rules", []byte(text))
	if _, rep := Compile([]*rule.File{f}, cfg); rep.Refused != 2 {
		t.Errorf("without a list: %d refused", rep.Refused)
	}
	cfg.PublicSuffix = func(string) string { return "co.uk" }
	rs, _ := Compile([]*rule.File{f}, cfg)
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.newFlow(packet.ProtoTCP)
	r.app(1)
	r.set(fakeHost, "www.example.co.uk")
	r.tx(0).Progress[0] = fakeComplete
	r.want(r.send(toServer, ""), 1, 2)
}

// TestProgress checks that a rule waits for its buffers and matches once.
func TestProgress(t *testing.T) {
	r := newRig(t, fakeRule(1, `fake.line; content:"GET"; fake.body; content:"evil"`)+
		fakeRule(2, `fake.line; content:"GET"`)+
		ruleOf(3, "alert fake any any -> any any", `flow:to_client; fake.status; content:"200"`)+
		ruleOf(4, "alert fake any any -> any any", `fake.code:7`)).app(1)
	tx := r.tx(0)
	r.want(r.send(toServer, ""))
	r.set(fakeLine, "GET")
	tx.Progress[0] = fakeHead
	r.want(r.send(toServer, ""), 2)
	r.want(r.send(toServer, ""))
	tx.Progress[0] = fakeBodyState
	r.set(fakeBody, strings.Repeat("x", bodyFirst))
	r.want(r.send(toServer, ""))
	r.set(fakeBody, strings.Repeat("x", bodyFirst)+"evil")
	r.want(r.send(toServer, "")) // not enough that is new
	r.set(fakeBody, strings.Repeat("x", bodyFirst)+"evil"+strings.Repeat("x", bodyWindow))
	r.want(r.send(toServer, ""), 1)
	tx.code = 7
	r.set(fakeStatus, "200")
	tx.Progress[1] = fakeHead
	r.want(r.send(toClient, ""), 3, 4)
	tx.Progress = [2]uint8{fakeComplete, fakeComplete}
	r.want(r.send(toServer, ""))
	if !Inspected(tx) {
		t.Error("the transaction is not inspected")
	}
}

// TestMixed checks a rule on a buffer and on the raw bytes, which are looked at
// in the same packet.
func TestMixed(t *testing.T) {
	r := newRig(t, fakeRule(1, `content:"raw thing"; fake.line; content:"GET"`)).app(1)
	r.set(fakeLine, "GET /")
	r.tx(0).Progress[0] = fakeComplete
	r.want(r.stream(toServer, "raw thing"+strings.Repeat("x", 600)), 1)
	r.want(r.stream(toServer, "raw thing"))
}

// TestDirections checks source and destination by direction.
func TestDirections(t *testing.T) {
	r := newRig(t,
		ruleOf(1, "alert tcp $HOME_NET any -> $EXTERNAL_NET 80", `content:"a"`)+
			ruleOf(2, "alert tcp $EXTERNAL_NET 80 -> $HOME_NET any", `content:"a"`)+
			ruleOf(3, "alert tcp $EXTERNAL_NET 80 <> $HOME_NET any", `content:"a"`)+
			ruleOf(4, "alert tcp any any -> any any", `flow:to_client; content:"a"`)+
			ruleOf(5, "alert tcp any any -> any any", `flow:established,to_server; content:"a"`)+
			ruleOf(6, "alert tcp any any -> any any", `flow:not_established; content:"a"`)+
			ruleOf(7, "alert udp any any -> any any", `content:"a"`))
	r.stream(toServer, "a")
	r.want(r.end(), 1, 3, 5)
	r.newFlow(packet.ProtoTCP)
	r.stream(toClient, "a")
	r.want(r.end(), 2, 3, 4)
}

// TestStream checks chunks, their borders and single alerts.
func TestStream(t *testing.T) {
	chunk := strings.Repeat("-", 3000)
	r := newRig(t, ruleOf(1, "alert tcp any any -> any any", `content:"needle"; content:"more"; distance:0`)).app(0)
	r.want(r.stream(toServer, "needle more"))      // waits for a chunk
	r.want(r.stream(toServer, chunk), 1)           // is full now
	r.want(r.stream(toServer, chunk))              // the same bytes aren't looked at again
	r.want(r.stream(toServer, chunk+"need"))       // ends inside
	r.want(r.stream(toServer, "le more"+chunk), 1) // lies across the border
	r.want(r.stream(toServer, chunk))
	r.want(r.stream(toServer, "needle more"))
	r.want(r.end(), 1)

	r = newRig(t, ruleOf(1, "alert tcp any any -> any any", `content:"abc"; depth:3`))
	r.want(r.stream(toServer, "abcd"), 1) // the packet itself
	r = newRig(t, ruleOf(1, "alert tcp-pkt any any -> any any", `content:"abc"`))
	r.want(r.stream(toServer, "abcd"), 1)
	r.want(r.end())
	r = newRig(t, ruleOf(1, "alert tcp any any -> any any", `content:"abc"`))
	r.f.Flags |= flow.FlagNoPayloadInspect
	r.want(r.stream(toServer, "abcd"))
	r.want(r.end())
}

// TestState checks flowbits and their kin.
func TestState(t *testing.T) {
	t.Run("set before isset in one packet", func(t *testing.T) {
		r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"b"; flowbits:isset,x; priority:1`)+
			ruleOf(2, "alert udp any any -> any any", `content:"a"; flowbits:set,x; flowbits:noalert; priority:4`)+
			ruleOf(3, "alert udp any any -> any any", `content:"c"; flowbits:isset,x|y`)+
			ruleOf(4, "alert udp any any -> any any", `content:"c"; flowbits:isnotset,x`)+
			ruleOf(5, "alert udp any any -> any any", `content:"u"; flowbits:unset,x`))
		r.newFlow(packet.ProtoUDP)
		r.want(r.send(toServer, "ab"), 1)
		r.want(r.send(toServer, "c"), 3)
		r.want(r.send(toServer, "u"), 5)
		r.want(r.send(toServer, "c"), 4)
	})
	t.Run("chains", func(t *testing.T) {
		r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; flowbits:isset,two; flowbits:set,three`)+
			ruleOf(2, "alert udp any any -> any any", `content:"a"; flowbits:isset,one; flowbits:set,two`)+
			ruleOf(3, "alert udp any any -> any any", `content:"a"; flowbits:set,one`))
		r.newFlow(packet.ProtoUDP)
		r.want(r.send(toServer, "a"), 3, 2, 1)
	})
	t.Run("flowint", func(t *testing.T) {
		r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; flowint:n,+,1; noalert`)+
			ruleOf(2, "alert udp any any -> any any", `content:"a"; flowint:n,>=,3`)+
			ruleOf(3, "alert udp any any -> any any", `content:"a"; flowint:n,notset`))
		r.newFlow(packet.ProtoUDP)
		r.send(toServer, "a")
		r.send(toServer, "a")
		got := r.send(toServer, "a")
		got = append(got, r.send(toServer, "a")...)
		if len(got) == 0 || got[len(got)-1] != 2 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("xbits", func(t *testing.T) {
		r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; xbits:set,bad,track ip_src,expire 10`)+
			ruleOf(2, "alert udp any any -> any any", `content:"b"; xbits:isset,bad,track ip_src`)+
			ruleOf(3, "alert udp any any -> any any", `content:"b"; xbits:isset,bad,track ip_dst`))
		r.newFlow(packet.ProtoUDP)
		r.want(r.send(toServer, "a"), 1)
		r.newFlow(packet.ProtoUDP)
		r.want(r.send(toServer, "b"), 2)
		r.want(r.send(toClient, "b"), 3)
		r.time += 11e9
		r.want(r.send(toServer, "b"))
	})
}

// TestPass checks what pass rules silence.
func TestPass(t *testing.T) {
	alert := ruleOf(1, "alert udp any any -> any any", `content:"a"`)
	r := newRig(t, alert+ruleOf(2, "pass udp any any -> any any", `content:"ok"`))
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, "a ok"))
	r.want(r.send(toServer, "a"), 1) // a packet rule passes the packet
	r = newRig(t, alert+ruleOf(2, "pass ip 10.0.0.1 any -> any any", ``))
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, "a"))
	r.want(r.send(toServer, "a")) // an address rule passes the flow
	r = newRig(t, ruleOf(1, "drop udp any any -> any any", `content:"a"`)+ruleOf(2, "alert udp any any -> any any", `content:"a"`))
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, "a"), 1, 2)
}

// TestAddresses checks rules on addresses alone.
func TestAddresses(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert ip [8.8.8.0/24,9.9.9.9] any -> $HOME_NET any", ``)+
		ruleOf(2, "alert ip $HOME_NET any -> [8.8.8.8] any", ``)+
		ruleOf(3, "alert ip any any -> any any", `flowbits:set,seen; noalert`)+
		ruleOf(4, "alert ip [9.9.9.9] any <> any any", ``)+
		ruleOf(5, "alert ip [8.8.8.8] any <> $HOME_NET any", ``)+
		ruleOf(6, "alert tcp any any -> any 81", ``))
	r.want(r.send(toServer, ""), 2, 5)
	r.want(r.send(toServer, ""))
	r.want(r.send(toClient, ""), 1, 5)
	r.want(r.send(toClient, ""))
}

// TestHeaders checks header keywords on a SYN.
func TestHeaders(t *testing.T) {
	cases := []struct {
		body string
		want bool
	}{
		{`flags:S`, true}, {`flags:S,12`, true}, {`flags:SA`, false}, {`flags:+S`, true}, {`flags:*SA`, true},
		{`flags:!A`, true}, {`flags:!S`, false}, {`seq:7`, true}, {`ack:1`, false}, {`window:1024`, true},
		{`window:!1024`, false}, {`tcp.mss:1400`, true}, {`tcp.mss:<536`, false}, {`ip_proto:6`, true},
		{`ip_proto:!TCP`, false}, {`sameip`, false}, {`ttl:>63`, true}, {`fragbits:D`, true}, {`fragbits:!D`, false},
		{`ipopts:rr`, false}, {`ip.src; content:"|0a 00 00 01|"`, true}, {`tcp.hdr; content:"|9c 40|"; startswith`, true},
		{`flow:to_server; flags:S`, true}, {`flow.age:0`, true}, {`flow.pkts:toserver,1`, true}, {`flow.bytes_toserver:>0`, false},
	}
	for _, c := range cases {
		t.Run(c.body, func(t *testing.T) {
			r := newRig(t, ruleOf(1, "alert tcp any any -> any any", c.body))
			r.p.TCP = packet.TCP{Seq: 7, Flags: packet.SYN, Window: 1024, MSS: 1400, HeaderLen: 20}
			r.p.IP = []byte{0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 8, 8, 8, 8}
			r.p.L4 = []byte{0x9c, 0x40, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0}
			if got := r.send(toServer, ""); (len(got) == 1) != c.want {
				t.Errorf("got %v, want match %t", got, c.want)
			}
		})
	}
}

// TestLimits checks the bound on alerts and the state of freed flows.
func TestLimits(t *testing.T) {
	text := ""
	for i := range 20 {
		text += ruleOf(i+1, "alert udp any any -> any any", `content:"a"; flowbits:set,x`)
	}
	r := newRig(t, text)
	r.newFlow(packet.ProtoUDP)
	if got := r.send(toServer, "a"); len(got) != 15 || r.e.Counters.AlertOverflow != 5 {
		t.Errorf("got %d alerts, %d over", len(got), r.e.Counters.AlertOverflow)
	}
	var names []string
	r.e.FlowBits(r.f, func(n string) bool { names = append(names, n); return true })
	if strings.Join(names, ",") != "x" {
		t.Errorf("got flowbits %q", names)
	}
	r.e.FlowEnd(r.f)
	if r.f.Detect != nil {
		t.Error("the state stays with the flow")
	}
	r.newFlow(packet.ProtoUDP)
	r.send(toServer, "b")
	if fs, _ := r.f.Detect.(*FlowState); fs != nil && len(fs.bits) > 0 {
		t.Error("flowbits of the flow before")
	}
}

// TestSwap checks that flows keep their bits when the rules change.
func TestSwap(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; flowbits:set,x`))
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, "a"), 1)
	rs, _ := compileText(t, ruleOf(2, "alert udp any any -> any any", `content:"b"; flowbits:isset,x`))
	if rs.Version() == r.rs.Version() {
		t.Error("two rulesets with one version")
	}
	r.e.Swap(rs)
	r.want(r.send(toServer, "b"), 2)
}
