package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// l4Kind is what the header's protocol asks of the packet.
type l4Kind uint8

const (
	l4Any    l4Kind = iota // ip
	l4Header               // pkthdr: also what is no IP
	l4TCP
	l4UDP
	l4ICMP // both versions
	l4ICMPv4
	l4ICMPv6
	l4SCTP
	l4IPv4
	l4IPv6
	l4App // an application protocol: TCP or UDP
)

// holds reports whether p is what the header asks for.
func (k l4Kind) holds(p *packet.Packet) bool {
	switch k {
	case l4Header:
		return true
	case l4TCP:
		return p.Proto == packet.ProtoTCP
	case l4UDP:
		return p.Proto == packet.ProtoUDP
	case l4ICMP:
		return p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6
	case l4ICMPv4:
		return p.Proto == packet.ProtoICMP
	case l4ICMPv6:
		return p.Proto == packet.ProtoICMPv6
	case l4SCTP:
		return p.Proto == packet.ProtoSCTP
	case l4IPv4:
		return p.IPVersion == 4
	case l4IPv6:
		return p.IPVersion == 6
	case l4App:
		return p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP
	}
	return p.IPVersion != 0
}

// class is the coarse kind of a packet that prefilters are kept apart by.
type class uint8

const (
	classTCP class = iota
	classUDP
	classICMP
	classOther
	numClasses
)

func classOf(p *packet.Packet) class {
	switch p.Proto {
	case packet.ProtoTCP:
		return classTCP
	case packet.ProtoUDP:
		return classUDP
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return classICMP
	}
	return classOther
}

// classes lists the classes in which packets of the kind fall.
func (k l4Kind) classes() []class {
	switch k {
	case l4TCP:
		return []class{classTCP}
	case l4UDP:
		return []class{classUDP}
	case l4ICMP, l4ICMPv4, l4ICMPv6:
		return []class{classICMP}
	case l4SCTP:
		return []class{classOther}
	case l4App:
		return []class{classTCP, classUDP}
	}
	return []class{classTCP, classUDP, classICMP, classOther}
}

// ends is one reading of a header's addresses and ports; nil is any.
type ends struct {
	src, dst *rule.AddrSet
	sp, dp   *rule.PortSet
}

func (e *ends) hold(src, dst *packet.Addr, sp, dp uint16) bool {
	if e.dp != nil && !e.dp.Contains(dp) || e.sp != nil && !e.sp.Contains(sp) {
		return false
	}
	if e.src != nil && !e.src.Contains(*src) {
		return false
	}
	return e.dst == nil || e.dst.Contains(*dst)
}

// header compiles what stands before the options.
func (b *builder) header() error {
	s, r := b.s, b.r
	if err := at(protoPos(r, 0), b.headerProto()); err != nil {
		return err
	}
	if err := at(protoPos(r, len(r.Proto)+1), b.hook()); err != nil {
		return err
	}
	s.NoAlert = r.Action == rule.ActionConfig
	s.transactional = r.Transactional
	var err error
	if s.ends.src, err = b.c.resolveAddr(r.Src); err != nil {
		return err
	}
	if s.ends.dst, err = b.c.resolveAddr(r.Dst); err != nil {
		return err
	}
	if s.ends.sp, err = b.c.resolvePort(r.SrcPorts); err != nil {
		return err
	}
	if s.ends.dp, err = b.c.resolvePort(r.DstPorts); err != nil {
		return err
	}
	s.both = r.Both && (s.ends.src != s.ends.dst || s.ends.sp != s.ends.dp)
	return nil
}

func (b *builder) headerProto() error {
	s, name := b.s, strings.ToLower(b.r.Proto)
	switch name {
	case "ip":
		s.l4 = l4Any
	case "pkthdr":
		s.l4 = l4Header
	case "tcp":
		s.l4 = l4TCP
	case "tcp-pkt":
		s.l4, s.needPacket = l4TCP, true
	case "tcp-stream":
		s.l4, s.needStream = l4TCP, true
	case "udp":
		s.l4 = l4UDP
	case "icmp":
		s.l4 = l4ICMP
	case "icmpv4":
		s.l4 = l4ICMPv4
	case "icmpv6":
		s.l4 = l4ICMPv6
	case "sctp":
		s.l4 = l4SCTP
	case "ipv4", "ip4":
		s.l4 = l4IPv4
	case "ipv6", "ip6":
		s.l4 = l4IPv6
	default:
		return b.appProto(name)
	}
	return nil
}

func (b *builder) appProto(name string) error {
	if i, ok := b.c.cfg.Registry.ByName(name); ok {
		b.s.l4, b.s.appMask = l4App, 1<<i
		return nil
	}
	if slices.Contains(foreignProtos(), name) {
		return needProto(name)
	}
	known := []string{"ip", "tcp", "udp", "icmp", "icmpv4", "icmpv6", "sctp", "ipv4", "ipv6", "tcp-pkt",
		"tcp-stream", "pkthdr"}
	for _, d := range b.c.cfg.Registry.Descriptors {
		known = append(append(known, d.Name), d.Aliases...)
	}
	return refuse(fmt.Sprintf("unknown protocol %q", b.r.Proto), hintFor(name, known))
}

// hook ties the rule to a state of the transaction or the flow.
func (b *builder) hook() error {
	h := strings.ToLower(b.r.Hook)
	if h == "" {
		return nil
	}
	if b.s.l4 != l4App {
		switch h {
		case "flow_start":
			b.needFlow = true
			b.packetTest(func(c *ctx) bool { return c.f != nil && c.f.Pkts[c.dir] == 1 })
		case "all", "pre_flow", "pre_stream":
		default:
			return refuse(fmt.Sprintf("unknown hook %q", b.r.Hook), "flow_start or all")
		}
		return nil
	}
	regs := b.c.cfg.Registry.Descriptors
	t := txTest{name: "hook " + h, by: make([]txTestImpl, len(regs))}
	var names []string
	for _, i := range apps(b.s.appMask) {
		for d, states := range regs[i].States {
			names = append(names, states...)
			if at := stateIndex(states, Dir(d), h); at >= 0 {
				t.by[i] = txTestImpl{dirs: 1 << d, progress: uint8(at),
					test: func(proto.Tx, Dir) bool { return true }}
				t.growing = t.growing || growsAt(regs[i], Dir(d), uint8(at))
			}
		}
	}
	if !slices.ContainsFunc(t.by, func(im txTestImpl) bool { return im.test != nil }) {
		return refuse(fmt.Sprintf("unknown hook %q", b.r.Hook), hintFor(h, names))
	}
	b.addTxTest(t)
	return nil
}

// stateIndex finds a state by its name, or by one of the two that every protocol
// has: request_started and request_complete, or those of the response. It is -1
// when there is none.
func stateIndex(states []string, d Dir, name string) int {
	side := "request_"
	if d == toClient {
		side = "response_"
	}
	switch at := slices.Index(states, name); {
	case at >= 0 || len(states) == 0:
		return at
	case name == side+"started":
		return 0
	case name == side+"complete":
		return len(states) - 1
	}
	return -1
}

// growsAt reports whether a direction stays in a state while a buffer grows.
func growsAt(desc *proto.Descriptor, d Dir, state uint8) bool {
	return slices.ContainsFunc(desc.Buffers, func(b proto.Buffer) bool {
		return b.Stream && b.Dir.Has(d) && b.Progress == state
	})
}

func (c *compiler) resolveAddr(a rule.Addresses) (*rule.AddrSet, error) {
	key := string(appendAddrKey(nil, a.Root))
	if set, ok := c.addrs[key]; ok {
		return set, nil
	}
	set, err := a.Resolve(c.vars.addresses())
	if err != nil {
		return nil, err // it names a place, which is this rule's
	}
	if set.IsAny() {
		set = nil
	}
	c.addrs[key] = set
	return set, nil
}

func (c *compiler) resolvePort(p rule.Ports) (*rule.PortSet, error) {
	key := string(appendPortKey(nil, p.Root))
	if set, ok := c.ports[key]; ok {
		return set, nil
	}
	set, err := p.Resolve(c.vars.ports())
	if err != nil {
		return nil, err
	}
	if set.IsAny() {
		set = nil
	}
	c.ports[key] = set
	return set, nil
}

// appendAddrKey writes an expression so that equal texts share one set. The
// depth is bounded by the rule parser.
func appendAddrKey(b []byte, n *rule.AddrNode) []byte {
	if n.Neg {
		b = append(b, '!')
	}
	switch n.Kind {
	case rule.AddrVar:
		b = append(append(b, '$'), n.Var...)
	case rule.AddrPrefix:
		b = n.Prefix.AppendTo(b)
	case rule.AddrRange:
		b = n.High.AppendTo(append(n.Low.AppendTo(b), '-'))
	case rule.AddrList:
		b = append(b, '[')
		for i := range n.List {
			b = append(appendAddrKey(b, &n.List[i]), ',')
		}
		b = append(b, ']')
	}
	return b
}

func appendPortKey(b []byte, n *rule.PortNode) []byte {
	if n.Neg {
		b = append(b, '!')
	}
	switch n.Kind {
	case rule.PortVar:
		b = append(append(b, '$'), n.Var...)
	case rule.PortRange:
		b = fmt.Appendf(b, "%d:%d", n.Low, n.High)
	case rule.PortList:
		b = append(b, '[')
		for i := range n.List {
			b = append(appendPortKey(b, &n.List[i]), ',')
		}
		b = append(b, ']')
	}
	return b
}
