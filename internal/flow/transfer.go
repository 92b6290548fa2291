package flow

import "github.com/mirrorwall/mirrorwall/internal/packet"

// transfer handles packets from the handshake's end to the close.
func (t *Table) transfer(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	h := &s.half[d]
	if tcp.Flags&packet.SYN != 0 {
		t.lateSYN(f, p, d)
		return
	}
	if !t.timely(h, p) {
		t.refuse(f, EventPktInvalidTimestamp)
		return
	}
	if tcp.Flags&packet.RST != 0 {
		t.reset(f, p, d)
		return
	}
	t.meet(f, p, d)
	if !t.acceptable(f, p, d) {
		return
	}
	h.stamp(p)
	if tcp.Flags&packet.ACK != 0 {
		t.ack(f, p, d)
	}
	if !keepAlive(h, p) {
		t.payload(f, p, d)
	}
	if tcp.Flags&packet.FIN != 0 {
		t.fin(f, p, d)
	}
	t.settle(f, p, d)
}

// meet notes the first packet of a side. A session that was taken for
// one-sided is so no more.
func (t *Table) meet(f *Flow, p *packet.Packet, d Dir) {
	s := f.TCP
	h := &s.half[d]
	if h.has(halfSeen) {
		return
	}
	h.flags |= halfSeen
	if s.half[d^1].has(halfSeen) {
		s.Flags &^= StreamAsync
	}
	if off := h.offset(p.TCP.Seq); !h.has(halfSYN) && h.app == 0 && h.head == 0 &&
		(off < 0 || off > farAway) {
		// The other side's ACKs named another place than where we came in.
		edge, acked := h.edge, h.acked
		h.begin(p.TCP.Seq-1, h.policy)
		h.flags |= halfSeen
		h.wscale, h.edge = assumedScale, seqMax(edge, h.next+farAway)
		if off < 0 {
			h.acked, h.next = acked, acked
		}
	}
}

// timely is the test against old duplicates (RFC 7323 §5.3). A clock that
// stood still for half its range tells nothing.
func (t *Table) timely(h *half, p *packet.Packet) bool {
	return !h.has(halfTS) || !p.TCP.HasTS || p.TCP.Flags&packet.RST != 0 ||
		!seqLess(p.TCP.TSVal, h.tsVal)
}

// acceptable checks p's sequence and acknowledgement numbers against both
// windows. Windows that were not seen are not held against a packet.
func (t *Table) acceptable(f *Flow, p *packet.Packet, d Dir) bool {
	s, tcp := f.TCP, &p.TCP
	h, o := &s.half[d], &s.half[d^1]
	if tcp.Flags&packet.ACK != 0 && !t.ackAcceptable(s, d, tcp.Ack) {
		t.refuse(f, invalidACK(s.State, p))
		return false
	}
	end := tcp.Seq + uint32(p.PayloadLen)
	if p.PayloadLen == 0 {
		return true
	}
	top := h.edge + 1 // a probe of a closed window carries one byte
	if !o.has(halfSeen) || s.Flags&StreamAsync != 0 {
		top = h.next + farAway
	}
	if seqLess(top, end) && !h.unanswered(end) {
		t.refuse(f, outOfWindow(s.State))
		return false
	}
	return true
}

// unanswered notes a segment beyond the window and reports whether to take it
// all the same: the sender has sent several without our seeing anything from
// the receiver, so it is the receiver's packets that are missing.
func (h *half) unanswered(end uint32) bool {
	const patience = 2
	h.strayEnd = end
	h.flags |= halfStray
	if h.strays < patience || seqLess(h.next+farAway, end) {
		h.strays = min(h.strays+1, patience)
		return false
	}
	h.edge = end
	return true
}

// ackAcceptable reports whether d may acknowledge up to ack. An ACK beyond the
// window is taken if it covers a segment that we refused: the receiver knows
// its window better than a mirror that loses packets.
func (t *Table) ackAcceptable(s *Stream, d Dir, ack uint32) bool {
	o := &s.half[d^1]
	top := seqMax(o.next, o.edge) + 1
	if !o.has(halfSeen) {
		top = o.next + farAway
	}
	if !seqLess(top, ack) {
		return true
	}
	return o.has(halfStray) && ack == o.strayEnd
}

func invalidACK(s TCPState, p *packet.Packet) Event {
	if p.TCP.Flags&packet.FIN != 0 {
		return EventFINInvalidACK
	}
	switch s {
	case TCPFINWait1:
		return EventFIN1InvalidACK
	case TCPFINWait2:
		return EventFIN2InvalidACK
	case TCPClosing:
		return EventClosingInvalidACK
	case TCPCloseWait:
		return EventCloseWaitInvalidACK
	case TCPLastACK:
		return EventLastACKInvalidACK
	case TCPTimeWait:
		return EventTimeWaitInvalidACK
	}
	return EventEstInvalidACK
}

func outOfWindow(s TCPState) Event {
	switch s {
	case TCPFINWait1:
		return EventFIN1ACKWrongSeq
	case TCPFINWait2:
		return EventFIN2ACKWrongSeq
	case TCPClosing:
		return EventClosingACKWrongSeq
	case TCPCloseWait:
		return EventCloseWaitACKOutOfWindow
	case TCPLastACK:
		return EventLastACKACKWrongSeq
	case TCPTimeWait:
		return EventTimeWaitACKWrongSeq
	}
	return EventEstPacketOutOfWindow
}

// ack takes d's acknowledgement: the other side's bytes become certain.
func (t *Table) ack(f *Flow, p *packet.Packet, d Dir) {
	h, o := &f.TCP.half[d], &f.TCP.half[d^1]
	ack := p.TCP.Ack
	h.window = uint32(p.TCP.Window) << h.wscale
	o.edge = seqMax(o.edge, ack+h.window)
	o.strays = 0
	if !seqLess(o.acked, ack) {
		return
	}
	o.acked = ack
	if o.has(halfFIN) && seqLess(o.finSeq+1, ack) {
		// The receiver took bytes from behind the FIN: it never took the FIN.
		o.flags &^= halfFIN
	}
	if seqLess(o.next, ack) && !(o.has(halfFIN) && ack == o.finSeq+1) {
		o.next = ack
	}
	t.advance(f, d^1)
}

// keepAlive reports a probe that repeats the byte before the next one.
func keepAlive(h *half, p *packet.Packet) bool {
	return p.PayloadLen == 1 && p.TCP.Seq+1 == h.next && p.TCP.Flags&packet.FIN == 0 && h.has(halfData)
}

// lateSYN handles SYNs after the handshake. All that a valid one could be is a
// copy.
func (t *Table) lateSYN(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	c, v := &s.half[ToServer], &s.half[ToClient]
	switch {
	case s.State != TCPEstablished:
		t.refuse(f, EventShutdownSYNResend)
	case tcp.Flags&packet.ACK == 0 && d == ToClient:
		t.refuse(f, EventEstSYNToClient)
	case tcp.Flags&packet.ACK == 0 && tcp.Seq != c.isn:
		s.Flags |= StreamSYNAgain
		s.other = offerOf(p)
		t.refuse(f, EventEstSYNResendDiffSeq)
	case tcp.Flags&packet.ACK == 0:
		t.refuse(f, EventEstSYNResend)
	case d == ToServer:
		t.refuse(f, EventEstSYNACKToServer)
	case !v.has(halfSeen):
		t.lateSYNACK(f, p)
	case tcp.Ack != c.isn+1:
		t.refuse(f, EventEstSYNACKResendWithDifferentACK)
	case tcp.Seq != v.isn:
		t.refuse(f, EventEstSYNACKResendWithDiffSeq)
	default:
		t.refuse(f, EventEstSYNACKResend)
	}
}

// renewed reports whether the server's SYN/ACK p agrees to a SYN that came in
// the middle of the session: both have forgotten the old one, whose end the
// mirror did not show. The SYN alone proves nothing, since anyone can send it.
func (s *Stream) renewed(p *packet.Packet, d Dir) bool {
	return s.Flags&StreamSYNAgain != 0 && d == ToClient &&
		p.TCP.Ack == s.other.isn+1 && p.TCP.Seq != s.half[ToClient].isn
}

// renew begins the session of f, which was made for a SYN/ACK, at the SYN that
// the old flow of the tuple has seen.
func (t *Table) renew(f *Flow, syn offer) {
	s := f.TCP
	f.swap()
	t.n.Sessions++
	s.half[ToServer].take(syn, t.policyOf(&f.Server))
	s.TCPFlags[ToServer] |= packet.SYN
	t.enter(f, TCPSYNSent)
}

// lateSYNACK handles a SYN/ACK that the capture shows after what it answers.
func (t *Table) lateSYNACK(f *Flow, p *packet.Packet) {
	s, tcp := f.TCP, &p.TCP
	c := &s.half[ToServer]
	if !c.has(halfSYN) || tcp.Ack != c.isn+1 {
		t.refuse(f, EventEstSYNACKResendWithDifferentACK)
		return
	}
	s.Flags &^= StreamAsync
	t.synFrom(f, p, ToClient)
	t.negotiate(s)
	c.edge = seqMax(c.next, tcp.Ack+uint32(tcp.Window))
	s.half[ToClient].edge += farAway
}
