package quic

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

func cases(t testing.TB) []prototest.Case {
	c2s, s2c := prototest.C2S[[]byte], prototest.S2C[[]byte]
	hello, server := clientHello("shop.example"), serverHello()
	whole := func(v version) []prototest.Segment {
		return []prototest.Segment{c2s(first(t, v, id1, crypto(0, hello))), s2c(answer(t, v, id1, "\x02\x01\x00\x00\x00"+crypto(0, server)))}
	}
	frames := func(f string) []byte { return first(t, version1, id1, f) }
	retry := []byte(longHead(0xf0, version1, idMine, id2) + "token" + strings.Repeat("i", 16))
	again := packet{version: version1, key: id2, dcid: id2, frames: crypto(0, hello), token: "token", size: minDatagram}.seal(t)
	shut := frames(crypto(0, hello))
	shut[600] ^= 1
	all := []prototest.Case{
		{Name: "v1", Script: append(whole(version1), c2s([]byte("\x40short header")), c2s(frames("\x02\x01\x00\x00\x00")))},
		{Name: "v2", Script: whole(version2)},
		{Name: "draft-29", Script: whole(draft | 29)},
		{Name: "draft-27", Script: whole(draft | 27)},
		{Name: "draft-22", Script: whole(draft | 22)},
		{Name: "mvfst", Script: whole(facebook | 2)},
		{Name: "version-not-read", Script: []prototest.Segment{
			c2s([]byte(longHead(0xc1, draft|18, id1, idMine) + "\x00" + number(1200) + strings.Repeat("?", 1200))),
		}},
		{Name: "fragments", Script: []prototest.Segment{
			c2s(frames("\x01\x00" + crypto(100, hello[100:]) + "\x00")),
			c2s(frames(crypto(4, hello[4:60]) + "\x03\x05\x00\x01\x00\x01\x01\x00\x00\x00" + crypto(40, hello[40:110]) + crypto(0, hello[:4]))),
		}},
		{Name: "retry", Script: []prototest.Segment{
			c2s(frames(crypto(0, hello))), s2c(retry), c2s(again), s2c(answer(t, version1, id2, crypto(0, server))),
		}},
		{Name: "retry-not-seen", Script: []prototest.Segment{c2s(frames(crypto(0, hello))), c2s(again)}},
		{Name: "negotiation", Script: []prototest.Segment{
			c2s([]byte(longHead(0xc1, draft|18, id1, idMine) + "\x00" + number(1200) + strings.Repeat("?", 1200))),
			s2c([]byte(longHead(0xaa, negotiation, idMine, id1) + "\x0a\x1a\x2a\x3a\x00\x00\x00\x01")),
			c2s(frames(crypto(0, hello))),
		}},
		{Name: "coalesced", Script: []prototest.Segment{
			c2s(append([]byte(longHead(0xd1, version1, id1, idMine)+number(60)+strings.Repeat("0", 60)), frames(crypto(0, hello))...)),
			s2c(append(answer(t, version1, id1, crypto(0, server)), handshake(version1)...)),
		}},
		{Name: "server-alone", Script: []prototest.Segment{s2c(answer(t, version1, id1, crypto(0, server))), s2c([]byte(handshake(version1)))}},
		{Name: "cut-by-mirror", Script: []prototest.Segment{c2s(append(frames(crypto(0, hello)), frames("\x01")...)[:minDatagram+200])}},
		{Name: "shut", Script: []prototest.Segment{c2s(shut)}},
		{Name: "bad-frame", Script: []prototest.Segment{c2s(frames("\x1f"))}},
		{Name: "bad-ack", Script: []prototest.Segment{c2s(frames("\x02\x01\x00\x3f\x00"))}},
		{Name: "not-a-hello", Script: []prototest.Segment{c2s(frames(crypto(0, server))), s2c(answer(t, version1, id1, crypto(0, hello)))}},
		{Name: "too-long", Script: []prototest.Segment{c2s(frames(crypto(maxCrypto, "x")))}},
		{Name: "closed", Script: []prototest.Segment{c2s(frames("\x1c\x00\x00\x00"))}},
		{Name: "bad-header", Script: []prototest.Segment{c2s(append(frames(crypto(0, hello[:50])), "\xc1\x00\x00\x00\x01\xff\xff\xff"...))}},
		{Name: "q043", Script: []prototest.Segment{c2s([]byte(public("Q043", "\xa0\x01\x00\x2c"+chlo("shop.example"))))}},
		{Name: "q025", Script: []prototest.Segment{c2s([]byte(public("Q025", "\x01\x00\xa4\x01\x00\x00\x2c\x00"+chlo("shop.example"))))}},
		{Name: "q046", Script: []prototest.Segment{
			c2s([]byte("\xc3Q046\x50" + "12345678" + "\x00\x00\x00\x01" + hash12 + "\xa0\x01\x00\x2c" + chlo("shop.example"))),
			s2c([]byte("\xc3Q046\x05" + "12345678" + "\x00\x00\x00\x01" + hash12 + "REJ\x00")),
		}},
		{Name: "q046-tags", Script: []prototest.Segment{
			c2s([]byte("\xc3Q046\x50" + "12345678" + "\x00\x00\x00\x01" + hash12 + "\x80\x01CHLO\xff\xff\x00\x00")),
		}},
	}
	for i := range all {
		all[i].UDP = true
	}
	return all
}

func TestParser(t *testing.T) { prototest.Run(t, Descriptor(), cases(t)) }

func FuzzParser(f *testing.F) { prototest.Fuzz(f, Descriptor(), cases(f)) }

// TestKeys holds the keys against the test vectors of RFC 9001 A.1, RFC 9369
// A.1 and draft-ietf-quic-tls-29 A.1.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		version     version
		label       string
		key, iv, hp string
	}{
		{version1, "client in", "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"},
		{version1, "server in", "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314"},
		{version2, "client in", "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"},
		{version2, "server in", "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652", "edf6d05c83121201b436e16877593c3a"},
		{draft | 29, "client in", "175257a31eb09dea9366d8bb79ad80ba", "6b26114b9cba2b63a9e8dd4f", "9ddd12c994c0698b89374a9c077a3077"},
	} {
		k, ok := newKeys(&header{version: c.version, dcid: []byte(id1)})
		if !ok {
			t.Fatalf("%x: no keys", c.version)
		}
		secret := expandLabel(k.secret, c.label, sha256.Size)
		prefix := "quic "
		if c.version == version2 {
			prefix = "quicv2 "
		}
		for _, part := range []struct{ label, want string }{{"key", c.key}, {"iv", c.iv}, {"hp", c.hp}} {
			want := unhex(t, part.want)
			if got := expandLabel(secret, prefix+part.label, len(want)); !bytes.Equal(got, want) {
				t.Errorf("%x %s %s: %x, want %s", c.version, c.label, part.label, got, part.want)
			}
		}
	}
}

func TestProbe(t *testing.T) {
	initial := first(t, version1, id1, crypto(0, clientHello("a.example")))
	change := func(at int, c byte) []byte {
		b := bytes.Clone(initial)
		b[at] = c
		return b
	}
	for _, c := range []struct {
		name string
		dir  proto.Dir
		b    []byte
		want proto.Verdict
	}{
		{"Initial", proto.ToServer, initial, proto.Accept},
		{"Initial of the server", proto.ToClient, answer(t, version1, id1, crypto(0, serverHello())), proto.Accept},
		{"cut by the mirror", proto.ToServer, append(bytes.Clone(initial), initial...)[:minDatagram], proto.Accept},
		{"Handshake", proto.ToClient, []byte(handshake(version1)), proto.Accept},
		{"negotiation", proto.ToClient, []byte(longHead(0x80, negotiation, idMine, id1) + "\x00\x00\x00\x01"), proto.Accept},
		{"Q039", proto.ToServer, []byte(public("Q039", "\xa0\x01\x00\x2c")), proto.Accept},

		{"fixed bit off", proto.ToServer, change(0, 0x81), proto.Reject},
		{"another version", proto.ToServer, change(4, 3), proto.Reject},
		{"a long connection id", proto.ToServer, change(5, 21), proto.Reject},
		{"lengths run over the end", proto.ToServer, initial[:300], proto.Reject},
		{"token runs over the end", proto.ToServer, change(6+8+1+4, 0x7f), proto.Reject},
		{"negotiation of nothing known", proto.ToClient, []byte(longHead(0x80, negotiation, idMine, id1) + "\x0a\x0a\x0a\x0a"), proto.Reject},
		{"negotiation of a broken list", proto.ToClient, []byte(longHead(0x80, negotiation, idMine, id1) + "\x00\x00\x00\x01\x00"), proto.Reject},
		{"Q039 from the server", proto.ToClient, []byte(public("Q039", "\xa0\x01\x00\x2c")), proto.Reject},
		{"Q0x9", proto.ToServer, []byte(public("Q0x9", "\xa0\x01\x00\x2c")), proto.Reject},
		{"short header", proto.ToServer, []byte("\x40aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), proto.Reject},
		{"empty", proto.ToServer, nil, proto.Reject},
	} {
		if got := probe(c.dir, c.b); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestSteady checks that nothing behind the hellos allocates.
func TestSteady(t *testing.T) {
	p := &parser{}
	p.Data(proto.ToServer, first(t, version1, id1, crypto(0, clientHello("a.example"))))
	p.Data(proto.ToClient, answer(t, version1, id1, crypto(0, serverHello())))
	if string(SNI(p.txs[0])) != "a.example" || !strings.HasPrefix(string(JA4(p.txs[0])), "q13d0308h3_") {
		t.Fatalf("%s, %s", SNI(p.txs[0]), JA4(p.txs[0]))
	}
	p.Free(2)
	ack := first(t, version1, id1, "\x02\x01\x00\x00\x00")
	junk := first(t, version1, id2, "\x01")
	junk[100] ^= 1
	short := []byte("\x40aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	for range maxKeys { // attempts on other keys are bounded
		p.Data(proto.ToServer, junk)
	}
	if n := testing.AllocsPerRun(50, func() {
		p.Data(proto.ToServer, ack)
		p.Data(proto.ToServer, junk)
		p.Data(proto.ToServer, short)
		p.Data(proto.ToClient, []byte(short))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHandshake(b *testing.B) {
	hello := first(b, version1, id1, crypto(0, clientHello("a.example")))
	reply := answer(b, version1, id1, crypto(0, serverHello()))
	p := &parser{}
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		p.Data(proto.ToServer, hello)
		p.Data(proto.ToClient, reply)
	}
}

// FuzzFrames reads what a sealed packet may hold: FuzzParser's changed bytes
// never come out of the seal.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{framePing, frameAck, 1, 0, 1, 1, 1, 1, frameCrypto, 4, 3, 'a', 'b', 'c', frameCrypto, 0, 4, 1, 0, 0, 3}, true)
	f.Add([]byte{frameAckECN, 0, 0, 0, 0, 1, 2, 3, frameCrypto, 0x40, 0x80, 1, 'x', frameClose}, false)
	f.Add([]byte{frameCrypto, 0x80, 0, 0x3f, 0xff, 1, 'x'}, true)
	f.Fuzz(func(t *testing.T, b []byte, client bool) {
		var s stream
		for range 2 { // a repeated packet changes nothing
			s.frames(b)
		}
		if len(s.buf) > maxCrypto || s.n > len(s.buf) || len(s.have)*64 < len(s.buf) {
			t.Fatalf("%d bytes, %d in order, %d words", len(s.buf), s.n, len(s.have))
		}
		x := &tx{dir: proto.ToClient}
		if client {
			x.dir = proto.ToServer
		}
		if typ, body, whole := s.message(); whole {
			x.hello(typ, body)
		}
	})
}
