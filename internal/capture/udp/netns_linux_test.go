//go:build linux && (amd64 || arm64)

package udp

import (
	"context"
	"net/netip"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

const (
	// netnsRate is in packets a second, netnsSeconds how long unless
	// MIRRORWALL_RECEIVE_SECONDS says otherwise.
	netnsRate    = 200_000
	netnsSeconds = 2
	netnsBatch   = 64
)

// TestReceiveRate sends mirrored frames from one network namespace to another
// and accounts for every one of them: sent is received and dropped.
func TestReceiveRate(t *testing.T) {
	if testing.Short() {
		t.Skip("short: takes seconds of both cores")
	}
	link := capturetest.NewLink(t)
	var src *Source
	link.Receive(t, func() (err error) {
		src, err = Open(Options{Addr: capturetest.Address + ":4789"})
		return err
	})
	defer src.Close()
	m := capturetest.NewSender(t, link, packet.PortVXLAN, datagrams())

	// One packet ahead, so that address resolution is done.
	m.Send(t, 1)
	if err := src.ReadBatch(t.Context(), new(capture.Batch)); err != nil {
		t.Fatal(err)
	}

	before := link.Drops(t)
	got := make(chan uint64)
	ctx, stop := context.WithCancel(t.Context())
	go func() { got <- receiveAll(ctx, src) }()
	sent := 1 + m.Pace(t, netnsRate, capturetest.Seconds(t, netnsSeconds))
	lost := link.Drops(t) - before
	// A slow machine takes its time for what is in the socket's queue.
	capturetest.Await(func() bool {
		c := src.Counters()
		return c.Frames+c.KernelDrops+lost == sent
	})
	stop()
	received := 1 + <-got
	c := src.Counters()
	t.Logf("sent %d, received %d, dropped by the socket %d, by the link %d; receive buffer %d", sent, received, c.KernelDrops, lost, src.ReceiveBuffer())
	if c.Frames != received || c.Malformed != 0 || c.Truncated != 0 {
		t.Errorf("counters: received %d, got %+v", received, c)
	}
	if received+c.KernelDrops+lost != sent {
		t.Errorf("sent %d, accounted for %d", sent, received+c.KernelDrops+lost)
	}
}

func receiveAll(ctx context.Context, src *Source) (n uint64) {
	b := capture.Batch{Frames: make([]capture.Frame, netnsBatch)}
	for src.ReadBatch(ctx, &b) == nil {
		n += uint64(b.N)
	}
	return n
}

// datagrams are 512-byte frames of 64 flows in VXLAN.
func datagrams() (out [][]byte) {
	src, dst := netip.MustParseAddrPort("10.20.1.1:1000"), netip.MustParseAddrPort("10.20.1.2:53")
	for i := range 64 {
		src = netip.AddrPortFrom(src.Addr(), uint16(1000+i))
		u := traffic.AppendUDP(nil, src, dst, make([]byte, 512-14-20-8))
		f := traffic.AppendEthernet(nil, traffic.MAC{2}, traffic.MAC{2, 1}, 0x0800)
		f = traffic.IP{Src: src.Addr(), Dst: dst.Addr(), Proto: 17, TTL: 64}.Append(f, u)
		out = append(out, traffic.AppendVXLAN(nil, f, 7))
	}
	return out
}
