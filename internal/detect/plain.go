package detect

import (
	"cmp"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// maxKeyPorts is how many ports a rule may name to be filed under each.
const maxKeyPorts = 64

// plainKey is what a rule without fast pattern asks of every packet and what
// can be looked up before it is evaluated.
type plainKey struct {
	flags      flagTest
	hasFlags   bool
	ipProto    uint8
	hasIPProto bool
}

// plainRules are the packet rules without fast pattern of one class and
// direction, filed so that most packets meet few of them.
type plainRules struct {
	always  []uint32
	byFlags []flagRules
	byPort  []portRule // by destination port
}

type flagRules struct {
	test flagTest
	ids  []uint32
}

type portRule struct {
	port uint16
	id   uint32
}

func (pr *plainRules) add(s *Signature) {
	if s.key.hasFlags {
		for i := range pr.byFlags {
			if pr.byFlags[i].test == s.key.flags {
				pr.byFlags[i].ids = append(pr.byFlags[i].ids, s.id)
				return
			}
		}
		pr.byFlags = append(pr.byFlags, flagRules{s.key.flags, []uint32{s.id}})
		return
	}
	if ports := fewPorts(s.ends.dp); ports != nil && !s.both {
		for _, p := range ports {
			pr.byPort = append(pr.byPort, portRule{p, s.id})
		}
		slices.SortStableFunc(pr.byPort, func(a, b portRule) int { return cmp.Compare(a.port, b.port) })
		return
	}
	pr.always = append(pr.always, s.id)
}

// fewPorts lists a small set of ports, or returns nil.
func fewPorts(set *rule.PortSet) (out []uint16) {
	if set == nil {
		return nil
	}
	for _, x := range set.Spans() {
		if int(x.High)-int(x.Low)+len(out) >= maxKeyPorts {
			return nil
		}
		for p := int(x.Low); p <= int(x.High); p++ {
			out = append(out, uint16(p))
		}
	}
	return out
}

// candidates appends the rules that may hold for the packet at hand.
func (pr *plainRules) candidates(out []uint32, c *ctx) []uint32 {
	out = append(out, pr.always...)
	for i := range pr.byFlags {
		if pr.byFlags[i].test.holds(c.p.TCP.Flags) {
			out = append(out, pr.byFlags[i].ids...)
		}
	}
	if len(pr.byPort) == 0 {
		return out
	}
	i, _ := slices.BinarySearchFunc(pr.byPort, c.dp, func(x portRule, p uint16) int { return cmp.Compare(x.port, p) })
	for ; i < len(pr.byPort) && pr.byPort[i].port == c.dp; i++ {
		out = append(out, pr.byPort[i].id)
	}
	return out
}

// settleClasses lists the classes of packets that the rule can match.
func (s *Signature) settleClasses(r *proto.Registry) {
	list := s.l4.classes()
	if s.l4 == l4App {
		tcp, udp := false, false
		for _, i := range apps(s.appMask) {
			tcp, udp = tcp || r.Descriptors[i].TCP, udp || r.Descriptors[i].UDP
		}
		list = slices.DeleteFunc(list, func(c class) bool { return c == classTCP && !tcp || c == classUDP && !udp })
	}
	if s.key.hasIPProto {
		p := packet.Packet{Proto: s.key.ipProto}
		want := classOf(&p)
		list = slices.DeleteFunc(list, func(c class) bool { return c != want })
	}
	s.classes = list
}
