package sensor_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// TestSecrets sends credentials in every way that a parser here may meet and
// looks for them in the records: flows, transactions, files, alerts with and
// without a transaction, anomalies, statistics.
func TestSecrets(t *testing.T) {
	const secret = "S3cr3tPa55"
	basic := base64.StdEncoding.EncodeToString([]byte("admin:" + secret))
	for _, tt := range []struct {
		name, client, server string
		port                 uint16
	}{
		{"authorization", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic " + basic + "\r\n\r\n", ok, 80},
		{"bearer", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + secret + "\r\n\r\n", ok, 80},
		{"proxy", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nProxy-Authorization: Basic " + basic + "\r\n\r\n", ok, 3128},
		{"cookie", "GET / HTTP/1.1\r\nHost: a\r\nCookie: sid=" + secret + "\r\n\r\n", ok, 80},
		{"set-cookie", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nSet-Cookie: sid=" + secret + "\r\nContent-Length: 0\r\n\r\n", 80},
		{"userinfo", "GET http://admin:" + secret + "@shop.example.com/x HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", ok, 8080},
		{"userinfo without host", "GET http://admin:" + secret + "@shop.example.com/x HTTP/1.1\r\n\r\n", ok, 8080},
		{"userinfo 1.0", "GET http://" + secret + "@shop.example.com HTTP/1.0\r\n\r\n", ok, 8080},
		{"userinfo with a path in it", "GET ftp://admin:" + secret + "@files.example.com/a/b.bin HTTP/1.1\r\nHost: files.example.com\r\n\r\n", file, 8080},
		{"host", "GET / HTTP/1.1\r\nHost: admin:" + secret + "@shop.example.com\r\n\r\n", ok, 80},
		{"referer", "GET / HTTP/1.1\r\nHost: a\r\nReferer: http://admin:" + secret + "@shop.example.com/\r\n\r\n", ok, 80},
		{"redirect", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: https://admin:" + secret + "@b.example.com/\r\nContent-Length: 0\r\n\r\n", 80},
		{"form", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 19\r\n\r\npassword=" + secret, ok, 80},
		{"no scheme", "GET admin:" + secret + "@h.example/x HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"scheme relative", "GET //admin:" + secret + "@h.example/x HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"one slash", "GET http:/admin:" + secret + "@h/x HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"backslashes", "GET http:\\\\admin:" + secret + "@h/x HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"slash in password", "GET http://admin:a/" + secret + "@h/x HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"URL in query", "GET /r?u=http://admin:" + secret + "@h/x HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"token", "GET /r?access_token=" + secret + " HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"password", "GET /r?user=a&password=" + secret + " HTTP/1.1\r\nHost: a\r\n\r\n", ok, 80},
		{"connect with userinfo", "CONNECT admin:" + secret + "@a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", ok, 80},
		{"password in referer", "GET / HTTP/1.1\r\nHost: a\r\nReferer: http://a/l?password=" + secret + "\r\n\r\n", ok, 80},
		{"relative redirect", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 302 F\r\nLocation: //admin:" + secret + "@b/\r\nContent-Length: 0\r\n\r\n", 80},
		{"status", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 Set-Cookie:" + secret + "\r\n\r\n", 80},
		{"ftp", "USER admin\r\nPASS " + secret + "\r\n", "220 ready\r\n331 password\r\n230 in\r\n", 21},
		{"smtp", "EHLO a\r\nAUTH PLAIN " + basic + "\r\n", "220 a\r\n250 AUTH PLAIN\r\n235 in\r\n", 25},
		{"pop3", "USER admin\r\nPASS " + secret + "\r\n", "+OK\r\n+OK\r\n+OK\r\n", 110},
		{"imap", "a LOGIN admin " + secret + "\r\n", "* OK\r\na OK\r\n", 143},
		{"redis", "*2\r\n$4\r\nAUTH\r\n$10\r\n" + secret + "\r\n", "+OK\r\n", 6379},
		{"telnet", "admin\r\n" + secret + "\r\n", "login: \r\nPassword: ", 23},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := scene()
			c := sc.TCP(client(), netip.AddrPortFrom(web().Addr(), tt.port))
			c.Client([]byte(tt.client))
			c.Server([]byte(tt.server))
			c.Close()
			for _, broken := range []bool{false, true} {
				s := shots(sc)
				if broken {
					s = s[4:] // the answer alone, mid-stream
				}
				eve := everything(t, s)
				for _, form := range []string{secret, basic, strings.ToLower(secret), fmt.Sprintf("%x", secret)} {
					if bytes.Contains(eve, []byte(form)) {
						t.Errorf("%q is in the records:\n%s", form, eve)
					}
				}
				if !bytes.Contains(eve, []byte(`"event_type":"flow"`)) {
					t.Error("no records")
				}
			}
		})
	}
}

const (
	ok   = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	file = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 4\r\n\r\n\x00\x01\x02\x03"
)

// everything inspects with rules that alert on all there is, and every record
// turned on.
func everything(t *testing.T, s []shot) []byte {
	t.Helper()
	const rules = `alert tcp any any -> any any (msg:"packet"; content:"3cr3t"; sid:1;)
alert tcp any any -> any any (msg:"stream"; flow:established; content:"a"; flowbits:set,seen; sid:2;)
alert http any any -> any any (msg:"tx"; http.method; content:"T"; sid:3;)
alert http any any -> any any (msg:"body"; http.request_body; content:"password"; sid:4;)
alert http any any -> any any (msg:"cookie"; http.cookie; content:"sid"; sid:5;)
alert http any any -> any any (msg:"header"; http.header; content:"Authorization"; sid:6;)
`
	cfg := activeConfig(t, rules, "outputs.anomaly.decode=true", "outputs.anomaly.stream=true")
	cfg.FlowInterval = 1
	var out bytes.Buffer
	w := sensor.NewWorker(cfg, &out, nil)
	play(w, s)
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	var e record.Encoder
	e.Stats(0, w.Snapshot())
	return append(out.Bytes(), e.Buf...)
}

// play gives frames to a worker.
func play(w *sensor.Worker, s []shot) {
	for i := range s {
		w.Frame(&capture.Frame{Data: s[i].data, WireLen: max(s[i].wire, len(s[i].data)), Time: s[i].time, Link: packet.LinkEthernet})
	}
}
