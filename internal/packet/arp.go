package packet

// ARP is an ARP message for IPv4 over Ethernet (RFC 826).
type ARP struct {
	Op             uint16 // 1 request, 2 reply
	SrcMAC, DstMAC [6]byte
	SrcIP, DstIP   [4]byte
}

const arpLen = 28

// arp checks an ARP message and leaves it in p.Payload. Only IPv4 over
// Ethernet is known; anything else is an event.
func (d *Decoder) arp(p *Packet, c *cursor) layer {
	const fixedLen = 8
	if len(c.b) < fixedLen {
		return short(p, c, fixedLen, EventARPPktTooSmall)
	}
	d.Counters.ARP++
	b := c.b
	switch {
	case be.Uint16(b) != 1:
		return invalid(p, EventARPUnsupportedHardware)
	case be.Uint16(b[2:]) != etherIPv4:
		return invalid(p, EventARPUnsupportedProtocol)
	case len(b) < arpLen:
		return short(p, c, arpLen, EventARPInvalidPkt)
	case b[4] != 6:
		return invalid(p, EventARPInvalidHardwareSize)
	case b[5] != 4:
		return invalid(p, EventARPInvalidProtocolSize)
	}
	if op := be.Uint16(b[6:]); op < 1 || op > 10 {
		return invalid(p, EventARPUnsupportedOpcode)
	}
	p.Payload, p.PayloadLen = b[:arpLen:arpLen], arpLen
	return layerEnd
}

// ARP returns the ARP message that p is, if it is a whole one.
func (p *Packet) ARP() (a ARP, ok bool) {
	b := p.Payload
	if p.EtherType != etherARP || p.IPVersion != 0 || len(b) < arpLen {
		return a, false
	}
	a.Op = be.Uint16(b[6:])
	copy(a.SrcMAC[:], b[8:])
	copy(a.SrcIP[:], b[14:])
	copy(a.DstMAC[:], b[18:])
	copy(a.DstIP[:], b[24:])
	return a, true
}
