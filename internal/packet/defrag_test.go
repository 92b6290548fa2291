package packet

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// frag4 is an IPv4 fragment at off (bytes).
func frag4(id uint16, off int, more bool, proto uint8, b []byte) []byte {
	f := uint16(off / 8)
	if more {
		f |= moreFrags
	}
	return ip4opt(addrA, addrB, proto, id, f, nil, b)
}

// frag6 is an IPv6 fragment at off (bytes), behind the headers pre.
func frag6(id uint32, off int, more bool, proto uint8, b []byte) []byte {
	f := uint16(off)
	if more {
		f |= 1
	}
	return ip6(nhFragment, cat([]byte{proto, 0}, u16(f), u32(id), b))
}

// rig is a decoder with its defragmenter, as a worker has them.
type rig struct {
	d *Decoder
	g *Defrag
	p Packet
}

func newRig(cfg DefragConfig) *rig {
	dc := DefaultConfig()
	dc.VerifyChecksums = true
	return &rig{d: NewDecoder(dc), g: NewDefrag(cfg)}
}

// feed runs one frame and reports whether r.p is a packet to inspect rather
// than a fragment.
func (r *rig) feed(at int64, frame []byte) bool {
	r.d.Decode(&r.p, FrameInfo{Data: frame, Link: LinkEthernet, Time: at})
	if !r.p.Has(FlagFragment) {
		return true
	}
	if !r.g.Add(&r.p) {
		return false
	}
	r.d.DecodeReassembled(&r.p, r.g)
	return !r.p.Has(FlagFragment)
}

func TestDefragInAnyOrder(t *testing.T) {
	payload := counted(100)
	u4 := udpTo(53, payload)
	u6 := sum6(udpTo(53, payload))
	cut := func(f func(off int, more bool, b []byte) []byte, u []byte) [][]byte {
		return [][]byte{f(0, true, u[:40]), f(40, true, u[40:80]), f(80, false, u[80:])}
	}
	v4 := cut(func(off int, more bool, b []byte) []byte {
		return ether(etherVLAN, tag(6, etherIPv4, frag4(9, off, more, ProtoUDP, b)))
	}, u4)
	v6 := cut(func(off int, more bool, b []byte) []byte {
		return ether(etherVLAN, tag(6, etherIPv6, frag6(9, off, more, ProtoUDP, b)))
	}, u6)
	for name, frames := range map[string][][]byte{"ipv4": v4, "ipv6": v6} {
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			t.Run(fmt.Sprint(name, order), func(t *testing.T) {
				r := newRig(DefragConfig{})
				for i, k := range order {
					if whole := r.feed(int64(i), frames[k]); whole != (i == 2) {
						t.Fatalf("fragment %d: whole %v", k, whole)
					}
				}
				p := &r.p
				if p.Flags != FlagReassembled || !bytes.Equal(p.Payload, payload) || p.DstPort != 53 || p.VLAN[0] != 6 {
					t.Errorf("got flags %#x payload %d port %d vlan %v", p.Flags, len(p.Payload), p.DstPort, p.VLAN)
				}
				whole := new(Packet)
				r.d.Decode(whole, FrameInfo{Data: p.Inner, Link: p.InnerLink})
				if whole.Flags != 0 || !bytes.Equal(whole.Payload, payload) {
					t.Errorf("frame: want one that decodes to the same, got flags %#x events %v", whole.Flags, events(whole))
				}
			})
		}
	}
}

// The overlaps of Novak, "Target-Based Fragmentation Reassembly" (2005), drawn
// out to every case: letters are fragments in the order of arrival.
func TestDefragPolicies(t *testing.T) {
	type piece struct{ off, n int }
	pieces := []piece{{0, 3}, {4, 2}, {6, 3}, {10, 1}, {13, 2}, {15, 3}, {18, 2}, {20, 2}, {22, 1},
		{1, 4}, {6, 3}, {9, 3}, {12, 3}, {16, 1}, {19, 1}, {20, 1}, {22, 2}}
	for _, tc := range []struct {
		policy DefragPolicy
		want   string
	}{
		{DefragFirst, "AAAJBBCCCLDLMEEFFFGGHHIQ"},
		{DefragLast, "AJJJJBKKKLLLMMMFNFGOPHQQ"},
		{DefragBSD, "AAAJJBCCCLLLMMMFFFGGHHIQ"},
		{DefragBSDRight, "AJJJBBKKKLDLMEEFNFGOPHQQ"},
		{DefragLinux, "AAAJJBKKKLLLMMMFFFGGPHQQ"},
		{DefragSolaris, "AAAJBBCCCLLLMMMFFFGGHHIQ"},
		{DefragWindows, "AAAJBBCCCLLLMEEFFFGGHHIQ"},
	} {
		t.Run(fmt.Sprint(tc.policy), func(t *testing.T) {
			r := newRig(DefragConfig{PolicyOf: func(Addr) DefragPolicy { return tc.policy }})
			for i, c := range pieces {
				b := bytes.Repeat([]byte{byte('A' + i)}, c.n*8)
				if r.feed(0, ether(etherIPv4, frag4(1, c.off*8, true, 200, b))) {
					t.Fatalf("whole after %d", i)
				}
			}
			if !r.feed(0, ether(etherIPv4, frag4(1, 24*8, false, 200, []byte("end")))) {
				t.Fatal("not whole at the end")
			}
			got := make([]byte, 0, 24)
			for i := 0; i < 24*8; i += 8 {
				got = append(got, r.p.Payload[i])
			}
			if string(got) != tc.want {
				t.Errorf("want %s, got %s", tc.want, got)
			}
		})
	}
}

func TestDefragPolicyByName(t *testing.T) {
	for name, want := range map[string]DefragPolicy{
		"default": DefragDefault, "first": DefragFirst, "last": DefragLast, "bsd": DefragBSD,
		"bsd-right": DefragBSDRight, "linux": DefragLinux, "solaris": DefragSolaris, "vista": DefragWindows,
	} {
		if got, ok := DefragPolicyByName(name); got != want || !ok {
			t.Errorf("%s: want %d, got %d, %v", name, want, got, ok)
		}
	}
	if _, ok := DefragPolicyByName("amiga"); ok {
		t.Error("amiga: want none")
	}
}

func TestDefragDefaultPolicy(t *testing.T) {
	g := NewDefrag(DefragConfig{})
	if got := g.policy(&Packet{IPVersion: 4}); got != DefragWindows {
		t.Errorf("IPv4: want windows, got %d", got)
	}
	if got := g.policy(&Packet{IPVersion: 6}); got != DefragBSD {
		t.Errorf("IPv6: want bsd, got %d", got)
	}
}

func TestDefragEvents(t *testing.T) {
	big := make([]byte, 1400)
	for _, tc := range []struct {
		name   string
		cfg    DefragConfig
		frames [][]byte
		want   string
	}{
		{"overlap", DefragConfig{}, [][]byte{frag4(1, 0, true, 17, big[:16]), frag4(1, 8, true, 17, big[:16])}, "ipv4.frag_overlap"},
		{"overlap 6", DefragConfig{}, [][]byte{frag6(1, 0, true, 17, big[:16]), frag6(1, 8, true, 17, big[:16])}, "ipv6.frag_overlap"},
		{"too large", DefragConfig{}, [][]byte{frag4(1, 65528, false, 17, big[:9])}, "ipv4.frag_pkt_too_large"},
		{"too large 6", DefragConfig{}, [][]byte{frag6(1, 65528, false, 17, big[:9])}, "ipv6.frag_pkt_too_large"},
		{"pieces", DefragConfig{MaxPieces: 1}, [][]byte{frag4(1, 8, true, 17, big[:8]), frag4(1, 16, true, 17, big[:8])}, "ipv4.frag_ignored"},
		{"memory", DefragConfig{MaxBytes: 4096}, [][]byte{frag6(1, 8000, true, 17, big[:8])}, "ipv6.frag_ignored"},
		{"fragments", DefragConfig{MaxFragments: 1}, [][]byte{frag4(1, 8, true, 17, big[:8]), frag4(1, 16, true, 17, big[:8])}, "ipv4.frag_ignored"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(tc.cfg)
			for _, f := range tc.frames {
				typ := uint16(etherIPv4)
				if f[0]>>4 == 6 {
					typ = etherIPv6
				}
				r.feed(0, ether(typ, f))
			}
			if got := events(&r.p); !slices.Contains(got, tc.want) {
				t.Errorf("want %s, got %v", tc.want, got)
			}
		})
	}
}

func TestDefragKeepsApart(t *testing.T) {
	u := udpTo(53, counted(24))
	a, b := frag4(1, 0, true, ProtoUDP, u[:16]), frag4(1, 16, false, ProtoUDP, u[16:])
	other := slices.Clone(b)
	other[5] = 2 // another identification
	for name, pair := range map[string][2][]byte{
		"id":      {ether(etherIPv4, a), ether(etherIPv4, other)},
		"vlan":    {ether(etherIPv4, a), ether(etherVLAN, tag(1, etherIPv4, b))},
		"session": {vxlanFrame(1, ether(etherIPv4, a)), vxlanFrame(2, ether(etherIPv4, b))},
		"tunnel":  {ether(etherIPv4, a), vxlanFrame(2, ether(etherIPv4, b))},
	} {
		r := newRig(DefragConfig{})
		if r.feed(0, pair[0]) || r.feed(0, pair[1]) {
			t.Errorf("%s: fragments of two datagrams made one", name)
		}
	}
}

// A fragment that the capture cut is not taken for a shorter one.
func TestDefragTruncated(t *testing.T) {
	u := udpTo(53, counted(40))
	first, last := ether(etherIPv4, frag4(1, 0, true, ProtoUDP, u[:24])), ether(etherIPv4, frag4(1, 24, false, ProtoUDP, u[24:]))
	r := newRig(DefragConfig{})
	for _, f := range [][]byte{first, last} {
		r.d.Decode(&r.p, FrameInfo{Data: f[:len(f)-8], WireLen: len(f), Link: LinkEthernet})
		if !r.p.Has(FlagFragment|FlagTruncated) || r.g.Add(&r.p) {
			t.Errorf("want a cut fragment that makes nothing whole, flags %#x", r.p.Flags)
		}
	}
	if r.g.Counters.Truncated != 2 || len(r.g.open) != 0 {
		t.Errorf("want 2 fragments counted and none kept, got %d and %d", r.g.Counters.Truncated, len(r.g.open))
	}
	if r.feed(0, first) || !r.feed(0, last) || !bytes.Equal(r.p.Payload, counted(40)) {
		t.Error("want the datagram of the whole fragments")
	}
}

func TestDefragTimeout(t *testing.T) {
	u := udpTo(53, counted(24))
	r := newRig(DefragConfig{Timeout: 1000})
	r.feed(0, ether(etherIPv4, frag4(1, 0, true, ProtoUDP, u[:16])))
	if r.feed(1001, ether(etherIPv4, frag4(1, 16, false, ProtoUDP, u[16:]))) || r.g.Counters.Timeouts4 != 1 {
		t.Errorf("want one timeout and no datagram, got %d", r.g.Counters.Timeouts4)
	}
}

func TestDefragEvictsTheOldest(t *testing.T) {
	u := udpTo(53, counted(24))
	r := newRig(DefragConfig{MaxDatagrams: 2})
	for id := range uint16(3) {
		r.feed(0, ether(etherIPv4, frag4(id, 0, true, ProtoUDP, u[:16])))
	}
	if r.feed(0, ether(etherIPv4, frag4(0, 16, false, ProtoUDP, u[16:]))) {
		t.Error("the oldest should be gone")
	}
	if !r.feed(0, ether(etherIPv4, frag4(2, 16, false, ProtoUDP, u[16:]))) {
		t.Error("the newest should be there")
	}
	if r.g.Counters.Evicted != 2 || len(r.g.open) != 1 {
		t.Errorf("want 2 evicted and 1 open, got %d and %d", r.g.Counters.Evicted, len(r.g.open))
	}
}

// A fragmented envelope that carries a fragment of the mirrored traffic.
func TestDefragNested(t *testing.T) {
	u := udpTo(53, counted(100))
	envelope := func(id uint16, inner []byte) [][]byte {
		b := udpTo(PortVXLAN, cat(vxlanHeader(5), ether(etherIPv4, inner)))
		cut := len(b) / 2 &^ 7
		return [][]byte{ether(etherIPv4, frag4(id, 0, true, ProtoUDP, b[:cut])),
			ether(etherIPv4, frag4(id, cut, false, ProtoUDP, b[cut:]))}
	}
	frames := append(envelope(1, frag4(7, 0, true, ProtoUDP, u[:48])), envelope(2, frag4(7, 48, false, ProtoUDP, u[48:]))...)
	r := newRig(DefragConfig{})
	for i, f := range frames {
		if whole := r.feed(int64(i), f); whole != (i == 3) {
			t.Fatalf("frame %d: whole %v", i, whole)
		}
	}
	if p := &r.p; p.Mirror.VNI != 5 || p.Mirror.Depth != 1 || !bytes.Equal(p.Payload, counted(100)) || p.Flags != FlagReassembled {
		t.Errorf("got vni %d depth %d payload %d flags %#x", p.Mirror.VNI, p.Mirror.Depth, len(p.Payload), p.Flags)
	}
}

func TestDefragIPv6Headers(t *testing.T) {
	u := sum6(udpTo(53, counted(24)))
	hop := func(off uint16, b []byte) []byte {
		return ether(etherIPv6, ip6(nhHopByHop, cat([]byte{nhFragment, 0, 5, 2, 0, 0, 1, 0},
			[]byte{ProtoUDP, 0}, u16(off), u32(77), b)))
	}
	r := newRig(DefragConfig{})
	if r.feed(0, hop(1, u[:16])) || !r.feed(0, hop(16, u[16:])) {
		t.Fatal("want a datagram after the second fragment")
	}
	if p := &r.p; p.Proto != ProtoUDP || len(p.IP) != 48 || !bytes.Equal(p.Payload, counted(24)) || p.Flags != FlagReassembled {
		t.Errorf("got proto %d header %d payload %d flags %#x", p.Proto, len(p.IP), len(p.Payload), p.Flags)
	}
}

// An atomic fragment header (RFC 6946) before the real one hides nothing.
func TestDefragBehindAtomic(t *testing.T) {
	u := sum6(udpTo(53, counted(24)))
	two := func(off uint16, b []byte) []byte {
		return ether(etherIPv6, ip6(nhFragment, cat([]byte{nhFragment, 0, 0, 0}, u32(1),
			[]byte{ProtoUDP, 0}, u16(off), u32(77), b)))
	}
	r := newRig(DefragConfig{})
	if r.feed(0, two(1, u[:16])) || !slices.Contains(events(&r.p), "ipv6.exthdr_dupl_fh") {
		t.Errorf("want a fragment with an event, got flags %#x events %v", r.p.Flags, events(&r.p))
	}
	if !r.feed(0, two(16, u[16:])) {
		t.Fatal("want a datagram after the second fragment")
	}
	if p := &r.p; p.Proto != ProtoUDP || len(p.IP) != 48 || !bytes.Equal(p.Payload, counted(24)) || p.Flags != FlagReassembled {
		t.Errorf("got proto %d header %d payload %d flags %#x", p.Proto, len(p.IP), len(p.Payload), p.Flags)
	}
}

func TestDefragDoesNotAllocate(t *testing.T) {
	u := udpTo(53, counted(1400))
	a := ether(etherIPv4, frag4(1, 0, true, ProtoUDP, u[:800]))
	b := ether(etherIPv4, frag4(1, 800, false, ProtoUDP, u[800:]))
	r := newRig(DefragConfig{})
	if n := testing.AllocsPerRun(100, func() {
		r.feed(0, a)
		r.feed(0, b)
	}); n != 0 {
		t.Errorf("allocations: want 0, got %v", n)
	}
	if r.g.Counters.Reassembled4 < 100 {
		t.Errorf("want 100 datagrams, got %d", r.g.Counters.Reassembled4)
	}
}

// An attacker's smallest fragments, last one first, stay within bounds.
func TestDefragBounds(t *testing.T) {
	r := newRig(DefragConfig{MaxBytes: 1 << 20, MaxFragments: 3000})
	for id := range uint16(40) {
		for off := 65000; off >= 64000; off -= 8 {
			r.feed(0, ether(etherIPv4, frag4(id, off, true, ProtoUDP, make([]byte, 8))))
		}
	}
	if r.g.mem.used > 1<<20 || r.g.pieces > 3000 {
		t.Errorf("want at most 1 MiB and 3000 fragments, got %d and %d", r.g.mem.used, r.g.pieces)
	}
	if r.g.Counters.Evicted == 0 {
		t.Error("want evictions")
	}
}
