package detect

import (
	"net/netip"

	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// ipTable finds the rules that look at addresses alone. Each is filed under the
// prefixes of its narrower side and verified in full when that is found.
type ipTable struct {
	always             []uint32
	srcEntry, dstEntry []match.PrefixID
	src, dst           *match.Prefixes[[]uint32]
	any                bool
}

func (t *ipTable) add(s *Signature) {
	t.any = true
	t.file(s, &s.ends)
	if s.both {
		swapped := ends{src: s.ends.dst, dst: s.ends.src}
		t.file(s, &swapped)
	}
}

func (t *ipTable) file(s *Signature, e *ends) {
	switch {
	case e.src == nil && e.dst == nil:
		if n := len(t.always); n == 0 || t.always[n-1] != s.id {
			t.always = append(t.always, s.id)
		}
	case e.dst == nil || e.src != nil && width(e.src) <= width(e.dst):
		t.srcEntry = appendEntries(t.srcEntry, e.src, s.id)
	default:
		t.dstEntry = appendEntries(t.dstEntry, e.dst, s.id)
	}
}

func appendEntries(dst []match.PrefixID, set *rule.AddrSet, id uint32) []match.PrefixID {
	for _, p := range set.Prefixes() {
		dst = append(dst, match.PrefixID{Prefix: p, ID: id})
	}
	return dst
}

// width is the share of its address family that a set covers.
func width(set *rule.AddrSet) (w float64) {
	for _, p := range set.Prefixes() {
		w += share(p)
	}
	return w
}

func share(p netip.Prefix) float64 {
	x := 1.0
	for range p.Bits() {
		x /= 2
	}
	return x
}

func (t *ipTable) build() {
	t.src, t.dst = match.BuildPrefixIDs(t.srcEntry), match.BuildPrefixIDs(t.dstEntry)
	t.srcEntry, t.dstEntry = nil, nil
}

// candidates appends the rules that may hold for the addresses.
func (t *ipTable) candidates(out []uint32, src, dst packet.Addr) []uint32 {
	out = append(out, t.always...)
	if t.src.Len() > 0 {
		if ids, ok := t.src.Lookup(src); ok {
			out = append(out, ids...)
		}
	}
	if t.dst.Len() > 0 {
		if ids, ok := t.dst.Lookup(dst); ok {
			out = append(out, ids...)
		}
	}
	return out
}
