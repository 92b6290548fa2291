package packet

// Offsets in a frame that AWS mirrors: Ethernet, IPv4 without options, UDP,
// VXLAN (reference: the wire format that a mirror target receives).
const (
	skimIP    = ethernetLen
	skimUDP   = skimIP + ipv4Len
	skimVXLAN = skimUDP + udpLen
	skimInner = skimVXLAN + vxlanLen
)

// mirrored peels the envelope of the one shape that nearly every frame of a
// mirror has, in one look (2026-11: 20 of 75 ns a packet). It does what the
// walk through Ethernet, IPv4, UDP and VXLAN does, or nothing: whatever is
// unusual in the envelope is left to the walk.
func (d *Decoder) mirrored(p *Packet, c *cursor) bool {
	b := c.b
	if len(b) < skimInner+ethernetLen+ipv4Len {
		return false
	}
	total, udp := int(be.Uint16(b[skimIP+2:])), int(be.Uint16(b[skimUDP+4:]))
	if be.Uint16(b[12:]) != etherIPv4 || b[skimIP] != 0x45 || b[skimIP+9] != ProtoUDP ||
		be.Uint16(b[skimIP+6:])&(moreFrags|offMask) != 0 ||
		total != ipv4Len+udp || skimIP+total > len(b) || skimIP+total < skimInner+ethernetLen {
		return false
	}
	dst := be.Uint16(b[skimUDP+2:])
	inner := b[skimInner : skimIP+total : skimIP+total]
	if !d.vxlanPorts.has(dst) || b[skimVXLAN]&0x08 == 0 || !ethernetLike(inner) {
		return false
	}
	d.Counters.Ethernet++
	d.Counters.IPv4++
	d.Counters.UDP++
	m := &p.Mirror
	m.OuterSrc.set4(b[skimIP+12:])
	m.OuterDst.set4(b[skimIP+16:])
	m.OuterSrcPort, m.OuterDstPort = be.Uint16(b[skimUDP:]), dst
	d.enterMirrored(p, c, be.Uint32(b[skimVXLAN+4:])>>8, inner)
	return true
}

// mirroredDatagram is mirrored for a datagram whose envelope the kernel ate.
func (d *Decoder) mirroredDatagram(p *Packet, c *cursor, o *Outer) bool {
	b := c.b
	if len(b) < vxlanLen || b[0]&0x08 == 0 || !ethernetLike(b[vxlanLen:]) {
		return false
	}
	m := &p.Mirror
	m.OuterSrc, m.OuterDst = o.Src, o.Dst
	m.OuterSrcPort, m.OuterDstPort = o.SrcPort, o.DstPort
	wire := c.wire - vxlanLen
	d.enterMirrored(p, c, be.Uint32(b[4:])>>8, b[vxlanLen:])
	c.wire, p.InnerLen = wire, wire
	return true
}

// enterMirrored sets what every VXLAN mirror session has in common and stands
// c before the inner frame.
func (d *Decoder) enterMirrored(p *Packet, c *cursor, vni uint32, inner []byte) {
	d.Counters.VXLAN++
	m := &p.Mirror
	m.Encap, m.Depth, m.OuterProto = EncapVXLAN, 1, ProtoUDP
	m.VNI, m.FirstVNI, m.HasVNI = vni, vni, true
	c.b, c.wire = inner, len(inner)
	p.setInner(c, LinkEthernet)
}
