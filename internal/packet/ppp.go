package packet

// PPP protocol numbers (IANA ppp-numbers).
const (
	pppIPv4    = 0x0021
	pppVJComp  = 0x002d
	pppVJ      = 0x002f
	pppIPv6    = 0x0057
	pppMPLS    = 0x0281
	pppMPLSMC  = 0x0283
	pppControl = 0x8000 // network and link control protocols start here
)

// ppp reads the protocol field, with or without address and control bytes,
// compressed or not (RFC 1661 §2, §6.5, RFC 1662 §3.1).
func (d *Decoder) ppp(p *Packet, c *cursor) layer {
	d.Counters.PPP++
	if len(c.b) >= 2 && c.b[0] == 0xff && c.b[1] == 0x03 {
		c.skip(2)
	}
	if len(c.b) < 2 {
		return short(p, c, 2, EventPPPPktTooSmall)
	}
	n, proto := 2, be.Uint16(c.b)
	if c.b[0]&1 != 0 {
		n, proto = 1, uint16(c.b[0])
	}
	c.skip(n)
	return pppProtocol(p, c, proto)
}

// pppProtocol names the layer behind a PPP protocol number.
func pppProtocol(p *Packet, c *cursor, proto uint16) layer {
	switch proto {
	case pppIPv4:
		if c.wire < ipv4Len {
			return invalid(p, EventPPPIP4PktTooSmall)
		}
		return layerIPv4
	case pppIPv6:
		if c.wire < ipv6Len {
			return invalid(p, EventPPPIP6PktTooSmall)
		}
		return layerIPv6
	case pppVJ:
		if c.wire < ipv4Len {
			return invalid(p, EventPPPVJUPktTooSmall)
		}
		p.Events.Add(EventPPPUnsupProto)
		return layerEnd
	case pppMPLS, pppMPLSMC:
		return layerMPLS
	case pppVJComp:
		p.Events.Add(EventPPPUnsupProto)
		return layerEnd
	}
	if proto >= pppControl {
		p.Events.Add(EventPPPUnsupProto)
		return layerEnd
	}
	return invalid(p, EventPPPWrongType)
}

// pppoe reads a PPPoE header; a session's goes on as PPP, discovery ends here
// (RFC 2516 §4, §5).
func (d *Decoder) pppoe(p *Packet, c *cursor) layer {
	const headerLen = 6
	if len(c.b) < headerLen {
		return short(p, c, headerLen, EventPPPoEPktTooSmall)
	}
	d.Counters.PPPoE++
	code, n := c.b[1], int(be.Uint16(c.b[4:]))
	c.skip(headerLen)
	if p.EtherType == etherPPPoES {
		if code != 0 {
			return invalid(p, EventPPPoEWrongCode)
		}
		return layerPPP
	}
	switch code {
	case 0x09, 0x07, 0x19, 0x65, 0xa7: // PADI, PADO, PADR, PADS, PADT
	default:
		return invalid(p, EventPPPoEWrongCode)
	}
	if n > c.wire {
		p.Events.Add(EventPPPoEMalformedTags)
	}
	pppoeTags(p, c.b[:min(n, len(c.b))], c.cut(n))
	return layerEnd
}

// pppoeTags checks that the tags fill the discovery packet (RFC 2516 §4).
func pppoeTags(p *Packet, b []byte, cut bool) {
	const tagLen = 4
	for len(b) >= tagLen {
		n := tagLen + int(be.Uint16(b[2:]))
		if n > len(b) {
			if !cut {
				p.Events.Add(EventPPPoEMalformedTags)
			}
			return
		}
		b = b[n:]
	}
	if len(b) > 0 && !cut {
		p.Events.Add(EventPPPoEMalformedTags)
	}
}
