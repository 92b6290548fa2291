package record

import (
	"net/netip"
	"slices"
	"time"
)

// addressFields are of every record.
func addressFields() []Field {
	return []Field{
		{Name: "receive_time", Aliases: []string{"time_generated"}, Kind: KindTime, Doc: "time of the packet", EVE: "timestamp", PAN: "receive_time",
			Time: func(e *Entry) time.Time { return e.Time }},
		{Name: "type", Kind: KindText, Doc: "log type", EVE: "event_type", PAN: "type", Text: func(e *Entry) string { return e.Log }},
		{Name: "subtype", Aliases: []string{"event"}, Kind: KindText, Doc: "EVE event type", EVE: "event_type", PAN: "subtype", Text: func(e *Entry) string { return e.Event }},
		{Name: "addr", Kind: KindAddr, Doc: "address of either end", Either: []string{"addr.src", "addr.dst"}, Addr: func(e *Entry) netip.Addr { return e.Src }},
		{Name: "addr.src", Aliases: []string{"src"}, Kind: KindAddr, Doc: "source address", EVE: "src_ip", PAN: "src", Addr: func(e *Entry) netip.Addr { return e.Src }},
		{Name: "addr.dst", Aliases: []string{"dst"}, Kind: KindAddr, Doc: "destination address", EVE: "dest_ip", PAN: "dst", Addr: func(e *Entry) netip.Addr { return e.Dst }},
		{Name: "port", Kind: KindNumber, Doc: "port of either end", Either: []string{"port.src", "port.dst"}, Number: func(e *Entry) uint64 { return uint64(e.SrcPort) }},
		{Name: "port.src", Aliases: []string{"sport"}, Kind: KindNumber, Doc: "source port", EVE: "src_port", PAN: "sport", Number: func(e *Entry) uint64 { return uint64(e.SrcPort) }},
		{Name: "port.dst", Aliases: []string{"dport"}, Kind: KindNumber, Doc: "destination port", EVE: "dest_port", PAN: "dport", Number: func(e *Entry) uint64 { return uint64(e.DstPort) }},
		{Name: "proto", Kind: KindText, Doc: "IP protocol", EVE: "proto", PAN: "proto", Text: func(e *Entry) string { return e.Proto }},
		{Name: "app", Kind: KindText, Doc: "application", EVE: "mirrorwall.app", PAN: "app", Text: func(e *Entry) string { return e.App }},
		{Name: "category-of-app", Kind: KindText, Doc: "category of the application", EVE: "mirrorwall.app_category", PAN: "category-of-app", Text: func(e *Entry) string { return e.AppCategory }},
		{Name: "risk-of-app", Kind: KindNumber, Doc: "risk of the application, 1 to 5", EVE: "mirrorwall.app_risk", PAN: "risk-of-app", Number: func(e *Entry) uint64 { return uint64(e.AppRisk) }},
		{Name: "hostname", Kind: KindText, Doc: "host name that the peer claimed", EVE: "mirrorwall.hostname", Text: func(e *Entry) string { return e.Hostname }},
		{Name: "vni", Aliases: []string{"tunnelid"}, Kind: KindNumber, Doc: "VXLAN network identifier", EVE: "mirrorwall.vni", PAN: "tunnelid", Number: func(e *Entry) uint64 { return uint64(e.VNI) }},
		{Name: "tenant", Aliases: []string{"vsys"}, Kind: KindText, Doc: "tenant of the mirror session", EVE: "mirrorwall.tenant", PAN: "vsys", Text: func(e *Entry) string { return e.Tenant }},
		{Name: "rule", Kind: KindText, Doc: "security rule", EVE: "mirrorwall.rule", PAN: "rule", Text: func(e *Entry) string { return e.Rule }},
		{Name: "action", Aliases: []string{"verdict"}, Kind: KindText, Doc: "verdict", EVE: "mirrorwall.verdict", PAN: "action", Text: func(e *Entry) string { return e.Verdict }},
		{Name: "zone", Kind: KindText, Doc: "zone of either end", Either: []string{"zone.src", "zone.dst"}, Text: func(e *Entry) string { return e.ZoneFrom }},
		{Name: "zone.src", Aliases: []string{"zone_from"}, Kind: KindText, Doc: "zone of the client", EVE: "mirrorwall.zone_from", PAN: "from", Text: func(e *Entry) string { return e.ZoneFrom }},
		{Name: "zone.dst", Aliases: []string{"zone_to"}, Kind: KindText, Doc: "zone of the server", EVE: "mirrorwall.zone_to", PAN: "to", Text: func(e *Entry) string { return e.ZoneTo }},
		{Name: "eni", Kind: KindText, Doc: "network interface that the flow was seen at", EVE: "mirrorwall.eni", Text: func(e *Entry) string { return e.ENI }},
		{Name: "instance", Kind: KindText, Doc: "instance that the flow was seen at", EVE: "mirrorwall.instance", Text: func(e *Entry) string { return e.Instance }},
		{Name: "vpc", Kind: KindText, Doc: "VPC of the mirror session", EVE: "mirrorwall.vpc", Text: func(e *Entry) string { return e.VPC }},
		{Name: "ja4", Kind: KindText, Doc: "fingerprint of the TLS or QUIC client", EVE: "mirrorwall.ja4", Text: func(e *Entry) string { return e.JA4 }},
		{Name: "flags", Kind: KindList, Doc: "facts about the flow", EVE: "mirrorwall.flags", PAN: "flags", List: func(e *Entry) []string { return e.Flags }},
		{Name: "sessionid", Aliases: []string{"flow_id"}, Kind: KindNumber, Doc: "flow", EVE: "flow_id", PAN: "sessionid", Number: func(e *Entry) uint64 { return e.FlowID }},
		{Name: "community_id", Kind: KindText, Doc: "community id of the flow", EVE: "community_id", Text: func(e *Entry) string { return e.CommunityID }},
	}
}

// threatFields are of signatures and anomalies.
func threatFields() []Field {
	return in([]string{"threat"}, []Field{
		{Name: "severity", Logs: []string{"threat", "system"}, Kind: KindSeverity, Doc: "informational, low, medium, high or critical", EVE: "alert.severity", PAN: "severity", Sev: func(e *Entry) Severity { return e.Severity }},
		{Name: "threatid", Kind: KindNumber, Doc: "signature number", EVE: "alert.signature_id", PAN: "threatid", Number: func(e *Entry) uint64 { return uint64(e.ThreatID) }},
		{Name: "name-of-threatid", Aliases: []string{"threat_name"}, Kind: KindText, Doc: "signature name", EVE: "alert.signature", PAN: "threat_name", Text: func(e *Entry) string { return e.ThreatName }},
		{Name: "category-of-threatid", Aliases: []string{"thr_category"}, Kind: KindText, Doc: "class of the signature", EVE: "alert.category", PAN: "thr_category", Text: func(e *Entry) string { return e.ThreatCategory }},
		{Name: "direction", Kind: KindText, Doc: "direction of the attack", EVE: "direction", PAN: "direction", Text: func(e *Entry) string { return e.Direction }},
		{Name: "mitre", Kind: KindList, Doc: "MITRE ATT&CK techniques", EVE: "alert.metadata.mitre_technique_id", List: func(e *Entry) []string { return e.MITRE }},
		{Name: "pcap_id", Kind: KindText, Doc: "names the packets kept as evidence", EVE: "mirrorwall.pcap_id", PAN: "pcap_id", Text: func(e *Entry) string { return e.PcapID }},
	})
}

// contentFields are of what transactions carry.
func contentFields() []Field {
	return slices.Concat(in(httpLogs(), []Field{
		{Name: "misc", Aliases: []string{"url"}, Kind: KindText, Doc: "URL", EVE: "http.url", PAN: "misc", Text: func(e *Entry) string { return e.URL }},
		{Name: "http_method", Kind: KindText, Doc: "HTTP method", EVE: "http.http_method", PAN: "http_method", Text: func(e *Entry) string { return lower(e.Method) }},
		{Name: "user_agent", Kind: KindText, Doc: "HTTP user agent", EVE: "http.http_user_agent", PAN: "user_agent", Text: func(e *Entry) string { return e.UserAgent }},
		{Name: "referer", Kind: KindText, Doc: "HTTP referer", EVE: "http.http_refer", PAN: "referer", Text: func(e *Entry) string { return e.Referer }},
		{Name: "contenttype", Kind: KindText, Doc: "HTTP content type", EVE: "http.http_content_type", PAN: "contenttype", Text: func(e *Entry) string { return e.ContentType }},
		{Name: "http_status", Kind: KindNumber, Doc: "HTTP status", EVE: "http.status", Number: func(e *Entry) uint64 { return uint64(e.Status) }},
	}), in(fileLogs(), []Field{
		{Name: "filename", Kind: KindText, Doc: "file name", EVE: "fileinfo.filename", PAN: "filename", Text: func(e *Entry) string { return e.FileName }},
		{Name: "filetype", Kind: KindText, Doc: "file type", EVE: "fileinfo.magic", PAN: "filetype", Text: func(e *Entry) string { return e.FileType }},
		{Name: "filedigest", Kind: KindText, Doc: "SHA-256 of the file", EVE: "fileinfo.sha256", PAN: "filedigest", Text: func(e *Entry) string { return e.FileDigest }},
	}), in(dnsLogs(), []Field{
		{Name: "dns_query", Kind: KindText, Doc: "DNS question", EVE: "dns.queries[0].rrname", Text: func(e *Entry) string { return e.Query }},
	}))
}
func trafficFields() []Field {
	return in(flowLogs(), []Field{
		{Name: "bytes", Kind: KindNumber, Doc: "bytes of both directions", PAN: "bytes", Number: func(e *Entry) uint64 { return e.BytesSent + e.BytesReceived }},
		{Name: "bytes_sent", Kind: KindNumber, Doc: "bytes from the client", EVE: "flow.bytes_toserver", PAN: "bytes_sent", Number: func(e *Entry) uint64 { return e.BytesSent }},
		{Name: "bytes_received", Kind: KindNumber, Doc: "bytes from the server", EVE: "flow.bytes_toclient", PAN: "bytes_received", Number: func(e *Entry) uint64 { return e.BytesReceived }},
		{Name: "packets", Kind: KindNumber, Doc: "packets of both directions", PAN: "packets", Number: func(e *Entry) uint64 { return e.PacketsSent + e.PacketsReceived }},
		{Name: "pkts_sent", Kind: KindNumber, Doc: "packets from the client", EVE: "flow.pkts_toserver", PAN: "pkts_sent", Number: func(e *Entry) uint64 { return e.PacketsSent }},
		{Name: "pkts_received", Kind: KindNumber, Doc: "packets from the server", EVE: "flow.pkts_toclient", PAN: "pkts_received", Number: func(e *Entry) uint64 { return e.PacketsReceived }},
		{Name: "elapsed", Kind: KindNumber, Doc: "seconds the flow lived", EVE: "flow.age", PAN: "elapsed", Number: func(e *Entry) uint64 { return e.Elapsed }},
		{Name: "session_end_reason", Kind: KindText, Doc: "why the flow ended", EVE: "flow.reason", PAN: "session_end_reason", Text: func(e *Entry) string { return e.EndReason }},
		{Name: "start", Kind: KindTime, Doc: "when the flow began", EVE: "flow.start", PAN: "start", Time: func(e *Entry) time.Time { return e.Start }},
	})
}

// eventFields are of what people and Mirrorwall itself do.
func eventFields() []Field {
	return in(eventLogs(), []Field{
		{Name: "admin", Kind: KindText, Doc: "who did it", EVE: "mirrorwall.admin", PAN: "admin", Text: func(e *Entry) string { return e.Admin }},
		{Name: "client", Aliases: []string{"host"}, Kind: KindText, Doc: "from where: an address, or cli", EVE: "mirrorwall.client", PAN: "client", Text: func(e *Entry) string { return e.Client }},
		{Name: "cmd", Kind: KindText, Doc: "what was done", EVE: "mirrorwall.cmd", PAN: "cmd", Text: func(e *Entry) string { return e.Command }},
		{Name: "path", Kind: KindText, Doc: "to what", EVE: "mirrorwall.path", PAN: "path", Text: func(e *Entry) string { return e.Path }},
		{Name: "result", Kind: KindText, Doc: "how it ended", EVE: "mirrorwall.result", PAN: "result", Text: func(e *Entry) string { return e.Result }},
		{Name: "eventid", Kind: KindText, Doc: "kind of event", EVE: "mirrorwall.eventid", PAN: "eventid", Text: func(e *Entry) string { return e.EventID }},
		{Name: "object", Kind: KindText, Doc: "what it is about", EVE: "mirrorwall.object", PAN: "object", Text: func(e *Entry) string { return e.Object }},
		{Name: "module", Kind: KindText, Doc: "part of Mirrorwall that says so", EVE: "mirrorwall.module", PAN: "module", Text: func(e *Entry) string { return e.Module }},
		{Name: "opaque", Aliases: []string{"description"}, Kind: KindText, Doc: "in words", EVE: "mirrorwall.description", PAN: "opaque", Text: func(e *Entry) string { return e.Description }},
	})
}

// inertFields are PAN-OS's that no record says.
func inertFields() []Field {
	text := func(*Entry) string { return "" }
	var out []Field
	for _, f := range []Field{
		{Name: "serial"}, {Name: "device_name"}, {Name: "actionflags"}, {Name: "seqno", Kind: KindNumber},
		{Name: "natsrc", Kind: KindAddr}, {Name: "natdst", Kind: KindAddr}, {Name: "natsport", Kind: KindNumber}, {Name: "natdport", Kind: KindNumber},
		{Name: "interface"}, {Name: "interface.src", PAN: "inbound_if"}, {Name: "interface.dst", PAN: "outbound_if"},
		{Name: "user"}, {Name: "user.src", PAN: "srcuser"}, {Name: "user.dst", PAN: "dstuser"},
		{Name: "rule_uuid"}, {Name: "action_source"}, {Name: "category"}, {Name: "repeatcnt", Kind: KindNumber}, {Name: "srcloc"}, {Name: "dstloc"},
		{Name: "monitortag"}, {Name: "parent_session_id", Kind: KindNumber}, {Name: "tunnel"}, {Name: "xff_ip", Kind: KindAddr},
		{Name: "src_dag"}, {Name: "dst_dag"}, {Name: "src_edl"}, {Name: "dst_edl"},
		{Name: "subcategory-of-app"}, {Name: "technology-of-app"}, {Name: "is-saas-of-app"}, {Name: "container-of-app"},
		{Name: "sender"}, {Name: "recipient"}, {Name: "subject"}, {Name: "xff"}, {Name: "url_category_list"}, {Name: "reportid", Kind: KindNumber}, {Name: "contentver"},
		{Name: "max_encap", Kind: KindNumber}, {Name: "unknown_proto", Kind: KindNumber}, {Name: "strict_check", Kind: KindNumber}, {Name: "tunnel_fragment", Kind: KindNumber},
		{Name: "sessions_created", Kind: KindNumber}, {Name: "sessions_closed", Kind: KindNumber}, {Name: "tunnel_insp_rule"},
	} {
		f.Inert, f.Doc = true, "no record says it"
		if f.PAN == "" {
			f.PAN = f.Name
		}
		switch f.Kind {
		case KindNumber:
			f.Number = func(*Entry) uint64 { return 0 }
		case KindAddr:
			f.Addr = func(*Entry) netip.Addr { return netip.Addr{} }
		default:
			f.Text = text
		}
		out = append(out, f)
	}
	return out
}

// in gives the fields of a group their log types.
func in(logs []string, fields []Field) []Field {
	for i := range fields {
		if fields[i].Logs == nil {
			fields[i].Logs = logs
		}
	}
	return fields
}

// The log types whose records carry the objects of EVE: ParseEVE reads them
// there and nowhere else, so that a store need not keep a column for the rest.
func httpLogs() []string  { return []string{"url", "file", "threat"} }
func fileLogs() []string  { return []string{"file", "threat"} }
func dnsLogs() []string   { return []string{"dns", "threat"} }
func flowLogs() []string  { return []string{"traffic", "threat"} }
func eventLogs() []string { return []string{"auth", "config", "response", "system"} }
