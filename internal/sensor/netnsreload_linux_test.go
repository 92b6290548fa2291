//go:build linux && (amd64 || arm64)

package sensor_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// reloadRate is the load under which rules are changed, datagrams a second.
const reloadRate = 100_000

// TestNetnsReload changes the rules MIRRORWALL_RELOADS times in a minute under
// mirrored traffic, and tells what was lost and what memory it took beside the
// steady state. MIRRORWALL_RULES names the rules file, else the bundled rules
// are used. The machine must be quiet.
//
//	MIRRORWALL_RELOADS=20 MIRRORWALL_RULES=FILE go test ./internal/sensor -run TestNetnsReload -v
func TestNetnsReload(t *testing.T) {
	reloads, err := strconv.Atoi(os.Getenv("MIRRORWALL_RELOADS"))
	if err != nil || reloads < 1 {
		t.Skip("MIRRORWALL_RELOADS does not say how often: takes a minute of both cores")
	}
	cfg := config(t, nil)
	link := capturetest.NewLink(t)
	load := func() (r *sensor.Rules) {
		sensor.Loading(func() { r = &sensor.Rules{All: compileFile(t, cfg)} })
		return r
	}
	cfg.Rules = load().All
	var svc *sensor.Service
	link.Receive(t, func() (err error) {
		svc, err = sensor.NewService(sensor.ServiceConfig{
			Config: cfg, Workers: 1, Listen: []udp.Options{{Addr: capturetest.Address + ":4789"}},
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}, io.Discard, nil)
		return err
	})
	t.Logf("%d rules", len(cfg.Rules.Signatures()))
	cfg.Rules = nil // or they would outlive the reloads
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()

	s := capturetest.NewSender(t, link, packet.PortVXLAN, mirrored())
	sent := s.Send(t, 1)
	await(t, "first packet", func() bool { return svc.Snapshots()[0].Worker.Packets == 1 })
	runtime.GC() // what loading left: a service that has run for a while has none
	steady := peakDuring(t, func() { sent += s.Pace(t, reloadRate, 10*time.Second) })
	before := svc.Snapshots()[0].Capture.KernelDrops
	var changing sync.WaitGroup
	changing.Go(func() {
		for next := range time.Tick(time.Minute / time.Duration(reloads)) {
			svc.Reload(load())
			t.Logf("reload took %.2f s, resident %d MiB", time.Since(next).Seconds(), status(t, "VmRSS")>>20)
			if reloads--; reloads == 0 {
				return
			}
		}
	})
	during := peakDuring(t, func() { sent += s.Pace(t, reloadRate, time.Minute+time.Second); changing.Wait() })
	await(t, "the queue's end", func() bool {
		s := svc.Snapshots()[0]
		return s.Worker.Packets+s.Capture.KernelDrops+link.Drops(t) >= sent
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	snap := svc.Snapshots()[0]
	t.Logf("sent %d, inspected %d, dropped by the kernel %d (%d before the first reload), by the link %d; memory %d MiB steady, %d MiB at most (%+.0f %%)",
		sent, snap.Worker.Packets, snap.Capture.KernelDrops, before, link.Drops(t),
		steady>>20, during>>20, 100*(float64(during)/float64(steady)-1))
	if snap.Worker.Packets != snap.Capture.Frames || snap.Capture.Frames+snap.Capture.KernelDrops+link.Drops(t) != sent {
		t.Errorf("%d sent, %d received, %d inspected: not all are accounted for", sent, snap.Capture.Frames, snap.Worker.Packets)
	}
	if snap.Capture.KernelDrops > before {
		t.Errorf("%d dropped under reloads", snap.Capture.KernelDrops-before)
	}
	if float64(during) > 1.3*float64(steady) {
		t.Errorf("memory rose by more than 30 %%")
	}
	if err := svc.Close(); err != nil {
		t.Error(err)
	}
}

// compileFile reads and compiles the rules as a reload does.
func compileFile(t *testing.T, cfg *sensor.Config) *detect.Ruleset {
	path := os.Getenv("MIRRORWALL_RULES")
	if path == "" {
		return bundled(t).Rules
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := rule.ParseFile(path, text)
	rs, _ := detect.Compile([]*rule.File{f}, cfg.DetectConfig(detect.DefaultVars()))
	return rs
}

// peakDuring returns the most memory that was resident while f ran, bytes.
func peakDuring(t *testing.T, f func()) int {
	t.Helper()
	// Resets the high-water mark (proc(5), clear_refs).
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	f()
	return status(t, "VmHWM")
}

// status returns a size of /proc/self/status in bytes.
func status(t *testing.T, name string) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			if _, err := fmt.Sscanf(rest, "%d kB", &n); err == nil {
				return n << 10
			}
		}
	}
	t.Fatal("no " + name)
	return 0
}
