//go:build duckdb

package duckdb

import (
	"bytes"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

func roundTrip(t *testing.T, line []byte) (short int) {
	t.Helper()
	e, err := record.ParseEVE(line)
	if err != nil {
		return 0
	}
	marks := markings()
	s := squeeze(nil, e, marks)
	// Restoring knows what the columns know.
	got := record.Entry{
		Time: micros(e.Time), Start: micros(e.Start), FlowID: e.FlowID, Src: e.Src, Dst: e.Dst, SrcPort: e.SrcPort, DstPort: e.DstPort, CommunityID: e.CommunityID,
		URL: e.URL, Query: e.Query, FileDigest: e.FileDigest, JA4: e.JA4, PcapID: e.PcapID, PacketsSent: e.PacketsSent, PacketsReceived: e.PacketsReceived,
		BytesSent: e.BytesSent, BytesReceived: e.BytesReceived, Elapsed: e.Elapsed,
	}
	if r := restore(nil, s, &got, marks); !bytes.Equal(r, line) {
		t.Fatalf("\n got %q\nwant %q\nfrom %q", r, line, s)
	}
	return len(s)
}

func TestSqueeze(t *testing.T) {
	g := storetest.NewGenerator(1)
	raw, short := 0, 0
	for range 1000 {
		line := g.Line(1e9)
		raw += len(line)
		short += roundTrip(t, line)
	}
	if short > raw*4/5 {
		t.Errorf("%d bytes of %d are left", short, raw)
	}
	for _, line := range odd() {
		roundTrip(t, []byte(line))
	}
}

// odd are lines that a sensor does not write, or not so.
func odd() []string {
	const head = `{"timestamp":"2026-03-01T10:00:00.000001+0000","flow_id":5,"event_type":"flow","src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":2,"proto":"TCP"`
	return []string{
		head + `}`,
		head + "}\n",
		"\t" + head + "}\r\n",
		head + `,"flow_id":5}`,
		head + `,"x":"\u0001","y":"a` + "\x01" + `"}`,
		head + `,"flow":{"age":1.5}}`,
		head + `,"flow":{"age":10,"pkts_toserver":1,"start":"2026-03-01T11:00:00.000000+0100"}}`,
		`{"event_type":"flow","timestamp":"2026-03-01T10:00:00.1+0000","src_ip":"::ffff:10.0.0.1","dest_ip":"2001:db8::1"}`,
		`{"flow_id":55,"event_type":"flow","timestamp":"2026-03-01T10:00:00.123456789+0000","community_id":"a\"b"}`,
		`{"event_type":"http","timestamp":"2026-03-01T10:00:00.000000+0000","http":{"url":"a\u0000\"b"}}`,
		`{"event_type":"http","timestamp":"2026-03-01T10:00:00.000000+0000","http":{"url":"","http_method":"GET"}}`,
	}
}

func FuzzSqueeze(f *testing.F) {
	for _, line := range odd() {
		f.Add([]byte(line))
	}
	f.Add(storetest.NewGenerator(2).Line(1e9))
	f.Fuzz(func(t *testing.T, line []byte) { roundTrip(t, line) })
}
