package packet

import "encoding/binary"

// The builders of frames that the tests decode. They fill in lengths and
// checksums; b is what the header carries.

var (
	addrA  = [4]byte{10, 0, 0, 1}
	addrB  = [4]byte{10, 0, 0, 2}
	outerA = [4]byte{172, 16, 0, 1}
	outerB = [4]byte{172, 16, 0, 2}
	addrA6 = [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}
	addrB6 = [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 2}
)

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func u16(v ...uint16) []byte {
	var b []byte
	for _, x := range v {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return b
}

func u32(v ...uint32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, x)
	}
	return b
}

// counted is n bytes that tell their own place.
func counted(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func ether(typ uint16, b []byte) []byte {
	return cat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, u16(typ), b)
}

func tag(id, typ uint16, b []byte) []byte { return cat(u16(id, typ), b) }

// ip4opt makes an IPv4 packet; frag is the word of flags and offset.
func ip4opt(src, dst [4]byte, proto uint8, id, frag uint16, opts, b []byte) []byte {
	hl := 20 + len(opts)
	h := cat([]byte{0x40 | byte(hl/4), 0}, u16(uint16(hl+len(b)), id, frag),
		[]byte{64, proto, 0, 0}, src[:], dst[:], opts)
	binary.BigEndian.PutUint16(h[10:], ^Sum(h))
	return append(h, b...)
}

func ip4(src, dst [4]byte, proto uint8, b []byte) []byte {
	return ip4opt(src, dst, proto, 7, 0, nil, b)
}

func ip6(nh uint8, b []byte) []byte {
	return cat([]byte{0x60, 0, 0, 0}, u16(uint16(len(b))), []byte{nh, 64}, addrA6[:], addrB6[:], b)
}

// sumL4 sets the checksum at byte at of the transport packet b.
func sumL4(src, dst []byte, proto uint8, at int, b []byte) []byte {
	ps := cat(src, dst, u32(uint32(len(b)), uint32(proto)), b)
	binary.BigEndian.PutUint16(b[at:], ^Sum(ps))
	return b
}

func tcp4(flags uint8, opts, b []byte) []byte {
	h := cat(u16(1234, 80), u32(1000, 2000), []byte{byte(20+len(opts)) / 4 << 4, flags},
		u16(8192, 0, 0), opts, b)
	return sumL4(addrA[:], addrB[:], ProtoTCP, 16, h)
}

func udpTo(port uint16, b []byte) []byte {
	return cat(u16(40000, port, uint16(8+len(b)), 0), b)
}

func tcpFrame(n int) []byte {
	return ether(etherIPv4, ip4(addrA, addrB, ProtoTCP, tcp4(ACK|PSH, nil, counted(n))))
}

func vxlanHeader(vni uint32) []byte { return u32(0x08000000, vni<<8) }

func outerUDP(port uint16, b []byte) []byte {
	return ether(etherIPv4, ip4(outerA, outerB, ProtoUDP, udpTo(port, b)))
}

func vxlanFrame(vni uint32, inner []byte) []byte {
	return outerUDP(PortVXLAN, cat(vxlanHeader(vni), inner))
}

// decode runs one Ethernet frame through a decoder that peels everything.
func decode(frame []byte) *Packet {
	return decodeLink(LinkEthernet, frame)
}

func decodeLink(l LinkType, frame []byte) *Packet {
	cfg := DefaultConfig()
	cfg.VerifyChecksums = true
	p := new(Packet)
	NewDecoder(cfg).Decode(p, FrameInfo{Data: frame, Link: l, Number: 1})
	return p
}

// events are the names of p's events.
func events(p *Packet) []string {
	var out []string
	for e := range p.Events.All {
		out = append(out, e.String())
	}
	return out
}
