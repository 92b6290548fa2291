package record_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/all"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
)

// at is the packet time of the records here.
const at = int64(1_700_000_000_123_456_789)

func addr(s string) packet.Addr { return packet.AddrFrom(netip.MustParseAddr(s)) }

// common is a record about a mirrored packet with everything set.
func common(event string) *record.Common {
	return &record.Common{
		Event: event, Time: at, FlowID: 1<<53 - 1, PcapCnt: 7, VLAN: []uint16{12, 34},
		Src: addr("10.20.1.11"), Dst: addr("2001:db8::1"), SrcPort: 40000, DstPort: 443,
		Proto: packet.ProtoTCP, IPVersion: 4, PktSrc: record.PktSrcVXLAN,
		CommunityID: []byte("1:LQU9qZlK+B5F3KDmev6m5PMibrg="), HasTx: true, TxID: 3,
		Direction: "to_server", AppProto: "tls",
		Mirror: &packet.Mirror{
			Encap: packet.EncapVXLAN, Depth: 1, HasVNI: true, VNI: 5, FirstVNI: 5, OuterProto: packet.ProtoUDP,
			OuterSrc: addr("10.0.0.1"), OuterDst: addr("10.0.0.2"), OuterSrcPort: 65409, OuterDstPort: 4789,
		},
		Ours: &record.Ours{
			App: "aws-s3", AppConfidence: "host", AppReason: []byte("sni: s3.example.com"), AppCategory: "saas", AppRisk: 2,
			Hostname: []byte("s3.example.com"), JA4: []byte("t13d1516h2_8daaf6152771_02713d6af862"),
			HasVNI: true, VNI: 5, Tenant: "shop", Rule: "web", Verdict: "allow",
			Flags: []string{"one_sided", "gap"},
		},
	}
}

func tcpFlow() *flow.Flow {
	return &flow.Flow{
		Key: flow.Key{Proto: packet.ProtoTCP}, Last: at, Start: at - 2e9, TCP: &flow.Stream{TCPFlags: [2]uint8{0x1b, 0xff}},
		State: flow.StateClosed, Reason: flow.ReasonTimeout, IPVersion: 4, Flags: flow.FlagAlerted,
		Client: addr("10.20.1.11"), Server: addr("10.20.2.11"), ClientPort: 40000, ServerPort: 443,
		Pkts: [2]uint64{5, 6}, Bytes: [2]uint64{500, 6000},
	}
}

func alertInfo() *record.AlertInfo {
	return &record.AlertInfo{
		GID: 1, SID: 9000001, Rev: 2, Signature: `A "quoted" name` + "\x1b[2J", Category: "Web attack", Severity: 1,
		References: []string{"https://example.com/1"},
		Metadata:   []record.MetadataValue{{Name: "mitre_technique_id", Values: []string{"T1190"}}},
	}
}

// dnsTx is a DNS question in a transaction of the real parser.
func dnsTx(tb testing.TB) (*proto.Descriptor, proto.Tx) {
	tb.Helper()
	for _, d := range all.Protocols() {
		if d.Name != "dns" {
			continue
		}
		p := d.New(&proto.Config{})
		q := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04shop\x07example\x03com\x00\x00\x01\x00\x01")
		p.Data(proto.ToServer, q)
		if txs := p.Txs(); len(txs) == 1 {
			return d, txs[0]
		}
	}
	tb.Fatal("no DNS transaction")
	return nil, nil
}

// encoders write one record of each kind.
func encoders(tb testing.TB) map[string]func(*record.Encoder) {
	flowC, alertC, dnsC, anomalyC, fileC := common("flow"), common("alert"), common("dns"), common("anomaly"), common("fileinfo")
	f, info := tcpFlow(), alertInfo()
	alertC.Meta = &record.Metadata{
		Flowbits: []string{"seen", "traffic/id/x"}, Flowints: []record.Int{{Name: "n", Value: 3}},
		FlowVars:   []record.Var{{Name: []byte("agent"), Value: []byte("a\x00b")}},
		PacketVars: []record.Var{{Name: []byte("k"), Value: []byte("v")}, {Name: []byte("k"), Value: []byte("w")}},
	}
	d, tx := dnsTx(tb)
	file := &proto.File{Name: []byte("a.exe"), State: proto.FileClosed, Size: 4, Head: []byte("MZ\x90\x00"), AllHashes: true, Ranged: true, End: 3}
	return map[string]func(*record.Encoder){
		"flow": func(e *record.Encoder) {
			e.Begin(flowC)
			e.FlowRecord(f, 2, [2]bool{true, false})
			e.End(flowC)
		},
		"alert": func(e *record.Encoder) {
			e.Begin(alertC)
			e.Alert(info, []record.Var{{Name: []byte("user"), Value: []byte("\xff\"")}})
			e.App(d, tx, proto.LogAlert)
			e.AlertFlow(f)
			e.End(alertC)
		},
		"dns": func(e *record.Encoder) {
			e.Begin(dnsC)
			e.App(d, tx, proto.LogRequest)
			e.End(dnsC)
		},
		"anomaly": func(e *record.Encoder) {
			e.Begin(anomalyC)
			e.Anomaly("applayer", "malformed_data", "proto_parser", "dns")
			e.End(anomalyC)
		},
		"fileinfo": func(e *record.Encoder) {
			e.Begin(fileC)
			e.FileInfo(file)
			e.End(fileC)
		},
	}
}

// TestEncoder holds each kind of record against the schemas and wants no
// allocation once the buffer has grown.
func TestEncoder(t *testing.T) {
	schemas := recordtest.Load(t)
	for name, enc := range encoders(t) {
		t.Run(name, func(t *testing.T) {
			var e record.Encoder
			enc(&e)
			if n := schemas.CheckLines(t, e.Buf); n != 1 {
				t.Fatalf("%d lines", n)
			}
			var m map[string]any
			if err := json.Unmarshal(e.Buf, &m); err != nil {
				t.Fatal(err)
			}
			if m["event_type"] != name || m[name] == nil || m["timestamp"] != "2023-11-14T22:13:20.123456+0000" {
				t.Errorf("%s", e.Buf)
			}
			if n := testing.AllocsPerRun(200, func() {
				e.Buf = e.Buf[:0]
				enc(&e)
			}); n != 0 {
				t.Errorf("%.2f allocations a record", n)
			}
		})
	}
}

// TestSchemaBites: the harness itself finds what it is there for.
func TestSchemaBites(t *testing.T) {
	s := recordtest.Load(t)
	const head = `{"timestamp":"2023-11-14T22:13:20.123456+0000","event_type":"flow"`
	if err := s.Check([]byte(head + `,"mirrorwall":{"app":"ssh"}}`)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		`,"mirrorwall":{}}`, `,"mirrorwall":{"app":""}}`, `,"mirrorwall":{"surprise":1}}`, `,"mirrorwall":{"app":"x","app_risk":6}}`,
		`,"mirrorwall":{"flags":["odd"]}}`, `,"mirrorwall":{"vni":16777216}}`, `,"mirrorwall":{"verdict":"deny"}}`, `,`,
		`,"mirrorwall":{"app_reason":"x"}}`,
	} {
		if s.Check([]byte(head+bad)) == nil {
			t.Errorf("%s passes", bad)
		}
	}
	if s.Full() && s.Check([]byte(head+`,"surprise":1}`)) == nil {
		t.Error("an unknown key passes")
	}
}

func TestOursEmpty(t *testing.T) {
	var e record.Encoder
	c := &record.Common{Event: "stats", Time: at, Ours: &record.Ours{}}
	e.Begin(c)
	e.Stats(5, []record.Stat{{Name: "a.b.c", Value: 1}, {Name: "a.b.d", Value: 2}, {Name: "a.e", Value: 3}, {Name: "f", Value: 4}})
	e.End(c)
	want := `{"timestamp":"2023-11-14T22:13:20.123456+0000","event_type":"stats","stats":{"uptime":5,"a":{"b":{"c":1,"d":2},"e":3},"f":4}}` + "\n"
	if diff := cmp.Diff(want, string(e.Buf)); diff != "" {
		t.Error(diff)
	}
}

// TestParseEVE reads back what the encoder wrote.
func TestParseEVE(t *testing.T) {
	var e record.Encoder
	encs := encoders(t)
	encs["alert"](&e)
	got, err := record.ParseEVE(e.Buf)
	if err != nil {
		t.Fatal(err)
	}
	got.Raw = nil
	want := &record.Entry{
		Log: "threat", Event: "alert", Time: got.Time, FlowID: 1<<53 - 1, CommunityID: "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
		Src: netip.MustParseAddr("10.20.1.11"), Dst: netip.MustParseAddr("2001:db8::1"), SrcPort: 40000, DstPort: 443,
		Proto: "tcp", Direction: "to_server", App: "aws-s3", AppCategory: "saas", AppRisk: 2, Hostname: "s3.example.com",
		VNI: 5, HasVNI: true, Tenant: "shop", Rule: "web", Verdict: "allow", Flags: []string{"one_sided", "gap"},
		JA4: "t13d1516h2_8daaf6152771_02713d6af862", ThreatID: 9000001, ThreatName: `A "quoted" name` + "\x1b[2J",
		ThreatCategory: "Web attack", Severity: record.High, MITRE: []string{"T1190"}, Query: got.Query,
		BytesSent: 500, BytesReceived: 6000, PacketsSent: 5, PacketsReceived: 6,
		Start: time.Date(2023, 11, 14, 22, 13, 18, 123456000, time.UTC),
	}
	if !got.Time.Equal(time.Unix(0, at-at%1000)) {
		t.Errorf("time %v", got.Time)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "{", `{"timestamp":"yesterday"}`, `[1]`} {
		if _, err := record.ParseEVE([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestProtoName(t *testing.T) {
	for p, want := range map[uint8]string{0: "000", 6: "TCP", 17: "UDP", 58: "IPv6-ICMP", 89: "089", 255: "255"} {
		if got := record.ProtoName(p); got != want {
			t.Errorf("%d: got %s, want %s", p, got, want)
		}
	}
}

func TestCommunityID(t *testing.T) {
	a, b := addr("128.232.110.120"), addr("66.35.250.204")
	const want = "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
	for _, id := range [][record.CommunityIDLen]byte{
		record.CommunityID(a, b, 34855, 80, packet.ProtoTCP),
		record.CommunityID(b, a, 80, 34855, packet.ProtoTCP),
	} {
		if string(id[:]) != want {
			t.Errorf("got %s, want %s", id, want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, tt := range []struct {
		priority int
		meta     string
		want     record.Severity
	}{
		{1, "", record.High}, {2, "", record.Medium}, {3, "", record.Low}, {4, "", record.Informational}, {0, "", record.Informational},
		{3, "Critical", record.Critical}, {1, "Informational", record.Informational}, {2, "Major", record.High}, {1, "Minor", record.Medium}, {3, "Minor", record.Low},
	} {
		if got := record.SeverityOf(tt.priority, tt.meta); got != tt.want {
			t.Errorf("%d, %q: got %v, want %v", tt.priority, tt.meta, got, tt.want)
		}
	}
	for s := record.Informational; s <= record.Critical; s++ {
		if got, ok := record.ParseSeverity(strings.ToUpper(s.String())); !ok || got != s {
			t.Errorf("%v: read back as %v", s, got)
		}
	}
}

// TestKinds: one row a type, and every event_type says where it goes.
func TestKinds(t *testing.T) {
	for i, k := range record.Kinds() {
		if int(k.Type) != i || k.Log == "" {
			t.Errorf("row %d: %+v", i, k)
		}
		if k.EVE != "" && record.LogOf(k.EVE) != k.Log {
			t.Errorf("%s goes to %q, want %q", k.EVE, record.LogOf(k.EVE), k.Log)
		}
	}
}

func BenchmarkFlowRecord(b *testing.B) {
	var e record.Encoder
	enc := encoders(b)["flow"]
	enc(&e)
	b.SetBytes(int64(len(e.Buf)))
	b.ReportAllocs()
	for b.Loop() {
		e.Buf = e.Buf[:0]
		enc(&e)
	}
	if !bytes.HasSuffix(e.Buf, []byte("\n")) {
		b.Fatal("no line")
	}
}
