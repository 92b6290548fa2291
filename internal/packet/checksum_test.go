package packet

import "testing"

// sumSlow is RFC 1071 as it is written.
func sumSlow(b []byte) uint16 {
	var s uint32
	for i, x := range b {
		if i%2 == 0 {
			s += uint32(x) << 8
		} else {
			s += uint32(x)
		}
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

func TestSum(t *testing.T) {
	for n := range 200 {
		b := counted(n)
		if got, want := Sum(b), sumSlow(b); got != want {
			t.Errorf("%d bytes: want %#x, got %#x", n, want, got)
		}
	}
	ones := make([]byte, 1500)
	for i := range ones {
		ones[i] = 0xff
	}
	if got := Sum(ones); got != 0xffff {
		t.Errorf("ones: want 0xffff, got %#x", got)
	}
}

func TestChecksums(t *testing.T) {
	seg := ether(etherIPv4, ip4(addrA, addrB, ProtoTCP, tcp4(ACK, nil, counted(33))))
	dgram := ether(etherIPv6, udp6("hello"))
	icmp := ether(etherIPv4, ip4(addrA, addrB, ProtoICMP, []byte{0, 0, 0xff, 0xff, 0, 0, 0, 0}))
	for _, tc := range []struct {
		name  string
		frame []byte
		want  Flags
	}{
		{"tcp", seg, 0},
		{"tcp, odd byte", patch(seg, len(seg)-1, 0), FlagBadL4Sum},
		{"tcp, pseudo header", patch(patch(seg, 14+15, 9), 14+11, seg[14+11]-8), FlagBadL4Sum},
		{"ip header", patch(seg, 14+8, 63), FlagBadL3Sum},
		{"udp", dgram, 0},
		{"udp, payload", patch(dgram, len(dgram)-1, 'x'), FlagBadL4Sum},
		{"udp, none", ether(etherIPv4, udp4("hello")), 0},
		{"udp over ipv6, none", patch(patch(dgram, 14+46, 0), 14+47, 0), FlagBadL4Sum},
		{"icmp", icmp, 0},
		{"icmp, type", patch(icmp, 14+20, 8), FlagBadL4Sum},
		{"mirrored", patch(vxlanFrame(5, seg), skimInner+len(seg)-1, 0), FlagBadL4Sum},
		{"envelope", patch(vxlanFrame(5, seg), 14+8, 63), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := decode(tc.frame)
			if p.Flags != tc.want {
				t.Errorf("want flags %#x, got %#x", tc.want, p.Flags)
			}
			if ok := tc.want&FlagBadL4Sum == 0; p.L4SumValid() != ok {
				t.Errorf("L4SumValid: want %v", ok)
			}
			if ok := tc.want&FlagBadL3Sum == 0; p.L3SumValid() != ok {
				t.Errorf("L3SumValid: want %v", ok)
			}
		})
	}
}
