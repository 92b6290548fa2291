package traffic

import (
	"net/netip"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// AppendVXLAN appends a VXLAN header (RFC 7348 §5) and the frame: the payload
// of a mirror's datagram. The VNI has 24 bits.
func AppendVXLAN(b, frame []byte, vni uint32) []byte {
	b = append(b, 0x08, 0, 0, 0, byte(vni>>16), byte(vni>>8), byte(vni), 0)
	return append(b, frame...)
}

// OuterPort is the source port that AWS gives the datagram of a frame: 0xFF80
// and seven bits of a hash that is the same in both directions. The hash
// itself is not published; this is one that behaves alike, down to the answers
// of Amazon DNS, which come with a hash of 0 and so part from their questions.
func OuterPort(frame []byte) uint16 {
	const offset = 14
	if len(frame) < offset+20 {
		return 0xff80
	}
	ip := frame[offset:]
	var acc uint32
	var l4 []byte
	var proto byte
	switch {
	case ip[0]>>4 == 4:
		proto = ip[9]
		if netip.AddrFrom4([4]byte(ip[12:])) == resolver() {
			return 0xff80
		}
		acc = be.Uint32(ip[12:]) ^ be.Uint32(ip[16:])
		l4 = ip[min(int(ip[0]&15)*4, len(ip)):]
		if be.Uint16(ip[6:])&0x3fff != 0 {
			l4 = nil // a fragment has no ports
		}
	case ip[0]>>4 == 6 && len(ip) >= 40:
		proto = ip[6]
		for i := 8; i < 40; i += 4 {
			acc ^= be.Uint32(ip[i:])
		}
		l4 = ip[40:]
	default:
		return 0xff80
	}
	if (proto == packet.ProtoTCP || proto == packet.ProtoUDP) && len(l4) >= 4 {
		acc ^= uint32(be.Uint16(l4)^be.Uint16(l4[2:])) * 0x9e3779b1
	}
	acc = (acc ^ uint32(proto)) * 0x85ebca6b
	return 0xff80 | uint16(acc>>25)
}

// Outer says who mirrors to whom.
type Outer struct {
	Src, Dst netip.Addr // IPv4: the mirrored interface and the sensor
	VNI      uint32
}

// AppendMirrored appends the whole Ethernet frame that carries a mirrored one,
// as captured on the sensor's interface: TTL 255, identification 0, no
// fragment bits, no UDP checksum.
func (o Outer) AppendMirrored(b, frame []byte) []byte {
	u := be.AppendUint16(nil, OuterPort(frame))
	u = be.AppendUint16(u, packet.PortVXLAN)
	u = be.AppendUint16(u, uint16(8+8+len(frame)))
	u = append(u, 0, 0)
	u = AppendVXLAN(u, frame, o.VNI)
	b = AppendEthernet(b, routerMAC(), eniMAC(o.Dst), etherIPv4)
	return IP{Src: o.Src, Dst: o.Dst, Proto: packet.ProtoUDP, TTL: 255}.Append(b, u)
}
