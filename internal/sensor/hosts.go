package sensor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// SetHostOS gives the hosts of networks the policy of a system, by Suricata's
// name for it, in place of those that had it: which copy of overlapping bytes
// they take, in streams and in fragments alike. The longest prefix wins. The
// error names the policies there are.
func (cfg *Config) SetHostOS(system string, networks []netip.Prefix) error {
	pol, ok := flow.PolicyByName(system)
	if !ok {
		return fmt.Errorf("want one of %s, got %q", strings.Join(flow.PolicyNames(), ", "), system)
	}
	all := slices.DeleteFunc(slices.Clone(cfg.Flow.Policies), func(p flow.PrefixPolicy) bool { return p.Policy == pol })
	for _, n := range networks {
		all = append(all, flow.PrefixPolicy{Prefix: n, Policy: pol})
	}
	slices.SortStableFunc(all, func(a, b flow.PrefixPolicy) int { return b.Prefix.Bits() - a.Prefix.Bits() })
	cfg.Flow.Policies = all
	cfg.Defrag.PolicyOf = func(dst packet.Addr) packet.DefragPolicy {
		ip := dst.Netip()
		for i := range all {
			if all[i].Prefix.Contains(ip) {
				p, _ := packet.DefragPolicyByName(all[i].Policy.String())
				return p
			}
		}
		return packet.DefragDefault
	}
	return nil
}

// networks reads "10.0.0.0/8,192.0.2.1", in brackets or not.
func networks(text string) (out []netip.Prefix, err error) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("want networks such as 10.0.0.0/8,192.0.2.1, got %q", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
