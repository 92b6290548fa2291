package flow

import "github.com/mirrorwall/mirrorwall/internal/packet"

// Floods of SYN or SYN/ACK variants within one session (Suricata:
// stream.max-syn-queued, stream.max-synack-queued).
const (
	maxSYNs    = 10
	maxSYNACKs = 5
)

// synFrom starts the half of d with its SYN and keeps the SYN's data, if any,
// until an ACK covers it.
func (t *Table) synFrom(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	h := &s.half[d]
	t.discard(h)
	h.take(offerOf(p), t.policyOf(&p.Dst))
	h.stamp(p)
	if p.PayloadLen == 0 {
		return
	}
	if hasFastOpen(tcp.Options) {
		s.Flags |= StreamTFO
	}
	h.next += uint32(p.PayloadLen)
	t.insert(f, d, tcp.Seq+1, p.Payload)
}

// hasFastOpen finds the TCP Fast Open option (RFC 7413 §4.1.1), the
// experimental form included.
func hasFastOpen(o []byte) bool {
	for len(o) > 0 && o[0] != 0 {
		if o[0] == 1 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return false
		}
		if o[0] == 34 || o[0] == 254 && o[1] >= 4 && o[2] == 0xf9 && o[3] == 0x89 {
			return true
		}
		o = o[o[1]:]
	}
	return false
}

// stamp keeps p's timestamp for the check of later ones. Only a segment at the
// left edge of the window counts, so that reordering does no harm (RFC 7323
// §4.3).
func (h *half) stamp(p *packet.Packet) {
	if p.TCP.HasTS && !seqLess(h.acked, p.TCP.Seq) && (!h.has(halfTS) || !seqLess(p.TCP.TSVal, h.tsVal)) {
		h.tsVal = p.TCP.TSVal
		h.flags |= halfTS
	}
}

// synSent handles packets after a SYN that has not been answered.
func (t *Table) synSent(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	h := &s.half[d]
	flags := tcp.Flags & tcpControl
	switch {
	case d == ToServer && flags == packet.SYN:
		t.synAgain(f, p, d, Event3WHSSYNFlood)
	case d == ToServer && flags == packet.SYN|packet.ACK:
		t.fourWaySYNACK(f, p)
	case d == ToServer && flags&packet.RST != 0:
		// Nobody has answered, so there is nothing it could reset.
		t.refuse(f, EventNone)
	case d == ToServer && flags&packet.ACK != 0:
		t.unanswered(f, p)
	case d == ToServer:
		t.refuse(f, EventNone)
	case !s.half[ToServer].echoes(p):
		t.refuse(f, EventPktInvalidTimestamp)
	case flags == packet.SYN:
		s.Flags |= StreamFourWay
		t.synFrom(f, p, d)
	case flags == packet.SYN|packet.ACK:
		t.synackFirst(f, p)
	case flags&packet.RST != 0:
		t.refused(f, p)
	case t.cfg.Midstream && flags&packet.ACK != 0 && p.PayloadLen > 0 && !h.has(halfSYN):
		t.missedSYNACK(f, p)
	default:
		t.refuse(f, EventNone)
	}
}

// echoes reports whether the server's answer p echoes the SYN's timestamp; an
// answer that does not was made by someone who has not seen the SYN.
func (h *half) echoes(p *packet.Packet) bool {
	return !h.has(halfTS) || !p.TCP.HasTS || p.TCP.TSEcr == 0 || p.TCP.TSEcr == h.tsVal
}

// synAgain handles a repeated SYN; one with another number takes the first
// one's place, as long as there are not too many.
func (t *Table) synAgain(f *Flow, p *packet.Packet, d Dir, flood Event) {
	s := f.TCP
	if p.TCP.Seq == s.half[d].isn {
		return
	}
	if s.syns++; s.syns > maxSYNs {
		s.syns = maxSYNs
		t.refuse(f, flood)
		return
	}
	t.synFrom(f, p, d)
}

// refused handles a reset that answers the SYN.
func (t *Table) refused(f *Flow, p *packet.Packet) {
	c := &f.TCP.half[ToServer]
	if p.TCP.Flags&packet.ACK != 0 && p.TCP.Ack != c.isn+1 && p.TCP.Ack != c.next {
		t.refuse(f, EventRSTInvalidACK)
		return
	}
	f.TCP.half[ToClient].flags |= halfSeen
	f.TCP.Flags |= StreamRST
	f.TCP.beforeRST = f.TCP.State
	t.discard(c)
	t.enter(f, TCPClosed)
}

// synackFirst handles the first SYN/ACK.
func (t *Table) synackFirst(f *Flow, p *packet.Packet) {
	s, tcp := f.TCP, &p.TCP
	c := &s.half[ToServer]
	switch {
	case tcp.Ack == c.next:
	case tcp.Ack == c.isn+1:
		// The server left the SYN's data; the client will send it again.
		t.discard(c)
		c.next = c.isn + 1
		if s.Flags&StreamTFO != 0 {
			t.event(f, Event3WHSSYNACKTFODataIgnored)
		}
	case s.Flags&StreamFourWay != 0:
		t.refuse(f, Event4WHSSYNACKWithWrongACK)
		return
	default:
		t.refuse(f, Event3WHSSYNACKWithWrongACK)
		return
	}
	t.synFrom(f, p, ToClient)
	t.negotiate(s)
	c.acked = tcp.Ack
	c.edge = tcp.Ack + uint32(tcp.Window)
	t.enter(f, TCPSYNRecv)
	t.advance(f, ToServer)
}

// offerOf reads a SYN or SYN/ACK.
func offerOf(p *packet.Packet) offer {
	return offer{
		isn: p.TCP.Seq, window: uint32(p.TCP.Window),
		wscale: p.TCP.WScale, hasWScale: p.TCP.HasWScale,
	}
}

// take resets h to a sender that has sent only the SYN o.
func (h *half) take(o offer, policy Policy) {
	h.begin(o.isn, policy)
	h.flags = halfSeen | halfSYN
	h.window, h.wscale = o.window, o.wscale
	if o.hasWScale {
		h.flags |= halfScale
	}
}

// negotiate settles window scaling: it counts only if both SYNs carried it
// (RFC 7323 §2.2). What the client may send was not scaled; what the server
// may send was told by the client's SYN.
func (t *Table) negotiate(s *Stream) {
	c, v := &s.half[ToServer], &s.half[ToClient]
	if !c.has(halfScale) || !v.has(halfScale) {
		c.wscale, v.wscale = 0, 0
	}
	c.wscale, v.wscale = min(c.wscale, assumedScale), min(v.wscale, assumedScale)
	v.edge = v.next + c.window
}

// fourWaySYNACK handles the client's answer to a server that sent SYN instead
// of SYN/ACK.
func (t *Table) fourWaySYNACK(f *Flow, p *packet.Packet) {
	s, tcp := f.TCP, &p.TCP
	c, v := &s.half[ToServer], &s.half[ToClient]
	switch {
	case s.Flags&StreamFourWay == 0:
		t.refuse(f, Event3WHSSYNACKInWrongDirection)
	case tcp.Ack != v.next:
		t.refuse(f, Event4WHSSYNACKWithWrongACK)
	case tcp.Seq != c.isn:
		t.refuse(f, Event4WHSSYNACKWithWrongSYN)
	default:
		t.negotiate(s)
		v.acked = tcp.Ack
		v.edge = tcp.Ack + uint32(tcp.Window)
		c.edge = c.next + v.window
		t.enter(f, TCPSYNRecv)
	}
}

// synackStart begins a session at its SYN/ACK.
func (t *Table) synackStart(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	s.Flags |= StreamSYNACKStart
	t.synFrom(f, p, d)
	h, o := &s.half[d], &s.half[d^1]
	o.begin(tcp.Ack-1, t.policyOf(&p.Src))
	o.wscale = assumedScale
	if !tcp.HasWScale {
		o.wscale = 0
	}
	h.wscale = min(h.wscale, assumedScale)
	h.edge = h.next + farAway
	o.edge = o.next + uint32(tcp.Window)
	if t.cfg.AsyncOneSide {
		t.goAsync(s)
	}
	t.enter(f, TCPSYNRecv)
}

// unanswered handles a client that goes on although the mirror has not shown
// the server's answer.
func (t *Table) unanswered(f *Flow, p *packet.Packet) {
	s := f.TCP
	c := &s.half[ToServer]
	if !t.cfg.AsyncOneSide || s.Flags&StreamFourWay != 0 {
		t.refuse(f, EventNone)
		return
	}
	if p.TCP.Seq != c.isn+1 && p.TCP.Seq != c.next {
		t.refuse(f, Event3WHSAsyncWrongSeq)
		return
	}
	v := &s.half[ToClient]
	v.begin(p.TCP.Ack-1, t.policyOf(&p.Src))
	v.wscale, v.edge = assumedScale, v.next+farAway
	c.edge = c.next + farAway
	t.goAsync(s)
	t.enter(f, TCPEstablished)
	t.transfer(f, p, ToServer)
}

// missedSYNACK handles a server's data whose SYN/ACK the mirror lost.
func (t *Table) missedSYNACK(f *Flow, p *packet.Packet) {
	c := &f.TCP.half[ToServer]
	if !between(p.TCP.Ack, c.isn+1, c.isn+farAway) {
		t.refuse(f, Event3WHSSYNACKWithWrongACK)
		return
	}
	v := &f.TCP.half[ToClient]
	v.begin(p.TCP.Seq-1, t.policyOf(&p.Dst))
	v.wscale, v.edge = assumedScale, v.next+farAway
	c.edge = p.TCP.Ack + farAway
	t.pickUp(f)
	t.enter(f, TCPEstablished)
	t.transfer(f, p, ToClient)
}

// between reports lo <= x <= hi, modulo 2^32.
func between(x, lo, hi uint32) bool { return !seqLess(x, lo) && !seqLess(hi, x) }
