package packet

import (
	"testing"
	"unsafe"
)

// seeds are frames of every kind the tests know, by link type.
func seeds(f *testing.F) {
	v4, v6 := udp4("seed"), udp6("seed")
	for _, b := range [][]byte{
		tcpFrame(20), vxlanFrame(5, tcpFrame(20)), ether(etherIPv6, v6),
		ether(etherVLAN, tag(1, etherIPv4, v4)),
		ether(etherMPLS, cat(u32(77<<12|0x100), v4)),
		outerUDP(PortGENEVE, geneve(etherIPv4, 0, awsOptions(), v4)),
		outerUDP(PortTeredo, v6),
		ether(etherIPv4, ip4(outerA, outerB, ProtoGRE, cat(u16(greSequence, etherERSPAN), make([]byte, 4), u32(0x10000001, 0), tcpFrame(9)))),
		ether(etherIPv4, ip4(outerA, outerB, ProtoGRE, cat(u16(greKey|greSequence|1, etherPPP), make([]byte, 8), []byte{0x21}, v4))),
		ether(etherIPv6, ip6(nhHopByHop, cat([]byte{nhFragment, 0, 5, 2, 0, 0, 1, 0}, []byte{ProtoUDP, 0}, u16(1), u32(77), make([]byte, 16)))),
		ether(etherIPv4, frag4(1, 0, true, ProtoUDP, make([]byte, 16))),
		ether(etherIPv4, frag4(1, 16, false, ProtoUDP, make([]byte, 16))),
		ether(etherPPPoED, []byte{0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0}),
	} {
		f.Add(uint16(LinkEthernet), uint16(0), b)
		f.Add(uint16(LinkEthernet), uint16(50), b[:len(b)-4])
	}
	f.Add(0xff00|uint16(EncapVXLAN), uint16(0), cat(vxlanHeader(5), tcpFrame(20)))
	f.Add(0xff00|uint16(EncapGENEVE), uint16(9), geneve(etherIPv4, 0, awsOptions(), v4))
	f.Add(uint16(LinkPPP), uint16(0), cat([]byte{0xff, 3, 0, 0x21}, v4))
	f.Add(uint16(LinkRaw), uint16(0), v6)
	f.Add(uint16(LinkSLL), uint16(0), cat(make([]byte, 14), u16(etherIPv4), v4))
	f.Add(uint16(LinkNull), uint16(0), cat([]byte{2, 0, 0, 0}, v4))
}

// within reports whether part lies in whole.
func within(whole, part []byte) bool {
	if len(part) == 0 {
		return true
	}
	at := func(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
	return at(part) >= at(whole) && at(part)+uintptr(len(part)) <= at(whole)+uintptr(len(whole))
}

// checkPacket holds what every decoded packet promises.
func checkPacket(t *testing.T, p *Packet, frame []byte) {
	t.Helper()
	if p.Mirror.Depth > maxDepth || int(p.VLANs) > len(p.VLAN) || len(p.Inner) > p.InnerLen {
		t.Errorf("bounds: depth %d vlans %d inner %d of %d", p.Mirror.Depth, p.VLANs, len(p.Inner), p.InnerLen)
	}
	if len(p.Payload) > p.PayloadLen {
		t.Errorf("payload of %d in a claim of %d", len(p.Payload), p.PayloadLen)
	}
	if p.Has(FlagReassembled) {
		return
	}
	for _, b := range [][]byte{p.Inner, p.Ether, p.IP, p.L4, p.Payload, p.TCP.Options, p.l3} {
		if !within(frame, b) {
			t.Error("a slice lies outside the frame")
		}
	}
	if len(p.IP)+len(p.L4) > len(frame) || p.IPVersion != 0 && p.l3 != nil && p.l3off+len(p.l3) > len(p.Inner) {
		t.Errorf("IP header %d, transport %d, offset %d of %d bytes", len(p.IP), len(p.L4), p.l3off, len(frame))
	}
}

func FuzzDecode(f *testing.F) {
	seeds(f)
	cfg := DefaultConfig()
	cfg.VerifyChecksums = true
	d, p, u := NewDecoder(cfg), new(Packet), NewDup()
	f.Fuzz(func(t *testing.T, link, more uint16, frame []byte) {
		in := FrameInfo{Data: frame, WireLen: len(frame) + int(more), Link: LinkType(link)}
		if link > 0xff00 { // a datagram whose envelope the kernel ate
			in.Outer = Outer{Encap: Encap(link & 3), Src: AddrFrom4(outerA), Dst: AddrFrom4(outerB), DstPort: 4789}
		}
		d.Decode(p, in)
		checkPacket(t, p, frame)
		p.L3SumValid()
		p.L4SumValid()
		p.EVEPacket()
		u.Seen(p)
		if diff := diffWalk(frame, len(frame)+int(more)); diff != "" {
			t.Errorf("-walk +look:\n%s", diff)
		}
	})
}

// FuzzDefrag cuts one datagram as the input says: each three bytes are offset,
// length and mark of a fragment. Whatever order they come in, nothing may be
// made that is longer than what came.
func FuzzDefrag(f *testing.F) {
	f.Add(uint8(0), []byte{0, 2, 1, 2, 2, 0})
	f.Add(uint8(4), []byte{2, 2, 0, 0, 2, 1})
	f.Add(uint8(7), []byte{0, 3, 1, 1, 4, 1, 5, 1, 2, 0, 9, 1})
	f.Add(uint8(5), []byte{0, 1, 5, 1, 255, 4, 200, 255, 4})
	f.Fuzz(func(t *testing.T, policy uint8, cuts []byte) {
		r := newRig(DefragConfig{Policy: DefragPolicy(policy % 8), MaxPieces: 32, MaxBytes: 1 << 18})
		body := counted(8 * 512)
		for ; len(cuts) >= 3; cuts = cuts[3:] {
			off, n, mark := int(cuts[0])*8, int(cuts[1]), cuts[2]
			b := body[off : off+n]
			frame := ether(etherIPv4, frag4(uint16(mark>>4), off, mark&1 != 0, 200, b))
			if mark&4 != 0 {
				frame = ether(etherIPv6, frag6(uint32(mark>>4), off, mark&1 != 0, 200, b))
			}
			whole := r.feed(int64(mark), frame)
			checkPacket(t, &r.p, frame)
			if whole && r.p.Has(FlagReassembled) && string(r.p.Payload) != string(body[:len(r.p.Payload)]) {
				t.Error("the datagram is not what was cut")
			}
		}
	})
}
