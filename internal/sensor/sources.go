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

// allowed decides for one frame. Frames that came without an envelope have no
// outer source and are judged by nothing.
func (s *Sources) allowed(p *packet.Packet) bool {
	if s == nil || p.Mirror.Depth == 0 {
		return true
	}
	return s.net(p.Mirror.OuterSrc.Netip()) && s.vni(&p.Mirror)
}

// Session is one mirror session: the mirrored interface and its VNI.
type Session struct {
	Source packet.Addr
	VNI    uint32
}

// maxSessions bounds the sessions that are counted apart.
const maxSessions = 4096

// SessionCount is what was seen of one mirror session.
type SessionCount struct {
	Frames uint64
	Last   int64 // packet time of the last frame
}

// sessionTable counts frames by mirror session; those beyond the bound are not
// listed apart. The last session is kept at hand: neighbouring frames share it.
type sessionTable struct {
	m    map[Session]*SessionCount
	last Session
	at   *SessionCount
}

func (t *sessionTable) count(m *packet.Mirror, now int64) {
	k := Session{m.OuterSrc, m.FirstVNI}
	if t.at == nil || k != t.last {
		c := t.m[k]
		if c == nil {
			if len(t.m) >= maxSessions {
				return
			}
			if t.m == nil {
				t.m = map[Session]*SessionCount{}
			}
			c = &SessionCount{}
			t.m[k] = c
		}
		t.last, t.at = k, c
	}
	t.at.Frames++
	t.at.Last = now
}

func (t *sessionTable) copy() map[Session]SessionCount {
	out := make(map[Session]SessionCount, len(t.m))
	for k, c := range t.m {
		out[k] = *c
	}
	return out
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
		if m.HasVNI && m.FirstVNI >= r.First && m.FirstVNI <= r.Last {
			return true
		}
	}
	return false
}
