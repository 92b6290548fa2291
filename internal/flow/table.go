package flow

import (
	"hash/maphash"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Table holds the live flows of one worker. It is not safe for concurrent
// use.
type Table struct {
	cfg  Config
	sink Sink
	keys secrets // of the index

	index index
	slots slab[slot]
	wheel wheel
	segs  slab[segment]
	bufs  buffers
	rand  uint32 // state of the segment trees' priorities
	steps uint64 // tree and list steps taken, for tests of boundedness

	// A SYN that find has taken from a flow it ended, for the flow that make
	// begins with the SYN/ACK.
	syn      offer
	renewing bool

	n Counters
}

// NewTable makes a table that reports to sink.
func NewTable(cfg Config, sink Sink) *Table {
	t := &Table{cfg: cfg.withDefaults(), sink: sink, index: newIndex(), rand: 0x9e3779b9}
	seed := t.cfg.Seed
	if seed == 0 {
		seed = maphash.Bytes(maphash.MakeSeed(), nil)
	}
	t.keys = newSecrets(seed)
	t.bufs = newBuffers(t.cfg.ReassemblyMemory)
	return t
}

// Len is the number of live flows.
func (t *Table) Len() int { return t.index.n }

// Counters returns a snapshot.
func (t *Table) Counters() Counters {
	n := t.n
	n.Active = uint64(t.index.n)
	n.MemoryInUse = uint64(t.bufs.inUse)
	return n
}

// Track finds or makes the flow of p, counts p in it, and runs the TCP session.
// The flow is nil for packets that join none: without IP, FlagInvalid,
// fragments that wait for their rest, and link-local control protocols.
//
// Flow.Bytes counts the innermost frame as captured, link header included, as
// EVE's flow.bytes_toserver does. A packet with FlagDup counts nowhere.
func (t *Table) Track(p *packet.Packet) (*Flow, Dir) {
	if p.IPVersion == 0 || p.Flags&(packet.FlagInvalid|packet.FlagFragment) != 0 {
		return nil, ToServer
	}
	if p.Proto == packet.ProtoTCP && p.TCP.HeaderLen == 0 || linkControl(p.Proto) {
		return nil, ToServer
	}
	e := endsOf(p)
	f, d := t.find(p, &e)
	if f == nil {
		f, d = t.make(p, &e)
	}
	if p.Flags&packet.FlagDup != 0 {
		f.Flags |= FlagDup
		t.n.Duplicates++
		return f, d
	}
	t.count(f, p, d)
	if f.TCP == nil {
		if f.State == StateNew && f.Pkts[0] > 0 && f.Pkts[1] > 0 {
			t.setState(f, StateEstablished)
		}
	} else if p.Proto == packet.ProtoTCP {
		t.session(f, p, d)
	}
	return f, d
}

// linkControl reports protocols in which hosts and routers talk to their link
// and nobody has a session: IGMP, OSPF, PIM, VRRP.
func linkControl(proto uint8) bool {
	switch proto {
	case packet.ProtoIGMP, 89, 103, 112:
		return true
	}
	return false
}

// find looks p's flow up. A flow that is past its time, or whose tuple a new
// session takes, is ended here.
func (t *Table) find(p *packet.Packet, e *ends) (*Flow, Dir) {
	if p.Proto == packet.ProtoICMP && p.ICMPType == icmpUnreachable {
		if f, d := t.quoted(p); f != nil {
			return f, d
		}
	}
	k, fromHi := t.keyOf(p, e)
	f := t.lookup(&k, k.hash(&t.keys))
	if f == nil {
		return nil, ToServer
	}
	d := f.dir(fromHi)
	if t.deadline(f) <= p.Time {
		t.end(f, ReasonTimeout)
		return nil, ToServer
	}
	if f.TCP != nil && p.TCP.Flags&packet.SYN != 0 && p.Proto == packet.ProtoTCP && t.anew(f, p, d) {
		return nil, ToServer
	}
	return f, d
}

// anew ends f if SYN or SYN/ACK p begins another session on its tuple.
func (t *Table) anew(f *Flow, p *packet.Packet, d Dir) bool {
	switch p.TCP.Flags & tcpControl {
	case packet.SYN:
		if !f.TCP.reused(p, d) {
			return false
		}
	case packet.SYN | packet.ACK:
		switch {
		case f.TCP.State == TCPNone && t.fromServer(p):
		case f.TCP.renewed(p, d):
			t.syn, t.renewing = f.TCP.other, true
		default:
			return false
		}
	default:
		return false
	}
	t.n.Reused++
	t.end(f, ReasonForced)
	return true
}

// quoted finds the flow of the packet that an unreachable message quotes. The
// message travels the other way.
func (t *Table) quoted(p *packet.Packet) (*Flow, Dir) {
	in, ok := embedded(p)
	if !ok {
		return nil, ToServer
	}
	k, fromHi := t.keyOf(p, &in)
	f := t.lookup(&k, k.hash(&t.keys))
	if f == nil || t.deadline(f) <= p.Time {
		return nil, ToServer
	}
	return f, f.dir(fromHi).Opposite()
}

// dir is the direction of a packet whose source is Key.Hi or not.
func (f *Flow) dir(fromHi bool) Dir {
	if fromHi == f.clientHi {
		return ToServer
	}
	return ToClient
}

// lookup finds the live flow of k.
func (t *Table) lookup(k *Key, hash uint64) *Flow {
	tag := uint32(hash)
	for i := tag & t.index.mask; ; i = (i + 1) & t.index.mask {
		e := t.index.entries[i]
		if e == 0 {
			return nil
		}
		if uint32(e>>32) != tag {
			continue
		}
		if f := &t.slots.at(uint32(e) - 1).flow; f.Key == *k {
			return f
		}
	}
}

// make starts a flow with p.
func (t *Table) make(p *packet.Packet, e *ends) (*Flow, Dir) {
	if t.index.n >= t.cfg.MaxFlows {
		t.evict()
	}
	i := t.slots.get()
	s := t.slots.at(i)
	f := &s.flow
	key, fromHi := t.keyOf(p, e)
	*f = Flow{
		Key: key, clientHi: fromHi, Client: p.Src, Server: p.Dst,
		ClientPort: p.SrcPort, ServerPort: p.DstPort,
		IPVersion: p.IPVersion, Mirror: p.Mirror,
		Start: p.Time, Last: p.Time, VLAN: p.VLAN, VLANs: p.VLANs,
		index: i,
	}
	s.tick, s.next, s.prev = noTick, 0, 0
	f.Hash = f.Key.hash(&t.keys)
	f.ID = f.Key.idOf(p.Time)
	t.index.add(f.Hash, i)
	t.n.Flows++
	switch p.Proto {
	case packet.ProtoTCP:
		t.n.FlowsTCP++
		s.stream = Stream{}
		f.TCP = &s.stream
		if t.renewing {
			t.renewing = false
			t.renew(f, t.syn)
		} else if t.fromServer(p) {
			f.swap()
		}
	case packet.ProtoUDP:
		t.n.FlowsUDP++
	case packet.ProtoICMP, packet.ProtoICMPv6:
		t.n.FlowsICMP++
		f.ICMP[0], f.ICMP[1] = p.ICMPType, p.ICMPCode
	default:
		t.n.FlowsOther++
	}
	t.schedule(i)
	t.sink.Begin(f, p)
	return f, f.dir(fromHi)
}

// swap exchanges client and server of a flow whose first packet was an answer.
func (f *Flow) swap() {
	f.Client, f.Server = f.Server, f.Client
	f.ClientPort, f.ServerPort = f.ServerPort, f.ClientPort
	f.clientHi = !f.clientHi
	f.Flags |= FlagSwapped
}

// count adds p to f's totals.
func (t *Table) count(f *Flow, p *packet.Packet, d Dir) {
	n := p.InnerLen
	if n == 0 {
		n = len(p.Data)
	}
	f.Last = max(f.Last, p.Time)
	f.LastDir[d] = max(f.LastDir[d], p.Time)
	if f.Pkts[d] == 0 {
		f.MinTTL[d], f.MaxTTL[d] = p.TTL, p.TTL
		if d == ToClient && (f.Key.Proto == packet.ProtoICMP || f.Key.Proto == packet.ProtoICMPv6) {
			f.ICMP[2], f.ICMP[3] = p.ICMPType, p.ICMPCode
		}
	}
	f.MinTTL[d] = min(f.MinTTL[d], p.TTL)
	f.MaxTTL[d] = max(f.MaxTTL[d], p.TTL)
	f.Pkts[d]++
	f.Bytes[d] += uint64(n)
	f.Payload[d] += uint64(len(p.Payload))
	if p.Flags&packet.FlagTruncated != 0 {
		f.Flags |= FlagTruncated
	}
	if f.Payload[d] > 0 && f.Payload[d^1] > 0 {
		f.Flags &^= FlagOneSided
	} else if f.Payload[d] > 0 {
		f.Flags |= FlagOneSided
	}
}

// setState moves f on; a shorter time limit takes effect at once.
func (t *Table) setState(f *Flow, s State) {
	if f.State == s || f.State == StateBypassed {
		return
	}
	to := t.timeouts(f.Key.Proto)
	shorter := to.of(s) < to.of(f.State)
	f.State = s
	if shorter {
		t.unschedule(f.index)
		t.schedule(f.index)
	}
}

// timeouts are the time limits of a transport.
func (t *Table) timeouts(proto uint8) *Timeout {
	switch proto {
	case packet.ProtoTCP:
		return &t.cfg.Timeouts.TCP
	case packet.ProtoUDP:
		return &t.cfg.Timeouts.UDP
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return &t.cfg.Timeouts.ICMP
	}
	return &t.cfg.Timeouts.Other
}

// end is the only way out for a flow.
func (t *Table) end(f *Flow, r Reason) {
	f.Reason = r
	switch r {
	case ReasonTimeout:
		t.n.EndTimeout++
	case ReasonForced:
		t.n.EndForced++
	case ReasonShutdown:
		t.n.EndShutdown++
	}
	for d := ToServer; d <= ToClient; d++ {
		if f.TCP != nil {
			t.finish(f, d)
		}
		t.sink.Last(f, d)
	}
	t.sink.End(f)
	t.unschedule(f.index)
	t.index.remove(f.Hash, f.index)
	f.TCP, f.App, f.AppID, f.Detect, f.Owner = nil, nil, nil, nil, nil
	i := f.index
	f.index = 0
	t.slots.put(i)
}

// Flush ends all flows, oldest place first.
func (t *Table) Flush(r Reason) {
	for i := uint32(1); i <= t.slots.used; i++ {
		if f := &t.slots.at(i).flow; f.index != 0 {
			t.end(f, r)
		}
	}
}
