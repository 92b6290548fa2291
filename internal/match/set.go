package match

import (
	"encoding/binary"
	"math/bits"
)

// gram is the length of the substring a pattern is filed under.
const gram = 4

// Set finds many literals in a buffer in one pass. It is immutable.
//
// Each pattern of five bytes and more is filed under the two neighbouring
// grams that are expected the least, so that one of them lies at an even
// offset of the buffer wherever the pattern does. The scan hashes the gram at
// every even offset into a bit filter that fits the first-level cache; where a
// bit is set, the patterns filed there are compared. Letter case is blurred in
// the filter (blur64) and settled by the comparison.
//
// A pattern of four bytes has but one gram. At odd offsets it is found by its
// last three bytes, which is one filter bit for each value of the byte behind
// them; a set with many such patterns looks at every offset instead. Patterns
// of three bytes are found by all four-byte strings that begin or end with
// them. Patterns of one and two bytes, and of three where there are too many,
// have tables of their own.
type Set struct {
	filter  []uint64           // one bit a hash
	wide    *[wideWords]uint64 // filter, when it has so many words
	stride  int                // 2, or 1 with many patterns of four bytes
	heads   []bucket           // one more at the end
	shift   uint               // 32 - log2(buckets)
	entries []entry            // by bucket
	first   triples            // by the first three bytes of a gram
	last    triples            // by the last three
	strings []byte             // all pattern bytes; lower case where nocase
	ids     []uint32           // grouped by pattern
	runSpan int                // reach of the patterns filed under four equal bytes
	short   *shortSet
	size    int
}

// entry is one pattern, seen from one of its grams.
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

// bucket is the entries that share the high bits of their gram's hash.
type bucket struct {
	first uint32 // of entries
	tags  uint32 // the tagOf each of them: most false candidates end here
}

// tagOf is one bit of 32 for a blurred gram, independent of its bucket.
func tagOf(g uint32) uint32 { return 1 << (g * 0x85EBCA6B >> 27) }

// noWindow marks a pattern of fewer than eight bytes.
const noWindow = 1 << 14

const low24 = 1<<24 - 1

// blur64 makes the two cases of each letter in x equal, and of a few other
// bytes: bit 0x20 is set where bit 0x40 is.
func blur64(x uint64) uint64 { return x | x>>1&0x2020202020202020 }

// blur32 is blur64 for four bytes.
func blur32(x uint32) uint32 { return x | x>>1&0x20202020 }

// blur is blur64 for one byte.
func blur(c byte) byte { return c | c>>1&0x20 }

// hashOf spreads a blurred gram over 32 bits; the high ones are the good ones.
func hashOf(g uint32) uint32 { return g * 0x9E3779B1 }

// slot returns the filter bit of a blurred gram, before masking: 20 bits.
func slot(g uint32) uint32 { return hashOf(g) >> 12 }

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

func (s *Set) scan(b []byte, h *Hits) {
	short := 0 // up to here, runs of one byte are known to be short
	for i := s.next(b, 0); i+gram <= len(b); i = s.next(b, i+s.stride) {
		g := blur32(binary.LittleEndian.Uint32(b[i:]))
		if i >= short && g == bits.RotateLeft32(g, 8) {
			i, short = s.scanRun(b, i, g, h)
			continue
		}
		s.candidate(b, i, g, h)
	}
	// A pattern of four bytes at the very end of an odd offset, and one of
	// three of an even one, have no byte behind them.
	if len(s.first.list) > 0 && len(b)&1 != 0 && len(b) >= 3 {
		s.triple(&s.first, b, len(b)-3, tail24(b), h)
	}
}

// scanRun compares the patterns filed under g, four equal bytes, along the run
// of that byte at i. Deep inside a long run every offset looks the same, so one
// stands for all: padding and overflow fillers would cost a comparison a byte
// otherwise. It returns the last offset done, and the end of a run too short
// for that.
func (s *Set) scanRun(b []byte, i int, g uint32, h *Hits) (last, short int) {
	end := runEnd(b[:min(len(b), maxRun+i)], i)
	inside := i + s.runSpan + s.stride
	if inside+s.runSpan >= end {
		s.candidate(b, i, g, h)
		return i, end
	}
	for last = i; last <= inside; last += s.stride {
		s.candidate(b, last, g, h)
	}
	last -= s.stride
	if next := end - s.runSpan; next > last+s.stride {
		last += (next - last - 1) / s.stride * s.stride
	}
	return last, 0
}

// maxRun bounds how far scanRun looks ahead.
const maxRun = 1 << 16

// runEnd returns the end of the run of equal bytes that starts at i.
func runEnd(b []byte, i int) int {
	want := uint64(b[i]) * ones64
	for i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:]) == want {
		i += 8
	}
	for i < len(b) && b[i] == byte(want) {
		i++
	}
	return i
}

func (s *Set) next(b []byte, i int) int {
	switch {
	case s.wide != nil:
		return nextWide(s.wide, b, i)
	case s.stride == 2:
		return s.next2(b, i)
	}
	return s.next1(b, i)
}

// nextWide is next2 for the usual width of a large set: with the length known
// there is no bound to check, a tenth of the time.
func nextWide(filter *[wideWords]uint64, b []byte, i int) int {
	for ; i+10 <= len(b); i += 8 {
		p := b[i : i+10 : i+10]
		x := blur64(binary.LittleEndian.Uint64(p))
		k := slot(uint32(x))
		if filter[k>>6&(wideWords-1)]>>(k&63)&1 != 0 {
			return i
		}
		k = slot(uint32(x >> 16))
		if filter[k>>6&(wideWords-1)]>>(k&63)&1 != 0 {
			return i + 2
		}
		k = slot(uint32(x >> 32))
		if filter[k>>6&(wideWords-1)]>>(k&63)&1 != 0 {
			return i + 4
		}
		k = slot(blur32(binary.LittleEndian.Uint32(p[6:])))
		if filter[k>>6&(wideWords-1)]>>(k&63)&1 != 0 {
			return i + 6
		}
	}
	for ; i+gram <= len(b); i += 2 {
		k := slot(blur32(binary.LittleEndian.Uint32(b[i:])))
		if filter[k>>6&(wideWords-1)]>>(k&63)&1 != 0 {
			break
		}
	}
	return i
}

// tail24 returns the last three bytes, blurred.
func tail24(b []byte) uint32 {
	t := b[len(b)-3:]
	return blur32(uint32(t[0]) | uint32(t[1])<<8 | uint32(t[2])<<16)
}

// next2 returns the first offset, of i and every second one behind it, whose
// gram has its filter bit set, or one too near to the end to have a gram.
// Four grams a round, and no calls: this loop is what scanning costs.
func (s *Set) next2(b []byte, i int) int {
	filter := s.filter
	mask := uint32(len(filter) - 1)
	for ; i+10 <= len(b); i += 8 {
		p := b[i : i+10]
		x := blur64(binary.LittleEndian.Uint64(p))
		k := slot(uint32(x))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i
		}
		k = slot(uint32(x >> 16))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i + 2
		}
		k = slot(uint32(x >> 32))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i + 4
		}
		k = slot(blur32(binary.LittleEndian.Uint32(p[6:])))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i + 6
		}
	}
	for ; i+gram <= len(b); i += 2 {
		k := slot(blur32(binary.LittleEndian.Uint32(b[i:])))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			break
		}
	}
	return i
}

// next1 is next2 for every offset.
func (s *Set) next1(b []byte, i int) int {
	filter := s.filter
	mask := uint32(len(filter) - 1)
	for ; i+8 <= len(b); i += 4 {
		x := blur64(binary.LittleEndian.Uint64(b[i : i+8]))
		k := slot(uint32(x))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i
		}
		k = slot(uint32(x >> 8))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i + 1
		}
		k = slot(uint32(x >> 16))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i + 2
		}
		k = slot(uint32(x >> 24))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			return i + 3
		}
	}
	for ; i+gram <= len(b); i++ {
		k := slot(blur32(binary.LittleEndian.Uint32(b[i:])))
		if filter[k>>6&mask]>>(k&63)&1 != 0 {
			break
		}
	}
	return i
}

// candidate compares the patterns filed under gram g at position i of b.
func (s *Set) candidate(b []byte, i int, g uint32, h *Hits) {
	if t := g & low24; s.first.may(t) {
		s.triple(&s.first, b, i, t, h)
	}
	if t := g >> 8; s.last.may(t) {
		s.triple(&s.last, b, i+1, t, h)
	}
	head := s.heads[hashOf(g)>>(s.shift&31):]
	if head[0].tags&tagOf(g) == 0 {
		return
	}
	list := s.entries[head[0].first:head[1].first]
	for n := range list {
		e := &list[n]
		if e.gram != g {
			continue
		}
		if e.window != noWindow {
			at := i + int(e.window)
			if at < 0 || at+8 > len(b) ||
				blur64(binary.LittleEndian.Uint64(b[at:])) != e.check {
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
