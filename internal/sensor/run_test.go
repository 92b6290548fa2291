package sensor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
)

// service listens on loopback with two workers.
func service(t *testing.T) *Service {
	t.Helper()
	cfg, err := DefaultConfig(os.DirFS("testdata/apps"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewService(ServiceConfig{
		Config: cfg, Workers: 2, Listen: []udp.Options{{Addr: "127.0.0.1:0"}}, StatsEvery: time.Hour,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLostSocket: a service that lost one of its sockets ends and says so; the
// other worker and the statistics end with it.
func TestLostSocket(t *testing.T) {
	s := service(t)
	if err := s.loops[1].src.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
	if !s.Draining() {
		t.Error("not draining")
	}
}

// TestQueueAtEnd: what waits in the sockets when the service is told to end is
// inspected, over several batches.
func TestQueueAtEnd(t *testing.T) {
	s := service(t)
	c, err := net.Dial("udp", s.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = 200
	for range sent {
		if _, err := c.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
	var got uint64
	for _, snap := range s.Snapshots() {
		got += snap.Worker.Packets + snap.Capture.KernelDrops
	}
	if got != sent {
		t.Errorf("%d of %d accounted for", got, sent)
	}
}

func TestTunnelPorts(t *testing.T) {
	for value, want := range map[string]bool{"4789": true, "4789, 8472": true, "[1,2,3,4]": true, "": false, "1,2,3,4,5": false, "0": false, "70000": false, "http": false} {
		cfg := &Config{}
		err := NewSettings(cfg).Set("decoder.vxlan.ports", value)
		if (err == nil) != want || (len(cfg.Decode.VXLANPorts) > 0) != want {
			t.Errorf("%q: %v, ports %v", value, err, cfg.Decode.VXLANPorts)
		}
	}
}
