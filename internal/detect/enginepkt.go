package detect

import (
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// inspectAddresses runs the rules on addresses alone: once for each flow and
// direction, or for each packet without a flow.
func (e *Engine) inspectAddresses(c *ctx) {
	if !e.rs.ip.any || c.p.IPVersion == 0 || c.p.Has(packet.FlagInvalid) {
		return
	}
	if c.f != nil {
		fs := c.state()
		if fs.ipDone[c.dir] {
			return
		}
		fs.ipDone[c.dir] = true
	}
	e.cand = sorted(e.rs.ip.candidates(e.cand[:0], c.src, c.dst))
	for _, id := range e.cand {
		s := e.rs.sigs[id]
		if e.headerHolds(c, s) && c.testsHold(s) {
			c.clear(s)
			e.add(c, s, SourcePacket, nil)
		}
	}
}

// sorted orders ids and drops repeats, in place.
func sorted(ids []uint32) []uint32 {
	if len(ids) < 2 {
		return ids
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// clear forgets the evidence of the rule before.
func (c *ctx) clear(s *Signature) { c.sig, c.spanCount, c.maxEnd, c.kept = s, 0, 0, c.kept[:0] }

// headerHolds checks protocol, application, flow state, ports and addresses.
func (e *Engine) headerHolds(c *ctx, s *Signature) bool {
	e.costs[s.id].checks++
	if !s.l4.holds(c.p) || e.rs.off.has(s.id) {
		return false
	}
	if s.appMask != 0 && (c.s == nil || c.s.Index < 0 || s.appMask&(1<<c.s.Index) == 0) {
		return false
	}
	if (s.flowDir != 0 || s.flowState != 0) && !c.flowHolds(s) {
		return false
	}
	if s.ends.hold(&c.src, &c.dst, c.sp, c.dp) {
		return true
	}
	return s.both && s.ends.hold(&c.dst, &c.src, c.dp, c.sp)
}

// flowHolds checks the flow keyword.
func (c *ctx) flowHolds(s *Signature) bool {
	if c.f == nil {
		return s.flowState&flowStateless != 0 && s.flowDir == 0
	}
	if s.flowDir != 0 && !s.flowDir.Has(c.dir) {
		return false
	}
	switch {
	case s.flowState&flowEstablished != 0:
		return c.established()
	case s.flowState&flowNotEstablished != 0:
		return !c.established()
	}
	return true
}

func (c *ctx) testsHold(s *Signature) bool {
	for _, t := range s.tests {
		if !t(c) {
			return false
		}
	}
	return true
}

// triggerStreams makes the raw bytes due when the application layer completed
// a side of a transaction, as Suricata's parsers do.
func (e *Engine) triggerStreams(c *ctx) {
	if c.fs == nil || c.s == nil || c.s.Parser == nil || c.f.TCP == nil {
		return
	}
	for d := range c.fs.st {
		st := &c.fs.st[d]
		if st.trigger || st.seen == len(st.buf) {
			continue
		}
		last := e.rs.protos[c.s.Index][d].last
		for _, tx := range c.s.Txs() {
			b := tx.Base()
			if b.Progress[d] >= last && b.Detect.Seen[d] <= last {
				st.trigger = true
				break
			}
		}
	}
}

// inspectPacket runs packet and stream rules for direction c.dir: those on the
// packet itself when this is its direction, and those on stream bytes when a
// chunk is due.
func (e *Engine) inspectPacket(c *ctx, own, last bool) {
	p := c.p
	cl := classOf(p)
	e.cand = e.cand[:0]
	c.stream = nil
	if c.f != nil && c.f.TCP != nil && e.chunkDue(c, c.dir, last) {
		st := &c.fs.st[c.dir]
		st.due = true
		c.stream = st.buf
		e.scanStream(c)
	}
	if own && (p.IPVersion != 0 || !p.Events.Empty()) {
		e.packetCandidates(c, cl)
	}
	if len(e.cand) > 0 {
		e.evalPacketRules(c, own, cl)
	}
}

// scanStream collects the stream rules whose fast pattern is new in the window.
func (e *Engine) scanStream(c *ctx) {
	e.cand = append(e.cand, e.rs.plainStream[c.dir]...)
	st := &c.fs.st[c.dir]
	for i := 0; i <= len(st.cuts); i++ {
		b, fresh := st.piece(i)
		e.cand = e.rs.stream[c.dir].scan(b, fresh, &e.hits, e.cand)
	}
}

// packetCandidates collects the rules that may hold for the packet.
func (e *Engine) packetCandidates(c *ctx, cl class) {
	rs, p := e.rs, c.p
	if !p.Events.Empty() {
		e.cand = append(e.cand, rs.decode...)
	}
	if c.fs != nil && !c.fs.events.empty() {
		e.cand = append(e.cand, rs.streamEvent...)
	}
	if p.IPVersion == 0 || p.Has(packet.FlagInvalid) {
		return
	}
	if rs.anySide && c.s != nil {
		e.sideCandidates(c)
	}
	e.cand = rs.plain[cl][c.dir].candidates(e.cand, c)
	if len(p.Payload) == 0 || c.f != nil && c.f.Flags&flow.FlagNoPayloadInspect != 0 {
		return
	}
	e.cand = rs.packet[cl][c.dir].scan(p.Payload, 0, &e.hits, e.cand)
	if cl == classTCP && !c.inStream() {
		e.cand = append(e.cand, rs.plainStream[c.dir]...)
		e.cand = rs.stream[c.dir].scan(p.Payload, 0, &e.hits, e.cand)
	}
}

// sideCandidates collects the rules that ask for the protocol alone. Theirs is
// the first packet of a direction behind the one that decided it, as in
// Suricata.
func (e *Engine) sideCandidates(c *ctx) {
	if fs := c.state(); fs != nil && fs.sides[c.dir] == sideDecided {
		fs.sides[c.dir] = sideDone
		e.cand = append(e.cand, e.rs.side[c.dir]...)
	}
}

// sidesDecided notes the directions whose protocol this packet has decided.
func (c *ctx) sidesDecided() {
	fs := c.fs
	if fs.change != c.s.Changes {
		fs.change, fs.sides = c.s.Changes, [2]sideStep{}
	}
	for d := range fs.sides {
		if _, known := c.s.Decided(Dir(d)); known && fs.sides[d] == sideOpen {
			fs.sides[d] = sideDecided
		}
	}
}

// inStream reports whether the packet's payload comes by as stream bytes too.
// What doesn't is put to the stream's rules as if it were a chunk: packets that
// no session takes, those with a bad checksum, data on a SYN without Fast Open.
func (c *ctx) inStream() bool {
	if c.f == nil || c.f.TCP == nil || c.p.Flags&packet.FlagBadL4Sum != 0 {
		return false
	}
	t := c.f.TCP
	if t.Flags&flow.StreamIgnored != 0 || t.State == flow.TCPNone {
		return false
	}
	return c.p.TCP.Flags&packet.SYN == 0 || t.Flags&flow.StreamTFO != 0
}

func (e *Engine) evalPacketRules(c *ctx, own bool, cl class) {
	e.cand = sorted(e.cand)
	e.Counters.Candidates += uint64(len(e.cand))
	for _, id := range e.cand {
		s := e.rs.sigs[id]
		if !own && (s.needPacket || !s.onStream) {
			continue
		}
		if !e.headerHolds(c, s) || !c.testsHold(s) {
			continue
		}
		e.Counters.Evaluated++
		c.clear(s)
		c.begin()
		if source, ok := e.payloadHolds(c, s, own, cl); ok && e.viewsHold(c, s) {
			e.add(c, s, source, nil)
		}
		c.end(s)
	}
}

// payloadHolds runs the payload tests on the stream and on the packet, as the
// rule asks.
func (e *Engine) payloadHolds(c *ctx, s *Signature, own bool, cl class) (Source, bool) {
	if s.payload == nil {
		return SourcePacket, own || !s.needPacket
	}
	if s.onStream && c.stream != nil && e.streamHolds(c, s) {
		return SourceStream, true
	}
	if !own || len(c.p.Payload) == 0 || c.f != nil && c.f.Flags&flow.FlagNoPayloadInspect != 0 {
		return SourcePacket, false
	}
	if s.onPacket || cl != classTCP || !c.inStream() {
		return SourcePacket, c.run(s.payload, c.p.Payload, "payload")
	}
	return SourcePacket, false
}

// streamHolds looks at each run of bytes without a gap.
func (e *Engine) streamHolds(c *ctx, s *Signature) bool {
	st := &c.fs.st[c.dir]
	for i := 0; i <= len(st.cuts); i++ {
		if b, fresh := st.piece(i); c.pieceHolds(s, b, fresh) {
			return true
		}
		c.clear(s)
	}
	return false
}

// pieceHolds looks at the new bytes alone, as Suricata does; a rule without
// absolute positions may also match across the border to the chunk before,
// but never in old bytes only. Its fast pattern must end in new bytes: the
// prefilter looks no further back.
func (c *ctx) pieceHolds(s *Signature, b []byte, fresh int) bool {
	if c.run(s.payload, b[fresh:], "stream") {
		return true
	}
	if s.absolute || fresh == 0 {
		return false
	}
	c.clear(s)
	return c.run(s.payload, b, "stream") && c.maxEnd > fresh
}

// viewsHold runs the tests on parts of the packet.
func (e *Engine) viewsHold(c *ctx, s *Signature) bool {
	for i := range s.views {
		t := &s.views[i]
		b := t.buf.base.view(c, c.view[:0])
		if b == nil {
			return false
		}
		if len(t.buf.xforms) > 0 {
			var ok bool
			if b, ok = e.transformed(c, t.buf, b); !ok {
				return false
			}
		}
		if !c.run(t.ops, b, t.buf.name) {
			return false
		}
	}
	return true
}
