package flow

import (
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// mute is a sink that counts bytes and gaps.
type mute struct {
	bytes, gaps int
	ended       []Reason
}

func (*mute) Begin(*Flow, *packet.Packet)               {}
func (m *mute) Data(_ *Flow, _ Dir, b []byte, _ uint64) { m.bytes += len(b) }
func (m *mute) Gap(_ *Flow, _ Dir, n int)               { m.gaps += n }
func (*mute) Close(*Flow, Dir)                          {}
func (*mute) Event(*Flow, Event)                        {}
func (m *mute) Last(*Flow, Dir)                         {}
func (m *mute) End(f *Flow)                             { m.ended = append(m.ended, f.Reason) }

// tcp is a packet of a script-less session.
func tcp(d Dir, flags uint8, seq, ack uint32, payload []byte) *packet.Packet {
	p := &packet.Packet{
		Time: 1, IPVersion: 4, Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: 80,
		Src: packet.AddrFrom4([4]byte{10, 0, 0, 1}), Dst: packet.AddrFrom4([4]byte{10, 0, 0, 2}),
		Payload: payload, PayloadLen: len(payload),
	}
	if d == ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	p.TCP = packet.TCP{HeaderLen: 20, Flags: flags, Seq: seq, Ack: ack, Window: 65535, WScale: 14, HasWScale: true}
	return p
}

func open(t *Table) {
	t.Track(tcp(ToServer, packet.SYN, 0, 0, nil))
	t.Track(tcp(ToClient, packet.SYN|packet.ACK, 0, 1, nil))
	t.Track(tcp(ToServer, packet.ACK, 1, 1, nil))
	t.Track(tcp(ToClient, packet.ACK, 1, 1, nil))
}

// TestHostileCuts sends 100,000 one-byte segments in orders that hurt lists:
// the steps per segment stay logarithmic.
func TestHostileCuts(t *testing.T) {
	const n = 100_000
	perm := rand.New(rand.NewPCG(1, 2)).Perm(n)
	orders := map[string]func(i int) int{
		"reverse":      func(i int) int { return n - 1 - i },
		"in order":     func(i int) int { return i },
		"evens, odds":  func(i int) int { return (2*i)%n + (2*i)/n },
		"inwards":      func(i int) int { return map[bool]int{true: i / 2, false: n - 1 - i/2}[i&1 == 0] },
		"middle first": func(i int) int { return (i + n/2) % n },
		"random":       func(i int) int { return perm[i] },
	}
	for name, order := range orders {
		cfg := DefaultConfig()
		cfg.MaxSegments, cfg.UnackedLimit = n+1, n+1
		sink := &mute{}
		table := NewTable(cfg, sink)
		open(table)
		p := tcp(ToServer, packet.ACK, 0, 1, []byte{'x'})
		for i := range n {
			p.TCP.Seq = 1 + uint32(order(i))
			table.Track(p)
		}
		table.Track(tcp(ToClient, packet.ACK, 1, 1+n, nil))
		if sink.bytes != n || sink.gaps != 0 {
			t.Errorf("%s: got %d bytes and %d lost", name, sink.bytes, sink.gaps)
		}
		if per := float64(table.steps) / n; per > float64(6*bits.Len(n)) {
			t.Errorf("%s: %.0f steps per segment", name, per)
		}
		table.Flush(ReasonShutdown)
	}
}
