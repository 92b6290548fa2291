package flow

import "github.com/mirrorwall/mirrorwall/internal/packet"

const (
	tcpControl = packet.FIN | packet.SYN | packet.RST | packet.ACK

	// assumedScale is the window shift of a side whose SYN was not seen: the
	// largest there is, so that nothing valid is refused (RFC 7323 §2.3).
	assumedScale = 14
	// farAway is more than any window; a sequence number that far off belongs
	// to something else.
	farAway = 1 << 30
)

// session runs the TCP session of f on p.
func (t *Table) session(f *Flow, p *packet.Packet, d Dir) {
	s, tcp := f.TCP, &p.TCP
	s.justEstablished = false
	if f.State == StateBypassed {
		return
	}
	if p.Flags&packet.FlagBadL4Sum != 0 {
		t.n.ChecksumDrops++
		return
	}
	s.TCPFlags[d] |= tcp.Flags
	t.countFlags(tcp.Flags)
	if tcp.Flags&packet.ACK == 0 && tcp.Ack != 0 {
		t.event(f, EventPktBrokenACK)
	}
	switch s.State {
	case TCPNone:
		t.opening(f, p, d)
	case TCPSYNSent:
		t.synSent(f, p, d)
	case TCPSYNRecv:
		t.synRecv(f, p, d)
	case TCPClosed:
		t.afterClose(f, p, d)
	default:
		t.transfer(f, p, d)
	}
}

func (t *Table) countFlags(flags uint8) {
	switch flags & tcpControl {
	case packet.SYN:
		t.n.SYN++
	case packet.SYN | packet.ACK:
		t.n.SYNACK++
	}
	if flags&packet.RST != 0 {
		t.n.RST++
	}
}

// enter moves the session, and with it the flow, to state.
func (t *Table) enter(f *Flow, state TCPState) {
	f.TCP.State = state
	if state == TCPEstablished && !f.TCP.Established() {
		f.TCP.Flags |= StreamEstablished
		f.TCP.justEstablished = true
	}
	switch state {
	case TCPLastACK, TCPTimeWait, TCPClosed:
		t.setState(f, StateClosed)
	case TCPEstablished, TCPFINWait1, TCPFINWait2, TCPCloseWait, TCPClosing:
		t.setState(f, StateEstablished)
	}
}

// refuse reports a packet that the session does not accept.
func (t *Table) refuse(f *Flow, e Event) {
	t.n.InvalidPackets++
	if e != EventNone {
		t.event(f, e)
	}
}

// reused reports whether SYN p starts a new session on the tuple of s (RFC 9293
// §3.6.1 allows it from time-wait on; a mirror may have lost the last FIN).
func (s *Stream) reused(p *packet.Packet, d Dir) bool {
	switch s.State {
	case TCPNone:
		return true
	case TCPSYNSent, TCPSYNRecv, TCPEstablished:
		return false
	}
	return !s.half[d].has(halfSYN) || p.TCP.Seq != s.half[d].isn
}

// fromServer guesses, for a session that is picked up without SYN, whether its
// first packet was sent by the server: a SYN/ACK was; else a service's port
// speaks for it.
func (t *Table) fromServer(p *packet.Packet) bool {
	switch p.TCP.Flags & (packet.SYN | packet.ACK) {
	case packet.SYN:
		return false
	case packet.SYN | packet.ACK:
		return t.cfg.Midstream || t.cfg.AsyncOneSide
	}
	return t.cfg.Midstream && service(p.SrcPort) && !service(p.DstPort)
}

// service reports whether port belongs to a server: the system ports, and the
// common services above them.
func service(port uint16) bool {
	switch port {
	case 1433, 1521, 1883, 2049, 2404, 3000, 3128, 3306, 3389, 5000, 5060,
		5061, 5222, 5432, 5672, 5900, 5985, 5986, 6379, 6443, 8000, 8008, 8080,
		8081, 8443, 8883, 8888, 9000, 9042, 9090, 9092, 9200, 9300, 11211,
		20000, 27017, 44818, 50051:
		return true
	}
	return port < 1024
}

// opening handles a packet of a flow that has no session yet.
func (t *Table) opening(f *Flow, p *packet.Packet, d Dir) {
	s := f.TCP
	flags := p.TCP.Flags & tcpControl
	switch {
	case flags&packet.RST != 0:
		t.refuse(f, EventRSTButNoSession)
	case flags&(packet.SYN|packet.FIN) == packet.SYN|packet.FIN:
		t.refuse(f, EventFINSYN)
	case flags == packet.SYN:
		s.Flags &^= StreamIgnored
		t.n.Sessions++
		t.synFrom(f, p, d)
		t.enter(f, TCPSYNSent)
	default:
		t.unseen(f, p, d)
	}
}

// unseen handles a packet of a session whose start was not seen.
func (t *Table) unseen(f *Flow, p *packet.Packet, d Dir) {
	s := f.TCP
	s.Flags |= StreamUnseen
	s.Midstream = t.cfg.MidstreamPolicy
	switch s.Midstream {
	case MidstreamPassFlow:
		f.Flags |= FlagNoInspect
	case MidstreamBypass:
		f.Flags |= FlagNoInspect
		t.Bypass(f)
		return
	}
	flags := p.TCP.Flags & tcpControl
	switch {
	case flags == packet.SYN|packet.ACK && (t.cfg.Midstream || t.cfg.AsyncOneSide):
		t.n.Sessions++
		t.pickUp(f)
		t.synackStart(f, p, d)
	case !t.cfg.Midstream:
		if flags&packet.FIN != 0 {
			t.refuse(f, EventFINButNoSession)
		}
		t.ignore(s)
	case flags&packet.FIN != 0 && p.PayloadLen == 0:
		t.refuse(f, EventFINButNoSession)
	case flags&packet.ACK != 0:
		t.n.Sessions++
		t.pickUp(f)
		t.midstream(f, p, d)
	}
}

// Bypass stops to follow f: what it holds is discarded; what comes is counted
// and reaches nobody. It may be called between two calls of Track.
func (t *Table) Bypass(f *Flow) {
	if f.TCP != nil {
		t.discard(&f.TCP.half[ToServer])
		t.discard(&f.TCP.half[ToClient])
	}
	t.setState(f, StateBypassed)
}

func (t *Table) ignore(s *Stream) {
	if s.Flags&StreamIgnored == 0 {
		s.Flags |= StreamIgnored
		t.n.Ignored++
	}
}

func (t *Table) pickUp(f *Flow) {
	f.TCP.Flags |= StreamMidstream
	f.Flags |= FlagMidstream
	t.n.Midstream++
}

// midstream begins a session at a packet of its middle. Both windows are taken
// for the largest, since their scale is not known.
func (t *Table) midstream(f *Flow, p *packet.Packet, d Dir) {
	s := f.TCP
	t.assume(f, p, d)
	if t.cfg.AsyncOneSide {
		t.goAsync(s)
	}
	t.enter(f, TCPEstablished)
	t.transfer(f, p, d)
}

// assume sets both halves from one packet, whose ACK says where the other side
// is.
func (t *Table) assume(f *Flow, p *packet.Packet, d Dir) {
	h, o := &f.TCP.half[d], &f.TCP.half[d^1]
	h.begin(p.TCP.Seq-1, t.policyOf(&p.Dst))
	o.begin(p.TCP.Ack-1, t.policyOf(&p.Src))
	h.wscale, o.wscale = assumedScale, assumedScale
	h.edge = h.next + farAway
	o.edge = o.next + farAway
}

// goAsync marks a session whose other side has not been seen.
func (t *Table) goAsync(s *Stream) {
	if s.Flags&StreamAsync == 0 {
		s.Flags |= StreamAsync
		t.n.Async++
	}
}

// begin resets h to a sender that has used isn.
func (h *half) begin(isn uint32, policy Policy) {
	*h = half{isn: isn, next: isn + 1, acked: isn + 1, base: isn + 1, edge: isn + 1, policy: policy}
}

// policyOf is the overlap policy of the host at a.
func (t *Table) policyOf(a *packet.Addr) Policy {
	if len(t.cfg.Policies) == 0 {
		return t.cfg.Policy
	}
	ip := a.Netip()
	for i := range t.cfg.Policies {
		if t.cfg.Policies[i].Prefix.Contains(ip) {
			return t.cfg.Policies[i].Policy
		}
	}
	return t.cfg.Policy
}
