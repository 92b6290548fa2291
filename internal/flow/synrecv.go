package flow

import "github.com/mirrorwall/mirrorwall/internal/packet"

// synRecv handles packets between the SYN/ACK and the ACK that completes the
// handshake.
func (t *Table) synRecv(f *Flow, p *packet.Packet, d Dir) {
	switch flags := p.TCP.Flags & tcpControl; {
	case flags&packet.RST != 0:
		t.reset(f, p, d)
	case flags == packet.SYN|packet.ACK:
		t.synackAgain(f, p, d)
	case flags&packet.SYN != 0:
		t.synOnSYNRecv(f, p, d)
	case flags&packet.ACK == 0:
		t.refuse(f, EventNone)
	case f.TCP.Flags&StreamFourWay != 0:
		t.completeFourWay(f, p, d)
	case d == ToClient:
		t.serverGoesOn(f, p)
	default:
		t.complete(f, p)
	}
}

func (t *Table) synOnSYNRecv(f *Flow, p *packet.Packet, d Dir) {
	s := f.TCP
	switch {
	case d == ToClient:
		t.refuse(f, Event3WHSSYNToClientOnSYNRecv)
	case s.Flags&StreamSYNACKStart != 0 && p.TCP.Seq == s.half[d].isn:
		// The capture showed SYN and SYN/ACK in the wrong order.
		h := &s.half[d]
		t.discard(h)
		h.take(offerOf(p), h.policy)
		h.edge = h.next + s.half[ToClient].window
		h.stamp(p)
		t.negotiate(s)
		s.Flags &^= StreamAsync
	case p.TCP.Seq != s.half[d].isn:
		t.refuse(f, Event3WHSSYNResendDiffSeqOnSYNRecv)
	}
}

// synackAgain handles another SYN/ACK. One with another number is remembered:
// the client's ACK will say which one it took.
func (t *Table) synackAgain(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	v := &s.half[ToClient]
	switch {
	case d == ToServer && s.Flags&StreamFourWay != 0:
	case d == ToServer:
		t.refuse(f, Event3WHSSYNACKToServerOnSYNRecv)
	case tcp.Ack != s.half[ToServer].acked && tcp.Ack != s.half[ToServer].isn+1:
		t.refuse(f, Event3WHSSYNACKResendWithDifferentACK)
	case tcp.Seq == v.isn:
	default:
		t.event(f, Event3WHSSYNACKResendWithDiffSeq)
		if s.synacks++; s.synacks > maxSYNACKs {
			s.synacks = maxSYNACKs
			t.refuse(f, Event3WHSSYNACKFlood)
			return
		}
		s.other = offerOf(p)
	}
}

// complete handles the client's ACK of the SYN/ACK, or what follows it.
func (t *Table) complete(f *Flow, p *packet.Packet) {
	s, tcp := f.TCP, &p.TCP
	c, v := &s.half[ToServer], &s.half[ToClient]
	if s.synacks > 0 && tcp.Ack != v.isn+1 && tcp.Ack == s.other.isn+1 {
		t.takeOther(f, p)
	}
	seqOK := between(tcp.Seq, c.isn+1, seqMax(c.next, c.edge))
	ackOK := between(tcp.Ack, v.isn+1, seqMax(v.next, v.edge))
	switch {
	case seqOK && ackOK:
		t.enter(f, TCPEstablished)
		t.transfer(f, p, ToServer)
	case seqOK:
		t.refuse(f, Event3WHSRightSeqWrongACKEvasion)
	default:
		t.refuse(f, Event3WHSWrongSeqWrongACK)
	}
}

// takeOther makes the remembered SYN/ACK the one that counts.
func (t *Table) takeOther(f *Flow, p *packet.Packet) {
	s := f.TCP
	c, v := &s.half[ToServer], &s.half[ToClient]
	t.discard(v)
	v.take(s.other, t.policyOf(&p.Src))
	t.negotiate(s)
	c.edge = seqMax(c.edge, c.acked+v.window)
}

// serverGoesOn handles a server that sends before the client's ACK was seen.
// Data that fits means that only we missed the ACK.
func (t *Table) serverGoesOn(f *Flow, p *packet.Packet) {
	s, tcp := f.TCP, &p.TCP
	c, v := &s.half[ToServer], &s.half[ToClient]
	mid := s.Flags&(StreamMidstream|StreamTFO) != 0
	top := seqMax(c.next, c.edge)
	if mid {
		top = c.next + farAway
	}
	switch {
	case !between(tcp.Seq, v.isn+1, seqMax(v.next, v.edge)) || !between(tcp.Ack, c.isn+1, top):
		t.refuse(f, Event3WHSWrongSeqWrongACK)
	case p.PayloadLen == 0 && tcp.Flags&packet.FIN == 0 && !mid:
		t.refuse(f, Event3WHSACKInWrongDir)
	default:
		if mid {
			c.edge = seqMax(c.edge, tcp.Ack)
		}
		t.enter(f, TCPEstablished)
		t.transfer(f, p, ToClient)
	}
}

// completeFourWay handles the ACK that ends a split handshake: SYN, SYN,
// SYN/ACK by the client, ACK by the server.
func (t *Table) completeFourWay(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	h, o := &s.half[d], &s.half[d^1]
	switch {
	case tcp.Seq != h.isn+1:
		t.refuse(f, Event4WHSWrongSeq)
	case tcp.Ack != o.isn+1:
		t.refuse(f, Event4WHSInvalidACK)
	case d == ToClient || p.PayloadLen > 0:
		t.enter(f, TCPEstablished)
		t.transfer(f, p, d)
	}
}
