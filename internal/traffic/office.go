package traffic

import (
	"encoding/binary"
	"fmt"
)

// What administrators' machines and the office bring.

func imap(s *Scene) {
	c := s.TCP(s.client(host(5, 15)), at(mailRelay(), 143))
	c.Server([]byte("* OK [CAPABILITY IMAP4rev1 LITERAL+ IDLE] Dovecot ready.\r\n"))
	for _, x := range [][2]string{
		{"a1 LOGIN admin " + s.letters(12, alnum), "a1 OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] Logged in"},
		{"a2 SELECT INBOX", "* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1700000000] UIDs valid\r\na2 OK [READ-WRITE] Select completed."},
		{"a3 FETCH 3 (FLAGS BODY[HEADER.FIELDS (SUBJECT)])", "* 3 FETCH (FLAGS (\\Seen) BODY[HEADER.FIELDS (SUBJECT)] {23}\r\nSubject: Your order\r\n\r\n)\r\na3 OK Fetch completed."},
		{"a4 LOGOUT", "* BYE Logging out\r\na4 OK Logout completed."},
	} {
		c.Client([]byte(x[0] + "\r\n"))
		c.Server([]byte(x[1] + "\r\n"))
	}
	c.CloseServer()
}

// sip is a registration without authentication (RFC 3261 §10).
func sip(s *Scene) {
	phone := host(5, 15) // a telephone on the administrator's desktop
	branch, tag, call := s.letters(10, alnum), s.letters(8, hexDigits), s.letters(16, hexDigits)
	common := fmt.Sprintf("Via: SIP/2.0/UDP %v:5060;branch=z9hG4bK%s\r\nFrom: <sip:120@pbx.internal>;tag=%s\r\n", phone, branch, tag)
	id := fmt.Sprintf("Call-ID: %s@%v\r\nCSeq: 1 REGISTER\r\nContact: <sip:120@%v:5060>\r\n", call, phone, phone)
	u := s.UDP(at(phone, 5060), at(host(4, 60), 5060))
	u.Client([]byte("REGISTER sip:pbx.internal SIP/2.0\r\n" + common + "To: <sip:120@pbx.internal>\r\n" + id +
		"Max-Forwards: 70\r\nExpires: 300\r\nUser-Agent: Phone/4.1\r\nContent-Length: 0\r\n\r\n"))
	u.Server([]byte("SIP/2.0 200 OK\r\n" + common + "To: <sip:120@pbx.internal>;tag=as" + tag + "\r\n" + id +
		"Server: Asterisk PBX 20.9.3\r\nContent-Length: 0\r\n\r\n"))
}

// rdp is a connection request that asks for TLS (MS-RDPBCGR §2.2.1.1), and the
// session.
func rdp(s *Scene) {
	c := s.TCP(s.client(bastion()), at(host(5, 40), 3389))
	tpkt := func(body []byte) []byte { return append(be.AppendUint16([]byte{3, 0}, uint16(4+len(body))), body...) }
	x224 := func(typ byte, rest string) []byte { return v8(nil, append([]byte{typ, 0, 0, 0, 0, 0}, rest...)) }
	c.Client(tpkt(x224(0xe0, "Cookie: mstshash=admin\r\n\x01\x00\x08\x00\x03\x00\x00\x00")))
	c.Server(tpkt(x224(0xd0, "\x02\x1f\x08\x00\x02\x00\x00\x00")))
	c.TLS(session{sni: "desktop-1.internal", version: tls12, client: schannel(), up: []int{600, 90, 90}, down: []int{900, 7000, 4000}})
	c.Close()
}

// schannel is the hello of Windows' own TLS.
func schannel() profile {
	p := library()
	p.order = []uint16{extSNI, extStatus, extGroups, extPoints, extSigs, extTicket, extEMS, extRenegInfo}
	return p
}

// smb2 is a message: NetBIOS length, header (MS-SMB2 §2.2.1), body.
func smb2(command, flags, id byte, body []byte) []byte {
	h := make([]byte, 64)
	copy(h, "\xfeSMB\x40\x00\x01\x00")
	h[12], h[14], h[16], h[24] = command, 1, flags, id
	h[32], h[33] = 0xff, 0xfe
	return append(append(be.AppendUint32(nil, uint32(64+len(body))), h...), body...)
}

// smb negotiates dialects (MS-SMB2 §2.2.3, §2.2.4).
func smb(s *Scene) {
	le := binary.LittleEndian
	c := s.TCP(s.client(s.web()), at(host(4, 45), 445))
	q := append([]byte{36, 0, 3, 0, 1, 0, 0, 0, 0x7f, 0, 0, 0}, s.bytes(16)...)
	q = append(q, make([]byte, 8)...)
	for _, d := range []uint16{0x0202, 0x0210, 0x0302} {
		q = le.AppendUint16(q, d)
	}
	c.Client(smb2(0, 0, 0, q))
	r := append([]byte{65, 0, 1, 0, 0x02, 0x03, 0, 0}, s.bytes(16)...)
	r = append(r, 0x07, 0, 0, 0)
	for range 3 {
		r = le.AppendUint32(r, 8<<20)
	}
	r = le.AppendUint64(r, uint64(s.now/100)+116444736000000000)
	r = append(r, make([]byte, 8)...)
	// SPNEGO that offers NTLMSSP, behind the fixed part.
	blob := tlv(0x60, tlv(6, []byte{0x2b, 6, 1, 5, 5, 2}), tlv(0xa0, tlv(0x30, tlv(0xa0, tlv(0x30,
		tlv(6, []byte{0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a}))))))
	r = le.AppendUint16(le.AppendUint16(r, 128), uint16(len(blob)))
	c.Server(smb2(0, 1, 0, append(append(r, 0, 0, 0, 0), blob...)))
	c.Close()
}
