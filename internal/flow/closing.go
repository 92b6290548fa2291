package flow

import "github.com/mirrorwall/mirrorwall/internal/packet"

// fin takes d's FIN.
func (t *Table) fin(f *Flow, p *packet.Packet, d Dir) {
	s := f.TCP
	h := &s.half[d]
	at := p.TCP.Seq + uint32(p.PayloadLen)
	if h.has(halfFIN) {
		return
	}
	early := seqLess(at, h.next) && !t.ackedBefore(h, at)
	if early || s.half[d^1].has(halfSeen) && seqLess(seqMax(h.edge, h.next)+1, at) {
		t.refuse(f, finWrongSeq(s.State))
		return
	}
	h.flags |= halfFIN
	h.finSeq = at
	h.next = at
	if s.Flags&StreamAsync == 0 || !h.has(halfSYN) {
		t.enter(f, afterFIN(s, d, p.TCP.Flags&packet.ACK != 0))
	}
	t.advance(f, d)
}

// ackedBefore reports whether a FIN at seq is the byte that an ACK, which the
// capture shows first, has counted as missing data.
func (t *Table) ackedBefore(h *half, seq uint32) bool {
	if seq+1 != h.next || h.acked != h.next || seqLess(seq, h.base) {
		return false
	}
	return h.tail == 0 || int64(t.segs.at(h.tail).end()) <= h.offset(seq)
}

func finWrongSeq(s TCPState) Event {
	switch s {
	case TCPFINWait1:
		return EventFIN1FINWrongSeq
	case TCPFINWait2:
		return EventFIN2FINWrongSeq
	case TCPCloseWait:
		return EventCloseWaitFINOutOfWindow
	}
	return EventFINOutOfWindow
}

// afterFIN is the state that d's first FIN leads to.
func afterFIN(s *Stream, d Dir, ack bool) TCPState {
	switch {
	case s.State == TCPEstablished && d == ToServer:
		return TCPCloseWait
	case s.State == TCPEstablished:
		return TCPFINWait1
	case s.State == TCPFINWait1 && !ack:
		return TCPClosing
	case s.State == TCPFINWait1 || s.State == TCPFINWait2:
		return TCPTimeWait
	case s.State == TCPCloseWait:
		return TCPLastACK
	}
	return s.State
}

// settle moves the session on when an ACK covers a FIN.
func (t *Table) settle(f *Flow, p *packet.Packet, d Dir) {
	s := f.TCP
	if s.State == TCPEstablished || p.TCP.Flags&(packet.ACK|packet.FIN) != packet.ACK {
		return
	}
	o := &s.half[d^1]
	if !o.has(halfFIN) || seqLess(p.TCP.Ack, o.finSeq+1) {
		return
	}
	switch {
	case s.State == TCPFINWait1 && d == ToServer:
		t.enter(f, TCPFINWait2)
	case s.State == TCPClosing:
		t.enter(f, TCPTimeWait)
	case s.State == TCPTimeWait && d == ToClient, s.State == TCPLastACK && d == ToServer:
		t.enter(f, TCPClosed)
		t.flushBoth(f)
	}
}

// reset takes a RST. It must lie in the window and acknowledge nothing that
// was not sent, else anyone could blind us (RFC 5961 §3).
func (t *Table) reset(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	h, o := &s.half[d], &s.half[d^1]
	if tcp.Flags&packet.ACK != 0 && tcp.Ack != 0 && !t.ackAcceptable(s, d, tcp.Ack) {
		t.refuse(f, EventRSTInvalidACK)
		return
	}
	if h.has(halfSeen) && !between(tcp.Seq, h.acked-1, seqMax(h.edge, h.next)+1) {
		t.refuse(f, EventNone)
		return
	}
	if tcp.Flags&packet.ACK != 0 && seqLess(o.acked, tcp.Ack) && !seqLess(o.next, tcp.Ack) {
		o.acked = tcp.Ack
	}
	s.Flags |= StreamRST
	s.beforeRST, s.resetBy = s.State, d
	t.enter(f, TCPClosed)
	t.flushBoth(f)
	if !s.resetPending() {
		t.close(f, ToServer)
		t.close(f, ToClient)
	}
	t.unschedule(f.index)
	t.schedule(f.index)
}

// resetPending reports a reset that may yet prove forged.
func (s *Stream) resetPending() bool {
	return s.Flags&StreamRST != 0 && s.beforeRST >= TCPEstablished &&
		!(s.half[0].has(halfClosed) && s.half[1].has(halfClosed))
}

// flushBoth delivers what both directions hold. After a reset Sink.Close waits
// for resetGrace: a forged one is followed by more.
func (t *Table) flushBoth(f *Flow) {
	t.drain(f, ToServer)
	t.drain(f, ToClient)
}

// afterClose handles packets of a closed session. Whoever sent a reset sends no
// data after it: if data comes, the reset was forged and the session goes on,
// and so does inspection. Data of the other side may have been on its way; it is
// kept for that case.
func (t *Table) afterClose(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	h := &s.half[d]
	if s.Flags&StreamRST == 0 || s.beforeRST < TCPEstablished ||
		tcp.Flags&(packet.SYN|packet.RST) != 0 || p.PayloadLen == 0 {
		return
	}
	if h.has(halfFIN|halfClosed) || !between(tcp.Seq, h.next, seqMax(h.edge, h.next)) || !t.timely(h, p) {
		return
	}
	if d != s.resetBy {
		h.next = seqMax(h.next, tcp.Seq+uint32(p.PayloadLen))
		t.insert(f, d, tcp.Seq, p.Payload)
		return
	}
	if s.Flags&StreamRSTSuspect == 0 {
		s.Flags |= StreamRSTSuspect
		t.event(f, EventSuspectedRSTInject)
	}
	t.enter(f, s.beforeRST)
	s.Flags &^= StreamRST
	t.transfer(f, p, d)
}
