package match

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// maxPattern bounds what is compared of a pattern in a Set.
const maxPattern = 1 << 14

// literal is a distinct pattern and its IDs.
type literal struct {
	bytes  []byte // lower case where nocase
	nocase bool
	ids    []uint32
}

type builder struct {
	traffic *Traffic
	set     *Set
}

// Build compiles patterns into a Set. The bytes are copied. A pattern without
// bytes never matches; one longer than 16 KiB is matched by its first 16 KiB.
// Several patterns may share an ID. What traffic is expected to hold makes
// scanning faster and never changes the result.
func Build(patterns []Pattern, traffic *Traffic) *Set {
	b := &builder{traffic: traffic, set: &Set{size: len(patterns), runSpan: 2 * gram}}
	var long, triples, short []literal
	for _, l := range distinct(patterns) {
		switch n := len(l.bytes); {
		case n >= gram:
			long = append(long, l)
		case n == gram-1:
			triples = append(triples, l)
		default:
			short = append(short, l)
		}
	}
	if !b.size(long, len(triples)) {
		short, triples = append(short, triples...), nil
	}
	if len(short) > 0 {
		b.set.short = newShortSet(short)
	}
	if len(long) > 0 {
		b.learn(long)
		b.fill(long, triples)
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

// Bounds of the filter, in bits (log2). 18 fill 32 KiB, most of a first-level
// cache.
const (
	minFilter  = 10
	maxFilter  = 18
	hugeFilter = 19 // beyond 8,000 patterns

	oddBits = 192 // values of a blurred byte

	wideWords = 1 << (maxFilter - 6)
)

// size chooses the filter's width and the stride. It reports whether so many
// patterns of three bytes fit into the filter as well.
func (b *builder) size(long []literal, triples int) (fit bool) {
	s := b.set
	if len(long) == 0 {
		return false
	}
	quads := 0
	for _, l := range long {
		if len(l.bytes) == gram {
			quads++
		}
	}
	// At 32 to 64 bits a pattern, which sets two, one false candidate in 16 to
	// 32 even offsets is left. A pattern of four bytes sets oddBits more, one
	// of three twice as many.
	width := bits.Len(uint(len(long))) + 6
	if len(long) > 8000 {
		width = min(width, hugeFilter)
	} else {
		width = min(width, maxFilter)
	}
	width = max(width, minFilter)
	open := (quads + 2*triples) * oddBits
	fit = open <= 1<<maxFilter/16
	if !fit {
		open = quads * oddBits
	}
	for width < maxFilter && open > 1<<width/16 {
		width++
	}
	s.stride = 2
	if quads*oddBits > 1<<width/16 {
		s.stride = 1
	}
	s.filter = make([]uint64, 1<<(width-6))
	if len(s.filter) == wideWords && s.stride == 2 {
		s.wide = (*[wideWords]uint64)(s.filter)
	}
	return fit
}

// fill files the patterns of four bytes and more, and of three.
func (b *builder) fill(long, triples []literal) {
	for _, l := range long {
		b.file(l)
	}
	for _, l := range triples {
		b.fileTriple(b.entry(l), l.bytes)
	}
	b.index()
}

// entry stores l's bytes and IDs.
func (b *builder) entry(l literal) entry {
	s := b.set
	e := entry{
		window: noWindow,
		start:  uint32(len(s.strings)),
		length: uint16(len(l.bytes)),
		nocase: l.nocase,
		ids:    uint32(len(s.ids)),
		idEnd:  uint32(len(s.ids) + len(l.ids)),
	}
	s.strings = append(s.strings, l.bytes...)
	s.ids = append(s.ids, l.ids...)
	return e
}

// file stores l and files it under one gram or two.
func (b *builder) file(l literal) {
	s := b.set
	e := b.entry(l)
	if s.stride == 1 {
		b.fileAt(e, l.bytes, b.rarest(l.bytes, 1))
		return
	}
	if len(l.bytes) == gram {
		b.fileAt(e, l.bytes, 0)
		b.fileOdd(e, l.bytes)
		return
	}
	at := b.rarest(l.bytes, 2)
	b.fileAt(e, l.bytes, at)
	b.fileAt(e, l.bytes, at+1)
}

// fileAt files e, which has the bytes p, under its gram at offset at.
func (b *builder) fileAt(e entry, p []byte, at int) {
	e.gram = blur32(binary.LittleEndian.Uint32(p[at:]))
	e.offset = uint16(at)
	if len(p) >= 8 {
		from := min(max(at-2, 0), len(p)-8)
		e.window = int16(from - at)
		e.check = blur64(binary.LittleEndian.Uint64(p[from:]))
	}
	if e.gram == bits.RotateLeft32(e.gram, 8) {
		b.set.runSpan = max(b.set.runSpan, at, len(p)-at)
	}
	b.set.entries = append(b.set.entries, e)
	b.set.mark(e.gram)
}

// fileOdd files a pattern of four bytes under its last three, whatever byte
// comes next.
func (b *builder) fileOdd(e entry, p []byte) {
	t := blur32(binary.LittleEndian.Uint32(p) >> 8)
	b.set.first.add(e, t, 1)
	b.markFirst(t)
}

// fileTriple files a pattern of three bytes under the grams that begin and that
// end with it.
func (b *builder) fileTriple(e entry, p []byte) {
	t := blur32(uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16)
	b.set.first.add(e, t, 0)
	b.markFirst(t)
	b.set.last.add(e, t, 0)
	for c := range 256 {
		b.set.mark(t<<8 | uint32(blur(byte(c))))
	}
}

// markFirst marks every gram that begins with t.
func (b *builder) markFirst(t uint32) {
	for c := range 256 {
		b.set.mark(t | uint32(blur(byte(c)))<<24)
	}
}

// mark sets the filter bit of g.
func (s *Set) mark(g uint32) {
	k := slot(g)
	s.filter[k>>6&uint32(len(s.filter)-1)] |= 1 << (k & 63)
}

// index sorts the entries into buckets, one or two in each.
func (b *builder) index() {
	s := b.set
	s.first.sort()
	s.last.sort()
	width := max(bits.Len(uint(len(s.entries)))-1, 4)
	s.shift = uint(32 - width)
	slices.SortStableFunc(s.entries, func(x, y entry) int {
		return cmp.Compare(hashOf(x.gram)>>s.shift, hashOf(y.gram)>>s.shift)
	})
	s.heads = make([]bucket, 1<<width+1)
	for _, e := range s.entries {
		h := hashOf(e.gram) >> s.shift
		s.heads[h].tags |= tagOf(e.gram)
		s.heads[h+1].first++
	}
	for i := 1; i < len(s.heads); i++ {
		s.heads[i].first += s.heads[i-1].first
	}
}
