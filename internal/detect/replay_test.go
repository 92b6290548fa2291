package detect

import (
	"context"
	"errors"
	"io"
	"os"
	"sort"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/all"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// player is the least sensor that detection needs.
type player struct {
	e     *Engine
	pool  *proto.Pool
	table *flow.Table
	took  time.Duration
	n     int
	sids  map[uint32]int
}

func (pl *player) Begin(f *flow.Flow, _ *packet.Packet) {
	f.App = pl.pool.Get(f.Key.Proto == packet.ProtoUDP, f.ServerPort, f.ClientPort)
}

func (pl *player) Data(f *flow.Flow, d flow.Dir, b []byte, off uint64) {
	f.App.(*proto.Session).Data(d, b)
	t := time.Now()
	pl.e.StreamData(f, d, b, off)
	pl.took += time.Since(t)
}
func (pl *player) Gap(f *flow.Flow, d flow.Dir, n int) {
	f.App.(*proto.Session).Gap(d, n)
	pl.e.StreamGap(f, d, n)
}
func (pl *player) Close(f *flow.Flow, d flow.Dir) {
	f.App.(*proto.Session).Close(d)
	pl.e.StreamClose(f, d)
}
func (pl *player) Event(f *flow.Flow, e flow.Event) { pl.e.StreamEvent(f, e) }
func (pl *player) Last(f *flow.Flow, d flow.Dir) {
	p := &packet.Packet{Time: f.Last, Src: f.Client, Dst: f.Server, SrcPort: f.ClientPort, DstPort: f.ServerPort,
		Proto: f.Key.Proto, IPVersion: f.IPVersion, Flags: packet.FlagFlowEnd}
	if d == toClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	pl.inspect(p, f, d)
}
func (pl *player) End(f *flow.Flow) {
	pl.e.FlowEnd(f)
	pl.pool.Put(f.App.(*proto.Session))
	f.App = nil
}

func (pl *player) inspect(p *packet.Packet, f *flow.Flow, d flow.Dir) {
	var s *proto.Session
	if f != nil {
		s = f.App.(*proto.Session)
	}
	t := time.Now()
	ms := pl.e.Inspect(p, f, d, s)
	pl.took += time.Since(t)
	pl.n += len(ms)
	for _, m := range ms {
		pl.sids[m.Sig.SID]++
	}
	if s == nil || s.Parser == nil {
		return
	}
	free := 0
	for i, tx := range s.Txs() {
		if tx.Base().Done && Inspected(tx) && i == free {
			free++
		}
	}
	if free > 0 {
		s.Parser.Free(free)
	}
}

// TestReplay runs the capture PCAP against the rules RULES and tells where the
// time goes.
func TestReplay(t *testing.T) {
	path, rules := os.Getenv("PCAP"), os.Getenv("RULES")
	if path == "" || rules == "" {
		t.Skip("PCAP and RULES name no files")
	}
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := rule.ParseFile(rules, text)
	reg := proto.NewRegistry(all.Protocols())
	rs, _ := Compile([]*rule.File{f}, &Config{Registry: reg, PacketDirOnly: true})
	pl := &player{e: NewEngine(rs, NewShared()), pool: proto.NewPool(reg, &proto.Config{}), sids: map[uint32]int{}}
	pl.table = flow.NewTable(flow.DefaultConfig(), pl)
	src, err := pcapfile.Open(path, pcapfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dec := packet.NewDecoder(packet.DefaultConfig())
	batch := capture.Batch{Frames: make([]capture.Frame, 256)}
	var p packet.Packet
	n := uint64(0)
	for {
		err := src.ReadBatch(context.Background(), &batch)
		for _, fr := range batch.Frames[:batch.N] {
			n++
			dec.Decode(&p, packet.FrameInfo{Data: fr.Data, WireLen: fr.WireLen, Time: fr.Time, Link: fr.Link, Number: n})
			pl.packet(&p)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	pl.table.Flush(flow.ReasonShutdown)
	t.Logf("%d packets, %d alerts, detection %v, %v a packet\n%+v", n, pl.n, pl.took, pl.took/time.Duration(n), pl.e.Counters)
	pl.top(t, rs)
}

func (pl *player) packet(p *packet.Packet) {
	pl.table.Expire(p.Time)
	fl, d := pl.table.Track(p)
	if fl != nil && p.Proto != packet.ProtoTCP && len(p.Payload) > 0 {
		fl.App.(*proto.Session).Data(d, p.Payload)
	}
	pl.inspect(p, fl, d)
}

// top lists the rules that were evaluated most.
func (pl *player) top(t *testing.T, rs *Ruleset) {
	idx := make([]int, len(rs.sigs))
	for i := range idx {
		idx[i] = i
	}
	sort.Slice(idx, func(i, j int) bool { return pl.e.costs[idx[i]].checks > pl.e.costs[idx[j]].checks })
	byPattern := map[string]uint64{}
	for i, s := range rs.sigs {
		byPattern[s.fast.explain] += pl.e.costs[i].checks
	}
	var names []string
	for n := range byPattern {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool { return byPattern[names[i]] > byPattern[names[j]] })
	for _, n := range names[:min(len(names), 25)] {
		t.Logf("%8d %s", byPattern[n], n)
	}
	for _, i := range idx[:min(len(idx), 10)] {
		s := rs.sigs[i]
		t.Logf("%8d checks %6d hits sid %d %s", pl.e.costs[i].checks, pl.e.costs[i].matches, s.SID, s.fast.explain)
	}
}
