package record

import (
	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// AlertInfo is what a signature says of itself in an alert.
type AlertInfo struct {
	GID, SID, Rev uint32
	Signature     string
	Category      string
	Severity      int
	References    []string
	Metadata      []MetadataValue
}

// SeverityName is the signature's severity on PAN-OS's scale.
func (a *AlertInfo) SeverityName() Severity {
	name := ""
	for _, m := range a.Metadata {
		if m.Name == "signature_severity" && len(m.Values) > 0 {
			name = m.Values[0]
		}
	}
	return SeverityOf(a.Severity, name)
}

// MetadataValue is one name of a signature's metadata with all its values.
type MetadataValue struct {
	Name   string
	Values []string
}

// Alert appends the object "alert". The action is always "allowed": an
// out-of-band sensor blocks nothing, and says so. context is what the rule's
// expressions captured for it.
func (e *Encoder) Alert(a *AlertInfo, context []Var) {
	b := append(jsonx.Key(e.Buf, "alert"), '{')
	b = jsonx.String(b, "action", "allowed")
	b = jsonx.Uint(b, "gid", uint64(a.GID))
	b = jsonx.Uint(b, "signature_id", uint64(a.SID))
	b = jsonx.Uint(b, "rev", uint64(a.Rev))
	b = jsonx.String(b, "signature", a.Signature)
	b = jsonx.String(b, "category", a.Category)
	b = jsonx.Int(b, "severity", int64(a.Severity))
	if len(a.References) > 0 {
		b = appendStrings(b, "references", a.References)
	}
	if len(a.Metadata) > 0 {
		b = append(jsonx.Key(b, "metadata"), '{')
		for _, m := range a.Metadata {
			b = appendStrings(b, m.Name, m.Values)
		}
		b = append(b, '}')
	}
	b = appendContext(b, context)
	e.Buf = append(b, '}')
}

func appendStrings(b []byte, name string, values []string) []byte {
	b = jsonx.AppendString(jsonx.Comma(b), name)
	b = append(b, ':', '[')
	for _, v := range values {
		b = jsonx.AppendString(jsonx.Comma(b), v)
	}
	return append(b, ']')
}

// App appends the protocol's own object, named by its descriptor, for what
// which asks.
func (e *Encoder) App(d *proto.Descriptor, tx proto.Tx, which proto.LogBit) {
	if d.EVE == "" {
		return
	}
	mark := len(e.Buf)
	b := jsonx.Key(e.Buf, d.EVE)
	start := len(b)
	if which == proto.LogAlert && d.AppendAlert != nil {
		b = d.AppendAlert(b, tx)
	} else {
		b = d.AppendEVE(b, tx, which)
	}
	if len(b) <= start+len("{}") {
		b = b[:mark]
	}
	e.Buf = b
}

// AlertFlow appends the short "flow" object that an alert carries.
func (e *Encoder) AlertFlow(f *flow.Flow) {
	b := append(jsonx.Key(e.Buf, "flow"), '{')
	b = appendCounts(b, f)
	b = e.AppendTime(jsonx.Key(b, "start"), f.Start)
	b = AppendAddr(jsonx.Key(b, "src_ip"), f.Client)
	b = AppendAddr(jsonx.Key(b, "dest_ip"), f.Server)
	if hasPorts(f.Key.Proto) {
		b = jsonx.Uint(b, "src_port", uint64(f.ClientPort))
		b = jsonx.Uint(b, "dest_port", uint64(f.ServerPort))
	}
	e.Buf = append(b, '}')
}

func appendCounts(b []byte, f *flow.Flow) []byte {
	b = jsonx.Uint(b, "pkts_toserver", f.Pkts[flow.ToServer])
	b = jsonx.Uint(b, "pkts_toclient", f.Pkts[flow.ToClient])
	b = jsonx.Uint(b, "bytes_toserver", f.Bytes[flow.ToServer])
	return jsonx.Uint(b, "bytes_toclient", f.Bytes[flow.ToClient])
}

// FlowRecord appends the objects of a flow record: "flow" and for TCP "tcp". A flow that still lives (a periodic record) has no reason.
func (e *Encoder) FlowRecord(f *flow.Flow, txs uint64, gaps [2]bool) {
	b := e.Buf
	if f.Key.Proto == packet.ProtoICMP || f.Key.Proto == packet.ProtoICMPv6 {
		b = appendICMP(b, f)
	}
	b = append(jsonx.Key(b, "flow"), '{')
	b = appendCounts(b, f)
	b = e.AppendTime(jsonx.Key(b, "start"), f.Start)
	b = e.AppendTime(jsonx.Key(b, "end"), f.Last)
	b = jsonx.Uint(b, "age", uint64(max(0, f.Last/1e9-f.Start/1e9)))
	b = jsonx.String(b, "state", f.State.String())
	if f.State == flow.StateBypassed {
		b = jsonx.String(b, "bypass", "local")
	}
	b = jsonx.StringNotEmpty(b, "reason", f.Reason.String())
	b = jsonx.Bool(b, "alerted", f.Flags&flow.FlagAlerted != 0)
	if f.Flags&flow.FlagNoInspect != 0 {
		b = jsonx.String(b, "action", "pass")
	}
	if f.TCP != nil && f.TCP.Flags&flow.StreamUnseen != 0 {
		b = append(jsonx.Key(b, "exception_policy"), `[{"target":"stream_midstream"`...)
		b = append(jsonx.String(b, "policy", f.TCP.Midstream.String()), `}]`...)
	}
	if txs > 0 {
		b = jsonx.Uint(b, "tx_cnt", txs)
	}
	b = append(b, '}')
	if f.TCP != nil {
		b = appendTCP(b, f, gaps)
	}
	e.Buf = b
}

func appendICMP(b []byte, f *flow.Flow) []byte {
	b = jsonx.Uint(b, "icmp_type", uint64(f.ICMP[0]))
	b = jsonx.Uint(b, "icmp_code", uint64(f.ICMP[1]))
	if f.Pkts[flow.ToClient] > 0 {
		b = jsonx.Uint(b, "response_icmp_type", uint64(f.ICMP[2]))
		b = jsonx.Uint(b, "response_icmp_code", uint64(f.ICMP[3]))
	}
	return b
}

// Anomaly appends the object "anomaly". Kind is "decode", "stream" or
// "applayer"; layer and appProto are empty but for the last.
func (e *Encoder) Anomaly(kind, event, layer, appProto string) {
	b := append(jsonx.Key(e.Buf, "anomaly"), '{')
	b = jsonx.StringNotEmpty(b, "app_proto", appProto)
	b = jsonx.String(b, "type", kind)
	b = jsonx.String(b, "event", event)
	b = jsonx.StringNotEmpty(b, "layer", layer)
	e.Buf = append(b, '}')
}

// FileInfo appends the object "fileinfo".
func (e *Encoder) FileInfo(f *proto.File) {
	b := append(jsonx.Key(e.Buf, "fileinfo"), '{')
	b = jsonx.String(b, "filename", f.Name)
	if m := f.Magic(); len(m) > 0 {
		b = jsonx.String(b, "magic", m)
	}
	b = jsonx.Bool(b, "gaps", f.Gaps)
	b = jsonx.String(b, "state", f.State.String())
	if f.State == proto.FileClosed {
		if f.AllHashes {
			b = jsonx.Hex(b, "md5", f.MD5[:])
			b = jsonx.Hex(b, "sha1", f.SHA1[:])
		}
		b = jsonx.Hex(b, "sha256", f.SHA256[:])
	}
	b = jsonx.Bool(b, "stored", false)
	b = jsonx.Uint(b, "size", f.Size)
	if f.Ranged {
		b = jsonx.Uint(b, "start", f.Start)
		b = jsonx.Uint(b, "end", f.End)
	}
	b = jsonx.Uint(b, "tx_id", f.TxID)
	e.Buf = append(b, '}')
}

func appendTCP(b []byte, f *flow.Flow, gaps [2]bool) []byte {
	s := f.TCP
	all := s.AllFlags()
	b = append(jsonx.Key(b, "tcp"), '{')
	b = jsonx.Hex(b, "tcp_flags", []byte{all})
	b = jsonx.Hex(b, "tcp_flags_ts", []byte{s.TCPFlags[flow.ToServer]})
	b = jsonx.Hex(b, "tcp_flags_tc", []byte{s.TCPFlags[flow.ToClient]})
	for i, name := range tcpFlagNames {
		if all&(1<<i) != 0 {
			b = jsonx.Bool(b, name, true)
		}
	}
	b = jsonx.StringNotEmpty(b, "state", s.State.String())
	if gaps[flow.ToServer] {
		b = jsonx.Bool(b, "ts_gap", true)
	}
	if gaps[flow.ToClient] {
		b = jsonx.Bool(b, "tc_gap", true)
	}
	b = jsonx.Uint(b, "ts_max_regions", uint64(s.MaxRegions(flow.ToServer)))
	b = jsonx.Uint(b, "tc_max_regions", uint64(s.MaxRegions(flow.ToClient)))
	return append(b, '}')
}

// tcpFlagNames are EVE's names by bit number.
var tcpFlagNames = [8]string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"}

// PacketInfo appends the object "packet_info": the link type of the innermost
// frame. The packet's bytes live in the evidence store only.
func (e *Encoder) PacketInfo(link packet.LinkType) {
	b := append(jsonx.Key(e.Buf, "packet_info"), '{')
	b = jsonx.Uint(b, "linktype", uint64(link))
	b = jsonx.StringNotEmpty(b, "linktype_name", linkName(link))
	e.Buf = append(b, '}')
}

func linkName(l packet.LinkType) string {
	switch l {
	case packet.LinkEthernet:
		return "EN10MB"
	case packet.LinkRaw, packet.LinkRawBSD:
		return "RAW"
	case packet.LinkSLL:
		return "LINUX_SLL"
	case packet.LinkSLL2:
		return "LINUX_SLL2"
	case packet.LinkNull:
		return "NULL"
	case packet.LinkPPP:
		return "PPP"
	case packet.LinkIPv4:
		return "IPv4"
	case packet.LinkIPv6:
		return "IPv6"
	}
	return ""
}
