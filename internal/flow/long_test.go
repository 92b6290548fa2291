package flow_test

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/flow/flowtest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// TestLongStreams: where nothing is delivered any more, or nobody acknowledges,
// sequence numbers go round without a false word.
func TestLongStreams(t *testing.T) {
	const size, packets = 60_000, 5 << 30 / 60_000
	for _, tt := range []struct {
		name     string
		depth    uint64
		has      int    // bytes of each payload in the capture
		lose     int    // the packet that the mirror does not show
		oneSided bool   // no ACKs
		gaps     uint64 // bytes
	}{
		{"past the depth", 100_000, size, -1, false, 0},
		{"hole before the depth", 100_000, size, 1, false, 40_000},
		{"one-sided", 100_000, size, -1, true, 0},
		{"one-sided, hole", 100_000, size, 1, true, 40_000},
		{"no payload", 0, 0, -1, false, size * packets},
		{"one-sided, cut", 0, 1, -1, true, (size - 1) * packets},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := flow.DefaultConfig()
			cfg.Depth = tt.depth
			table := flow.NewTable(cfg, &quiet{})
			p, a := flowtest.Base(flow.ToServer), flowtest.Base(flow.ToClient)
			p.TCP.Flags, p.TCP.Seq, p.TCP.Window, a.TCP.Window = packet.SYN, flowtest.ClientISN, 65535, 65535
			f, _ := table.Track(p)
			p.TCP.Seq++
			if !tt.oneSided {
				a.TCP.Flags, a.TCP.Seq, a.TCP.Ack = packet.SYN|packet.ACK, flowtest.ServerISN, p.TCP.Seq
				table.Track(a)
			}
			p.TCP.Flags, p.TCP.Ack, a.TCP.Flags, a.TCP.Seq = packet.ACK, flowtest.ServerISN+1&0xffffffff, packet.ACK, flowtest.ServerISN+1&0xffffffff
			table.Track(p)
			p.Payload, p.PayloadLen = make([]byte, tt.has), size
			for i := range packets {
				if i != tt.lose {
					table.Track(p)
				}
				p.TCP.Seq += size
				a.TCP.Ack = p.TCP.Seq
				if !tt.oneSided {
					table.Track(a)
				}
			}
			offset := f.TCP.AppOffset(flow.ToServer)
			table.Flush(flow.ReasonShutdown)
			c := table.Counters()
			if c.Retransmissions > 0 || c.InvalidPackets > 0 || c.GapBytes != tt.gaps {
				t.Errorf("%d retransmissions, %d invalid packets, gaps of %d bytes, want 0, 0, %d",
					c.Retransmissions, c.InvalidPackets, c.GapBytes, tt.gaps)
			}
			if tt.depth > 0 && (offset != tt.depth || c.DepthReached != 1) {
				t.Errorf("offset %d, want %d; %d times the depth", offset, tt.depth, c.DepthReached)
			}
		})
	}
}
