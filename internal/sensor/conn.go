package sensor

import (
	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// conn is the sensor's own state of a flow, in flow.Flow.Owner.
type conn struct {
	session   *proto.Session // nil for transports that carry no protocol of ours
	app       appid.State
	proto     *proto.Descriptor // last told to the classifier
	txs       uint64
	logged    int64 // packet time of the last flow record
	community [record.CommunityIDLen]byte
	ja4       []byte
	gaps      [2]bool
	events    proto.DetectionEvents // written
	evidence  evidence.Tail
	judged    judgement
}

// connPool recycles conns of one worker.
type connPool struct{ free []*conn }

func (cp *connPool) get() *conn {
	if n := len(cp.free); n > 0 {
		c := cp.free[n-1]
		cp.free = cp.free[:n-1]
		return c
	}
	return &conn{}
}

func (cp *connPool) put(c *conn) {
	*c = conn{app: c.app, ja4: c.ja4[:0]}
	cp.free = append(cp.free, c)
}

var _ flow.Sink = (*Worker)(nil)

// Begin implements flow.Sink.
func (w *Worker) Begin(f *flow.Flow, p *packet.Packet) {
	c := w.conns.get()
	f.Owner = c
	c.logged = p.Time
	c.community = communityID(f)
	w.cfg.Catalogue.Begin(&c.app, f.Key.Proto, f.ClientPort, f.ServerPort)
	switch f.Key.Proto {
	case packet.ProtoTCP:
		c.session = w.pool.Get(false, f.ServerPort, f.ClientPort)
	case packet.ProtoUDP:
		c.session = w.pool.Get(true, f.ServerPort, f.ClientPort)
	}
	f.App = c.session
}

// Data implements flow.Sink.
func (w *Worker) Data(f *flow.Flow, d flow.Dir, b []byte, off uint64) {
	c := f.Owner.(*conn)
	w.cfg.Catalogue.Bytes(&c.app, d, b)
	c.session.Data(d, b)
	if c.session.Encrypted {
		f.Flags |= flow.FlagNoPayloadInspect
		return
	}
	w.engineOf(f.Key.Tenant).StreamData(f, d, b, off)
}

// Gap implements flow.Sink.
func (w *Worker) Gap(f *flow.Flow, d flow.Dir, n int) {
	c := f.Owner.(*conn)
	c.gaps[d] = true
	c.session.Gap(d, n)
	w.engineOf(f.Key.Tenant).StreamGap(f, d, n)
}

// Close implements flow.Sink.
func (w *Worker) Close(f *flow.Flow, d flow.Dir) {
	f.Owner.(*conn).session.Close(d)
	w.engineOf(f.Key.Tenant).StreamClose(f, d)
}

// Event implements flow.Sink.
func (w *Worker) Event(f *flow.Flow, e flow.Event) {
	w.engineOf(f.Key.Tenant).StreamEvent(f, e)
	w.C.StreamEvents++
	if !w.cfg.Log.StreamAnomalies {
		return
	}
	p := &w.pkt
	if !w.tracking || f.Reason != flow.ReasonNone { // there is none, or it is of another flow
		w.endPacket(f, flow.ToServer)
		p = &w.end
	}
	w.logAnomaly(p, f, "stream", "stream."+e.String())
}

// Last implements flow.Sink: what is left of a direction is inspected with a
// pseudo packet.
func (w *Worker) Last(f *flow.Flow, d flow.Dir) {
	c := f.Owner.(*conn)
	if c.session == nil {
		return
	}
	c.session.Close(d)
	w.endPacket(f, d)
	w.inspect(&w.end, f, d, c)
}

// End implements flow.Sink: the flow is logged, and its state goes back to the
// pools.
func (w *Worker) End(f *flow.Flow) {
	c := f.Owner.(*conn)
	if oneSided(f) {
		w.C.OneSided++
	}
	w.evidence.End(&c.evidence)
	w.logFlow(f, c)
	w.engineOf(f.Key.Tenant).FlowEnd(f)
	if c.session != nil {
		w.pool.Put(c.session)
	}
	f.App, f.Owner = nil, nil
	w.conns.put(c)
	w.flushIfFull()
}

// endPacket makes the pseudo packet of a flow's end.
func (w *Worker) endPacket(f *flow.Flow, d flow.Dir) {
	w.end = packet.Packet{
		Time: max(f.Last, f.LastDir[d]), Flags: packet.FlagFlowEnd,
		IPVersion: f.IPVersion, Proto: f.Key.Proto, Tenant: f.Key.Tenant,
		Mirror: f.Mirror, VLAN: f.VLAN, VLANs: f.VLANs,
		Src: f.Client, Dst: f.Server, SrcPort: f.ClientPort, DstPort: f.ServerPort,
	}
	if d == flow.ToClient {
		p := &w.end
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	if f.Key.Proto == packet.ProtoTCP {
		w.end.TCP.Flags = packet.ACK
	}
}

func communityID(f *flow.Flow) [record.CommunityIDLen]byte {
	sp, dp := f.ClientPort, f.ServerPort
	return record.CommunityID(f.Client, f.Server, sp, dp, f.Key.Proto)
}
