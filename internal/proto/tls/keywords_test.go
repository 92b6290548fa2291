package tls

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

// sample is a transaction of a whole TLS 1.2 handshake.
func sample(t *testing.T) *tx {
	t.Helper()
	p := newParser(&proto.Config{}).(*parser)
	for _, s := range fullCases(t, testCert(t, "www.example.org", "www.example.org"))[0].Script {
		p.Data(s.Dir, s.Bytes)
	}
	return &p.tx
}

func keyword(t *testing.T, name string) proto.Keyword {
	t.Helper()
	for _, k := range keywords() {
		if k.Name == name {
			return k
		}
	}
	t.Fatal("no keyword", name)
	return proto.Keyword{}
}

func TestKeywords(t *testing.T) {
	x := sample(t)
	print := string(x.certs[proto.ToClient].fingerprint)
	x.now = 1800000000 // 2027-01-15
	tests := []struct {
		name, value string
		want        bool
	}{
		{"tls.version", "1.2", true}, {"tls.version", `"1.2"`, true}, {"tls.version", "1.3", false},
		{"tls.version", "0x0303", true}, {"tls.version", "!1.2", false},
		{"ssl_version", "tls1.2", true}, {"ssl_version", "sslv3,TLS1.2", true},
		{"ssl_version", "!tls1.2", false}, {"ssl_version", "!sslv3,tls1.0", true},
		{"ssl_version", "!sslv3,!tls1.2", false}, {"ssl_version", "tls1.3", false},
		{"ssl_state", "client_hello", true}, {"ssl_state", "server_keyx|client_keyx", true},
		{"ssl_state", "!client_hello", false}, {"ssl_state", "unknown", false},
		{"tls.subject", `"CN=www.example.org"`, true}, {"tls.subject", `!"CN=www.example.org"`, false},
		{"tls.issuerdn", "O=Mirror", true}, {"tls.issuerdn", "O=mirror", false},
		{"tls.fingerprint", print, true}, {"tls.fingerprint", `!"` + print + `"`, false},
		{"tls.cert_chain_len", "2", true}, {"tls.cert_chain_len", "<2", false}, {"tls.cert_chain_len", ">1", true},
		{"tls.cert_chain_len", "1<>3", true}, {"tls.cert_chain_len", "2<>9", false},
		{"tls.cert_chain_len", "!2", false}, {"tls.cert_chain_len", "!=3", true},
		{"tls.cert_chain_len", ">=2", true}, {"tls.cert_chain_len", "<=1", false},
		{"tls_cert_notbefore", ">2026-01-01", true}, {"tls_cert_notbefore", "<2026-01", false},
		{"tls_cert_notbefore", "2026-01-02T03:04:05", true}, {"tls_cert_notbefore", "1767323045", true},
		{"tls_cert_notafter", "2060<>2062", true}, {"tls_cert_notafter", "<2026-05-05 10", false},
		{"tls_cert_valid", "", true}, {"tls_cert_expired", "", false}, {"tls_store", "", true},
	}
	for _, tt := range tests {
		test, err := keyword(t, tt.name).Parse(tt.value)
		if err != nil {
			t.Errorf("%s:%s: %v", tt.name, tt.value, err)
			continue
		}
		if got := test(x, proto.ToClient); got != tt.want {
			t.Errorf("%s:%s is %v", tt.name, tt.value, got)
		}
	}
	x.now = 4000000000
	if !expired(x, proto.ToClient) || valid(x, proto.ToClient) {
		t.Error("not expired in 2096")
	}
	if valid(x, proto.ToServer) {
		t.Error("no certificate is valid")
	}
}

func TestKeywordErrors(t *testing.T) {
	tests := []struct{ name, value string }{
		{"tls.version", "1.4"}, {"tls.version", "77"}, {"ssl_version", "tls9"}, {"ssl_version", ""},
		{"ssl_version", "sslv3,!tls1.0"}, {"ssl_state", "hello"}, {"ssl_state", ""},
		{"tls.subject", `""`}, {"tls.fingerprint", "aa:bb"}, {"tls.cert_chain_len", "3<>3"},
		{"tls.cert_chain_len", "x"}, {"tls_cert_notbefore", ">yesterday"}, {"tls_cert_valid", "1"},
	}
	for _, tt := range tests {
		if _, err := keyword(t, tt.name).Parse(tt.value); err == nil {
			t.Errorf("%s:%s: no error", tt.name, tt.value)
		}
	}
}

func TestBufferChecks(t *testing.T) {
	tests := []struct {
		check  func([]byte, bool) error
		in     string
		nocase bool
		bad    bool
	}{
		{lowerOnly, "abc:09", false, false}, {lowerOnly, "aBc", false, true}, {lowerOnly, "aBc", true, false},
		{upperOnly, "ABC:09", false, false}, {upperOnly, "aBC", false, true}, {upperOnly, "aBC", true, false},
	}
	for _, tt := range tests {
		if err := tt.check([]byte(tt.in), tt.nocase); (err != nil) != tt.bad {
			t.Errorf("%q nocase %v: %v", tt.in, tt.nocase, err)
		}
	}
}

func TestVersionNames(t *testing.T) {
	tests := []struct {
		v    uint16
		want string
	}{
		{0, "UNDETERMINED"}, {tlshello.SSL20, "SSLv2"}, {tlshello.SSL30, "SSLv3"}, {tlshello.TLS10, "TLSv1"},
		{tlshello.TLS11, "TLS 1.1"}, {tlshello.TLS12, "TLS 1.2"}, {tlshello.TLS13, "TLS 1.3"},
		{0x7f1c, "TLS 1.3 draft-28"}, {0xfb1a, "TLS 1.3 draft-26-fb"}, {0x1234, "0x1234"},
	}
	for _, tt := range tests {
		if got := string(appendVersion(nil, tt.v)); got != tt.want {
			t.Errorf("%#04x: %q, want %q", tt.v, got, tt.want)
		}
	}
}
