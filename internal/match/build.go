package match

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// maxPattern bounds what is compared of a pattern in a Set.
const maxPattern = 1 << 14

// BuildOption changes how a Set is built.
type BuildOption func(*builder)

// Sample adds typical traffic to what the frequencies of byte strings are
// counted from. It makes scanning faster and never changes the result.
func Sample(traffic []byte) BuildOption {
	return func(b *builder) { b.grams.count(traffic) }
}

// literal is a distinct pattern and its IDs.
type literal struct {
	bytes  []byte // lower case where nocase
	nocase bool
	ids    []uint32
}

type builder struct {
	grams *grams
	set   *Set
}

// Build compiles patterns into a Set. The bytes are copied. A pattern without
// bytes never matches; one longer than 16 KiB is matched by its first 16 KiB.
// Several patterns may share an ID.
func Build(patterns []Pattern, opts ...BuildOption) *Set {
	b := &builder{grams: newGrams(), set: &Set{size: len(patterns)}}
	for _, o := range opts {
		o(b)
	}
	var long, short []literal
	for _, l := range distinct(patterns) {
		if len(l.bytes) < gram {
			short = append(short, l)
			continue
		}
		b.grams.count(l.bytes)
		long = append(long, l)
	}
	if len(short) > 0 {
		b.set.short = newShortSet(short)
	}
	if len(long) > 0 {
		b.fill(long)
	}
	return b.set
}

// distinct joins equal patterns, in a stable order.
func distinct(patterns []Pattern) []literal {
	type key struct {
		text   string
		nocase bool
	}
	index := make(map[key]int, len(patterns))
	var out []literal
	for _, p := range patterns {
		l := literal{bytes: p.Bytes[:min(len(p.Bytes), maxPattern)], ids: []uint32{p.ID}}
		l.nocase = p.Nocase && slices.ContainsFunc(l.bytes, isLetter)
		if l.nocase {
			l.bytes = lower(l.bytes)
		}
		if len(l.bytes) == 0 {
			continue
		}
		k := key{string(l.bytes), l.nocase}
		at, ok := index[k]
		if !ok {
			index[k] = len(out)
			out = append(out, l)
		} else if !slices.Contains(out[at].ids, p.ID) {
			out[at].ids = append(out[at].ids, p.ID)
		}
	}
	return out
}

// fill files the patterns of four bytes and more.
func (b *builder) fill(long []literal) {
	s := b.set
	for _, l := range long {
		s.entries = append(s.entries, b.entry(l))
	}
	// 64 filter bits a pattern keep false candidates below 2 %; 64 KiB is
	// what the second-level cache can spare for one of some 25 sets.
	width := min(max(bits.Len(uint(len(long)))+6, 10), 19)
	s.filter = make([]uint64, 1<<(width-6))
	s.shift = uint(32 - width)
	buckets := max(bits.Len(uint(len(long))), 4)
	s.bshift = uint(32 - buckets)
	slices.SortStableFunc(s.entries, func(x, y entry) int {
		return cmp.Compare(hashOf(x.gram)>>s.bshift, hashOf(y.gram)>>s.bshift)
	})
	s.heads = make([]uint32, 1<<buckets+1)
	for _, e := range s.entries {
		k := hashOf(e.gram) >> s.shift
		s.filter[k>>6] |= 1 << (k & 63)
		s.heads[hashOf(e.gram)>>s.bshift+1]++
	}
	for i := 1; i < len(s.heads); i++ {
		s.heads[i] += s.heads[i-1]
	}
}

// entry stores l's bytes and IDs and picks its gram.
func (b *builder) entry(l literal) entry {
	s := b.set
	at := b.grams.rarest(l.bytes)
	e := entry{
		gram:   binary.LittleEndian.Uint32(l.bytes[at:]) | blur32,
		offset: uint16(at),
		window: noWindow,
		start:  uint32(len(s.strings)),
		length: uint16(len(l.bytes)),
		nocase: l.nocase,
		ids:    uint32(len(s.ids)),
		idEnd:  uint32(len(s.ids) + len(l.ids)),
	}
	if len(l.bytes) >= 8 {
		from := min(max(at-2, 0), len(l.bytes)-8)
		e.window = int16(from - at)
		e.check = binary.LittleEndian.Uint64(l.bytes[from:]) | blur64
	}
	s.strings = append(s.strings, l.bytes...)
	s.ids = append(s.ids, l.ids...)
	return e
}
