package flow

// index is an open-addressing hash table from key hashes to slab places. An
// entry is tag<<32 | place+1, 0 is free; keys stay in the slabs, so a probe
// touches one cache line until the tag agrees. Deletion shifts back, so there
// are no tombstones and probes stay short for ever.
type index struct {
	entries []uint64
	mask    uint32
	n       int
}

const minIndex = 1 << 12

func newIndex() index {
	return index{entries: make([]uint64, minIndex), mask: minIndex - 1}
}

// add puts place under hash; the caller knows it is not there.
func (x *index) add(hash uint64, place uint32) {
	if (x.n+1)*8 > len(x.entries)*5 {
		x.grow()
	}
	x.n++
	x.put(uint64(uint32(hash))<<32 | uint64(place+1))
}

func (x *index) put(e uint64) {
	i := uint32(e>>32) & x.mask
	for x.entries[i] != 0 {
		i = (i + 1) & x.mask
	}
	x.entries[i] = e
}

func (x *index) grow() {
	old := x.entries
	x.entries = make([]uint64, 2*len(old))
	x.mask = uint32(len(x.entries) - 1)
	for _, e := range old {
		if e != 0 {
			x.put(e)
		}
	}
}

// remove takes place out and closes the hole behind it.
func (x *index) remove(hash uint64, place uint32) {
	want := uint64(uint32(hash))<<32 | uint64(place+1)
	i := uint32(hash) & x.mask
	for x.entries[i] != want {
		if x.entries[i] == 0 {
			panic("BUG: flow not in index")
		}
		i = (i + 1) & x.mask
	}
	x.n--
	for j := (i + 1) & x.mask; x.entries[j] != 0; j = (j + 1) & x.mask {
		home := uint32(x.entries[j]>>32) & x.mask
		if (j-home)&x.mask >= (j-i)&x.mask {
			x.entries[i] = x.entries[j]
			i = j
		}
	}
	x.entries[i] = 0
}
