package packet

// keepHead copies what stands before the payload of the first fragment: link
// header and IP header, without the IPv6 fragment header. It reports whether
// there is room.
func (t *datagram) keepHead(p *Packet) bool {
	n := p.l3off + len(p.IP)
	if n > headroom || len(p.Inner) < p.l3off {
		return false
	}
	copy(t.head[:], p.Inner[:p.l3off])
	copy(t.head[p.l3off:], p.IP)
	t.l3off, t.link, t.nextProt = p.l3off, p.InnerLink, p.Proto
	t.headLen = n
	if p.IPVersion == 6 {
		t.headLen -= fragUnit
	}
	return true
}

// build puts the header before the payload and mends its lengths. The frame
// is t's buffer.
func (t *datagram) build() []byte {
	start := headroom - t.headLen
	copy(t.buf[start:], t.head[:t.headLen])
	b := t.buf[start : headroom+t.total]
	ip := b[t.l3off:]
	if t.key.version == 4 {
		be.PutUint16(ip[2:], uint16(len(ip)))
		be.PutUint16(ip[6:], 0)
		be.PutUint16(ip[10:], 0)
		be.PutUint16(ip[10:], ^Sum(ip[:t.headLen-t.l3off]))
		return b
	}
	be.PutUint16(ip[4:], uint16(len(ip)-ipv6Len))
	ip[t.nextHeaderAt(ip)] = t.nextProt
	return b
}

// nextHeaderAt finds the byte of the unfragmentable part that announced the
// fragment header.
func (t *datagram) nextHeaderAt(ip []byte) int {
	at, pos := 6, ipv6Len
	for end := t.headLen - t.l3off; pos < end; {
		n := extLen(ip[at], ip[pos+1])
		at, pos = pos, pos+n
	}
	return at
}

// DecodeReassembled turns p, the fragment for which g.Add has just reported
// true, into the datagram that it completed. Time, number, data and mirror stay
// those of that fragment; events start anew. A tunnel inside is peeled, and
// fragments in it go to g: p comes out with FlagFragment when one of those is
// the first word of a datagram not yet whole.
func (d *Decoder) DecodeReassembled(p *Packet, g *Defrag) {
	p.Events = EventSet{}
	for d.reassembled(p, g); p.Flags&FlagFragment != 0; d.reassembled(p, g) {
		if !g.add(p) {
			return
		}
	}
}

// reassembled decodes the datagram that g has just completed.
func (d *Decoder) reassembled(p *Packet, g *Defrag) {
	t := g.done
	if t == nil {
		panic("BUG: packet: DecodeReassembled without a whole datagram")
	}
	g.done = nil
	b := t.build()
	p.Flags = FlagReassembled
	p.FragOff, p.MoreFrags = 0, false
	c := cursor{b: b, wire: len(b)}
	p.setInner(&c, t.link)
	c.skip(t.l3off)
	l := layerIPv4
	if t.key.version == 6 {
		l = layerIPv6
	}
	d.walk(p, &c, l)
}
