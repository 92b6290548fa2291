package flow_test

import (
	"encoding/binary"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/flow/flowtest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// FuzzTrack reads packets of ten bytes each: flags, direction and kind,
// distances of seq and ack from the initial numbers, payload length, window,
// time. Whatever comes, the sink's contract holds and nothing is left over.
func FuzzTrack(f *testing.F) {
	seed := func(ps ...[]byte) {
		var all []byte
		for _, p := range ps {
			all = append(all, p...)
		}
		f.Add(uint8(3), all)
	}
	syn := []byte{packet.SYN, 0, 0, 0, 0, 0, 0, 255, 3, 0}
	synack := []byte{packet.SYN | packet.ACK, 1, 0, 0, 1, 0, 0, 255, 3, 0}
	est := []byte{packet.ACK, 0, 1, 0, 1, 0, 0, 255, 3, 0}
	get := []byte{packet.ACK, 0, 1, 0, 1, 0, 40, 255, 3, 0}
	over := []byte{packet.ACK | packet.URG, 0, 20, 0, 1, 0, 90, 255, 3, 1}
	got := []byte{packet.ACK, 1, 1, 0, 100, 0, 0, 255, 3, 0}
	fin := []byte{packet.ACK | packet.FIN, 0, 110, 0, 1, 0, 0, 255, 3, 0}
	rst := []byte{packet.RST, 1, 1, 0, 1, 0, 0, 0, 0, 200}
	seed(syn, synack, est, get, over, got, fin, rst)
	seed(get, got, fin, syn)
	seed(synack, est, get, over)
	f.Fuzz(func(t *testing.T, mode uint8, in []byte) {
		cfg := flow.DefaultConfig()
		cfg.Midstream, cfg.AsyncOneSide = mode&1 != 0, mode&2 != 0
		cfg.Urgent = flow.UrgentPolicy(mode >> 2 & 3)
		cfg.Policy = flow.Policy(mode>>4) % 15
		cfg.MaxFlows, cfg.MaxSegments, cfg.MaxStreamBytes = 2, 20, 4000
		cfg.UnackedLimit, cfg.ReorderLimit, cfg.Depth = 1000, 1000, uint64(mode)*16
		y := flowtest.New(t, cfg)
		now := int64(flowtest.Epoch)
		for ; len(in) >= 10 && len(y.Recorder.Calls) < 5000; in = in[10:] {
			p := fuzzPacket(in[:10])
			now += int64(in[9]) * 1e8
			p.Time = now
			y.Table.Expire(now)
			y.Table.Track(p)
		}
		y.End()
		for _, w := range y.Recorder.Wrong {
			t.Error(w)
		}
		if n := y.Table.Counters(); n.Active != 0 || n.MemoryInUse != 0 || n.Flows != n.EndTimeout+n.EndForced+n.EndShutdown {
			t.Errorf("left over: %+v", n)
		}
	})
}

func fuzzPacket(b []byte) *packet.Packet {
	d := flow.Dir(b[1] & 1)
	p := flowtest.Base(d)
	isn := [2]uint32{flowtest.ClientISN, flowtest.ServerISN}
	p.TCP.Flags = b[0]
	p.TCP.Seq = isn[d] + uint32(int32(int16(binary.LittleEndian.Uint16(b[2:]))))
	p.TCP.Ack = isn[d^1] + uint32(int32(int16(binary.LittleEndian.Uint16(b[4:]))))
	p.TCP.Window = binary.LittleEndian.Uint16(b[7:])
	p.Payload = make([]byte, b[6])
	for i := range p.Payload {
		p.Payload[i] = byte(i) ^ b[7]
	}
	p.PayloadLen = len(p.Payload)
	if b[1]&2 != 0 {
		p.PayloadLen += 7
		p.Flags |= packet.FlagTruncated
	}
	if b[1]&4 != 0 {
		p.TCP.Urgent = uint16(b[6] / 2)
	}
	if b[1]&8 != 0 {
		p.TCP.HasTS, p.TCP.TSVal = true, uint32(b[9])
	}
	if b[1]&16 != 0 {
		p.TCP.HasWScale, p.TCP.WScale = true, b[9]
	}
	if b[1]&32 != 0 {
		p.TCP.Seq += 1 << 31
	}
	return p
}
