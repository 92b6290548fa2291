package detect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// hotRules is a set with every path of the engine in it.
func hotRules() string {
	var b strings.Builder
	for i := range 300 {
		b.WriteString(ruleOf(10*i+1, "alert tcp any any -> any any", fmt.Sprintf(`flow:established; content:"pattern%04d"; content:"more"; distance:2; within:20`, i)))
		b.WriteString(ruleOf(10*i+2, "alert udp any any -> any any", fmt.Sprintf(`content:"|00 %02x 10|"; depth:10; content:"x%d"`, i%256, i)))
		b.WriteString(fakeRule(10*i+3, fmt.Sprintf(`fake.line; content:"GET"; fake.host; content:"host%d.example"; endswith`, i)))
		b.WriteString(fakeRule(10*i+4, fmt.Sprintf(`fake.host; dotprefix; content:".bad%d.example"; endswith`, i)))
		b.WriteString(fakeRule(10*i+5, fmt.Sprintf(`fake.body; content:"evil%d"; pcre:"/evil%d[0-9a-f]+z/"`, i, i)))
		b.WriteString(ruleOf(10*i+6, fmt.Sprintf("alert ip 9.%d.%d.0/24 any -> $HOME_NET any", i/256, i%256), ``))
	}
	b.WriteString(ruleOf(9001, "alert tcp any any -> any 22", `flags:S,12; threshold:type both,track by_src,count 5,seconds 60`))
	b.WriteString(fakeRule(9002, `fake.line; content:"GET"; flowbits:set,get; noalert`))
	b.WriteString(fakeRule(9003, `fake.names; content:"alp"; content:"zzz"; distance:0`))
	return b.String()
}

// pass sends one request in three packets over a flow that is new.
func (r *rig) pass(payload []byte) {
	tx := r.tx(0)
	tx.ResetBase()
	r.off = [2]uint64{}
	p := &r.p
	p.Time, p.Payload, p.PayloadLen = p.Time+1000, payload, len(payload)
	p.Src, p.Dst, p.SrcPort, p.DstPort = r.f.Client, r.f.Server, r.f.ClientPort, r.f.ServerPort
	for i := range 3 {
		r.e.StreamData(r.f, toServer, payload, uint64(i*len(payload)))
		tx.Progress[0] = uint8(i + 1)
		r.e.Inspect(p, r.f, toServer, r.s)
	}
	r.e.FlowEnd(r.f)
}

func hotRig(t testing.TB) (*rig, []byte) {
	r := newRig(t, hotRules()).app(1)
	r.set(fakeLine, "GET /index.html")
	r.set(fakeHost, "www.example.com")
	r.set(fakeNames, "alpha", "beta")
	r.set(fakeBody, strings.Repeat("some body text that is harmless ", 64))
	return r, bytes.Repeat([]byte("harmless payload text, pattern and more; "), 34)
}

// TestAllocs proves that inspection without a match allocates nothing, new
// flows and transactions included.
func TestAllocs(t *testing.T) {
	r, payload := hotRig(t)
	r.pass(payload)
	if n := testing.AllocsPerRun(200, func() { r.pass(payload) }); n != 0 {
		t.Errorf("tcp: %v allocations", n)
	}
	r.newFlow(packet.ProtoUDP)
	r.send(toServer, string(payload))
	p := &r.p
	if n := testing.AllocsPerRun(200, func() { r.e.Inspect(p, r.f, toServer, nil) }); n != 0 {
		t.Errorf("udp: %v allocations", n)
	}
}

// TestBodyWork checks that a body that grows packet by packet costs steps in
// proportion to its size, with a rule that waits for its end all the time.
func TestBodyWork(t *testing.T) {
	work := func(size int) (evals uint64) {
		r := newRig(t, fakeRule(1, `fake.body; content:"start"; content:"never"; distance:0`)).app(1)
		r.tx(0).Progress[0] = fakeBodyState
		body := "start" + strings.Repeat("x", size)
		for n := 1000; n <= size; n += 1000 {
			r.tx(0).bufs[fakeBody] = [][]byte{[]byte(body[:n])}
			r.want(r.send(toServer, ""))
		}
		return r.e.Counters.Evaluated
	}
	small, large := work(200_000), work(2_000_000)
	if small == 0 || large > 12*small {
		t.Errorf("%d evaluations for 200 kB, %d for 2 MB", small, large)
	}
}

func BenchmarkInspect(b *testing.B) {
	r, payload := hotRig(b)
	b.SetBytes(int64(3 * len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		r.pass(payload)
	}
}

// BenchmarkPacket is a packet of an encrypted stream: nothing to scan.
func BenchmarkPacket(b *testing.B) {
	r, _ := hotRig(b)
	r.send(toServer, "")
	b.ReportAllocs()
	for b.Loop() {
		r.e.Inspect(&r.p, r.f, toServer, nil)
	}
}

// FuzzCompile compiles any text and runs what comes of it on a few bytes. No
// text makes it panic, and each rule gets exactly one verdict.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		ruleOf(1, "alert tcp any any -> any any", `content:"abc"; nocase; distance:1; within:5`),
		ruleOf(1, "alert udp any any <> any any", `byte_extract:2,0,n; content:"a"; offset:n; byte_jump:2,0,relative,from_end`),
		fakeRule(1, `fake.host; dotprefix; to_lowercase; content:".x"; endswith; fake.body; pcre:"/a(b)c/R"`),
		fakeRule(1, `content:"a"; fake_line; base64_decode:bytes 4,relative; base64_data; content:"q"`),
		ruleOf(1, "pass ip [1.2.3.4,!5.6.7.8] any -> $HOME_NET !80", `flags:S,12; threshold:type both,track by_src,count 1,seconds 1`),
		ruleOf(1, "alert fake:request_head any any -> any any", `flowint:a,+,1; xbits:set,b,track ip_src; entropy:value > 1; asn1:oversize_length 5`),
		ruleOf(1, "alert fake any any => any 80", `fake.line; content:"a"; fake.both: to_client; content:"b"; fast_pattern; filesize:to_server,>1`),
		ruleOf(1, "alert fake any any -> any any", `fake.line; pcrexform:"(a)"; xor:"0d"; from_base64:offset 1; bsize:>3; absent:or_else`),
		ruleOf(1, "alert tcp any any -> any any", `content:"a"; replace:"b"; lua:x; bytetest:1`),
		ruleOf(1, "alert udp any any -> any any", `content:"GET"; depth:9; content:"abc"; distance:-2; within:8; content:!"ab"; dsize:<9; dsize:>2`),
		ruleOf(1, "alert tcp any any -> any any", `content:"GET"; startswith; content:"ET"; offset:1; depth:2; nocase; content:"abc|00 01|"; endswith; requires:version >= 8`),
		ruleOf(1, "alert fake any any -> any any", `fake.line; bsize:<9; content:"G"; depth:1; content:"abc"; distance:2; to_lowercase; content:"Get"; nocase; flowbits:isnotset,a; flowbits:set,a`),
		ruleOf(1, "alert icmp any any -> any [0,80]", `itype:0; icode:<256; ttl:>0; ip_proto:1; threshold:type both,track by_flow,count 2,seconds 60`),
	} {
		f.Add([]byte(s), []byte("GET abc\x00\x01"))
	}
	f.Fuzz(func(t *testing.T, text, data []byte) {
		if len(text) > 4096 || len(data) > 4096 {
			return
		}
		file, _ := rule.ParseFile("fuzz.rules", text)
		rs, rep := Compile([]*rule.File{file}, testConfig())
		if rep.Rules != len(file.Rules) || rep.Active != len(rs.Signatures()) || rep.Rules != rep.Active+rep.Inactive+rep.Refused {
			t.Fatalf("%d rules, report %d = %d+%d+%d", len(file.Rules), rep.Rules, rep.Active, rep.Inactive, rep.Refused)
		}
		for _, v := range rep.Verdicts {
			if (v.Reason == "") != (v.State == Active) || v.Pos.Line < 1 || v.Pos.Column < 1 {
				t.Fatalf("%s %s", v.State, v)
			}
		}
		r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
		r.newFlow(packet.ProtoTCP)
		r.app(1)
		for id := range 6 {
			r.tx(0).bufs[id] = [][]byte{data}
		}
		r.tx(0).Progress = [2]uint8{fakeComplete, fakeComplete}
		got := slices.Concat(r.stream(toServer, string(data)), r.stream(toClient, string(data)), r.end())
		for _, l4 := range []uint8{packet.ProtoUDP, packet.ProtoICMP, packet.ProtoICMPv6} {
			r.newFlow(l4)
			got = append(got, r.send(toServer, string(data))...)
		}
		checkLint(t, rs, file, got)
		for _, s := range rs.Signatures() {
			if rs.Explain(s) == "" {
				t.Fatal("no explanation")
			}
		}
	})
}

// checkLint checks that no rule that matched is said to never do.
func checkLint(t *testing.T, rs *Ruleset, file *rule.File, matched []uint32) {
	t.Helper()
	for _, v := range rs.Lint([]*rule.File{file}) {
		if v.Lint == LintNone || v.Hint == "" || v.Pos.Line < 1 {
			t.Fatalf("lint %q: %s", v.Lint, v)
		}
		same := 0 // a sid may be there twice, with another gid
		for _, s := range rs.Signatures() {
			if s.SID == v.SID {
				same++
			}
		}
		if same == 1 && strings.HasPrefix(v.Lint.String(), "never") && slices.Contains(matched, v.SID) {
			t.Fatalf("it matched: %s: %s", v.Lint, v)
		}
	}
}

// TestRefusals checks what is said of rules that can't run.
func TestRefusals(t *testing.T) {
	cases := []struct {
		name, text string
		state      State
		reason     string
		hint       string
	}{
		{"misspelt", ruleOf(1, "alert tcp any any -> any any", `contant:"a"`), Refused, `unknown keyword "contant"`, "did you mean content?"},
		{"no parser", ruleOf(1, "alert smtp any any -> any any", `content:"a"`), Inactive, "protocol without a parser here: smtp", ""},
		{"keyword of no parser", ruleOf(1, "alert tcp any any -> any any", `dce_iface:1`), Inactive, "protocol without a parser here: dcerpc", ""},
		{"buffer of no parser", ruleOf(1, "alert tcp any any -> any any", `mqtt.type:CONNECT`), Inactive, "protocol without a parser here: mqtt", ""},
		{"unknown protocol", ruleOf(1, "alert tpc any any -> any any", ``), Refused, `unknown protocol "tpc"`, "did you mean tcp?"},
		{"modifier first", ruleOf(1, "alert tcp any any -> any any", `nocase; content:"a"`), Refused, "nocase: no content before it", ""},
		{"wrong direction", ruleOf(1, "alert fake any any -> any any", `flow:to_client; fake.line; content:"a"`), Refused, "its buffers never exist together in one direction and protocol", ""},
		{"not here", ruleOf(1, "alert udp any any -> any any", `geoip:src,DE`), Refused, "geoip: no database of countries is read", ""},
		{"depth too small", ruleOf(1, "alert tcp any any -> any any", `content:"abcd"; depth:3`), Refused, "depth: 3 is less than the content's length 4", ""},
		{"unknown variable", ruleOf(1, "alert tcp $NO_NET any -> any any", `content:"abcd"`), Refused, "", ""},
		{"keyword value", ruleOf(1, "alert fake any any -> any any", `fake.code:x`), Refused, `fake.code: want number, got "x"`, ""},
		{"event", ruleOf(1, "alert fake any any -> any any", `app-layer-event:fake.bad_thin`), Refused, `app-layer-event: fake has no event "bad_thin"`, "did you mean bad_thing?"},
		{"hook", ruleOf(1, "alert fake:request_hea any any -> any any", ``), Refused, `unknown hook "request_hea"`, "did you mean request_head?"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, rep := compileText(t, c.text)
			v := rep.Verdicts[0]
			if v.State != c.state || c.reason != "" && v.Reason != c.reason || c.hint != "" && v.Hint != c.hint {
				t.Errorf("got %s %q hint %q", v.State, v.Reason, v.Hint)
			}
			if v.Reason == "" || v.Pos.Line != 1 {
				t.Errorf("got reason %q at %v", v.Reason, v.Pos)
			}
		})
	}
}

// TestDuplicates checks that the highest revision of a sid runs, alone.
func TestDuplicates(t *testing.T) {
	rs, rep := compileText(t, "alert tcp any any -> any any (content:\"a\"; sid:1; rev:1;)\n"+
		"alert tcp any any -> any any (content:\"b\"; sid:1; rev:3;)\n"+
		"alert tcp any any -> any any (content:\"c\"; sid:1; rev:3;)\n"+
		"alert tcp any any -> any any (content:\"d\"; gid:2; sid:1; rev:1;)\n")
	if rep.Active != 2 || rep.Refused != 2 || rs.Signatures()[0].Rev != 3 {
		t.Errorf("got %d active, %d refused", rep.Active, rep.Refused)
	}
}

// TestHooks checks rules on a state of the transaction.
func TestHooks(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert fake:request_head any any -> any any", ``)+
		ruleOf(2, "alert fake:response_complete any any -> any any", ``)).app(1)
	r.want(r.send(toServer, ""))
	r.tx(0).Progress[0] = fakeHead
	r.want(r.send(toServer, ""), 1)
	r.tx(0).Progress[1] = fakeComplete
	r.want(r.send(toClient, ""), 2)
}

var _ proto.Tx = (*fakeTx)(nil)
