package record

import (
	"net/netip"
	"time"
)

// Kind of a field's values: it decides the operators and how a value is read.
type FieldKind uint8

// Field kinds.
const (
	KindText FieldKind = iota
	KindNumber
	KindAddr
	KindSeverity
	KindTime
	KindList // several texts; "has" and "eq" ask for one of them
)

// Field is one column of the logs under all its names.
type Field struct {
	Name    string
	Aliases []string
	Kind    FieldKind
	Doc     string // what it holds, one line
	EVE     string // its path in an EVE line
	PAN     string // the PAN-OS column or template variable

	Text   func(*Entry) string
	Number func(*Entry) uint64
	// Addrs yields one address or, for "addr", both ends.
	Addrs func(*Entry) [2]netip.Addr
	// Numbers yields both values of a field such as "port".
	Numbers func(*Entry) [2]uint64
	Sev     func(*Entry) Severity
	Time    func(*Entry) time.Time
	List    func(*Entry) []string
}

func one(get func(*Entry) netip.Addr) func(*Entry) [2]netip.Addr {
	return func(e *Entry) [2]netip.Addr { return [2]netip.Addr{get(e)} }
}

// Fields is the field catalogue: it drives the filter language, templates,
// completion and documentation.
func Fields() []Field {
	return append(addressFields(), append(threatFields(), trafficFields()...)...)
}

func addressFields() []Field {
	return []Field{
		{Name: "receive_time", Aliases: []string{"time_generated"}, Kind: KindTime, Doc: "time of the packet", EVE: "timestamp", PAN: "receive_time",
			Time: func(e *Entry) time.Time { return e.Time }},
		{Name: "type", Kind: KindText, Doc: "log type", EVE: "event_type", PAN: "type", Text: func(e *Entry) string { return e.Log }},
		{Name: "subtype", Aliases: []string{"event"}, Kind: KindText, Doc: "EVE event type", EVE: "event_type", PAN: "subtype", Text: func(e *Entry) string { return e.Event }},
		{Name: "addr", Kind: KindAddr, Doc: "address of either end", Addrs: func(e *Entry) [2]netip.Addr { return [2]netip.Addr{e.Src, e.Dst} }},
		{Name: "addr.src", Aliases: []string{"src"}, Kind: KindAddr, Doc: "source address", EVE: "src_ip", PAN: "src", Addrs: one(func(e *Entry) netip.Addr { return e.Src })},
		{Name: "addr.dst", Aliases: []string{"dst"}, Kind: KindAddr, Doc: "destination address", EVE: "dest_ip", PAN: "dst", Addrs: one(func(e *Entry) netip.Addr { return e.Dst })},
		{Name: "port", Kind: KindNumber, Doc: "port of either end", Numbers: func(e *Entry) [2]uint64 { return [2]uint64{uint64(e.SrcPort), uint64(e.DstPort)} }},
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
		{Name: "action", Kind: KindText, Doc: "verdict", EVE: "mirrorwall.verdict", PAN: "action", Text: func(e *Entry) string { return e.Verdict }},
		{Name: "flags", Kind: KindList, Doc: "facts about the flow", EVE: "mirrorwall.flags", PAN: "flags", List: func(e *Entry) []string { return e.Flags }},
		{Name: "sessionid", Aliases: []string{"flow_id"}, Kind: KindNumber, Doc: "flow", EVE: "flow_id", PAN: "sessionid", Number: func(e *Entry) uint64 { return e.FlowID }},
		{Name: "community_id", Kind: KindText, Doc: "community id of the flow", EVE: "community_id", Text: func(e *Entry) string { return e.CommunityID }},
	}
}

func threatFields() []Field {
	return []Field{
		{Name: "severity", Kind: KindSeverity, Doc: "informational, low, medium, high or critical", EVE: "alert.severity", PAN: "severity", Sev: func(e *Entry) Severity { return e.Severity }},
		{Name: "threatid", Kind: KindNumber, Doc: "signature number", EVE: "alert.signature_id", PAN: "threatid", Number: func(e *Entry) uint64 { return uint64(e.ThreatID) }},
		{Name: "name-of-threatid", Aliases: []string{"threat_name"}, Kind: KindText, Doc: "signature name", EVE: "alert.signature", PAN: "threat_name", Text: func(e *Entry) string { return e.ThreatName }},
		{Name: "category-of-threatid", Aliases: []string{"thr_category"}, Kind: KindText, Doc: "class of the signature", EVE: "alert.category", PAN: "thr_category", Text: func(e *Entry) string { return e.ThreatCategory }},
		{Name: "direction", Kind: KindText, Doc: "direction of the attack", EVE: "direction", PAN: "direction", Text: func(e *Entry) string { return e.Direction }},
		{Name: "mitre", Kind: KindList, Doc: "MITRE ATT&CK techniques", EVE: "alert.metadata.mitre_technique_id", List: func(e *Entry) []string { return e.MITRE }},
		{Name: "misc", Aliases: []string{"url"}, Kind: KindText, Doc: "URL", EVE: "http.url", PAN: "misc", Text: func(e *Entry) string { return e.URL }},
		{Name: "filename", Kind: KindText, Doc: "file name", EVE: "fileinfo.filename", PAN: "filename", Text: func(e *Entry) string { return e.FileName }},
		{Name: "filetype", Kind: KindText, Doc: "file type", EVE: "fileinfo.magic", PAN: "filetype", Text: func(e *Entry) string { return e.FileType }},
		{Name: "filedigest", Kind: KindText, Doc: "SHA-256 of the file", EVE: "fileinfo.sha256", PAN: "filedigest", Text: func(e *Entry) string { return e.FileDigest }},
		{Name: "http_method", Kind: KindText, Doc: "HTTP method", EVE: "http.http_method", PAN: "http_method", Text: func(e *Entry) string { return lower(e.Method) }},
		{Name: "user_agent", Kind: KindText, Doc: "HTTP user agent", EVE: "http.http_user_agent", PAN: "user_agent", Text: func(e *Entry) string { return e.UserAgent }},
		{Name: "referer", Kind: KindText, Doc: "HTTP referer", EVE: "http.http_refer", PAN: "referer", Text: func(e *Entry) string { return e.Referer }},
		{Name: "contenttype", Kind: KindText, Doc: "HTTP content type", EVE: "http.http_content_type", PAN: "contenttype", Text: func(e *Entry) string { return e.ContentType }},
		{Name: "http_status", Kind: KindNumber, Doc: "HTTP status", EVE: "http.status", Number: func(e *Entry) uint64 { return uint64(e.Status) }},
		{Name: "dns_query", Kind: KindText, Doc: "DNS question", EVE: "dns.queries[0].rrname", Text: func(e *Entry) string { return e.Query }},
	}
}

func trafficFields() []Field {
	return []Field{
		{Name: "bytes", Kind: KindNumber, Doc: "bytes of both directions", PAN: "bytes", Number: func(e *Entry) uint64 { return e.BytesSent + e.BytesReceived }},
		{Name: "bytes_sent", Kind: KindNumber, Doc: "bytes from the client", EVE: "flow.bytes_toserver", PAN: "bytes_sent", Number: func(e *Entry) uint64 { return e.BytesSent }},
		{Name: "bytes_received", Kind: KindNumber, Doc: "bytes from the server", EVE: "flow.bytes_toclient", PAN: "bytes_received", Number: func(e *Entry) uint64 { return e.BytesReceived }},
		{Name: "packets", Kind: KindNumber, Doc: "packets of both directions", PAN: "packets", Number: func(e *Entry) uint64 { return e.PacketsSent + e.PacketsReceived }},
		{Name: "pkts_sent", Kind: KindNumber, Doc: "packets from the client", EVE: "flow.pkts_toserver", PAN: "pkts_sent", Number: func(e *Entry) uint64 { return e.PacketsSent }},
		{Name: "pkts_received", Kind: KindNumber, Doc: "packets from the server", EVE: "flow.pkts_toclient", PAN: "pkts_received", Number: func(e *Entry) uint64 { return e.PacketsReceived }},
		{Name: "elapsed", Kind: KindNumber, Doc: "seconds the flow lived", EVE: "flow.age", PAN: "elapsed", Number: func(e *Entry) uint64 { return e.Elapsed }},
		{Name: "session_end_reason", Kind: KindText, Doc: "why the flow ended", EVE: "flow.reason", PAN: "session_end_reason", Text: func(e *Entry) string { return e.EndReason }},
	}
}
