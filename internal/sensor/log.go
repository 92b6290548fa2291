package sensor

import (
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// header fills w.common for a record of event about p, as its packet shows it.
func (w *Worker) header(event string, p *packet.Packet, f *flow.Flow) *record.Common {
	c := &w.common
	*c = record.Common{
		Event: event, Time: p.Time, PcapCnt: p.Number, VLAN: p.VLAN[:p.VLANs],
		Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort,
		Proto: p.Proto, IPVersion: p.IPVersion,
		PktSrc: pktSrc(p, f), Mirror: &p.Mirror, Ours: &w.ours,
	}
	if p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6 {
		c.ICMP, c.ICMPType, c.ICMPCode = true, p.ICMPType, p.ICMPCode
	}
	w.ours = record.Ours{Flags: w.ours.Flags[:0], HasVNI: p.Mirror.HasVNI, VNI: p.Mirror.FirstVNI, Tenant: w.tenantName(p.Tenant)}
	if f != nil {
		w.flowHeader(f)
	}
	return c
}

// flowHeader adds to w.common what the flow knows.
func (w *Worker) flowHeader(f *flow.Flow) {
	c, cn := &w.common, f.Owner.(*conn)
	c.FlowID, c.CommunityID = f.ID, cn.community[:]
	if f.Key.Proto == packet.ProtoESP {
		c.SPI = f.SPI()
	}
	w.verdict(f, cn)
	w.judge(f, cn)
	c.Meta = w.metadata(f)
	flags := f.Flags
	if !oneSided(f) {
		flags &^= flow.FlagOneSided
	}
	w.ours.Flags = appendFlagNames(w.ours.Flags[:0], flags)
}

// direct turns w.common to the flow's own view: d is the way the subject of
// the record travels.
func (w *Worker) direct(f *flow.Flow, d flow.Dir) {
	c := &w.common
	c.Src, c.SrcPort, c.Dst, c.DstPort = f.Client, f.ClientPort, f.Server, f.ServerPort
	if d == flow.ToClient {
		c.Src, c.SrcPort, c.Dst, c.DstPort = c.Dst, c.DstPort, c.Src, c.SrcPort
	}
}

func pktSrc(p *packet.Packet, f *flow.Flow) string {
	switch {
	case p.Has(packet.FlagFlowEnd) && f != nil && f.Reason == flow.ReasonNone:
		return record.PktSrcFlush
	case p.Has(packet.FlagFlowEnd):
		return record.PktSrcFlowEnd
	case p.Has(packet.FlagReassembled):
		return record.PktSrcDefrag
	case p.Mirror.Depth == 0:
		return record.PktSrcWire
	}
	switch p.Mirror.Encap {
	case packet.EncapVXLAN, packet.EncapGENEVEVXLAN:
		return record.PktSrcVXLAN
	case packet.EncapGENEVE:
		return record.PktSrcGENEVE
	case packet.EncapERSPAN:
		return record.PktSrcERSPAN
	case packet.EncapGRE:
		return record.PktSrcGRE
	}
	return record.PktSrcIPIP
}

// oneSided reports whether the mirror shows one direction of f only. A datagram
// that is not answered yet says nothing of that before the flow ends; over TCP
// there is no payload without packets of the other side.
func oneSided(f *flow.Flow) bool {
	return f.Flags&flow.FlagOneSided != 0 &&
		(f.Pkts[flow.ToServer] == 0 || f.Pkts[flow.ToClient] == 0) &&
		(f.TCP != nil || f.Reason != flow.ReasonNone)
}

func appendFlagNames(dst []string, f flow.FlowFlags) []string {
	for _, fl := range [...]struct {
		bit  flow.FlowFlags
		name string
	}{
		{flow.FlagMidstream, "midstream"}, {flow.FlagOneSided, "one_sided"},
		{flow.FlagGap, "gap"}, {flow.FlagTruncated, "truncated"},
		{flow.FlagDup, "dup"}, {flow.FlagOverlap, "overlap"},
		{flow.FlagDepth, "depth"},
	} {
		if f&fl.bit != 0 {
			dst = append(dst, fl.name)
		}
	}
	return dst
}

// appProto fills the protocol names of w.common. A direction in which nothing
// was recognised says so, as in EVE; ended: no more bytes will come.
func (w *Worker) appProto(s *proto.Session, ended bool) {
	c := &w.common
	if s == nil {
		return
	}
	if s.Original != nil && s.Original != s.Proto {
		c.AppProtoWas = s.Original.Name
	}
	switch {
	case s.Proto != nil:
		c.AppProto = s.Proto.Name
		c.AppProtoTS, c.AppProtoTC = sideProto(s, flow.ToServer), sideProto(s, flow.ToClient)
	case s.Failed[flow.ToServer] && (s.Failed[flow.ToClient] || !s.Seen[flow.ToClient]),
		s.Failed[flow.ToClient] && !s.Seen[flow.ToServer],
		ended && (s.Seen[flow.ToServer] || s.Seen[flow.ToClient]):
		c.AppProto = "failed"
	}
}

// sideProto names what d's own bytes are of, where that is not the flow's
// protocol.
func sideProto(s *proto.Session, d flow.Dir) string {
	p, known := s.Decided(d)
	switch {
	case !known || p == s.Proto:
		return ""
	case p == nil:
		return "failed"
	}
	return p.Name
}

// report writes the alerts of one packet.
func (w *Worker) report(matches []detect.Match, p *packet.Packet, f *flow.Flow) {
	for i := range matches {
		m := &matches[i]
		if f != nil {
			f.Flags |= flow.FlagAlerted
			f.Alerts++
		}
		w.logAlert(m, p, f)
	}
}

func (w *Worker) logAlert(m *detect.Match, p *packet.Packet, f *flow.Flow) {
	w.C.Alerts++
	c := w.header("alert", p, f)
	info := w.alertInfo(m)
	var s *proto.Session
	var d flow.Dir
	if f != nil {
		s = f.Owner.(*conn).session
		w.appProto(s, false)
		d = f.DirOf(p)
		if p.Has(packet.FlagFlowEnd) {
			d = m.Dir // the pseudo packet travels nowhere itself
			w.direct(f, d)
		}
		c.Direction = d.String()
	}
	if m.Tx != nil {
		c.HasTx, c.TxID = true, m.Tx.Base().ID
	}
	w.ours.Verdict = w.alertVerdict(m, info, f, d)
	w.ours.PcapID = w.capture(m, f)
	w.packetVars(p)
	w.enc.Begin(c)
	if !p.Has(packet.FlagFlowEnd) {
		_, link := p.EVEPacket()
		w.enc.PacketInfo(link)
	}
	w.enc.Alert(info, w.context(m))
	if m.Tx != nil && s.Proto != nil {
		w.enc.App(s.Proto, m.Tx, proto.LogAlert)
	}
	if m.Frame != nil {
		w.enc.Frame(&m.Frame.Frame, m.Frame.Name, m.Dir, f.TCP != nil, m.Frame.Length, m.Frame.Whole)
	}
	if f != nil {
		w.enc.AlertFlow(f)
	}
	w.enc.End(c)
	if w.obs != nil {
		w.obs.Alert(c, info, f)
	}
}

// alertInfo returns what a signature says of itself, made once per signature.
func (w *Worker) alertInfo(m *detect.Match) *record.AlertInfo {
	info := w.infos[m.Sig]
	if info == nil {
		info = newAlertInfo(m.Sig)
		w.infos[m.Sig] = info
	}
	return info
}

func newAlertInfo(s *detect.Signature) *record.AlertInfo {
	a := &record.AlertInfo{
		GID: s.GID, SID: s.SID, Rev: s.Rev, Signature: s.Msg,
		Category: s.Category, Severity: s.Priority,
	}
	at := map[string]int{}
	for _, kv := range s.Metadata {
		i, ok := at[kv[0]]
		if !ok {
			i = len(a.Metadata)
			at[kv[0]] = i
			a.Metadata = append(a.Metadata, record.MetadataValue{Name: kv[0]})
		}
		a.Metadata[i].Values = append(a.Metadata[i].Values, kv[1])
	}
	return a
}

// transactions writes what became ready in the flow's transactions and frees
// those that nobody needs any more.
func (w *Worker) transactions(p *packet.Packet, f *flow.Flow, d flow.Dir, c *conn) {
	s := c.session
	if s == nil {
		return
	}
	if s.Events != c.events {
		w.logDetection(p, f, c)
	}
	if s.Parser == nil {
		return
	}
	// The last look, or one that no rules follow.
	final := p.Has(packet.FlagFlowEnd) && d == flow.ToClient || !w.engineOf(f.Key.Tenant).Inspects(f)
	txs := s.Txs()
	free := 0
	for i, tx := range txs {
		b := tx.Base()
		if b.Events != b.EventsLogged {
			w.logEvents(p, f, s, tx)
		}
		if ready := b.LogReady &^ b.Logged; ready != 0 {
			w.logTx(p, f, s, tx, ready)
		}
		for _, file := range b.Files {
			if file.State != proto.FileOpen && !file.Logged {
				w.logFile(p, f, s, tx, file)
			}
		}
		if b.Done && (final || detect.Inspected(tx)) && free == i {
			free++
		}
		w.flushIfFull() // one window may hold thousands of transactions
	}
	if free > 0 {
		c.txs += uint64(free)
		s.Parser.Free(free)
	}
	s.Dirty = false
}

func (w *Worker) logTx(p *packet.Packet, f *flow.Flow, s *proto.Session, tx proto.Tx, ready proto.LogBit) {
	b := tx.Base()
	for _, bit := range [...]proto.LogBit{proto.LogTx, proto.LogRequest, proto.LogResponse} {
		if ready&bit == 0 {
			continue
		}
		b.Logged |= bit
		if s.Proto.EVE == "" {
			continue
		}
		c := w.header(s.Proto.EVE, p, f)
		dir := flow.ToServer
		if bit == proto.LogResponse {
			dir = flow.ToClient
		}
		w.direct(f, dir)
		c.HasTx, c.TxID = true, b.ID
		w.C.Transactions++
		w.enc.Begin(c)
		w.enc.App(s.Proto, tx, bit)
		w.enc.End(c)
	}
}

func (w *Worker) logFile(p *packet.Packet, f *flow.Flow, s *proto.Session, tx proto.Tx, file *proto.File) {
	file.Logged = true
	c := w.header("fileinfo", p, f)
	w.direct(f, file.Dir)
	w.appProto(s, false)
	w.C.Files++
	w.enc.Begin(c)
	w.enc.App(s.Proto, tx, proto.LogAlert)
	w.enc.FileInfo(file)
	w.enc.End(c)
}

// logEvents writes an anomaly record for each new event of a transaction.
func (w *Worker) logEvents(p *packet.Packet, f *flow.Flow, s *proto.Session, tx proto.Tx) {
	b := tx.Base()
	for i, name := range s.Proto.Events {
		if !b.Events.Has(uint8(i)) || b.EventsLogged.Has(uint8(i)) {
			continue
		}
		w.C.AppEvents++
		c := w.header("anomaly", p, f)
		c.HasTx, c.TxID = true, b.ID
		w.enc.Begin(c)
		w.enc.Anomaly("applayer", name, "proto_parser", s.Proto.Name)
		w.enc.End(c)
	}
	b.EventsLogged = b.Events
}

// logDetection writes an anomaly record for each new event of protocol
// detection. A stream picked up in its middle has no wrong side to begin.
func (w *Worker) logDetection(p *packet.Packet, f *flow.Flow, c *conn) {
	s := c.session
	for e := range s.Events.All {
		if c.events.Has(e) || e == proto.EventWrongDirection && f.Flags&flow.FlagMidstream != 0 {
			continue
		}
		name := ""
		if s.Proto != nil {
			name = s.Proto.Name
		}
		w.C.AppEvents++
		h := w.header("anomaly", p, f)
		w.enc.Begin(h)
		w.enc.Anomaly("applayer", e.String(), "proto_detect", name)
		w.enc.End(h)
	}
	c.events = s.Events
}

// decodeAnomalies writes the decoder's events of p where that is wanted.
func (w *Worker) decodeAnomalies(p *packet.Packet, f *flow.Flow) {
	if p.Events.Empty() {
		return
	}
	w.C.DecodeEvents++
	if !w.cfg.Log.DecodeAnomalies {
		return
	}
	for e := range p.Events.All {
		w.logAnomaly(p, f, "decode", "decoder."+e.String())
	}
}

// logAnomaly writes an anomaly record of the decoder or of a stream, if there
// are not too many.
func (w *Worker) logAnomaly(p *packet.Packet, f *flow.Flow, kind, event string) {
	if s := p.Time / 1e9; s != w.anomalies.second {
		w.anomalies.second, w.anomalies.n = s, 0
	}
	if w.anomalies.n == maxAnomalies {
		w.C.AnomalyOverflow++
		return
	}
	w.anomalies.n++
	if f != nil && f.Owner == nil {
		f = nil
	}
	c := w.header("anomaly", p, f)
	w.enc.Begin(c)
	w.enc.Anomaly(kind, event, "", "")
	w.enc.End(c)
}

// logFlow writes the flow record, if the policy wants it; one with a reason is
// the last.
func (w *Worker) logFlow(f *flow.Flow, cn *conn) {
	c := &w.common
	*c = record.Common{
		Event: "flow", Time: f.Last, VLAN: f.VLAN[:f.VLANs],
		Proto: f.Key.Proto, IPVersion: f.IPVersion, Mirror: &f.Mirror, Ours: &w.ours,
	}
	w.ours = record.Ours{Flags: w.ours.Flags[:0], HasVNI: f.Mirror.HasVNI, VNI: f.Mirror.FirstVNI, Tenant: w.tenantName(f.Key.Tenant)}
	w.flowHeader(f)
	w.direct(f, flow.ToServer)
	w.appProto(cn.session, f.Reason != flow.ReasonNone)
	if w.logged(f, cn) {
		w.C.FlowRecords++
		live := uint64(len(cn.session.Txs()))
		w.enc.Begin(c)
		w.enc.FlowRecord(f, cn.txs+live, cn.gaps)
		w.enc.End(c)
	}
	if w.obs != nil {
		w.obs.FlowEnd(c, f)
	}
}

// tenantName is the name of a configured tenant; a VNI of its own needs none,
// the record has it already.
func (w *Worker) tenantName(id uint32) string {
	if id&tenantBit == 0 {
		return ""
	}
	return w.cfg.Tenants.Name(id)
}
