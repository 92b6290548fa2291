package appid

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

var someData = &Facts{Payload: [2]uint64{500, 500}, Packets: [2]uint64{9, 9}}

// TestInside covers a protocol that begins inside another one.
func TestInside(t *testing.T) {
	c := load(t)
	tls := []byte("\x16\x03\x01\x00\x10\x01\x00\x00\x0c\x03\x03")
	for _, test := range []struct {
		name           string
		client, server string
		port           uint16
		first, then    string // decoders
		host           string
		want           string
	}{
		{"plain TLS", string(tls), "", 443, "tls", "", "", "ssl"},
		{"SMTP STARTTLS", "", "220 mail.example ESMTP\r\n", 25, "", "tls", "", "smtp"},
		{"IMAP STARTTLS", "a1 CAPABILITY\r\n", "* OK ready\r\n", 143, "", "tls", "", "imap"},
		{"PostgreSQL SSLRequest", "\x00\x00\x00\x08\x04\xd2\x16\x2f", "S", 5432, "", "tls", "", "postgres"},
		{"CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", 3128, "http", "tls", "", "http-proxy"},
		{"CONNECT to a known host", "CONNECT github.com:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", 3128, "http", "tls", "github.com", "github-base"},
		{"HTTP", "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n", 8080, "http", "", "", "web-browsing"},
		{"WebSocket", "GET / HTTP/1.1\r\n", "HTTP/1.1 101 Switching Protocols\r\nUPGRADE: WebSocket\r\n", 80, "http", "", "", "websocket"},
		{"other upgrade", "GET / HTTP/1.1\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n", 80, "http", "", "", "web-browsing"},
		{"decoder outranks pattern", "*1\r\n$4\r\nPING\r\n", "", 80, "http", "", "", "web-browsing"},
		{"unknown decoder leaves it", "*1\r\n$4\r\nPING\r\n", "", 80, "newproto", "", "", "redis"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s State
			c.Begin(&s, packet.ProtoTCP, 40000, test.port)
			for d, text := range []string{test.client, test.server} {
				c.Bytes(&s, Dir(d), []byte(text))
				if d == 0 && test.first != "" {
					c.Decoder(&s, test.first)
				}
				if d == 0 && test.host != "" {
					c.Identity(&s, test.first, &proto.Identity{Hostname: []byte(test.host)})
				}
			}
			if test.then != "" {
				c.Decoder(&s, test.then)
			}
			if v := c.Verdict(&s, someData); v.Name != test.want {
				t.Errorf("want %s, got %s (%s)", test.want, v.Name, v.Reason)
			}
		})
	}
}

func TestRefine(t *testing.T) {
	c := load(t)
	for _, test := range []struct {
		name, decoder string
		port          uint16
		id            proto.Identity
		want, reason  string
	}{
		{"DNS over TLS", "tls", 853, proto.Identity{Hostname: []byte("dns.google")}, "dns-over-tls", "decoder: tls, port"},
		{"IMAP over TLS", "tls", 993, proto.Identity{Hostname: []byte("imap.mail.example")}, "imap", "decoder: tls, port"},
		{"TLS on 993", "tls", 993, proto.Identity{Hostname: []byte("c2.example")}, "ssl", "decoder: tls"},
		{"imap on 443", "tls", 443, proto.Identity{Hostname: []byte("imap.mail.example")}, "ssl", "decoder: tls"},
		{"ALPN", "tls", 443, proto.Identity{ALPN: []byte("mqtt"), Hostname: []byte("x.iot.us-east-1.amazonaws.com")}, "mqtt", "alpn: tls"},
		{"plain ALPN", "tls", 443, proto.Identity{ALPN: []byte("h2")}, "ssl", "decoder: tls"},
		{"certificate", "tls", 443, proto.Identity{CertNames: names("*.github.com", "github.com")}, "github-base", "certificate"},
		{"certificate's own name", "tls", 443, proto.Identity{CertNames: names("AnyNet Relay"), Hostname: []byte("relay.example")}, "anydesk", "certificate"},
		{"certificate of two", "tls", 443, proto.Identity{CertNames: names("github.com", "www.reddit.com")}, "ssl", "decoder: tls"},
		{"certificate of a front", "tls", 443, proto.Identity{CertNames: names("cdn.example", "github.com")}, "ssl", "decoder: tls"},
		{"certificate behind a host", "tls", 443, proto.Identity{CertNames: names("github.com"), Hostname: []byte("shop.example")}, "ssl", "decoder: tls"},
		{"host beats certificate", "tls", 443, proto.Identity{CertNames: names("AnyNet Relay"), Hostname: []byte("github.com")}, "github-base", "sni: github.com"},
		{"DNS over QUIC", "quic", 853, proto.Identity{ALPN: []byte("doq")}, "dns-over-tls", "alpn: quic"},
		{"HTTP/3", "quic", 443, proto.Identity{ALPN: []byte("h3"), Hostname: []byte("github.com")}, "github-base", "sni: github.com"},
		{"apt", "http", 80, proto.Identity{UserAgent: []byte("Debian APT-HTTP/1.3 (2.6.1)"), Hostname: []byte("mirror.example")}, "apt-get", "user agent"},
		{"agent inside", "http", 80, proto.Identity{UserAgent: []byte("x Debian APT-HTTP/1.3")}, "web-browsing", "decoder: http"},
		{"host beats agent", "http", 80, proto.Identity{UserAgent: []byte("git/2.40"), Hostname: []byte("github.com")}, "github-base", "host: github.com"},
		{"OCSP", "http", 80, proto.Identity{ContentType: []byte("application/ocsp-request"), Hostname: []byte("ocsp.amazon.com")}, "ocsp", "transaction: http"},
		{"docker", "http", 2375, proto.Identity{Path: []byte("/v1.43/containers/json")}, "docker-api", "transaction: http"},
		{"not docker", "http", 2375, proto.Identity{Path: []byte("/shop/containers/json")}, "web-browsing", "decoder: http"},
		{"vault", "http", 8200, proto.Identity{Path: []byte("/v1/sys/health")}, "hashicorp-vault", "transaction: http"},
		{"vault path elsewhere", "http", 80, proto.Identity{Path: []byte("/v1/sys/health")}, "web-browsing", "decoder: http"},
		{"search", "http", 80, proto.Identity{Path: []byte("/shop-1/_search")}, "elastic-search", "transaction: http"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s State
			c.Begin(&s, packet.ProtoTCP, 40000, test.port)
			c.Decoder(&s, test.decoder)
			c.Identity(&s, test.decoder, &test.id)
			v := c.Verdict(&s, someData)
			if v.Name != test.want || string(v.Reason) != test.reason {
				t.Errorf("want %s (%s), got %s (%s)", test.want, test.reason, v.Name, v.Reason)
			}
		})
	}
}

func names(list ...string) (out [][]byte) {
	for _, n := range list {
		out = append(out, []byte(n))
	}
	return out
}

// TestCertificateInside keeps the protocol that TLS began in.
func TestCertificateInside(t *testing.T) {
	c := load(t)
	var s State
	c.Begin(&s, packet.ProtoTCP, 40000, 5432)
	c.Bytes(&s, packet.ToServer, []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f"))
	c.Decoder(&s, "tls")
	c.Identity(&s, "tls", &proto.Identity{CertNames: names("db1.c2.eu-west-1.rds.amazonaws.com")})
	if v := c.Verdict(&s, someData); v.Name != "postgres" {
		t.Errorf("got %s (%s)", v.Name, v.Reason)
	}
}

func TestShift(t *testing.T) {
	c := load(t)
	var s State
	c.Begin(&s, packet.ProtoTCP, 40000, 443)
	if v := c.Verdict(&s, &Facts{}); v.Shifted != nil || v.Name != Incomplete {
		t.Errorf("got %s, shifted %v", v.Name, v.Shifted)
	}
	c.Decoder(&s, "tls")
	if v := c.Verdict(&s, someData); v.Shifted != nil || v.Name != "ssl" {
		t.Errorf("got %s, shifted %v", v.Name, v.Shifted)
	}
	c.Identity(&s, "tls", &proto.Identity{Hostname: []byte("github.com")})
	for range 2 {
		if v := c.Verdict(&s, someData); v.Name != "github-base" || v.Shifted != c.ByName("ssl") {
			t.Errorf("got %s, shifted %v", v.Name, v.Shifted)
		}
	}
	c.Begin(&s, packet.ProtoTCP, 40000, 443)
	c.Decoder(&s, "ssh")
	if v := c.Verdict(&s, someData); v.Name != "ssh" || v.Shifted != nil || len(v.Hostname) != 0 {
		t.Errorf("after Begin: got %s, shifted %v, %q", v.Name, v.Shifted, v.Hostname)
	}
}

func TestSentinels(t *testing.T) {
	c := load(t)
	for _, test := range []struct {
		name  string
		proto uint8
		facts Facts
		want  string
	}{
		{"SYN only", packet.ProtoTCP, Facts{Packets: [2]uint64{3, 0}}, Incomplete},
		{"handshake only", packet.ProtoTCP, Facts{Handshake: true, Packets: [2]uint64{3, 2}}, Incomplete},
		{"little", packet.ProtoTCP, Facts{Payload: [2]uint64{3, 0}, Packets: [2]uint64{3, 2}}, InsufficientData},
		{"data", packet.ProtoTCP, Facts{Payload: [2]uint64{300, 0}, Packets: [2]uint64{3, 2}}, UnknownTCP},
		{"empty datagram", packet.ProtoUDP, Facts{Packets: [2]uint64{1, 0}}, InsufficientData},
		{"little for long", packet.ProtoUDP, Facts{Payload: [2]uint64{9, 0}, Packets: [2]uint64{9, 0}}, UnknownUDP},
		{"datagrams", packet.ProtoUDP, Facts{Payload: [2]uint64{300, 0}, Packets: [2]uint64{1, 0}}, UnknownUDP},
		{"other transport", 200, Facts{Payload: [2]uint64{300, 0}}, NotApplicable},
		{"ping", packet.ProtoICMP, Facts{ICMPType: 8}, "ping"},
		{"unreachable", packet.ProtoICMP, Facts{ICMPType: 3}, "icmp"},
		{"ICMPv6", packet.ProtoICMPv6, Facts{ICMPType: 128}, "ipv6-icmp"},
		{"GRE", 47, Facts{}, "gre"},
	} {
		var s State
		// Ports of well-known services: they must not name anything.
		c.Begin(&s, test.proto, 40000, 443)
		if v := c.Verdict(&s, &test.facts); v.Name != test.want {
			t.Errorf("%s: want %s, got %s", test.name, test.want, v.Name)
		}
	}
}

// TestNearMisses shows bytes that nearly fit to the whole catalogue.
func TestNearMisses(t *testing.T) {
	c := load(t)
	zeros := string(make([]byte, 48))
	for name, test := range map[string]struct {
		proto  uint8
		port   uint16
		client string
		server string
	}{
		"NTP elsewhere":                 {packet.ProtoUDP, 4000, "\x23" + zeros[1:], ""},
		"NTP a byte short":              {packet.ProtoUDP, 123, "\x23" + zeros[2:], ""},
		"zeros on NTP's port":           {packet.ProtoUDP, 123, zeros, ""},
		"zeros":                         {packet.ProtoUDP, 9999, zeros, ""},
		"TCP zeros":                     {packet.ProtoTCP, 9999, zeros, zeros},
		"MySQL with a wrong length":     {packet.ProtoTCP, 3306, "", "\x4b\x00\x00\x00\x0a8.0.35\x00" + zeros},
		"PostgreSQL without a user":     {packet.ProtoTCP, 5432, "\x00\x00\x00\x10\x00\x03\x00\x00abcdefgh", ""},
		"TNS of another length":         {packet.ProtoTCP, 1521, "\x00\x40\x00\x00\x01\x00\x00\x00\x01\x3a" + zeros[:20], ""},
		"WireGuard of 147 bytes":        {packet.ProtoUDP, 51820, "\x01\x00\x00\x00" + zeros + zeros + zeros[:47], ""},
		"STUN without the length":       {packet.ProtoUDP, 3478, "\x00\x01\x00\x04\x21\x12\xa4\x42" + zeros[:12], ""},
		"SNMP with a long length":       {packet.ProtoUDP, 161, "\x30\x7f\x02\x01\x01\x04\x06public\xa0", ""},
		"BER of another protocol":       {packet.ProtoTCP, 389, "\x30\x0c\x02\x01\x01\x30\x07\x02\x01\x03\x04\x00\x80\x00", ""},
		"QUIC too short":                {packet.ProtoUDP, 443, "\xc3\x00\x00\x00\x01\x08" + zeros, ""},
		"syslog without >":              {packet.ProtoUDP, 514, "<34 kernel: up", ""},
		"syslog in binary":              {packet.ProtoUDP, 514, "<34>\x01\x02\x03\x04\x05", ""},
		"SOCKS without an answer":       {packet.ProtoTCP, 1080, "\x05\x01\x00", ""},
		"SOCKS, other answer":           {packet.ProtoTCP, 1080, "\x05\x01\x00", "HTTP/1.1 400 Bad Request\r\n"},
		"220 of nobody":                 {packet.ProtoTCP, 21, "hello hello hello\r\n", "220 welcome to the machine\r\n"},
		"AUTH of nobody":                {packet.ProtoTCP, 6379, "AUTH secret of mine\r\n", "-ERR nope nope nope\r\n"},
		"JSON without mining":           {packet.ProtoTCP, 3333, `{"id":1,"method":"shop.order","params":[]}`, ""},
		"memcached word":                {packet.ProtoTCP, 11211, "get out of here\r\n", "no no no no no no no\r\n"},
		"random on Kafka's port":        {packet.ProtoTCP, 9092, "\x8a\x11\x4f\x90\x12\x77\xa4\x42\x01\x00\x99\x01 hello", ""},
		"random on RDP's port":          {packet.ProtoTCP, 3389, "\x8a\x11\x4f\x90\x12\x77\xa4\x42\x01\x00\x99\x01 hello", ""},
		"TPKT with a wrong length":      {packet.ProtoTCP, 3389, "\x03\x00\x00\x40\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x0b\x00\x00\x00", ""},
		"Gnutella2, part 2 of 1":        {packet.ProtoUDP, 6346, "GND\x02\x01\x02\x02\x01\x50\x03LNIabc", ""},
		"Gnutella2, unknown flag":       {packet.ProtoUDP, 6346, "GND\x04\x01\x02\x01\x01\x50\x03LNIabc", ""},
		"Gnutella2 of wrong length":     {packet.ProtoUDP, 6346, "GND\x02\x01\x02\x01\x01\x50\x04LNIabc", ""},
		"Gnutella2, name in small":      {packet.ProtoUDP, 6346, "GND\x02\x01\x02\x01\x01\x50\x03lniabc", ""},
		"Gnutella2, long answer":        {packet.ProtoUDP, 6346, "GND\x00\x01\x02\x01\x00abcdefgh", ""},
		"Gnutella2 cut":                 {packet.ProtoUDP, 6346, "GND\x02\x01\x02\x01\x01\xd0\x03", ""},
		"Thrift without a name":         {packet.ProtoUDP, 6831, "\x82\x21\x01\x00" + zeros, ""},
		"Thrift, name of other letters": {packet.ProtoUDP, 6831, "\x82\x21\x01\x04pi g\x00" + zeros, ""},
		"Thrift of type 5":              {packet.ProtoUDP, 6831, "\x82\xa1\x01\x04ping\x00" + zeros, ""},
		"Thrift, endless number":        {packet.ProtoUDP, 6831, "\x82\x21\xff\xff\xff\xff\xff\xff\xff\x04ping", ""},
		"syslog of another version":     {packet.ProtoTCP, 9999, "<34>2 2026-10-11T22:14:15Z web app - - - up\n", ""},
		"syslog without a date":         {packet.ProtoTCP, 9999, "<34>1 20261011T221415Z web app - - - up\n", ""},
		"XDMCP unanswered":              {packet.ProtoUDP, 177, "\x00\x01\x00\x02\x00\x01\x00" + zeros[:12], ""},
		"XDMCP elsewhere":               {packet.ProtoUDP, 178, "\x00\x01\x00\x02\x00\x0d\x00" + zeros[:12], "\x00\x01\x00\x05\x00\x02\x00\x00"},
		"msrpc, body too short":         {packet.ProtoUDP, 4000, "\x04\x00\x08\x00\x10\x00\x00\x00" + zeros + zeros[:20] + "\x40\x00" + zeros[:10], ""},
		"uTP, SYN unanswered":           {packet.ProtoUDP, 6881, "\x41\x00\x45\x67abcd\x00\x00\x00\x00\x00\x10\x00\x00\x23\xc6\x00\x00", ""},
		"uTP, another answer":           {packet.ProtoUDP, 6881, "\x41\x00\x45\x67abcd\x00\x00\x00\x00\x00\x10\x00\x00\x23\xc6\x00\x00", "\x31\x00" + zeros},
		"uTP, SYN that acknowledges":    {packet.ProtoUDP, 6881, "\x41\x00\x45\x67abcd\x00\x00\x00\x00\x00\x10\x00\x00\x23\xc6\x00\x01", "\x21\x00" + zeros},
		"Radmin of another length":      {packet.ProtoTCP, 4899, "\x01\x00\x00\x00\x06\x00\x00\x02\x27\x27\x02\x00\x00\x00" + zeros, ""},
		"WireGuard, a large counter":    {packet.ProtoUDP, 51820, "\x04\x00\x00\x00abcd\x01\x00\x00\x00\x00\x01\x00\x00" + zeros, ""},
		"RTSP's word alone":             {packet.ProtoTCP, 8554, "PLAY again and again and again\r\n", ""},
		"Gnutella of wrong length":      {packet.ProtoUDP, 6346, "aaaaaaaaaaaaaaaa\x44\x00\x00\x09\x00\x00\x00ab", ""},
	} {
		var s State
		c.Begin(&s, test.proto, 40000, test.port)
		for range 3 {
			c.Bytes(&s, packet.ToServer, []byte(test.client))
			c.Bytes(&s, packet.ToClient, []byte(test.server))
		}
		if v := c.Verdict(&s, someData); v.App != nil {
			t.Errorf("%s: want nothing, got %s (%s)", name, v.Name, v.Reason)
		}
	}
}

// TestRepeat covers patterns that several datagrams must fit.
func TestRepeat(t *testing.T) {
	c := load(t)
	rtp := func(seq, ssrc byte) []byte {
		return append([]byte{0x80, 0, 0, seq, 0, 0, 0, 1, 9, 9, 9, ssrc}, make([]byte, 160)...)
	}
	wire := func(counter, receiver byte) []byte {
		return append([]byte{4, 0, 0, 0, 1, 2, 3, receiver, counter, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 48)...)
	}
	for name, test := range map[string]struct {
		datagrams [][]byte
		want      string
	}{
		"one":          {[][]byte{rtp(1, 1)}, UnknownUDP},
		"three":        {[][]byte{rtp(1, 1), rtp(2, 1), rtp(3, 1)}, "rtp-base"},
		"no order":     {[][]byte{rtp(1, 1), rtp(7, 1), rtp(3, 1), rtp(9, 1)}, UnknownUDP},
		"other source": {[][]byte{rtp(1, 1), rtp(2, 2), rtp(3, 3), rtp(4, 4)}, UnknownUDP},
		"late":         {[][]byte{rtp(1, 1), rtp(7, 1), rtp(8, 1), rtp(9, 1)}, "rtp-base"},
		"the same":     {[][]byte{rtp(1, 1), rtp(1, 1), rtp(1, 1), rtp(1, 1)}, UnknownUDP},
		"copies":       {[][]byte{rtp(1, 1), rtp(1, 1), rtp(2, 1), rtp(2, 1), rtp(3, 1)}, "rtp-base"},
		"tunnel":       {[][]byte{wire(1, 7), wire(2, 7), wire(4, 7)}, "wireguard"},
		"tunnels":      {[][]byte{wire(1, 7), wire(2, 8), wire(3, 9)}, UnknownUDP},
	} {
		var s State
		c.Begin(&s, packet.ProtoUDP, 40000, 16000)
		for _, b := range test.datagrams {
			c.Bytes(&s, packet.ToServer, b)
		}
		if v := c.Verdict(&s, someData); v.Name != test.want {
			t.Errorf("%s: want %s, got %s", name, test.want, v.Name)
		}
	}
}

func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(State{}); n > 700 {
		t.Errorf("want at most 700 bytes a flow, got %d", n)
	}
}

func TestAllocs(t *testing.T) {
	c := load(t)
	var s State
	id := proto.Identity{
		Hostname: []byte("bucket.s3.eu-west-1.amazonaws.com"), ALPN: []byte("h2"), UserAgent: []byte("curl/8"),
		Path: []byte("/"), ContentType: []byte("text/html"), Server: []byte("nginx"),
	}
	data := bytes.Repeat([]byte("\x00\x01\x02"), 400)
	n := testing.AllocsPerRun(100, func() {
		for _, p := range []uint8{packet.ProtoTCP, packet.ProtoUDP} {
			c.Begin(&s, p, 40000, 443)
			for i := range 40 {
				c.Bytes(&s, Dir(i&1), data[i:])
			}
			c.Decoder(&s, "http")
			c.Identity(&s, "http", &id)
			c.Verdict(&s, someData)
		}
	})
	if n != 0 {
		t.Errorf("want no allocation, got %v", n)
	}
}

func FuzzFirstBytes(f *testing.F) {
	c := load(f)
	for _, a := range c.Apps() {
		for i := range a.match.First {
			for _, e := range a.match.First[i].Examples {
				b, _, _ := parseHex(e.Hex, 1<<12)
				f.Add(append(b, e.Text...), []byte(e.Reply), e.Port, uint8(7), i&1 == 0)
			}
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte, port uint16, cut uint8, udp bool) {
		var s State
		p := uint8(packet.ProtoTCP)
		if udp {
			p = packet.ProtoUDP
		}
		c.Begin(&s, p, 40000, port)
		for len(a)+len(b) > 0 {
			n, m := min(len(a), int(cut)+1), min(len(b), int(cut)+1)
			c.Bytes(&s, packet.ToServer, a[:n])
			c.Bytes(&s, packet.ToClient, b[:m])
			a, b = a[n:], b[m:]
		}
		c.Identity(&s, "http", &proto.Identity{Hostname: s.first[0][:], Path: s.first[1][:]})
		if v := c.Verdict(&s, someData); v.Name == "" || len(v.Hostname) > maxHost {
			t.Fatalf("verdict %+v", v)
		}
	})
}

func BenchmarkBytes(b *testing.B) {
	c := load(b)
	var s State
	data := bytes.Repeat([]byte("\x00\x01\x02"), 400)
	b.ReportAllocs()
	for b.Loop() {
		c.Begin(&s, packet.ProtoTCP, 40000, 4444)
		for i := range 10 {
			c.Bytes(&s, Dir(i&1), data)
		}
	}
}

func BenchmarkVerdict(b *testing.B) {
	c := load(b)
	var s State
	c.Begin(&s, packet.ProtoTCP, 40000, 443)
	c.Decoder(&s, "tls")
	c.Identity(&s, "tls", &proto.Identity{Hostname: []byte("bucket.s3.eu-west-1.amazonaws.com")})
	b.ReportAllocs()
	for b.Loop() {
		c.Verdict(&s, someData)
	}
}
