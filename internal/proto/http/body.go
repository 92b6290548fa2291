package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// minInspect is the size from which a body that is not whole may be inspected
// (Suricata's request-body-minimal-inspect-size).
const minInspect = 32 << 10

// body is the decoded body of a message.
type body struct {
	data   []byte // up to the configured limit
	total  uint64 // decoded bytes, kept or not
	wire   uint64 // bytes as sent, chunk framing included
	begun  bool
	whole  bool // no more will come
	gap    bool
	full   bool // the limit was reached
	chain  chain
	file   *proto.File // the one being written, nil when none
	ranged bool        // the file is a piece of the flow's assembly
	noted  bool        // the body's own file was opened, or needs none
}

func (b *body) reset() {
	c := b.chain
	c.reset()
	*b = body{data: b.data[:0], chain: c}
}

// release hands the decoders back.
func (b *body) release(p *parser) { b.chain.release(p) }

// begin prepares for the first byte.
func (b *body) begin(t *tx, d proto.Dir) {
	if b.begun {
		return
	}
	b.begun = true
	b.chain.setUp(t, d)
	if d == proto.ToServer {
		t.multi.setUp(t)
	}
}

// add takes the next bytes of the message body, chunk framing removed; wire is
// how many bytes they were on the wire.
func (b *body) add(t *tx, d proto.Dir, p []byte, wire int) {
	b.wire += uint64(wire)
	if len(p) == 0 || t.Progress[d] == progComplete {
		return
	}
	t.advance(d, progBody)
	if b.chain.n > 0 {
		b.chain.feed(t, d, b.chain.n-1, p, false)
		return
	}
	b.sink(t, d, p)
}

// maxKept bounds the body bytes that one flow's live transactions keep, in
// bodies of full length.
const maxKept = 40

// bodyRoom is how many more body bytes the flow may keep.
func (p *parser) bodyRoom() int { return maxKept*p.cfg.bodyLimit - p.kept }

// late takes bytes beyond the message's end that are body all the same.
func (b *body) late(t *tx, d proto.Dir, p []byte) {
	b.begin(t, d)
	t.advance(d, progBody)
	b.wire += uint64(len(p))
	b.sink(t, d, p)
}

// sink takes decoded bytes.
func (b *body) sink(t *tx, d proto.Dir, p []byte) {
	b.total += uint64(len(p))
	n := min(t.p.cfg.bodyLimit-len(b.data), t.p.bodyRoom())
	if n < len(p) {
		b.full = true
	}
	keep := p[:min(len(p), max(n, 0))]
	b.data = append(b.data, keep...)
	t.p.kept += len(keep)
	if d == proto.ToServer && t.multi.active {
		t.multi.feed(t, p)
		return
	}
	if !b.noted {
		b.noted = true
		t.openBodyFile(d)
	}
	if b.file != nil {
		b.file.Append(p)
	}
	if b.ranged {
		t.p.ranges.add(p)
	}
}

// lost notes that n bytes of the body are missing.
func (b *body) lost(t *tx, n int) {
	b.gap = true
	b.wire += uint64(n)
	b.chain.broken = true
	switch {
	case t.multi.active && b == &t.msg[proto.ToServer].body:
		t.multi.lost(n)
	case b.file != nil:
		b.file.Gap(n)
	}
}

// finish ends the body.
func (b *body) finish(t *tx, d proto.Dir, cut bool) {
	if b.whole {
		return
	}
	b.whole = true
	if b.chain.n > 0 {
		b.chain.feed(t, d, b.chain.n-1, nil, true)
		b.chain.release(t.p)
	}
	if d == proto.ToServer && t.multi.active {
		t.multi.finish(t, cut)
		return
	}
	if b.file != nil {
		b.file.Close(cut)
		b.file = nil
	}
	if b.ranged {
		t.p.ranges.finish(t, !cut && !b.gap)
	}
}

// view is what detection may see of the body; how often it looks is its own
// affair.
func (b *body) view() ([]byte, bool) {
	n := len(b.data)
	return b.data, n > 0 && (b.whole || b.full || n >= minInspect)
}

// bodyBytes takes the next bytes of the current message's body.
func (p *parser) bodyBytes(d proto.Dir, s *side, b []byte, wire int) {
	s.cur.msg[d].body.add(s.cur, d, b, wire)
}

// bodyEnd notes that the current message is whole. Its progress stays at the
// body until it is complete: surplus bytes may still be added.
func (p *parser) bodyEnd(d proto.Dir, s *side) {
	s.state = stFinal
	if d == proto.ToServer {
		s.loose = false
	}
}
