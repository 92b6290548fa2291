package record

import (
	"strconv"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Encoder writes EVE records into memory of its own, one line each. It belongs
// to one worker: no locks, no allocation per record in steady state.
type Encoder struct {
	Buf  []byte
	time timeText
}

// Begin opens a record and writes the common part; the caller appends its
// object to Buf and calls End.
func (e *Encoder) Begin(c *Common) {
	b := append(e.Buf, '{')
	b = jsonx.Key(b, "timestamp")
	b = append(b, '"')
	b = e.time.append(b, c.Time)
	b = append(b, '"')
	if c.FlowID != 0 {
		b = jsonx.Uint(b, "flow_id", c.FlowID)
	}
	if c.PcapCnt != 0 {
		b = jsonx.Uint(b, "pcap_cnt", c.PcapCnt)
	}
	b = jsonx.String(b, "event_type", c.Event)
	b = appendVLAN(b, c.VLAN)
	b = appendAddresses(b, c)
	if c.PktSrc != "" {
		b = jsonx.String(b, "pkt_src", c.PktSrc)
	}
	b = jsonx.StringNotEmpty(b, "community_id", c.CommunityID)
	if c.HasTx {
		b = jsonx.Uint(b, "tx_id", c.TxID)
	}
	b = appendAppProto(b, c)
	b = jsonx.StringNotEmpty(b, "direction", c.Direction)
	b = appendTunnel(b, c.Mirror)
	if c.Meta != nil {
		b = appendMetadata(b, c.Meta)
	}
	e.Buf = b
}

// End writes our own object and closes the record.
func (e *Encoder) End(c *Common) {
	b := e.Buf
	if c.Ours != nil {
		b = appendOurs(b, c.Ours)
	}
	e.Buf = append(b, '}', '\n')
}

func appendAppProto(b []byte, c *Common) []byte {
	b = jsonx.StringNotEmpty(b, "app_proto", c.AppProto)
	b = jsonx.StringNotEmpty(b, "app_proto_ts", c.AppProtoTS)
	b = jsonx.StringNotEmpty(b, "app_proto_tc", c.AppProtoTC)
	return jsonx.StringNotEmpty(b, "app_proto_orig", c.AppProtoWas)
}

func appendVLAN(b []byte, ids []uint16) []byte {
	if len(ids) == 0 {
		return b
	}
	b = append(jsonx.Key(b, "vlan"), '[')
	for _, id := range ids {
		b = strconv.AppendUint(jsonx.Comma(b), uint64(id), 10)
	}
	return append(b, ']')
}

func appendAddresses(b []byte, c *Common) []byte {
	if c.IPVersion == 0 {
		return b
	}
	b = AppendAddr(jsonx.Key(b, "src_ip"), c.Src)
	ports := hasPorts(c.Proto)
	if ports {
		b = jsonx.Uint(b, "src_port", uint64(c.SrcPort))
	}
	b = AppendAddr(jsonx.Key(b, "dest_ip"), c.Dst)
	if ports {
		b = jsonx.Uint(b, "dest_port", uint64(c.DstPort))
	}
	b = jsonx.String(b, "proto", ProtoName(c.Proto))
	if c.ICMP {
		b = jsonx.Uint(b, "icmp_type", uint64(c.ICMPType))
		b = jsonx.Uint(b, "icmp_code", uint64(c.ICMPCode))
	}
	if c.SPI != 0 {
		b = jsonx.Uint(b, "spi", uint64(c.SPI))
	}
	return jsonx.Uint(b, "ip_v", uint64(c.IPVersion))
}

func hasPorts(proto uint8) bool {
	return proto == packet.ProtoTCP || proto == packet.ProtoUDP || proto == packet.ProtoSCTP
}

// appendTunnel writes EVE's tunnel object for a packet that was peeled out of
// an envelope: the outermost addresses and the number of layers.
func appendTunnel(b []byte, m *packet.Mirror) []byte {
	if m == nil || m.Depth == 0 || m.OuterSrc == (packet.Addr{}) {
		return b
	}
	b = append(jsonx.Key(b, "tunnel"), '{')
	b = AppendAddr(jsonx.Key(b, "src_ip"), m.OuterSrc)
	if m.OuterSrcPort != 0 {
		b = jsonx.Uint(b, "src_port", uint64(m.OuterSrcPort))
	}
	b = AppendAddr(jsonx.Key(b, "dest_ip"), m.OuterDst)
	if m.OuterDstPort != 0 {
		b = jsonx.Uint(b, "dest_port", uint64(m.OuterDstPort))
	}
	b = jsonx.String(b, "proto", ProtoName(m.OuterProto))
	b = jsonx.Uint(b, "depth", uint64(m.Depth))
	b = jsonx.String(b, "pkt_src", PktSrcWire)
	return append(b, '}')
}

func appendOurs(b []byte, o *Ours) []byte {
	mark := len(b)
	b = append(jsonx.Key(b, "mirrorwall"), '{')
	open := len(b)
	b = jsonx.StringNotEmpty(b, "app", o.App)
	if o.App != "" {
		b = jsonx.StringNotEmpty(b, "app_confidence", o.AppConfidence)
		b = jsonx.StringNotEmpty(b, "app_reason", o.AppReason)
		b = jsonx.StringNotEmpty(b, "app_category", o.AppCategory)
		if o.AppRisk != 0 {
			b = jsonx.Uint(b, "app_risk", uint64(o.AppRisk))
		}
	}
	b = jsonx.StringNotEmpty(b, "hostname", o.Hostname)
	b = jsonx.StringNotEmpty(b, "ja4", o.JA4)
	if o.HasVNI {
		b = jsonx.Uint(b, "vni", uint64(o.VNI))
	}
	b = jsonx.StringNotEmpty(b, "tenant", o.Tenant)
	b = jsonx.StringNotEmpty(b, "eni", o.ENI)
	b = jsonx.StringNotEmpty(b, "instance", o.Instance)
	b = jsonx.StringNotEmpty(b, "vpc", o.VPC)
	b = jsonx.StringNotEmpty(b, "zone_from", o.ZoneFrom)
	b = jsonx.StringNotEmpty(b, "zone_to", o.ZoneTo)
	b = jsonx.StringNotEmpty(b, "rule", o.Rule)
	b = jsonx.StringNotEmpty(b, "verdict", o.Verdict)
	b = jsonx.StringNotEmpty(b, "pcap_id", o.PcapID)
	if len(o.Flags) > 0 {
		b = append(jsonx.Key(b, "flags"), '[')
		for _, f := range o.Flags {
			b = jsonx.AppendString(jsonx.Comma(b), f)
		}
		b = append(b, ']')
	}
	if len(b) == open {
		return b[:mark]
	}
	return append(b, '}')
}

// AppendAddr appends an address as a JSON string in EVE's form: IPv6 is
// written out in full, eight groups of four digits.
func AppendAddr(b []byte, a packet.Addr) []byte {
	b = append(b, '"')
	if a.Is4() {
		for i, c := range a[12:] {
			if i > 0 {
				b = append(b, '.')
			}
			b = strconv.AppendUint(b, uint64(c), 10)
		}
		return append(b, '"')
	}
	const hex = "0123456789abcdef"
	for i, c := range a {
		if i > 0 && i%2 == 0 {
			b = append(b, ':')
		}
		b = append(b, hex[c>>4], hex[c&15])
	}
	return append(b, '"')
}

// ProtoName is EVE's spelling of an IP protocol; numbers without a name are
// written as three digits, as Suricata does.
func ProtoName(p uint8) string {
	switch p {
	case packet.ProtoTCP:
		return "TCP"
	case packet.ProtoUDP:
		return "UDP"
	case packet.ProtoICMP:
		return "ICMP"
	case packet.ProtoICMPv6:
		return "IPv6-ICMP"
	case packet.ProtoSCTP:
		return "SCTP"
	case packet.ProtoIGMP:
		return "IGMP"
	case packet.ProtoIPIP:
		return "IPv4"
	case packet.ProtoIPv6:
		return "IPv6"
	case packet.ProtoGRE:
		return "GRE"
	case packet.ProtoESP:
		return "ESP"
	case packet.ProtoAH:
		return "AH"
	}
	i := int(p) * 3
	return protoNumbers[i : i+3]
}
