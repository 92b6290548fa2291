package tls

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

// u16 is big endian values behind one another.
func u16(vs ...int) (b []byte) {
	for _, v := range vs {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func vec8(b ...byte) []byte  { return append([]byte{byte(len(b))}, b...) }
func vec16(b ...byte) []byte { return append(u16(len(b)), b...) }
func vec24(b ...byte) []byte {
	return append([]byte{byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}, b...)
}
func join(bs ...[]byte) []byte { return slices.Concat(bs...) }

// rec is one record, msg one handshake message, ext one extension.
func rec(kind byte, version int, body ...byte) []byte {
	return join([]byte{kind}, u16(version), vec16(body...))
}
func msg(kind byte, body ...byte) []byte { return append([]byte{kind}, vec24(body...)...) }
func ext(kind int, body ...byte) []byte  { return append(u16(kind), vec16(body...)...) }

func names(list ...string) (b []byte) {
	for _, n := range list {
		b = append(b, vec8([]byte(n)...)...)
	}
	return b
}

func sniExt(host string) []byte {
	return ext(0, vec16(append([]byte{0}, vec16([]byte(host)...)...)...)...)
}
func alpnExt(list ...string) []byte { return ext(16, vec16(names(list...)...)...) }

var (
	clientRandom = bytes.Repeat([]byte{0x11}, 32)
	serverRandom = bytes.Repeat([]byte{0x22}, 32)
)

// clientHello is a whole message.
func clientHello(version int, session []byte, ciphers []int, exts ...[]byte) []byte {
	return msg(1, join(u16(version), clientRandom, vec8(session...), vec16(u16(ciphers...)...),
		vec8(0), vec16(join(exts...)...))...)
}

func serverHelloMsg(version int, random, session []byte, cipher int, exts ...[]byte) []byte {
	b := join(u16(version), random, vec8(session...), u16(cipher), []byte{0})
	if len(exts) > 0 {
		b = append(b, vec16(join(exts...)...)...)
	}
	return msg(2, b...)
}

func certMsg(ders ...[]byte) []byte {
	var list []byte
	for _, d := range ders {
		list = append(list, vec24(d...)...)
	}
	return msg(11, vec24(list...)...)
}

// testCert makes the same certificate each time: Ed25519 signs without chance.
func testCert(tb testing.TB, cn string, sans ...string) []byte {
	tb.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(0x9cfeedbeef),
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "XX"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Mirror, Wall"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: cn},
		}},
		NotBefore:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		NotAfter:    time.Date(2061, 2, 3, 4, 5, 6, 0, time.UTC),
		DNSNames:    sans,
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

var modernExts = [][]byte{
	ext(0x2a2a), ext(10, vec16(u16(0x3a3a, 29, 23)...)...), ext(11, vec8(0)...),
	ext(13, vec16(u16(0x0403, 0x0804, 0x0401)...)...),
}

func modernHello(host string, more ...[]byte) []byte {
	exts := append([][]byte{sniExt(host), alpnExt("h2", "http/1.1")}, modernExts...)
	return clientHello(0x0303, nil, []int{0x0a0a, 0x1301, 0xc02f, 0x002f}, append(exts, more...)...)
}

// cases are the conversations of the conformance tests and the fuzzing seeds.
func cases(tb testing.TB) []prototest.Case {
	leaf := testCert(tb, "www.example.org", "www.example.org", "example.org")
	return slices.Concat(fullCases(tb, leaf), resumedCases(), oddCases(leaf), oldCases(leaf))
}

func fullCases(tb testing.TB, leaf []byte) []prototest.Case {
	c2s, s2c := prototest.C2S[[]byte], prototest.S2C[[]byte]
	ca := testCert(tb, "Example CA")
	hello := modernHello("www.example.org")
	flight := join(serverHelloMsg(0x0303, serverRandom, nil, 0xc02f, ext(0xff01, 0), alpnExt("h2")),
		certMsg(leaf, ca), msg(12, 3, 0, 29), msg(14))
	asking := slices.Concat(flight[:len(flight)-4], msg(13, 1, 64, 0, 0), msg(14))
	ccs, fin := rec(20, 0x0303, 1), rec(22, 0x0303, make([]byte, 40)...)
	data := rec(23, 0x0303, make([]byte, 300)...)
	full := []prototest.Segment{
		c2s(rec(22, 0x0301, hello...)), s2c(rec(22, 0x0303, flight...)),
		c2s(join(rec(22, 0x0303, msg(16, 1, 2, 3)...), ccs, fin)), s2c(join(ccs, fin)),
		c2s(data), s2c(join(data, data)), c2s(rec(21, 0x0303, make([]byte, 26)...)),
	}
	return []prototest.Case{
		{Name: "tls12", Script: full},
		{Name: "hello-only", Script: full[:1]},
		{Name: "split-records", Script: []prototest.Segment{
			c2s(splitRecords(hello, 9)), s2c(splitRecords(flight, 33)),
			c2s(join(ccs, fin)), s2c(join(ccs, fin)),
		}},
		{Name: "client-certificate", Script: []prototest.Segment{
			c2s(rec(22, 0x0301, hello...)), s2c(rec(22, 0x0303, asking...)),
			c2s(join(rec(22, 0x0303, join(certMsg(leaf), msg(16, 1))...), ccs, fin)), s2c(join(ccs, fin)),
		}},
		{Name: "tls13", Script: []prototest.Segment{
			c2s(rec(22, 0x0301, modernHello("hidden.example", ext(43, vec8(u16(0x4a4a, 0x0304, 0x0303)...)...), ext(0xfe0d, 0))...)),
			s2c(join(rec(22, 0x0303, serverHelloMsg(0x0303, serverRandom, nil, 0x1301, ext(43, 3, 4))...), ccs, data)),
			c2s(join(ccs, data)), s2c(data),
		}},
		{Name: "tls13-retry", Script: []prototest.Segment{
			c2s(rec(22, 0x0301, modernHello("retry.example", ext(43, vec8(3, 4)...))...)),
			s2c(join(rec(22, 0x0303, serverHelloMsg(0x0303, []byte(retryRandom), nil, 0x1301, ext(43, 3, 4))...), ccs)),
			c2s(join(ccs, rec(22, 0x0303, modernHello("retry.example", ext(43, vec8(3, 4)...), ext(44, 1))...))),
			s2c(join(rec(22, 0x0303, serverHelloMsg(0x0303, serverRandom, nil, 0x1301, ext(43, 3, 4))...), data)),
			c2s(data),
		}},
	}
}

// retryRandom marks a HelloRetryRequest (RFC 8446 §4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// splitRecords cuts messages into records of n bytes.
func splitRecords(b []byte, n int) (out []byte) {
	for piece := range slices.Chunk(b, n) {
		out = append(out, rec(22, 0x0301, piece...)...)
	}
	return out
}

func resumedCases() []prototest.Case {
	c2s, s2c := prototest.C2S[[]byte], prototest.S2C[[]byte]
	ccs, fin := rec(20, 0x0302, 1), rec(22, 0x0302, make([]byte, 40)...)
	id := []byte("0123456789abcdef")
	return []prototest.Case{
		{Name: "resumed-id", Script: []prototest.Segment{
			c2s(rec(22, 0x0301, clientHello(0x0302, id, []int{0x2f}, sniExt("again.example"))...)),
			s2c(join(rec(22, 0x0302, serverHelloMsg(0x0302, serverRandom, id, 0x2f)...), ccs, fin)),
			c2s(join(ccs, fin)),
		}},
		{Name: "resumed-ticket", Script: []prototest.Segment{
			c2s(rec(22, 0x0301, clientHello(0x0302, nil, []int{0x2f}, ext(35, id...))...)),
			s2c(join(rec(22, 0x0302, serverHelloMsg(0x0302, serverRandom, nil, 0x2f)...), ccs, fin)),
			c2s(join(ccs, fin)),
		}},
	}
}

func oddCases(leaf []byte) []prototest.Case {
	c2s, s2c := prototest.C2S[[]byte], prototest.S2C[[]byte]
	hello := rec(22, 0x0301, modernHello("odd.example")...)
	server := rec(22, 0x0303, serverHelloMsg(0x0303, serverRandom, nil, 0x2f)...)
	badList := msg(11, vec24(vec24(leaf...)[1:]...)...)
	return []prototest.Case{
		{Name: "heartbleed", Script: []prototest.Segment{
			c2s(hello), s2c(server),
			c2s(rec(24, 0x0302, 1, 0x40, 0)), s2c(rec(24, 0x0302, make([]byte, 500)...)),
		}},
		{Name: "heartbeat-short", Script: []prototest.Segment{
			c2s(hello), s2c(server), c2s(rec(24, 0x0302, 1, 0, 1, 0)), s2c(rec(24, 0x0302, 9, 0, 1)),
		}},
		{Name: "bad-certificate-list", Script: []prototest.Segment{
			c2s(hello), s2c(join(server, rec(22, 0x0303, badList...))),
		}},
		{Name: "bad-certificate", Script: []prototest.Segment{
			c2s(hello), s2c(join(server, rec(22, 0x0303, certMsg([]byte{0x30, 4, 0x30, 9, 1, 1})...))),
		}},
		{Name: "bad-message", Script: []prototest.Segment{
			c2s(hello), s2c(join(server, rec(22, 0x0303, 99, 0, 0, 1, 0))),
		}},
		{Name: "bad-record-type", Script: []prototest.Segment{c2s(hello), s2c(join(server, rec(99, 0x0303, 1)))}},
		{Name: "bad-record-version", Script: []prototest.Segment{c2s(hello), s2c(join(server, rec(22, 0x0909, 1)))}},
		{Name: "bad-record-length", Script: []prototest.Segment{c2s(hello), s2c(join(server, u8header()))}},
		{Name: "not-tls-answer", Script: []prototest.Segment{c2s(hello), s2c([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))}},
		{Name: "alert", Script: []prototest.Segment{c2s(hello), s2c(rec(21, 0x0303, 2, 40))}},
		{Name: "bad-alert", Script: []prototest.Segment{c2s(hello), s2c(rec(21, 0x0303, 9, 40))}},
		{Name: "sni-twice", Script: []prototest.Segment{c2s(rec(22, 0x0301, clientHello(0x0303, nil, []int{1}, sniExt("a.example"), sniExt("b.example"))...))}},
		{Name: "sni-type", Script: []prototest.Segment{c2s(rec(22, 0x0301, clientHello(0x0303, nil, []int{1}, ext(0, 0, 4, 7, 0, 1, 'x'))...))}},
		{Name: "sni-length", Script: []prototest.Segment{c2s(rec(22, 0x0301, clientHello(0x0303, nil, []int{1}, ext(0, 0, 4, 0, 0, 9, 'x'))...))}},
		{Name: "long-message", Script: []prototest.Segment{c2s(hello), s2c(join(server, rec(22, 0x0303, 11, 1, 0, 1)))}},
		{Name: "empty-records", Script: []prototest.Segment{c2s(hello), s2c(bytes.Repeat(rec(22, 0x0303), 300))}},
		{Name: "midstream", NoGolden: true, Script: []prototest.Segment{
			c2s(rec(23, 0x0303, make([]byte, 64)...)), s2c(rec(23, 0x0303, make([]byte, 64)...)),
		}},
	}
}

// u8header is a record header that promises more than a record may hold.
func u8header() []byte { return []byte{22, 3, 3, 0xff, 0xff, 0} }

func oldCases(leaf []byte) []prototest.Case {
	c2s, s2c := prototest.C2S[[]byte], prototest.S2C[[]byte]
	v2 := func(version int) []byte {
		body := join([]byte{1}, u16(version, 6, 0, 16), []byte{1, 0, 0x80, 0, 0, 0x2f}, make([]byte, 16))
		return append(u16(0x8000|len(body)), body...)
	}
	reply := join([]byte{4, 0, 1}, u16(2, len(leaf), 3, 4), leaf, []byte{1, 0, 0x80, 9, 9, 9, 9})
	key := join([]byte{2, 1, 0, 0x80}, make([]byte, 12))
	ccs, fin := rec(20, 0x0301, 1), rec(22, 0x0301, make([]byte, 40)...)
	return []prototest.Case{
		{Name: "sslv2-hello", Script: []prototest.Segment{
			c2s(v2(0x0301)),
			s2c(rec(22, 0x0301, join(serverHelloMsg(0x0301, serverRandom, nil, 0x2f), certMsg(leaf), msg(14))...)),
			c2s(join(rec(22, 0x0301, msg(16, 1)...), ccs, fin)), s2c(join(ccs, fin)),
		}},
		{Name: "sslv2", Script: []prototest.Segment{
			c2s(v2(2)), s2c(append(u16(0x8000|len(reply)), reply...)),
			c2s(append(u16(0x8000|len(key)), key...)),
			s2c(append([]byte{0, 20, 4}, make([]byte, 20)...)),
		}},
		{Name: "sslv2-error", Script: []prototest.Segment{c2s(v2(2)), s2c([]byte{0x80, 3, 0, 0, 1})}},
		{Name: "sslv2-bad", Script: []prototest.Segment{
			c2s(join([]byte{0x80, 12, 1}, u16(2, 500, 0, 16), []byte{1, 2, 3})),
		}},
	}
}
