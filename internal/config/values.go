package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// bad is a complaint that does not end yaml's decoding; the Checker knows its
// place.
func bad(format string, args ...any) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf(format, args...)}}
}

// Listen is a socket address and the encapsulation expected there; written as
// "0.0.0.0:4789" (VXLAN), or with geneve:// before it.
type Listen struct {
	Address string
	Encap   string // vxlan or geneve
}

// UnmarshalYAML reads the text form.
func (l *Listen) UnmarshalYAML(n *yaml.Node) error {
	l.Encap, l.Address = "vxlan", n.Value
	if scheme, rest, ok := strings.Cut(n.Value, "://"); ok {
		l.Encap, l.Address = scheme, rest
	}
	if l.Encap != "vxlan" && l.Encap != "geneve" {
		return bad("listen: want vxlan:// or geneve://, got %q", n.Value)
	}
	if _, err := netip.ParseAddrPort(l.Address); err != nil {
		return bad("listen: want ADDRESS:PORT such as 0.0.0.0:4789, got %q", n.Value)
	}
	return nil
}

// Prefix is a network or a single address.
type Prefix struct{ netip.Prefix }

// UnmarshalYAML reads 10.0.0.0/8 or 10.1.2.3.
func (p *Prefix) UnmarshalYAML(n *yaml.Node) error {
	if a, err := netip.ParseAddr(n.Value); err == nil {
		p.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	v, err := netip.ParsePrefix(n.Value)
	if err != nil {
		return bad("want a network such as 10.0.0.0/8, got %q", n.Value)
	}
	p.Prefix = v.Masked()
	return nil
}

// VNIRange is one identifier or an inclusive range, "100" or "100-199".
type VNIRange struct{ First, Last uint32 }

// UnmarshalYAML reads the text form.
func (r *VNIRange) UnmarshalYAML(n *yaml.Node) error {
	lo, hi, ranged := strings.Cut(n.Value, "-")
	if !ranged {
		hi = lo
	}
	first, err1 := strconv.ParseUint(strings.TrimSpace(lo), 10, 24)
	last, err2 := strconv.ParseUint(strings.TrimSpace(hi), 10, 24)
	if err1 != nil || err2 != nil || first > last {
		return bad("want a VNI from 0 to 16777215 or a range such as 100-199, got %q", n.Value)
	}
	r.First, r.Last = uint32(first), uint32(last)
	return nil
}

// Size is a number of bytes, written with KiB, MiB, GiB or without a unit.
type Size int64

// UnmarshalYAML reads 64MiB, 64mb and 67108864; 1kb is 1,024 bytes, as in
// Suricata.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	num := strings.ToLower(strings.TrimSpace(n.Value))
	shift := 0
	for i, unit := range []string{"k", "m", "g"} {
		short := strings.TrimSuffix(strings.TrimSuffix(num, "b"), "i")
		if v, ok := strings.CutSuffix(short, unit); ok {
			num, shift = strings.TrimSpace(v), 10*(i+1)
			break
		}
	}
	v, err := strconv.ParseInt(num, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64>>shift {
		return bad("want a size such as 64MiB, got %q", n.Value)
	}
	*s = Size(v << shift)
	return nil
}

// Duration is a time span such as 90s, 5m, 24h.
type Duration time.Duration

// UnmarshalYAML reads Go's notation, and whole days.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	if days, ok := strings.CutSuffix(n.Value, "d"); ok {
		if v, err := strconv.ParseUint(days, 10, 16); err == nil {
			*d = Duration(time.Duration(v) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return bad("want a time span such as 90s, 5m or 24h, got %q", n.Value)
	}
	*d = Duration(v)
	return nil
}
