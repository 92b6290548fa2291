package packet

// GRE header flags (RFC 2784 §2, RFC 2890 §2, RFC 1701, RFC 2637 §4.1).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greStrict   = 0x0800
	greRecur    = 0x0700
	greAck      = 0x0080 // version 1
	greFlags0   = 0x00f8 // must be zero in version 0
	greFlags1   = 0x0078 // must be zero in version 1
	greVersion  = 0x0007
	greLen      = 4
)

// gre peels GRE. c stands before the GRE header; a payload that is not followed
// leaves the packet as one of IP protocol 47.
func (d *Decoder) gre(p *Packet, c *cursor) layer {
	p.Payload, p.PayloadLen = c.b, c.wire
	if len(c.b) < greLen {
		return short(p, c, greLen, EventGREPktTooSmall)
	}
	d.Counters.GRE++
	f := be.Uint16(c.b)
	switch f & greVersion {
	case 0:
		return d.gre0(p, c, f)
	case 1:
		return d.gre1(p, c, f)
	}
	return invalid(p, EventGREWrongVersion)
}

// gre0 peels RFC 2784 and RFC 2890 GRE, and RFC 1701's source routes.
func (d *Decoder) gre0(p *Packet, c *cursor, f uint16) layer {
	if f&greRecur != 0 {
		return invalid(p, EventGREVersion0Recur)
	}
	if f&greFlags0 != 0 {
		return invalid(p, EventGREVersion0Flags)
	}
	hl := greLen
	for _, opt := range [...]uint16{greKey, greSequence} {
		if f&opt != 0 {
			hl += 4
		}
	}
	if f&(greChecksum|greRouting) != 0 {
		hl += 4
	}
	if len(c.b) < hl {
		return short(p, c, hl, EventGREVersion0HdrTooBig)
	}
	if f&greRouting != 0 {
		n, ok := greRoutes(c.b[hl:])
		if !ok {
			if len(c.b) < c.wire {
				p.Flags |= FlagTruncated
				return layerEnd
			}
			return invalid(p, EventGREVersion0MalformedSREHdr)
		}
		hl += n
	}
	return d.greInner(p, c, be.Uint16(c.b[2:]), hl, f&greSequence != 0)
}

// greRoutes is the length of RFC 1701's list of source route entries, which
// ends in one of length 0.
func greRoutes(b []byte) (int, bool) {
	const entryLen = 4
	for n := 0; len(b)-n >= entryLen; {
		l := int(b[n+3])
		if l == 0 && be.Uint16(b[n:]) == 0 {
			return n + entryLen, true
		}
		n += entryLen + l
	}
	return 0, false
}

// gre1 peels the enhanced GRE of PPTP (RFC 2637 §4.1).
func (d *Decoder) gre1(p *Packet, c *cursor, f uint16) layer {
	switch {
	case f&greChecksum != 0:
		return invalid(p, EventGREVersion1Chksum)
	case f&greRouting != 0:
		return invalid(p, EventGREVersion1Route)
	case f&greStrict != 0:
		return invalid(p, EventGREVersion1SSR)
	case f&greRecur != 0:
		return invalid(p, EventGREVersion1Recur)
	case f&greFlags1 != 0:
		return invalid(p, EventGREVersion1Flags)
	case f&greKey == 0:
		return invalid(p, EventGREVersion1NoKey)
	case be.Uint16(c.b[2:]) != etherPPP:
		return invalid(p, EventGREVersion1WrongProtocol)
	}
	hl := greLen + 4
	if f&greSequence != 0 {
		hl += 4
	}
	if f&greAck != 0 {
		hl += 4
	}
	if len(c.b) < hl {
		return short(p, c, hl, EventGREVersion1HdrTooBig)
	}
	if f&greSequence == 0 {
		return layerEnd // an acknowledgement carries nothing
	}
	return d.greInner(p, c, etherPPP, hl, true)
}

// greInner peels a GRE header of hl bytes by its protocol type.
func (d *Decoder) greInner(p *Packet, c *cursor, proto uint16, hl int, seq bool) layer {
	b := c.b[hl:]
	switch proto {
	case etherERSPAN:
		if !seq {
			return d.erspan(p, c, hl, hl, 0) // type I has no header of its own
		}
		return d.erspan2(p, c, hl)
	case etherERSPAN3:
		return d.erspan3(p, c, hl)
	case etherIPv4, etherIPv6, etherTEB:
		l, link := innerLayer(proto, b)
		return d.greTo(p, c, hl, l, link)
	case etherPPP:
		return d.greTo(p, c, hl, layerPPP, LinkPPP)
	case etherVLAN:
		return d.greTo(p, c, hl, layerVLAN, linkPrivate)
	case etherMPLS, etherMPLSMC:
		return d.greTo(p, c, hl, layerMPLS, linkPrivate)
	case etherARP:
		return d.greTo(p, c, hl, layerARP, linkPrivate)
	}
	return d.opaque()
}

// greTo peels hl bytes of GRE and goes on at l.
func (d *Decoder) greTo(p *Packet, c *cursor, hl int, l layer, link LinkType) layer {
	if l == layerEnd {
		return d.opaque()
	}
	if !d.peel(p, EncapGRE) {
		return layerEnd
	}
	c.skip(hl)
	c.parentV6 = false
	p.setInner(c, link)
	return l
}

// ERSPAN (draft-foschiano-erspan §4): the first word of types II and III holds
// version, VLAN and, in its second half, the session.
const (
	erspan2Len    = 8
	erspan3Len    = 12
	erspan3SubLen = 8
)

// erspan2 peels ERSPAN type II behind hl bytes of GRE.
func (d *Decoder) erspan2(p *Packet, c *cursor, hl int) layer {
	if len(c.b) < hl+erspan2Len {
		return short(p, c, hl+erspan2Len, EventERSPANHeaderTooSmall)
	}
	w := be.Uint32(c.b[hl:])
	if w>>28 != 1 {
		return invalid(p, EventERSPANUnsupportedVersion)
	}
	return d.erspan(p, c, hl, hl+erspan2Len, w)
}

// erspan3 peels ERSPAN type III and its optional subheader.
func (d *Decoder) erspan3(p *Packet, c *cursor, hl int) layer {
	if len(c.b) < hl+erspan3Len {
		return short(p, c, hl+erspan3Len, EventERSPANHeaderTooSmall)
	}
	w := be.Uint32(c.b[hl:])
	if w>>28 != 2 {
		return invalid(p, EventERSPANUnsupportedVersion)
	}
	n := hl + erspan3Len
	if c.b[hl+11]&1 != 0 {
		n += erspan3SubLen
	}
	if len(c.b) < n {
		return short(p, c, n, EventERSPANHeaderTooSmall)
	}
	return d.erspan(p, c, hl, n, w)
}

// erspan goes on at the Ethernet frame behind n bytes of headers, hl of them
// GRE's. w is the first word of the ERSPAN header, 0 when there is none. The
// VLAN that the switch took off the frame, if it tells one, is the frame's
// first.
func (d *Decoder) erspan(p *Packet, c *cursor, hl, n int, w uint32) layer {
	if !ethernetLike(c.b[n:]) {
		return d.opaque()
	}
	if !d.peel(p, EncapERSPAN) {
		return layerEnd
	}
	d.Counters.ERSPAN++
	if w != 0 {
		p.Mirror.setVNI(w&0x3ff, EncapERSPAN)
	}
	if vlan := uint16(w>>16) & 0x0fff; vlan != 0 {
		p.VLAN[0], p.VLANs = vlan, 1
	}
	c.skip(n)
	c.parentV6 = false
	p.setInner(c, LinkEthernet)
	p.InnerLen += n - hl
	return layerEthernet
}
