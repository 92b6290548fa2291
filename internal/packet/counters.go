package packet

// Counters are the decoder's totals. Names follow EVE's stats.decoder.
type Counters struct {
	Packets, Bytes, MaxSize uint64 // MaxSize is the longest frame in bytes
	Invalid                 uint64 // packets with FlagInvalid
	Truncated               uint64 // packets with FlagTruncated
	Fragments               uint64 // packets with FlagFragment
	BadL3Sum, BadL4Sum      uint64
	TooManyLayers           uint64 // frames with too many headers to follow

	Ethernet, Raw, Null, SLL, SLL2, PPP, PPPoE uint64
	VLAN, VLANQinQ, VLANQinQinQ, MPLS          uint64
	IEEE8021ah, VNTag, ETag                    uint64
	ARP, LLC, UnknownEtherType                 uint64
	UnknownLink                                uint64 // link types Decode cannot read

	IPv4, IPv6                    uint64
	TCP, UDP, ICMPv4, ICMPv6      uint64
	SCTP, ESP, IGMP, GRE          uint64
	VXLAN, GENEVE, ERSPAN, Teredo uint64 // tunnels peeled
	IPv4InIPv4, IPv4InIPv6        uint64
	IPv6InIPv4, IPv6InIPv6        uint64
	// TunnelOpaque counts tunnel headers with no frame behind them, which stay
	// ordinary packets; TunnelTooDeep those left alone at depth 4.
	TunnelOpaque, TunnelTooDeep uint64

	Events [NumEvents]uint64
}

// count adds up the rare facts of a finished packet.
func (d *Decoder) count(p *Packet) {
	n := &d.Counters
	for _, f := range [...]struct {
		flag Flags
		at   *uint64
	}{
		{FlagInvalid, &n.Invalid},
		{FlagTruncated, &n.Truncated},
		{FlagFragment, &n.Fragments},
		{FlagBadL3Sum, &n.BadL3Sum},
		{FlagBadL4Sum, &n.BadL4Sum},
	} {
		if p.Flags&f.flag != 0 {
			*f.at++
		}
	}
	for e := range p.Events.All {
		n.Events[e]++
	}
}
