package rule

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"sort"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// AddrSet is a resolved address expression: a set of IPv4 and of IPv6
// addresses. It is immutable and may be shared.
type AddrSet struct {
	v4   []span4
	v6   spans
	any4 bool
	any6 bool
}

type span4 struct{ low, high uint32 }

// greatest4 and greatest6 are the last addresses of the two families.
func greatest4() number { return number{0, 1<<32 - 1} }
func greatest6() number { return number{^uint64(0), ^uint64(0)} }

// families is an address set under evaluation.
type families struct{ v4, v6 spans }

func allAddresses() families {
	return families{spans{{number{}, greatest4()}}, spans{{number{}, greatest6()}}}
}

func (f families) complement() families {
	return families{f.v4.complement(greatest4()), f.v6.complement(greatest6())}
}

func (f families) minus(g families) families {
	return families{f.v4.minus(g.v4, greatest4()), f.v6.minus(g.v6, greatest6())}
}

func (f families) empty() bool { return len(f.v4) == 0 && len(f.v6) == 0 }

func newAddrSet(f families) *AddrSet {
	s := &AddrSet{v6: f.v6, any4: f.v4.isAll(greatest4()), any6: f.v6.isAll(greatest6())}
	for _, x := range f.v4 {
		s.v4 = append(s.v4, span4{uint32(x.low.low), uint32(x.high.low)})
	}
	return s
}

// numberOf returns an address as a number of its family.
func numberOf(a netip.Addr) number {
	if a.Is4() {
		b := a.As4()
		return number{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return number{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// spanOf returns the first and last address of p.
func spanOf(p netip.Prefix) span {
	low := numberOf(p.Addr())
	host := p.Addr().BitLen() - p.Bits()
	high := low
	switch {
	case host >= 64:
		high.low = ^uint64(0)
		high.high |= 1<<(host-64) - 1
	default:
		high.low |= 1<<host - 1
	}
	return span{low, high}
}

// Contains reports whether the set holds a.
func (s *AddrSet) Contains(a packet.Addr) bool {
	if a.Is4() {
		return s.any4 || s.contains4(binary.BigEndian.Uint32(a[12:]))
	}
	return s.any6 || s.contains6(number{
		binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])})
}

func (s *AddrSet) contains4(a uint32) bool {
	low, high := 0, len(s.v4)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if s.v4[mid].high < a {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low < len(s.v4) && s.v4[low].low <= a
}

func (s *AddrSet) contains6(a number) bool {
	i := sort.Search(len(s.v6), func(i int) bool { return !s.v6[i].high.less(a) })
	return i < len(s.v6) && !a.less(s.v6[i].low)
}

// IsAny reports whether the set holds every address.
func (s *AddrSet) IsAny() bool { return s.any4 && s.any6 }

// Prefixes returns the set as the fewest prefixes, IPv4 first.
func (s *AddrSet) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, x := range s.v4 {
		out = appendPrefixes(out, span{number{0, uint64(x.low)}, number{0, uint64(x.high)}}, 32)
	}
	for _, x := range s.v6 {
		out = appendPrefixes(out, x, 128)
	}
	return out
}

// appendPrefixes cuts x into aligned blocks: at each step the greatest that
// starts at its low end and does not pass its high end.
func appendPrefixes(out []netip.Prefix, x span, width int) []netip.Prefix {
	for low := x.low; ; {
		host := min(low.trailingZeros(), width)
		for x.high.less(blockEnd(low, host)) {
			host--
		}
		out = append(out, netip.PrefixFrom(low.addr(width), width-host))
		end := blockEnd(low, host)
		if end == x.high {
			return out
		}
		low = end.next()
	}
}

// blockEnd returns the last number of the block of 2^host numbers at low.
func blockEnd(low number, host int) number {
	switch {
	case host == 128:
		return greatest6()
	case host >= 64:
		return number{low.high | (1<<(host-64) - 1), ^uint64(0)}
	}
	return number{low.high, low.low | (1<<host - 1)}
}

func (a number) trailingZeros() int {
	if a.low != 0 {
		return bits.TrailingZeros64(a.low)
	}
	return 64 + bits.TrailingZeros64(a.high)
}

func (a number) addr(width int) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.high)
	binary.BigEndian.PutUint64(b[8:], a.low)
	if width == 32 {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.AddrFrom16(b)
}
