package packet

import "encoding/binary"

// EtherTypes that are followed or counted.
const (
	etherIPv4     = 0x0800
	etherARP      = 0x0806
	etherTEB      = 0x6558 // transparent Ethernet bridging
	etherVLAN     = 0x8100
	etherIPv6     = 0x86dd
	etherPPP      = 0x880b
	etherMPLS     = 0x8847
	etherMPLSMC   = 0x8848
	etherPPPoED   = 0x8863
	etherPPPoES   = 0x8864
	etherQinQ     = 0x88a8
	etherERSPAN   = 0x88be
	etherPBB      = 0x88e7 // IEEE 802.1ah
	etherVNTag    = 0x8926
	etherETag     = 0x893f // IEEE 802.1BR
	etherQinQOld  = 0x9100
	etherQinQOld2 = 0x9200
	etherERSPAN3  = 0x22eb
	minEtherType  = 0x0600 // below it the field is an IEEE 802.3 length
)

const (
	ethernetLen = 14
	linkRaw2    = LinkType(14)  // raw IP by OpenBSD's number
	linkPrivate = LinkType(147) // LINKTYPE_USER0: a tag or ARP right behind GRE
	sllLen      = 16
	sll2Len     = 20
)

var be = binary.BigEndian

// link begins the walk at the capture's link header.
func (d *Decoder) link(p *Packet, c *cursor) layer {
	switch p.Link {
	case LinkEthernet:
		return layerEthernet
	case LinkRaw, LinkRawBSD, linkRaw2:
		d.Counters.Raw++
		return rawIP(p, c)
	case LinkIPv4:
		d.Counters.Raw++
		return layerIPv4
	case LinkIPv6:
		d.Counters.Raw++
		return layerIPv6
	case LinkPPP:
		return layerPPP
	case LinkNull, LinkLoop:
		return d.null(p, c)
	case LinkSLL:
		return d.cooked(p, c)
	case LinkSLL2:
		return d.cooked2(p, c)
	}
	d.Counters.UnknownLink++
	return layerEnd
}

// ethernet reads an Ethernet II header, or IEEE 802.3 with LLC.
func (d *Decoder) ethernet(p *Packet, c *cursor) layer {
	if len(c.b) < ethernetLen {
		return short(p, c, ethernetLen, EventEthernetPktTooSmall)
	}
	d.Counters.Ethernet++
	p.Ether = c.b[:ethernetLen:ethernetLen]
	t := be.Uint16(c.b[12:])
	c.skip(ethernetLen)
	if t >= minEtherType {
		return d.etherType(p, c, t, EventEthernetUnknownEtherType)
	}
	return d.llc(p, c)
}

// llc follows IEEE 802.2 SNAP to the EtherType it carries; other LLC frames
// (spanning tree, IS-IS) carry no IP and are counted.
func (d *Decoder) llc(p *Packet, c *cursor) layer {
	d.Counters.LLC++
	const snapLen = 8
	b := c.b
	if len(b) < snapLen || b[0] != 0xaa || b[1] != 0xaa || b[2] != 3 || b[3]|b[4]|b[5] != 0 {
		return layerEnd
	}
	t := be.Uint16(b[6:])
	c.skip(snapLen)
	return d.etherType(p, c, t, EventEthernetUnknownEtherType)
}

// etherType names the layer behind an EtherType; c stands behind the field,
// and unknown is the event for a type that is not followed.
func (d *Decoder) etherType(p *Packet, c *cursor, t uint16, unknown Event) layer {
	p.EtherType = t
	switch t {
	case etherIPv4:
		return d.ipv4(p, c)
	case etherIPv6:
		return layerIPv6
	case etherVLAN, etherQinQ, etherQinQOld, etherQinQOld2:
		return layerVLAN
	case etherARP:
		return d.arp(p, c)
	case etherMPLS, etherMPLSMC:
		return layerMPLS
	case etherPPPoES, etherPPPoED:
		return layerPPPoE
	case etherPBB:
		return d.pbb(p, c)
	case etherVNTag:
		d.Counters.VNTag++
		return d.tagged(p, c, 6, EventVNTagHeaderTooSmall)
	case etherETag:
		d.Counters.ETag++
		return d.tagged(p, c, 8, EventVLANHeaderTooSmall)
	case etherTEB:
		return layerEthernet
	}
	d.Counters.UnknownEtherType++
	p.Events.Add(unknown)
	return layerEnd
}

// tagged passes a tag of n bytes that ends in the next EtherType.
func (d *Decoder) tagged(p *Packet, c *cursor, n int, e Event) layer {
	if len(c.b) < n {
		return short(p, c, n, e)
	}
	t := be.Uint16(c.b[n-2:])
	c.skip(n)
	return d.etherType(p, c, t, EventVNTagUnknownType)
}

// pbb passes the service tag of IEEE 802.1ah; a whole Ethernet frame follows
// its four bytes.
func (d *Decoder) pbb(p *Packet, c *cursor) layer {
	const tagLen = 4
	if len(c.b) < tagLen+ethernetLen {
		return short(p, c, tagLen+ethernetLen, EventIEEE8021ahHeaderTooSmall)
	}
	d.Counters.IEEE8021ah++
	c.skip(tagLen)
	return layerEthernet
}

// vlan reads one tag. The first three are kept, more are an event; the walk
// goes on behind them, so that a stack of tags hides nothing.
func (d *Decoder) vlan(p *Packet, c *cursor) layer {
	const tagLen = 4
	if len(c.b) < tagLen {
		return short(p, c, tagLen, EventVLANHeaderTooSmall)
	}
	if int(p.VLANs) == len(p.VLAN) {
		p.Events.Add(EventVLANTooManyLayers)
	} else {
		p.VLAN[p.VLANs] = be.Uint16(c.b) & 0x0fff
		p.VLANs++
		switch p.VLANs {
		case 1:
			d.Counters.VLAN++
		case 2:
			d.Counters.VLANQinQ++
		case 3:
			d.Counters.VLANQinQinQ++
		}
	}
	t := be.Uint16(c.b[2:])
	c.skip(tagLen)
	if t < minEtherType {
		return d.llc(p, c)
	}
	return d.etherType(p, c, t, EventVLANUnknownType)
}

// null reads BSD's four bytes of address family, in either byte order.
func (d *Decoder) null(p *Packet, c *cursor) layer {
	const familyLen = 4
	if len(c.b) < familyLen {
		return short(p, c, familyLen, EventNullPktTooSmall)
	}
	d.Counters.Null++
	af := be.Uint32(c.b)
	if af > 0xffff {
		af = binary.LittleEndian.Uint32(c.b)
	}
	c.skip(familyLen)
	switch af {
	case 2:
		return layerIPv4
	case 10, 24, 28, 30: // Linux, BSD, FreeBSD, Darwin
		return layerIPv6
	}
	return invalid(p, EventNullUnsupportedType)
}

// cooked reads LINKTYPE_LINUX_SLL.
func (d *Decoder) cooked(p *Packet, c *cursor) layer {
	if len(c.b) < sllLen {
		return short(p, c, sllLen, EventSLLPktTooSmall)
	}
	d.Counters.SLL++
	t := be.Uint16(c.b[14:])
	c.skip(sllLen)
	return d.cookedType(p, c, t)
}

// cooked2 reads LINKTYPE_LINUX_SLL2.
func (d *Decoder) cooked2(p *Packet, c *cursor) layer {
	if len(c.b) < sll2Len {
		return short(p, c, sll2Len, EventSLL2PktTooSmall)
	}
	d.Counters.SLL2++
	t := be.Uint16(c.b)
	c.skip(sll2Len)
	return d.cookedType(p, c, t)
}

// cookedType names the layer behind a cooked header: an EtherType, or one of
// Linux's own numbers, of which 4 is 802.2.
func (d *Decoder) cookedType(p *Packet, c *cursor, t uint16) layer {
	if t >= minEtherType {
		return d.etherType(p, c, t, EventEthernetUnknownEtherType)
	}
	if t == 4 {
		return d.llc(p, c)
	}
	d.Counters.UnknownEtherType++
	return layerEnd
}

// rawIP tells the IP version by its first four bits.
func rawIP(p *Packet, c *cursor) layer {
	if len(c.b) == 0 {
		return short(p, c, 1, EventIPv4PktTooSmall)
	}
	switch c.b[0] >> 4 {
	case 4:
		return layerIPv4
	case 6:
		return layerIPv6
	}
	return invalid(p, EventIPRawInvalidIPVersion)
}

// mpls passes a label stack (RFC 3032 §2.1) and guesses what it carries.
func (d *Decoder) mpls(p *Packet, c *cursor) layer {
	const labelLen = 4
	d.Counters.MPLS++
	for range maxLabels {
		if len(c.b) < labelLen {
			return short(p, c, labelLen, EventMPLSHeaderTooSmall)
		}
		w := be.Uint32(c.b)
		c.skip(labelLen)
		if w&0x100 != 0 {
			return d.mplsPayload(p, c, w>>12)
		}
	}
	d.Counters.TooManyLayers++
	return invalid(p, EventTooManyLayers)
}

// mplsPayload names what follows the last label (RFC 3032 §2.1, RFC 7274).
func (d *Decoder) mplsPayload(p *Packet, c *cursor, label uint32) layer {
	const ipv4Null, routerAlert, ipv6Null, implicitNull, reserved = 0, 1, 2, 3, 16
	switch {
	case label == ipv4Null:
		return layerIPv4
	case label == ipv6Null:
		return layerIPv6
	case label == routerAlert:
		p.Events.Add(EventMPLSBadLabelRouterAlert)
	case label == implicitNull:
		p.Events.Add(EventMPLSBadLabelImplicitNull)
	case label < reserved:
		p.Events.Add(EventMPLSBadLabelReserved)
	}
	if len(c.b) == 0 {
		return short(p, c, 1, EventMPLSPktTooSmall)
	}
	const controlWordLen = 4
	switch v := c.b[0] >> 4; {
	case v == 4:
		return layerIPv4
	case v == 6:
		return layerIPv6
	case v == 0 && len(c.b) >= controlWordLen+ethernetLen:
		c.skip(controlWordLen) // RFC 4385 §3
		return layerEthernet
	}
	p.Events.Add(EventMPLSUnknownPayloadType)
	return layerEnd
}
