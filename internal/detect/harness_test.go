package detect

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// The fake protocol: a request with a line, headers and a growing body, a
// response with a status, and names with several instances.
const (
	fakeLine = iota
	fakeHost
	fakeBody
	fakeNames
	fakeStatus
	fakeBoth
)

// Progress of the fake protocol.
const (
	fakeStarted = iota
	fakeHead
	fakeBodyState
	fakeComplete
)

func fakeDescriptor() *proto.Descriptor {
	return &proto.Descriptor{
		Name: "fake", Aliases: []string{"fake1"}, TCP: true, UDP: true,
		Buffers: []proto.Buffer{
			fakeLine:   {Name: "fake.line", Aliases: []string{"fake_l"}, Modifier: "fake_line", PCRE: 'U', Dir: proto.MaskServer, Progress: fakeHead},
			fakeHost:   {Name: "fake.host", Dir: proto.MaskServer, Progress: fakeHead},
			fakeBody:   {Name: "fake.body", Dir: proto.MaskServer, Progress: fakeBodyState, Stream: true},
			fakeNames:  {Name: "fake.names", Dir: proto.MaskServer, Progress: fakeHead, Multi: true},
			fakeStatus: {Name: "fake.status", Dir: proto.MaskClient, Progress: fakeHead},
			fakeBoth:   {Name: "fake.both", Dir: proto.MaskBoth, Progress: fakeHead},
		},
		Keywords: []proto.Keyword{{Name: "fake.code", Dir: proto.MaskClient, Progress: fakeHead,
			Parse: func(v string) (proto.TxTest, error) {
				want := byte(0)
				if _, err := fmt.Sscan(v, &want); err != nil {
					return nil, fmt.Errorf("want number, got %q", v)
				}
				return func(tx proto.Tx, _ Dir) bool { return tx.(*fakeTx).code == want }, nil
			}}},
		States: [2][]string{
			{"request_started", "request_head", "request_body", "request_complete"},
			{"response_started", "response_head", "response_body", "response_complete"},
		},
		Frames: []string{"unit", "part"},
		Events: []string{"bad_thing", "worse_thing"},
	}
}

type fakeTx struct {
	proto.TxBase
	bufs [6][][]byte
	code byte
}

func (t *fakeTx) Base() *proto.TxBase { return &t.TxBase }

func (t *fakeTx) Buffer(id uint8, i int) ([]byte, bool) {
	if i >= len(t.bufs[id]) {
		return nil, false
	}
	return t.bufs[id][i], true
}

type fakeParser struct{ txs []proto.Tx }

func (*fakeParser) Data(proto.Dir, []byte) proto.Progress { return proto.Progress{} }
func (*fakeParser) Gap(proto.Dir, int) bool               { return true }
func (*fakeParser) Close(proto.Dir)                       {}
func (p *fakeParser) Txs() []proto.Tx                     { return p.txs }
func (p *fakeParser) Free(n int)                          { p.txs = p.txs[n:] }
func (p *fakeParser) Reset()                              { p.txs = nil }

// rig is one engine with one flow.
type rig struct {
	t      testing.TB
	rs     *Ruleset
	e      *Engine
	f      *flow.Flow
	s      *proto.Session
	parser *fakeParser
	p      packet.Packet
	time   int64
	off    [2]uint64
}

func testConfig() *Config {
	return &Config{Registry: proto.NewRegistry([]*proto.Descriptor{fakeDescriptor()})}
}

func compileText(t testing.TB, text string) (*Ruleset, *Report) {
	t.Helper()
	f, errs := rule.ParseFile("test.rules", []byte(text))
	if len(errs) > 0 {
		t.Fatalf("parse: %v", errs)
	}
	return Compile([]*rule.File{f}, testConfig())
}

// newRig compiles text, every rule of which must be active.
func newRig(t testing.TB, text string) *rig {
	t.Helper()
	rs, rep := compileText(t, text)
	for _, v := range rep.Verdicts {
		if v.State != Active {
			t.Fatalf("%s: %s", v.State, v)
		}
	}
	if len(rs.Signatures()) == 0 {
		t.Fatal("no rules")
	}
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.newFlow(packet.ProtoTCP)
	return r
}

func addr(a, b, c, d byte) packet.Addr { return packet.AddrFrom4([4]byte{a, b, c, d}) }

func (r *rig) newFlow(l4 uint8) {
	r.f = &flow.Flow{Client: addr(10, 0, 0, 1), Server: addr(8, 8, 8, 8), ClientPort: 40000, ServerPort: 80,
		IPVersion: 4, State: flow.StateEstablished, Start: r.time}
	if l4 == packet.ProtoTCP {
		r.f.TCP = &flow.Stream{State: flow.TCPEstablished, Flags: flow.StreamEstablished}
	}
	r.s, r.parser, r.off = nil, nil, [2]uint64{}
	r.p = packet.Packet{IPVersion: 4, Proto: l4, TTL: 64}
}

// app gives the flow the fake protocol with n transactions.
func (r *rig) app(n int) *rig {
	r.parser = &fakeParser{}
	for i := range n {
		tx := &fakeTx{}
		tx.ID = uint64(i)
		r.parser.txs = append(r.parser.txs, tx)
	}
	d := fakeDescriptor()
	r.s = &proto.Session{Proto: d, Index: 0, Parser: r.parser}
	return r
}

func (r *rig) tx(i int) *fakeTx { return r.parser.txs[i].(*fakeTx) }

// set gives buffer id of transaction 0 its instances.
func (r *rig) set(id int, inst ...string) {
	r.tx(0).bufs[id] = nil
	for _, s := range inst {
		r.tx(0).bufs[id] = append(r.tx(0).bufs[id], []byte(s))
	}
}

// send inspects a packet with payload, without its stream bytes.
func (r *rig) send(d Dir, payload string) []uint32 {
	p := &r.p
	r.time += 1e6
	p.Time, p.Payload, p.PayloadLen = r.time, []byte(payload), len(payload)
	p.Src, p.Dst, p.SrcPort, p.DstPort = r.f.Client, r.f.Server, r.f.ClientPort, r.f.ServerPort
	if d == toClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	r.f.Pkts[d]++
	r.f.Last = r.time
	return sidsOf(r.e.Inspect(p, r.f, d, r.s))
}

// stream delivers bytes as a packet whose payload is in order.
func (r *rig) stream(d Dir, data string) []uint32 {
	r.e.StreamData(r.f, d, []byte(data), r.off[d])
	r.off[d] += uint64(len(data))
	return r.send(d, data)
}

// end closes both directions.
func (r *rig) end() []uint32 {
	r.e.StreamClose(r.f, toServer)
	r.e.StreamClose(r.f, toClient)
	r.p.Flags = packet.FlagFlowEnd
	defer func() { r.p.Flags = 0 }()
	return r.send(toServer, "")
}

func sidsOf(ms []Match) []uint32 {
	var out []uint32
	for _, m := range ms {
		out = append(out, m.Sig.SID)
	}
	return out
}

func (r *rig) want(got []uint32, want ...uint32) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("got sids %v, want %v", got, want)
	}
}

// ruleOf makes a rule from a body.
func ruleOf(sid int, header, body string) string {
	body = strings.TrimRight(body, "; ")
	if body != "" {
		body += ";"
	}
	return fmt.Sprintf("%s (msg:\"t\"; %s sid:%d; rev:1;)\n", header, body, sid)
}

// TestPayload checks what a UDP payload matches.
func TestPayload(t *testing.T) {
	bin := string([]byte{0, 4, 'a', 'b', 'c', 'd', 0x10, 0, 0, 2, 'x', 'y', 'z', 0})
	cases := []struct {
		name, body, payload string
		want                bool
	}{
		{"content", `content:"abc"`, "xxabcxx", true},
		{"content not there", `content:"abc"`, "xxabxcx", false},
		{"case matters", `content:"ABC"`, "xxabcxx", false},
		{"nocase", `content:"ABC"; nocase`, "xxaBcxx", true},
		{"hex", `content:"a|00 01|b"`, "a\x00\x01b", true},
		{"negated", `content:"abc"; content:!"xyz"`, "abc", true},
		{"negated there", `content:"abc"; content:!"xyz"`, "xyzabc", false},
		{"depth holds", `content:"abc"; depth:5`, "xxabc", true},
		{"depth too short", `content:"abc"; depth:4`, "xxabc", false},
		{"offset", `content:"abc"; offset:2`, "xxabc", true},
		{"offset beyond", `content:"abc"; offset:3`, "xxabc", false},
		{"offset and depth", `content:"abc"; offset:2; depth:3`, "xxabc", true},
		{"offset and depth past", `content:"abc"; offset:1; depth:3`, "xxabc", false},
		{"startswith", `content:"ab"; startswith`, "abc", true},
		{"startswith later", `content:"bc"; startswith`, "abc", false},
		{"endswith", `content:"bc"; endswith`, "abc", true},
		{"endswith earlier only", `content:"ab"; endswith`, "abc", false},
		{"endswith second occurrence", `content:"ab"; endswith`, "abcab", true},
		{"distance", `content:"ab"; content:"cd"; distance:2`, "abxxcd", true},
		{"distance too near", `content:"ab"; content:"cd"; distance:3`, "abxxcd", false},
		{"distance negative", `content:"abc"; content:"bcd"; distance:-2`, "abcd", true},
		{"within", `content:"ab"; content:"cd"; within:4`, "abxxcd", true},
		{"within too far", `content:"ab"; content:"cd"; within:3`, "abxxcd", false},
		{"distance and within", `content:"ab"; content:"cd"; distance:1; within:2`, "abxcd", true},
		{"distance and within off", `content:"ab"; content:"cd"; distance:1; within:2`, "abcd", false},
		{"backtracking", `content:"a"; content:"b"; within:1`, "axaxab", true},
		{"backtracking twice", `content:"a"; content:"b"; distance:0; content:"c"; within:1`, "ab ab abc", true},
		{"backtracking fails", `content:"a"; content:"b"; within:1; content:"c"; within:1`, "abxabyab", false},
		{"negated within", `content:"ab"; content:!"cd"; within:2`, "abxxcd", true},
		{"negated within there", `content:"ab"; content:!"cd"; within:4`, "abxxcd", false},
		{"negated retries", `content:"ab"; content:!"cd"; within:2`, "abcdabxx", true},
		{"negated distance", `content:"ab"; content:!"cd"; distance:4`, "abxxcd", true},
		{"order is free", `content:"b"; content:"a"`, "ab", true},
		{"isdataat", `content:"ab"; isdataat:2,relative`, "abcd", true},
		{"isdataat missing", `content:"ab"; isdataat:3,relative`, "abcd", false},
		{"isdataat negated", `content:"cd"; isdataat:!1,relative`, "abcd", true},
		{"isdataat absolute", `isdataat:3; content:"a"`, "abcd", true},
		{"isdataat absolute missing", `isdataat:4; content:"a"`, "abcd", false},
		{"pcre", `content:"ab"; pcre:"/b[0-9]+c/"`, "ab12c", true},
		{"pcre relative", `content:"ab"; pcre:"/^\d+c/R"`, "xab12c", true},
		{"pcre relative anchored off", `content:"ab"; pcre:"/^\d+c/R"`, "xabx12c", false},
		{"pcre relative retries", `content:"ab"; pcre:"/^\d/R"`, "abx ab1", true},
		{"pcre nocase", `content:"ab"; pcre:"/XY/i"`, "ab xy", true},
		{"pcre negated", `content:"ab"; pcre:!"/XY/"`, "ab xy", true},
		{"content after pcre", `content:"a"; pcre:"/\d/"; content:"z"; within:1`, "a1y2z", true},
		{"byte_test", `content:"abcd"; byte_test:2,=,4,0`, bin, true},
		{"byte_test greater", `content:"abcd"; byte_test:2,>,4,0`, bin, false},
		{"byte_test not", `content:"abcd"; byte_test:2,!=,5,0`, bin, true},
		{"byte_test and", `content:"abcd"; byte_test:1,&,16,0,relative`, bin, true},
		{"byte_test little", `content:"abcd"; byte_test:2,=,0x0400,0,little`, bin, true},
		{"byte_test string", `content:"n="; byte_test:3,>,122,0,relative,string,dec`, "n=123", true},
		{"byte_test past the end", `content:"n="; byte_test:4,>,0,0,relative`, "n=123", false},
		{"byte_jump", `content:"abcd"; byte_jump:2,0,from_beginning; content:"cd"; distance:0; within:2`, bin, true},
		{"byte_jump relative", `content:"|10 00|"; byte_jump:2,0,relative; content:"z"; within:1`, bin, true},
		{"byte_jump multiplier", `content:"|10 00|"; byte_jump:2,0,relative,multiplier 2,post_offset -2; content:"z"; within:1`, bin, true},
		{"byte_jump out", `content:"|10 00|"; byte_jump:2,0,relative,multiplier 20`, bin, false},
		{"byte_extract", `content:"|10 00|"; byte_extract:2,0,n,relative; content:"z"; distance:n; within:1`, bin, true},
		{"byte_extract depth", `byte_extract:2,0,n; content:"ab"; offset:2; depth:n`, bin, true},
		{"byte_math", `byte_math:bytes 2, offset 0, oper +, rvalue 6, result n; content:"xy"; offset:n; depth:2`, bin, true},
		{"dsize", `dsize:14; content:"abcd"`, bin, true},
		{"dsize range", `dsize:13<>15; content:"abcd"`, bin, true},
		{"dsize off", `dsize:>14; content:"abcd"`, bin, false},
		{"base64", `content:"x="; base64_decode:relative; base64_data; content:"hello"`, "x=aGVsbG8h", true},
		{"base64 other", `content:"x="; base64_decode:relative; base64_data; content:"world"`, "x=aGVsbG8h", false},
		{"ttl", `content:"a"; ttl:64`, "a", true},
		{"ttl off", `content:"a"; ttl:<64`, "a", false},
		{"entropy", `content:"a"; entropy:value >= 1.5`, "abcd", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ruleOf(1, "alert udp any any -> any any", c.body))
			r.newFlow(packet.ProtoUDP)
			got := r.send(toServer, c.payload)
			if (len(got) == 1) != c.want {
				t.Errorf("got %v, want match %t", got, c.want)
			}
		})
	}
}

// TestSteps checks that backtracking ends.
func TestSteps(t *testing.T) {
	body := ""
	for range 12 {
		body += `content:"a"; distance:0; within:200; `
	}
	r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; `+body+`content:"b"; within:1`))
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, string(bytes.Repeat([]byte("a"), 1400))))
	if r.e.Counters.EvalLimit == 0 {
		t.Error("the step limit was not counted")
	}
}

// TestGivenUp: a search that an expression gives up by itself is counted once.
func TestGivenUp(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert udp any any -> any any", `pcre:"/(?:(?:a?){100}){100}!/"`))
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, string(bytes.Repeat([]byte("a"), 1400))))
	if got := r.e.Counters.EvalLimit; got != 1 {
		t.Errorf("counted %d times, want once", got)
	}
}
