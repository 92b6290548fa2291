package match

import "bytes"

// shortSet finds the patterns of one to three bytes.
type shortSet struct {
	// ones[c] are the IDs of the patterns c; twos and threes are found by
	// their first two bytes.
	ones   [256][]uint32
	list   []byte // the distinct first bytes of ones
	filter *[1 << 10]uint64
	pairs  map[uint16][]shortEntry
}

// shortEntry is a pattern of two or three bytes, behind its first two.
type shortEntry struct {
	third int16 // -1 for none
	ids   []uint32
}

func newShortSet(short []literal) *shortSet {
	s := &shortSet{}
	for _, l := range short {
		for _, spelled := range spellings(l) {
			s.add(spelled, l.ids)
		}
	}
	return s
}

// spellings returns every way of writing l: at most eight.
func spellings(l literal) [][]byte {
	out := [][]byte{l.bytes}
	if !l.nocase {
		return out
	}
	for i, c := range l.bytes {
		if !isLetter(c) {
			continue
		}
		for _, b := range out[:len(out):len(out)] {
			upper := append([]byte(nil), b...)
			upper[i] ^= 0x20
			out = append(out, upper)
		}
	}
	return out
}

func (s *shortSet) add(b []byte, ids []uint32) {
	if len(b) == 1 {
		if s.ones[b[0]] == nil {
			s.list = append(s.list, b[0])
		}
		s.ones[b[0]] = append(s.ones[b[0]], ids...)
		return
	}
	if s.filter == nil {
		s.filter = new([1 << 10]uint64)
		s.pairs = map[uint16][]shortEntry{}
	}
	k := uint16(b[0])<<8 | uint16(b[1])
	s.filter[k>>6] |= 1 << (k & 63)
	e := shortEntry{third: -1, ids: ids}
	if len(b) == 3 {
		e.third = int16(b[2])
	}
	s.pairs[k] = append(s.pairs[k], e)
}

func (s *shortSet) scan(b []byte, h *Hits) {
	for _, c := range s.list {
		if !h.hasAll(s.ones[c]) && bytes.IndexByte(b, c) >= 0 {
			h.addAll(s.ones[c])
		}
	}
	if s.filter == nil || len(b) < 2 {
		return
	}
	k := uint16(b[0])
	for i, c := range b[1:] {
		k = k<<8 | uint16(c)
		if s.filter[k>>6]>>(k&63)&1 != 0 {
			s.candidate(b, i, k, h)
		}
	}
}

// candidate looks at the patterns that start with the two bytes k at i.
func (s *shortSet) candidate(b []byte, i int, k uint16, h *Hits) {
	for _, e := range s.pairs[k] {
		if e.third < 0 || i+2 < len(b) && int16(b[i+2]) == e.third {
			h.addAll(e.ids)
		}
	}
}
