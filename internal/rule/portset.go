package rule

// PortSet is a resolved port expression. It is immutable and may be shared.
type PortSet struct{ list []PortSpan }

// PortSpan is a range of ports, both ends included.
type PortSpan struct{ Low, High uint16 }

func greatestPort() number { return number{0, 1<<16 - 1} }

func newPortSet(s spans) *PortSet {
	p := &PortSet{}
	for _, x := range s {
		p.list = append(p.list, PortSpan{uint16(x.low.low), uint16(x.high.low)})
	}
	return p
}

// Contains reports whether the set holds port p.
func (s *PortSet) Contains(p uint16) bool {
	for _, x := range s.list {
		if p <= x.High {
			return p >= x.Low
		}
	}
	return false
}

// IsAny reports whether the set holds every port.
func (s *PortSet) IsAny() bool {
	return len(s.list) == 1 && s.list[0] == PortSpan{0, 65535}
}

// Spans returns the set as ascending, disjoint ranges. The caller must not
// change them.
func (s *PortSet) Spans() []PortSpan { return s.list }
