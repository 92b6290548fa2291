package detect

import (
	"math/bits"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// finish checks the rule as a whole and settles what kind it is.
func (b *builder) finish() error {
	if err := b.checkSticky(); err != nil {
		return err
	}
	if err := b.finishGroups(); err != nil {
		return err
	}
	if err := b.checkFrame(); err != nil {
		return err
	}
	if err := b.finishApp(); err != nil {
		return err
	}
	s := b.s
	switch {
	case len(s.frames) > 0:
		s.kind = kindFrame
	case s.tx != nil || len(s.txTests) > 0:
		s.kind = kindTx
	case s.payload == nil && len(s.views) == 0 && !b.headerTest && !b.needFlowState() &&
		s.appMask == 0 && !s.onDecodeEvent && !s.onStreamEvent && s.l4 != l4Header && !s.needPacket:
		s.kind = kindIP
	default:
		s.kind = kindPacket
	}
	s.onSide = b.appTests > 0 && b.appTests == len(s.tests) && s.kind == kindPacket &&
		s.payload == nil && len(s.views) == 0 && s.flowState == 0 && s.appMask == 0
	s.eachTime = len(s.tx) == 0 && s.payload == nil && len(s.txTests) == 1 && s.txTests[0].growing
	b.finishStream()
	return nil
}

// needFlowState reports a flow keyword's demands.
func (b *builder) needFlowState() bool { return b.s.flowDir != 0 || b.s.flowState != 0 }

// finishGroups compiles the contents and files the groups by kind of buffer.
func (b *builder) finishGroups() error {
	s := b.s
	for _, g := range b.mergeGroups() {
		for i := range g.ops {
			o := &g.ops[i]
			if o.kind == opContent {
				if err := finishContent(o, g); err != nil {
					return at(contentPos(b.r, o, "depth", "within", "startswith", "distance", "offset"), err)
				}
			}
			o.retry, o.final = retries(g.ops, i), final(g.ops, i)
		}
		t := bufTest{buf: g.buf, ops: g.ops, onAbsent: matchesAbsent(g.ops), only: g.only, absolute: countsFromStart(g.ops)}
		switch g.buf.kind {
		case bufPayload:
			s.payload = g.ops
		case bufPacket:
			s.views = append(s.views, t)
			s.needPacket = true
		case bufBase64:
			s.base64 = g.ops
		case bufFrame:
			s.frames = append(s.frames, t)
		default:
			if slices.ContainsFunc(g.ops, func(o op) bool { return o.changes() }) {
				if len(s.tx) >= maxOnce {
					return refuse("dataset: too many buffers before it", "")
				}
				t.once = uint8(len(s.tx)) + 1
			}
			s.tx = append(s.tx, t)
		}
	}
	return nil
}

// countsFromStart reports a test with a fixed place in its buffer.
func countsFromStart(ops []op) bool {
	return slices.ContainsFunc(ops, func(o op) bool {
		return o.flags&(flagDepth|flagOffset) != 0 || o.kind > opPCRE && !o.has(flagRelative)
	})
}

// mergeGroups joins the groups on one buffer, in order. Each sticky word of a
// multi buffer stands for an instance of its own, and stays apart.
func (b *builder) mergeGroups() []*group {
	var out []*group
	for _, g := range b.groups {
		if len(g.ops) == 0 {
			continue
		}
		g.buf, g.xf = b.c.bufs.transformed(g.buf, g.xf), nil
		i := slices.IndexFunc(out, func(o *group) bool { return o.buf == g.buf && o.only == g.only && !o.buf.multi })
		if i >= 0 {
			out[i].ops = append(out[i].ops, g.ops...)
			continue
		}
		out = append(out, g)
	}
	return out
}

// moves reports a test that sets the position for relative ones.
func (o *op) moves() bool {
	switch o.kind {
	case opContent, opPCRE:
		return !o.has(flagNeg)
	case opByteJump, opByteExtract, opByteMath:
		return true
	}
	return false
}

// retries reports whether another occurrence of ops[i] may help what follows.
func retries(ops []op, i int) bool {
	if !ops[i].moves() || ops[i].kind > opPCRE {
		return false
	}
	for j := i + 1; j < len(ops); j++ {
		if ops[j].flags&flagAnyRelative != 0 {
			return true
		}
		if ops[j].moves() {
			return false
		}
	}
	return false
}

// final reports whether ops[i] fails for good: it looks at the same bytes
// wherever the tests before it have matched, or at fewer the further on.
func final(ops []op, i int) bool {
	o := &ops[i]
	switch {
	case o.variable():
		return false
	case o.flags&flagAnyRelative == 0:
		return true
	case o.has(flagNeg | flagWithin):
		return false
	}
	switch o.kind {
	case opContent:
	case opPCRE:
		if o.re.LooksBack() {
			return false
		}
	default:
		return false
	}
	for j := i - 1; j >= 0; j-- {
		if p := &ops[j]; p.moves() {
			if !p.forward() {
				return false
			}
			if p.flags&flagAnyRelative == 0 {
				break
			}
		}
	}
	return true
}

// variable reports a test that a variable has a part in.
func (o *op) variable() bool {
	for _, a := range [...]amount{o.offset, o.depth, o.distance, o.within} {
		if a.ref != 0 {
			return true
		}
	}
	return o.x != nil && (o.x.at.ref != 0 || o.x.bytes.offset.ref != 0 || o.x.bytes.n.ref != 0)
}

// forward reports a test that ends the further on the further on it starts. An
// expression may match more at a place before, and a jump goes anywhere.
func (o *op) forward() bool {
	switch o.kind {
	case opContent:
		return !o.variable()
	case opByteExtract, opByteMath:
		return !o.variable() && o.x.bytes.base == 0 // digits are as many as there are
	}
	return false
}

// matchesAbsent reports tests that hold when the buffer doesn't exist.
func matchesAbsent(ops []op) bool {
	absent := false
	for i := range ops {
		switch o := &ops[i]; {
		case o.kind == opAbsent:
			absent = true
			if o.has(flagAbsentOr) {
				return true
			}
		case !o.has(flagNeg):
			return false
		}
	}
	return absent
}

// finishApp settles the protocols and directions that the rule can match in.
func (b *builder) finishApp() error {
	s := b.s
	dirs := s.flowDir
	if dirs == 0 {
		dirs = proto.MaskBoth
	}
	s.dirs = dirs
	if s.tx == nil && len(s.txTests) == 0 {
		if s.transactional {
			return at(arrowPos(b.r), refuse("a transactional rule needs buffers of both directions", "write -> in the header"))
		}
		return nil
	}
	mask := s.appMask
	if mask == 0 {
		mask = ^uint64(0)
	}
	var ok proto.DirMask
	all := uint64(0)
	for d := range 2 {
		if !dirs.Has(Dir(d)) || s.transactional {
			continue
		}
		if m := s.protosIn(proto.DirMask(1<<d), mask); m != 0 {
			ok |= 1 << d
			all |= m
		}
	}
	if s.transactional {
		all = s.protosIn(proto.MaskBoth, mask)
		ok = proto.MaskBoth
		if err := b.checkTransactional(all); err != nil {
			return err
		}
	}
	if all == 0 {
		return at(b.elsewherePos(), refuse("its buffers never exist together in one direction and protocol",
			"check the protocol in the header, and flow:to_server or to_client"))
	}
	s.dirs, s.appMask = ok, all
	return nil
}

// protosIn returns the protocols of mask in which every test exists in one of
// the directions of m.
func (s *Signature) protosIn(m proto.DirMask, mask uint64) uint64 {
	for i := range s.tx {
		side := m
		if s.tx[i].only != 0 {
			side &= s.tx[i].only
		}
		mask &= s.tx[i].buf.protos(side)
	}
	for i := range s.txTests {
		var has uint64
		for j, im := range s.txTests[i].by {
			if im.test != nil && im.dirs&m != 0 {
				has |= 1 << j
			}
		}
		mask &= has
	}
	return mask
}

// finishStream says whether payload tests run on packets, on the stream, or
// both: those with absolute positions on both, as Suricata has it.
func (b *builder) finishStream() {
	s := b.s
	if s.payload == nil || s.l4 != l4TCP && s.l4 != l4Any && s.l4 != l4App {
		s.onPacket = true
		return
	}
	s.onPacket, s.onStream = s.needPacket, s.needStream || !s.needPacket
	s.smallOnly = s.smallOnly && !s.onStream // a chunk is larger than the packet that makes it due
	if s.needPacket || s.needStream {
		return
	}
	for i := range s.payload {
		if s.payload[i].flags&(flagDepth|flagOffset) != 0 {
			s.onPacket, s.absolute = true, true
		}
	}
}

// apps lists the protocols of a mask.
func apps(mask uint64) (out []int) {
	for ; mask != 0; mask &= mask - 1 {
		out = append(out, bits.TrailingZeros64(mask))
	}
	return out
}
