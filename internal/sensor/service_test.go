package sensor_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// lockedBuffer is an output for several workers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const orderRule = `alert http any any -> any any (msg:"order"; http.uri; content:"/v1/orders"; sid:1;)`

// compile makes a ruleset for cfg.
func compile(t *testing.T, cfg *sensor.Config, text string) *sensor.Rules {
	t.Helper()
	f, errs := rule.ParseFile("test.rules", []byte(text))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	rs, _ := detect.Compile([]*rule.File{f}, cfg.DetectConfig(detect.DefaultVars()))
	return &sensor.Rules{All: rs}
}

// live is a service on loopback with two workers.
type live struct {
	*sensor.Service
	out  *lockedBuffer
	conn net.Conn
	end  func()
}

func startService(t *testing.T, cfg *sensor.Config, stats time.Duration) *live {
	t.Helper()
	l := &live{out: &lockedBuffer{}}
	svc, err := sensor.NewService(sensor.ServiceConfig{
		Config: cfg, Workers: 2, Listen: []udp.Options{{Addr: "127.0.0.1:0"}}, StatsEvery: stats,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, l.out, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Service = svc
	if l.conn, err = net.Dial("udp", svc.Addresses()[0].String()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	l.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := l.conn.Close(); err != nil {
			t.Error(err)
		}
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(l.end)
	return l
}

// counts adds up what the workers published.
func (l *live) counts() (frames, drops, packets, alerts uint64) {
	for _, s := range l.Snapshots() {
		frames += s.Capture.Frames
		drops += s.Capture.KernelDrops
		packets += s.Worker.Packets
		alerts += s.Worker.Alerts
	}
	return
}

// await polls until ok; the test ends if it never is.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !capturetest.Await(ok) {
		t.Fatalf("%s: never", what)
	}
}

// TestReload swaps the rules twenty times while packets come in: every packet
// sent is received and inspected, or counted as dropped by the kernel.
func TestReload(t *testing.T) {
	const reloads, rounds = 20, 400
	cfg := activeConfig(t, orderRule)
	l := startService(t, cfg, 0)
	var datagrams [][]byte
	for _, s := range internal() {
		datagrams = append(datagrams, traffic.AppendVXLAN(nil, s.data, 100))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(stop)
		for i := range reloads {
			text := orderRule
			if i%2 == 1 {
				text += "\n" + strings.Replace(orderRule, "sid:1", "sid:2", 1)
			}
			l.Reload(compile(t, cfg, text))
			time.Sleep(20 * time.Millisecond)
		}
	})
	sent := uint64(0)
	send := func() {
		for _, d := range datagrams {
			if _, err := l.conn.Write(d); err != nil {
				t.Error(err)
			}
			sent++
		}
	}
	for i, reloading := 0, true; i < rounds || reloading; i++ {
		send()
		select {
		case <-stop:
			reloading = false
		default:
		}
		if i%8 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	wg.Wait()
	for range rounds {
		send()
	}
	l.end() // what this burst left in the sockets is inspected
	frames, drops, packets, alerts := l.counts()
	if frames+drops != sent || packets != frames {
		t.Errorf("sent %d, received %d, dropped by the kernel %d, inspected %d", sent, frames, drops, packets)
	}
	if alerts == 0 {
		t.Error("no alerts")
	}
	if got := len(l.Rules().All.Signatures()); got != 2 {
		t.Errorf("%d rules in force, want the last generation's 2", got)
	}
}

// TestService: records, statistics, mirror sessions, and what is not allowed.
func TestService(t *testing.T) {
	cfg := activeConfig(t, orderRule)
	cfg.Sources = sensor.NewSources(nil, []sensor.VNIRange{{First: 100, Last: 100}})
	cfg.Tenants = shop()
	l := startService(t, cfg, 50*time.Millisecond)
	for _, s := range internal() {
		for _, vni := range []uint32{100, 666} {
			if _, err := l.conn.Write(traffic.AppendVXLAN(nil, s.data, vni)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := l.conn.Write([]byte("no envelope")); err != nil {
		t.Fatal(err)
	}
	want := uint64(2 * len(internal()))
	await(t, "packets", func() bool { _, _, packets, _ := l.counts(); return packets >= want })
	await(t, "statistics", func() bool { return strings.Contains(l.out.String(), `"event_type":"stats"`) })
	l.end()
	eve := l.out.String()
	recordtest.Load(t).CheckLines(t, []byte(eve))
	for _, text := range []string{`"event_type":"alert"`, `"event_type":"flow"`, `"tenant":"shop"`, `"vni":100`, `"src_ip":"127.0.0.1"`} {
		if !strings.Contains(eve, text) {
			t.Errorf("no %s in the records", text)
		}
	}
	if strings.Contains(eve, `"vni":666`) {
		t.Error("a session that is not allowed was inspected")
	}
	losses := map[string]uint64{}
	for _, x := range l.Loss() {
		losses[x.Cause] = x.Count
	}
	if losses["source_ignored"] != want/2 || losses["no_frame"] != 1 {
		t.Errorf("losses %v", losses)
	}
	if !l.Draining() {
		t.Error("an ended sensor is not draining")
	}
	stats := sensor.Sum(l.Snapshots())
	if i := slices.IndexFunc(stats, func(s record.Stat) bool { return s.Name == "flow.total" }); stats[i].Value != 1 {
		t.Errorf("%d flows, want the one that is allowed", stats[i].Value)
	}
	i := slices.IndexFunc(stats, func(s record.Stat) bool { return s.Name == "decoder.pkts" })
	if i < 0 || stats[i].Value != want+1 {
		t.Errorf("decoder.pkts: %v", stats)
	}
}

// TestStatsNames: EVE's schema is closed, so it must have a place for whatever
// a decoder may count.
func TestStatsNames(t *testing.T) {
	schemas := recordtest.Load(t)
	w := sensor.NewWorker(config(t, nil), &sink{}, nil)
	play(w, scenario("dns", 1, first(2)))
	for _, s := range [][]shot{fragments(), broken(), pings(), bothENIs()} {
		play(w, s)
	}
	stats := w.Snapshot()
	for e := range packet.Event(packet.NumEvents) {
		if e != packet.EventTooManyLayers {
			stats = append(stats, record.Stat{Name: "decoder.event." + e.String(), Value: 1})
		}
	}
	byName := func(a, b record.Stat) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(stats, byName)
	stats = slices.CompactFunc(stats, func(a, b record.Stat) bool { return a.Name == b.Name })
	var e record.Encoder
	c := record.Common{Event: "stats", Time: epoch().UnixNano()}
	e.Begin(&c)
	e.Stats(1, stats)
	e.End(&c)
	schemas.CheckLines(t, e.Buf)
	if !bytes.Contains(e.Buf, []byte(`"dns_udp":2`)) || !bytes.Contains(e.Buf, []byte(`"dns_tcp":0`)) {
		t.Errorf("%s", e.Buf)
	}
}
