package traffic

import (
	"encoding/binary"
	"net/netip"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// MAC is an Ethernet address.
type MAC [6]byte

// EtherTypes.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// be is the byte order of the wire; it holds no state.
var be = binary.BigEndian

// routerMAC is the VPC router's: every peer of a mirrored interface is behind
// it.
func routerMAC() MAC { return MAC{0x02, 0x57, 0x00, 0x00, 0x00, 0x01} }

// eniMAC derives the hardware address of an instance from its IP address.
func eniMAC(a netip.Addr) MAC {
	b := a.As16()
	return MAC{0x02, 0x57, b[12], b[13], b[14], b[15]}
}

// AppendEthernet appends an Ethernet II header.
func AppendEthernet(b []byte, src, dst MAC, etherType uint16) []byte {
	b = append(b, dst[:]...)
	b = append(b, src[:]...)
	return be.AppendUint16(b, etherType)
}

// IP holds the fields of an IP header that a sender chooses.
type IP struct {
	Src, Dst netip.Addr // both of one family
	Proto    uint8
	TTL      uint8
	TOS      uint8
	ID       uint16 // IPv4 only
	DF       bool   // IPv4 only
}

// Append appends the header, with checksum, and the payload.
func (h IP) Append(b, payload []byte) []byte {
	if !h.Src.Is4() {
		b = append(b, 0x60|h.TOS>>4, h.TOS<<4, 0, 0)
		b = be.AppendUint16(b, uint16(len(payload)))
		b = append(b, h.Proto, h.TTL)
		b = append(b, h.Src.AsSlice()...)
		b = append(b, h.Dst.AsSlice()...)
		return append(b, payload...)
	}
	at := len(b)
	b = append(b, 0x45, h.TOS)
	b = be.AppendUint16(b, uint16(20+len(payload)))
	b = be.AppendUint16(b, h.ID)
	frag := uint16(0)
	if h.DF {
		frag = 0x4000
	}
	b = be.AppendUint16(b, frag)
	b = append(b, h.TTL, h.Proto, 0, 0)
	b = append(b, h.Src.AsSlice()...)
	b = append(b, h.Dst.AsSlice()...)
	be.PutUint16(b[at+10:], ^fold(sum(0, b[at:])))
	return append(b, payload...)
}

// sum adds b to an Internet checksum (RFC 1071).
func sum(acc uint64, b []byte) uint64 {
	for ; len(b) >= 2; b = b[2:] {
		acc += uint64(be.Uint16(b))
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

func fold(acc uint64) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}

// transportSum is the checksum of a TCP, UDP or ICMPv6 message with its pseudo
// header (RFC 9293 §3.1, RFC 8200 §8.1). The checksum field must be zero.
func transportSum(src, dst netip.Addr, proto uint8, l4 []byte) uint16 {
	acc := sum(0, src.AsSlice())
	acc = sum(acc, dst.AsSlice())
	acc += uint64(proto) + uint64(len(l4))
	return ^fold(sum(acc, l4))
}

// TCP holds the fields of a TCP header that a sender chooses.
type TCP struct {
	Seq, Ack uint32
	Flags    uint8 // packet.SYN and so on
	Window   uint16
	Options  []byte // padded to 4 bytes
}

// Append appends the header, with checksum, and the payload.
func (h TCP) Append(b []byte, src, dst netip.AddrPort, payload []byte) []byte {
	at := len(b)
	b = be.AppendUint16(b, src.Port())
	b = be.AppendUint16(b, dst.Port())
	b = be.AppendUint32(b, h.Seq)
	b = be.AppendUint32(b, h.Ack)
	b = append(b, byte(5+len(h.Options)/4)<<4, h.Flags)
	b = be.AppendUint16(b, h.Window)
	b = append(b, 0, 0, 0, 0)
	b = append(b, h.Options...)
	b = append(b, payload...)
	be.PutUint16(b[at+16:], transportSum(src.Addr(), dst.Addr(), packet.ProtoTCP, b[at:]))
	return b
}

// AppendUDP appends a UDP header, with checksum, and the payload.
func AppendUDP(b []byte, src, dst netip.AddrPort, payload []byte) []byte {
	at := len(b)
	b = be.AppendUint16(b, src.Port())
	b = be.AppendUint16(b, dst.Port())
	b = be.AppendUint16(b, uint16(8+len(payload)))
	b = append(b, 0, 0)
	b = append(b, payload...)
	c := transportSum(src.Addr(), dst.Addr(), packet.ProtoUDP, b[at:])
	if c == 0 {
		c = 0xffff // RFC 768: zero means none
	}
	be.PutUint16(b[at+6:], c)
	return b
}

// AppendEcho appends an ICMP or ICMPv6 echo message, by family of src.
func AppendEcho(b []byte, src, dst netip.Addr, reply bool, id, seq uint16, payload []byte) []byte {
	typ := byte(8)
	switch {
	case src.Is4() && reply:
		typ = 0
	case src.Is6() && reply:
		typ = 129
	case src.Is6():
		typ = 128
	}
	at := len(b)
	b = append(b, typ, 0, 0, 0)
	b = be.AppendUint16(b, id)
	b = be.AppendUint16(b, seq)
	b = append(b, payload...)
	c := ^fold(sum(0, b[at:]))
	if src.Is6() {
		c = transportSum(src, dst, packet.ProtoICMPv6, b[at:])
	}
	be.PutUint16(b[at+2:], c)
	return b
}
