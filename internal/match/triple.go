package match

import (
	"cmp"
	"slices"
)

// triples files patterns under three bytes of theirs.
type triples struct {
	filter [32]uint64
	list   []entry // gram is the three bytes, offset is where they are; ascending
}

// tripleSlot is the filter bit of three blurred bytes: 11 bits.
func tripleSlot(t uint32) uint32 { return t * 0x9E3779B1 >> 21 }

func (x *triples) add(e entry, t uint32, offset uint16) {
	e.gram, e.offset = t, offset
	x.list = append(x.list, e)
	k := tripleSlot(t)
	x.filter[k>>6] |= 1 << (k & 63)
}

func (x *triples) sort() {
	slices.SortStableFunc(x.list, func(a, b entry) int { return cmp.Compare(a.gram, b.gram) })
}

// may reports whether a pattern may be filed under t.
func (x *triples) may(t uint32) bool {
	k := tripleSlot(t)
	return x.filter[k>>6&31]>>(k&63)&1 != 0
}

// triple compares the patterns that x has under t, which lies at i.
func (s *Set) triple(x *triples, b []byte, i int, t uint32, h *Hits) {
	low, high := 0, len(x.list)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if x.list[mid].gram < t {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < len(x.list) && x.list[low].gram == t; low++ {
		e := &x.list[low]
		s.verify(b, i-int(e.offset), e, h)
	}
}
