package packet

// Bounds of what Decode follows; all are counted when they are hit.
const (
	maxDepth   = 4  // tunnels peeled from one frame
	maxLayers  = 32 // steps of the walk through one frame
	maxExtHdrs = 32 // IPv6 extension headers in one packet
	maxLabels  = 32 // MPLS labels in one stack
	maxPorts   = 4  // UDP ports of one tunnel
)

// UDP ports that IANA gave to the tunnels.
const (
	PortVXLAN  = 4789
	PortGENEVE = 6081
	PortTeredo = 3544
)

// Config says what Decode peels and verifies.
type Config struct {
	VXLAN           bool     // peel VXLAN (decoder.vxlan.enabled)
	VXLANPorts      []uint16 // UDP destination ports, at most 4; none: 4789
	GENEVE          bool     // peel GENEVE (decoder.geneve.enabled)
	GENEVEPorts     []uint16 // UDP destination ports, at most 4; none: 6081
	Teredo          bool     // peel Teredo (decoder.teredo.enabled)
	TeredoPorts     []uint16 // UDP ports of either end, at most 4; none: 3544
	VerifyChecksums bool     // set FlagBadL3Sum and FlagBadL4Sum
}

// DefaultConfig peels every tunnel and leaves checksums alone.
func DefaultConfig() Config {
	return Config{VXLAN: true, GENEVE: true, Teredo: true}
}

// Outer is what a datagram socket knows of the headers that the kernel ate.
// It has the fields of capture.Outer in their order, so that one converts to
// the other.
type Outer struct {
	Encap            Encap // EncapVXLAN or EncapGENEVE; EncapNone: Data is a whole frame
	Src, Dst         Addr
	SrcPort, DstPort uint16
}

// FrameInfo is one captured frame and what its source knows of it. Data is
// borrowed: the Packet holds slices of it until the next Decode.
type FrameInfo struct {
	Data    []byte
	WireLen int    // bytes on the wire; less than len(Data) counts as len(Data)
	Time    int64  // nanoseconds since the epoch
	Number  uint64 // 1-based position in the capture
	Link    LinkType
	Outer   Outer
}

// portSet is a bounded list of UDP ports; unused places hold 0.
type portSet [maxPorts]uint16

func newPortSet(on bool, ports []uint16, std uint16) (s portSet) {
	if !on {
		return s
	}
	if copy(s[:], ports) == 0 {
		s[0] = std
	}
	return s
}

func (s *portSet) has(p uint16) bool {
	return p != 0 && (p == s[0] || p == s[1] || p == s[2] || p == s[3])
}

// Decoder turns frames into packets. It belongs to one worker.
type Decoder struct {
	// Counters are totals since NewDecoder; the owner may read them between
	// two calls of Decode.
	Counters Counters

	vxlanPorts, genevePorts, teredoPorts portSet
	verify                               bool
}

// NewDecoder makes a decoder.
func NewDecoder(cfg Config) *Decoder {
	return &Decoder{
		vxlanPorts:  newPortSet(cfg.VXLAN, cfg.VXLANPorts, PortVXLAN),
		genevePorts: newPortSet(cfg.GENEVE, cfg.GENEVEPorts, PortGENEVE),
		teredoPorts: newPortSet(cfg.Teredo, cfg.TeredoPorts, PortTeredo),
		verify:      cfg.VerifyChecksums,
	}
}

// layer names the header that a cursor stands before. Decoding functions
// return the next one rather than calling it, so that nesting costs no stack;
// only the chain Ethernet, IPv4, TCP calls straight on, for speed.
type layer uint8

const (
	layerEnd layer = iota
	layerEthernet
	layerPPP
	layerMPLS
	layerVLAN
	layerPPPoE
	layerARP
	layerIPv4
	layerIPv6
	layerTransport
	layerVXLAN // only for datagrams whose outer headers the kernel ate
	layerGENEVE
)

// cursor walks a frame from the outside in.
type cursor struct {
	b []byte // captured bytes, from the layer it stands before to the end
	// wire is how many bytes of that layer were sent: by the capture's word at
	// first, by the length fields of the headers passed after that.
	wire int
	// parentV6 says that an IP packet rides in an IPv6 packet, which has its
	// own event names.
	parentV6 bool
}

// cut reports whether n bytes were sent but not all of them captured.
func (c *cursor) cut(n int) bool { return len(c.b) < n && c.wire >= n }

// skip moves past n captured bytes.
func (c *cursor) skip(n int) {
	c.b = c.b[n:]
	c.wire -= n
}

// Decode resets p and fills it from one frame. It never fails: what is wrong
// with the frame is in p.Events and p.Flags, and in d.Counters. A fragment
// comes out with FlagFragment: give it to Defrag.Add.
func (d *Decoder) Decode(p *Packet, f FrameInfo) {
	*p = Packet{}
	p.Time, p.Number, p.Data, p.Link = f.Time, f.Number, f.Data, f.Link
	p.WireLen = max(f.WireLen, len(f.Data))
	c := cursor{b: f.Data, wire: p.WireLen}
	d.Counters.Packets++
	d.Counters.Bytes += uint64(p.WireLen)
	d.Counters.MaxSize = max(d.Counters.MaxSize, uint64(p.WireLen))
	p.setInner(&c, f.Link)
	var l layer
	switch {
	case f.Outer.Encap != EncapNone:
		l = d.datagram(p, &c, &f.Outer)
	case f.Link == LinkEthernet && d.mirrored(p, &c):
		l = layerEthernet
	default:
		l = d.link(p, &c)
	}
	d.walk(p, &c, l)
}

// walk follows the layers inwards from l.
func (d *Decoder) walk(p *Packet, c *cursor, l layer) {
	for n := 0; l != layerEnd; n++ {
		if n == maxLayers {
			d.Counters.TooManyLayers++
			invalid(p, EventTooManyLayers)
			break
		}
		switch l {
		case layerIPv4:
			l = d.ipv4(p, c)
		case layerTransport:
			l = d.transport(p, c)
		case layerEthernet:
			l = d.ethernet(p, c)
		default:
			l = d.rareLayer(p, c, l)
		}
	}
	if p.Flags != 0 || !p.Events.Empty() {
		d.count(p)
	}
}

// rareLayer decodes one layer of those that few frames have.
func (d *Decoder) rareLayer(p *Packet, c *cursor, l layer) layer {
	switch l {
	case layerIPv6:
		return d.ipv6(p, c)
	case layerVLAN:
		return d.vlan(p, c)
	case layerPPP:
		return d.ppp(p, c)
	case layerPPPoE:
		return d.pppoe(p, c)
	case layerMPLS:
		return d.mpls(p, c)
	case layerARP:
		p.EtherType = etherARP
		return d.arp(p, c)
	case layerVXLAN:
		return d.vxlan(p, c)
	case layerGENEVE:
		return d.geneve(p, c)
	}
	return layerEnd
}

// setInner notes that the innermost frame begins where c stands.
func (p *Packet) setInner(c *cursor, link LinkType) {
	p.Inner, p.InnerLink, p.InnerLen = c.b, link, c.wire
}

// invalid notes that a header is broken and nothing beyond it may be trusted.
func invalid(p *Packet, e Event) layer {
	p.Events.Add(e)
	p.Flags |= FlagInvalid
	return layerEnd
}

// short ends the walk at a header of n bytes that is not whole: cut by the
// capture, or too small on the wire, which is event e.
func short(p *Packet, c *cursor, n int, e Event) layer {
	if c.cut(n) {
		p.Flags |= FlagTruncated
		return layerEnd
	}
	return invalid(p, e)
}

// EVEPacket is what EVE's "packet" shows: the innermost frame and its link
// type. Of a packet that came through a tunnel of Ethernet frames it is the IP
// packet, link type raw, as in Suricata. The bytes are borrowed like p.Inner.
func (p *Packet) EVEPacket() ([]byte, LinkType) {
	tagged := p.InnerLink == LinkEthernet || p.InnerLink == linkPrivate
	if p.Mirror.Depth > 0 && tagged && p.IPVersion != 0 {
		return p.l3, LinkRaw
	}
	return p.Inner, p.InnerLink
}
