package packet

// transport reads what the innermost IP packet carries, or peels it.
func (d *Decoder) transport(p *Packet, c *cursor) layer {
	switch p.Proto {
	case ProtoTCP:
		return d.tcp(p, c)
	case ProtoUDP:
		return d.udp(p, c)
	case ProtoICMP:
		if p.IPVersion == 6 {
			p.Payload, p.PayloadLen = c.b, c.wire
			return invalid(p, EventIPv6ICMPv4)
		}
		return d.icmp4(p, c)
	case ProtoICMPv6:
		if p.IPVersion == 4 {
			p.Payload, p.PayloadLen = c.b, c.wire
			return invalid(p, EventIPv4ICMPv6)
		}
		return d.icmp6(p, c)
	case ProtoGRE:
		return d.gre(p, c)
	case ProtoIPIP, ProtoIPv6:
		return d.ipInIP(p, c)
	case ProtoSCTP:
		return d.sctp(p, c)
	case ProtoAH:
		return authHeader(p, c)
	}
	return d.otherProto(p, c)
}

// otherProto leaves protocols without ports of ours as IP payload.
func (d *Decoder) otherProto(p *Packet, c *cursor) layer {
	p.Payload, p.PayloadLen = c.b, c.wire
	switch p.Proto {
	case ProtoESP:
		if len(c.b) < 8 {
			return short(p, c, 8, EventESPPktTooSmall)
		}
		d.Counters.ESP++
	case ProtoIGMP:
		d.Counters.IGMP++
	default:
		if p.IPVersion == 6 {
			p.Events.Add(EventIPv6UnknownNextHeader)
		}
	}
	return layerEnd
}

// authHeader passes an authentication header in IPv4 (RFC 4302): what it
// protects is not hidden. It becomes part of p.IP, as in IPv6.
func authHeader(p *Packet, c *cursor) layer {
	const leastLen = 12
	p.Payload, p.PayloadLen = c.b, c.wire
	if len(c.b) < leastLen {
		if c.cut(leastLen) {
			p.Flags |= FlagTruncated
		}
		return layerEnd
	}
	n := extLen(ProtoAH, c.b[1])
	if len(c.b) < n {
		return layerEnd
	}
	p.Proto = c.b[0]
	c.skip(n)
	hl := len(p.l3) - len(c.b)
	p.IP = p.l3[:hl:hl]
	p.L4, p.l4len = c.b, c.wire
	p.Payload, p.PayloadLen = nil, 0
	return layerTransport
}

const (
	tcpLen  = 20
	udpLen  = 8
	sctpLen = 12
)

// tcp reads the TCP header (RFC 9293 §3.1).
func (d *Decoder) tcp(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < tcpLen {
		if c.cut(tcpLen) {
			ports(p, b)
		}
		return short(p, c, tcpLen, EventTCPPktTooSmall)
	}
	d.Counters.TCP++
	hl := int(b[12]>>4) << 2
	if hl < tcpLen || hl > c.wire {
		return invalid(p, EventTCPHLenTooSmall)
	}
	ports(p, b)
	hc := min(hl, len(b))
	t := &p.TCP
	t.Seq, t.Ack = be.Uint32(b[4:]), be.Uint32(b[8:])
	t.HeaderLen, t.Flags = uint8(hl), b[13]
	t.Window, t.Urgent = be.Uint16(b[14:]), be.Uint16(b[18:])
	if hl > tcpLen {
		t.Options = b[tcpLen:hc:hc]
		tcpOptions(p, t.Options, hc < hl)
	}
	p.Payload, p.PayloadLen = b[hc:], c.wire-hl
	if d.verify {
		p.verifyL4()
	}
	return layerEnd
}

// ports reads source and destination port, as far as they are there.
func ports(p *Packet, b []byte) {
	if len(b) >= 4 {
		p.SrcPort, p.DstPort = be.Uint16(b), be.Uint16(b[2:])
	}
}

// TCP option kinds (IANA tcp-parameters).
const (
	tcpEOL    = 0
	tcpNOP    = 1
	tcpMSS    = 2
	tcpWScale = 3
	tcpSACKOK = 4
	tcpSACK   = 5
	tcpTS     = 8
	tcpMD5    = 19
	tcpAO     = 29
	tcpTFO    = 34
	tcpExp1   = 253
	tcpExp2   = 254
)

// tcpOptions reads the options. cut says that the capture holds only the
// first of them.
func tcpOptions(p *Packet, b []byte, cut bool) {
	// The usual options of a packet after the handshake: NOP, NOP, timestamps.
	if len(b) == 12 && be.Uint32(b) == 0x0101080a {
		p.TCP.HasTS, p.TCP.TSVal, p.TCP.TSEcr = true, be.Uint32(b[4:]), be.Uint32(b[8:])
		return
	}
	var seen uint64
	for len(b) > 0 && b[0] != tcpEOL {
		if b[0] == tcpNOP {
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			return
		}
		n := int(b[1])
		if n < 2 || n > len(b) {
			if n < 2 || !cut {
				p.Events.Add(EventTCPOptInvalidLen)
			}
			return
		}
		tcpOption(p, b[:n], &seen)
		b = b[n:]
	}
}

// tcpOption reads one option, kind and length bytes included; the first of a
// kind counts.
func tcpOption(p *Packet, o []byte, seen *uint64) {
	t := &p.TCP
	if !tcpOptionLenValid(o) {
		p.Events.Add(EventTCPOptInvalidLen)
		return
	}
	switch o[0] {
	case tcpMSS, tcpWScale, tcpSACKOK, tcpSACK, tcpTS:
		if *seen&(1<<o[0]) != 0 {
			p.Events.Add(EventTCPOptDuplicate)
			return
		}
		*seen |= 1 << o[0]
	default:
		return
	}
	switch o[0] {
	case tcpMSS:
		t.MSS = be.Uint16(o[2:])
	case tcpWScale:
		t.WScale, t.HasWScale = min(o[2], 14), true // RFC 7323 §2.3
	case tcpSACKOK:
		t.SACKOK = true
	case tcpTS:
		t.HasTS, t.TSVal, t.TSEcr = true, be.Uint32(o[2:]), be.Uint32(o[6:])
	}
}

// tcpOptionLenValid reports whether o has a length that its kind allows.
func tcpOptionLenValid(o []byte) bool {
	n := len(o)
	switch o[0] {
	case tcpMSS:
		return n == 4
	case tcpWScale:
		return n == 3
	case tcpSACKOK:
		return n == 2
	case tcpSACK:
		return n >= 10 && n <= 34 && (n-2)%8 == 0
	case tcpTS:
		return n == 10
	case tcpMD5:
		return n == 18
	case tcpAO:
		return n >= 4
	case tcpTFO: // RFC 7413 §4.1.1: a request, or 4 to 16 bytes of cookie
		return n == 2 || n >= 6 && n <= 18 && n%2 == 0
	}
	return true
}

// udp reads the UDP header (RFC 768) and peels what it tunnels.
func (d *Decoder) udp(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < udpLen {
		if c.cut(udpLen) {
			ports(p, b)
		}
		return short(p, c, udpLen, EventUDPHLenTooSmall)
	}
	d.Counters.UDP++
	n := int(be.Uint16(b[4:]))
	if n < udpLen || n > c.wire {
		p.Payload, p.PayloadLen = b[udpLen:], c.wire-udpLen
		if n > c.wire {
			return invalid(p, EventUDPPktTooSmall)
		}
		return invalid(p, EventUDPLenInvalid)
	}
	p.SrcPort, p.DstPort = be.Uint16(b), be.Uint16(b[2:])
	if len(b) > n {
		b = b[:n:n]
	}
	p.Payload, p.PayloadLen = b[udpLen:], n-udpLen
	c.b, c.wire = p.Payload, p.PayloadLen
	if l := d.udpTunnel(p, c); l != layerEnd {
		return l
	}
	if d.verify {
		p.verifyL4()
	}
	return layerEnd
}

// sctp reads the common header (RFC 9260 §3.1).
func (d *Decoder) sctp(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < sctpLen {
		if c.cut(sctpLen) {
			ports(p, b)
		}
		return short(p, c, sctpLen, EventSCTPPktTooSmall)
	}
	d.Counters.SCTP++
	ports(p, b)
	p.Payload, p.PayloadLen = b[sctpLen:], c.wire-sctpLen
	return layerEnd
}
