package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// portRange is of ports, both ends included.
type portRange struct{ first, last uint16 }

func inRanges(rs []portRange, p uint16) bool {
	for _, r := range rs {
		if p >= r.first && p <= r.last {
			return true
		}
	}
	return false
}

const portsHint = `ports look like "80,8080-8090"`

func parsePorts(s string) ([]portRange, error) {
	var out []portRange
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			hi = lo
		}
		first, err1 := strconv.ParseUint(lo, 10, 16)
		last, err2 := strconv.ParseUint(hi, 10, 16)
		if err1 != nil || err2 != nil || last < first {
			return nil, fmt.Errorf("want a port or a range from 0 to 65535, got %q", part)
		}
		out = append(out, portRange{uint16(first), uint16(last)})
	}
	return out, nil
}

// service is a compiled service object.
type service struct {
	proto       uint8
	ports, from []portRange // from: source ports, nil: any
}

// holds reports whether a flow is of the service.
func (s *service) holds(proto uint8, sport, dport uint16) bool {
	return s.proto == proto && inRanges(s.ports, dport) && (s.from == nil || inRanges(s.from, sport))
}

func protoOf(name string) (uint8, bool) {
	switch strings.ToLower(name) {
	case "tcp":
		return packet.ProtoTCP, true
	case "udp":
		return packet.ProtoUDP, true
	case "sctp":
		return packet.ProtoSCTP, true
	}
	return 0, false
}

// services reads the name space of services into c.svc. service-http and
// service-https exist without being written, as in PAN-OS.
func (c *compiler) services() {
	for i, s := range c.doc.Services {
		path := at("services", i)
		n := c.svc.add(&c.problems, "service", s.Name, path)
		if n >= 0 {
			c.service[n] = c.serviceOf(&s, path)
		}
	}
	for name, ports := range map[string][]portRange{"service-http": {{80, 80}, {8080, 8080}}, "service-https": {{443, 443}}} {
		if _, own := c.svc.byName[name]; !own {
			c.service[c.svc.put("service", name, nil)] = &service{proto: packet.ProtoTCP, ports: ports}
		}
	}
	c.groups(c.svc, "service group", "service_groups", c.doc.ServiceGroups, func(name string, path []any) int {
		if n, ok := c.svc.byName[name]; ok {
			return n
		}
		c.errorf(path, c.meant(name, c.svc.names), "no service %q", name)
		return -1
	})
	c.svc.sort(&c.problems)
}

// groups reads groups of one name space; find resolves a member.
func (c *compiler) groups(g *graph, what, key string, groups []Group, find func(string, []any) int) {
	made := make([]int, len(groups))
	for i, gr := range groups {
		made[i] = g.add(&c.problems, what, gr.Name, at(key, i))
		if made[i] >= 0 {
			g.nodes[made[i]].group = true
		}
		if len(gr.Members) == 0 {
			c.errorf(at(key, i), "members: lists what belongs to it", "%s %q is empty", what, gr.Name)
		}
	}
	for i, gr := range groups {
		if made[i] < 0 {
			continue
		}
		for j, m := range gr.Members {
			if k := find(m, at(key, i, "members", j)); k >= 0 {
				g.nodes[made[i]].members = append(g.nodes[made[i]].members, k)
			}
		}
	}
}

func (c *compiler) serviceOf(s *Service, path []any) *service {
	out := &service{}
	var ok bool
	if out.proto, ok = protoOf(s.Protocol); !ok {
		c.errorf(below(path, "protocol"), "protocol: is tcp, udp or sctp", "service %q: protocol %q", s.Name, s.Protocol)
	}
	var err error
	if out.ports, err = parsePorts(s.Ports); err != nil {
		c.errorf(below(path, "ports"), portsHint, "service %q: %v", s.Name, err)
	}
	if s.SourcePorts == "" {
		return out
	}
	c.sourced = true
	if out.from, err = parsePorts(s.SourcePorts); err != nil {
		c.errorf(below(path, "source_ports"), portsHint, "service %q: %v", s.Name, err)
	}
	return out
}

// portTable finds the class of a destination port, by protocol.
type portTable struct {
	protos  [3]*[65536]uint32 // TCP, UDP, SCTP; nil: class 0
	classes *classes
}

func protoIndex(proto uint8) int {
	switch proto {
	case packet.ProtoTCP:
		return 0
	case packet.ProtoUDP:
		return 1
	case packet.ProtoSCTP:
		return 2
	}
	return -1
}

func (t *portTable) of(proto uint8, port uint16) ruleSet {
	i := protoIndex(proto)
	if i < 0 || t.protos[i] == nil {
		return t.classes.at(0)
	}
	return t.classes.at(t.protos[i][port])
}

// portUse is ports and the rules that name them.
type portUse struct {
	proto uint8
	ports []portRange
	rules ruleSet
}

// portTable builds a table; any are the rules that fit every port.
func (c *compiler) portTable(uses []portUse, any ruleSet) portTable {
	t := portTable{classes: newClasses(c.p.words)}
	t.classes.of(any)
	for i, proto := range [...]uint8{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP} {
		begin, end := map[int][]ruleSet{}, map[int][]ruleSet{}
		for _, u := range uses {
			if u.proto != proto || u.rules == nil {
				continue
			}
			for _, r := range u.ports {
				begin[int(r.first)] = append(begin[int(r.first)], u.rules)
				end[int(r.last)+1] = append(end[int(r.last)+1], u.rules)
			}
		}
		if len(begin) > 0 {
			t.protos[i] = sweep(begin, end, any, t.classes)
		}
	}
	t.classes.seal()
	return t
}

// sweep walks over the ports and notes the class of each.
func sweep(begin, end map[int][]ruleSet, any ruleSet, cl *classes) *[65536]uint32 {
	out := &[65536]uint32{}
	set := slices.Clone(any)
	count := make([]int32, len(set)*64) // how many ranges of a rule are open
	any.each(func(r int) { count[r]++ })
	class := uint32(0)
	for port := range out {
		for _, s := range end[port] {
			s.each(func(r int) {
				if count[r]--; count[r] == 0 {
					set.remove(r)
				}
			})
		}
		for _, s := range begin[port] {
			s.each(func(r int) {
				count[r]++
				set.add(r)
			})
		}
		if len(begin[port])+len(end[port]) > 0 {
			class = cl.of(set)
		}
		out[port] = class
	}
	return out
}
