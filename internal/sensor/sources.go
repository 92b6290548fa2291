package sensor

import (
	"net/netip"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Sources is the allow list of mirror sources: the port is open to anyone who
// can reach it, so frames from elsewhere are counted and shown, never
// inspected, never a reason to respond. Immutable.
type Sources struct {
	nets []netip.Prefix
	vnis []VNIRange
}

// VNIRange is an inclusive range of VXLAN or GENEVE network identifiers.
type VNIRange struct{ First, Last uint32 }

// NewSources allows the given outer networks and identifiers; an empty list
// allows every one.
func NewSources(nets []netip.Prefix, vnis []VNIRange) *Sources {
	return &Sources{nets: nets, vnis: vnis}
}

// allowed decides for one frame and counts a refusal. Frames that came without
// an envelope have no outer source and are judged by nothing.
func (s *Sources) allowed(p *packet.Packet, c *Counters) bool {
	if p.Mirror.Depth == 0 {
		return true
	}
	if s.net(p.Mirror.OuterSrc.Netip()) && s.vni(&p.Mirror) {
		return true
	}
	c.Ignored++
	return false
}

func (s *Sources) net(a netip.Addr) bool {
	if len(s.nets) == 0 {
		return true
	}
	for _, n := range s.nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

func (s *Sources) vni(m *packet.Mirror) bool {
	if len(s.vnis) == 0 {
		return true
	}
	for _, r := range s.vnis {
		if m.HasVNI && m.VNI >= r.First && m.VNI <= r.Last {
			return true
		}
	}
	return false
}
