package dns

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

func udp(name string, script ...prototest.Segment) prototest.Case {
	return prototest.Case{Name: name, UDP: true, Script: script, AnyOrder: true}
}

func stream(name string, script ...prototest.Segment) prototest.Case {
	return prototest.Case{Name: name, Script: script, AnyOrder: true}
}

func c2s(m *rrs) prototest.Segment { return prototest.C2S(m.b) }
func s2c(m *rrs) prototest.Segment { return prototest.S2C(m.b) }

func dnsCases() []prototest.Case {
	a := answerTo(1, "www.example.com", typeA).
		rr(secAnswer, ptr(question), typeA, 300, []byte{192, 0, 2, 7})
	return []prototest.Case{
		udp("udp-a", c2s(query(1, "www.example.com", typeA)), s2c(a)),
		udp("udp-types", c2s(query(7, "all.example.com", 255)), s2c(everyType())),
		udp("udp-one-sided", s2c(a), s2c(a)),
		udp("udp-nxdomain", s2c(newMessage(3, 0x8183).q(wire("nope.example"), typeA, 1))),
		udp("udp-bare-error", c2s(query(4, "x.example", typeA)), s2c(newMessage(4, 0x8081))),
		udp("udp-two-questions", c2s(query(5, "one.example", typeA).q(wire("two.example"), typeAAAA, 1))),
		udp("udp-flags", c2s(newMessage(6, 0x4840).q(wire("z.example"), typeA, 1)),
			s2c(newMessage(6, 0xffff).q(wire("z.example"), typeA, 1))),
		udp("udp-odd-labels", c2s(query(8, "", typeNS).q(cat(4, "a.b\x00", 3, "\xc3\xa9x", 0), typeA, 1).
			q(cat(3, "\xff\\\"", 0), typeA, 1))),
		udp("udp-update", c2s(newMessage(9, 0x2800).q(wire("ad.example"), typeSOA, 1).
			rr(secAuthority, cat(4, "host", ptr(question)), typeA, 0, nil))),
		udp("udp-long-name", c2s(query(10, "start.example", typeA).q(longName(), typeA, 1).
			q(cat(1, "y", ptr(question+19)), typeA, 1))),
		udp("udp-wrong-way", s2c(query(11, "asked.example", typeA)), c2s(a)),
		stream("tcp-a", prototest.C2S(tcp(query(1, "www.example.com", typeA))), prototest.S2C(tcp(a))),
		stream("tcp-many", prototest.C2S(tcp(query(1, "one.example", typeA), query(2, "two.example", typeA))),
			prototest.C2S(tcp(query(3, "three.example", typeTXT))),
			prototest.S2C(append([]byte{0, 0}, tcp(a, everyType())...)), prototest.S2C(tcp(a))),
		stream("tcp-broken", prototest.C2S(tcp(query(1, "one.example", typeA),
			newMessage(2, 0x0100), query(3, "two.example", typeA)))),
		stream("tcp-gives-up", prototest.C2S(tcp(query(1, "one.example", typeA), newMessage(2, 0),
			newMessage(3, 0), newMessage(4, 0), query(5, "never.example", typeA)))),
	}
}

// malformedCases are messages that end or point where they must not.
func malformedCases() []prototest.Case {
	cut := func(m *rrs, n int) *rrs { return &rrs{m.b[:len(m.b)-n]} }
	ask := c2s(query(1, "ok.example", typeA))
	back := func() *rrs { return answerTo(1, "ok.example", typeA) }
	return []prototest.Case{
		udp("bad-answer-cut", ask, s2c(cut(back().rr(secAnswer, ptr(question), typeA, 1, []byte{1, 2, 3, 4}), 3))),
		udp("bad-answer-none", ask, s2c(cut(back().rr(secAnswer, ptr(question), typeA, 1, nil), 12))),
		udp("bad-question-cut", ask, c2s(cut(query(2, "cut.example", typeA), 3))),
		udp("bad-authority", ask, s2c(back().rr(secAuthority, ptr(question), typeNS, 1, []byte{0xc0}))),
		udp("bad-additional", ask, s2c(back().rr(secAdditional, wire(""), typeOPT, 1, []byte{0, 1, 0, 9}))),
		udp("bad-soa", ask, s2c(back().rr(secAuthority, ptr(question), typeSOA, 1, cat(0, 0, 1, 2, 3)))),
		udp("bad-srv", ask, s2c(back().rr(secAnswer, ptr(question), typeSRV, 1, []byte{0, 1}))),
		udp("bad-txt", ask, s2c(back().rr(secAnswer, ptr(question), typeTXT, 1, []byte{9, 'x'}))),
		udp("bad-label-type", ask, c2s(query(2, "a.example", typeA).q([]byte{0x80, 1}, typeA, 1))),
		udp("bad-pointer-beyond", ask, c2s(query(2, "a.example", typeA).q(ptr(0x3000), typeA, 1))),
		udp("bad-loop-self", ask, c2s(query(2, "a.example", typeA).q(ptr(question+15), typeA, 1))),
		udp("bad-loop-jump", ask, c2s(query(2, "a.example", typeA).
			q(cat(ptr(question+17), ptr(question+17)), typeA, 1))),
		udp("bad-loop-pair", ask, c2s(query(2, "a.example", typeA).
			q(cat(1, "p", ptr(question+15)), typeA, 1))),
		udp("bad-junk", ask, c2s(&rrs{[]byte("too short")}), c2s(&rrs{[]byte("not a message of any kind")})),
	}
}

func TestDNS(t *testing.T) { prototest.Run(t, Descriptor(), append(dnsCases(), malformedCases()...)) }

func mdnsCases() []prototest.Case {
	const service = "_ipp._tcp.local"
	announce := newMessage(0, 0x8400).
		rr(secAnswer, wire(service), typePTR, 4500, cat(7, "printer", ptr(question))).
		rr(secAnswer, wire("printer."+service), typeTXT, 4500, cat(4, "rp=q", 5, "tls=1")).
		rr(secAuthority, wire("printer.local"), typeA, 120, []byte{192, 0, 2, 9}).
		rr(secAdditional, wire("printer.local"), typeA, 120, []byte{192, 0, 2, 9}).
		rr(secAdditional, wire(""), typeOPT, 0, cat(0, 4, 0, 1, 0))
	return []prototest.Case{
		udp("mdns-query", c2s(newMessage(0, 0).q(wire(service), typePTR, 0x8001))),
		udp("mdns-announce", c2s(announce), c2s(announce)),
		udp("mdns-unicast", c2s(newMessage(1, 0x0230).q(wire(service), typePTR, 1)), s2c(announce)),
	}
}

func TestMDNS(t *testing.T) { prototest.Run(t, MDNS(), mdnsCases()) }

func TestLLMNR(t *testing.T) {
	prototest.Run(t, LLMNR(), []prototest.Case{
		udp("llmnr", c2s(newMessage(9, 0).q(wire("wpad"), typeA, 1)),
			s2c(newMessage(9, 0x8000).q(wire("wpad"), typeA, 1).
				rr(secAnswer, ptr(question), typeA, 30, []byte{192, 0, 2, 66}))),
	})
}

func TestProbe(t *testing.T) {
	local := newMessage(0, 0).q(wire("a.LOCAL"), typeA, 1).b
	name := strings.Repeat("EK", 13) + "FEEEFCACACAC"[:6]
	nbns := newMessage(1, 0x0110).q(wire(name), 0x20, 1).b
	q := query(1, "www.example.com", typeA)
	hello := append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 500)...)
	for _, c := range []struct {
		name      string
		in        []byte
		dns, mdns proto.Verdict
	}{
		{"query", q.b, proto.Accept, proto.Reject},
		{"stream", tcp(q), proto.Accept, proto.Reject},
		{"stream cut in the header", tcp(q)[:9], proto.NeedMore, proto.Reject},
		{"stream cut in the name", tcp(q)[:20], proto.NeedMore, proto.Reject},
		{"stream cut in the class", tcp(q)[:len(q.b)+1], proto.NeedMore, proto.Reject},
		{"one byte", []byte{0}, proto.NeedMore, proto.Reject},
		{"local", local, proto.Accept, proto.Accept},
		{"NetBIOS name service", nbns, proto.Reject, proto.Reject},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), proto.Reject, proto.Reject},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.9\r\n"), proto.Reject, proto.Reject},
		{"TLS", hello, proto.Reject, proto.Reject},
		{"zeros", make([]byte, 64), proto.Reject, proto.Reject},
		{"bare header", make([]byte, 12), proto.Reject, proto.Reject},
		{"class 0", newMessage(1, 0x0100).q(wire("a"), 1, 0).b, proto.Reject, proto.Reject},
		{"more records than bytes", newMessage(1, 0x8180).raw(make([]byte, 4)...).b, proto.Reject, proto.Reject},
		{"long name", append([]byte{0x20, 0}, newMessage(1, 0x0100).q(longName(), 1, 1).b[:1100]...), proto.Accept, proto.Reject},
	} {
		if got := probe(proto.ToServer, c.in); got != c.dns {
			t.Errorf("%s: dns says %d, want %d", c.name, got, c.dns)
		}
		if got := probeMDNS(proto.ToServer, c.in); got != c.mdns {
			t.Errorf("%s: mdns says %d, want %d", c.name, got, c.mdns)
		}
	}
}
