package flow_test

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/flow/flowtest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// quiet is a sink that only counts.
type quiet struct{ bytes, calls int }

func (*quiet) Begin(*flow.Flow, *packet.Packet)                    {}
func (q *quiet) Data(_ *flow.Flow, _ flow.Dir, b []byte, _ uint64) { q.bytes += len(b); q.calls++ }
func (*quiet) Gap(*flow.Flow, flow.Dir, int)                       {}
func (*quiet) Close(*flow.Flow, flow.Dir)                          {}
func (*quiet) Event(*flow.Flow, flow.Event)                        {}
func (*quiet) Last(*flow.Flow, flow.Dir)                           {}
func (*quiet) End(*flow.Flow)                                      {}

// session is one of many TCP sessions that a benchmark keeps going.
type session struct{ c, s packet.Packet }

func newSession(n int) *session {
	x := &session{c: *flowtest.Base(flow.ToServer), s: *flowtest.Base(flow.ToClient)}
	host := packet.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	x.c.Src, x.s.Dst = host, host
	x.c.TCP.Window, x.s.TCP.Window = 65535, 65535
	return x
}

func (x *session) open(t *flow.Table) {
	c, s := &x.c, &x.s
	c.TCP.Flags = packet.SYN
	t.Track(c)
	c.TCP.Seq++
	s.TCP.Flags, s.TCP.Ack = packet.SYN|packet.ACK, c.TCP.Seq
	t.Track(s)
	s.TCP.Seq++
	s.TCP.Flags = packet.ACK
	c.TCP.Flags, c.TCP.Ack = packet.ACK, s.TCP.Seq
	t.Track(c)
}

// round sends data to the server and its ACK.
func (x *session) round(t *flow.Table, payload []byte) {
	x.c.Payload, x.c.PayloadLen, x.c.Data = payload, len(payload), payload
	t.Track(&x.c)
	x.c.TCP.Seq += uint32(len(payload))
	x.s.TCP.Ack = x.c.TCP.Seq
	t.Track(&x.s)
}

// BenchmarkTrack is an in-order segment and its ACK, over 80,000 flows in random
// order; one operation is one packet. The packet itself is warm, as it is after
// decoding.
func BenchmarkTrack(b *testing.B) {
	const flows = 80_000
	cfg := flow.DefaultConfig()
	cfg.Depth = 0
	t := flow.NewTable(cfg, &quiet{})
	seqs := make([]uint32, flows)
	for i := range seqs {
		x := newSession(i)
		x.open(t)
		seqs[i] = x.c.TCP.Seq
	}
	x := newSession(0)
	x.open(t)
	payload := make([]byte, 512)
	x.c.Payload, x.c.PayloadLen = payload, len(payload)
	rand := uint32(1)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n&1 == 0 {
			t.Track(&x.s)
			continue
		}
		rand = rand*1664525 + 1013904223
		i := rand % flows
		host := packet.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		x.c.Src, x.s.Dst = host, host
		x.c.TCP.Seq = seqs[i]
		seqs[i] += uint32(len(payload))
		x.s.TCP.Ack = seqs[i]
		t.Track(&x.c)
	}
}

func BenchmarkTrackOneFlow(b *testing.B) {
	cfg := flow.DefaultConfig()
	cfg.Depth = 0
	t := flow.NewTable(cfg, &quiet{})
	x := newSession(1)
	x.open(t)
	payload := make([]byte, 1460)
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		x.round(t, payload)
	}
}

func TestTrackDoesNotAllocate(t *testing.T) {
	q := &quiet{}
	cfg := flow.DefaultConfig()
	cfg.Depth = 0
	table := flow.NewTable(cfg, q)
	x := newSession(1)
	x.open(table)
	payload := make([]byte, 1460)
	x.round(table, payload)
	late := x.c
	if n := testing.AllocsPerRun(1000, func() {
		x.round(table, payload)
		// Out of order and again.
		late = x.c
		late.TCP.Seq += uint32(len(payload))
		table.Track(&late)
		table.Track(&late)
		x.round(table, payload)
		x.c.TCP.Seq = late.TCP.Seq + uint32(len(payload))
		x.s.TCP.Ack = x.c.TCP.Seq
		table.Track(&x.s)
		table.Expire(x.c.Time)
	}); n != 0 {
		t.Errorf("allocations: want 0, got %v", n)
	}
	if want := (1 + 3*1001) * len(payload); q.bytes != want {
		t.Errorf("bytes: want %d, got %d", want, q.bytes)
	}
}

func TestFlowsDoNotAllocate(t *testing.T) {
	table := flow.NewTable(flow.DefaultConfig(), &quiet{})
	x := newSession(1)
	payload := make([]byte, 100)
	warm := *x
	if n := testing.AllocsPerRun(1000, func() {
		*x = warm
		x.open(table)
		x.round(table, payload)
		table.Flush(flow.ReasonShutdown)
	}); n != 0 {
		t.Errorf("allocations: want 0, got %v", n)
	}
}
