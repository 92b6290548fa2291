// Package record holds the log records: their types, their fields, and their
// encodings, EVE JSON first.
//
// Field names, types and nesting follow Suricata 8's EVE. Everything of ours
// sits in one object, "mirrorwall". Credentials and payload bytes never reach a
// record.
package record

import (
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Type is the kind of a record.
type Type uint8

// Record types.
const (
	Flow Type = iota
	Alert
	HTTP
	DNS
	MDNS
	TLS
	SSH
	QUIC
	Anomaly
	FileInfo
	Stats
	Tunnel
	System
	Response
	numTypes
)

// Kind says where records of one type go: one row for each.
type Kind struct {
	Type Type
	// EVE is the event_type in eve.json; empty: not written there.
	EVE string
	// Log is our log type, as in `mirrorwall logs LOGTYPE`.
	Log string
	// PAN is the PAN-OS log type whose columns and filters fit; empty: none.
	PAN string
}

// Kinds maps every record to its EVE type and its log type. Tunnel, system and
// response records are ours alone: EVE's schema is closed, so they go to the
// log store and to match lists, never to eve.json.
func Kinds() [numTypes]Kind {
	return [numTypes]Kind{
		Flow:     {Flow, "flow", "traffic", "TRAFFIC"},
		Alert:    {Alert, "alert", "threat", "THREAT"},
		HTTP:     {HTTP, "http", "url", "THREAT/url"},
		DNS:      {DNS, "dns", "dns", ""},
		MDNS:     {MDNS, "mdns", "dns", ""},
		TLS:      {TLS, "tls", "tls", "DECRYPTION"},
		SSH:      {SSH, "ssh", "traffic", ""},
		QUIC:     {QUIC, "quic", "tls", ""},
		Anomaly:  {Anomaly, "anomaly", "threat", "THREAT"},
		FileInfo: {FileInfo, "fileinfo", "file", "THREAT/file"},
		Stats:    {Stats, "stats", "system", ""},
		Tunnel:   {Tunnel, "", "tunnel", "TUNNEL"},
		System:   {System, "", "system", "SYSTEM"},
		Response: {Response, "", "response", ""},
	}
}

// Common is what every record of traffic says. The encoder reads it and keeps
// nothing.
type Common struct {
	Event       string // EVE event_type
	Time        int64  // packet time, nanoseconds
	FlowID      uint64 // 0: no flow
	PcapCnt     uint64 // 0: left out
	VLAN        []uint16
	Src, Dst    packet.Addr
	SrcPort     uint16
	DstPort     uint16
	Proto       uint8
	IPVersion   uint8
	ICMP        bool // ICMPType and ICMPCode are written
	ICMPType    uint8
	ICMPCode    uint8
	SPI         uint32 // ESP, 0: left out
	PktSrc      string
	CommunityID []byte
	HasTx       bool
	TxID        uint64
	Meta        *Metadata // nil: none
	Direction   string    // alerts: "to_server" …
	AppProto    string
	AppProtoTS  string
	AppProtoTC  string
	AppProtoWas string // before an upgrade
	Mirror      *packet.Mirror
	Ours        *Ours
}

// Metadata is what rules have noted on a flow and a packet.
type Metadata struct {
	Flowbits   []string
	Flowints   []Int
	FlowVars   []Var // captured by expressions, of the flow
	PacketVars []Var // of the packet
}

// Int is a number with a name.
type Int struct {
	Name  string
	Value uint64
}

// Var is a captured value with a name; both are borrowed.
type Var struct{ Name, Value []byte }

// Ours is the content of the object "mirrorwall".
type Ours struct {
	App           string
	AppConfidence string
	AppReason     []byte
	AppCategory   string
	AppRisk       uint8
	Hostname      []byte
	JA4           []byte
	HasVNI        bool
	VNI           uint32
	Tenant        string
	ENI           string // of the asset that the flow was seen at
	Instance      string
	VPC           string
	ZoneFrom      string // of the client
	ZoneTo        string // of the server
	Rule          string
	Verdict       string
	PcapID        string // names the evidence of an alert
	Flags         []string
}

// PktSrc values.
const (
	PktSrcWire    = "wire/pcap"
	PktSrcFlowEnd = "stream (flow timeout)"
	PktSrcFlush   = "stream (detect/log)" // before the flow's end
	PktSrcDefrag  = "defrag"
	PktSrcVXLAN   = "vxlan encapsulation"
	PktSrcGENEVE  = "geneve encapsulation"
	PktSrcGRE     = "gre tunnel"
	PktSrcERSPAN  = "erspan"
	PktSrcIPIP    = "ipv4 tunnel"
)
