package packet

const (
	vxlanLen  = 8
	geneveLen = 8
)

// peel notes one tunnel more and forgets the packet that carried it; c then
// stands before the inner frame. It reports whether the depth allows it.
func (d *Decoder) peel(p *Packet, e Encap) bool {
	m := &p.Mirror
	if m.Depth >= maxDepth {
		d.Counters.TunnelTooDeep++
		return false
	}
	if m.Depth == 0 {
		m.OuterSrc, m.OuterDst = p.Src, p.Dst
		m.OuterSrcPort, m.OuterDstPort = p.SrcPort, p.DstPort
		m.OuterProto = p.Proto
		m.Encap = e
	} else if m.Encap == EncapGENEVE && e == EncapVXLAN {
		m.Encap = EncapGENEVEVXLAN
	}
	m.Depth++
	p.VLANs, p.VLAN = 0, [3]uint16{}
	p.EtherType, p.Ether = 0, nil
	p.IPVersion, p.Proto, p.TTL, p.TOS = 0, 0, 0, 0
	p.IPID, p.IPLen, p.l3off = 0, 0, 0
	p.FragOff, p.MoreFrags = 0, false
	p.Src, p.Dst, p.SrcPort, p.DstPort = Addr{}, Addr{}, 0, 0
	p.IP, p.l3, p.L4, p.Payload = nil, nil, nil, nil
	p.PayloadLen, p.l4len = 0, 0
	p.Flags &^= FlagBadL3Sum | FlagBadL4Sum
	return true
}

// setVNI notes a tunnel's network. A GENEVE VNI gives way to the VXLAN inside
// it: the load balancer's own number says nothing of the mirror.
func (m *Mirror) setVNI(vni uint32, e Encap) {
	if !m.HasVNI || e == EncapVXLAN && m.Encap == EncapGENEVEVXLAN && m.Depth == 2 {
		m.FirstVNI = vni
	}
	m.VNI, m.HasVNI = vni, true
}

// datagram begins the walk at a tunnel header whose outer headers the kernel
// took off.
func (d *Decoder) datagram(p *Packet, c *cursor, o *Outer) layer {
	if o.Encap == EncapVXLAN && d.mirroredDatagram(p, c, o) {
		return layerEthernet
	}
	p.Src, p.Dst, p.SrcPort, p.DstPort = o.Src, o.Dst, o.SrcPort, o.DstPort
	p.Proto = ProtoUDP
	p.IPVersion = 6
	if o.Src.Is4() {
		p.IPVersion = 4
	}
	p.Payload, p.PayloadLen = p.Data, p.WireLen
	switch o.Encap {
	case EncapVXLAN:
		return layerVXLAN
	case EncapGENEVE:
		return layerGENEVE
	}
	return layerEnd
}

// udpTunnel peels a tunnel on a known UDP port; layerEnd means that the packet
// is an ordinary one. c stands before the UDP payload.
func (d *Decoder) udpTunnel(p *Packet, c *cursor) layer {
	switch {
	case d.vxlanPorts.has(p.DstPort):
		return d.vxlan(p, c)
	case d.genevePorts.has(p.DstPort):
		return d.geneve(p, c)
	case d.teredoPorts.has(p.DstPort), d.teredoPorts.has(p.SrcPort):
		return d.teredo(p, c)
	}
	return layerEnd
}

// opaque notes a tunnel header without a frame behind it.
func (d *Decoder) opaque() layer {
	d.Counters.TunnelOpaque++
	return layerEnd
}

// vxlan peels a VXLAN header (RFC 7348 §5). The I bit must be set; reserved
// bits are ignored, as the RFC tells receivers to.
func (d *Decoder) vxlan(p *Packet, c *cursor) layer {
	const flagI = 0x08
	b := c.b
	if len(b) < vxlanLen || b[0]&flagI == 0 {
		return d.opaque()
	}
	if !ethernetLike(b[vxlanLen:]) {
		p.Events.Add(EventVXLANUnknownPayloadType)
		return d.opaque()
	}
	if !d.peel(p, EncapVXLAN) {
		return layerEnd
	}
	d.Counters.VXLAN++
	p.Mirror.setVNI(be.Uint32(b[4:])>>8, EncapVXLAN)
	c.skip(vxlanLen)
	c.parentV6 = false
	p.setInner(c, LinkEthernet)
	return layerEthernet
}

// geneve peels a GENEVE header and its options (RFC 8926 §3.4). AWS puts IP
// behind it and three options of class 0x0108; GCP IP, others Ethernet.
func (d *Decoder) geneve(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < geneveLen || b[0]>>6 != 0 {
		return d.opaque()
	}
	hl := geneveLen + int(b[0]&0x3f)*4
	if len(b) < hl {
		return d.opaque()
	}
	proto, vni := be.Uint16(b[2:]), be.Uint32(b[4:])>>8
	l, link := innerLayer(proto, b[hl:])
	if l == layerEnd {
		p.Events.Add(EventGENEVEUnknownPayloadType)
		return d.opaque()
	}
	if !d.peel(p, EncapGENEVE) {
		return layerEnd
	}
	d.Counters.GENEVE++
	p.Mirror.setVNI(vni, EncapGENEVE)
	c.skip(hl)
	c.parentV6 = false
	p.setInner(c, link)
	if link != LinkEthernet {
		p.EtherType = proto
	}
	return l
}

// innerLayer names what a tunnel carries by its EtherType, if b looks like it.
func innerLayer(proto uint16, b []byte) (layer, LinkType) {
	switch {
	case proto == etherIPv4 && ipLike(b, 4):
		return layerIPv4, LinkRaw
	case proto == etherIPv6 && ipLike(b, 6):
		return layerIPv6, LinkRaw
	case proto == etherTEB && ethernetLike(b):
		return layerEthernet, LinkEthernet
	}
	return layerEnd, 0
}

// ipLike reports whether b can begin an IP packet of that version.
func ipLike(b []byte, version uint8) bool {
	if version == 4 {
		return len(b) >= ipv4Len && b[0]>>4 == 4 && b[0]&15 >= 5
	}
	return len(b) >= ipv6Len && b[0]>>4 == 6
}

// ethernetLike reports whether b can begin an Ethernet frame that Decode
// knows. It is what keeps a datagram that only happens to be sent to a tunnel's
// port from losing its outer headers.
func ethernetLike(b []byte) bool {
	if len(b) < ethernetLen {
		return false
	}
	switch t := be.Uint16(b[12:]); t {
	case etherIPv4:
		return ipLike(b[ethernetLen:], 4)
	case etherIPv6:
		return ipLike(b[ethernetLen:], 6)
	case etherARP, etherVLAN, etherQinQ, etherQinQOld, etherQinQOld2, etherMPLS,
		etherMPLSMC, etherPPPoES, etherPPPoED, etherPBB, etherVNTag, etherETag:
		return true
	default:
		return t < minEtherType && int(t) <= len(b)-ethernetLen
	}
}

// ipInIP peels IP in IP (RFC 2003), 6in4 (RFC 4213), 4in6 and 6in6 (RFC 2473).
func (d *Decoder) ipInIP(p *Packet, c *cursor) layer {
	l, link, version := layerIPv4, LinkIPv4, uint8(4)
	if p.Proto == ProtoIPv6 {
		l, link, version = layerIPv6, LinkIPv6, 6
	}
	outer6 := p.IPVersion == 6
	if !ipLike(c.b, version) && !outer6 {
		p.Payload, p.PayloadLen = c.b, c.wire
		return d.opaque()
	}
	if !d.peel(p, EncapIPIP) {
		p.Payload, p.PayloadLen = c.b, c.wire
		return layerEnd
	}
	switch {
	case outer6 && version == 4:
		d.Counters.IPv4InIPv6++
	case outer6:
		d.Counters.IPv6InIPv6++
	case version == 4:
		d.Counters.IPv4InIPv4++
	default:
		d.Counters.IPv6InIPv4++
	}
	c.parentV6 = outer6
	p.setInner(c, link)
	return l
}

// teredo peels IPv6 in UDP (RFC 4380 §5.1.1). Anything may use its port, so
// the inner length must fit the datagram to the byte.
func (d *Decoder) teredo(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) >= 4 && b[0] == 0 && b[1] == 1 { // authentication
		n := 13 + int(b[2]) + int(b[3])
		if len(b) < n {
			return layerEnd
		}
		b = b[n:]
	}
	if len(b) >= 8 && b[0] == 0 && b[1] == 0 { // origin indication
		b = b[8:]
	}
	if !ipLike(b, 6) || ipv6Len+int(be.Uint16(b[4:])) != c.wire-(len(c.b)-len(b)) {
		return layerEnd
	}
	n := len(c.b) - len(b)
	if !d.peel(p, EncapIPIP) {
		return layerEnd
	}
	d.Counters.Teredo++
	c.skip(n)
	c.parentV6 = false
	p.setInner(c, LinkIPv6)
	return layerIPv6
}
