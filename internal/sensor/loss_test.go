package sensor_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// lonely is a fragment at off, with more to come, of a datagram of its own.
func lonely(id uint16, off int, n int) shot {
	b := ethernet(client().Addr(), web().Addr(), packet.ProtoUDP, id, bytes.Repeat([]byte{1}, n))
	binary.BigEndian.PutUint16(b[20:], 0x2000|uint16(off/8))
	checksum(b[14:34])
	return shot{time: epoch().UnixNano(), data: b}
}

// nested is a packet in n tunnels.
func nested(n int) shot {
	b := ethernet(client().Addr(), web().Addr(), packet.ProtoUDP, 1, traffic.AppendUDP(nil, client(), web(), []byte("x")))
	for range n {
		b = ethernet(client().Addr(), web().Addr(), packet.ProtoIPIP, 1, b[14:])
	}
	return shot{time: epoch().UnixNano(), data: b}
}

// lossOf is w's count of one cause. A test that looks for a cause which nobody
// reports would otherwise pass whatever was lost.
func lossOf(t *testing.T, w *sensor.Worker, cause string) uint64 {
	t.Helper()
	for _, l := range w.Losses() {
		if l.Cause == cause {
			return l.Count
		}
	}
	t.Fatalf("no loss is called %q", cause)
	return 0
}

// statOf is w's statistic of that name, which must be there.
func statOf(t *testing.T, w *sensor.Worker, name string) uint64 {
	t.Helper()
	for _, s := range w.Snapshot() {
		if s.Name == name {
			return s.Value
		}
	}
	t.Fatalf("no statistic is called %q", name)
	return 0
}

// TestFragmentLosses: what defragmentation and the decoder give up shows among
// the losses, once each.
func TestFragmentLosses(t *testing.T) {
	later := lonely(2, 8, 8)
	later.time += 61e9
	cut := lonely(1, 0, 64)
	cut.data, cut.wire = cut.data[:60], len(cut.data)
	for _, tt := range []struct {
		name   string
		cfg    packet.DefragConfig
		frames []shot
		want   map[string]uint64
	}{
		{"evicted", packet.DefragConfig{MaxDatagrams: 1}, []shot{lonely(1, 0, 8), lonely(2, 0, 8)},
			map[string]uint64{"fragment_bound": 1, "fragment_timeout": 1}},
		{"pieces", packet.DefragConfig{MaxPieces: 1}, []shot{lonely(1, 0, 8), lonely(1, 8, 8)},
			map[string]uint64{"fragment_bound": 1, "fragment_timeout": 1}},
		{"no room", packet.DefragConfig{MaxFragments: 1}, []shot{lonely(1, 0, 8), lonely(1, 8, 8)},
			map[string]uint64{"fragment_bound": 1, "fragment_timeout": 1}},
		{"timeout", packet.DefragConfig{}, []shot{lonely(1, 0, 8), later}, map[string]uint64{"fragment_timeout": 2}},
		{"too large", packet.DefragConfig{}, []shot{lonely(1, 65528, 16)}, map[string]uint64{"fragment_too_large": 1}},
		{"cut", packet.DefragConfig{}, []shot{cut}, map[string]uint64{"fragment_cut": 1}},
		{"tunnels", packet.DefragConfig{}, []shot{nested(4), nested(5)}, map[string]uint64{"too_deep": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t, nil)
			cfg.Defrag = tt.cfg
			w := sensor.NewWorker(cfg, &sink{}, nil)
			play(w, tt.frames)
			if err := w.Finish(); err != nil {
				t.Fatal(err)
			}
			for cause, want := range tt.want {
				if got := lossOf(t, w, cause); got != want {
					t.Errorf("%s: got %d, want %d", cause, got, want)
				}
			}
			for _, l := range w.Losses() {
				if _, wanted := tt.want[l.Cause]; !wanted && l.Count != 0 {
					t.Errorf("%s: got %d, want none", l.Cause, l.Count)
				}
			}
		})
	}
}

// TestFragmentTimeoutWhenIdle: a datagram without its rest is given up although
// nothing else comes.
func TestFragmentTimeoutWhenIdle(t *testing.T) {
	w := sensor.NewWorker(config(t, nil), &sink{}, nil)
	s := lonely(1, 0, 8)
	play(w, []shot{s})
	w.Idle(s.time + 61e9)
	if n := lossOf(t, w, "fragment_timeout"); n != 1 {
		t.Errorf("got %d, want 1", n)
	}
}
