package packet

const icmpLen = 8

// ICMPv4 types (IANA icmp-parameters) with the greatest code of each.
const (
	icmpEchoReply = 0
	icmpUnreach   = 3
	icmpQuench    = 4
	icmpRedirect  = 5
	icmpEcho      = 8
	icmpAdvert    = 9
	icmpSolicit   = 10
	icmpExceeded  = 11
	icmpParam     = 12
	icmpMaskReply = 18
)

// icmp4 reads type and code and checks them and the packet that an error
// message quotes (RFC 792).
func (d *Decoder) icmp4(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < icmpLen {
		if len(b) >= 2 {
			p.ICMPType, p.ICMPCode = b[0], b[1]
		}
		return short(p, c, icmpLen, EventICMPv4PktTooSmall)
	}
	d.Counters.ICMPv4++
	p.ICMPType, p.ICMPCode = b[0], b[1]
	p.Payload, p.PayloadLen = b[icmpLen:], c.wire-icmpLen
	code, quotes := 0, false // the greatest code; whether a packet is quoted
	switch t := p.ICMPType; t {
	case icmpUnreach:
		code, quotes = 15, true
	case icmpRedirect:
		code, quotes = 3, true
	case icmpExceeded:
		code, quotes = 1, true
	case icmpParam:
		code, quotes = 2, true
	case icmpQuench:
		quotes = true
	case icmpAdvert, icmpSolicit:
		code = 255
	case icmpEchoReply, icmpEcho:
	default:
		if t <= icmpParam || t > icmpMaskReply {
			p.Events.Add(EventICMPv4UnknownType)
			code = 255
		}
	}
	switch {
	case int(p.ICMPCode) > code:
		p.Events.Add(EventICMPv4UnknownCode)
	case quotes:
		icmp4Quote(p)
	}
	if d.verify {
		p.verifyL4()
	}
	return layerEnd
}

// icmp4Quote checks the IPv4 header that an error message quotes.
func icmp4Quote(p *Packet) {
	switch {
	case p.PayloadLen == 0:
	case p.PayloadLen < ipv4Len:
		p.Events.Add(EventICMPv4IPv4TruncPkt)
	case len(p.Payload) > 0 && p.Payload[0]>>4 != 4:
		p.Events.Add(EventICMPv4IPv4UnknownVer)
	}
}

// ICMPv6 types (IANA icmpv6-parameters).
const (
	icmp6Unreach   = 1
	icmp6TooBig    = 2
	icmp6Exceeded  = 3
	icmp6Param     = 4
	icmp6Echo      = 128
	icmp6EchoReply = 129
	icmp6MLDQuery  = 130
	icmp6MLDReport = 131
	icmp6MLDDone   = 132
	icmp6NDFirst   = 133
	icmp6NDLast    = 137
	icmp6Renumber  = 138
	icmp6NodeQuery = 139
	icmp6NodeReply = 140
	icmp6MLDv2     = 143
	icmp6Last      = 161
)

// icmp6 reads type and code and checks them (RFC 4443).
func (d *Decoder) icmp6(p *Packet, c *cursor) layer {
	b := c.b
	if len(b) < icmpLen {
		if len(b) >= 2 {
			p.ICMPType, p.ICMPCode = b[0], b[1]
		}
		return short(p, c, icmpLen, EventICMPv6PktTooSmall)
	}
	d.Counters.ICMPv6++
	p.ICMPType, p.ICMPCode = b[0], b[1]
	p.Payload, p.PayloadLen = b[icmpLen:], c.wire-icmpLen
	switch code := icmp6Codes(p); {
	case int(p.ICMPCode) > code:
		p.Events.Add(EventICMPv6UnknownCode)
	case p.ICMPType >= icmp6Unreach && p.ICMPType <= icmp6Param: // errors quote a packet
		icmp6Quote(p)
	}
	if d.verify {
		p.verifyL4()
	}
	return layerEnd
}

// icmp6Codes checks the type and returns the greatest code that it has.
func icmp6Codes(p *Packet) int {
	switch t := p.ICMPType; t {
	case icmp6Unreach:
		return 7
	case icmp6Exceeded:
		return 1
	case icmp6Param:
		return 10
	case icmp6TooBig, icmp6Echo, icmp6EchoReply:
		return 0
	case icmp6MLDQuery, icmp6MLDReport, icmp6MLDDone, icmp6MLDv2:
		if p.TTL != 1 { // RFC 2710 §3, RFC 3810 §5
			p.Events.Add(EventICMPv6MLDMessageWithInvalidHL)
		}
		return 0
	case 100, 101, 200, 201:
		p.Events.Add(EventICMPv6ExperimentationType)
	case 127, 255: // reserved for expansion
		p.Events.Add(EventICMPv6UnknownType)
	default:
		if t < icmp6Echo || t > icmp6Last {
			p.Events.Add(EventICMPv6UnassignedType)
		} else if t >= icmp6NDFirst && t <= icmp6NDLast {
			return 0
		}
	}
	return 255
}

// icmp6Quote checks the IPv6 header that an error message quotes.
func icmp6Quote(p *Packet) {
	switch {
	case p.PayloadLen < ipv6Len:
		p.Events.Add(EventICMPv6IPv6TruncPkt)
	case len(p.Payload) > 0 && p.Payload[0]>>4 != 6:
		p.Events.Add(EventICMPv6IPv6UnknownVersion)
	}
}
