package sensor

import (
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Counters are a worker's own totals; plain integers, copied by Snapshot.
type Counters struct {
	Packets      uint64
	Bytes        uint64
	Ignored      uint64 // frames from outside Sources
	Opaque       uint64 // datagrams of a mirror's port without a frame inside
	Dups         uint64
	Alerts       uint64
	Transactions uint64 // protocol records written
	Files        uint64
	AppEvents    uint64
	DecodeEvents uint64
	StreamEvents uint64
	// AnomalyOverflow counts the events of both kinds that were not written.
	AnomalyOverflow uint64
	FlowRecords     uint64
	FlowsNotLogged  uint64 // the policy wants no record of them
	OneSided        uint64 // flows that ended with one direction seen
}

// Snapshot returns every counter of the worker under its EVE stats name,
// sorted; counters of ours sit below "mirrorwall". It must be called by the
// goroutine that runs the worker.
func (w *Worker) Snapshot() []record.Stat {
	fl := w.table.Counters()
	eng := w.detection()
	s := []record.Stat{
		{Name: "decoder.pkts", Value: w.C.Packets},
		{Name: "decoder.bytes", Value: w.C.Bytes},
		{Name: "flow.total", Value: fl.Flows},
		{Name: "flow.active", Value: fl.Active},
		{Name: "flow.tcp", Value: fl.FlowsTCP},
		{Name: "flow.udp", Value: fl.FlowsUDP},
		{Name: "flow.icmpv4", Value: fl.FlowsICMP},
		{Name: "flow.tcp_reuse", Value: fl.Reused},
		{Name: "tcp.sessions", Value: fl.Sessions},
		{Name: "tcp.midstream_pickups", Value: fl.Midstream},
		{Name: "tcp.syn", Value: fl.SYN},
		{Name: "tcp.synack", Value: fl.SYNACK},
		{Name: "tcp.rst", Value: fl.RST},
		{Name: "tcp.overlap", Value: fl.Overlaps},
		{Name: "tcp.overlap_diff_data", Value: fl.OverlapsDiffer},
		{Name: "tcp.reassembly_gap", Value: fl.Gaps},
		{Name: "tcp.segment_memcap_drop", Value: fl.MemcapDrops},
		{Name: "tcp.invalid_checksum", Value: fl.ChecksumDrops},
		{Name: "tcp.reassembly_memuse", Value: fl.MemoryInUse},
		{Name: "detect.alert", Value: w.C.Alerts},
		{Name: "detect.alert_queue_overflow", Value: eng.AlertOverflow},
	}
	if w.policy != nil {
		s = append(s, record.Stat{Name: "policy.flows_not_logged", Value: w.C.FlowsNotLogged, Ours: true})
	}
	s = append(s, w.decodeStats()...)
	s = append(s, w.protocolStats()...)
	slices.SortFunc(s, func(a, b record.Stat) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// protocolStats counts flows by protocol. EVE splits those that speak over both
// transports, and does not know LLMNR.
func (w *Worker) protocolStats() (s []record.Stat) {
	for i, d := range w.cfg.Registry.Descriptors {
		st := record.Stat{Name: "app_layer.flow." + d.Name, Value: w.pool.Counters.Found[i], Ours: d.Name == "llmnr"}
		if !d.TCP || !d.UDP || st.Ours {
			s = append(s, st)
			continue
		}
		udp := min(w.overUDP[d], st.Value)
		s = append(s,
			record.Stat{Name: st.Name + "_tcp", Value: st.Value - udp},
			record.Stat{Name: st.Name + "_udp", Value: udp})
	}
	return s
}

// detection adds up the counters of all engines, the tenants' own among them.
func (w *Worker) detection() detect.Counters {
	n := w.engine.Counters
	for _, e := range w.others {
		n.Add(&e.Counters)
	}
	return n
}

// Losses are the worker's own reasons for not having inspected something, by
// cause: what the health page, the metrics and a summary show.
func (w *Worker) Losses() []Loss {
	fl, eng := w.table.Counters(), w.detection()
	d, g := &w.dec.Counters, &w.defrag.Counters
	return []Loss{
		{"flow_evicted", "flows ended early: flow table full", fl.Evicted},
		{"stream_bound", "TCP streams read past a hole because their buffer was full", fl.LimitHits},
		{"segment_memory", "TCP segments dropped: reassembly memory was full", fl.MemcapDrops},
		{"stream_gap", "holes in TCP streams: packets that the mirror never showed", fl.Gaps},
		{"stream_depth", "TCP directions followed no further than the depth limit", fl.DepthReached},
		{"parser_stop", "directions that a parser gave up on", w.pool.Counters.ParserStops},
		{"parser_hoard", "times that bytes were given up: too many waited for a parser", w.pool.Counters.RestFull},
		{"upgrade_limit", "flows given up: they changed protocol too often", w.pool.Counters.UpgradeFull},
		{"parser_panic", "flows that lost their parser to a bug of ours", w.pool.Counters.Panics},
		{"rule_steps", "evaluations of rules cut off at their step limit", eng.EvalLimit},
		{"rule_state", "flowbits, captured values, data set entries, waiting rules or frames refused: too many on a packet, flow or transaction, or in a set", eng.FlowBitsFull + eng.SetFull + eng.TxFull + eng.FramesLost},
		{"threshold_state", "thresholds by flow not kept, every match alerts: too many on a flow", eng.FlowLimitFull},
		{"shared_state", "thresholds, xbits and hostbits forgotten early: too many hosts at a time", eng.SharedFull},
		{"stream_unscanned", "stream bytes that waited too long for the rules", eng.StreamDropped},
		{"alert_overflow", "alerts beyond the limit of one packet", eng.AlertOverflow},
		{"anomaly_overflow", "anomaly records beyond the limit of one second", w.C.AnomalyOverflow},
		{"fragment_bound", "IP fragments or their datagrams given up: a bound was hit", g.Evicted + g.MaxPieces + g.HeadTooLong + g.NoRoom},
		{"fragment_cut", "IP fragments left out: not whole in the capture", g.Truncated},
		{"fragment_too_large", "IP fragments left out: they end beyond 65,535 bytes", g.TooLarge},
		{"fragment_timeout", "fragmented IP datagrams that never became whole", g.Timeouts4 + g.Timeouts6},
		{"too_deep", "packets followed no further: too many tunnels or headers", d.TunnelTooDeep + d.Events[packet.EventTooManyLayers]},
		{"no_frame", "datagrams without a frame in their envelope", w.C.Opaque},
		{"source_ignored", "frames from outside the allowed sources", w.C.Ignored},
	}
}

// Loss is one reason for not having inspected something.
type Loss struct {
	Cause string // label value of mirrorwall_sensor_loss_total
	Text  string // for people
	Count uint64
}

// decodeStats are the decoder's and the defragmenter's counters.
func (w *Worker) decodeStats() []record.Stat {
	d, g := &w.dec.Counters, &w.defrag.Counters
	s := []record.Stat{
		{Name: "decoder.invalid", Value: d.Invalid},
		{Name: "decoder.max_pkt_size", Value: d.MaxSize},
		{Name: "decoder.ethernet", Value: d.Ethernet},
		{Name: "decoder.raw", Value: d.Raw},
		{Name: "decoder.null", Value: d.Null},
		{Name: "decoder.sll", Value: d.SLL},
		{Name: "decoder.sll2", Value: d.SLL2},
		{Name: "decoder.ppp", Value: d.PPP},
		{Name: "decoder.pppoe", Value: d.PPPoE},
		{Name: "decoder.vlan", Value: d.VLAN},
		{Name: "decoder.vlan_qinq", Value: d.VLANQinQ},
		{Name: "decoder.mpls", Value: d.MPLS},
		{Name: "decoder.arp", Value: d.ARP},
		{Name: "decoder.unknown_ethertype", Value: d.UnknownEtherType},
		{Name: "decoder.ipv4", Value: d.IPv4},
		{Name: "decoder.ipv6", Value: d.IPv6},
		{Name: "decoder.tcp", Value: d.TCP},
		{Name: "decoder.udp", Value: d.UDP},
		{Name: "decoder.icmpv4", Value: d.ICMPv4},
		{Name: "decoder.icmpv6", Value: d.ICMPv6},
		{Name: "decoder.sctp", Value: d.SCTP},
		{Name: "decoder.gre", Value: d.GRE},
		{Name: "decoder.vxlan", Value: d.VXLAN},
		{Name: "decoder.geneve", Value: d.GENEVE},
		{Name: "decoder.erspan", Value: d.ERSPAN},
		{Name: "decoder.teredo", Value: d.Teredo},
		{Name: "decoder.too_many_layers", Value: d.TooManyLayers},
		{Name: "defrag.ipv4.fragments", Value: g.Fragments4},
		{Name: "defrag.ipv4.reassembled", Value: g.Reassembled4},
		{Name: "defrag.ipv6.fragments", Value: g.Fragments6},
		{Name: "defrag.ipv6.reassembled", Value: g.Reassembled6},
	}
	for e := range packet.Event(packet.NumEvents) {
		if n := d.Events[e]; n > 0 && e != packet.EventTooManyLayers { // has a place above
			s = append(s, record.Stat{Name: "decoder.event." + e.String(), Value: n})
		}
	}
	return s
}
