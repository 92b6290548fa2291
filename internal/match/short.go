package match

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// shortSet finds patterns of one to three bytes. Those of one byte are
// looked for one by one, the others by a bitmap of two bytes.
type shortSet struct {
	ones   []shortEntry
	filter *[1 << 10]uint64 // by the first two bytes; nil without pairs
	heads  [257]uint16      // first of pairs by first byte
	pairs  []shortEntry     // ascending
}

// fewPairs are looked for one by one, which is faster than the bitmap.
const fewPairs = 3

// shortEntry is one spelling of a pattern.
type shortEntry struct {
	text []byte
	ids  []uint32
}

func newShortSet(short []literal) *shortSet {
	s := &shortSet{}
	for _, l := range short {
		for _, text := range spellings(l) {
			if len(text) == 1 {
				s.ones = append(s.ones, shortEntry{text, l.ids})
			} else {
				s.pairs = append(s.pairs, shortEntry{text, l.ids})
			}
		}
	}
	if len(s.pairs) > 0 {
		s.index()
	}
	return s
}

// spellings returns every way of writing l: at most eight.
func spellings(l literal) [][]byte {
	out := [][]byte{bytes.Clone(l.bytes)}
	if !l.nocase {
		return out
	}
	for i, c := range l.bytes {
		if !isLetter(c) {
			continue
		}
		for _, b := range out[:len(out):len(out)] {
			upper := bytes.Clone(b)
			upper[i] ^= 0x20
			out = append(out, upper)
		}
	}
	return out
}

func (s *shortSet) index() {
	slices.SortStableFunc(s.pairs, func(a, b shortEntry) int {
		return cmp.Or(cmp.Compare(a.text[0], b.text[0]), cmp.Compare(a.text[1], b.text[1]))
	})
	s.filter = new([1 << 10]uint64)
	for _, e := range s.pairs {
		k := binary.LittleEndian.Uint16(e.text)
		s.filter[k>>6] |= 1 << (k & 63)
		s.heads[int(e.text[0])+1]++
	}
	for i := 1; i < len(s.heads); i++ {
		s.heads[i] += s.heads[i-1]
	}
}

func (s *shortSet) scan(b []byte, h *Hits) {
	for i := range s.ones {
		e := &s.ones[i]
		if !h.hasAll(e.ids) && bytes.IndexByte(b, e.text[0]) >= 0 {
			h.addAll(e.ids)
		}
	}
	if len(s.pairs) <= fewPairs {
		for i := range s.pairs {
			if e := &s.pairs[i]; !h.hasAll(e.ids) && bytes.Contains(b, e.text) {
				h.addAll(e.ids)
			}
		}
		return
	}
	for i := s.next(b, 0); i+2 <= len(b); i = s.next(b, i+1) {
		s.candidate(b, i, h)
		if b[i] == b[i+1] {
			// Inside a run every offset but the last pair looks the same.
			i = max(i, runEnd(b, i)-3)
		}
	}
}

// next returns the first offset from i whose two bytes are in the filter, or
// one too near to the end. Seven pairs a round, and no calls.
func (s *shortSet) next(b []byte, i int) int {
	filter := s.filter
	for ; i+8 <= len(b); i += 7 {
		x := binary.LittleEndian.Uint64(b[i : i+8])
		if k := uint16(x); filter[k>>6]>>(k&63)&1 != 0 {
			return i
		}
		if k := uint16(x >> 8); filter[k>>6]>>(k&63)&1 != 0 {
			return i + 1
		}
		if k := uint16(x >> 16); filter[k>>6]>>(k&63)&1 != 0 {
			return i + 2
		}
		if k := uint16(x >> 24); filter[k>>6]>>(k&63)&1 != 0 {
			return i + 3
		}
		if k := uint16(x >> 32); filter[k>>6]>>(k&63)&1 != 0 {
			return i + 4
		}
		if k := uint16(x >> 40); filter[k>>6]>>(k&63)&1 != 0 {
			return i + 5
		}
		if k := uint16(x >> 48); filter[k>>6]>>(k&63)&1 != 0 {
			return i + 6
		}
	}
	for ; i+2 <= len(b); i++ {
		k := binary.LittleEndian.Uint16(b[i:])
		if filter[k>>6]>>(k&63)&1 != 0 {
			break
		}
	}
	return i
}

// candidate compares the patterns that start with the byte at i.
func (s *shortSet) candidate(b []byte, i int, h *Hits) {
	rest := b[i:]
	for n := s.heads[rest[0]]; n < s.heads[int(rest[0])+1]; n++ {
		e := &s.pairs[n]
		if rest[1] == e.text[1] && (len(e.text) == 2 || len(rest) > 2 && rest[2] == e.text[2]) {
			h.addAll(e.ids)
		}
	}
}
