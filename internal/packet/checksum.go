package packet

import "math/bits"

// Sum is the ones' complement sum of b in 16-bit words (RFC 1071), folded but
// not inverted: a whole header with its checksum sums to 0xffff.
func Sum(b []byte) uint16 { return fold(sum(0, b)) }

// sum adds b to a running sum. Words of 64 bits are added with end-around
// carry, which is the same sum (RFC 1071 §2(C)).
func sum(acc uint64, b []byte) uint64 {
	var carry uint64
	for len(b) >= 32 {
		acc, carry = bits.Add64(acc, be.Uint64(b), 0)
		acc, carry = bits.Add64(acc, be.Uint64(b[8:]), carry)
		acc, carry = bits.Add64(acc, be.Uint64(b[16:]), carry)
		acc, carry = bits.Add64(acc, be.Uint64(b[24:]), carry)
		acc, carry = bits.Add64(acc, 0, carry)
		acc += carry
		b = b[32:]
	}
	for len(b) >= 8 {
		acc, carry = bits.Add64(acc, be.Uint64(b), 0)
		acc += carry
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	acc, carry = bits.Add64(acc, be.Uint64(tail[:]), 0)
	return acc + carry
}

// fold brings a running sum to 16 bits.
func fold(acc uint64) uint16 {
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	return uint16(acc)
}

// L3SumValid reports whether the IPv4 header checksum is right. Packets that
// have none, or not all of the header, count as right.
func (p *Packet) L3SumValid() bool {
	if p.IPVersion != 4 || len(p.IP) < ipv4Len {
		return true
	}
	hl := int(p.IP[0]&15) << 2
	return len(p.IP) < hl || Sum(p.IP[:hl]) == 0xffff
}

// L4SumValid reports whether the checksum of TCP, UDP, ICMP or ICMPv6 is
// right. Packets that cannot be judged count as right: other protocols,
// fragments, truncated packets, IPv4 UDP without a checksum.
func (p *Packet) L4SumValid() bool {
	if p.Flags&(FlagTruncated|FlagFragment|FlagInvalid) != 0 || p.IPVersion == 0 {
		return true
	}
	b, pseudo := p.L4, true
	switch p.Proto {
	case ProtoTCP, ProtoICMPv6:
	case ProtoUDP:
		if len(b) < udpLen || be.Uint16(b[6:]) == 0 && p.IPVersion == 4 {
			return true
		}
		if n := int(be.Uint16(b[4:])); n >= udpLen && n < len(b) {
			b = b[:n]
		}
	case ProtoICMP:
		pseudo = false
	default:
		return true
	}
	var acc uint64
	if pseudo {
		acc = p.pseudoSum(len(b))
	}
	return fold(sum(acc, b)) == 0xffff
}

// pseudoSum is the sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1) of a
// transport packet of n bytes. A routing header's last hop is not looked up.
func (p *Packet) pseudoSum(n int) uint64 {
	acc := uint64(p.Proto) + uint64(n)
	if p.IPVersion == 4 {
		return sum(sum(acc, p.Src[12:]), p.Dst[12:])
	}
	return sum(sum(acc, p.Src[:]), p.Dst[:])
}

// verifyL4 sets FlagBadL4Sum.
func (p *Packet) verifyL4() {
	if !p.L4SumValid() {
		p.Flags |= FlagBadL4Sum
	}
}
