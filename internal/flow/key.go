package flow

import (
	"encoding/binary"
	"math/bits"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// ICMP types that matter to the key (RFC 792, RFC 950, RFC 4443).
const (
	icmpUnreachable = 3
)

// ends are both sides of a packet as the key sees them: for ICMP the ports are
// the type and the type of the answer, so that requests and replies join.
type ends struct {
	src, dst         packet.Addr
	srcPort, dstPort uint16
	proto            uint8
}

// endsOf reads p's ends.
func endsOf(p *packet.Packet) ends {
	e := ends{src: p.Src, dst: p.Dst, proto: p.Proto}
	switch p.Proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		e.srcPort, e.dstPort = p.SrcPort, p.DstPort
	case packet.ProtoICMP:
		e.srcPort, e.dstPort = uint16(p.ICMPType), icmp4Answer(p.ICMPType)
	case packet.ProtoICMPv6:
		e.srcPort, e.dstPort = uint16(p.ICMPType), icmp6Answer(p.ICMPType)
	}
	return e
}

// icmp4Answer is the type that answers a type and the other way round; types
// without an answer stand for themselves.
func icmp4Answer(t uint8) uint16 {
	switch t {
	case 0, 8:
		return uint16(8 - t)
	case 13, 15, 17:
		return uint16(t) + 1
	case 14, 16, 18:
		return uint16(t) - 1
	case 9, 10:
		return uint16(19 - t)
	}
	return uint16(t)
}

// icmp6Answer is icmp4Answer for ICMPv6: echo, router and neighbour discovery,
// multicast listener query, node information, home agent discovery.
func icmp6Answer(t uint8) uint16 {
	switch t {
	case 128, 133, 135, 139, 144, 146:
		return uint16(t) + 1
	case 129, 134, 136, 140, 145, 147:
		return uint16(t) - 1
	case 130, 131:
		return uint16(261 - uint16(t))
	}
	return uint16(t)
}

// less orders ends of a flow: address first, then port.
func less(a, b *packet.Addr, ap, bp uint16) bool {
	ah, bh := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	if ah != bh {
		return ah < bh
	}
	al, bl := binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])
	if al != bl {
		return al < bl
	}
	return ap < bp
}

// keyOf builds the key of a packet whose ends are e and tells whether its
// source is Key.Hi.
func (t *Table) keyOf(p *packet.Packet, e *ends) (k Key, fromHi bool) {
	k.Tenant, k.Proto = p.Tenant, e.proto
	if fromHi = less(&e.dst, &e.src, e.dstPort, e.srcPort); fromHi {
		k.Lo, k.LoPort, k.Hi, k.HiPort = e.dst, e.dstPort, e.src, e.srcPort
	} else {
		k.Lo, k.LoPort, k.Hi, k.HiPort = e.src, e.srcPort, e.dst, e.dstPort
	}
	if e.proto == packet.ProtoESP && len(p.L4) >= 4 {
		k.LoPort = binary.BigEndian.Uint16(p.L4)
		k.HiPort = binary.BigEndian.Uint16(p.L4[2:])
	}
	if !t.cfg.IgnoreVLAN && p.VLANs > 0 {
		k.VLAN = foldVLAN(p)
	}
	if !t.cfg.IgnoreDepth {
		k.Depth = p.Mirror.Depth
	}
	return k, fromHi
}

// foldVLAN packs up to three 12-bit ids into 32 bits. Three ids are mixed: a
// collision would need the same addresses and ports too.
func foldVLAN(p *packet.Packet) uint32 {
	var v uint32
	for i := range min(int(p.VLANs), len(p.VLAN)) {
		v = bits.RotateLeft32(v, 12) ^ (uint32(p.VLAN[i]) + 1)
	}
	return v
}

// secrets key a hash: each product of Key.hash has one in it.
type secrets [4]uint64

// newSecrets draws four words from seed (Steele, Lea, Flood, "Fast Splittable
// Pseudorandom Number Generators", 2014).
func newSecrets(seed uint64) (s secrets) {
	for i := range s {
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		s[i] = z ^ z>>31
	}
	return s
}

// hash mixes k under s; one multiplication for each 16 bytes, after wyhash's
// construction. All of a key may be chosen by who attacks, so no factor is made
// of it alone: where one can be made zero, the product forgets the other.
func (k *Key) hash(s *secrets) uint64 {
	le := binary.LittleEndian
	ports := uint64(k.LoPort) | uint64(k.HiPort)<<16 | uint64(k.Tenant)<<32
	rest := uint64(k.VLAN) | uint64(k.Proto)<<32 | uint64(k.Depth)<<40
	h := fold(le.Uint64(k.Lo[:8])^s[0], le.Uint64(k.Lo[8:])^s[1])
	h = fold(le.Uint64(k.Hi[:8])^s[2], le.Uint64(k.Hi[8:])^h)
	return fold(ports^s[3], rest^h)
}

// fold is the 128-bit product, halves combined.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// idOf makes the flow id: 53 bits, from the key and the start time only, so
// that reading a capture again gives the same ids. It has no secret and nothing
// is looked up by it.
func (k *Key) idOf(start int64) uint64 {
	const fixed = 0x589965cc75374cc3
	public := secrets{0xa0761d6478bd642f, fixed, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3 ^ fixed}
	id := fold(k.hash(&public)^uint64(start), fixed) & (1<<53 - 1)
	if id == 0 {
		return 1
	}
	return id
}

// embedded reads the addresses and ports inside an ICMPv4 unreachable message
// (RFC 792): the packet that could not be delivered names the flow.
func embedded(p *packet.Packet) (ends, bool) {
	if p.Proto != packet.ProtoICMP || p.ICMPType != icmpUnreachable || len(p.L4) < 28 {
		return ends{}, false
	}
	ip := p.L4[8:]
	ihl := int(ip[0]&15) * 4
	if ip[0]>>4 != 4 || ihl < 20 || len(ip) < ihl+4 {
		return ends{}, false
	}
	e := ends{
		src:   packet.AddrFrom4([4]byte(ip[12:16])),
		dst:   packet.AddrFrom4([4]byte(ip[16:20])),
		proto: ip[9],
	}
	switch e.proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		e.srcPort = binary.BigEndian.Uint16(ip[ihl:])
		e.dstPort = binary.BigEndian.Uint16(ip[ihl+2:])
		return e, true
	}
	return ends{}, false
}
