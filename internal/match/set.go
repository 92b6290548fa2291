package match

import (
	"encoding/binary"
	"math/bits"
)

// gram is the length of the substring a pattern is filed under.
const gram = 4

// Set finds many literals in a buffer in one pass. It is immutable.
//
// Each pattern of four bytes and more is filed under its rarest four bytes.
// The scan hashes every four bytes of the buffer into a bit filter that fits
// the first-level cache; where a bit is set, the patterns filed there are
// compared. Letter case is blurred in the filter (bit 0x20 is set in each
// byte) and settled by the comparison. Shorter patterns have tables of their
// own, which cost nothing where there are none.
type Set struct {
	filter  []uint64 // one bit a hash
	shift   uint     // 32 - log2(bits in filter)
	heads   []uint32 // first entry of each bucket; one more at the end
	bshift  uint     // 32 - log2(buckets)
	entries []entry  // by bucket
	strings []byte   // all pattern bytes; lower case where nocase
	ids     []uint32 // grouped by pattern
	short   *shortSet
	size    int
}

// entry is one pattern, seen from its gram.
type entry struct {
	check  uint64 // eight bytes of the pattern, blurred
	gram   uint32 // blurred
	offset uint16 // of the gram in the pattern
	window int16  // of the eight bytes, from the gram; noWindow for none
	start  uint32 // in strings
	length uint16
	nocase bool
	ids    uint32 // first in ids
	idEnd  uint32
}

// noWindow marks a pattern of fewer than eight bytes.
const noWindow = 1 << 14

const blur64 = 0x2020202020202020
const blur32 = 0x20202020

// hashOf spreads a blurred gram over 32 bits; the high ones are the good ones.
func hashOf(g uint32) uint32 { return g * 0x9E3779B1 }

// Len returns the number of patterns.
func (s *Set) Len() int { return s.size }

// Scan adds to h the ID of every pattern that occurs in b, each once. It
// allocates only when h must grow.
func (s *Set) Scan(b []byte, h *Hits) {
	if s.short != nil {
		s.short.scan(b, h)
	}
	if len(s.entries) != 0 {
		s.scan(b, h)
	}
}

// scan looks at four positions a step: one 64-bit load holds their grams.
func (s *Set) scan(b []byte, h *Hits) {
	filter, shift := s.filter, s.shift&31
	mask := uint32(len(filter) - 1)
	i := 0
	for ; i+8 <= len(b); i += 4 {
		x := binary.LittleEndian.Uint64(b[i:i+8:len(b)]) | blur64
		h0 := hashOf(uint32(x)) >> shift
		h1 := hashOf(uint32(x>>8)) >> shift
		h2 := hashOf(uint32(x>>16)) >> shift
		h3 := hashOf(uint32(x>>24)) >> shift
		t0 := filter[h0>>6&mask] >> (h0 & 63)
		t1 := filter[h1>>6&mask] >> (h1 & 63)
		t2 := filter[h2>>6&mask] >> (h2 & 63)
		t3 := filter[h3>>6&mask] >> (h3 & 63)
		if (t0|t1|t2|t3)&1 == 0 {
			continue
		}
		s.candidates(b, i, x, uint(t0&1|t1&1<<1|t2&1<<2|t3&1<<3), h)
	}
	for ; i+gram <= len(b); i++ {
		x := binary.LittleEndian.Uint32(b[i:]) | blur32
		k := hashOf(x) >> shift
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			s.candidate(b, i, x, h)
		}
	}
}

// candidates looks into the buckets of the set bits of hit: position i+n for
// bit n, its gram being x>>8n.
func (s *Set) candidates(b []byte, i int, x uint64, hit uint, h *Hits) {
	for ; hit != 0; hit &= hit - 1 {
		n := bits.TrailingZeros(hit)
		s.candidate(b, i+n, uint32(x>>(8*n)), h)
	}
}

// candidate compares the patterns filed under gram g at position i of b.
func (s *Set) candidate(b []byte, i int, g uint32, h *Hits) {
	bucket := hashOf(g) >> (s.bshift & 31)
	list := s.entries[s.heads[bucket]:s.heads[bucket+1]]
	for n := range list {
		e := &list[n]
		if e.gram != g {
			continue
		}
		if e.window != noWindow {
			at := i + int(e.window)
			if at < 0 || at+8 > len(b) ||
				binary.LittleEndian.Uint64(b[at:])|blur64 != e.check {
				continue
			}
		}
		s.verify(b, i-int(e.offset), e, h)
	}
}

// verify compares the whole pattern with b at start and files its IDs.
func (s *Set) verify(b []byte, start int, e *entry, h *Hits) {
	end := start + int(e.length)
	if start < 0 || end > len(b) || h.hasAll(s.ids[e.ids:e.idEnd]) {
		return
	}
	want := s.strings[e.start : e.start+uint32(e.length)]
	if e.nocase {
		if !equalFold(b[start:end], want) {
			return
		}
	} else if string(b[start:end]) != string(want) {
		return
	}
	for _, id := range s.ids[e.ids:e.idEnd] {
		h.Add(id)
	}
}
