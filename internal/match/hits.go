package match

// Hits collects pattern IDs, each at most once. It belongs to one worker and
// is reused: Reset costs as many steps as there are IDs. Several sets may be
// scanned into one Hits. The zero value is ready.
type Hits struct {
	ids  []uint32
	bits []uint64
}

// Reset empties h and keeps its memory.
func (h *Hits) Reset() {
	for _, id := range h.ids {
		h.bits[id>>6] = 0
	}
	h.ids = h.ids[:0]
}

// IDs returns the IDs collected since Reset, in the order found. The slice is
// h's own and is valid until the next Scan or Reset; it may be sorted in place.
func (h *Hits) IDs() []uint32 { return h.ids }

// Has reports whether id was collected.
func (h *Hits) Has(id uint32) bool {
	return int(id>>6) < len(h.bits) && h.bits[id>>6]&(1<<(id&63)) != 0
}

// Add collects id. Memory grows to hold the greatest ID ever added (one bit
// each), so IDs should be dense.
func (h *Hits) Add(id uint32) {
	if int(id>>6) >= len(h.bits) {
		h.grow(id)
	}
	w, m := &h.bits[id>>6], uint64(1)<<(id&63)
	if *w&m == 0 {
		*w |= m
		h.ids = append(h.ids, id)
	}
}

func (h *Hits) grow(id uint32) {
	bits := make([]uint64, (int(id>>6)+1)*2)
	copy(bits, h.bits)
	h.bits = bits
}

func (h *Hits) addAll(ids []uint32) {
	for _, id := range ids {
		h.Add(id)
	}
}

func (h *Hits) hasAll(ids []uint32) bool {
	for _, id := range ids {
		if !h.Has(id) {
			return false
		}
	}
	return true
}
