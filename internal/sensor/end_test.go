package sensor_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// eveOf inspects frames and returns the lines of one event_type.
func eveOf(t *testing.T, cfg *sensor.Config, frames []shot, event string) (out []string) {
	t.Helper()
	var b bytes.Buffer
	w := sensor.NewWorker(cfg, &b, nil)
	play(w, frames)
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, `"event_type":"`+event+`"`) {
			out = append(out, line)
		}
	}
	return out
}

// wantOne wants one line with all the parts.
func wantOne(t *testing.T, lines []string, parts ...string) {
	t.Helper()
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1: %q", len(lines), lines)
	}
	for _, p := range parts {
		if !strings.Contains(lines[0], p) {
			t.Errorf("no %s in %s", p, lines[0])
		}
	}
}

// TestEndDirection: what the last bytes of one direction bring to light at the
// flow's end is matched and logged once, in that direction.
func TestEndDirection(t *testing.T) {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Client([]byte("GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"))
	c.Server([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	c.Client([]byte("GET /2 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"))
	// Nobody acknowledges these two responses to one request.
	c.Server([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
	cfg := func() *sensor.Config {
		return activeConfig(t, `alert http any any -> any any (msg:"more responses than requests"; `+
			`app-layer-event:http.unable_to_match_response_to_request; sid:1;)`, "stream.midstream=false")
	}
	toClient := []string{`"pkt_src":"stream (flow timeout)"`, `"src_port":80`}
	frames := shots(sc)
	wantOne(t, eveOf(t, cfg(), frames, "alert"), append(toClient, `"direction":"to_client"`)...)
	wantOne(t, eveOf(t, cfg(), frames, "anomaly"), toClient...)
}

// TestClosingStream: once a session closes, what its streams hold is inspected
// with the packet at hand, not when the flow's record is due.
func TestClosingStream(t *testing.T) {
	sc := scene()
	c := sc.TCP(client(), netip.MustParseAddrPort("10.20.1.11:12345"))
	c.Client([]byte("Hi!"))
	c.Server([]byte("Hello!"))
	c.Close()
	cfg := activeConfig(t, `alert tcp any any -> any any (msg:"greeting"; content:"Hello!"; sid:1;)`, "stream.midstream=false")
	wantOne(t, eveOf(t, cfg, shots(sc), "alert"), `"pkt_src":"wire/pcap"`, `"direction":"to_client"`)
}

// TestEndAnomaly: a stream anomaly that shows when a flow is ended is told of
// that flow, not of the packet that the sensor saw last.
func TestEndAnomaly(t *testing.T) {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Client(bytes.Repeat([]byte("x"), 6000))
	holed := withoutBig(shots(sc), 3)
	other := scene()
	other.TCP(netip.MustParseAddrPort("198.51.100.7:5555"), app())
	frames := append(holed, shots(other)...)
	cfg := activeConfig(t, "", "outputs.anomaly.stream=true", "stream.midstream=false")
	lines := eveOf(t, cfg, frames, "anomaly")
	lines = slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, "reassembly_seq_gap") })
	wantOne(t, lines, `"src_ip":"203.0.113.9"`, `"dest_port":80`)
}

// TestBypassKeyword: the rule's own alert is the last that a flow gives; the
// flow is counted to its end.
func TestBypassKeyword(t *testing.T) {
	cfg := func() *sensor.Config {
		return activeConfig(t, `alert udp any any -> any any (msg:"backup"; content:"x"; bypass; sid:1;)`)
	}
	sc := scene()
	u := sc.UDP(client(), netip.MustParseAddrPort("10.20.1.11:9999"))
	for range 5 {
		u.Client([]byte("xyz"))
		u.Server([]byte("xyz"))
	}
	frames := shots(sc)
	wantOne(t, eveOf(t, cfg(), frames, "alert"), `"direction":"to_server"`)
	wantOne(t, eveOf(t, cfg(), frames, "flow"), `"pkts_toserver":5,"pkts_toclient":5`, `"state":"bypassed","bypass":"local"`)
}

// TestMidstreamPolicyRecord: what became of a session without a start stands in
// its record.
func TestMidstreamPolicyRecord(t *testing.T) {
	late := shots(httpPlain())[3:]
	for set, want := range map[string]struct {
		record string
		alerts int
	}{
		"ignore":    {`"state":"closed","reason":"shutdown","alerted":true,"exception_policy":[{"target":"stream_midstream","policy":"ignore"}]`, 1},
		"pass-flow": {`"alerted":false,"action":"pass","exception_policy":[{"target":"stream_midstream","policy":"pass_flow"}]`, 0},
		"bypass":    {`"state":"bypassed","bypass":"local","reason":"shutdown","alerted":false,"action":"pass","exception_policy":[{"target":"stream_midstream","policy":"bypass"}]`, 0},
		"drop-flow": {`"policy":"ignore"`, 1},
	} {
		t.Run(set, func(t *testing.T) {
			cfg := activeConfig(t, `alert http any any -> any any (msg:"item"; http.uri; content:"item"; sid:1;)`, "stream.midstream-policy="+set)
			wantOne(t, eveOf(t, cfg, late, "flow"), want.record)
			if n := len(eveOf(t, cfg, late, "alert")); n != want.alerts {
				t.Errorf("%d alerts, want %d", n, want.alerts)
			}
		})
	}
}

// TestEventOfFlow: an anomaly that time brings to light (bytes that were still
// missing when a reset's grace ended) is told of its flow and alerted with that
// flow's next packet, whatever the others send meanwhile.
func TestEventOfFlow(t *testing.T) {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Client([]byte("AAAA"))
	c.Server([]byte("XXXX"))
	c.Reset(packet.ToClient)
	frames := shots(sc)
	i := slices.IndexFunc(frames, func(s shot) bool { return bytes.HasSuffix(s.data, []byte("AAAA")) })
	late := shot{time: frames[len(frames)-1].time + 1e6, data: bytes.Clone(frames[i].data)}
	seq := late.data[14+20+4:]
	binary.BigEndian.PutUint32(seq, binary.BigEndian.Uint32(seq)+104) // behind a hole
	frames = append(frames, late)
	other := scene()
	other.TCP(netip.MustParseAddrPort("198.51.100.7:5555"), app()).Client([]byte("x"))
	for i, s := range shots(other) {
		frames = append(frames, shot{time: late.time + 10e9 + int64(i)*1e6, data: s.data})
	}
	const rule = `alert tcp any any -> any any (msg:"hole"; stream-event:reassembly_seq_gap; sid:1;)`
	cfg := func() *sensor.Config { return activeConfig(t, rule, "outputs.anomaly.stream=true") }
	if got := eveOf(t, cfg(), frames, "alert"); len(got) > 0 {
		t.Errorf("alerts of a flow without a hole: %q", got)
	}
	holes := slices.DeleteFunc(eveOf(t, cfg(), frames, "anomaly"), func(l string) bool { return !strings.Contains(l, "reassembly_seq_gap") })
	wantOne(t, holes, `"src_ip":"203.0.113.9"`, `"pkt_src":"stream (detect/log)"`)
	frames = append(frames, shot{time: late.time + 11e9, data: late.data})
	wantOne(t, eveOf(t, cfg(), frames, "alert"), `"src_ip":"203.0.113.9"`)
}

// TestAnomalyFlood: broken packets are recorded as shipped, but no faster than
// the log can bear; what is left out is counted.
func TestAnomalyFlood(t *testing.T) {
	broken := func(n int, from time.Time) (out []shot) {
		for i := range n { // ICMP of a type that nobody has
			b := ethernet(client().Addr(), web().Addr(), packet.ProtoICMP, uint16(i), []byte{77, 0, 0, 0, 0, 0, 0, 0})
			out = append(out, shot{time: from.UnixNano() + int64(i), data: b})
		}
		return out
	}
	var b bytes.Buffer
	w := sensor.NewWorker(activeConfig(t, ""), &b, nil)
	play(w, broken(1500, epoch()))
	play(w, broken(10, epoch().Add(time.Second)))
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), `"anomaly":{"type":"decode","event":"decoder.icmpv4.unknown_type"}`); n != 1010 {
		t.Errorf("%d records, want 1010", n)
	}
	if n := lossOf(t, w, "anomaly_overflow"); n != 500 {
		t.Errorf("%d counted, want 500", n)
	}
	if w.C.DecodeEvents != 1510 || w.C.AnomalyOverflow != 500 {
		t.Errorf("%d packets with events, %d left out", w.C.DecodeEvents, w.C.AnomalyOverflow)
	}
}

// TestJustEstablished: the packet that a flow is picked up at is not part of an
// established flow, its bytes are.
func TestJustEstablished(t *testing.T) {
	sc := scene()
	c := sc.TCP(client(), app())
	c.Client([]byte("needle"))
	c.Server([]byte("answer"))
	c.Client([]byte("second"))
	frames := shots(sc)[3:] // without the handshake
	rule := func(sid, options string) string {
		return `alert tcp any any -> any any (msg:"` + sid + `"; flow:` + options + `; sid:` + sid + ";)\n"
	}
	cfg := activeConfig(t, rule("1", `established; content:"needle"; depth:6`)+
		rule("2", `established,to_server; content:"needle"; dsize:6`)+
		rule("3", `established,to_server; content:"second"; dsize:6`)+
		rule("4", `not_established; content:"needle"; depth:6`))
	var got []string
	for _, line := range eveOf(t, cfg, frames, "alert") {
		_, sid, _ := strings.Cut(line, `"signature_id":`)
		got = append(got, sid[:1])
	}
	if slices.Sort(got); !slices.Equal(got, []string{"1", "3", "4"}) {
		t.Errorf("got sids %s, want 1, 3 and 4", got)
	}
}
