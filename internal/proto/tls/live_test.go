package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

// wire notes what its two ends write, in order.
type wire struct {
	mu     sync.Mutex
	script []prototest.Segment
}

type end struct {
	net.Conn
	w   *wire
	dir proto.Dir
}

func (e *end) Write(b []byte) (int, error) {
	e.w.mu.Lock()
	e.w.script = append(e.w.script, prototest.Segment{Dir: e.dir, Bytes: bytes.Clone(b)})
	e.w.mu.Unlock()
	return e.Conn.Write(b)
}

// talk lets crypto/tls speak with itself and returns what went by.
func talk(t *testing.T, client, server *tls.Config) ([]prototest.Segment, tls.ConnectionState) {
	t.Helper()
	w := &wire{}
	a, b := sockets(t)
	deadline := time.Now().Add(time.Minute)
	c := tls.Client(&end{a, w, proto.ToServer}, client)
	s := tls.Server(&end{b, w, proto.ToClient}, server)
	a.SetDeadline(deadline)
	b.SetDeadline(deadline)
	served := make(chan error, 1)
	go func() {
		_, err := io.Copy(s, s)
		served <- errors.Join(err, s.Close())
	}()
	msg := []byte(strings.Repeat("mirror", 5000))
	if _, err := c.Write(msg[:1]); err != nil {
		t.Fatal("client:", err)
	}
	got := make([]byte, 1)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal("client:", err)
	}
	state := c.ConnectionState()
	if err := c.CloseWrite(); err != nil {
		t.Fatal("client:", err)
	}
	io.Copy(io.Discard, c)
	if err := <-served; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatal("server:", err)
	}
	return w.script, state
}

// sockets is a connection over the loopback: unlike a pipe it lets both ends
// write at once, as they do after a HelloRetryRequest.
func sockets(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func liveCert(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(0x0fed),
		Subject:      pkix.Name{Country: []string{"XX"}, Organization: []string{"Mirrorwall"}, CommonName: "live.example"},
		DNSNames:     []string{"live.example", "*.live.example"},
		NotBefore:    time.Now().Add(-time.Hour).Truncate(time.Second),
		NotAfter:     time.Now().Add(time.Hour).Truncate(time.Second),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// eve is the part of the object that the live tests look at.
type eve struct {
	Subject, Issuerdn, Serial, Fingerprint, SNI, Version, JA4 string
	Subjectaltname                                            []string
	ClientALPNs                                               []string `json:"client_alpns"`
	ServerALPNs                                               []string `json:"server_alpns"`
	SessionResumed                                            bool     `json:"session_resumed"`
	Client                                                    *eve
}

// follow feeds a script in pieces of n bytes and returns the parser and the
// EVE object.
func follow(t *testing.T, script []prototest.Segment, n int) (*parser, eve) {
	t.Helper()
	p := newParser(&proto.Config{}).(*parser)
	encrypted := false
	for _, s := range script {
		for b := s.Bytes; len(b) > 0; {
			k := min(n, len(b))
			pr := p.Data(s.Dir, bytes.Clone(b[:k]))
			if pr.Stop || pr.Used != k {
				t.Fatalf("%+v", pr)
			}
			encrypted = encrypted || pr.Encrypted
			b = b[k:]
		}
	}
	if !encrypted {
		t.Error("never encrypted")
	}
	if p.tx.LogReady != proto.LogTx {
		t.Error("not logged when the handshake is over")
	}
	if !p.tx.Events.Empty() {
		t.Errorf("events %v", p.tx.Events)
	}
	var e eve
	if err := json.Unmarshal(appendEVE(nil, &p.tx, proto.LogTx), &e); err != nil {
		t.Fatal(err)
	}
	return p, e
}

func TestLive(t *testing.T) {
	cert := liveCert(t)
	base := func() (client, server *tls.Config) {
		client = &tls.Config{ServerName: "live.example", InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
		server = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10}
		return client, server
	}
	tests := []struct {
		name, version string
		change        func(client, server *tls.Config)
	}{
		{"tls10", "TLSv1", func(c, _ *tls.Config) { c.MaxVersion = tls.VersionTLS10 }},
		{"tls11", "TLS 1.1", func(c, _ *tls.Config) { c.MaxVersion = tls.VersionTLS11 }},
		{"tls12", "TLS 1.2", func(c, _ *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
		{"tls13", "TLS 1.3", func(c, _ *tls.Config) {}},
		{"alpn", "TLS 1.2", func(c, s *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.NextProtos, s.NextProtos = []string{"h2", "http/1.1"}, []string{"http/1.1"}
		}},
		{"retry", "TLS 1.3", func(c, s *tls.Config) {
			c.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256}
			s.CurvePreferences = []tls.CurveID{tls.CurveP256}
		}},
		{"client certificate", "TLS 1.2", func(c, s *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.Certificates, s.ClientAuth = []tls.Certificate{cert}, tls.RequireAnyClientCert
		}},
		{"no name", "TLS 1.3", func(c, _ *tls.Config) { c.ServerName = "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, s := base()
			tt.change(c, s)
			script, state := talk(t, c, s)
			for _, n := range []int{1, 2, 3, 7, 1460, 1 << 20} {
				p, e := follow(t, script, n)
				checkLive(t, p, &e, tt.version, c, state)
			}
		})
	}
}

func checkLive(t *testing.T, p *parser, e *eve, version string, c *tls.Config, state tls.ConnectionState) {
	t.Helper()
	if e.Version != version || e.SNI != c.ServerName || string(SNI(&p.tx)) != c.ServerName {
		t.Errorf("version %q, sni %q", e.Version, e.SNI)
	}
	if p.tx.cipher != state.CipherSuite {
		t.Errorf("cipher %#x, want %#x", p.tx.cipher, state.CipherSuite)
	}
	if _, alpn := ALPN(&p.tx); version != "TLS 1.3" && string(alpn) != state.NegotiatedProtocol {
		t.Errorf("alpn %q, want %q", alpn, state.NegotiatedProtocol)
	}
	if fmt.Sprint(e.ClientALPNs) != fmt.Sprint(c.NextProtos) {
		t.Errorf("client alpns %q", e.ClientALPNs)
	}
	flag := "d"
	if c.ServerName == "" {
		flag = "i"
	}
	if len(e.JA4) != 36 || e.JA4[3:4] != flag {
		t.Errorf("ja4 %q", e.JA4)
	}
	if version == "TLS 1.3" {
		return
	}
	checkLeaf(t, e, state.PeerCertificates[0])
	if string(CertSubjectCN(&p.tx)) != "live.example" {
		t.Errorf("common name %q", CertSubjectCN(&p.tx))
	}
	if name, ok := SAN(&p.tx, 1); !ok || string(name) != "*.live.example" {
		t.Errorf("alternative name %q", name)
	}
	if len(c.Certificates) > 0 {
		if e.Client == nil {
			t.Fatal("no client certificate")
		}
		checkLeaf(t, e.Client, state.PeerCertificates[0])
	}
}

func checkLeaf(t *testing.T, e *eve, want *x509.Certificate) {
	t.Helper()
	sum := sha1.Sum(want.Raw)
	print := strings.ReplaceAll(fmt.Sprintf("% x", sum[:]), " ", ":")
	if e.Fingerprint != print || e.Serial != "0F:ED" {
		t.Errorf("fingerprint %s, serial %s", e.Fingerprint, e.Serial)
	}
	const name = "C=XX, O=Mirrorwall, CN=live.example"
	if e.Subject != name || e.Issuerdn != name {
		t.Errorf("subject %q, issuer %q", e.Subject, e.Issuerdn)
	}
	if fmt.Sprint(e.Subjectaltname) != fmt.Sprint(want.DNSNames) {
		t.Errorf("alternative names %q", e.Subjectaltname)
	}
}

func TestLiveResumed(t *testing.T) {
	cert := liveCert(t)
	c := &tls.Config{
		ServerName: "live.example", InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	s := &tls.Config{Certificates: []tls.Certificate{cert}}
	for i := range 2 {
		script, state := talk(t, c, s)
		_, e := follow(t, script, 1460)
		if want := i == 1; state.DidResume != want || e.SessionResumed != want {
			t.Errorf("connection %d: resumed %v, logged %v", i, state.DidResume, e.SessionResumed)
		}
	}
}
