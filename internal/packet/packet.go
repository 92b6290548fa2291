// Package packet decodes captured frames: link layers, tunnels, IP, transport.
//
// It owns header views, decapsulation and defragmentation. It never allocates
// per packet, never keeps the caller's memory past the call that lent it, and
// never returns an error for what traffic contains: anomalies are event bits
// and counters.
package packet

import "net/netip"

// Dir says which way bytes travel inside a flow.
type Dir uint8

// The client is the side that opened the flow, as far as the mirror has shown.
const (
	ToServer Dir = 0
	ToClient Dir = 1
)

// Opposite is the other direction.
func (d Dir) Opposite() Dir { return d ^ 1 }

// String returns EVE's spelling.
func (d Dir) String() string {
	if d == ToServer {
		return "to_server"
	}
	return "to_client"
}

// Addr is an IP address in 16 bytes; IPv4 is kept as ::ffff:a.b.c.d. It is an
// array so that keys hold no pointer.
type Addr [16]byte

// AddrFrom4 maps four IPv4 bytes.
func AddrFrom4(b [4]byte) Addr {
	return Addr{10: 0xff, 11: 0xff, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}
}

// AddrFrom converts a netip address.
func AddrFrom(a netip.Addr) Addr { return Addr(a.As16()) }

// Is4 reports whether a holds an IPv4 address.
func (a Addr) Is4() bool {
	for i := range 10 {
		if a[i] != 0 {
			return false
		}
	}
	return a[10] == 0xff && a[11] == 0xff
}

// Netip converts for lookups and printing; IPv4 comes out unmapped.
func (a Addr) Netip() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// Encap names how the mirror carried a packet to us.
type Encap uint8

// Encapsulations of mirrored traffic, outermost first where they nest.
const (
	EncapNone Encap = iota
	EncapVXLAN
	EncapGENEVE
	EncapGENEVEVXLAN
	EncapERSPAN
	EncapGRE
	EncapIPIP
)

// String returns the name used in records.
func (e Encap) String() string {
	return [...]string{"none", "vxlan", "geneve", "geneve-vxlan", "erspan", "gre", "ipip"}[e]
}

// Mirror says where a packet came from: the outer headers that were peeled off.
type Mirror struct {
	Encap  Encap
	Depth  uint8 // tunnels peeled, 0 for a bare packet
	HasVNI bool
	VNI    uint32 // innermost VXLAN VNI (or GENEVE VNI, or ERSPAN session)
	// FirstVNI is the VNI of the outermost VXLAN (GENEVE and ERSPAN as VNI).
	// It differs from VNI only where the mirrored traffic carries VXLAN of its
	// own, as container networks do: then FirstVNI names the mirror session.
	FirstVNI uint32
	OuterSrc Addr // outermost IP source: the mirrored ENI's address
	OuterDst Addr
	OuterSrcPort,
	OuterDstPort uint16
	OuterProto uint8 // IP protocol of the outermost header (17 for VXLAN)
}

// Flags are facts about one packet.
type Flags uint16

const (
	// FlagTruncated: the capture or the mirror cut the frame short.
	FlagTruncated Flags = 1 << iota
	// FlagFragment: an IP fragment that Defrag has not completed.
	FlagFragment
	// FlagReassembled: Data was built by Defrag from several fragments.
	FlagReassembled
	// FlagDup: a second copy of a packet that another mirror session showed.
	FlagDup
	// FlagBadL3Sum and FlagBadL4Sum: checksum verified and wrong.
	FlagBadL3Sum
	FlagBadL4Sum
	// FlagInvalid: a header is broken so that nothing beyond it may be
	// trusted; the packet counts but joins no flow.
	FlagInvalid
	// FlagFlowEnd: a pseudo packet made when a flow ends, so that what is
	// left can be inspected ("stream (flow timeout)" in EVE).
	FlagFlowEnd
)

// TCP flag bits.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// IP protocol numbers we name.
const (
	ProtoICMP   = 1
	ProtoIGMP   = 2
	ProtoIPIP   = 4
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoIPv6   = 41
	ProtoGRE    = 47
	ProtoESP    = 50
	ProtoAH     = 51
	ProtoICMPv6 = 58
	ProtoSCTP   = 132
)

// LinkType is a pcap link type (LINKTYPE_ registry).
type LinkType uint16

// Link types that Decode reads.
const (
	LinkNull     LinkType = 0
	LinkEthernet LinkType = 1
	LinkPPP      LinkType = 9
	LinkRawBSD   LinkType = 12
	LinkRaw      LinkType = 101
	LinkLoop     LinkType = 108
	LinkSLL      LinkType = 113
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276
)

// Packet is one decoded frame: the innermost IP packet and the facts of the
// way to it. Decode fills it; the slices borrow the frame (or Defrag's buffer)
// and die with the next Decode. The zero value is ready for use; one Packet is
// used again for every frame of a worker.
type Packet struct {
	Time    int64  // nanoseconds since the epoch, from the capture
	Number  uint64 // 1-based position in the capture (EVE pcap_cnt)
	Data    []byte // the captured frame, outermost byte first
	WireLen int    // length on the wire, >= len(Data)
	Link    LinkType

	Mirror Mirror
	Tenant uint32 // set by the sensor from Mirror before the flow lookup
	VLAN   [3]uint16
	VLANs  uint8

	Inner     []byte   // the innermost link or IP frame: what EVE "packet" prints
	InnerLink LinkType // link type of Inner
	InnerLen  int      // length of Inner on the wire, an ERSPAN header included
	EtherType uint16   // of the innermost frame, 0 when it has none
	Ether     []byte   // innermost Ethernet header (14 bytes), or nil

	IPVersion uint8 // 4, 6, or 0 when there is no IP
	Proto     uint8 // transport protocol after extension headers
	TTL       uint8 // TTL or hop limit
	TOS       uint8
	IPID      uint32 // identification, IPv6: of the fragment header
	FragOff   uint16 // fragment offset in bytes
	MoreFrags bool
	Src, Dst  Addr
	IP        []byte // IP header with options and extension headers
	IPLen     int    // total length the IP header claims, header included

	L4      []byte // transport header and payload, as far as captured
	Payload []byte // transport payload, never beyond the IP length
	// PayloadLen is what the IP length claims; PayloadLen - len(Payload) bytes
	// are missing when the frame was truncated.
	PayloadLen       int
	SrcPort, DstPort uint16 // TCP, UDP, SCTP
	ICMPType         uint8
	ICMPCode         uint8

	TCP TCP // valid when Proto is TCP and the header was whole

	Flags  Flags
	Events EventSet // decoder events, in Suricata's names

	l3    []byte // the IP packet, header to payload, never beyond IPLen
	l3off int    // where l3 starts in Inner
	l4len int    // length of the transport packet that the IP header claims
}

// TCP is the decoded TCP header.
type TCP struct {
	Seq, Ack  uint32
	Flags     uint8
	HeaderLen uint8 // bytes, options included
	Window    uint16
	Urgent    uint16
	Options   []byte
	MSS       uint16 // 0 when absent
	WScale    uint8
	HasWScale bool
	HasTS     bool
	TSVal     uint32
	TSEcr     uint32
	SACKOK    bool
}

// Has reports whether all bits of f are set.
func (p *Packet) Has(f Flags) bool { return p.Flags&f == f }
