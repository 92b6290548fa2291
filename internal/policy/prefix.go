package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// parseNetwork reads an address or a network; host bits are cleared.
func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("want an address or a network such as 10.0.0.0/8, got %q", s)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// parseRange reads "10.0.0.1-10.0.0.9" into the networks that make it up.
func parseRange(s string) ([]netip.Prefix, error) {
	first, last, ok := strings.Cut(s, "-")
	lo, err1 := netip.ParseAddr(strings.TrimSpace(first))
	hi, err2 := netip.ParseAddr(strings.TrimSpace(last))
	if !ok || err1 != nil || err2 != nil || lo.Zone() != "" || hi.Zone() != "" {
		return nil, fmt.Errorf("want a range such as 10.0.0.1-10.0.0.9, got %q", s)
	}
	lo, hi = lo.Unmap(), hi.Unmap()
	if lo.BitLen() != hi.BitLen() {
		return nil, errors.New("the ends of a range are of one family")
	}
	if hi.Less(lo) {
		return nil, fmt.Errorf("the range ends before it begins: %q", s)
	}
	return rangePrefixes(lo, hi), nil
}

// rangePrefixes splits a range into at most two networks for each bit.
func rangePrefixes(lo, hi netip.Addr) (out []netip.Prefix) {
	for {
		p := netip.PrefixFrom(lo, lo.BitLen())
		for b := lo.BitLen() - 1; b >= 0; b-- {
			w := netip.PrefixFrom(lo, b)
			if w.Masked().Addr() != lo || hi.Less(lastOf(w)) {
				break
			}
			p = w
		}
		out = append(out, p)
		last := lastOf(p)
		if last == hi {
			return out
		}
		lo = last.Next()
	}
}

// lastOf is the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	off := 0
	if p.Addr().Is4() {
		off = 96
	}
	for i := off + p.Bits(); i < 128; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a := netip.AddrFrom16(b)
	if off > 0 {
		a = a.Unmap()
	}
	return a
}

// without takes a network out of another: what is left, at most one network for
// each bit between them.
func without(p, hole netip.Prefix) []netip.Prefix {
	if !p.Overlaps(hole) {
		return []netip.Prefix{p}
	}
	if hole.Bits() <= p.Bits() {
		return nil
	}
	var out []netip.Prefix
	for p.Bits() < hole.Bits() {
		low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
		high := netip.PrefixFrom(lastOf(low).Next(), p.Bits()+1)
		if low.Overlaps(hole) {
			out, p = append(out, high), low
		} else {
			out, p = append(out, low), high
		}
	}
	return out
}
