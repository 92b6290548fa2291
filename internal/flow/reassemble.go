package flow

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Reassembly follows the ACKs: a direction's bytes reach the sink when the
// other side has acknowledged them, because only then it is settled which copy
// of a byte the receiver took. One-sided streams are delivered as they come,
// and limits keep a stream moving whose ACKs the mirror does not show.

// payload takes the data of p, which passed the session's checks.
func (t *Table) payload(f *Flow, p *packet.Packet, d Dir) {
	h := &f.TCP.half[d]
	seq, n, data := p.TCP.Seq, p.PayloadLen, p.Payload
	if p.TCP.Flags&packet.SYN != 0 {
		seq++
	}
	if h.finAcked() && seqLess(h.finSeq, seq+uint32(n)) {
		n = max(0, int(int32(h.finSeq-seq)))
		data = data[:min(len(data), n)]
	}
	if n <= 0 {
		return
	}
	if p.TCP.Flags&packet.URG != 0 && p.TCP.Urgent > 0 && !t.urgent(h, seq, int(p.TCP.Urgent), n) {
		return
	}
	t.keepAliveStart(f.TCP, h, seq)
	h.flags |= halfData
	end := seq + uint32(n)
	t.retransmitted(f, h, end)
	h.next = seqMax(h.next, end)
	t.insert(f, d, seq, data)
	if n > len(data) && t.immediate(f.TCP, d) {
		// No ACK will say that the tail missing here is lost to us; don't
		// wait for it.
		h.acked = seqMax(h.acked, end)
	}
	t.advance(f, d)
}

// keepAliveStart moves a stream that was picked up at a keep-alive, which
// repeats the sequence number before the next one (RFC 9293 §3.8.4).
func (t *Table) keepAliveStart(s *Stream, h *half, seq uint32) {
	if s.Flags&StreamMidstream != 0 && !h.has(halfData|halfSYN) && seq == h.base+1 {
		h.base, h.isn = seq, seq-1
		h.acked = seqMax(h.acked, seq)
	}
}

// retransmitted counts and reports data that ends before what was sent or
// delivered already.
func (t *Table) retransmitted(f *Flow, h *half, end uint32) {
	switch {
	case seqLess(h.base, end) && seqLess(h.next, end):
		return
	case seqLess(h.base, end):
		t.event(f, EventPktRetransmission)
	case f.TCP.State == TCPCloseWait:
		t.event(f, EventCloseWaitPktBeforeLastACK)
	default:
		t.event(f, EventEstPktBeforeLastACK)
	}
	t.n.Retransmissions++
}

// urgent applies the urgent policy to n bytes at seq; false means that the
// packet is to be ignored. The pointer names the byte after the urgent one
// (RFC 6093 §3.1, the way all stacks do it).
func (t *Table) urgent(h *half, seq uint32, pointer, n int) bool {
	switch t.cfg.Urgent {
	case UrgentDrop:
		return false
	case UrgentInline:
		return true
	}
	if pointer > n || int(h.urgents) == len(h.urgent) {
		return true
	}
	off := h.offset(seq + uint32(pointer) - 1)
	if off < int64(h.app) {
		return true
	}
	at := int(h.urgents)
	for i := range int(h.urgents) {
		if h.urgent[i] == uint64(off) {
			return true
		}
		if h.urgent[i] > uint64(off) {
			at = min(at, i)
		}
	}
	copy(h.urgent[at+1:], h.urgent[at:h.urgents])
	h.urgent[at] = uint64(off)
	h.urgents++
	return true
}

// insert buffers data at seq; what was delivered or lies past the depth is cut
// off.
func (t *Table) insert(f *Flow, d Dir, seq uint32, data []byte) {
	h := &f.TCP.half[d]
	start := h.offset(seq)
	lead := 0
	if start < int64(h.app) {
		lead = int(int64(h.app) - start)
		if lead >= len(data) {
			return
		}
		data, start = data[lead:], int64(h.app)
	}
	off := uint64(start)
	if t.cfg.Depth > 0 && off+uint64(len(data)) > t.cfg.Depth {
		t.depthReached(f, h)
		if off >= t.cfg.Depth {
			return
		}
		data = data[:t.cfg.Depth-off]
	}
	if int(h.count) >= t.cfg.MaxSegments || int(h.bytes)+len(data) > t.cfg.MaxStreamBytes {
		t.event(f, EventReassemblyInsertLimit)
		t.n.LimitHits++
		t.drain(f, d)
		if off < h.app {
			return
		}
	}
	if h.tail == 0 || t.segs.at(h.tail).end() <= off {
		t.place(f, h, h.tail, off, data, uint32(lead), 0)
		return
	}
	t.overlap(f, h, off, data, uint32(lead))
}

func (t *Table) depthReached(f *Flow, h *half) {
	if h.has(halfDepth) {
		return
	}
	h.flags |= halfDepth
	f.Flags |= FlagDepth
	t.n.DepthReached++
	t.event(f, EventReassemblyDepthReached)
}

// place makes pieces of data and puts them after prev. It returns the last one,
// and false when memory ran out.
func (t *Table) place(f *Flow, h *half, prev uint32, off uint64, data []byte, lead, tail uint32) (uint32, bool) {
	const most = 65536
	for len(data) > 0 {
		n := min(len(data), most)
		b, ok := t.bufs.get(n)
		if !ok {
			t.n.MemcapDrops++
			t.event(f, EventReassemblyInsertMemcap)
			return prev, false
		}
		i := t.segs.get()
		*t.segs.at(i) = segment{
			off: off, n: uint32(n), buf: b,
			lead: lead, tail: tail + uint32(len(data)-n),
		}
		copy(t.bufs.bytes(b), data[:n])
		t.linkAfter(h, prev, i)
		t.n.Segments++
		prev, off, data, lead = i, off+uint64(n), data[n:], lead+uint32(n)
	}
	return prev, true
}

// overlap buffers data whose place is partly taken: the receiver's policy says
// which copy of each taken byte stays, free room is filled. The work is linear
// in len(data), since each piece passed holds at least one byte of it.
func (t *Table) overlap(f *Flow, h *half, off uint64, data []byte, lead uint32) {
	begin, end := off-uint64(lead), off+uint64(len(data))
	prev, cur := t.floor(h, off), h.head
	if prev != 0 {
		cur = t.segs.at(prev).next
		if t.segs.at(prev).end() > off {
			prev, cur = t.segs.at(prev).prev, prev
		}
	}
	var taken, differ bool
	for off < end {
		t.steps++
		stop := end
		if cur != 0 {
			stop = min(end, max(off, t.segs.at(cur).off))
		}
		if n := stop - off; n > 0 {
			var ok bool
			prev, ok = t.place(f, h, prev, off, data[:n], uint32(off-begin), uint32(end-stop))
			if !ok {
				return
			}
			off, data = stop, data[n:]
			continue
		}
		c := t.segs.at(cur)
		n := min(c.end(), end) - off
		old := t.bufs.bytes(c.buf)[off-c.off:][:n]
		taken = true
		if !bytes.Equal(old, data[:n]) {
			differ = true
			if h.policy.newWins(begin, end, c.off-uint64(c.lead), c.end()+uint64(c.tail)) {
				copy(old, data[:n])
			}
		}
		off, data, prev, cur = off+n, data[n:], cur, c.next
	}
	t.overlapped(f, taken, differ)
}

func (t *Table) overlapped(f *Flow, taken, differ bool) {
	if taken {
		t.n.Overlaps++
	}
	if differ {
		t.n.OverlapsDiffer++
		f.Flags |= FlagOverlap
		t.event(f, EventReassemblyOverlapDifferentData)
	}
}

// immediate reports whether d's data does not wait for ACKs.
func (t *Table) immediate(s *Stream, d Dir) bool {
	return s.State == TCPClosed || t.cfg.AsyncOneSide && !s.half[d^1].has(halfSeen)
}

// ackedOffset is the offset up to which h's receiver has taken the bytes.
func (h *half) ackedOffset() uint64 {
	acked := h.acked
	if h.has(halfFIN) && seqLess(h.finSeq, acked) {
		acked = h.finSeq
	}
	return uint64(max(h.offset(acked), 0))
}

// advance delivers what may be delivered of direction d.
func (t *Table) advance(f *Flow, d Dir) {
	s := f.TCP
	h := &s.half[d]
	h.letGo()
	now := t.immediate(s, d)
	t.deliver(f, d, h.ackedOffset(), now)
	t.catchUp(f, d)
	wait := t.cfg.ReorderLimit
	if !now {
		wait = max(t.cfg.UnackedLimit, int(min(s.half[d^1].window, 1<<30)))
	}
	if int(h.bytes) > wait {
		t.n.UnackedForced++
		t.deliver(f, d, 0, true)
		if int(h.bytes) > wait {
			t.drain(f, d)
		}
	}
	if h.head == 0 && (h.finAcked() || now && h.has(halfFIN) && h.base == h.finSeq) {
		t.trailingGap(f, d)
		t.close(f, d)
	}
	if h.has(halfDepth) && h.app >= t.cfg.Depth {
		t.close(f, d) // nothing more of it will be followed
	}
}

// tooFar is how much a number may lag behind another before comparing them goes
// wrong; what one packet can add, farAway and a window, is left room for.
const tooFar = farAway / 2

// letGo takes for acknowledged what lies too far behind: nobody acknowledges in
// a one-sided stream.
func (h *half) letGo() {
	if int32(h.next-h.acked) > tooFar {
		h.acked = h.next - tooFar/2
		h.edge = seqMax(h.edge, h.acked)
	}
}

// catchUp moves the stream's place on where nothing is delivered and so nothing
// moves it: past the depth, and where packets come without their payload.
func (t *Table) catchUp(f *Flow, d Dir) {
	h := &f.TCP.half[d]
	if int32(h.acked-h.base) <= tooFar || !h.has(halfSeen) {
		return
	}
	end := h.ackedOffset()
	t.lose(f, d, end)
	n := end - h.app
	h.app, h.base, h.eaten = end, h.base+uint32(n), h.eaten+n
}

// finAcked reports whether the receiver took the FIN: until then it may be a
// forged one.
func (h *half) finAcked() bool { return h.has(halfFIN) && seqLess(h.finSeq, h.acked) }

// drain delivers all that is buffered; holes become gaps.
func (t *Table) drain(f *Flow, d Dir) {
	h := &f.TCP.half[d]
	if h.tail != 0 {
		t.deliver(f, d, t.segs.at(h.tail).end(), true)
	}
}

// deliver gives the sink what lies before limit, and with inOrder whatever
// follows without a hole.
func (t *Table) deliver(f *Flow, d Dir, limit uint64, inOrder bool) {
	h := &f.TCP.half[d]
	for h.head != 0 {
		i := h.head
		g := t.segs.at(i)
		end := min(limit, g.end())
		if inOrder && g.off <= h.app {
			end = g.end()
		}
		if end <= h.app || end <= g.off {
			return
		}
		if g.off > h.app {
			t.gap(f, d, g.off)
			continue
		}
		from := g.off
		t.hand(f, d, t.bufs.bytes(g.buf)[h.app-from:end-from], end)
		if h.app >= g.end() {
			t.unlink(h, i)
		}
	}
}

// hand gives the sink bytes that end at offset end, urgent ones taken out.
func (t *Table) hand(f *Flow, d Dir, b []byte, end uint64) {
	h := &f.TCP.half[d]
	for h.urgents > 0 && h.urgent[0] < end {
		u := h.urgent[0]
		copy(h.urgent[:], h.urgent[1:])
		h.urgents--
		if u < h.app {
			continue
		}
		n := u - h.app
		t.data(f, d, b[:n])
		b = b[n+1:]
		h.app, h.base = h.app+1, h.base+1
		if t.cfg.Urgent == UrgentGap && !h.has(halfClosed) {
			t.sink.Gap(f, d, 1)
		} else {
			h.eaten++
		}
	}
	t.data(f, d, b)
}

func (t *Table) data(f *Flow, d Dir, b []byte) {
	if len(b) == 0 {
		return
	}
	h := &f.TCP.half[d]
	off := h.app - h.eaten
	h.app += uint64(len(b))
	h.base += uint32(len(b))
	if !h.has(halfClosed) {
		t.sink.Data(f, d, b, off)
	}
}

// gap gives up the bytes up to offset end.
func (t *Table) gap(f *Flow, d Dir, end uint64) {
	h := &f.TCP.half[d]
	n := end - h.app
	h.app, h.base = end, h.base+uint32(n)
	f.Flags |= FlagGap
	t.n.Gaps++
	t.n.GapBytes += n
	t.event(f, EventReassemblySeqGap)
	if !h.has(halfClosed) {
		t.sink.Gap(f, d, int(n))
	}
}

// close tells the sink, once, that d sends no more; whatever still comes in d
// stays here.
func (t *Table) close(f *Flow, d Dir) {
	h := &f.TCP.half[d]
	if !h.has(halfClosed) {
		h.flags |= halfClosed
		t.sink.Close(f, d)
	}
}

// finish delivers what is left of direction d when f ends and frees its
// buffers.
func (t *Table) finish(f *Flow, d Dir) {
	s := f.TCP
	if s.State > TCPSYNSent && f.State != StateBypassed {
		t.drain(f, d)
		t.trailingGap(f, d)
		t.close(f, d)
	}
	t.discard(&s.half[d])
}

// trailingGap reports bytes at the stream's end that were acknowledged but
// never seen.
func (t *Table) trailingGap(f *Flow, d Dir) { t.lose(f, d, f.TCP.half[d].ackedOffset()) }

// lose gives up the bytes up to offset end, as far as the sink is to have them.
// Of a side that never showed up nothing is said.
func (t *Table) lose(f *Flow, d Dir, end uint64) {
	h := &f.TCP.half[d]
	if t.cfg.Depth > 0 {
		end = min(end, t.cfg.Depth)
	}
	if h.has(halfSeen) && end > h.app {
		t.gap(f, d, end)
	}
}

// discard drops what is buffered.
func (t *Table) discard(h *half) {
	for h.head != 0 {
		t.unlink(h, h.head)
	}
}

func (t *Table) event(f *Flow, e Event) {
	t.n.Events++
	t.sink.Event(f, e)
}
