package tlshello

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func u16(vs ...uint16) (b []byte) {
	for _, v := range vs {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func vec8(b []byte) []byte               { return append([]byte{byte(len(b))}, b...) }
func vec16(b []byte) []byte              { return append(u16(uint16(len(b))), b...) }
func ext(typ uint16, body []byte) []byte { return append(u16(typ), vec16(body)...) }

func sni(host string) []byte {
	return ext(extSNI, vec16(slices.Concat([]byte{0}, vec16([]byte(host)))))
}

func alpn(names ...string) []byte {
	var list []byte
	for _, n := range names {
		list = append(list, vec8([]byte(n))...)
	}
	return ext(extALPN, vec16(list))
}

// hello is a ClientHello's body.
func hello(version uint16, ciphers []uint16, exts ...[]byte) []byte {
	b := slices.Concat(u16(version), make([]byte, 32), vec8([]byte("id")), vec16(u16(ciphers...)), vec8([]byte{0}))
	if exts == nil {
		return b
	}
	return append(b, vec16(slices.Concat(exts...))...)
}

func view(t testing.TB, b []byte) Client {
	t.Helper()
	c, ok := ViewClient(b, false)
	if !ok {
		t.Fatal("no hello")
	}
	return c
}

// browser is the hello of FoxIO's worked example of JA4, with reserved values
// put in.
func browser() []byte {
	ciphers := []uint16{
		0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
		0x009c, 0x009d, 0x002f, 0x0035,
	}
	exts := [][]byte{ext(0x2a2a, nil), sni("example.com"), alpn("h2", "http/1.1")}
	exts = append(exts, ext(extSigAlgs, vec16(u16(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601))))
	exts = append(exts, ext(extSupportedVersions, vec8(u16(0x3a3a, TLS13, TLS12))))
	exts = append(exts, ext(extGroups, vec16(u16(0x4a4a, 29, 23, 24))), ext(extPointFormats, vec8([]byte{0})))
	for _, typ := range []uint16{0x001b, 0x0033, 0x4469, 0x0017, 0x002d, 0x0005, 0x0023, 0x0012, 0xff01, 0x0015, 0x5a5a} {
		exts = append(exts, ext(typ, nil))
	}
	return hello(TLS12, ciphers, exts...)
}

func TestJA4(t *testing.T) {
	plain := []uint16{0x1301}
	tests := []struct {
		name      string
		in        []byte
		transport byte
		want      string
	}{
		{"worked example", browser(), 't', "t13d1516h2_8daaf6152771_e5627efa2ab1"},
		{"quic", browser(), 'q', "q13d1516h2_8daaf6152771_e5627efa2ab1"},
		{"no extensions", hello(TLS10, plain), 't', "t10i010000_0f2cb44170f4_000000000000"},
		{"only name and protocols", hello(TLS11, plain, sni("a"), alpn("h3")), 't', "t11d0102h3_0f2cb44170f4_000000000000"},
		{"only reserved ciphers", hello(SSL30, []uint16{0x0a0a}), 't', "ts3i000000_000000000000_000000000000"},
		{"odd protocol", hello(TLS12, plain, alpn("\xab\xcd")), 't', "t12i0101ad_0f2cb44170f4_000000000000"},
		{"one letter", hello(TLS12, plain, alpn("x")), 't', "t12i0101xx_0f2cb44170f4_000000000000"},
		{"half odd", hello(TLS12, plain, alpn("h\x02")), 't', "t12i010162_0f2cb44170f4_000000000000"},
		{"unknown version", hello(0x0505, plain), 't', "t00i010000_0f2cb44170f4_000000000000"},
		{"dtls", hello(0xfefd, plain), 'd', "dd2i010000_0f2cb44170f4_000000000000"},
		{"dtls 1.3", hello(0xfefd, plain, ext(extSupportedVersions, vec8(u16(0xfefd, 0xfefc)))), 'd', "dd3i010100_0f2cb44170f4_" + ext43},
	}
	for _, tt := range tests {
		c := view(t, tt.in)
		if got := string(AppendJA4(nil, &c, tt.transport)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// ext43 is the hash of "002b".
const ext43 = "b9a491fefe05"

func TestJA4Counts(t *testing.T) {
	ciphers, exts := make([]uint16, 300), [][]byte{}
	for i := range ciphers {
		ciphers[i] = uint16(0x1000 + i)
		exts = append(exts, ext(uint16(0x2000+i), nil))
	}
	c := view(t, hello(TLS12, ciphers, exts...))
	if got := string(AppendJA4(nil, &c, 't')); !strings.HasPrefix(got, "t12i999900_") || len(got) != JA4Len {
		t.Error(got)
	}
}

// TestJA4Suricata differs where there are no signature algorithms.
func TestJA4Suricata(t *testing.T) {
	c := view(t, browser())
	if a, b := AppendJA4(nil, &c, 't'), AppendJA4Suricata(nil, &c, 't'); !bytes.Equal(a, b) {
		t.Errorf("%s and %s", a, b)
	}
	c = view(t, hello(TLS12, []uint16{1}, ext(5, nil)))
	if a, b := AppendJA4(nil, &c, 't'), AppendJA4Suricata(nil, &c, 't'); bytes.Equal(a, b) || !bytes.Equal(a[:24], b[:24]) {
		t.Errorf("%s and %s", a, b)
	}
}

func TestJA3(t *testing.T) {
	c := view(t, browser())
	const want = "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53," +
		"0-16-13-43-10-11-27-51-17513-23-45-5-35-18-65281-21,29-23-24,0"
	if got := string(AppendJA3(nil, &c)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	c = view(t, hello(TLS10, []uint16{47}))
	if got := string(AppendJA3(nil, &c)); got != "769,47,,," {
		t.Error(got)
	}
	if got := string(AppendMD5(nil, []byte("769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"))); got != "ada70206e40642a3e4461f35503241d5" {
		t.Error(got)
	}
}

func TestViewClient(t *testing.T) {
	c := view(t, browser())
	if string(c.SNI) != "example.com" || !c.HasSNI || string(c.SessionID) != "id" || c.Flaws != 0 {
		t.Errorf("%+v", c)
	}
	if c.Preferred() != TLS13 || c.Version != TLS12 {
		t.Errorf("versions %#x and %#x", c.Preferred(), c.Version)
	}
	var names []string
	for name, rest, ok := NextName(c.ALPN); ok; name, rest, ok = NextName(rest) {
		names = append(names, string(name))
	}
	if fmt.Sprint(names) != "[h2 http/1.1]" {
		t.Error(names)
	}
	c = view(t, hello(TLS12, []uint16{1}, ext(extECH, []byte{0}), ext(extSessionTicket, []byte{1}), ext(extQUICParams, []byte("q"))))
	if !c.ECH || !c.Ticket || string(c.QUICParams) != "q" || c.Preferred() != TLS12 {
		t.Errorf("%+v", c)
	}
	dtls := slices.Concat(u16(0xfefd), make([]byte, 32), vec8(nil), vec8([]byte("cookie")), vec16(u16(1)), vec8([]byte{0}))
	if c, ok := ViewClient(dtls, true); !ok || string(c.Cookie) != "cookie" || len(c.Ciphers) != 2 {
		t.Errorf("dtls: %+v %v", c, ok)
	}
}

func TestFlaws(t *testing.T) {
	one := []uint16{1}
	tests := []struct {
		name string
		in   []byte
		want Flaw
	}{
		{"clean", hello(TLS12, one, sni("a")), 0},
		{"empty name extension", hello(TLS12, one, ext(extSNI, nil)), 0},
		{"two names", hello(TLS12, one, sni("a"), sni("b")), ManySNI},
		{"name type", hello(TLS12, one, ext(extSNI, []byte{0, 4, 9, 0, 1, 'a'})), BadSNIType},
		{"name length", hello(TLS12, one, ext(extSNI, []byte{0, 4, 0, 0, 2, 'a'})), BadSNILen},
		{"empty name", hello(TLS12, one, sni("")), BadSNILen},
		{"long name", hello(TLS12, one, sni(strings.Repeat("a", 300))), BadSNILen},
		{"list cut", hello(TLS12, one, ext(extSNI, []byte{0, 9, 0})), BadSNILen},
		{"no ciphers", hello(TLS12, nil), BadListSize},
		{"odd groups", hello(TLS12, one, ext(extGroups, vec16([]byte{1, 2, 3}))), BadListSize},
		{"groups cut", hello(TLS12, one, ext(extGroups, []byte{0, 9, 1, 2})), Truncated},
		{"block cut", hello(TLS12, one, sni("a"), ext(5, []byte("xyz")))[:58], Truncated},
	}
	for _, tt := range tests {
		if c := view(t, tt.in); c.Flaws != tt.want {
			t.Errorf("%s: flaws %b, want %b", tt.name, c.Flaws, tt.want)
		}
	}
	for n := range 45 {
		if _, ok := ViewClient(browser()[:n], false); ok {
			t.Errorf("%d bytes are a hello", n)
		}
	}
}

func TestViewServer(t *testing.T) {
	body := func(version uint16, random string, exts ...[]byte) []byte {
		return slices.Concat(u16(version), []byte(random), vec8([]byte("id")), u16(0x1301), []byte{0}, vec16(slices.Concat(exts...)))
	}
	random := strings.Repeat("r", 32)
	s, ok := ViewServer(body(TLS12, random, ext(extSupportedVersions, u16(TLS13)), alpn("h2"), ext(extSessionTicket, nil)))
	if !ok || s.Chosen() != TLS13 || s.Version != TLS12 || s.Cipher != 0x1301 || s.Retry || !s.Ticket {
		t.Errorf("%+v %v", s, ok)
	}
	if name, _, _ := NextName(s.ALPN); string(name) != "h2" {
		t.Errorf("protocol %q", name)
	}
	if got := string(AppendJA3S(nil, &s)); got != "771,4865,43-16-35" {
		t.Error(got)
	}
	if s, _ = ViewServer(body(TLS12, retryRandom)); !s.Retry || s.Chosen() != TLS12 {
		t.Errorf("retry: %+v", s)
	}
	draft := slices.Concat(u16(0x7f12), make([]byte, 32), u16(0x1301), vec16(nil))
	if s, ok = ViewServer(draft); !ok || s.Cipher != 0x1301 || s.Chosen() != 0x7f12 {
		t.Errorf("draft: %+v %v", s, ok)
	}
	for n := range 40 {
		if _, ok := ViewServer(body(TLS12, random)[:n]); ok {
			t.Errorf("%d bytes are a hello", n)
		}
	}
}

func TestAllocs(t *testing.T) {
	msg, dst := browser(), make([]byte, 0, 1024)
	n := testing.AllocsPerRun(50, func() {
		c, _ := ViewClient(msg, false)
		s := AppendJA3(dst, &c)
		s = AppendMD5(s, s)
		AppendJA4(s, &c, 't')
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzHello(f *testing.F) {
	f.Add(browser())
	f.Add(hello(TLS12, []uint16{1}, sni("a"), sni("b")))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, dtls := range []bool{false, true} {
			c, ok := ViewClient(in, dtls)
			if !ok {
				continue
			}
			if got := AppendJA4(nil, &c, 't'); len(got) != JA4Len {
				t.Fatalf("%q", got)
			}
			if bytes.Count(AppendJA3(nil, &c), []byte{','}) != 4 {
				t.Fatal("JA3 has five fields")
			}
		}
		if s, ok := ViewServer(in); ok {
			AppendJA3S(nil, &s)
		}
	})
}

func BenchmarkFingerprints(b *testing.B) {
	msg, dst := browser(), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		c, _ := ViewClient(msg, false)
		s := AppendJA3(dst, &c)
		s = AppendMD5(s, s)
		AppendJA4(s, &c, 't')
	}
}
