package packet

import "testing"

func TestDup(t *testing.T) {
	seg := tcpFrame(30)
	next := patch(seg, ethernetLen+5, 8) // another IP identification
	hop := patch(patch(patch(seg, 0, 4), ethernetLen+8, 63), ethernetLen+10, 1)
	type step struct {
		at    int64
		frame []byte
		want  bool
	}
	for _, tc := range []struct {
		name  string
		steps []step
	}{
		{"two sessions", []step{{0, vxlanFrame(1, seg), false}, {5, vxlanFrame(2, seg), true}}},
		{"one hop later", []step{{0, vxlanFrame(1, seg), false}, {5, vxlanFrame(2, hop), true}}},
		{"clocks out of order", []step{{5, vxlanFrame(1, seg), false}, {0, vxlanFrame(2, seg), true}}},
		{"retransmission", []step{{0, vxlanFrame(1, seg), false}, {5, vxlanFrame(1, seg), false}}},
		{"retransmission with copies", []step{{0, vxlanFrame(1, seg), false}, {1, vxlanFrame(2, seg), true},
			{5, vxlanFrame(1, next), false}, {6, vxlanFrame(2, next), true}}},
		{"too late", []step{{0, vxlanFrame(1, seg), false}, {dupWindow*1000 + 1000, vxlanFrame(2, seg), false}}},
		{"other payload", []step{{0, vxlanFrame(1, seg), false}, {5, vxlanFrame(2, patch(seg, len(seg)-1, 0)), false}}},
		{"not mirrored", []step{{0, seg, false}, {5, seg, false}}},
		{"other outer source", []step{{0, vxlanFrame(1, seg), false}, {5, patch(vxlanFrame(1, seg), 14+15, 9), true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, u, p := NewDecoder(DefaultConfig()), NewDup(), new(Packet)
			for i, s := range tc.steps {
				d.Decode(p, FrameInfo{Data: s.frame, Link: LinkEthernet, Time: s.at})
				if got := u.Seen(p); got != s.want || p.Has(FlagDup) != s.want {
					t.Errorf("packet %d: want %v, got %v", i, s.want, got)
				}
			}
		})
	}
}

func TestDupKeepsTenantsApart(t *testing.T) {
	u := NewDup()
	for i := range uint32(2) {
		p := decode(vxlanFrame(i, tcpFrame(30)))
		p.Tenant = i
		if u.Seen(p) {
			t.Errorf("tenant %d: another tenant's packet is no copy", i)
		}
	}
}
