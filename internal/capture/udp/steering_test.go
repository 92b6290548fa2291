package udp

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// inner is a flow to be steered.
type inner struct {
	v6           bool
	proto        byte
	src, dst     [16]byte
	sport, dport uint16
	options      int // bytes of IPv4 options
	fragment     bool
}

func (f inner) reverse() inner {
	f.src, f.dst, f.sport, f.dport = f.dst, f.src, f.dport, f.sport
	return f
}

// frame is Ethernet, IP and the first bytes of transport.
func (f inner) frame() []byte {
	b := make([]byte, 12, 128)
	if f.v6 {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, f.proto, 64)
		b = append(append(b, f.src[:]...), f.dst[:]...)
	} else {
		frag := byte(0x40)
		if f.fragment {
			frag = 0x20
		}
		b = append(b, 0x08, 0x00, byte(0x45+f.options/4), 0, 0, 28, 0, 0, frag, 0, 64, f.proto, 0, 0)
		b = append(append(b, f.src[:4]...), f.dst[:4]...)
		b = append(b, make([]byte, f.options)...)
	}
	b = binary.BigEndian.AppendUint16(b, f.sport)
	b = binary.BigEndian.AppendUint16(b, f.dport)
	return append(b, make([]byte, 60)...)
}

func vxlan(frame []byte) []byte { return append([]byte{8, 0, 0, 0, 0, 0, 7, 0}, frame...) }

// geneve wraps with options bytes of options.
func geneve(options int, proto uint16, body []byte) []byte {
	b := []byte{byte(options / 4), 0, byte(proto >> 8), byte(proto), 0, 0, 0, 0}
	return append(append(b, make([]byte, options)...), body...)
}

func randomFlow(r *rand.Rand) inner {
	f := inner{
		v6: r.IntN(4) == 0, proto: []byte{6, 17, 132, 1}[r.IntN(4)],
		sport: uint16(r.Uint32()), dport: uint16(r.Uint32()), options: 4 * r.IntN(11),
	}
	binary.BigEndian.PutUint64(f.src[8:], r.Uint64())
	binary.BigEndian.PutUint64(f.dst[8:], r.Uint64())
	copy(f.src[:4], []byte{10, 0, byte(r.Uint32()), byte(r.Uint32())})
	copy(f.dst[:4], []byte{10, 1, byte(r.Uint32()), byte(r.Uint32())})
	return f
}

// TestSteeringProgram runs the program on every wrapping: both directions and
// all wrappings agree, and the spread is even.
func TestSteeringProgram(t *testing.T) {
	const n = 4
	vm := func(e packet.Encap) *bpf.VM {
		v, err := bpf.NewVM(steering(e, n))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	vx, gn := vm(packet.EncapVXLAN), vm(packet.EncapGENEVE)
	run := func(v *bpf.VM, b []byte) int {
		got, err := v.Run(b)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	outer := append([]byte{0x45, 0, 0, 0, 0, 0, 0, 0, 255, 17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 0xff, 0x80, 0x12, 0xb5, 0, 0, 0, 0)
	r := rand.New(rand.NewPCG(1, 2))
	var spread [n]int
	for range 4000 {
		f := randomFlow(r)
		want := run(vx, vxlan(f.frame()))
		spread[want]++
		for i, got := range []int{
			run(vx, vxlan(f.reverse().frame())),
			run(gn, geneve(8, 0x6558, f.frame())),
			run(gn, geneve(32, 0x0800, f.reverse().frame()[14:])),
			run(gn, geneve(32, 0x0800, append(outer[:28:28], vxlan(f.frame())...))),
		} {
			if got != want {
				t.Fatalf("%+v, way %d: want socket %d, got %d", f, i, want, got)
			}
		}
	}
	for i, c := range spread {
		if c < 850 || c > 1150 {
			t.Errorf("socket %d got %d of 4000 flows", i, c)
		}
	}
	f := randomFlow(r)
	f.v6, f.fragment, f.proto = false, true, 17
	g := f
	g.sport, g.dport = 0xaaaa, 0x5555 // what a later fragment has there
	if a, b := run(vx, vxlan(f.frame())), run(vx, vxlan(g.frame())); a != b {
		t.Errorf("fragments of one datagram: sockets %d and %d", a, b)
	}
	for size := range 60 {
		run(vx, vxlan(f.frame())[:size])
		run(gn, make([]byte, size))
	}
}

// TestSteering has the kernel run it: both directions of each flow land on one
// socket of the group, although they come from different outer ports.
func TestSteering(t *testing.T) {
	const workers, flows = 4, 400
	group, err := OpenGroup(Options{Addr: "127.0.0.1:0"}, workers)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(group)
	out := []*net.UDPConn{dial(t, group[0], "127.0.0.1"), dial(t, group[0], "127.0.0.1")}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range flows {
		f := randomFlow(r)
		id := binary.BigEndian.AppendUint32(nil, uint32(i))
		send(t, out[0], append(vxlan(f.frame()), id...))
		send(t, out[1], append(vxlan(f.reverse().frame()), id...))
	}
	at := map[uint32]int{}
	var got [workers]int
	if !capturetest.Await(func() bool {
		total := 0
		for w, s := range group {
			for _, id := range receiveIDs(t, s) {
				if was, seen := at[id]; seen && was != w {
					t.Errorf("flow %d: split over sockets %d and %d", id, was, w)
				}
				at[id] = w
				got[w]++
			}
			total += got[w]
		}
		return total == 2*flows
	}) || slices.Min(got[:]) < flows/workers {
		t.Errorf("received %d of %d datagrams", got, 2*flows)
	}
}

// receiveIDs reads what waits at a socket and returns the last four bytes of
// each datagram.
func receiveIDs(t *testing.T, s *Source) (ids []uint32) {
	t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	b := capture.Batch{Frames: make([]capture.Frame, 64)}
	for s.rx.receive(s.raw, &b) == nil {
		for _, f := range b.Frames[:b.N] {
			ids = append(ids, binary.BigEndian.Uint32(f.Data[len(f.Data)-4:]))
		}
		b.N = 0
	}
	return ids
}
