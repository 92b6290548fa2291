package packet

import "encoding/binary"

const (
	ipv4Len   = 20
	ipv6Len   = 40
	maxIPLen  = 65535
	fragUnit  = 8 // fragment offsets count in these
	moreFrags = 0x2000
	offMask   = 0x1fff
)

// IPv4 header, RFC 791 §3.1:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	|Version|  IHL  |Type of Service|          Total Length         |
//	|         Identification        |Flags|      Fragment Offset    |
//	|  Time to Live |    Protocol   |         Header Checksum       |
//	|                       Source Address                          |
//	|                    Destination Address                        |
//
// ipv4 reads it. A header that is broken in itself leaves IPVersion 0: there is
// no address to believe.
func (d *Decoder) ipv4(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < ipv4Len {
		return short(p, c, ipv4Len, tooSmall4(c))
	}
	d.Counters.IPv4++
	hl, total := int(b[0]&15)<<2, int(be.Uint16(b[2:]))
	if b[0]>>4 != 4 || hl < ipv4Len || total < hl || total > c.wire {
		if e, bad := ipv4Fault(p, c, hl, total); bad {
			return invalid(p, e)
		}
	}
	if total < len(b) {
		b = b[:total:total]
	}
	if len(b) < total {
		p.Flags |= FlagTruncated
	}
	p.IPVersion, p.TOS, p.TTL, p.Proto = 4, b[1], b[8], b[9]
	p.IPID = uint32(be.Uint16(b[4:]))
	p.Src.set4(b[12:])
	p.Dst.set4(b[16:])
	p.IPLen, p.l3, p.l3off = total, b, len(p.Inner)-len(c.b)
	hc := min(hl, len(b))
	p.IP = b[:hc:hc]
	if hl > ipv4Len {
		ipv4Options(p, p.IP[ipv4Len:], hc < hl)
	}
	c.b, c.wire = b[hc:], total-hl
	p.L4, p.l4len = c.b, c.wire
	if d.verify && hc == hl && Sum(p.IP) != 0xffff {
		p.Flags |= FlagBadL3Sum
	}
	if f := be.Uint16(b[6:]); f&(moreFrags|offMask) != 0 {
		p.FragOff, p.MoreFrags = f&offMask*fragUnit, f&moreFrags != 0
		p.Flags |= FlagFragment
		return layerEnd
	}
	return d.transport(p, c)
}

// set4 maps four IPv4 bytes in two stores: byte by byte, the wide loads that
// follow would wait for them (30 ns of a packet, 2026-11).
func (a *Addr) set4(b []byte) {
	le := binary.LittleEndian
	le.PutUint64(a[:8], 0)
	le.PutUint64(a[8:], 0xffff<<16|uint64(le.Uint32(b))<<32)
}

// tooSmall4 is the event for an IPv4 header that does not fit.
func tooSmall4(c *cursor) Event {
	if c.parentV6 {
		return EventIPv6IPv4InIPv6TooSmall
	}
	return EventIPv4PktTooSmall
}

// ipv4Fault tells what is wrong with an IPv4 header, if it is. A total length
// beyond the wire is a lie only where the wire's length is known: a mirror
// may have cut what a tunnel carries.
func ipv4Fault(p *Packet, c *cursor, hl, total int) (Event, bool) {
	switch {
	case c.b[0]>>4 != 4 && c.parentV6:
		return EventIPv6IPv4InIPv6WrongVersion, true
	case c.b[0]>>4 != 4:
		return EventIPv4WrongIPVersion, true
	case hl < ipv4Len:
		return EventIPv4HLenTooSmall, true
	case total < hl:
		return EventIPv4IPLenSmallerThanHLen, true
	}
	return EventIPv4TruncPkt, p.Mirror.Depth == 0
}

// IPv4 option numbers (IANA ip-parameters).
const (
	optEOL   = 0
	optNOP   = 1
	optRR    = 7
	optQS    = 25
	optTS    = 68
	optSEC   = 130
	optLSRR  = 131
	optESEC  = 133
	optCIPSO = 134
	optSID   = 136
	optSSRR  = 137
	optRA    = 148
)

// ipv4Options checks the options for what decode-event names. cut says that
// the capture holds only the first of them.
func ipv4Options(p *Packet, b []byte, cut bool) {
	if len(b)%8 != 0 && !cut {
		p.Events.Add(EventIPv4OptPadRequired)
	}
	var seen [256 / 64]uint64
	for len(b) > 0 && b[0] != optEOL {
		if b[0] == optNOP {
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			if !cut {
				p.Events.Add(EventIPv4OptEOLRequired)
			}
			return
		}
		n := int(b[1])
		if n < 2 || n > len(b) {
			if n < 2 || !cut {
				p.Events.Add(EventIPv4OptInvalidLen)
			}
			return
		}
		o := b[0]
		if seen[o>>6]&(1<<(o&63)) != 0 {
			p.Events.Add(EventIPv4OptDuplicate)
		} else if e, bad := ipv4Option(b[:n]); bad {
			p.Events.Add(e)
		}
		seen[o>>6] |= 1 << (o & 63)
		b = b[n:]
	}
}

// ipv4Option checks one option, type and length bytes included.
func ipv4Option(o []byte) (Event, bool) {
	n := len(o)
	switch o[0] {
	case optRR, optLSRR, optSSRR: // RFC 791 §3.1: type, length, pointer, routes
		if n < 3 {
			return EventIPv4OptInvalidLen, true
		}
		ptr := int(o[2])
		return EventIPv4OptMalformed, ptr < 4 || ptr%4 != 0 || ptr > n+1
	case optTS:
		if n < 5 {
			return EventIPv4OptInvalidLen, true
		}
		ptr, flag, size := int(o[2]), o[3]&15, 4
		if flag == 1 || flag == 3 {
			size = 8
		}
		return EventIPv4OptMalformed, ptr < 5 || (ptr-5)%size != 0 || ptr > n+1
	case optQS:
		return EventIPv4OptInvalidLen, n != 8
	case optSEC:
		return EventIPv4OptInvalidLen, n != 11
	case optESEC:
		return EventIPv4OptInvalidLen, n < 3
	case optSID, optRA:
		return EventIPv4OptInvalidLen, n != 4
	case optCIPSO:
		return cipso(o)
	}
	return EventIPv4OptUnknown, true
}

// cipso checks a commercial IP security option (FIPS 188): a domain of four
// bytes, then tags with their own lengths.
func cipso(o []byte) (Event, bool) {
	if len(o) < 8 {
		return EventIPv4OptInvalidLen, true
	}
	for b := o[6:]; len(b) > 0; {
		if len(b) < 2 {
			return EventIPv4OptMalformed, true
		}
		n := int(b[1])
		if n < 4 || n > len(b) || b[0] == 0 {
			return EventIPv4OptMalformed, true
		}
		b = b[n:]
	}
	return 0, false
}
