package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

func listen(t testing.TB, opt Options) *Source {
	t.Helper()
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// dial makes a sender to a source; a wildcard is reached over loopback.
func dial(t testing.TB, s *Source, host string) *net.UDPConn {
	t.Helper()
	to := netip.AddrPortFrom(netip.MustParseAddr(host), s.Addr().Port())
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t testing.TB, c *net.UDPConn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	tests := []struct {
		name, addr, host string
		encap, want      packet.Encap
	}{
		{"ipv4", "127.0.0.1:0", "127.0.0.1", 0, packet.EncapVXLAN},
		{"ipv4 wildcard", "0.0.0.0:0", "127.0.0.1", packet.EncapGENEVE, packet.EncapGENEVE},
		{"ipv6", "[::1]:0", "::1", 0, packet.EncapVXLAN},
		{"both, ipv4", ":0", "127.0.0.1", 0, packet.EncapVXLAN},
		{"both, ipv6", ":0", "::1", 0, packet.EncapVXLAN},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.host, ":") && !haveIPv6() {
				t.Skip("this machine has no IPv6 on loopback")
			}
			capturetest.Run(t, func(t *testing.T) (capture.Source, []capture.Frame) {
				s := listen(t, Options{Addr: tt.addr, Encap: tt.encap, FrameBytes: 2000})
				c := dial(t, s, tt.host)
				return s, sendSome(t, s, c, tt.want)
			})
		})
	}
}

func haveIPv6() bool {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err == nil {
		c.Close()
	}
	return err == nil
}

// sendSome sends datagrams of many sizes, some too large and one too small to
// be a frame, and returns what should arrive.
func sendSome(t *testing.T, s *Source, c *net.UDPConn, encap packet.Encap) []capture.Frame {
	from := c.LocalAddr().(*net.UDPAddr).AddrPort()
	to := c.RemoteAddr().(*net.UDPAddr).AddrPort()
	var want []capture.Frame
	for i := range 150 {
		d := make([]byte, 8+i*17)
		for j := range d {
			d[j] = byte(i + j)
		}
		send(t, c, d)
		want = append(want, capture.Frame{
			Data: d[:min(len(d), 2000)], WireLen: len(d), Link: packet.LinkEthernet,
			Outer: capture.Outer{
				Encap: encap,
				Src:   packet.AddrFrom(from.Addr()), SrcPort: from.Port(),
				Dst: packet.AddrFrom(to.Addr()), DstPort: to.Port(),
			},
		})
		if i == 70 {
			send(t, c, []byte("short"))
		}
	}
	return want
}

func TestMalformed(t *testing.T) {
	s := listen(t, Options{Addr: "127.0.0.1:0"})
	c := dial(t, s, "127.0.0.1")
	send(t, c, nil)
	send(t, c, make([]byte, tunnelHeaderLen-1))
	send(t, c, make([]byte, tunnelHeaderLen))
	var b capture.Batch
	if err := s.ReadBatch(context.Background(), &b); err != nil || b.N != 1 {
		t.Fatalf("want 1 frame, got %d, %v", b.N, err)
	}
	if n := s.Counters().Malformed; n != 2 {
		t.Errorf("malformed: want 2, got %d", n)
	}
	if age := time.Since(time.Unix(0, b.Frames[0].Time)); age < 0 || age > time.Minute {
		t.Errorf("receive time is %v ago", age)
	}
}

// TestDrops: what the kernel throws away and what we read make what was sent.
func TestDrops(t *testing.T) {
	s := listen(t, Options{Addr: "127.0.0.1:0", ReceiveBuffer: 64 << 10})
	if s.ReceiveBuffer() < 64<<10 {
		t.Errorf("receive buffer: want at least 64 KiB, got %d", s.ReceiveBuffer())
	}
	c := dial(t, s, "127.0.0.1")
	const sent = 2000
	for range sent {
		send(t, c, make([]byte, 600))
	}
	got := drain(t, s, sent)
	n := s.Counters()
	if n.KernelDrops == 0 || got == 0 {
		t.Fatalf("harness: want some lost and some received, got %d and %d", n.KernelDrops, got)
	}
	if got+n.KernelDrops != sent || n.Frames != got {
		t.Errorf("sent %d, received %d, counters %+v", sent, got, n)
	}
	s.Close()
	if again := s.Counters(); again != n {
		t.Errorf("counters after Close: want %+v, got %+v", n, again)
	}
}

// drain reads until all that was sent is received or dropped.
func drain(t testing.TB, s *Source, sent uint64) (frames uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var b capture.Batch
	for frames+s.Counters().KernelDrops < sent {
		if err := s.ReadBatch(ctx, &b); err != nil {
			t.Fatalf("%d frames, then %v", frames, err)
		}
		frames += uint64(b.N)
	}
	return frames
}

// TestPrompt: a waiting read ends soon after its context or its source.
func TestPrompt(t *testing.T) {
	for _, how := range []string{"cancel", "close"} {
		t.Run(how, func(t *testing.T) {
			s := listen(t, Options{Addr: "127.0.0.1:0"})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- s.ReadBatch(ctx, new(capture.Batch)) }()
			time.Sleep(20 * time.Millisecond)
			want := context.Canceled
			if how == "close" {
				want = os.ErrClosed
				s.Close()
			} else {
				cancel()
			}
			select {
			case err := <-ended:
				if !errors.Is(err, want) {
					t.Errorf("want %v, got %v", want, err)
				}
			case <-time.After(time.Minute):
				t.Fatal("still reading after a minute")
			}
		})
	}
}

func TestListenError(t *testing.T) {
	busy := listen(t, Options{Addr: "127.0.0.1:0"}).Addr().String()
	tests := []struct {
		addr string
		kind error
		text string
		hint string
	}{
		{busy, syscall.EADDRINUSE, "listen " + busy + "/udp: address already in use", "something else listens there: ss -ulnp"},
		{"203.0.113.77:4789", syscall.EADDRNOTAVAIL, "cannot assign requested address", "no such address"},
		{"localhost:4789", errAddr, "address not understood", "write ADDRESS:PORT"},
		{"10.0.0.1", errAddr, "missing port in address", "write ADDRESS:PORT"},
		{"10.0.0.1:99999", errAddr, "address not understood", "write ADDRESS:PORT"},
	}
	for _, tt := range tests {
		for _, n := range []int{1, 3} {
			group, err := OpenGroup(Options{Addr: tt.addr}, n)
			closeAll(group)
			var le *ListenError
			if !errors.As(err, &le) || !errors.Is(err, tt.kind) {
				t.Errorf("%s, %d: want a ListenError of %v, got %v", tt.addr, n, tt.kind, err)
				continue
			}
			if !strings.Contains(err.Error(), tt.text) || !strings.Contains(le.Hint(), tt.hint) {
				t.Errorf("%s, %d: got %q, hint %q", tt.addr, n, err, le.Hint())
			}
		}
	}
	if h := (&ListenError{"x", errors.New("?")}).Hint(); h != "" {
		t.Errorf("hint for the unknown: got %q", h)
	}
}

func TestDefaults(t *testing.T) {
	o := Options{BatchFrames: 1 << 20}.withDefaults()
	want := Options{Addr: "0.0.0.0:4789", ReceiveBuffer: 32 << 20, BatchFrames: 1024, FrameBytes: 9216}
	if o != want {
		t.Errorf("defaults: want %+v, got %+v", want, o)
	}
	if o.encap(4789) != packet.EncapVXLAN || o.encap(6081) != packet.EncapGENEVE {
		t.Error("encapsulation does not follow the port")
	}
}

func TestAllocs(t *testing.T) {
	s := listen(t, Options{Addr: "127.0.0.1:0"})
	c := dial(t, s, "127.0.0.1")
	b := capture.Batch{Frames: make([]capture.Frame, 8)}
	ctx := context.Background()
	d := make([]byte, 500)
	if n := testing.AllocsPerRun(200, func() {
		send(t, c, d)
		send(t, c, d)
		if err := s.ReadBatch(ctx, &b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("allocations a batch: want 0, got %v", n)
	}
}

func BenchmarkReadBatch(b *testing.B) {
	s := listen(b, Options{Addr: "127.0.0.1:0"})
	c := dial(b, s, "127.0.0.1")
	batch := capture.Batch{Frames: make([]capture.Frame, 64)}
	d := make([]byte, 512)
	b.SetBytes(int64(len(d)))
	b.ReportAllocs()
	for n := 0; n < b.N; {
		b.StopTimer()
		for range 64 {
			send(b, c, d)
		}
		b.StartTimer()
		for m := 0; m < 64; m += batch.N {
			if err := s.ReadBatch(context.Background(), &batch); err != nil {
				b.Fatal(err)
			}
		}
		n += 64
	}
}

// TestDropCount: the kernel counts in 32 bits, we don't.
func TestDropCount(t *testing.T) {
	tests := []struct {
		name  string
		reads []uint32
		want  uint64
	}{
		{"none", []uint32{0, 0}, 0},
		{"more", []uint32{3, 10, 10, 12}, 12},
		{"to the brim", []uint32{1<<32 - 1}, 1<<32 - 1},
		{"round", []uint32{1<<32 - 1, 0, 5}, 1<<32 + 5},
		{"round and round", []uint32{1 << 31, 7, 1 << 31, 7}, 2<<32 + 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c dropCount
			for _, n := range tt.reads {
				c.read(n)
			}
			if c.total != tt.want {
				t.Errorf("got %d, want %d", c.total, tt.want)
			}
		})
	}
}

// TestEnd: what is queued is read without waiting, what comes later is counted
// as dropped.
func TestEnd(t *testing.T) {
	s := listen(t, Options{Addr: "127.0.0.1:0", BatchFrames: 2})
	c := dial(t, s, "127.0.0.1")
	for _, text := range []string{"datagram 1", "short", "datagram 2", "datagram 3"} {
		send(t, c, []byte(text))
	}
	if err := s.Refuse(); err != nil {
		t.Fatal(err)
	}
	send(t, c, []byte("too late 1"))
	send(t, c, []byte("too late 2"))
	var b capture.Batch
	var got []string
	for more := true; more; {
		var err error
		if more, err = s.ReadQueued(&b); err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Frames[:b.N] {
			got = append(got, string(f.Data))
		}
	}
	if strings.Join(got, ",") != "datagram 1,datagram 2,datagram 3" {
		t.Errorf("got %q", got)
	}
	if n := s.Counters(); n.Frames != 3 || n.Malformed != 1 || n.KernelDrops != 2 {
		t.Errorf("got %+v", n)
	}
	if s.Close(); s.Refuse() == nil {
		t.Error("a closed socket can refuse")
	}
	if _, err := s.ReadQueued(&b); !errors.Is(err, os.ErrClosed) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
}
