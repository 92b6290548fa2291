package x509

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rich is a certificate with something in every field that is read.
func rich(tb testing.TB) []byte {
	tb.Helper()
	oid := func(arcs ...int) asn1.ObjectIdentifier { return arcs }
	uri, _ := url.Parse("spiffe://example/x")
	return make509(tb, &x509.Certificate{
		SerialNumber: big.NewInt(0x9c01),
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: oid(2, 5, 4, 6), Value: "XX"}, {Type: oid(2, 5, 4, 8), Value: "Some State"},
			{Type: oid(2, 5, 4, 3), Value: "first"}, {Type: oid(2, 5, 4, 10), Value: "A, B\x00C"},
			{Type: oid(1, 2, 840, 113549, 1, 9, 1), Value: "a@example.org"},
			{Type: oid(0, 9, 2342, 19200300, 100, 1, 25), Value: "example"},
			{Type: oid(1, 3, 6, 1, 4, 1, 99999, 7), Value: "odd"},
			{Type: oid(2, 5, 4, 3), Value: "größer"},
		}},
		NotBefore:      time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:       time.Date(2061, 2, 3, 4, 5, 6, 0, time.UTC),
		DNSNames:       []string{"a.example", "nul\x00.example"},
		EmailAddresses: []string{"a@example.org"},
		IPAddresses:    []net.IP{net.IPv4(192, 0, 2, 7), net.ParseIP("2001:db8::1")},
		URIs:           []*url.URL{uri},
	})
}

func make509(tb testing.TB, tmpl *x509.Certificate) []byte {
	tb.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func TestParse(t *testing.T) {
	var c Certificate
	if f := c.Parse(rich(t)); f != OK {
		t.Fatal("fault", f)
	}
	const name = "C=XX, ST=Some State, CN=first, O=A, B\x00C, emailAddress=a@example.org, DC=example, " +
		"1.3.6.1.4.1.99999.7=odd, CN=größer"
	if string(c.Subject) != name || string(c.Issuer) != name {
		t.Errorf("subject %q\nissuer %q", c.Subject, c.Issuer)
	}
	if string(c.CommonName()) != "größer" {
		t.Errorf("common name %q", c.CommonName())
	}
	if string(c.Serial) != "00:9C:01" {
		t.Errorf("serial %q", c.Serial)
	}
	after := time.Date(2061, 2, 3, 4, 5, 6, 0, time.UTC).Unix()
	if !c.Dated || c.NotBefore != -631152000 || c.NotAfter != after {
		t.Errorf("validity %d to %d", c.NotBefore, c.NotAfter)
	}
	var names []string
	for i := range c.Names() {
		names = append(names, string(c.Name(i)))
	}
	want := []string{"a.example", "nul\x00.example", "a@example.org", "192.0.2.7", "2001:db8::1", "spiffe://example/x"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}

// TestTruncated cuts the certificate everywhere: a fault, and never a field
// that the whole one does not have.
func TestTruncated(t *testing.T) {
	der := rich(t)
	var whole, c Certificate
	whole.Parse(der)
	for n := range der {
		if c.Parse(der[:n]) == OK {
			t.Fatalf("%d bytes of %d are a certificate", n, len(der))
		}
	}
	if f := c.Parse(append(der, 0)); f != BadLength {
		t.Errorf("a byte too many: %d", f)
	}
	if string(c.Subject) != string(whole.Subject) {
		t.Error("a byte too many takes the subject")
	}
}

func der(tag byte, parts ...string) string {
	body := strings.Join(parts, "")
	if len(body) < 128 {
		return string([]byte{tag, byte(len(body))}) + body
	}
	return string([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}) + body
}

func TestFaults(t *testing.T) {
	serial, alg, empty := der(2, "\x01"), der(0x30, der(6, "\x2a")), der(0x30)
	dates := der(0x30, der(0x17, "260102030405Z"), der(0x17, "270102030405Z"))
	name := func(value string) string {
		return der(0x30, der(0x31, der(0x30, der(6, "\x55\x04\x03"), value)))
	}
	cert := func(tbs ...string) string { return der(0x30, der(0x30, tbs...)) }
	ext := func(body string) string {
		return der(0xa3, der(0x30, der(0x30, der(6, "\x55\x1d\x11"), der(1, "\xff"), der(4, body))))
	}
	good := []string{serial, alg, empty, dates, empty}
	with := func(more string) string { return cert(strings.Join(good, ""), more) }
	tests := []struct {
		name, in string
		want     Fault
	}{
		{"nothing", "", BadCertificate}, {"no sequence", der(4, "x"), BadDER}, {"empty", empty, BadCertificate},
		{"inner length", der(0x30, "\x30\x84\xff\xff\xff\xfa"), BadCertificate}, {"no tbs", der(0x30, der(4)), BadDER},
		{"least", cert(good...), OK}, {"version", cert(der(0xa0, der(4)), serial), BadVersion},
		{"serial", cert(der(0xa0, der(2, "\x02")), der(4)), BadSerial}, {"no serial", cert(der(0xa0, der(2, "\x02"))), BadSerial},
		{"algorithm", cert(serial, der(4)), BadAlgorithm}, {"issuer", cert(serial, alg, der(4)), BadIssuer},
		{"issuer inside", cert(serial, alg, der(0x30, der(4))), BadIssuer},
		{"validity", cert(serial, alg, empty, der(4)), BadValidity}, {"date", cert(serial, alg, empty, empty), BadDate},
		{"subject", cert(serial, alg, empty, dates, der(4)), BadSubject},
		{"attribute", cert(serial, alg, empty, dates, der(0x30, der(0x31, der(0x30)))), BadSubject},
		{"value", cert(serial, alg, empty, dates, name("\x0c\x05a")), BadSubject},
		{"extensions", with(der(0xa3, der(4))), BadExtensions}, {"extension", with(der(0xa3, der(0x30, der(0x30)))), BadExtensions},
		{"names", with(ext(der(4))), OK}, {"name class", with(ext(der(0x30, der(4)))), OK},
		{"other name", with(ext(der(0x30, der(0xa0, "x"), der(0x87, "abc")))), OK},
	}
	var c Certificate
	for _, tt := range tests {
		if got := c.Parse([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: fault %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestNameValues(t *testing.T) {
	var cases = []struct{ value, want string }{
		{der(0x13, "plain"), "CN=plain"}, {der(0x1e, "\x00g\x00\xf6\xd8\x3d\xde\x00"), "CN=gö😀"},
		{der(0x1c, "\x00\x00\x00g\x00\x11\x00\x00"), "CN=g\uFFFD"}, {der(3, "\x00a"), "CN=#03020061"},
		{der(0x30, der(5)), "CN=#30020500"}, {der(0x14, "\xfc"), "CN=\xfc"},
	}
	for _, tt := range cases {
		set := der(0x31, der(0x30, der(6, "\x55\x04\x03"), tt.value))
		got, _, _, ok := appendName(nil, []byte(set))
		if !ok || string(got) != tt.want {
			t.Errorf("%q %v, want %q", got, ok, tt.want)
		}
	}
	two := der(0x31, der(0x30, der(6, "\x55\x04\x03"), der(12, "a")), der(0x30, der(6, "\x55\x04\x0b"), der(12, "b")))
	if got, _, _, _ := appendName(nil, []byte(two)); string(got) != "CN=a + OU=b" {
		t.Errorf("multi-valued: %q", got)
	}
	if _, _, _, ok := appendName(nil, []byte(strings.Repeat(two, 2000))); ok {
		t.Error("an endless name is read")
	}
}

func TestAllocs(t *testing.T) {
	der := rich(t)
	var c Certificate
	if n := testing.AllocsPerRun(20, func() { c.Parse(der) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCertificate(f *testing.F) {
	f.Add(rich(f))
	f.Add([]byte(der(0x30, der(0x30, der(2, "\x01"), der(0x30), der(0x30)))))
	var c Certificate
	f.Fuzz(func(t *testing.T, in []byte) {
		fault := c.Parse(in)
		if c.Names() > MaxNames || len(c.Subject) > 4*maxText+64 || len(c.Issuer) > 4*maxText+64 {
			t.Fatalf("%d names, subject of %d bytes", c.Names(), len(c.Subject))
		}
		for i := range c.Names() {
			_ = c.Name(i)
		}
		_ = c.CommonName()
		std, err := x509.ParseCertificate(in)
		if err != nil || fault != OK {
			return
		}
		if std.NotBefore.Unix() != c.NotBefore || std.NotAfter.Unix() != c.NotAfter {
			t.Fatalf("validity %d to %d, crypto/x509 reads %v to %v", c.NotBefore, c.NotAfter, std.NotBefore, std.NotAfter)
		}
		if len(std.DNSNames) > c.Names() {
			t.Fatalf("%d names, crypto/x509 reads %q", c.Names(), std.DNSNames)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	der := rich(b)
	var c Certificate
	b.SetBytes(int64(len(der)))
	b.ReportAllocs()
	for b.Loop() {
		c.Parse(der)
	}
}
