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

// headBytes is how far into a payload the patterns may lie that are looked for
// at its start only.
const headBytes = 128

// smallBytes is the largest dsize of a rule whose pattern is looked for in small
// packets only.
const smallBytes = 256

// payloadGroup is the prefilter of payload bytes: the patterns with a depth are
// looked for near the start, those of rules for small packets in these, the
// others everywhere.
type payloadGroup struct{ head, small, all *litGroup }

// payloadBuilder collects the patterns of a payloadGroup.
type payloadBuilder struct{ head, small, all litBuilder }

func (pb *payloadBuilder) add(s *Signature) {
	switch f := &s.fast; {
	case s.smallOnly:
		pb.small.add(f, s.id)
	case f.limit > 0 && f.limit <= headBytes:
		pb.head.add(f, s.id)
	default:
		pb.all.add(f, s.id)
	}
}

func (pb *payloadBuilder) build() payloadGroup {
	return payloadGroup{pb.head.build(), pb.small.build(), pb.all.build()}
}

func (g *payloadGroup) empty() bool { return g.head == nil && g.small == nil && g.all == nil }

// scan adds the rules whose fast pattern is in b to dst. fresh is where bytes
// start that were not scanned before; patterns with a depth count from there.
func (g *payloadGroup) scan(b []byte, fresh int, h *match.Hits, dst []uint32) []uint32 {
	if g.head != nil {
		dst = g.head.scan(b[fresh:min(len(b), fresh+headBytes)], h, dst)
	}
	if g.small != nil && len(b) <= smallBytes {
		dst = g.small.scan(b[fresh:], h, dst)
	}
	if g.all == nil {
		return dst
	}
	h.Reset()
	if g.all.table != nil {
		g.all.table.Scan(b[fresh:], h)
	}
	if g.all.set != nil {
		g.all.set.Scan(b[max(0, fresh-g.all.longest+1):], h)
	}
	return g.all.take(h, dst)
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

// build returns nil when there is nothing to look for.
func (lb *litBuilder) build() *litGroup {
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
		g.set = match.Build(set)
	}
	if table != nil {
		g.table = match.BuildTable(table)
	}
	return g
}

// chooseFast picks the content that the prefilter looks for. An explicit
// fast_pattern wins; else the strongest content, those of transactions before
// those of the payload, since their buffers are shorter and scanned once.
func (s *Signature) chooseFast() {
	var best *op
	var bestTest *bufTest
	bestScore := -1
	consider := func(t *bufTest, lone bool) {
		if t.buf.noMPM && !lone {
			return
		}
		for i := range t.ops {
			o := &t.ops[i]
			if o.kind != opContent || o.has(flagNeg) {
				continue
			}
			score := fastScore(o, t)
			if score > bestScore {
				best, bestTest, bestScore = o, t, score
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
}

// fastScore orders contents: explicit choice, then exact positions, then
// length and variety of bytes. A fast_pattern of one or two payload bytes
// counts little: which content is looked for first never changes what matches.
func fastScore(o *op, t *bufTest) int {
	pat := o.pattern
	if o.fpLen > 0 {
		pat = pat[o.fpOff : o.fpOff+o.fpLen]
	}
	score := min(strength(pat), 1<<12) * 4
	switch fastKindOf(o, t) {
	case fastExact:
		score += 1 << 14
	case fastSuffix:
		score += 1 << 12
	}
	if len(pat) >= 3 && fixedAtHead(o, t) {
		score += 64
	}
	if o.has(flagFastPattern) && (len(pat) >= 3 || t.buf.kind != bufPayload) {
		score += 1 << 20
	}
	return score + t.buf.prio
}

// fixedAtHead reports a payload content that lies near the start.
func fixedAtHead(o *op, t *bufTest) bool {
	return t.buf.kind == bufPayload && o.has(flagDepth) && o.depth.ref|o.offset.ref == 0 &&
		o.depth.n+o.offset.n <= headBytes
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
	f.bytes = o.pattern
	if o.fpLen > 0 {
		f.bytes = o.pattern[o.fpOff : o.fpOff+o.fpLen]
	}
	if t.buf.kind == bufPayload && o.has(flagDepth) && o.depth.ref|o.offset.ref == 0 {
		f.limit = int(o.depth.n + o.offset.n)
	}
	f.explain = fmt.Sprintf("%q on %s", f.bytes, t.buf.name)
}
