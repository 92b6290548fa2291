package packet

import "testing"

// benchFrame is a mirrored TCP segment of n payload bytes.
func benchFrame(n int) []byte {
	return vxlanFrame(0x123456, tcpFrame(n))
}

func BenchmarkDecode(b *testing.B) {
	for _, bc := range []struct {
		name   string
		frame  []byte
		verify bool
	}{
		{"tcp", tcpFrame(512), false},
		{"vxlan-tcp", benchFrame(512), false},
		{"vxlan-tcp-verify", benchFrame(512), true},
	} {
		b.Run(bc.name, func(b *testing.B) {
			cfg := DefaultConfig()
			cfg.VerifyChecksums = bc.verify
			d := NewDecoder(cfg)
			p := new(Packet)
			b.SetBytes(int64(len(bc.frame)))
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(p, FrameInfo{Data: bc.frame, Link: LinkEthernet})
			}
		})
	}
	b.Run("vxlan-datagram", func(b *testing.B) {
		data := benchFrame(512)[skimVXLAN:]
		d, p := NewDecoder(DefaultConfig()), new(Packet)
		o := Outer{Encap: EncapVXLAN, Src: AddrFrom4(outerA), Dst: AddrFrom4(outerB), DstPort: PortVXLAN}
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			d.Decode(p, FrameInfo{Data: data, Link: LinkEthernet, Outer: o})
		}
	})
}

func BenchmarkDup(b *testing.B) {
	frame := benchFrame(512)
	d, u, p := NewDecoder(DefaultConfig()), NewDup(), new(Packet)
	d.Decode(p, FrameInfo{Data: frame, Link: LinkEthernet})
	b.ReportAllocs()
	for b.Loop() {
		p.IPID++
		p.Time += 1000
		u.Seen(p)
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	frame := benchFrame(512)
	cfg := DefaultConfig()
	cfg.VerifyChecksums = true
	d, u, p := NewDecoder(cfg), NewDup(), new(Packet)
	if n := testing.AllocsPerRun(100, func() {
		d.Decode(p, FrameInfo{Data: frame, Link: LinkEthernet})
		u.Seen(p)
	}); n != 0 {
		t.Errorf("allocations: want 0, got %v", n)
	}
	if p.Proto != ProtoTCP || p.Mirror.Depth != 1 || p.Flags != 0 {
		t.Errorf("packet: want a clean mirrored TCP segment, got proto %d depth %d flags %#x",
			p.Proto, p.Mirror.Depth, p.Flags)
	}
}
