package flow_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/flow/flowtest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// established returns a player past the handshake.
func established(tb testing.TB, cfg flow.Config) *flowtest.Player {
	y := flowtest.New(tb, cfg)
	y.Play("C>S SYN ws=14\nS>C SYN,ACK ws=14\nC>S ACK\nS>C ACK")
	return y
}

// data is a segment of the client at stream offset off.
func data(b []byte, off int) *packet.Packet {
	p := flowtest.Base(flow.ToServer)
	p.TCP.Flags = packet.ACK
	p.TCP.Seq, p.TCP.Ack, p.TCP.Window = flowtest.ClientISN+1+uint32(off), flowtest.ServerISN+1&0xffffffff, 65535
	p.Payload, p.PayloadLen = b, len(b)
	return p
}

// ack is the server's ACK of n bytes.
func ack(n int) *packet.Packet {
	p := flowtest.Base(flow.ToClient)
	p.TCP.Flags = packet.ACK
	p.TCP.Seq, p.TCP.Ack, p.TCP.Window = flowtest.ServerISN+1&0xffffffff, flowtest.ClientISN+1+uint32(n), 65535
	return p
}

// TestAnyOrder cuts a stream anyhow, sends the pieces in any order, some twice
// and with ACKs between them: the sink sees the stream.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		want := make([]byte, 1+r.IntN(30_000))
		for i := range want {
			want[i] = byte(r.Uint32())
		}
		cfg := flow.DefaultConfig()
		cfg.Policy = flow.Policy(r.IntN(15))
		y := established(t, cfg)
		var cuts []*packet.Packet
		for off := 0; off < len(want); {
			n := min(1+r.IntN(1460), len(want)-off)
			back := r.IntN(min(off, 100) + 1)
			cuts = append(cuts, data(want[off-back:off+n], off-back))
			if r.IntN(4) == 0 {
				cuts = append(cuts, cuts[r.IntN(len(cuts))])
			}
			off += n
		}
		r.Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
		for _, p := range cuts {
			y.Table.Track(p)
		}
		y.Table.Track(ack(r.IntN(len(want) + 1)))
		y.Table.Track(ack(len(want)))
		if got := y.Recorder.Bytes[flow.ToServer]; !bytes.Equal(got, want) {
			t.Fatalf("seed %d: got %d bytes, want %d, or other ones", seed, len(got), len(want))
		}
		y.End()
		for _, w := range y.Recorder.Wrong {
			t.Fatalf("seed %d: %s", seed, w)
		}
		if n := y.Table.Counters(); n.MemoryInUse != 0 || n.Gaps != 0 {
			t.Fatalf("seed %d: left %d bytes, %d gaps", seed, n.MemoryInUse, n.Gaps)
		}
	}
}

// TestLostSegments leaves segments out: what was ACKed and never came is a gap
// of the right size in the right place.
func TestLostSegments(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		y := established(t, flow.DefaultConfig())
		var want []byte
		for len(want) < 20_000 {
			b := bytes.Repeat([]byte{byte('a' + r.IntN(26))}, 1+r.IntN(2000))
			p := data(b, len(want))
			want = append(want, b...)
			switch r.IntN(4) {
			case 0: // lost
				copy(want[len(want)-len(b):], bytes.Repeat([]byte{'?'}, len(b)))
			case 1: // cut by the mirror
				cut := r.IntN(len(b))
				p.Payload = b[:cut]
				copy(want[len(want)-len(b)+cut:], bytes.Repeat([]byte{'?'}, len(b)-cut))
				fallthrough
			default:
				y.Table.Track(p)
			}
			y.Table.Track(ack(len(want)))
		}
		y.End()
		if got := y.Recorder.Bytes[flow.ToServer]; !bytes.Equal(got, want) {
			t.Fatalf("seed %d: got %d bytes, want %d, or other ones", seed, len(got), len(want))
		}
		for _, w := range y.Recorder.Wrong {
			t.Fatalf("seed %d: %s", seed, w)
		}
	}
}

// TestPolicies plays one pattern of overlaps for each policy. The old segments
// hold letters by their place, the new ones capital letters; want is what the
// server's system keeps.
func TestPolicies(t *testing.T) {
	type seg struct {
		off int
		b   string
	}
	tests := []struct {
		name     string
		old, new seg
		wins     map[string]bool // systems where the new bytes win
	}{
		{"new starts before, ends inside", seg{4, "aaaa"}, seg{2, "BBBB"}, systems("bsd hpux10 irix windows windows2k3 old-linux linux macos last")},
		{"new starts before, same end", seg{4, "aaaa"}, seg{2, "BBBBBB"}, systems("bsd hpux10 irix windows windows2k3 old-linux linux macos last solaris hpux11")},
		{"new covers", seg{4, "aa"}, seg{2, "BBBBBB"}, systems("bsd hpux10 irix windows windows2k3 old-linux linux macos last solaris hpux11")},
		{"same start, shorter", seg{2, "aaaa"}, seg{2, "BB"}, systems("last")},
		{"same", seg{2, "aaaa"}, seg{2, "BBBB"}, systems("last solaris hpux11 old-linux")},
		{"same start, longer", seg{2, "aaaa"}, seg{2, "BBBBBB"}, systems("last solaris hpux11 old-linux linux")},
		{"new inside", seg{2, "aaaaaa"}, seg{4, "BB"}, systems("last")},
		{"new starts inside, same end", seg{2, "aaaa"}, seg{4, "BB"}, systems("last")},
		{"new starts inside, ends after", seg{2, "aaaa"}, seg{4, "BBBB"}, systems("last solaris hpux11")},
	}
	names := []string{
		"bsd", "bsd-right", "old-linux", "linux", "old-solaris", "solaris",
		"hpux10", "hpux11", "irix", "macos", "windows", "vista", "windows2k3",
		"first", "last",
	}
	for _, tt := range tests {
		for _, name := range names {
			p, ok := flow.PolicyByName(name)
			if !ok || p.String() != name {
				t.Fatalf("policy %q: got %q, %v", name, p, ok)
			}
			cfg := flow.DefaultConfig()
			cfg.Policy = p
			y := established(t, cfg)
			end := max(tt.old.off+len(tt.old.b), tt.new.off+len(tt.new.b))
			want := bytes.Repeat([]byte{'?'}, end)
			first, last := tt.old, tt.new
			if tt.wins[name] {
				first, last = last, first
			}
			copy(want[last.off:], last.b)
			copy(want[first.off:], first.b)
			copy(want, "xx")
			y.Table.Track(data([]byte(tt.old.b), tt.old.off))
			y.Table.Track(data([]byte(tt.new.b), tt.new.off))
			y.Table.Track(data([]byte("xx"), 0))
			y.Table.Track(ack(end))
			if got := y.Recorder.Bytes[flow.ToServer]; !bytes.Equal(got, want) {
				t.Errorf("%s, %s: got %q, want %q", tt.name, name, got, want)
			}
			if n := y.Table.Counters(); n.OverlapsDiffer != 1 {
				t.Errorf("%s, %s: %d differing overlaps", tt.name, name, n.OverlapsDiffer)
			}
			if y.End(); y.Recorder.Ended.Flags&flow.FlagOverlap == 0 {
				t.Errorf("%s, %s: flow not flagged", tt.name, name)
			}
		}
	}
}

func systems(names string) map[string]bool {
	m := map[string]bool{}
	for _, n := range bytes.Fields([]byte(names)) {
		m[string(n)] = true
	}
	return m
}

func TestDepth(t *testing.T) {
	cfg := flow.DefaultConfig()
	cfg.Depth = 10
	y := established(t, cfg)
	for off := 0; off < 40; off += 4 {
		y.Table.Track(data([]byte("abcd"), off))
		y.Table.Track(ack(off + 4))
	}
	y.End()
	if got := string(y.Recorder.Bytes[0]); got != "abcdabcdab" {
		t.Errorf("bytes: got %q", got)
	}
	if y.Recorder.Ended.Flags&flow.FlagDepth == 0 || y.Table.Counters().DepthReached != 1 {
		t.Errorf("depth not reported: %+v", y.Table.Counters())
	}
}

// TestUnackedIsDelivered loses the server's packets after the handshake: the
// client's data comes through, but for the segments that showed it.
func TestUnackedIsDelivered(t *testing.T) {
	cfg := flow.DefaultConfig()
	cfg.UnackedLimit = 1000
	y := flowtest.New(t, cfg)
	y.Play("C>S SYN\nS>C SYN,ACK win=1000\nC>S ACK win=1000\nS>C ACK win=1000")
	for off := 0; off < 5000; off += 100 {
		y.Table.Track(data(make([]byte, 100), off))
	}
	if got := len(y.Recorder.Bytes[0]); got < 3500 {
		t.Errorf("bytes on the way: got %d, want most of 5000", got)
	}
	y.End()
	if got := len(y.Recorder.Bytes[0]); got != 5000 {
		t.Errorf("bytes at the end: got %d, want 5000", got)
	}
	if n := y.Table.Counters(); n.GapBytes != 200 || n.UnackedForced == 0 {
		t.Errorf("gaps: got %d bytes, want 200; forced %d", n.GapBytes, n.UnackedForced)
	}
	for _, w := range y.Recorder.Wrong {
		t.Error(w)
	}
}

// TestOneSidedHole: a stream without ACKs waits a while for a hole to fill,
// then goes on.
func TestOneSidedHole(t *testing.T) {
	cfg := flow.DefaultConfig()
	cfg.ReorderLimit = 500
	y := flowtest.New(t, cfg)
	y.Play("C>S SYN\nC>S ACK")
	y.Table.Track(data([]byte("late"), 4))
	y.Table.Track(data([]byte("soon"), 0))
	if got := string(y.Recorder.Bytes[0]); got != "soonlate" {
		t.Errorf("reordered: got %q", got)
	}
	for off := 100; off <= 800; off += 100 {
		y.Table.Track(data(make([]byte, 100), off))
	}
	if got := len(y.Recorder.Bytes[0]); got != 900 {
		t.Errorf("bytes: got %d, want 900", got)
	}
	if n := y.Table.Counters(); n.Gaps != 1 || n.GapBytes != 92 {
		t.Errorf("gaps: got %d of %d bytes, want 1 of 92", n.Gaps, n.GapBytes)
	}
}

// TestOneSidedTruncated: of one side's cut packets the missing tails are gaps
// at once, since nothing will fill them.
func TestOneSidedTruncated(t *testing.T) {
	y := flowtest.New(t, flow.DefaultConfig())
	y.Play("C>S SYN\nC>S ACK")
	for off := 0; off < 30; off += 10 {
		p := data([]byte("1234567890"), off)
		p.Payload = p.Payload[:8]
		y.Table.Track(p)
	}
	if got := string(y.Recorder.Bytes[0]); got != "12345678??12345678??12345678" {
		t.Errorf("bytes: got %q", got)
	}
}

// TestMemory: the buffers never hold more than allowed, and what a flow held
// comes back when it ends.
func TestMemory(t *testing.T) {
	cfg := flow.DefaultConfig()
	cfg.ReassemblyMemory = 1 << 20
	y := established(t, cfg)
	for off := range 40_000 {
		y.Table.Track(data([]byte{1}, 2*off+1))
		if n := y.Table.Counters(); n.MemoryInUse > 1<<20 {
			t.Fatalf("memory: got %d", n.MemoryInUse)
		}
	}
	if n := y.Table.Counters(); n.MemcapDrops == 0 {
		t.Error("no drops although the memory was too small")
	}
	y.End()
	if n := y.Table.Counters(); n.MemoryInUse != 0 {
		t.Errorf("left: %d", n.MemoryInUse)
	}
	// Scraps have had all the memory; whole segments must find some now.
	x := established(t, cfg)
	x.Table.Track(data(make([]byte, 1400), 1))
	if n := x.Table.Counters(); n.MemcapDrops != 0 {
		t.Error("small buffers starve large ones")
	}
}

// TestDepthCloses: a direction that is followed no further is over for the sink
// at once, so that its records need not wait for the flow's end.
func TestDepthCloses(t *testing.T) {
	cfg := flow.DefaultConfig()
	cfg.Depth = 6
	y := flowtest.New(t, cfg)
	got := y.Play(handshake + "C>S ACK \"abcdefgh\"\nS>C ACK\nC>S ACK \"ij\"\nS>C ACK \"on\"\nC>S ACK")
	if !strings.HasSuffix(got, "event reassembly_depth_reached\ndata ts 0 \"abcdef\"\nclose ts\ndata tc 0 \"on\"") {
		t.Errorf("got\n%s", got)
	}
	if end := y.End(); end != "close tc\nend shutdown" {
		t.Errorf("at the end\n%s", end)
	}
}

// TestStreamBounds: a direction holds no more pieces and bytes than it may; what
// makes room is delivered, holes as gaps.
func TestStreamBounds(t *testing.T) {
	const max = 50
	for name, set := range map[string]func(*flow.Config){
		"pieces": func(c *flow.Config) { c.MaxSegments = max },
		"bytes":  func(c *flow.Config) { c.MaxStreamBytes = max },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := flow.DefaultConfig()
			set(&cfg)
			y := established(t, cfg)
			for i := range 10 * max {
				f, _ := y.Table.Track(data([]byte{'x'}, 2*i+1))
				if n := f.TCP.Buffered(flow.ToServer); n > max {
					t.Fatalf("%d pieces of a byte held, want at most %d", n, max)
				}
			}
			y.End()
			if c := y.Table.Counters(); c.LimitHits != 9 || c.GapBytes != 10*max {
				t.Errorf("%d times the limit, %d bytes given up, want 9 and %d", c.LimitHits, c.GapBytes, 10*max)
			}
		})
	}
}
