package dns

import (
	"encoding/binary"
	"strings"
)

// rrs is a message under construction; counts are kept in the header.
type rrs struct{ b []byte }

func newMessage(id, flags uint16) *rrs {
	b := make([]byte, headerLen, 512)
	binary.BigEndian.PutUint16(b, id)
	binary.BigEndian.PutUint16(b[2:], flags)
	return &rrs{b}
}

func (m *rrs) count(section int) {
	p := m.b[4+2*section:]
	binary.BigEndian.PutUint16(p, binary.BigEndian.Uint16(p)+1)
}

// wire encodes a dotted name, "" for the root.
func wire(name string) []byte {
	var out []byte
	if name != "" {
		for _, l := range strings.Split(name, ".") {
			out = append(append(out, byte(len(l))), l...)
		}
	}
	return append(out, 0)
}

// ptr is a compression pointer.
func ptr(off int) []byte { return []byte{0xc0 | byte(off>>8), byte(off)} }

// q adds a question.
func (m *rrs) q(name []byte, typ, class uint16) *rrs {
	m.count(secQuery)
	m.b = append(m.b, name...)
	m.b = binary.BigEndian.AppendUint16(m.b, typ)
	m.b = binary.BigEndian.AppendUint16(m.b, class)
	return m
}

// rr adds a record.
func (m *rrs) rr(section int, name []byte, typ uint16, ttl uint32, data []byte) *rrs {
	m.count(section)
	m.b = append(m.b, name...)
	m.b = binary.BigEndian.AppendUint16(m.b, typ)
	m.b = binary.BigEndian.AppendUint16(m.b, 1)
	m.b = binary.BigEndian.AppendUint32(m.b, ttl)
	m.b = binary.BigEndian.AppendUint16(m.b, uint16(len(data)))
	m.b = append(m.b, data...)
	return m
}

func (m *rrs) raw(b ...byte) *rrs {
	m.b = append(m.b, b...)
	return m
}

// tcp puts the length before each message.
func tcp(ms ...*rrs) (out []byte) {
	for _, m := range ms {
		out = binary.BigEndian.AppendUint16(out, uint16(len(m.b)))
		out = append(out, m.b...)
	}
	return out
}

// question is where the first question's name starts.
const question = headerLen

func query(id uint16, name string, typ uint16) *rrs {
	return newMessage(id, 0x0100).q(wire(name), typ, 1)
}

func answerTo(id uint16, name string, typ uint16) *rrs {
	return newMessage(id, 0x8180).q(wire(name), typ, 1)
}

func cat(parts ...any) (out []byte) {
	for _, p := range parts {
		switch v := p.(type) {
		case []byte:
			out = append(out, v...)
		case string:
			out = append(out, v...)
		case int:
			out = append(out, byte(v))
		}
	}
	return out
}

// everyType answers with one record of each type whose data is printed.
func everyType() *rrs {
	self := ptr(question)
	m := answerTo(7, "all.example.com", 255)
	m.rr(secAnswer, self, typeA, 60, []byte{192, 0, 2, 1})
	m.rr(secAnswer, self, typeAAAA, 60, cat(0x20, 0x01, 0x0d, 0xb8, make([]byte, 11), 1))
	m.rr(secAnswer, self, typeCNAME, 60, cat(3, "www", ptr(question+4)))
	m.rr(secAnswer, self, typeNS, 60, wire("ns1.example.net"))
	m.rr(secAnswer, self, typePTR, 60, wire("host.example.net"))
	m.rr(secAnswer, self, typeMX, 60, cat(0, 10, wire("mail.example.net")))
	m.rr(secAnswer, self, typeTXT, 60, cat(5, "v=one", 0, 3, "two"))
	m.rr(secAnswer, self, typeNULL, 60, []byte("nul\x01\xff\""))
	m.rr(secAnswer, self, typeSRV, 60, cat(0, 1, 0, 2, 0x14, 0x66, wire("sip.example.net")))
	m.rr(secAnswer, self, typeSSHFP, 60, cat(4, 2, "\xab\xcd\x01"))
	m.rr(secAnswer, self, 257, 60, cat(0, 5, "issue", "ca.example"))
	m.rr(secAnswer, self, 65, 60, cat(0, 1, 0))
	m.rr(secAnswer, self, 65280, 60, []byte("private"))
	m.rr(secAuthority, ptr(question+4), typeSOA, 900, cat(wire("ns1.example.net"),
		wire("root.example.net"), 0, 0, 0, 9, 0, 0, 14, 16, 0, 0, 3, 132, 0, 9, 58, 128, 0, 0, 0, 60))
	m.rr(secAdditional, wire(""), typeOPT, 0, cat(0, 10, 0, 3, "abc", 0, 12, 0, 0))
	m.rr(secAdditional, wire(""), typeOPT, 0, nil)
	return m
}

// longName has labels enough for more than MaxName bytes.
func longName() []byte {
	return append([]byte(strings.Repeat("\x1e"+strings.Repeat("x", 30), 40)), 0)
}
