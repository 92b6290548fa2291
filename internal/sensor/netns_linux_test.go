//go:build linux && (amd64 || arm64)

package sensor_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// TestNetnsReceive runs the service in one network namespace and sends it
// mirrored traffic from another, on the other core. Every datagram is accounted
// for: inspected, dropped by the kernel, or lost by the link. The rates without
// loss are asserted where MIRRORWALL_RECEIVE_SECONDS asks for a run long enough
// to mean something; the machine must be quiet then.
func TestNetnsReceive(t *testing.T) {
	if testing.Short() {
		t.Skip("short: takes seconds of both cores")
	}
	for _, tt := range []struct {
		name     string
		rate     int // datagrams a second; 0: as fast as it goes
		config   *sensor.Config
		buffer   int // of the socket; 0: the default
		lossFree bool
	}{
		{"decode and flow", 200_000, config(t, nil), 0, true},
		{"bundled rules", 100_000, bundled(t), 0, true},
		{"overdriven", 0, bundled(t), 64 << 10, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := receive(t, tt.rate, tt.config, tt.buffer)
			t.Log(r)
			if r.inspected != r.frames || r.inspected+r.kernel+r.link != r.sent {
				t.Errorf("%d sent, %d accounted for, of %d frames %d inspected",
					r.sent, r.inspected+r.kernel+r.link, r.frames, r.inspected)
			}
			if r.inspected == 0 || r.flows == 0 {
				t.Errorf("harness: %d of %d inspected, %d flows", r.inspected, r.sent, r.flows)
			}
			if os.Getenv("MIRRORWALL_RECEIVE_SECONDS") == "" || !tt.lossFree {
				return
			}
			if r.inspected != r.sent || r.flows != netnsFlows {
				t.Errorf("%d of %d lost at %d packets a second, %d flows", r.sent-r.inspected, r.sent, tt.rate, r.flows)
			}
			if held := float64(r.sent) / r.took.Seconds(); held < 0.95*float64(tt.rate) {
				t.Errorf("the sender held %.0f packets a second of %d: nothing is shown", held, tt.rate)
			}
		})
	}
}

// netnsFlows is how many inner flows there are.
const netnsFlows = 1024

// received is what became of the datagrams of one run.
type received struct {
	sent, frames, inspected, kernel, link, flows uint64

	took   time.Duration
	buffer int
}

func (r received) String() string {
	return fmt.Sprintf("sent %d (%.0f kpps), inspected %d (%.0f kpps), dropped by the kernel %d, by the link %d; %d flows, receive buffer %d",
		r.sent, float64(r.sent)/r.took.Seconds()/1e3, r.inspected, float64(r.inspected)/r.took.Seconds()/1e3,
		r.kernel, r.link, r.flows, r.buffer)
}

func receive(t *testing.T, rate int, cfg *sensor.Config, buffer int) (r received) {
	link := capturetest.NewLink(t)
	var svc *sensor.Service
	link.Receive(t, func() (err error) {
		svc, err = sensor.NewService(sensor.ServiceConfig{
			Config: cfg, Workers: 1,
			Listen: []udp.Options{{Addr: capturetest.Address + ":4789", ReceiveBuffer: buffer}},
			Log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
		}, io.Discard, nil)
		return err
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()

	s := capturetest.NewSender(t, link, packet.PortVXLAN, mirrored())
	r.sent = s.Send(t, 1) // one ahead, so that address resolution is done
	await(t, "first packet", func() bool { return svc.Snapshots()[0].Worker.Packets == 1 })
	before := link.Drops(t)
	begin := time.Now()
	r.sent += s.Pace(t, rate, capturetest.Seconds(t, 2))
	r.took = time.Since(begin)
	r.link = link.Drops(t) - before
	capturetest.Await(func() bool {
		s := svc.Snapshots()[0]
		return s.Worker.Packets+s.Capture.KernelDrops+r.link == r.sent
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	snap := svc.Snapshots()[0]
	r.frames, r.kernel = snap.Capture.Frames, snap.Capture.KernelDrops
	r.inspected, r.flows = snap.Worker.Packets, snap.Worker.FlowRecords
	r.buffer = snap.ReceiveBuffer
	if err := svc.Close(); err != nil {
		t.Error(err)
	}
	return r
}

// mirrored are 512-byte frames of netnsFlows flows in VXLAN: datagrams of text
// that no protocol of ours knows, so that all of it is inspected every time.
func mirrored() (out [][]byte) {
	text := make([]byte, 0, 512)
	for i := 0; len(text) < 470; i++ {
		text = fmt.Appendf(text, "reading %d of sensor-%02x: %d.%d C; ", i, i*7, 20+i%5, i%10)
	}
	text = text[:512-14-20-8]
	dst := netip.MustParseAddrPort("10.20.1.2:9999")
	for i := range netnsFlows {
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 20, 2, byte(i)}), uint16(20000+i))
		u := traffic.AppendUDP(nil, src, dst, text)
		f := traffic.AppendEthernet(nil, traffic.MAC{2}, traffic.MAC{2, 1}, 0x0800)
		f = traffic.IP{Src: src.Addr(), Dst: dst.Addr(), Proto: packet.ProtoUDP, TTL: 64}.Append(f, u)
		out = append(out, traffic.AppendVXLAN(nil, f, 7))
	}
	return out
}
