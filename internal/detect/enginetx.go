package detect

import (
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Bounds of transaction inspection.
const (
	// maxTxCandidates bounds the rules that wait on one side of a transaction.
	maxTxCandidates = 4096
	// maxInstances bounds the instances of a multi buffer that are looked at.
	maxInstances = 256
	// bodyFirst and bodyWindow pace the inspection of growing buffers: when the
	// first so many bytes are there, and whenever so many more have come
	// (response-body-minimal-inspect-size, response-body-inspect-window).
	bodyFirst  = 40 << 10
	bodyWindow = 16 << 10
	// bodyKeep is how much that was inspected is looked at again, and bodyWhole
	// the size up to which the whole body is.
	bodyKeep  = 4 << 10
	bodyWhole = 128 << 10
)

// bufCache holds a buffer's bytes while one side of a transaction is inspected.
type bufCache struct {
	gen  uint64
	id   uint8 // of the protocol's buffer
	inst []cached
	n    int  // instances found
	all  bool // there are no more
}

type cached struct {
	b   []byte
	own []byte // memory of transformed bytes
	ok  bool
}

// inspectTxs runs the transaction rules for direction c.dir.
func (e *Engine) inspectTxs(c *ctx) {
	pr := &e.rs.protos[c.s.Index][c.dir]
	if c.fs != nil && c.fs.rules != e.rules {
		// Rule numbers of the rules before mean nothing now.
		c.fs.rules = e.rules
		for _, tx := range c.s.Txs() {
			tx.Base().Detect.Reset()
		}
	}
	for _, tx := range c.s.Txs() {
		e.inspectTx(c, tx, pr)
	}
	if len(pr.each) > 0 && c.fs != nil {
		c.fs.each[c.dir] = c.s.Calls[c.dir]
	}
	c.txNow = nil
}

// inspectTx runs the rules on one side of a transaction when that has changed.
func (e *Engine) inspectTx(c *ctx, tx proto.Tx, pr *protoRules) {
	b, d := tx.Base(), c.dir
	ds := &b.Detect
	if b.Only != 0 && !b.Only.Has(d) {
		return
	}
	progress := b.Progress[d]
	fresh := ds.Seen[d] <= progress
	if !pr.any {
		ds.Seen[d] = progress + 1
		return
	}
	if b.Done {
		progress = max(progress, pr.last)
	}
	if len(pr.each) > 0 {
		e.inspectEach(c, tx, pr, progress)
	}
	waiting := len(ds.Candidates[d]) > 0
	growing := progress < pr.last && e.grows(pr, progress)
	raw := c.fs != nil && c.fs.st[d].due
	if !fresh && !growing && !(waiting && raw) && !(pr.events && !b.Events.Empty()) {
		return
	}
	e.gen++
	c.txNow = tx
	if c.f != nil && c.fs == nil {
		c.state()
	}
	if ds.Seen[d] == 0 || pr.events && !b.Events.Empty() {
		ds.Candidates[d] = append(ds.Candidates[d], pr.plain...)
	}
	c.bodySeen = ds.BodySeen[d]
	grown := e.scanTx(c, tx, pr, progress)
	ds.Seen[d] = b.Progress[d] + 1
	news := fresh || grown || !growing
	if len(ds.Candidates[d]) > 0 && (news || raw) {
		e.evalTx(c, tx, pr, progress, !news)
	}
}

// inspectEach runs the rules that ask for nothing but the state in which a
// body comes: they match whenever bytes of it have come, and once when it is over.
func (e *Engine) inspectEach(c *ctx, tx proto.Tx, pr *protoRules, progress uint8) {
	if fs := c.state(); fs != nil && fs.each[c.dir] == c.s.Calls[c.dir] {
		return
	}
	ds := &tx.Base().Detect
	c.txNow = tx
	for _, id := range pr.each {
		s := e.rs.sigs[id]
		at := s.txTests[0].by[c.s.Index].progress
		key := id<<1 | uint32(c.dir)
		if progress+1 < at || slices.Contains(ds.Matched, key) || !e.headerHolds(c, s) || !c.testsHold(s) {
			continue
		}
		if progress > at {
			ds.Matched = append(ds.Matched, key)
		}
		c.clear(s)
		e.add(c, s, SourceTx, tx)
	}
}

// grows reports whether a growing buffer may be read at this progress.
func (e *Engine) grows(pr *protoRules, progress uint8) bool {
	for i := range pr.engines {
		if en := &pr.engines[i]; en.im.stream && en.im.progress <= progress {
			return true
		}
	}
	return false
}

// scanTx runs the prefilters of the buffers that have become available.
func (e *Engine) scanTx(c *ctx, tx proto.Tx, pr *protoRules, progress uint8) (grown bool) {
	ds := &tx.Base().Detect
	d := c.dir
	seen := ds.BodySeen[d]
	for i := range pr.engines {
		en := &pr.engines[i]
		if en.im.progress > progress {
			break
		}
		bit := uint64(1) << min(i, 63)
		if ds.Scanned[d]&bit != 0 && i < 63 {
			continue
		}
		if en.im.stream && progress < pr.last && progress <= en.im.progress {
			n, did := e.scanGrowing(c, tx, en, ds.BodySeen[d])
			seen = max(seen, n)
			grown = grown || did
			continue
		}
		ds.Scanned[d] |= bit
		e.scanWhole(c, tx, en, ds)
		grown = true
	}
	ds.BodySeen[d] = seen
	if len(ds.Candidates[d]) > maxTxCandidates {
		ds.Candidates[d] = sorted(ds.Candidates[d])
		if n := len(ds.Candidates[d]); n > maxTxCandidates {
			e.Counters.TxFull += uint64(n - maxTxCandidates)
			ds.Candidates[d] = ds.Candidates[d][:maxTxCandidates]
		}
	}
	return grown
}

// scanWhole scans every instance of a buffer that is complete.
func (e *Engine) scanWhole(c *ctx, tx proto.Tx, en *txEngine, ds *proto.DetectState) {
	for i := 0; i < maxInstances; i++ {
		b, ok := e.instance(c, tx, en.buf, &en.im, i)
		if !ok {
			return
		}
		if en.im.stream && len(en.buf.xforms) == 0 {
			b = b[growFrom(len(b), ds.BodySeen[c.dir]):]
		}
		ds.Candidates[c.dir] = en.lits.scan(b, &e.hits, ds.Candidates[c.dir])
		if !en.im.multi {
			return
		}
	}
}

// bodyPart is what a rule looks at of instance b of a growing buffer that is
// larger than bodyWhole: the start when it counts from there, else what is new
// and a little before it, so that the work is linear in the body.
func (e *Engine) bodyPart(c *ctx, tx proto.Tx, t *bufTest, im *impl, i int, b []byte) []byte {
	if len(t.buf.xforms) == 0 {
		switch {
		case len(b) <= bodyWhole:
			return b
		case t.absolute:
			return b[:bodyWhole]
		}
		return b[growFrom(len(b), c.bodySeen):]
	}
	raw, _ := tx.Buffer(im.id, i)
	if !t.absolute || growFrom(len(raw), c.bodySeen) == 0 {
		return b // instance has cut it
	}
	out, ok := e.apply(c, t.buf, raw[:bodyWhole], e.head)
	if !ok {
		return nil
	}
	e.head = out
	return out
}

// growFrom is where looking at a growing buffer starts: at its start while it
// is small, else a little before what was seen.
func growFrom(n int, seen uint64) int {
	if n <= bodyWhole || seen < bodyKeep {
		return 0
	}
	return min(n, int(seen-bodyKeep))
}

// scanGrowing scans a body that is still coming when enough of it is new. It
// returns how far the body has been seen.
func (e *Engine) scanGrowing(c *ctx, tx proto.Tx, en *txEngine, seen uint64) (uint64, bool) {
	ds := &tx.Base().Detect
	end, did := seen, false
	for i := 0; i < maxInstances; i++ {
		raw, ok := tx.Buffer(en.im.id, i)
		if !ok {
			break
		}
		n := uint64(len(raw))
		if due := n >= bodyFirst && seen == 0 || seen > 0 && n >= seen+bodyWindow; due {
			if b, ok := e.instance(c, tx, en.buf, &en.im, i); ok {
				if len(en.buf.xforms) == 0 {
					b = b[growFrom(len(b), seen):]
				}
				ds.Candidates[c.dir] = en.lits.scan(b, &e.hits, ds.Candidates[c.dir])
			}
			end, did = max(end, n), true
		}
		if !en.im.multi {
			break
		}
	}
	return end, did
}

// instance returns instance i of a buffer, transformed if the buffer is, from
// the cache when it has been asked for before. Of one that grows the part that
// is new is transformed, and a little before it.
func (e *Engine) instance(c *ctx, tx proto.Tx, buf *buffer, im *impl, i int) ([]byte, bool) {
	bc := &e.cache[buf.id]
	if bc.gen != e.gen || bc.id != im.id {
		bc.gen, bc.id, bc.n, bc.all = e.gen, im.id, 0, false
	}
	for bc.n <= i {
		if bc.all {
			return nil, false
		}
		raw, ok := tx.Buffer(im.id, bc.n)
		if !ok {
			bc.all = true
			return nil, false
		}
		if bc.n == len(bc.inst) {
			bc.inst = append(bc.inst, cached{})
		}
		in := &bc.inst[bc.n]
		bc.n++
		in.b, in.ok = raw, true
		if len(buf.xforms) > 0 {
			if im.stream {
				raw = raw[growFrom(len(raw), c.bodySeen):]
			}
			in.b, in.ok = e.apply(c, buf, raw, in.own)
			if in.ok && cap(in.b) <= maxTransformed {
				in.own = in.b
			}
		}
	}
	in := &bc.inst[i]
	if !in.ok {
		return nil, true
	}
	return in.b, true
}

// apply runs the transforms; own is memory for the result.
func (e *Engine) apply(c *ctx, buf *buffer, raw, own []byte) ([]byte, bool) {
	src := raw
	for i := range buf.xforms {
		dst := own[:0]
		if i%2 != (len(buf.xforms)-1)%2 {
			dst = c.view[:0]
		}
		c.re.Work += uint64(len(src))
		out, ok := buf.xforms[i].apply(c, dst, src)
		if !ok {
			return nil, false
		}
		if i%2 != (len(buf.xforms)-1)%2 {
			c.view = out
		}
		src = out
	}
	return src, true
}

// transformed runs the transforms of a packet's view.
func (e *Engine) transformed(c *ctx, buf *buffer, b []byte) ([]byte, bool) {
	bc := &e.cache[buf.id]
	bc.gen = 0
	if len(bc.inst) == 0 {
		bc.inst = append(bc.inst, cached{})
	}
	out, ok := e.apply(c, buf, b, bc.inst[0].own)
	bc.inst[0].own = out
	return out, ok
}

// evalTx evaluates the candidates of one side of a transaction in order; with
// rawOnly those alone that look at raw bytes, since nothing else is new.
func (e *Engine) evalTx(c *ctx, tx proto.Tx, pr *protoRules, progress uint8, rawOnly bool) {
	ds := &tx.Base().Detect
	d := c.dir
	list := sorted(ds.Candidates[d])
	e.Counters.Candidates += uint64(len(list))
	keep := list[:0]
	for _, id := range list {
		s := e.rs.sigs[id]
		key := id<<1 | uint32(d)
		if s.transactional {
			key = id << 1
		}
		if slices.Contains(ds.Matched, key) {
			continue
		}
		if rawOnly && s.payload == nil {
			keep = append(keep, id)
			continue
		}
		c.clear(s)
		if s.transactional {
			c.setEnds(toServer) // => goes from the client, whichever side is late
		}
		switch e.txHolds(c, tx, s, pr, progress) {
		case hit:
			ds.Matched = append(ds.Matched, key)
			e.add(c, s, SourceTx, tx)
		case miss:
			keep = append(keep, id)
			if other := &ds.Candidates[d.Opposite()]; s.transactional && !slices.Contains(*other, id) {
				*other = append(*other, id) // whichever side is later decides
			}
		}
		if s.transactional {
			c.setEnds(d)
		}
	}
	ds.Candidates[d] = keep
}

// txHolds evaluates one rule: hit, miss (what is missing may still come) or
// never.
func (e *Engine) txHolds(c *ctx, tx proto.Tx, s *Signature, pr *protoRules, progress uint8) outcome {
	if !e.headerHolds(c, s) {
		return never
	}
	for i := range s.txTests {
		if r := e.txTestHolds(c, tx, &s.txTests[i], s, pr, progress); r != hit {
			return r
		}
	}
	e.Counters.Evaluated++
	c.begin()
	r := e.txBuffersHold(c, tx, s, pr, progress)
	c.end(s)
	return r
}

// txBuffersHold runs a rule's tests on bytes, and those on state.
func (e *Engine) txBuffersHold(c *ctx, tx proto.Tx, s *Signature, pr *protoRules, progress uint8) outcome {
	for i := range s.tx {
		if r := e.bufHolds(c, tx, &s.tx[i], s, pr, progress); r != hit {
			return r
		}
	}
	if !c.testsHold(s) {
		if progress >= pr.last {
			return never
		}
		return miss
	}
	if s.payload != nil && !e.txPayloadHolds(c, s) {
		return miss
	}
	return hit
}

// txPayloadHolds runs a transaction rule's tests on raw bytes: the stream's, or
// the packet's where there is no stream.
func (e *Engine) txPayloadHolds(c *ctx, s *Signature) bool {
	if c.f != nil && c.f.TCP != nil {
		st := &c.fs.st[c.dir]
		for i := 0; i <= len(st.cuts); i++ {
			if b, _ := st.piece(i); len(b) > 0 && c.run(s.payload, b, "stream") {
				return true
			}
		}
		return false
	}
	return c.dir == c.pktDir && len(c.p.Payload) > 0 && c.run(s.payload, c.p.Payload, "payload")
}

// side returns the direction and progress that a test of a rule looks at: the
// one being inspected, or in a transactional rule the one that has it.
func (c *ctx) side(s *Signature, has func(Dir) bool, tx proto.Tx, pr *protoRules, progress uint8) (Dir, uint8, uint8, bool) {
	if has(c.dir) {
		return c.dir, progress, pr.last, true
	}
	if o := c.dir.Opposite(); s.transactional && has(o) {
		return o, tx.Base().Progress[o], c.e.rs.protos[c.s.Index][o].last, true
	}
	return c.dir, 0, 0, false
}

func (e *Engine) txTestHolds(c *ctx, tx proto.Tx, t *txTest, s *Signature, pr *protoRules, progress uint8) outcome {
	im := &t.by[c.s.Index]
	d, at, last, ok := c.side(s, func(d Dir) bool { return im.test != nil && im.dirs.Has(d) }, tx, pr, progress)
	switch {
	case !ok:
		return never
	case at < im.progress:
		return miss
	case im.test(tx, d):
		return hit
	case (t.event || im.open) && at < last:
		return miss
	}
	return never
}

// bufHolds runs the tests on one buffer: on any of its instances.
func (e *Engine) bufHolds(c *ctx, tx proto.Tx, t *bufTest, s *Signature, pr *protoRules, progress uint8) outcome {
	d, at, last, ok := c.side(s, func(d Dir) bool { return t.buf.impls[d][c.s.Index].ok && (t.only == 0 || t.only.Has(d)) }, tx, pr, progress)
	if !ok {
		return never
	}
	im := &t.buf.impls[d][c.s.Index]
	if at < im.progress {
		return miss
	}
	ds := &tx.Base().Detect
	if t.once != 0 && slices.Contains(ds.Matched, s.onceKey(t, d)) {
		return hit
	}
	final := !im.stream || at > im.progress || at >= last
	any := false
	for i := 0; i < maxInstances; i++ {
		b, ok := e.instance(c, tx, t.buf, im, i)
		if !ok {
			break
		}
		if im.stream {
			b = e.bodyPart(c, tx, t, im, i, b)
		}
		if b == nil && len(t.buf.xforms) > 0 {
			continue
		}
		any = true
		spans := c.spanCount
		if c.run(t.ops, b, t.buf.name) {
			if t.once != 0 {
				ds.Matched = append(ds.Matched, s.onceKey(t, d))
			}
			return hit
		}
		c.spanCount = spans
		if !im.multi {
			break
		}
	}
	switch {
	case !any && final && t.onAbsent:
		return hit
	case final:
		return never
	}
	return miss
}
