package replay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// frames is a source of frames that were made before.
type frames struct {
	all  []capture.Frame
	next int
}

func (f *frames) ReadBatch(_ context.Context, b *capture.Batch) error {
	b.N = 0
	if f.next == len(f.all) {
		return io.EOF
	}
	n := min(64, len(f.all)-f.next)
	b.Frames, b.N = f.all[f.next:f.next+n], n
	f.next += n
	return nil
}

func (f *frames) Counters() capture.Counters { return capture.Counters{} }
func (f *frames) Close() error               { return nil }

func scenario(t testing.TB, name string) []capture.Frame {
	t.Helper()
	for _, s := range traffic.Scenarios() {
		if s.Name != name {
			continue
		}
		var out []capture.Frame
		for _, f := range s.Frames(1, time.Unix(1.7e9, 0)) {
			out = append(out, capture.Frame{Data: f.Data, WireLen: len(f.Data), Time: f.Time, Link: packet.LinkEthernet})
		}
		return out
	}
	t.Fatalf("no scenario %s", name)
	return nil
}

// TestPlay: what is replayed arrives whole, as VXLAN with the VNI, from AWS's
// ports where they are free.
func TestPlay(t *testing.T) {
	src, err := udp.Open(udp.Options{Addr: "127.0.0.1:0", Encap: packet.EncapVXLAN})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	in := scenario(t, "shop-http")
	s := NewSender(src.Addr())
	defer s.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := Play(context.Background(), &frames{all: in}, s, Options{VNI: 0xabcdef, Pacer: &Pacer{Rate: 50000}})
		ended <- err
	}()
	got, ports := receive(t, src, len(in))
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	// Flows may overtake each other, frames of one flow do not.
	want := make([][]byte, len(in))
	for i := range in {
		want[i] = traffic.AppendVXLAN(nil, in[i].Data, 0xabcdef)
	}
	slices.SortFunc(got, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%d frames arrived, not those %d that were sent", len(got), len(want))
	}
	if s.C.Frames != uint64(len(in)) || s.C.TooLong != 0 {
		t.Errorf("counters %+v", s.C)
	}
	if want := traffic.OuterPort(in[0].Data); s.any == nil && !ports[want] {
		t.Errorf("source ports %v: want %d among them", ports, want)
	}
}

func receive(t *testing.T, src *udp.Source, n int) (got [][]byte, ports map[uint16]bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ports = map[uint16]bool{}
	var b capture.Batch
	for len(got) < n {
		if err := src.ReadBatch(ctx, &b); err != nil {
			t.Fatalf("after %d of %d frames: %v", len(got), n, err)
		}
		for _, f := range b.Frames[:b.N] {
			got = append(got, bytes.Clone(f.Data))
			ports[f.Outer.SrcPort] = true
		}
	}
	return got, ports
}

func TestNobodyListens(t *testing.T) {
	src, err := udp.Open(udp.Options{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	addr := src.Addr()
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	s := NewSender(addr)
	defer s.Close()
	_, err = Play(context.Background(), &frames{all: scenario(t, "shop-http")}, s, Options{Pacer: &Pacer{Rate: 2000}})
	var se *SendError
	if !errors.As(err, &se) || !errors.Is(err, syscall.ECONNREFUSED) || se.Hint() == "" {
		t.Fatalf("got %v", err)
	}
	if want := "send to " + addr.String() + "/udp: connection refused"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestTooLong(t *testing.T) {
	s := NewSender(netip.MustParseAddrPort("127.0.0.1:9"))
	if err := s.Send(make([]byte, maxFrame+1), 1); err != nil || s.C.TooLong != 1 || s.C.Frames != 0 {
		t.Errorf("%v, %+v", err, s.C)
	}
}

func TestLink(t *testing.T) {
	const made4, made6 = "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00", "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x86\xdd"
	for _, c := range []struct {
		link     packet.LinkType
		in, want string
	}{
		{packet.LinkEthernet, "frame", "frame"},
		{packet.LinkRaw, "\x45ip", made4 + "\x45ip"},
		{packet.LinkIPv6, "\x60ip", made6 + "\x60ip"},
		{packet.LinkNull, "\x02\x00\x00\x00\x45ip", made4 + "\x45ip"},
		{packet.LinkNull, "\x02", made4},
		{packet.LinkSLL, "0123456789abcd\x86\xdd\x60", made6 + "\x60"},
		{packet.LinkSLL2, "\x08\x00" + "456789abcdefghijkl" + "\x45", made4 + "\x45"},
		{packet.LinkSLL2, "short", ""},
	} {
		got, err := appendEthernet(nil, []byte(c.in), c.link)
		if err != nil || string(got) != c.want {
			t.Errorf("link %d: % x, %v; want % x", c.link, got, err, c.want)
		}
	}
	_, err := Play(context.Background(), &frames{all: []capture.Frame{{Data: []byte("x"), Link: packet.LinkPPP}}}, NewSender(netip.AddrPort{}), Options{})
	var le *LinkError
	if !errors.As(err, &le) || le.Link != packet.LinkPPP || le.Hint() == "" {
		t.Errorf("got %v", err)
	}
}

func TestPacer(t *testing.T) {
	const sec = int64(time.Second)
	for _, c := range []struct {
		name  string
		p     Pacer
		times []int64
		want  time.Duration
	}{
		{"capture's pace", Pacer{}, []int64{5 * sec, 6 * sec, 9 * sec}, 4 * time.Second},
		{"twice as fast", Pacer{Speed: 2}, []int64{5 * sec, 9 * sec}, 2 * time.Second},
		{"back in time", Pacer{}, []int64{5 * sec, 6 * sec, 2 * sec, 7 * sec}, 2 * time.Second},
		{"rate", Pacer{Rate: 4, Speed: 9}, []int64{0, 0, 0, sec}, 750 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.p.last = c.times[0]
			var got time.Duration
			for _, at := range c.times {
				got = c.p.next(at)
			}
			if got != c.want {
				t.Errorf("the last frame is due after %v, want %v", got, c.want)
			}
		})
	}
	t.Run("a second round", func(t *testing.T) {
		p := Pacer{last: sec}
		p.next(3 * sec)
		p.Restart(sec)
		if got := p.next(2 * sec); got != 3*time.Second {
			t.Errorf("due after %v", got)
		}
	})
	t.Run("after a stall", func(t *testing.T) {
		const lag = 20 * time.Millisecond
		p := Pacer{MaxLag: lag, began: time.Now().Add(-time.Hour)}
		for i := range 3 {
			if err := p.Wait(context.Background(), int64(i)*int64(lag)); err != nil {
				t.Fatal(err)
			}
		}
		// Far below the hour, far above what a busy machine adds.
		if late := time.Since(p.began) - 2*lag; late < 0 || late > 10*time.Minute {
			t.Errorf("%v behind after a stall of an hour", late)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p := Pacer{}
		if err := p.Wait(ctx, sec); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}
