package traffic

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// benignInfra is what holds a network together.
func benignInfra() []Scenario {
	return []Scenario{
		{"dns", "Name lookups at Amazon DNS", Benign, lookups, 12},
		{"ntp", "Clocks ask a public time server", Benign, ntp, 4},
		{"ping", "The monitor pings servers", Benign, pings, 3},
		{"ssh-admin", "An administrator works over SSH", Benign, sshAdmin, 3},
		{"smtp", "The shop sends mail through the relay", Benign, smtp, 3},
		{"ldap", "A server asks the directory", Benign, ldap, 3},
		{"snmp", "The monitor polls SNMP", Benign, snmp, 3},
		{"syslog", "Servers log over syslog", Benign, syslog, 4},
		{"imap", "An administrator reads mail", Benign, imap, 2},
		{"sip", "A telephone registers", Benign, sip, 2},
		{"rdp", "An administrator opens a Windows desktop", Benign, rdp, 2},
		{"smb", "A server mounts a file share", Benign, smb, 2},
		{"ftp", "A partner fetches a file by FTP over TLS", Benign, ftp, 1},
	}
}

func lookups(s *Scene) {
	from := pick(s, s.web(), s.app(), bastion())
	s.resolve(from, pick(s, "www.example.com", "api.stripe.com", "deb.debian.org", "s3.eu-central-1.amazonaws.com"))
	v6 := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0x99, 15: 1})
	s.ask(from, "www.example.com", typeAAAA, 0, answer{typeAAAA, 300, v6.AsSlice()})
	s.ask(from, "example.com", typeTXT, 0, answer{typeTXT, 3600, txt("v=spf1 include:_spf.example.com -all")})
	s.ask(from, "shop.example.org", typeCNAME, 0, answer{typeCNAME, 60, dnsName(nil, "lb.example.net")})
	s.ask(from, "db-replica.internal", typeA, dnsNXDomain)
	s.ask(from, "db.internal", typeA, 0, answer{typeA, 5, database().AsSlice()})
}

// ntp is a client and a server message (RFC 5905 §7.3).
func ntp(s *Scene) {
	u := s.UDP(s.client(s.web()), at(site("0.pool.ntp.org"), 123))
	stamp := func(d time.Duration) []byte {
		t := time.Unix(0, s.now).Add(d)
		b := be.AppendUint32(nil, uint32(t.Unix()+2208988800))
		return be.AppendUint32(b, uint32(int64(t.Nanosecond())<<32/1e9))
	}
	q := append([]byte{0x23, 0, 6, 0xec}, make([]byte, 36)...)
	u.Client(append(q, stamp(0)...))
	r := append([]byte{0x24, 2, 6, 0xe8, 0, 0, 2, 0, 0, 0, 1, 0}, 198, 51, 100, 9)
	r = append(r, stamp(-time.Minute)...)
	r = append(r, stamp(0)...)
	r = append(r, stamp(9*time.Millisecond)...)
	u.Server(append(r, stamp(10*time.Millisecond)...))
}

func pings(s *Scene) { s.Ping(monitor(), pick(s, s.web(), s.app(), database()), 3) }

// sshPacket is an unencrypted binary packet (RFC 4253 §6).
func (s *Scene) sshPacket(payload []byte) []byte {
	pad := 8 - (5+len(payload))%8
	if pad < 4 {
		pad += 8
	}
	b := be.AppendUint32(nil, uint32(1+len(payload)+pad))
	b = append(append(b, byte(pad)), payload...)
	return append(b, s.bytes(pad)...)
}

// sshKexInit lists algorithms (RFC 4253 §7.1): key exchange, host key, then
// cipher, MAC and compression for both ways, and no languages.
func (s *Scene) sshKexInit(kex, hostKey, cipher, mac string) []byte {
	b := append([]byte{20}, s.bytes(16)...)
	for _, l := range []string{kex, hostKey, cipher, cipher, mac, mac, "none,zlib@openssh.com", "none,zlib@openssh.com", "", ""} {
		b = append(be.AppendUint32(b, uint32(len(l))), l...)
	}
	return s.sshPacket(append(b, 0, 0, 0, 0, 0))
}

// sshHello plays banners and key exchange up to the first ciphertext.
func (c *Conv) sshHello(client, server string) {
	s := c.sc
	c.Client([]byte(client + "\r\n"))
	c.Server([]byte(server + "\r\n"))
	kex := "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256"
	c.Client(s.sshKexInit(kex+",ext-info-c", "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256",
		"chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-ctr", "hmac-sha2-256-etm@openssh.com,hmac-sha2-256"))
	c.Server(s.sshKexInit(kex, "rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519",
		"chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-ctr", "hmac-sha2-256-etm@openssh.com,hmac-sha2-256"))
	str := func(b, v []byte) []byte { return append(be.AppendUint32(b, uint32(len(v))), v...) }
	c.Client(s.sshPacket(str([]byte{30}, s.bytes(32))))
	key := str(str(nil, []byte("ssh-ed25519")), s.bytes(32))
	sig := str(str(nil, []byte("ssh-ed25519")), s.bytes(64))
	reply := str(str(str([]byte{31}, key), s.bytes(32)), sig)
	c.Server(append(s.sshPacket(reply), s.sshPacket([]byte{21})...))
	c.Client(s.sshPacket([]byte{21}))
}

func sshAdmin(s *Scene) {
	c := s.TCP(s.client(jumpUser()), at(bastion(), 22))
	c.sshHello("SSH-2.0-OpenSSH_9.9", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")
	for range 20 {
		c.Client(s.bytes(36 + 4*s.rng.IntN(4)))
		c.Server(s.bytes(36 + 8*s.rng.IntN(60)))
		c.Wait(time.Duration(50+s.rng.IntN(400)) * time.Millisecond)
	}
	c.Close()
}

func smtp(s *Scene) {
	c := s.TCP(s.client(s.app()), at(mailRelay(), 25))
	c.Server([]byte("220 relay.example.com ESMTP Postfix\r\n"))
	to := s.letters(8, base32) + "@example.org"
	for _, x := range [][2]string{
		{"EHLO app-1.internal\r\n", "250-relay.example.com\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"},
		{"MAIL FROM:<orders@example.com>\r\n", "250 2.1.0 Ok\r\n"},
		{"RCPT TO:<" + to + ">\r\n", "250 2.1.5 Ok\r\n"},
		{"DATA\r\n", "354 End data with <CR><LF>.<CR><LF>\r\n"},
		{orderMail(to), "250 2.0.0 Ok: queued as 4XyZ1k2\r\n"},
		{"QUIT\r\n", "221 2.0.0 Bye\r\n"},
	} {
		c.Client([]byte(x[0]))
		c.Server([]byte(x[1]))
	}
	c.CloseServer()
}

// orderMail is a MIME message with an attachment.
func orderMail(to string) string {
	return strings.Join([]string{
		"From: Shop <orders@example.com>", "To: " + to, "Subject: Your order", "Date: Mon, 23 Nov 2026 10:00:00 +0000",
		"Message-ID: <4711@example.com>", "MIME-Version: 1.0", `Content-Type: multipart/mixed; boundary="b1"`, "",
		"--b1", "Content-Type: text/plain; charset=utf-8", "", "Thank you for your order.",
		"--b1", `Content-Type: text/csv; name="order.csv"`, "Content-Transfer-Encoding: base64",
		`Content-Disposition: attachment; filename="order.csv"`, "",
		base64.StdEncoding.EncodeToString([]byte("item,count,price\n4711,2,19.90\n")), "--b1--", ".", "",
	}, "\r\n")
}

// tlv is a BER element with a short length (X.690 §8.1.3.4).
func tlv(tag byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	if len(body) > 127 {
		return append([]byte{tag, 0x81, byte(len(body))}, body...)
	}
	return append([]byte{tag, byte(len(body))}, body...)
}

// ldap is bind, search and unbind (RFC 4511 §4).
func ldap(s *Scene) {
	c := s.TCP(s.client(s.app()), at(directory(), 389))
	msg := func(id byte, op []byte) []byte { return tlv(0x30, tlv(2, []byte{id}), op) }
	str := func(v string) []byte { return tlv(4, []byte(v)) }
	result := func(tag byte) []byte { return tlv(tag, tlv(10, []byte{0}), str(""), str("")) }
	c.Client(msg(1, tlv(0x60, tlv(2, []byte{3}), str("cn=shop,dc=example,dc=com"), tlv(0x80, []byte(s.letters(12, alnum))))))
	c.Server(msg(1, result(0x61)))
	user := "user" + fmt.Sprint(s.rng.IntN(500))
	c.Client(msg(2, tlv(0x63, str("ou=people,dc=example,dc=com"), tlv(10, []byte{2}), tlv(10, []byte{0}), tlv(2, []byte{0}),
		tlv(2, []byte{0}), tlv(1, []byte{0}), tlv(0xa3, str("uid"), str(user)), tlv(0x30, str("mail")))))
	entry := tlv(0x64, str("uid="+user+",ou=people,dc=example,dc=com"), tlv(0x30, tlv(0x30, str("mail"), tlv(0x31, str(user+"@example.com")))))
	c.Server(append(msg(2, entry), msg(2, result(0x65))...))
	c.Client(msg(3, []byte{0x42, 0}))
	c.Close()
}

// snmp is a v2c get of sysDescr (RFC 3416 §3).
func snmp(s *Scene) {
	u := s.UDP(s.client(monitor()), at(s.web(), 161))
	id := s.bytes(4)
	id[0] &= 0x7f
	pdu := func(tag byte, value []byte) []byte {
		oid := tlv(6, []byte{0x2b, 6, 1, 2, 1, 1, 1, 0})
		return tlv(0x30, tlv(2, []byte{1}), tlv(4, []byte("monitoring")),
			tlv(tag, tlv(2, id), tlv(2, []byte{0}), tlv(2, []byte{0}), tlv(0x30, tlv(0x30, oid, value))))
	}
	u.Client(pdu(0xa0, tlv(5)))
	u.Server(pdu(0xa2, tlv(4, []byte("Linux web 6.12.9 x86_64"))))
}

func syslog(s *Scene) {
	u := s.UDP(at(s.web(), 514), at(monitor(), 514))
	for i := range 3 {
		u.Client(fmt.Appendf(nil, "<30>1 2026-11-23T10:00:0%d.000Z web-1 nginx 812 - - worker process %d started", i, s.rng.IntN(9999)))
	}
}

// ftp is FTP over TLS (RFC 4217): a password in clear text would be a finding.
func ftp(s *Scene) {
	from, to := s.visitor(), host(4, 21)
	c := s.TCP(s.client(from), at(to, 21))
	c.Server([]byte("220 (vsFTPd 3.0.5)\r\n"))
	c.Client([]byte("AUTH TLS\r\n"))
	c.Server([]byte("234 Proceed with negotiation.\r\n"))
	// USER, PASS, PBSZ, PROT, TYPE, PASV and RETR, and their answers.
	c.TLS(session{version: tls12, client: library(), up: []int{38, 41, 32, 32, 32, 30, 40}, down: []int{58, 47, 45, 47, 55, 72, 90}})
	s.now = c.t
	d := s.TCP(s.client(from), at(to, uint16(40000+s.rng.IntN(9000))))
	d.TLS(session{version: tls12, client: library(), down: []int{3200}})
	d.CloseServer()
	c.t = max(c.t, d.t)
	c.Server(record(23, tls12, s.bytes(48)))
	c.CloseServer()
}
