package traffic

import (
	"net/netip"
	"strings"
)

// DNS record types.
const (
	typeA     = 1
	typeCNAME = 5
	typeTXT   = 16
	typeAAAA  = 28
)

const dnsNXDomain = 3

// answer is one resource record of a response about the name asked.
type answer struct {
	typ  uint16
	ttl  uint32
	data []byte
}

// dnsName encodes a name (RFC 1035 §3.1).
func dnsName(b []byte, name string) []byte {
	for l := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		b = v8(b, []byte(l))
	}
	return append(b, 0)
}

// txt encodes character strings of at most 255 bytes.
func txt(s string) (b []byte) {
	for len(s) > 255 {
		b = v8(b, []byte(s[:255]))
		s = s[255:]
	}
	return v8(b, []byte(s))
}

// dnsMessage encodes a query, or with response a response (RFC 1035 §4).
func dnsMessage(id uint16, name string, typ uint16, response bool, rcode uint16, answers []answer) []byte {
	flags := uint16(0x0100)
	if response {
		flags = 0x8180 | rcode
	}
	b := be.AppendUint16(nil, id)
	b = be.AppendUint16(b, flags)
	b = be.AppendUint16(b, 1)
	b = be.AppendUint16(b, uint16(len(answers)))
	b = append(b, 0, 0, 0, 0)
	b = dnsName(b, name)
	b = be.AppendUint16(b, typ)
	b = be.AppendUint16(b, 1)
	for _, a := range answers {
		b = append(b, 0xc0, 12) // the name of the question
		b = be.AppendUint16(b, a.typ)
		b = be.AppendUint16(b, 1)
		b = be.AppendUint32(b, a.ttl)
		b = v16(b, a.data)
	}
	return b
}

// ask looks a name up at the resolver and returns nothing: the packets are the
// point.
func (s *Scene) ask(from netip.Addr, name string, typ, rcode uint16, answers ...answer) {
	s.askAt(from, resolver(), name, typ, rcode, answers...)
}

// askAt is ask at any server.
func (s *Scene) askAt(from, server netip.Addr, name string, typ, rcode uint16, answers ...answer) {
	u := s.UDP(s.client(from), at(server, 53))
	id := uint16(s.rng.Uint32())
	u.Client(dnsMessage(id, name, typ, false, 0, nil))
	u.Server(dnsMessage(id, name, typ, true, rcode, answers))
}

// resolve asks for the address of a site, as every client does before it
// connects.
func (s *Scene) resolve(from netip.Addr, name string) netip.Addr {
	a := site(name)
	s.ask(from, name, typeA, 0, answer{typeA, 60, a.AsSlice()})
	return a
}
