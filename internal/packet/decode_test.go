package packet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// summary is what the tables compare.
type summary struct {
	Version, Proto   uint8
	Src, Dst         string
	SrcPort, DstPort uint16
	Payload          string
	PayloadLen       int
	VLANs            []uint16
	Flags            Flags
	Events           []string
}

func summarize(p *Packet) summary {
	s := summary{
		Version: p.IPVersion, Proto: p.Proto, SrcPort: p.SrcPort, DstPort: p.DstPort,
		Payload: string(p.Payload), PayloadLen: p.PayloadLen, Flags: p.Flags,
		VLANs: append([]uint16(nil), p.VLAN[:p.VLANs]...), Events: events(p),
	}
	if p.IPVersion != 0 {
		s.Src, s.Dst = p.Src.Netip().String(), p.Dst.Netip().String()
	}
	return s
}

func udp4(b string) []byte {
	return ip4(addrA, addrB, ProtoUDP, udpTo(53, []byte(b)))
}

func udp6(b string) []byte { return ip6(ProtoUDP, sum6(udpTo(53, []byte(b)))) }

// sum6 gives a UDP packet its IPv6 checksum.
func sum6(u []byte) []byte { return sumL4(addrA6[:], addrB6[:], ProtoUDP, 6, u) }

func TestLinkLayers(t *testing.T) {
	want4 := summary{Version: 4, Proto: ProtoUDP, Src: "10.0.0.1", Dst: "10.0.0.2",
		SrcPort: 40000, DstPort: 53, Payload: "hello", PayloadLen: 5}
	want6 := want4
	want6.Version, want6.Src, want6.Dst = 6, "2001:db8::1", "2001:db8::2"
	with := func(s summary, vlans ...uint16) summary {
		s.VLANs = vlans
		return s
	}
	v4, v6 := udp4("hello"), udp6("hello")
	sll := func(typ uint16, b []byte) []byte { return cat(make([]byte, 14), u16(typ), b) }
	mplsTo := func(label uint32, b []byte) []byte { return cat(u32(100<<12, label<<12|0x100), b) }
	for _, tc := range []struct {
		name  string
		link  LinkType
		frame []byte
		want  summary
	}{
		{"ethernet", LinkEthernet, ether(etherIPv4, v4), want4},
		{"ethernet padding", LinkEthernet, append(ether(etherIPv4, v4), make([]byte, 9)...), want4},
		{"ethernet ipv6", LinkEthernet, ether(etherIPv6, v6), want6},
		{"snap", LinkEthernet, ether(uint16(len(v4)+8), cat([]byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, v4)), want4},
		{"vlan", LinkEthernet, ether(etherVLAN, tag(0x2005, etherIPv4, v4)), with(want4, 5)},
		{"qinq", LinkEthernet, ether(etherQinQ, tag(6, etherVLAN, tag(5, etherIPv4, v4))), with(want4, 6, 5)},
		{"three tags", LinkEthernet, ether(etherQinQ, tag(7, etherVLAN, tag(6, etherVLAN, tag(5, etherIPv6, v6)))), with(want6, 7, 6, 5)},
		{"vntag", LinkEthernet, ether(etherVNTag, cat(make([]byte, 4), u16(etherIPv4), v4)), want4},
		{"etag", LinkEthernet, ether(etherETag, cat(make([]byte, 6), u16(etherIPv4), v4)), want4},
		{"802.1ah", LinkEthernet, ether(etherPBB, cat(make([]byte, 4), ether(etherIPv4, v4))), want4},
		{"mpls", LinkEthernet, ether(etherMPLS, mplsTo(77, v4)), want4},
		{"mpls ipv6 null", LinkEthernet, ether(etherMPLS, mplsTo(2, v6)), want6},
		{"mpls pseudowire", LinkEthernet, ether(etherMPLS, mplsTo(77, cat(make([]byte, 4), ether(etherIPv4, v4)))), want4},
		{"pppoe", LinkEthernet, ether(etherPPPoES, cat([]byte{0x11, 0, 0, 1}, u16(uint16(len(v4)+2), 0x21), v4)), want4},
		{"ppp", LinkPPP, cat([]byte{0xff, 3, 0, 0x21}, v4), want4},
		{"ppp compressed", LinkPPP, cat([]byte{0x57}, v6), want6},
		{"null little endian", LinkNull, cat([]byte{2, 0, 0, 0}, v4), want4},
		{"null darwin ipv6", LinkNull, cat([]byte{30, 0, 0, 0}, v6), want6},
		{"loop", LinkLoop, cat([]byte{0, 0, 0, 2}, v4), want4},
		{"raw", LinkRaw, v4, want4},
		{"raw bsd", LinkRawBSD, v6, want6},
		{"raw openbsd", 14, v4, want4},
		{"raw ipv4", LinkIPv4, v4, want4},
		{"raw ipv6", LinkIPv6, v6, want6},
		{"cooked", LinkSLL, sll(etherIPv4, v4), want4},
		{"cooked vlan", LinkSLL, sll(etherVLAN, tag(9, etherIPv4, v4)), with(want4, 9)},
		{"cooked 2", LinkSLL2, cat(u16(etherIPv6), make([]byte, 18), v6), want6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, summarize(decodeLink(tc.link, tc.frame))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestARP(t *testing.T) {
	msg := cat(u16(1, etherIPv4), []byte{6, 4}, u16(2), []byte{2, 0, 0, 0, 0, 1}, addrA[:],
		[]byte{2, 0, 0, 0, 0, 2}, addrB[:])
	p := decode(ether(etherARP, msg))
	want := ARP{Op: 2, SrcMAC: [6]byte{2, 5: 1}, DstMAC: [6]byte{2, 5: 2}, SrcIP: addrA, DstIP: addrB}
	if a, ok := p.ARP(); !ok || a != want {
		t.Errorf("ARP: want %+v, got %+v, %v", want, a, ok)
	}
	if _, ok := decode(tcpFrame(0)).ARP(); ok {
		t.Error("ARP: a TCP packet is none")
	}
}

func TestIPv4Header(t *testing.T) {
	p := decode(ether(etherIPv4, ip4opt(addrA, addrB, ProtoUDP, 0xbeef, 0x4000,
		[]byte{148, 4, 0, 0, 1, 1, 1, 0}, udpTo(53, nil))))
	if p.IPID != 0xbeef || p.TTL != 64 || len(p.IP) != 28 || p.IPLen != 36 || p.Flags != 0 || len(events(p)) != 0 {
		t.Errorf("got id %#x ttl %d header %d length %d flags %#x events %v",
			p.IPID, p.TTL, len(p.IP), p.IPLen, p.Flags, events(p))
	}
}

func TestIPv6Chain(t *testing.T) {
	opts := func(nh uint8) []byte { return []byte{nh, 0, 5, 2, 0, 0, 1, 0} }
	routing := []byte{ProtoAH, 0, 3, 0, 0, 0, 0, 0}
	ah := cat([]byte{nhDstOpts, 4, 0, 0}, make([]byte, 20))
	mobility := []byte{ProtoUDP, 0, 0, 0, 0, 0, 0, 0}
	p := decode(ether(etherIPv6, ip6(nhHopByHop, cat(opts(nhRouting), routing, ah,
		[]byte{nhMobility, 0, 1, 4, 0, 0, 0, 0}, mobility, sum6(udpTo(53, []byte("x")))))))
	got := summarize(p)
	want := summary{Version: 6, Proto: ProtoUDP, Src: "2001:db8::1", Dst: "2001:db8::2",
		SrcPort: 40000, DstPort: 53, Payload: "x", PayloadLen: 1,
		Events: []string{"ipv6.dstopts_only_padding", "ipv6.zero_len_padn"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(p.IP) != 40+8+8+24+8+8 {
		t.Errorf("IP header: want 96 bytes, got %d", len(p.IP))
	}
}

func TestTCPHeader(t *testing.T) {
	opts := []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 1, 3, 3, 7}
	p := decode(ether(etherIPv4, ip4(addrA, addrB, ProtoTCP, tcp4(SYN|ECE, opts, nil))))
	want := TCP{Seq: 1000, Ack: 2000, Flags: SYN | ECE, HeaderLen: 40, Window: 8192, Options: opts,
		MSS: 1460, WScale: 7, HasWScale: true, HasTS: true, TSVal: 9, TSEcr: 8, SACKOK: true}
	if diff := cmp.Diff(want, p.TCP); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.Flags != 0 || p.SrcPort != 1234 || p.DstPort != 80 {
		t.Errorf("got flags %#x ports %d %d", p.Flags, p.SrcPort, p.DstPort)
	}
	fast := []byte{1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8}
	if p := decode(ether(etherIPv4, ip4(addrA, addrB, ProtoTCP, tcp4(ACK, fast, nil)))); !p.TCP.HasTS || p.TCP.TSVal != 9 {
		t.Errorf("timestamps: want 9, got %+v", p.TCP)
	}
}

func TestOtherTransports(t *testing.T) {
	for _, tc := range []struct {
		name    string
		proto   uint8
		l4      []byte
		ports   [2]uint16
		payload int
	}{
		{"sctp", ProtoSCTP, cat(u16(5000, 36412), make([]byte, 8), []byte("data")), [2]uint16{5000, 36412}, 4},
		{"esp", ProtoESP, make([]byte, 32), [2]uint16{}, 32},
		{"igmp", ProtoIGMP, make([]byte, 8), [2]uint16{}, 8},
		{"unknown", 200, make([]byte, 3), [2]uint16{}, 3},
		{"ah", ProtoAH, cat([]byte{ProtoUDP, 4, 0, 0}, make([]byte, 20), udpTo(53, []byte("abc"))), [2]uint16{40000, 53}, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := decode(ether(etherIPv4, ip4(addrA, addrB, tc.proto, tc.l4)))
			if got := [2]uint16{p.SrcPort, p.DstPort}; got != tc.ports || len(p.Payload) != tc.payload || p.Flags != 0 {
				t.Errorf("want ports %v payload %d, got %v %d flags %#x", tc.ports, tc.payload, got, len(p.Payload), p.Flags)
			}
		})
	}
}

func TestICMP(t *testing.T) {
	m := cat([]byte{8, 0, 0, 0}, u16(1, 2), []byte("ping"))
	be.PutUint16(m[2:], ^Sum(m))
	p := decode(ether(etherIPv4, ip4(addrA, addrB, ProtoICMP, m)))
	if p.ICMPType != 8 || string(p.Payload) != "ping" || p.PayloadLen != 4 || p.Flags != 0 {
		t.Errorf("icmp: got type %d payload %q flags %#x", p.ICMPType, p.Payload, p.Flags)
	}
	m6 := sumL4(addrA6[:], addrB6[:], ProtoICMPv6, 2, cat([]byte{128, 0, 0, 0}, u16(1, 2), []byte("ping")))
	p = decode(ether(etherIPv6, ip6(ProtoICMPv6, m6)))
	if p.ICMPType != 128 || string(p.Payload) != "ping" || p.Flags != 0 {
		t.Errorf("icmpv6: got type %d payload %q flags %#x", p.ICMPType, p.Payload, p.Flags)
	}
}

func TestEVEPacket(t *testing.T) {
	inner := tcpFrame(3)
	b, l := decode(inner).EVEPacket()
	if l != LinkEthernet || string(b) != string(inner) {
		t.Errorf("bare: want the frame as Ethernet, got %d bytes, link %d", len(b), l)
	}
	b, l = decode(vxlanFrame(1, inner)).EVEPacket()
	if l != LinkRaw || string(b) != string(inner[ethernetLen:]) {
		t.Errorf("mirrored: want the IP packet as raw, got %d bytes, link %d", len(b), l)
	}
}
