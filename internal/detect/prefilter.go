package detect

import (
	"fmt"

	"github.com/mirrorwall/mirrorwall/internal/match"
)

// shortPrefix is the longest pattern at a buffer's start that is looked up in a
// table instead of being searched for: short literals are what a literal set
// is slow with.
const shortPrefix = 4

// litGroup is the prefilter of one buffer and direction.
type litGroup struct {
	set   *match.Set   // nil: none
	table *match.Table // nil: none
	// sigs are the rules of each pattern, by pattern ID, ascending.
	sigs    [][]uint32
	longest int // bytes of the set's longest pattern
}

// scan adds the rules whose fast pattern is in b to dst.
func (g *litGroup) scan(b []byte, h *match.Hits, dst []uint32) []uint32 {
	h.Reset()
	if g.set != nil {
		g.set.Scan(b, h)
	}
	if g.table != nil {
		g.table.Scan(b, h)
	}
	return g.take(h, dst)
}

func (g *litGroup) take(h *match.Hits, dst []uint32) []uint32 {
	for _, id := range h.IDs() {
		dst = append(dst, g.sigs[id]...)
	}
	return dst
}

// litKey identifies equal patterns.
type litKey struct {
	bytes  string
	nocase bool
	kind   fastKind
}

// litBuilder collects the patterns of one litGroup.
type litBuilder struct {
	ids  map[litKey]int
	keys []litKey
	sigs [][]uint32
}

// add files sig id under its fast pattern. Rules are added in order.
func (lb *litBuilder) add(f *fastPattern, id uint32) {
	key := litKey{string(f.bytes), f.nocase, f.kind}
	i, ok := lb.ids[key]
	if !ok {
		if lb.ids == nil {
			lb.ids = map[litKey]int{}
		}
		i = len(lb.keys)
		lb.ids[key] = i
		lb.keys = append(lb.keys, key)
		lb.sigs = append(lb.sigs, nil)
	}
	lb.sigs[i] = append(lb.sigs[i], id)
}

// build returns nil when there is nothing to look for; see match.Build.
func (lb *litBuilder) build(traffic *match.Traffic) *litGroup {
	if len(lb.keys) == 0 {
		return nil
	}
	g := &litGroup{sigs: lb.sigs}
	var set []match.Pattern
	var table []match.Entry
	kinds := map[fastKind]match.Kind{fastExact: match.Exact, fastSuffix: match.Suffix, fastPrefix: match.Prefix}
	for i, k := range lb.keys {
		if k.kind == fastAnywhere {
			set = append(set, match.Pattern{Bytes: []byte(k.bytes), Nocase: k.nocase, ID: uint32(i)})
			g.longest = max(g.longest, len(k.bytes))
			continue
		}
		table = append(table, match.Entry{Bytes: []byte(k.bytes), Nocase: k.nocase, Kind: kinds[k.kind], ID: uint32(i)})
	}
	if set != nil {
		g.set = match.Build(set, traffic)
	}
	if table != nil {
		g.table = match.BuildTable(table)
	}
	return g
}

// atHead reports a pattern that is looked for near the start of a payload. In a
// stream positions count from the new bytes only where all of the rule does.
func (s *Signature) atHead() bool {
	return s.fast.limit > 0 && s.fast.limit <= headBytes && (s.absolute || !s.onStream)
}

// chooseFast picks the content that the prefilter looks for. An explicit
// fast_pattern wins; else the strongest content, those of transactions before
// those of the payload, since their buffers are shorter and scanned once. A
// rare content near the start of a payload wins against both: it spares a
// search through the rest.
func (s *Signature) chooseFast(heads headContents) {
	var best *op
	var bestTest *bufTest
	bestScore, limit, byPlace := -1, 0, false
	consider := func(t *bufTest, lone bool) {
		if t.buf.noMPM && !lone {
			return
		}
		var reach reachOf
		for i := range t.ops {
			o := &t.ops[i]
			end := reach.next(o)
			if o.kind != opContent || o.has(flagNeg) {
				continue
			}
			if t.buf.kind != bufPayload {
				end = 0
			}
			score := fastScore(o, t, end)
			rare := heads.rare(o, end)
			if rare {
				score += 1 << 21
			}
			if score > bestScore {
				best, bestTest, bestScore, limit, byPlace = o, t, score, end, rare
				s.fast.ops = i
			}
		}
	}
	for i := range s.tx {
		consider(&s.tx[i], false)
	}
	if best == nil && s.kind == kindTx {
		for i := range s.tx {
			consider(&s.tx[i], true)
		}
	}
	for i := range s.frames {
		consider(&s.frames[i], false)
	}
	payload := bufTest{ops: s.payload}
	if s.kind == kindPacket && s.payload != nil {
		payload.buf = s.payloadBuf
		consider(&payload, false)
	}
	if best == nil {
		return
	}
	s.fast.set(best, bestTest)
	s.fast.limit, s.fast.rare = limit, byPlace
}

// fastScore orders contents: explicit choice, then exact positions, then
// length and variety of bytes. A fast_pattern of one or two payload bytes
// counts little: which content is looked for first never changes what matches.
func fastScore(o *op, t *bufTest, end int) int {
	pat := o.fast()
	score := min(strength(pat), 1<<12) * 4
	switch fastKindOf(o, t) {
	case fastExact:
		score += 1 << 14
	case fastSuffix:
		score += 1 << 12
	}
	if len(pat) >= 3 && end > 0 && end <= headBytes {
		score += 64
	}
	if o.has(flagFastPattern) && (len(pat) >= 3 || t.buf.kind != bufPayload) {
		score += 1 << 20
	}
	return score + t.buf.prio
}

// strength is a pattern's rarity: each new byte value counts by its kind, a
// repeated one little.
func strength(pat []byte) int {
	var seen [4]uint64
	n := 0
	for _, c := range pat {
		w, m := &seen[c>>6], uint64(1)<<(c&63)
		switch {
		case *w&m != 0:
			n++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n += 3
		case c == 0 || c == 0xff || c == ' ':
			n += 2
		default:
			n += 4
		}
		*w |= m
	}
	return n
}

// fastKindOf says how far the place of a content is fixed in its buffer.
func fastKindOf(o *op, t *bufTest) fastKind {
	if t.buf.kind != bufTx && t.buf.kind != bufPayload || o.flags&flagAnyRelative != 0 || o.fpLen > 0 || o.has(flagOffset) && o.offset != (amount{}) {
		return fastAnywhere
	}
	n := int32(len(o.pattern))
	atStart := o.has(flagDepth) && o.depth == (amount{n: n})
	atEnd := o.has(flagEnds) && !o.has(flagDepth) || o.has(flagEnds) && atStart
	if t.buf.kind == bufPayload {
		if atStart && n <= shortPrefix {
			return fastPrefix
		}
		return fastAnywhere
	}
	if t.streams() {
		return fastAnywhere
	}
	sized := false
	for i := range t.ops {
		if t.ops[i].kind == opSize {
			if v, ok := t.ops[i].x.size.exactly(); ok && v == uint64(n) {
				sized = true
			}
		}
	}
	switch {
	case atStart && atEnd || sized:
		return fastExact
	case atEnd:
		return fastSuffix
	case atStart && n <= shortPrefix:
		return fastPrefix
	}
	return fastAnywhere
}

// streams reports a buffer that grows while it is inspected.
func (t *bufTest) streams() bool {
	for d := range t.buf.impls {
		for _, im := range t.buf.impls[d] {
			if im.stream {
				return true
			}
		}
	}
	return false
}

func (f *fastPattern) set(o *op, t *bufTest) {
	f.buf, f.kind, f.nocase = t.buf, fastKindOf(o, t), o.has(flagNocase)
	f.bytes = o.fast()
	f.explain = fmt.Sprintf("%q on %s", f.bytes, t.buf.name)
}
