package traffic

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// scenario finds one by name.
func scenario(t *testing.T, name string) Scenario {
	t.Helper()
	for _, s := range Scenarios() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no scenario %q", name)
	return Scenario{}
}

// TestHTTP: net/http reads every conversation of the HTTP scenarios to its
// last byte.
func TestHTTP(t *testing.T) {
	ports := map[uint16]bool{80: true, 8080: true, 8081: true, 9100: true, 9200: true}
	total := 0
	for _, sc := range Scenarios() {
		if sc.Name == "port-scan" {
			continue
		}
		all := streams(t, sc.Frames(2, start()))
		for p, up := range all {
			if ports[p.dst.Port()] {
				total += readHTTP(t, sc.Name, up, all[p.back()])
			}
		}
	}
	if total < 30 {
		t.Errorf("harness: only %d requests", total)
	}
}

func readHTTP(t *testing.T, name string, up, down []byte) (n int) {
	t.Helper()
	q, r := bufio.NewReader(bytes.NewReader(up)), bufio.NewReader(bytes.NewReader(down))
	for {
		req, err := http.ReadRequest(q)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: request: %v", name, err)
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			t.Fatalf("%s: request body: %v", name, err)
		}
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			t.Fatalf("%s: response: %v", name, err)
		}
		body := io.Reader(resp.Body)
		if resp.Header.Get("Content-Encoding") == "gzip" {
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatalf("%s: gzip: %v", name, err)
			}
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Fatalf("%s: response body: %v", name, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatalf("%s: response body: %v", name, err)
		}
		n++
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("%s: %d bytes after the last response", name, len(rest))
	}
	return n
}

// hear gives a server's view of a hello: crypto/tls judges it.
func hear(t *testing.T, hello []byte) (info *tls.ClientHelloInfo) {
	t.Helper()
	stop := errors.New("heard enough")
	client, server := net.Pipe()
	go func() {
		_, _ = client.Write(hello)
		_, _ = io.Copy(io.Discard, client)
	}()
	err := tls.Server(server, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		info = h
		return nil, stop
	}}).Handshake()
	server.Close()
	if !errors.Is(err, stop) {
		t.Errorf("crypto/tls does not like the hello: %v", err)
	}
	return info
}

func TestClientHello(t *testing.T) {
	tests := []struct {
		name string
		s    session
	}{
		{"browser 1.3", session{sni: "shop.example.com", alpn: []string{"h2", "http/1.1"}, version: tls13, client: browser()}},
		{"browser 1.2", session{sni: "shop.example.com", alpn: []string{"h2"}, version: tls12, client: browser()}},
		{"library 1.3", session{sni: "api.stripe.com", alpn: []string{"http/1.1"}, version: tls13, client: library()}},
		{"implant", session{version: tls12, client: implant()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := hear(t, NewScene(1, start()).clientHello(tt.s))
			if got == nil {
				t.Fatal("no hello heard")
			}
			if got.ServerName != tt.s.sni || !slices.Equal(got.SupportedProtos, tt.s.alpn) {
				t.Errorf("name %q, protocols %q", got.ServerName, got.SupportedProtos)
			}
			if slices.Contains(got.SupportedVersions, tls.VersionTLS13) != (tt.s.version == tls13) {
				t.Errorf("versions %x", got.SupportedVersions)
			}
		})
	}
}

// TestTLSRecords: every stream to port 443 is whole records.
func TestTLSRecords(t *testing.T) {
	n := 0
	for _, sc := range []string{"shop-https", "aws-api", "packages", "c2-beacon"} {
		for p, b := range streams(t, scenario(t, sc).Frames(3, start())) {
			if p.dst.Port() != 443 && p.src.Port() != 443 {
				continue
			}
			for len(b) > 0 {
				if len(b) < 5 || b[0] < 20 || b[0] > 23 || b[1] != 3 || len(b) < 5+int(be.Uint16(b[3:])) {
					t.Fatalf("%s: %v: record % x", sc, p, b[:min(8, len(b))])
				}
				b = b[5+int(be.Uint16(b[3:])):]
				n++
			}
		}
	}
	if n < 100 {
		t.Errorf("harness: only %d records", n)
	}
}

func TestCertificates(t *testing.T) {
	chain := certificates("shop.example.com")
	if len(chain) != 2 {
		t.Fatalf("chain of %d", len(chain))
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(chain[1])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "shop.example.com", Roots: roots, CurrentTime: start()}); err != nil {
		t.Error(err)
	}
}

// TestDNS: another decoder reads every message and finds tunnels and
// non-existence where they should be.
func TestDNS(t *testing.T) {
	count := func(name string) (queries, txts, missing int) {
		for _, f := range scenario(t, name).Frames(1, start()) {
			s := decode(t, f)
			if s.proto != 17 || s.src.Port() != 53 && s.dst.Port() != 53 {
				continue
			}
			var m dnsmessage.Message
			if err := m.Unpack(s.payload); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !m.Response {
				queries++
				continue
			}
			if m.RCode == dnsmessage.RCodeNameError {
				missing++
			}
			if len(m.Answers) > 0 && m.Answers[0].Header.Type == dnsmessage.TypeTXT {
				txts++
			}
		}
		return queries, txts, missing
	}
	if q, x, m := count("dns"); q != 6 || x != 1 || m != 1 {
		t.Errorf("dns: %d queries, %d TXT, %d missing", q, x, m)
	}
	if q, x, m := count("dns-tunnel"); q != 120 || x != 120 || m != 0 {
		t.Errorf("dns-tunnel: %d queries, %d TXT, %d missing", q, x, m)
	}
}

// TestMarks: each scenario shows on the wire what it is named for.
func TestMarks(t *testing.T) {
	marks := map[string][]string{
		"log4shell":       {"${jndi:ldap://", "${lower:j}"},
		"sql-injection":   {"UNION+SELECT", "SLEEP%285%29"},
		"web-shell":       {"avatar.php?cmd=id", "uid=33(www-data)", "<?php system("},
		"eicar":           {string(eicarFile())},
		"c2-beacon":       {"POST /submit.php?id="},
		"ssh-brute-force": {"SSH-2.0-libssh_0.9.6\r\n"},
		"crypto-mining":   {"mining.subscribe"},
		"apt-update":      {"Debian APT-HTTP/1.3"},
		"health-checks":   {"ELB-HealthChecker/2.0"},
		"postgres":        {"SCRAM-SHA-256"},
		"mysql":           {"caching_sha2_password"},
		"redis":           {"*1\r\n$4\r\nPING\r\n"},
		"smtp":            {"EHLO app-1.internal\r\n"},
		"amqp":            {"AMQP\x00\x00\x09\x01"},
	}
	for name, want := range marks {
		var all strings.Builder
		for _, b := range streams(t, scenario(t, name).Frames(1, start())) {
			all.Write(b)
		}
		for _, w := range want {
			if !strings.Contains(all.String(), w) {
				t.Errorf("%s: nothing on the wire says %q", name, w)
			}
		}
	}
}

// TestScan: many ports, few answers.
func TestScan(t *testing.T) {
	ports, resets := map[uint16]bool{}, 0
	for _, f := range scenario(t, "port-scan").Frames(1, start()) {
		s := decode(t, f)
		if s.flags == 2 {
			ports[s.dst.Port()] = true
		}
		if s.flags&4 != 0 && s.src.Addr() != attacker() {
			resets++
		}
	}
	if len(ports) < 200 || resets < 400 {
		t.Errorf("%d ports, %d resets", len(ports), resets)
	}
}
