package packet

// IPv6 next-header numbers that are walked through.
const (
	nhHopByHop = 0
	nhRouting  = 43
	nhFragment = 44
	nhNone     = 59
	nhDstOpts  = 60
	nhMobility = 135
	nhHIP      = 139
	nhShim6    = 140
)

// ipv6 reads the fixed header (RFC 8200 §3) and the extension headers.
func (d *Decoder) ipv6(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < ipv6Len {
		e := EventIPv6PktTooSmall
		if c.parentV6 {
			e = EventIPv6IPv6InIPv6TooSmall
		}
		return short(p, c, ipv6Len, e)
	}
	d.Counters.IPv6++
	if b[0]>>4 != 6 {
		if c.parentV6 {
			return invalid(p, EventIPv6IPv6InIPv6WrongVersion)
		}
		return invalid(p, EventIPv6WrongIPVersion)
	}
	total := ipv6Len + int(be.Uint16(b[4:]))
	if total > c.wire && p.Mirror.Depth == 0 {
		return invalid(p, EventIPv6TruncPkt)
	}
	if total < len(b) {
		b = b[:total:total]
	}
	if len(b) < total {
		p.Flags |= FlagTruncated
	}
	p.IPVersion, p.TOS, p.TTL, p.Proto = 6, b[0]<<4|b[1]>>4, b[7], b[6]
	p.Src, p.Dst = Addr(b[8:24]), Addr(b[24:40])
	p.IPID, p.FragOff, p.MoreFrags = 0, 0, false
	p.IPLen, p.l3, p.l3off = total, b, len(p.Inner)-len(c.b)
	c.b, c.wire = b[ipv6Len:], total-ipv6Len
	l := layerTransport
	if extension(p.Proto) {
		l = extHeaders(p, c)
	}
	n := len(b) - len(c.b)
	p.IP = b[:n:n]
	p.L4, p.l4len = c.b, c.wire
	return l
}

// extension reports whether next header nh is one that extHeaders handles.
func extension(nh uint8) bool {
	switch nh {
	case nhHopByHop, nhRouting, nhFragment, nhNone, nhDstOpts, ProtoAH,
		nhMobility, nhHIP, nhShim6:
		return true
	}
	return false
}

// chain is what extHeaders has met so far in one packet.
type chain struct {
	hop, routing, fragment, auth bool
	dst                          uint8
}

// extHeaders walks the extension headers; c ends behind the last of them and
// p.Proto names what follows.
func extHeaders(p *Packet, c *cursor) layer {
	var ch chain
	for range maxExtHdrs {
		nh := p.Proto
		if nh == nhNone {
			if c.wire > 0 {
				p.Events.Add(EventIPv6DataAfterNoneHeader)
			}
			return layerEnd
		}
		if len(c.b) < 2 { // whatever it is: nothing is shorter
			return short(p, c, 2, EventIPv6TruncExtHdr)
		}
		if !extension(nh) {
			return layerTransport
		}
		n := extLen(nh, c.b[1])
		if len(c.b) < n {
			return short(p, c, n, EventIPv6TruncExtHdr)
		}
		ch.visit(p, c, nh, c.b[:n])
		p.Proto = c.b[0]
		c.skip(n)
		if p.Flags&FlagFragment != 0 {
			return layerEnd
		}
	}
	return invalid(p, EventTooManyLayers)
}

// extLen is a header's length in bytes, from its length field.
func extLen(nh, field uint8) int {
	switch nh {
	case nhFragment:
		return 8 // RFC 8200 §4.5: the field is reserved
	case ProtoAH: // RFC 4302 §2.2: in units of 4, minus 2
		return max((int(field)+2)*4, 12)
	}
	return (int(field) + 1) * 8
}

// visit checks one header h of type nh.
func (ch *chain) visit(p *Packet, c *cursor, nh uint8, h []byte) {
	switch nh {
	case nhHopByHop:
		if once(p, &ch.hop, EventIPv6ExtHdrDuplHH) {
			extOptions(p, nh, h[2:])
		}
	case nhDstOpts: // allowed twice: before and after routing (RFC 8200 §4.1)
		if ch.dst++; ch.dst > 2 {
			ch.dst = 2
			p.Events.Add(EventIPv6ExtHdrDuplDH)
			return
		}
		extOptions(p, nh, h[2:])
	case nhRouting:
		if once(p, &ch.routing, EventIPv6ExtHdrDuplRH) && h[2] == 0 {
			p.Events.Add(EventIPv6RHType0) // RFC 5095
		}
	case ProtoAH:
		if be.Uint16(h[2:]) != 0 {
			p.Events.Add(EventIPv6ExtHdrAHResNotNull)
		}
		once(p, &ch.auth, EventIPv6ExtHdrDuplAH)
	case nhFragment:
		if h[1] != 0 {
			p.Events.Add(EventIPv6FHNonZeroReservedField)
		}
		// One behind an atomic one counts: hosts read the atomic one away.
		once(p, &ch.fragment, EventIPv6ExtHdrDuplFH)
		fragmentHeader(p, h, c.wire-len(h))
	}
}

// once notes the first header of a kind, and event e for the others.
func once(p *Packet, seen *bool, e Event) bool {
	if *seen {
		p.Events.Add(e)
		return false
	}
	*seen = true
	return true
}

// fragmentHeader reads h (RFC 8200 §4.5); n bytes of the packet follow it. An
// atomic fragment (RFC 6946) is whole and is read on.
func fragmentHeader(p *Packet, h []byte, n int) {
	f := be.Uint16(h[2:])
	p.FragOff, p.MoreFrags = f&^7, f&1 != 0
	p.IPID = be.Uint32(h[4:])
	if p.MoreFrags && n%fragUnit != 0 {
		p.Events.Add(EventIPv6FragInvalidLength)
	}
	if p.FragOff == 0 && !p.MoreFrags {
		p.Events.Add(EventIPv6ExtHdrUselessFH)
		return
	}
	p.Flags |= FlagFragment
}

// IPv6 option types (IANA ipv6-parameters) with the least length of each.
const (
	opt6Pad1  = 0x00
	opt6PadN  = 0x01
	opt6RA    = 0x05
	opt6Jumbo = 0xc2
	opt6HAO   = 0xc9
)

// extOptions checks the options of a hop-by-hop or destination header.
func extOptions(p *Packet, nh uint8, b []byte) {
	pad, other := false, false
	for len(b) > 0 {
		if b[0] == opt6Pad1 {
			pad, b = true, b[1:]
			continue
		}
		if len(b) < 2 || int(b[1])+2 > len(b) {
			p.Events.Add(EventIPv6ExtHdrInvalidOptLen)
			break
		}
		n := int(b[1])
		if b[0] == opt6PadN {
			pad = true
			if n == 0 {
				p.Events.Add(EventIPv6ZeroLenPadN)
			}
		} else {
			other = true
			if !extOption(p, nh, b[0], n) {
				break
			}
		}
		b = b[n+2:]
	}
	if !pad || other {
		return
	}
	if nh == nhHopByHop {
		p.Events.Add(EventIPv6HopOptsOnlyPadding)
	} else {
		p.Events.Add(EventIPv6DstOptsOnlyPadding)
	}
}

// extOption checks one option that is not padding, by type and data length; it
// reports whether the next one can be found.
func extOption(p *Packet, nh, typ uint8, n int) bool {
	want := 0
	switch typ {
	case opt6RA:
		want = 2
	case opt6Jumbo:
		want = 4
	case opt6HAO:
		want = 16
	default:
		if nh == nhHopByHop {
			p.Events.Add(EventIPv6HopOptsUnknownOpt)
		} else {
			p.Events.Add(EventIPv6DstOptsUnknownOpt)
		}
	}
	if n < want {
		p.Events.Add(EventIPv6ExtHdrInvalidOptLen)
		return false
	}
	return true
}
