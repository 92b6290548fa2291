package packet

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func geneve(proto uint16, vni uint32, opts, b []byte) []byte {
	return cat([]byte{byte(len(opts) / 4), 0}, u16(proto), u32(vni<<8), opts, b)
}

// awsOptions are the three that a gateway load balancer adds.
func awsOptions() []byte {
	return cat(u16(0x0108, 0x0102), make([]byte, 8), u16(0x0108, 0x0202), make([]byte, 8),
		u16(0x0108, 0x0301), make([]byte, 4))
}

// tunnelCase is a frame in a tunnel and what is to be known of the tunnel.
type tunnelCase struct {
	name  string
	frame []byte
	want  Mirror
	proto uint8
	vlan  uint16
}

func tunnelCases() []tunnelCase {
	tcp := tcpFrame(4)
	inner4, inner6 := tcp[ethernetLen:], udp6("hello")
	gre := func(f, proto uint16, b ...[]byte) []byte {
		return ether(etherIPv4, ip4(outerA, outerB, ProtoGRE, cat(u16(f, proto), cat(b...))))
	}
	outer := Mirror{Depth: 1, OuterSrc: AddrFrom4(outerA), OuterDst: AddrFrom4(outerB)}
	udp := outer
	udp.OuterSrcPort, udp.OuterProto = 40000, ProtoUDP
	mk := func(m Mirror, e Encap, proto uint8, port uint16, depth uint8, vni ...uint32) Mirror {
		m.Encap, m.OuterProto, m.OuterDstPort, m.Depth = e, proto, port, depth
		if len(vni) > 0 {
			m.HasVNI, m.VNI, m.FirstVNI = true, vni[0], vni[len(vni)-1]
		}
		return m
	}
	six := Mirror{OuterSrc: Addr(addrA6), OuterDst: Addr(addrB6)}
	vx := func(vni uint32, b []byte) []byte {
		return ip4(addrA, addrB, ProtoUDP, udpTo(PortVXLAN, cat(vxlanHeader(vni), b)))
	}
	return []tunnelCase{
		{"vxlan", vxlanFrame(0xabcdef, tcp), mk(udp, EncapVXLAN, 17, 4789, 1, 0xabcdef), ProtoTCP, 0},
		{"vxlan reserved bits", patch(vxlanFrame(5, tcp), skimVXLAN, 0xff), mk(udp, EncapVXLAN, 17, 4789, 1, 5), ProtoTCP, 0},
		{"vxlan in vlan", ether(etherVLAN, tag(9, etherIPv4, vxlanFrame(5, tcp)[ethernetLen:])), mk(udp, EncapVXLAN, 17, 4789, 1, 5), ProtoTCP, 0},
		{"vxlan over ipv6", ether(etherIPv6, ip6(ProtoUDP, udpTo(PortVXLAN, cat(vxlanHeader(5), tcp)))),
			mk(Mirror{OuterSrc: Addr(addrA6), OuterDst: Addr(addrB6), OuterSrcPort: 40000}, EncapVXLAN, 17, 4789, 1, 5), ProtoTCP, 0},
		{"vxlan of vlan", vxlanFrame(5, ether(etherVLAN, tag(7, etherIPv4, inner4))), mk(udp, EncapVXLAN, 17, 4789, 1, 5), ProtoTCP, 7},
		{"vxlan of arp", vxlanFrame(5, ether(etherARP, cat(u16(1, etherIPv4), []byte{6, 4}, u16(1), make([]byte, 20)))), mk(udp, EncapVXLAN, 17, 4789, 1, 5), 0, 0},
		{"container network in a mirror", vxlanFrame(5, ether(etherIPv4, vx(4096, tcp))), mk(udp, EncapVXLAN, 17, 4789, 2, 4096, 5), ProtoTCP, 0},
		{"geneve ethernet", outerUDP(PortGENEVE, geneve(etherTEB, 77, nil, tcp)), mk(udp, EncapGENEVE, 17, 6081, 1, 77), ProtoTCP, 0},
		{"geneve ip, aws options", outerUDP(PortGENEVE, geneve(etherIPv4, 0, awsOptions(), inner4)), mk(udp, EncapGENEVE, 17, 6081, 1, 0), ProtoTCP, 0},
		{"geneve ipv6", outerUDP(PortGENEVE, geneve(etherIPv6, 3, nil, inner6)), mk(udp, EncapGENEVE, 17, 6081, 1, 3), ProtoUDP, 0},
		{"gateway load balancer", outerUDP(PortGENEVE, geneve(etherIPv4, 0, awsOptions(), vx(5, tcp))), mk(udp, EncapGENEVEVXLAN, 17, 6081, 2, 5), ProtoTCP, 0},
		{"gre", gre(0, etherIPv4, inner4), mk(outer, EncapGRE, 47, 0, 1), ProtoTCP, 0},
		{"gre all options", gre(greChecksum|greKey|greSequence, etherIPv6, make([]byte, 12), inner6), mk(outer, EncapGRE, 47, 0, 1), ProtoUDP, 0},
		{"gre source route", gre(greRouting, etherIPv4, make([]byte, 4), []byte{8, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0}, inner4), mk(outer, EncapGRE, 47, 0, 1), ProtoTCP, 0},
		{"gre bridging", gre(0, etherTEB, tcp), mk(outer, EncapGRE, 47, 0, 1), ProtoTCP, 0},
		{"gre vlan", gre(0, etherVLAN, tag(4, etherIPv4, inner4)), mk(outer, EncapGRE, 47, 0, 1), ProtoTCP, 4},
		{"gre arp", gre(0, etherARP, u16(1, etherIPv4), []byte{6, 4}, u16(1), make([]byte, 20)), mk(outer, EncapGRE, 47, 0, 1), 0, 0},
		{"gre mpls", gre(0, etherMPLS, u32(77<<12|0x100), inner4), mk(outer, EncapGRE, 47, 0, 1), ProtoTCP, 0},
		{"gre ppp", gre(0, etherPPP, []byte{0x21}, inner4), mk(outer, EncapGRE, 47, 0, 1), ProtoTCP, 0},
		{"pptp", gre(greKey|greSequence|greAck|1, etherPPP, make([]byte, 12), []byte{0xff, 3, 0, 0x21}, inner4), mk(outer, EncapGRE, 47, 0, 1), ProtoTCP, 0},
		{"erspan I", gre(0, etherERSPAN, tcp), mk(outer, EncapERSPAN, 47, 0, 1), ProtoTCP, 0},
		{"erspan II", gre(greSequence, etherERSPAN, make([]byte, 4), u32(0x1017<<16|42, 0), tcp), mk(outer, EncapERSPAN, 47, 0, 1, 42), ProtoTCP, 0x17},
		{"erspan III", gre(greSequence, etherERSPAN3, make([]byte, 4), u32(0x2000<<16|42, 0, 0), tcp), mk(outer, EncapERSPAN, 47, 0, 1, 42), ProtoTCP, 0},
		{"erspan III subheader", gre(greSequence, etherERSPAN3, make([]byte, 4), u32(0x2000<<16|42, 0, 1, 0, 0), tcp), mk(outer, EncapERSPAN, 47, 0, 1, 42), ProtoTCP, 0},
		{"ip in ip", ether(etherIPv4, ip4(outerA, outerB, ProtoIPIP, inner4)), mk(outer, EncapIPIP, 4, 0, 1), ProtoTCP, 0},
		{"6in4", ether(etherIPv4, ip4(outerA, outerB, ProtoIPv6, inner6)), mk(outer, EncapIPIP, 41, 0, 1), ProtoUDP, 0},
		{"4in6", ether(etherIPv6, ip6(ProtoIPIP, inner4)), mk(six, EncapIPIP, 4, 0, 1), ProtoTCP, 0},
		{"6in6", ether(etherIPv6, ip6(ProtoIPv6, inner6)), mk(six, EncapIPIP, 41, 0, 1), ProtoUDP, 0},
		{"teredo", outerUDP(PortTeredo, inner6), mk(udp, EncapIPIP, 17, 3544, 1), ProtoUDP, 0},
		{"teredo with authentication and origin", outerUDP(PortTeredo, cat([]byte{0, 1, 0, 0}, make([]byte, 9), make([]byte, 8), inner6)), mk(udp, EncapIPIP, 17, 3544, 1), ProtoUDP, 0},
	}
}

func TestTunnels(t *testing.T) {
	for _, tc := range tunnelCases() {
		t.Run(tc.name, func(t *testing.T) {
			p := decode(tc.frame)
			if diff := cmp.Diff(tc.want, p.Mirror); diff != "" {
				t.Errorf("mirror -want +got:\n%s", diff)
			}
			if p.Proto != tc.proto || p.VLAN[0] != tc.vlan || p.Flags != 0 {
				t.Errorf("want proto %d vlan %d, got %d %d flags %#x events %v", tc.proto, tc.vlan, p.Proto, p.VLAN[0], p.Flags, events(p))
			}
			if p.Proto == ProtoTCP && string(p.Payload) != string(counted(4)) {
				t.Errorf("payload: got %q", p.Payload)
			}
		})
	}
}

// Datagrams on a tunnel's port that carry no frame stay what they are.
func TestTunnelOpaque(t *testing.T) {
	frame := tcpFrame(4)
	for _, tc := range []struct {
		name  string
		frame []byte
	}{
		{"too short", outerUDP(PortVXLAN, make([]byte, 7))},
		{"no I bit", patch(vxlanFrame(5, frame), skimVXLAN, 0)},
		{"no frame", outerUDP(PortVXLAN, vxlanHeader(5))},
		{"text", outerUDP(PortVXLAN, []byte("\x08ello, this is a line of text that only looks like VXLAN"))},
		{"inner version", patch(vxlanFrame(5, frame), skimInner+ethernetLen, 0x65)},
		{"geneve version", outerUDP(PortGENEVE, patch(geneve(etherTEB, 1, nil, frame), 0, 0x40))},
		{"geneve options", outerUDP(PortGENEVE, []byte{0x3f, 0, 0x65, 0x58, 0, 0, 0})},
		{"geneve cut options", outerUDP(PortGENEVE, []byte{0x3f, 0, 0x65, 0x58, 0, 0, 0, 0, 1, 2, 3})},
		{"teredo port", outerUDP(PortTeredo, []byte("\x60 not IPv6 at all, but long enough to hold a header"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := decode(tc.frame)
			if p.Mirror.Depth != 0 || p.Proto != ProtoUDP || p.Src != AddrFrom4(outerA) || p.SrcPort != 40000 || len(p.Payload) == 0 {
				t.Errorf("want the outer datagram, got depth %d proto %d payload %d", p.Mirror.Depth, p.Proto, len(p.Payload))
			}
		})
	}
}

func TestTunnelConfig(t *testing.T) {
	run := func(cfg Config, frame []byte) uint8 {
		p := new(Packet)
		NewDecoder(cfg).Decode(p, FrameInfo{Data: frame, Link: LinkEthernet})
		return p.Mirror.Depth
	}
	if n := run(Config{}, vxlanFrame(1, tcpFrame(1))); n != 0 {
		t.Errorf("vxlan off: want depth 0, got %d", n)
	}
	cfg := Config{VXLAN: true, VXLANPorts: []uint16{8472, 4790}}
	if n := run(cfg, vxlanFrame(1, tcpFrame(1))); n != 0 {
		t.Errorf("other ports: want depth 0, got %d", n)
	}
	if n := run(cfg, outerUDP(4790, cat(vxlanHeader(1), tcpFrame(1)))); n != 1 {
		t.Errorf("port 4790: want depth 1, got %d", n)
	}
}

func TestTunnelDepth(t *testing.T) {
	b := tcpFrame(1)[ethernetLen:]
	for range maxDepth + 2 {
		b = ip4(addrA, addrB, ProtoIPIP, b)
	}
	d, p := NewDecoder(DefaultConfig()), new(Packet)
	d.Decode(p, FrameInfo{Data: ether(etherIPv4, b), Link: LinkEthernet})
	if p.Mirror.Depth != maxDepth || p.Proto != ProtoIPIP || d.Counters.TunnelTooDeep != 1 {
		t.Errorf("want depth %d and an IP-in-IP packet, got %d, proto %d, counted %d",
			maxDepth, p.Mirror.Depth, p.Proto, d.Counters.TunnelTooDeep)
	}
}

// A socket's datagram gives the same packet as the whole frame.
func TestDatagram(t *testing.T) {
	for _, tc := range []struct {
		name  string
		encap Encap
		port  uint16
		data  []byte
	}{
		{"vxlan", EncapVXLAN, PortVXLAN, cat(vxlanHeader(5), tcpFrame(9))},
		{"geneve", EncapGENEVE, PortGENEVE, geneve(etherIPv4, 1, awsOptions(), tcpFrame(9)[ethernetLen:])},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := decode(outerUDP(tc.port, tc.data))
			got := new(Packet)
			NewDecoder(DefaultConfig()).Decode(got, FrameInfo{Data: tc.data, Outer: Outer{
				Encap: tc.encap, Src: AddrFrom4(outerA), Dst: AddrFrom4(outerB), SrcPort: 40000, DstPort: tc.port}})
			if got.Mirror != want.Mirror || got.Src != want.Src || !slices.Equal(got.Payload, want.Payload) {
				t.Errorf("want %+v, got %+v", want.Mirror, got.Mirror)
			}
		})
	}
	p := new(Packet)
	NewDecoder(DefaultConfig()).Decode(p, FrameInfo{Data: []byte("not VXLAN"), Outer: Outer{
		Encap: EncapVXLAN, Src: AddrFrom4(outerA), DstPort: 4789}})
	if p.Mirror.Depth != 0 || p.Proto != ProtoUDP || p.IPVersion != 4 || string(p.Payload) != "not VXLAN" || !p.L4SumValid() {
		t.Errorf("want the datagram itself, got depth %d proto %d payload %q", p.Mirror.Depth, p.Proto, p.Payload)
	}
}

// The one look at a mirror's envelope must give what the walk gives.
func TestMirroredIsTheWalk(t *testing.T) {
	frames := [][]byte{vxlanFrame(5, tcpFrame(9)), vxlanFrame(5, tcpFrame(9)[:40])}
	for _, f := range frames {
		padded := append(slices.Clone(f), 1, 2, 3, 4)
		frames = append(frames, padded, padded[:len(f)-3])
	}
	for i, f := range frames {
		if diff := diffWalk(f, len(f)); diff != "" {
			t.Errorf("frame %d -walk +look:\n%s", i, diff)
		}
	}
}

// diffWalk compares Decode with the same walk without the short cut.
func diffWalk(frame []byte, wire int) string {
	f := FrameInfo{Data: frame, WireLen: wire, Link: LinkEthernet, Number: 1}
	a, b := NewDecoder(DefaultConfig()), NewDecoder(DefaultConfig())
	got, want := new(Packet), new(Packet)
	a.Decode(got, f)
	*want = Packet{Number: 1, Data: frame, WireLen: max(wire, len(frame)), Link: LinkEthernet}
	c := cursor{b: frame, wire: want.WireLen}
	want.setInner(&c, f.Link)
	b.walk(want, &c, layerEthernet)
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, cmp.AllowUnexported(Packet{}))
}
