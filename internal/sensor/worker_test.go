package sensor_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/apps"
	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
	"github.com/mirrorwall/mirrorwall/rules"
)

// bundled is a sensor as it is shipped: all applications, all rules.
func bundled(tb testing.TB) *sensor.Config {
	tb.Helper()
	cfg := config(tb, nil)
	cat, err := appid.Load(apps.FS)
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Catalogue = cat
	names, err := fs.Glob(rules.FS, "*.rules")
	if err != nil {
		tb.Fatal(err)
	}
	var files []*rule.File
	for _, n := range names {
		text, err := fs.ReadFile(rules.FS, n)
		if err != nil {
			tb.Fatal(err)
		}
		f, _ := rule.ParseFile(n, text)
		files = append(files, f)
	}
	cfg.Rules, _ = detect.Compile(files, cfg.DetectConfig(detect.DefaultVars()))
	if len(cfg.Rules.Signatures()) == 0 {
		tb.Fatal("no bundled rules")
	}
	return cfg
}

// sink forgets what is written and counts it.
type sink struct{ bytes int }

func (s *sink) Write(b []byte) (int, error) {
	s.bytes += len(b)
	return len(b), nil
}

// TestWorkerAllocs: nothing on the packet path allocates once flows, buffers
// and pools have grown.
func TestWorkerAllocs(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func() steady
	}{
		{"tcp data", steadyTCP}, {"tcp data over vxlan", func() steady { return steadyTCP().mirrored() }},
		{"http exchange", steadyHTTP}, {"dns", steadyDNS}, {"dns over vxlan", func() steady { return steadyDNS().mirrored() }},
		{"unknown udp", steadyUDP}, {"ping", steadyPing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out sink
			w := sensor.NewWorker(bundled(t), &out, nil)
			s := tt.make()
			play(w, s.begin)
			for range 3000 {
				s.round(w)
			}
			if n := testing.AllocsPerRun(2000, func() { s.round(w) }); n != 0 {
				t.Errorf("%.3f allocations a round", n)
			}
			if w.C.Packets < 5000 {
				t.Fatalf("only %d packets", w.C.Packets)
			}
		})
	}
}

// steady is traffic that can go on for ever: next changes the frames of a
// round to those of the following one.
type steady struct {
	begin []shot
	loop  []shot
	next  func(loop []shot)
	now   int64
}

func (s *steady) round(w *sensor.Worker) {
	for i := range s.loop {
		s.now += 50_000
		f := capture.Frame{Data: s.loop[i].data, WireLen: len(s.loop[i].data), Time: s.now, Link: packet.LinkEthernet}
		w.Frame(&f)
	}
	if s.next != nil {
		s.next(s.loop)
	}
}

// mirrored is the same within VXLAN.
func (s steady) mirrored() steady {
	o := traffic.Outer{Src: netip.MustParseAddr("10.20.1.11"), Dst: sensorAddr(), VNI: 100}
	wrap := func(in []shot) (out []shot) {
		for _, x := range in {
			out = append(out, shot{time: x.time, data: o.AppendMirrored(nil, x.data)})
		}
		return out
	}
	s.begin, s.loop = wrap(s.begin), wrap(s.loop)
	if next := s.next; next != nil {
		inner := make([]shot, len(s.loop))
		s.next = func(loop []shot) {
			for i := range loop {
				inner[i].data = loop[i].data[50:]
			}
			next(inner)
		}
	}
	return s
}

// steadyTCP sends data of no known protocol in both directions.
func steadyTCP() steady {
	sc := scene()
	c := sc.TCP(client(), netip.MustParseAddrPort("10.20.1.11:7777"))
	c.Client([]byte("\x01\x02 hello"))
	c.Server([]byte("\x03\x04 hello"))
	return steadyConv(sc, c, bytes.Repeat([]byte("\x07\x99 of no protocol "), 50), bytes.Repeat([]byte("\x08\x98 an answer "), 90))
}

// steadyHTTP repeats an exchange on one connection.
func steadyHTTP() steady {
	sc := scene()
	c := sc.TCP(client(), web())
	q := []byte("GET /shop/item.php?id=4711 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: curl/8.11.0\r\nAccept: */*\r\n\r\n")
	r := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<h1>Item</h1>")
	c.Client(q)
	c.Server(r)
	return steadyConv(sc, c, q, r)
}

// steadyConv repeats one question and answer of less than a segment each.
func steadyConv(sc *traffic.Scene, c *traffic.Conv, q, r []byte) steady {
	before := len(sc.Frames())
	c.Client(q)
	c.Server(r)
	all := shots(sc)
	s := steady{begin: all[:before], loop: all[before:], now: all[len(all)-1].time}
	step := [2]uint32{uint32(len(q)), uint32(len(r))}
	s.next = func(loop []shot) {
		for i := range loop {
			tcp := loop[i].data[34:]
			from, back := 0, 1
			if i == 1 {
				from, back = 1, 0
			}
			binary.BigEndian.PutUint32(tcp[4:], binary.BigEndian.Uint32(tcp[4:])+step[from])
			binary.BigEndian.PutUint32(tcp[8:], binary.BigEndian.Uint32(tcp[8:])+step[back])
		}
	}
	return s
}

// steadyDNS asks and answers with another id each time, on one flow.
func steadyDNS() steady {
	s := scenario("dns", 1, first(2))
	return steady{loop: s, now: s[0].time, next: func(loop []shot) {
		for i := range loop {
			id := loop[i].data[42:]
			binary.BigEndian.PutUint16(id, binary.BigEndian.Uint16(id)+1)
		}
	}}
}

func steadyUDP() steady {
	s := unknownUDP()
	return steady{loop: s, now: s[0].time}
}

func steadyPing() steady {
	s := pings()
	return steady{loop: s, now: s[0].time}
}

// TestDup: what two mirrors show of one exchange counts once, everywhere but
// in the number of frames.
func TestDup(t *testing.T) {
	run := func(s []shot, dedup bool) (string, sensor.Counters, []record.Stat) {
		cfg := activeConfig(t, `alert http any any -> any any (msg:"order"; http.uri; content:"/v1/orders"; threshold:type limit, track by_src, count 10, seconds 60; sid:1;)`)
		cfg.Dedup, cfg.Tenants = dedup, shop()
		var out bytes.Buffer
		w := sensor.NewWorker(cfg, &out, nil)
		play(w, s)
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		return out.String(), w.C, w.Snapshot()
	}
	both := bothENIs()
	var one []shot
	for i := 0; i < len(both); i += 2 {
		one = append(one, both[i])
	}
	alone, _, _ := run(one, true)
	twice, c, _ := run(both, true)
	if c.Dups != uint64(len(one)) || c.Alerts != 1 || c.Packets != uint64(len(both)) {
		t.Errorf("%d copies of %d, %d alerts", c.Dups, len(one), c.Alerts)
	}
	counts := func(eve string) (out []string) {
		for line := range strings.Lines(eve) {
			if _, flow, ok := strings.Cut(line, `"flow":{`); ok && strings.Contains(line, `"event_type":"flow"`) {
				flow, _, _ = strings.Cut(flow, `,"start"`)
				out = append(out, flow)
			}
		}
		return out
	}
	if a, b := counts(alone), counts(twice); len(a) != 1 || len(b) != 1 || a[0] != b[0] {
		t.Errorf("one mirror %v, two mirrors %v", a, b)
	}
	if !strings.Contains(twice, `"flags":["dup"]`) || strings.Contains(alone, `"dup"`) {
		t.Error("the flag dup is wrong")
	}
}

// fullOutput fails from the second write on.
type fullOutput struct {
	writes int
	got    []byte
}

var errFull = errors.New("full")

func (f *fullOutput) Write(b []byte) (int, error) {
	if f.writes++; f.writes > 1 {
		return 0, errFull
	}
	f.got = append(f.got, b...)
	return len(b), nil
}

// TestOutputFails: a failed write costs its own lines only, and the last one's
// error is told.
func TestOutputFails(t *testing.T) {
	var out fullOutput
	w := sensor.NewWorker(config(t, nil), &out, nil)
	for seed := range uint64(80) {
		play(w, scenario("dns", seed, first(100)))
	}
	if err := w.Finish(); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
	if out.writes < 2 || !bytes.HasSuffix(out.got, []byte("}\n")) {
		t.Errorf("%d writes, the first ends in %q", out.writes, out.got[max(0, len(out.got)-10):])
	}
}

// FuzzWorker gives frames of any kind to a worker with rules of each kind.
func FuzzWorker(f *testing.F) {
	for _, c := range goldenCases() {
		var b []byte
		for _, s := range c.make() {
			if len(s.data) < 1<<16 {
				b = binary.BigEndian.AppendUint16(b, uint16(len(s.data)))
				b = append(b, s.data...)
			}
			if len(b) > 4<<10 {
				break
			}
		}
		f.Add(b)
	}
	rules := `alert ip any any -> any any (msg:"ip"; content:"GET"; sid:1;)
alert tcp any any -> any any (msg:"pcre"; flow:established; content:"a"; pcre:"/a+b/"; sid:2;)
alert http any any -> any any (msg:"uri"; http.uri; content:"/"; flowbits:set,x; sid:3;)
alert http any any -> any any (msg:"file"; file.data; content:"e"; flowbits:isset,x; sid:4;)
alert tls any any -> any any (msg:"sni"; tls.sni; content:"."; sid:5;)
alert dns any any -> any any (msg:"query"; dns.query; content:"e"; threshold:type both, track by_src, count 2, seconds 5; sid:6;)
alert ssh any any -> any any (msg:"ssh"; ssh.software; content:"SSH"; nocase; sid:7;)
alert udp any any -> any any (msg:"test"; byte_test:2,>,5,0; sid:8;)
`
	cfg := config(f, []byte(rules), "outputs.anomaly.decode=true", "outputs.anomaly.stream=true")
	cfg.Dedup = true
	cfg.Flow.MaxFlows = 64
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		w := sensor.NewWorker(cfg, &out, nil)
		now := epoch().UnixNano()
		for len(b) > 2 {
			n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
			now += 30e6
			w.Frame(&capture.Frame{Data: b[2 : 2+n], WireLen: n, Time: now, Link: packet.LinkEthernet})
			b = b[2+n:]
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(out.Bytes()) {
			if _, err := record.ParseEVE(line); err != nil {
				t.Fatalf("%v\n%s", err, line)
			}
		}
	})
}
