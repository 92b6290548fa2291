package match

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

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
// The slices are shared by all callers, who must not change them.
func BuildPrefixIDs(entries []PrefixID) *Prefixes[[]uint32] {
	own := map[netip.Prefix][]uint32{}
	for _, e := range entries {
		p := unmap(e.Prefix)
		own[p] = append(own[p], e.ID)
	}
	// The widest go first, so that each finds its next wider one complete.
	order := slices.SortedFunc(maps.Keys(own), func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})
	t := &Prefixes[[]uint32]{}
	for _, p := range order {
		ids := own[p]
		if wider, ok := t.table.LookupPrefix(p); ok {
			ids = append(ids, wider...)
		}
		slices.Sort(ids)
		t.table.Insert(p, slices.Clip(slices.Compact(ids)))
	}
	return t
}

// unmap returns p masked, and as IPv4 if it is a part of ::ffff:0:0/96.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}
