package record

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Entry is one record read back from its EVE line: what filters, templates and
// queries look at. Absent values are zero.
type Entry struct {
	Log              string // our log type: "threat", "traffic" …
	Event            string // EVE event_type
	Time             time.Time
	FlowID           uint64
	CommunityID      string
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Proto            string // "tcp", "udp" …, lower case
	Direction        string
	App              string
	AppCategory      string
	AppRisk          int
	Hostname         string
	VNI              uint32
	HasVNI           bool
	Tenant           string
	Rule             string
	Verdict          string
	Flags            []string
	JA4              string
	ThreatID         uint32
	ThreatName       string
	ThreatCategory   string
	Severity         Severity
	MITRE            []string
	URL              string
	Method           string
	UserAgent        string
	Referer          string
	ContentType      string
	Status           int
	FileName         string
	FileDigest       string
	FileType         string
	Query            string
	BytesSent        uint64
	BytesReceived    uint64
	PacketsSent      uint64
	PacketsReceived  uint64
	Elapsed          uint64 // seconds
	EndReason        string
	Start            time.Time // of the flow
	ZoneFrom, ZoneTo string
	ENI              string
	Instance         string
	VPC              string
	PcapID           string

	// Of the logs auth, config, response and system.
	Admin, Client, Command, Path, Result string
	EventID, Object, Module, Description string

	Raw []byte // the EVE line, borrowed
}

// wire is the part of an EVE line that an Entry keeps.
type wire struct {
	Timestamp  string     `json:"timestamp"`
	FlowID     uint64     `json:"flow_id"`
	Event      string     `json:"event_type"`
	SrcIP      netip.Addr `json:"src_ip"`
	DstIP      netip.Addr `json:"dest_ip"`
	SrcPort    uint16     `json:"src_port"`
	DstPort    uint16     `json:"dest_port"`
	Proto      string     `json:"proto"`
	Community  string     `json:"community_id"`
	Direction  string     `json:"direction"`
	Alert      *wireAlert `json:"alert"`
	HTTP       *wireHTTP  `json:"http"`
	TLS        *wireTLS   `json:"tls"`
	DNS        *wireDNS   `json:"dns"`
	File       *wireFile  `json:"fileinfo"`
	Flow       *wireFlow  `json:"flow"`
	Anomaly    *wireAnom  `json:"anomaly"`
	Mirrorwall *wireOurs  `json:"mirrorwall"`
}

type wireAlert struct {
	SID       uint32              `json:"signature_id"`
	Signature string              `json:"signature"`
	Category  string              `json:"category"`
	Severity  int                 `json:"severity"`
	Metadata  map[string][]string `json:"metadata"`
}

type wireHTTP struct {
	Hostname    string `json:"hostname"`
	URL         string `json:"url"`
	Method      string `json:"http_method"`
	UserAgent   string `json:"http_user_agent"`
	Referer     string `json:"http_refer"`
	ContentType string `json:"http_content_type"`
	Status      int    `json:"status"`
}

type wireTLS struct {
	SNI string `json:"sni"`
}

type wireDNS struct {
	Queries []wireQuery `json:"queries"`
}

type wireQuery struct {
	Name string `json:"rrname"`
}

type wireFile struct {
	Name   string `json:"filename"`
	SHA256 string `json:"sha256"`
	Type   string `json:"magic"`
}

type wireFlow struct {
	PacketsTS uint64 `json:"pkts_toserver"`
	PacketsTC uint64 `json:"pkts_toclient"`
	BytesTS   uint64 `json:"bytes_toserver"`
	BytesTC   uint64 `json:"bytes_toclient"`
	Age       uint64 `json:"age"`
	Reason    string `json:"reason"`
	Start     string `json:"start"`
}

type wireAnom struct {
	Type  string `json:"type"`
	Event string `json:"event"`
}

type wireOurs struct {
	App      string   `json:"app"`
	Category string   `json:"app_category"`
	Risk     int      `json:"app_risk"`
	Hostname string   `json:"hostname"`
	JA4      string   `json:"ja4"`
	VNI      *uint32  `json:"vni"`
	Tenant   string   `json:"tenant"`
	Rule     string   `json:"rule"`
	Verdict  string   `json:"verdict"`
	Flags    []string `json:"flags"`
	ZoneFrom string   `json:"zone_from"`
	ZoneTo   string   `json:"zone_to"`
	ENI      string   `json:"eni"`
	Instance string   `json:"instance"`
	VPC      string   `json:"vpc"`
	PcapID   string   `json:"pcap_id"`

	Admin       string `json:"admin"`
	Client      string `json:"client"`
	Command     string `json:"cmd"`
	Path        string `json:"path"`
	Result      string `json:"result"`
	EventID     string `json:"eventid"`
	Object      string `json:"object"`
	Module      string `json:"module"`
	Severity    string `json:"severity"`
	Description string `json:"description"`
}

// eveTime is EVE's form of a timestamp.
const eveTime = "2006-01-02T15:04:05.999999-0700"

// ParseEVE reads one EVE line. Strings are copied; Raw borrows line.
func ParseEVE(line []byte) (*Entry, error) {
	e := &Entry{}
	if err := BorrowEVE(slices.Clone(line), e); err != nil {
		return nil, err
	}
	e.Raw = line
	return e, nil
}

// BorrowEVE reads one EVE line into e, all of whose strings and Raw borrow line:
// it must not change for as long as they are used.
func BorrowEVE(line []byte, e *Entry) error {
	var w wire
	if !scanEVE(line, &w) {
		w = wire{}
		if err := json.Unmarshal(line, &w); err != nil {
			return fmt.Errorf("eve line: %w", err)
		}
	}
	return e.read(&w, line)
}

func (e *Entry) read(w *wire, line []byte) error {
	at, err := scanTime(w.Timestamp)
	if err != nil {
		return fmt.Errorf("eve line: timestamp: %w", err)
	}
	*e = Entry{
		Log: LogOf(w.Event), Event: w.Event, Time: at, FlowID: w.FlowID, CommunityID: w.Community,
		Src: w.SrcIP, Dst: w.DstIP, SrcPort: w.SrcPort, DstPort: w.DstPort,
		Proto: lower(w.Proto), Raw: line,
	}
	e.protocols(w)
	e.threat(w)
	e.ours(w.Mirrorwall)
	return nil
}

// LogOf is the log type of an EVE event_type.
func LogOf(event string) string {
	for _, k := range Kinds() {
		if k.EVE == event {
			return k.Log
		}
	}
	// These are never in eve.json: Suricata's schema is closed.
	switch event {
	case "auth", "config", "response", "system", "tunnel":
		return event
	}
	return ""
}

// Logs lists the log types that records of traffic come in, sorted.
func Logs() []string {
	var out []string
	for _, k := range Kinds() {
		if k.EVE != "" && !slices.Contains(out, k.Log) {
			out = append(out, k.Log)
		}
	}
	slices.Sort(out)
	return out
}

func (e *Entry) protocols(w *wire) {
	if h := w.HTTP; h != nil && slices.Contains(httpLogs(), e.Log) {
		e.Hostname, e.URL, e.Method, e.Status = h.Hostname, h.URL, h.Method, h.Status
		e.UserAgent, e.Referer, e.ContentType = h.UserAgent, h.Referer, h.ContentType
	}
	if t := w.TLS; t != nil {
		e.Hostname = t.SNI
	}
	if d := w.DNS; d != nil && len(d.Queries) > 0 && slices.Contains(dnsLogs(), e.Log) {
		e.Query = d.Queries[0].Name
	}
	if f := w.File; f != nil && slices.Contains(fileLogs(), e.Log) {
		e.FileName, e.FileDigest, e.FileType = f.Name, f.SHA256, f.Type
	}
	if f := w.Flow; f != nil && slices.Contains(flowLogs(), e.Log) {
		e.BytesSent, e.BytesReceived = f.BytesTS, f.BytesTC
		e.PacketsSent, e.PacketsReceived = f.PacketsTS, f.PacketsTC
		e.Elapsed, e.EndReason = f.Age, f.Reason
		if f.Start != "" {
			e.Start, _ = scanTime(f.Start) // odd: none
		}
	}
}

func (e *Entry) threat(w *wire) {
	if e.Log != "threat" {
		return
	}
	e.Direction = w.Direction
	if a := w.Anomaly; a != nil {
		e.ThreatName, e.ThreatCategory = a.Event, "protocol-anomaly"
	}
	a := w.Alert
	if a == nil {
		return
	}
	e.ThreatID, e.ThreatName, e.ThreatCategory = a.SID, a.Signature, a.Category
	sev := ""
	if v := a.Metadata["signature_severity"]; len(v) > 0 {
		sev = v[0]
	}
	e.Severity = SeverityOf(a.Severity, sev)
	e.MITRE = a.Metadata["mitre_technique_id"]
}

func (e *Entry) ours(o *wireOurs) {
	if o == nil {
		return
	}
	e.App, e.AppCategory, e.AppRisk, e.JA4 = o.App, o.Category, o.Risk, o.JA4
	e.Tenant, e.Rule, e.Verdict, e.Flags = o.Tenant, o.Rule, o.Verdict, o.Flags
	if o.Hostname != "" {
		e.Hostname = o.Hostname
	}
	if o.VNI != nil {
		e.VNI, e.HasVNI = *o.VNI, true
	}
	e.ZoneFrom, e.ZoneTo, e.ENI, e.Instance, e.VPC = o.ZoneFrom, o.ZoneTo, o.ENI, o.Instance, o.VPC
	if e.Log == "threat" {
		e.PcapID = o.PcapID
	}
	if slices.Contains(eventLogs(), e.Log) {
		e.Admin, e.Client, e.Command, e.Path, e.Result = o.Admin, o.Client, o.Command, o.Path, o.Result
		e.EventID, e.Object, e.Module, e.Description = o.EventID, o.Object, o.Module, o.Description
	}
	if s, ok := ParseSeverity(o.Severity); ok && e.Log == "system" {
		e.Severity = s
	}
}

func lower(s string) string {
	switch s {
	case "TCP":
		return "tcp"
	case "UDP":
		return "udp"
	}
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
