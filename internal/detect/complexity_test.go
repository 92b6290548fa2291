package detect

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Steps are what ctx.re.Work counts (instructions of an expression, four bytes
// searched, a byte decoded or transformed), with the rules evaluated and the
// instances read. Ten times the input takes at most maxGrowth times as many.
const maxGrowth = 12

// sizes are those of a large datagram, and of a body up to bodyWhole, from which
// only what is new is looked at (TestGrowth). A small buffer may cost maxWork
// whatever its size, so that below it the growth is not bounded, the work is.
func sizes() []int { return []int{1400, bodyWhole / 10} }

// loop is a rule whose keyword loops, and what it looks at: unit, repeated up
// to a size. Units are the worst known: all places fit but the last test.
type loop struct {
	body string // on the fake protocol's body
	unit string
	make func(n int) string // in place of unit
	long bool               // each place takes long, so that maxWork is met
}

// loops are the general keywords whose work depends on the traffic.
func loops() map[string][]loop {
	jump := `content:"a"; byte_jump:1,0,relative,string,hex; content:"z"; within:1`
	return map[string][]loop{
		"content": {
			{body: `content:"a"; content:"a"; distance:0; content:"a"; distance:0; content:"z"; within:1`, unit: "a"},
			{body: `content:"a"; content:"aaaaaaaaaaaaaaab"`, unit: "a"},
			{body: `content:"a"; content:"AAAAAAAAAAAAAAAB"; nocase`, unit: "aA"},
			{body: `content:"ab"; content:"b"; distance:-1; within:1; content:"z"; distance:0; within:3`, unit: "ab"},
			{body: `content:"a"; content:!"b"; within:1; content:"z"; within:1`, unit: "a"},
			{body: `content:"a"; content:!"z"; distance:0; content:"q"; within:1`, unit: "a"},
			{body: `content:"aa"; content:"aa"; distance:-1; content:"aa"; distance:-1; content:"aab"; distance:-1`, unit: "a"},
			{body: `content:"a"; content:"aaaab"; distance:0; within:100000`, unit: "a"},
		},
		"pcre": {
			{body: `pcre:"/(?:a+)+$z/"`, unit: "a"},
			{body: `pcre:"/^(?:a|aa)+b/"`, unit: "a"},
			{body: `pcre:"/(?:.*?a){8}z/s"`, unit: "ab"},
			{body: `pcre:"/(a+)+\1!/"`, unit: "a"},
			{body: `pcre:"/(?=(a+)+!)a/"`, unit: "a"},
			{body: `pcre:"/(?:(?:a?){100}){100}!/"`, unit: "a"},
			{body: `pcre:"/a[^z]*a[^z]*z/"`, unit: "a"},
			{body: `pcre:"/\s+unescape/"`, unit: " "},
			{body: `content:"a"; pcre:"/[^z]*a[^z]*z/R"`, unit: "a"},
			{body: `content:"a"; pcre:"/\ba+z/R"; content:"q"; within:1`, unit: "a "},
			{body: `content:"a"; pcre:"/a+/"; content:"z"; within:1`, unit: "a"},
			{body: `content:"a"; pcre:!"/zz/R"; content:"z"; within:1`, unit: "a"},
		},
		"byte_jump": {
			{body: jump, unit: "a1"},
			{body: `content:"a"; byte_jump:1,0,relative; byte_jump:1,-1,relative; content:"zz"; distance:0; within:2`, unit: "a\x01"},
		},
		"byte_test": {
			{body: `content:"a"; byte_test:10,>,1,0,relative,string,dec; content:"z"; within:1`, unit: "a0000000009"},
			{body: `content:"a"; byte_extract:3,0,n,relative,string,dec; byte_test:n,>,1,0,relative,string,dec`, unit: "a999"},
			{body: `content:"a"; byte_test:0,=,1,0,relative,string,dec`, unit: "a                      "},
		},
		"byte_extract": {{body: `content:"a"; byte_extract:1,0,n,relative; content:"z"; offset:n; depth:200`, unit: "a\x01"}},
		"byte_math":    {{body: `content:"a"; byte_math:bytes 1, offset 0, oper +, rvalue 1, result n, relative; content:"z"; distance:n`, unit: "a\x01"}},
		"isdataat":     {{body: `content:"a"; isdataat:200000,relative`, unit: "a"}},
		"base64_decode": {
			{body: `content:"a"; base64_decode:relative; base64_data; content:"zz"`, unit: "a"},
			{body: `content:"a"; base64_decode:relative; base64_data; content:"i"; content:"zz"; distance:0; within:2`, unit: "aaaa"},
		},
		"base64_data": {{body: `base64_decode:offset 0; base64_data; pcre:"/(?:i|ii)+$z/"`, unit: "aWlp"}},
		"asn1": {
			{body: `content:"|1f|"; asn1:oversize_length 2147483647,relative_offset 0`, unit: "\x1f\xff", long: true},
			{body: `content:"0"; asn1:bitstring_overflow,relative_offset -1`, unit: "0\x80", long: true},
		},
		"entropy": {{body: `content:"a"; entropy:value > 7.9`, unit: "ab"}},
		"bsize":   {{body: `bsize:>100; content:"a"; content:"z"; within:1`, unit: "a"}},
		"absent":  {{body: `absent:or_else; content:"a"; content:"z"; within:1`, unit: "a"}},

		"dotprefix":            {{body: `dotprefix; content:"a"; content:"z"; within:1`, unit: "a"}},
		"to_lowercase":         {{body: `to_lowercase; content:"a"; content:"z"; within:1`, unit: "A"}},
		"to_uppercase":         {{body: `to_uppercase; content:"A"; content:"z"; within:1`, unit: "a"}},
		"to_md5":               {{body: `to_md5; content:"zzzzzz"`, unit: "a"}},
		"to_sha1":              {{body: `to_sha1; content:"zzzzzz"`, unit: "a"}},
		"to_sha256":            {{body: `to_sha256; content:"zzzzzz"`, unit: "a"}},
		"url_decode":           {{body: `url_decode; content:"a"; content:"z"; within:1`, unit: "%61"}, {body: `url_decode; content:"%"; content:"z"; within:1`, unit: "%%6"}},
		"strip_whitespace":     {{body: `strip_whitespace; content:"a"; content:"z"; within:1`, unit: "a  "}},
		"compress_whitespace":  {{body: `compress_whitespace; content:" "; content:"z"; within:1`, unit: "  a"}},
		"strip_pseudo_headers": {{body: `strip_pseudo_headers; content:"a"; content:"z"; within:1`, unit: ":a\r\na\r\n"}, {body: `strip_pseudo_headers; content:"a"`, unit: ":"}},
		"header_lowercase":     {{body: `header_lowercase; content:"a"; content:"z"; within:1`, unit: "A: b\r\n"}, {body: `header_lowercase; content:"z"`, unit: ":"}},
		"xor":                  {{body: `xor:"0102"; content:"a"; content:"z"; within:1`, unit: "`c"}},
		"from_base64":          {{body: `from_base64:mode rfc2045; content:"i"; content:"z"; within:1`, unit: "aWlp\n"}},
		"pcrexform":            {{body: `pcrexform:"(a+)+$z"; content:"a"`, unit: "a"}, {body: `pcrexform:"a(.*)"; content:"a"; content:"z"; within:1`, unit: "a"}},
		"gunzip":               {{body: fmt.Sprintf(`gunzip:max-size %d; content:"a"; content:"z"; within:1`, maxInflate), make: gzipped}},
		"zlib_deflate":         {{body: fmt.Sprintf(`zlib_deflate:max-size %d; content:"a"; content:"z"; within:1`, maxInflate), make: deflated}},
		"domain":               {{body: `domain; content:"a"; content:"z"; within:1`, unit: "a."}},
		"tld":                  {{body: `tld; content:"a"; content:"z"; within:1`, unit: "a."}},
	}
}

// steady are the general keywords whose work does not depend on the traffic,
// by why that is so.
func steady() map[string]string {
	return words(map[string]string{
		"says something of the rule":                 "sid gid rev msg classtype priority reference metadata target requires noalert alert config bypass",
		"modifies a content":                         "nocase rawbytes startswith endswith offset depth distance within fast_pattern prefilter",
		"names a buffer":                             "pkt_data frame",
		"is content of one buffer":                   "uricontent",
		"is refused or has no effect here":           "replace luaxform lua luajit tag nfq_set_mark geoip app-layer-state flow.elephant",
		"looks a buffer or an address up in a table": "dataset datarep iprep",
		"reads fields of the packet": "ttl tos id fragoffset seq ack window tcp.mss tcp.wscale itype icode icmp_id icmp_seq icmpv6.mtu dsize " +
			"vlan.layers vlan.id tcp.flags fragbits ipopts ip_proto sameip l3_proto ipv4-csum tcpv4-csum tcpv6-csum udpv4-csum udpv6-csum icmpv4-csum icmpv6-csum",
		"reads counters of the flow":                                     "flow stream_size flow.age flow.pkts flow.pkts_toserver flow.pkts_toclient flow.bytes flow.bytes_toserver flow.bytes_toclient tcp.session",
		"is a bit that was set":                                          "decode-event stream-event engine-event app-layer-event app-layer-protocol",
		"looks through a list that is bounded: TestBoundedState":         "flowbits flowint flowvar pktvar",
		"looks into a map, full ones at 8 places: TestSharedBound":       "xbits hostbits threshold detection_filter",
		"looks at each of MaxFiles files of a transaction: TestFileWork": "filename fileext filesize filestore filemagic file.magic filemd5 filesha1 filesha256",
	})
}

// words turns lists of words by reason into reasons by word.
func words(lists map[string]string) map[string]string {
	out := map[string]string{}
	for why, list := range lists {
		for _, w := range strings.Fields(list) {
			out[w] = why
		}
	}
	return out
}

// TestEveryKeywordHasBound: who adds a keyword says whether it loops, and shows
// the worst input for it if so.
func TestEveryKeywordHasBound(t *testing.T) {
	looping, constant := loops(), steady()
	for _, k := range keywords() {
		_, loops := looping[k.name]
		if _, why := constant[k.name]; loops == why {
			t.Errorf("%s: give it its worst cases in loops, or a reason why it needs none in steady", k.name)
		}
	}
}

// repeated makes n bytes of a case's input.
func (l *loop) repeated(n int) string {
	if l.make != nil {
		return l.make(n)
	}
	return strings.Repeat(l.unit, n/len(l.unit))
}

// gzipped makes about n bytes that unpack to a thousand times as many.
func gzipped(n int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(bytes.Repeat([]byte("a"), 1<<20))
	_ = w.Close()
	return strings.Repeat(b.String(), 1+n/b.Len())
}

// deflated makes about n bytes that unpack to as many.
func deflated(n int) string {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.NoCompression)
	_, _ = w.Write(bytes.Repeat([]byte("a"), n))
	_ = w.Close()
	return b.String()
}

// countingTx counts the instances that are read.
type countingTx struct {
	fakeTx
	reads int
}

func (t *countingTx) Buffer(id uint8, i int) ([]byte, bool) {
	t.reads++
	return t.fakeTx.Buffer(id, i)
}

// counted gives the flow one transaction that counts.
func (r *rig) counted() *countingTx {
	tx := &countingTx{}
	r.app(0)
	r.parser.txs = append(r.parser.txs, tx)
	return tx
}

func (r *rig) steps(tx *countingTx) uint64 {
	n := &r.e.Counters
	return r.e.ctx.re.Work + n.Candidates + n.Evaluated + uint64(tx.reads)
}

// rule is the body of the rule. Its first content is what the prefilter looks
// for, or the last one, which is not there, would end it all.
func (l *loop) rule() string {
	first := regexp.MustCompile(`^(.*?content:"[^"]*";)(.*)$`)
	return first.ReplaceAllString(l.body+";", "${1} fast_pattern;${2}")
}

// onBody is what the rule costs on a body of n bytes.
func (l *loop) onBody(t *testing.T, n int) (steps uint64) {
	t.Helper()
	body := "fake.body; " + l.rule()
	if strings.Contains(l.body, "base64_data") {
		body = l.rule()
	}
	rs, rep := compileSuffix(t, ruleOf(1, "alert tcp any any -> any any", body))
	if rep.Active != 1 {
		t.Fatalf("%s: %v", l.body, rep.Verdicts)
	}
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.newFlow(packet.ProtoTCP)
	data := l.repeated(n)
	tx := r.counted()
	tx.bufs[fakeBody], tx.bufs[fakeLine] = [][]byte{[]byte(data)}, [][]byte{[]byte(data)}
	tx.Progress[0] = fakeComplete
	r.e.StreamData(r.f, toServer, []byte(data), 0)
	r.want(r.end())
	steps = r.steps(tx)
	// maxInflate is what a bomb of any size unpacks to.
	if limit := uint64(2 * (maxWork + bufferWork*(len(data)+maxInflate))); steps > 2*limit {
		t.Errorf("%s: %d steps for %d bytes, the bound is %d", l.body, steps, len(data), limit)
	}
	return steps
}

// compileSuffix compiles with a list of public suffixes.
func compileSuffix(t *testing.T, text string) (*Ruleset, *Report) {
	t.Helper()
	cfg := testConfig()
	cfg.PublicSuffix = func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	f, errs := rule.ParseFile("test.rules", []byte(text))
	if len(errs) > 0 {
		t.Fatalf("parse: %v", errs)
	}
	return Compile([]*rule.File{f}, cfg)
}

// TestKeywordWork: every keyword that loops is linear in what it looks at.
func TestKeywordWork(t *testing.T) {
	for name, list := range loops() {
		for _, l := range list {
			t.Run(name, func(t *testing.T) {
				for _, n := range sizes() {
					small, large := l.onBody(t, n), l.onBody(t, 10*n)
					if small == 0 || large > maxGrowth*small {
						t.Errorf("%s: %d steps for %d bytes, %d for ten times as many", l.body, small, n, large)
					}
					if large < uint64(min(10*n/len(l.unit+"12")/4, maxSteps)) || l.long && large < maxWork {
						t.Errorf("%s: only %d steps for %d bytes: nothing is evaluated, or not counted", l.body, large, 10*n)
					}
				}
			})
		}
	}
}

// TestLongNumber: a number in text has up to 23 bytes, whatever a variable asks
// for at each place of a buffer of digits.
func TestLongNumber(t *testing.T) {
	for _, c := range []struct {
		digits string
		want   []uint32
	}{{"23", []uint32{1}}, {"24", nil}} {
		r := newRig(t, ruleOf(1, "alert udp any any -> any any", `content:"a"; byte_extract:2,0,n,relative,string,dec; byte_test:n,=,7,0,string,dec,relative`))
		r.newFlow(packet.ProtoUDP)
		r.want(r.send(toServer, "a"+c.digits+strings.Repeat("0", len("0000000000000000000000"))+"7x"), c.want...)
	}
}

// TestGrowth: bodies that come in pieces, far beyond what is looked at as a
// whole; every transform, since it reads all that it is given.
func TestGrowth(t *testing.T) {
	cases := []loop{
		{body: `content:"a"; content:"z"; distance:0`, unit: "a"},
		{body: `content:"a"; depth:1; content:"z"; distance:0`, unit: "a"},
		{body: `pcre:"/(?:a|aa)+$z/"`, unit: "a"},
		{body: `entropy:value > 7.9; content:"a"`, unit: "a"},
		{body: `xor:"01"; content:"a"; depth:1; content:"z"; distance:0`, unit: "`"},
	}
	for name, list := range loops() {
		if slices.ContainsFunc(transformKeywords(), func(k keyword) bool { return k.name == name }) {
			cases = append(cases, list[0])
		}
	}
	for _, l := range cases {
		growing := func(size int) uint64 {
			rs, _ := compileSuffix(t, fakeRule(1, "fake.body; "+l.rule()))
			r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
			r.newFlow(packet.ProtoTCP)
			tx := r.counted()
			tx.Progress[0] = fakeBodyState
			body := []byte(l.repeated(size))
			for n := bodyWindow; n <= len(body); n += bodyWindow {
				tx.bufs[fakeBody] = [][]byte{body[:n]}
				if got := r.send(toServer, ""); len(got) > 0 {
					t.Fatalf("%s: matched, so nothing is shown", l.body)
				}
			}
			return r.steps(tx)
		}
		small, large := growing(600<<10), growing(6000<<10)
		if small == 0 || large > maxGrowth*small {
			t.Errorf("%s: %d steps for 600 KiB in pieces, %d for ten times as many", l.body, small, large)
		}
	}
}

// TestInstanceWork: each instance of a multi-buffer is read a bounded number of
// times, and beyond maxInstances none is.
func TestInstanceWork(t *testing.T) {
	for _, body := range []string{`content:"a"; content:"z"; within:1`, `to_lowercase; content:"a"; content:"z"; within:1`,
		`absent:or_else; content:"a"; content:"z"; within:1`, `content:!"a"`, `pcre:"/(?:a|aa)+$z/"`} {
		work := func(n int) uint64 {
			rs, _ := compileSuffix(t, fakeRule(1, "fake.names; "+body)+fakeRule(2, "fake.names; bsize:1000; "+body))
			r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
			r.newFlow(packet.ProtoTCP)
			tx := r.counted()
			for range n {
				tx.bufs[fakeNames] = append(tx.bufs[fakeNames], []byte("aaaa"))
			}
			tx.Progress[0] = fakeComplete
			r.want(r.send(toServer, ""))
			return r.steps(tx)
		}
		for _, n := range []int{20, 200, 2000} {
			if small, large := work(n), work(10*n); small == 0 || large > maxGrowth*small {
				t.Errorf("%s: %d steps for %d instances, %d for ten times as many", body, small, n, large)
			} else if n > maxInstances && large > small {
				t.Errorf("%s: %d steps for %d instances, %d for ten times as many: more than %d are read", body, small, n, large, maxInstances)
			}
		}
	}
}

// TestStreamWork: bytes that wait for inspection are moved seldom, however
// small the segments are that drive them out.
func TestStreamWork(t *testing.T) {
	work := func(segments int) uint64 {
		r := newRig(t, ruleOf(1, "alert tcp any any -> any any", `content:"EVIL"`))
		r.e.StreamData(r.f, toServer, make([]byte, maxPending), 0)
		before := r.e.ctx.re.Work
		for range segments {
			r.e.StreamData(r.f, toServer, []byte("abcd"), 0)
		}
		return r.e.ctx.re.Work - before
	}
	small, large := work(20_000), work(200_000)
	if small == 0 || large > maxGrowth*small || small > 20_000*4 {
		t.Errorf("%d steps for 20,000 segments, %d for ten times as many", small, large)
	}
}

// TestBoundedState: what a flow and a packet keep, and so what a rule looks
// through, is bounded; what is refused is counted.
func TestBoundedState(t *testing.T) {
	var text strings.Builder
	for i := range 2 * maxFlowBits {
		fmt.Fprintf(&text, "alert udp any any -> any any (content:\"a\"; flowbits:set,b%d; flowint:i%d,+,1; "+
			"pcre:\"/(a)/, flow:f%d\"; threshold:type limit,track by_flow,count 1,seconds 60; sid:%d;)\n", i, i, i, i+1)
		fmt.Fprintf(&text, "alert udp any any -> any any (content:\"a\"; pcre:\"/(a)/, pkt:p%d\"; sid:%d;)\n", i, 10000+i)
	}
	r := newRig(t, text.String())
	r.newFlow(packet.ProtoUDP)
	for range 3 {
		r.send(toServer, "a")
	}
	fs := r.f.Detect.(*FlowState)
	for name, x := range map[string]struct{ got, most int }{
		"flowbits": {len(fs.bits), maxFlowBits}, "flowints": {len(fs.ints), maxFlowInts},
		"flow variables": {len(fs.vars), maxKept}, "packet variables": {len(r.e.pktVars), maxKept},
		"thresholds by flow": {len(fs.limits), maxFlowInts},
	} {
		if x.got == 0 || x.got > x.most {
			t.Errorf("%s: %d kept, want 1 to %d", name, x.got, x.most)
		}
	}
	if r.e.Counters.FlowBitsFull == 0 {
		t.Error("what was refused was not counted")
	}
}

// TestFileWork: a rule looks at each file of a transaction once a step.
func TestFileWork(t *testing.T) {
	for _, body := range []string{`filename:"zz"`, `fileext:"zz"`, `filesize:>1000000`} {
		work := func(n int) (looks int) {
			rs, rep := compileText(t, fakeRule(1, body))
			if rep.Active != 1 {
				t.Fatal(rep.Verdicts)
			}
			r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
			r.newFlow(packet.ProtoTCP)
			tx := r.counted()
			for range n {
				tx.Files = append(tx.Files, &proto.File{Name: []byte("name.txt")})
			}
			tx.Progress[0] = fakeComplete
			for range 5 { // nothing is new behind the first
				r.want(r.send(toServer, ""))
			}
			return int(r.e.Counters.Candidates)
		}
		if small, large := work(10), work(100); small == 0 || large > small {
			t.Errorf("%s: evaluated %d times with 10 files, %d with 100", body, small, large)
		}
	}
}
