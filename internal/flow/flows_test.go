package flow_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/flow/flowtest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

var (
	hostA = packet.AddrFrom4([4]byte{10, 0, 0, 1})
	hostB = packet.AddrFrom4([4]byte{10, 0, 0, 2})
)

func udp(src, dst packet.Addr, sp, dp uint16, at time.Duration) *packet.Packet {
	return &packet.Packet{
		Time: flowtest.Epoch + int64(at), IPVersion: 4, Proto: packet.ProtoUDP,
		Src: src, Dst: dst, SrcPort: sp, DstPort: dp, Data: make([]byte, 60), TTL: 64,
	}
}

func icmp(src, dst packet.Addr, typ, code uint8) *packet.Packet {
	return &packet.Packet{
		Time: flowtest.Epoch, IPVersion: 4, Proto: packet.ProtoICMP,
		Src: src, Dst: dst, ICMPType: typ, ICMPCode: code, Data: make([]byte, 60),
	}
}

func newTable(cfg flow.Config) (*flow.Table, *flowtest.Recorder) {
	r := &flowtest.Recorder{}
	return flow.NewTable(cfg, r), r
}

func TestDirections(t *testing.T) {
	table, r := newTable(flow.DefaultConfig())
	f, d := table.Track(udp(hostB, hostA, 9, 53, 0))
	if d != flow.ToServer || f.State != flow.StateNew || f.Client != hostB || f.ServerPort != 53 {
		t.Errorf("first: %v %v %+v", d, f.State, f)
	}
	p := udp(hostA, hostB, 53, 9, time.Second)
	p.Inner, p.InnerLen = make([]byte, 40), 40
	g, d := table.Track(p)
	if g != f || d != flow.ToClient || f.State != flow.StateEstablished || f.DirOf(p) != d {
		t.Errorf("answer: %v %v", d, f.State)
	}
	if f.Pkts != [2]uint64{1, 1} || f.Bytes != [2]uint64{60, 40} {
		t.Errorf("counts: %v %v", f.Pkts, f.Bytes)
	}
	dup := udp(hostA, hostB, 53, 9, time.Second)
	dup.Flags = packet.FlagDup
	table.Track(dup)
	if f.Pkts[1] != 1 || f.Flags&flow.FlagDup == 0 {
		t.Errorf("duplicate: %v %v", f.Pkts, f.Flags)
	}
	table.Flush(flow.ReasonShutdown)
	if r.Ended.Reason != flow.ReasonShutdown || table.Len() != 0 {
		t.Errorf("end: %v, %d left", r.Ended.Reason, table.Len())
	}
}

func TestNoFlow(t *testing.T) {
	table, _ := newTable(flow.DefaultConfig())
	tests := map[string]func(*packet.Packet){
		"no IP":      func(p *packet.Packet) { p.IPVersion = 0 },
		"invalid":    func(p *packet.Packet) { p.Flags = packet.FlagInvalid },
		"fragment":   func(p *packet.Packet) { p.Flags = packet.FlagFragment },
		"IGMP":       func(p *packet.Packet) { p.Proto = packet.ProtoIGMP },
		"half a TCP": func(p *packet.Packet) { p.Proto = packet.ProtoTCP },
	}
	for name, change := range tests {
		p := udp(hostA, hostB, 1, 2, 0)
		change(p)
		if f, _ := table.Track(p); f != nil {
			t.Errorf("%s: joined a flow", name)
		}
	}
}

func TestKey(t *testing.T) {
	base := func() *packet.Packet { return udp(hostA, hostB, 1, 2, 0) }
	tests := []struct {
		name   string
		cfg    flow.Config
		change func(*packet.Packet)
		same   bool
	}{
		{"as it is", flow.Config{}, func(p *packet.Packet) {}, true},
		{"reversed", flow.Config{}, func(p *packet.Packet) { *p = *udp(hostB, hostA, 2, 1, 0) }, true},
		{"ports crossed", flow.Config{}, func(p *packet.Packet) { p.SrcPort, p.DstPort = 2, 1 }, false},
		{"tenant", flow.Config{}, func(p *packet.Packet) { p.Tenant = 7 }, false},
		{"vlan", flow.Config{}, func(p *packet.Packet) { p.VLAN[0], p.VLANs = 5, 1 }, false},
		{"vlan 0", flow.Config{}, func(p *packet.Packet) { p.VLANs = 1 }, false},
		{"vlan ignored", flow.Config{IgnoreVLAN: true}, func(p *packet.Packet) { p.VLAN[0], p.VLANs = 5, 1 }, true},
		{"depth", flow.Config{}, func(p *packet.Packet) { p.Mirror.Depth = 1 }, false},
		{"depth ignored", flow.Config{IgnoreDepth: true}, func(p *packet.Packet) { p.Mirror.Depth = 1 }, true},
		{"protocol", flow.Config{}, func(p *packet.Packet) { p.Proto = packet.ProtoSCTP }, false},
	}
	for _, tt := range tests {
		table, _ := newTable(tt.cfg)
		f, _ := table.Track(base())
		p := base()
		tt.change(p)
		if g, _ := table.Track(p); (g == f) != tt.same {
			t.Errorf("%s: same flow %v, want %v", tt.name, g == f, tt.same)
		}
	}
}

func TestICMP(t *testing.T) {
	table, _ := newTable(flow.DefaultConfig())
	f, d := table.Track(icmp(hostB, hostA, 8, 0))
	if d != flow.ToServer || f.ICMP != [4]uint8{8} {
		t.Errorf("request: %v %v", d, f.ICMP)
	}
	g, d := table.Track(icmp(hostA, hostB, 0, 0))
	if g != f || d != flow.ToClient || f.State != flow.StateEstablished {
		t.Errorf("reply: %v %v %v", g == f, d, f.State)
	}
	if h, _ := table.Track(icmp(hostA, hostB, 8, 0)); h == f {
		t.Error("the other side's request joined")
	}
	self, _ := table.Track(icmp(hostA, hostA, 8, 0))
	if g, d := table.Track(icmp(hostA, hostA, 0, 0)); g != self || d != flow.ToClient {
		t.Errorf("reply to itself: %v %v", g == self, d)
	}
}

func TestUnreachable(t *testing.T) {
	table, _ := newTable(flow.DefaultConfig())
	router := packet.AddrFrom4([4]byte{10, 9, 9, 9})
	quote := func(sp, dp uint16) *packet.Packet {
		p := icmp(router, hostA, 3, 3)
		p.L4 = make([]byte, 8+28)
		ip := p.L4[8:]
		ip[0], ip[9] = 0x45, packet.ProtoUDP
		copy(ip[12:], hostA[12:])
		copy(ip[16:], hostB[12:])
		binary.BigEndian.PutUint16(ip[20:], sp)
		binary.BigEndian.PutUint16(ip[22:], dp)
		return p
	}
	f, _ := table.Track(udp(hostA, hostB, 1000, 53, 0))
	if g, d := table.Track(quote(1000, 53)); g != f || d != flow.ToClient {
		t.Errorf("quoted flow: found %v, %v", g == f, d)
	}
	if f.State != flow.StateEstablished || f.ICMP != [4]uint8{} {
		t.Errorf("quoted flow: %v %v", f.State, f.ICMP)
	}
	if g, _ := table.Track(quote(1001, 53)); g == f || g.Key.Proto != packet.ProtoICMP {
		t.Error("unknown quote: want its own flow")
	}
	short := quote(1000, 53)
	short.L4 = short.L4[:20]
	if g, _ := table.Track(short); g == f {
		t.Error("short quote: want its own flow")
	}
}

func TestESP(t *testing.T) {
	table, _ := newTable(flow.DefaultConfig())
	esp := func(spi uint32) *packet.Packet {
		p := udp(hostA, hostB, 0, 0, 0)
		p.Proto = packet.ProtoESP
		p.L4 = binary.BigEndian.AppendUint32(nil, spi)
		return p
	}
	f, _ := table.Track(esp(0x1234_5678))
	g, _ := table.Track(esp(0x1234_5679))
	if f == g || f.SPI() != 0x1234_5678 {
		t.Errorf("spi: %#x, one flow %v", f.SPI(), f == g)
	}
}

// TestIDs: ids are the same in another table with another seed, and differ
// between sessions of one tuple.
func TestIDs(t *testing.T) {
	a, _ := newTable(flow.Config{Seed: 1})
	b, _ := newTable(flow.Config{Seed: 2})
	fa, _ := a.Track(udp(hostA, hostB, 1, 2, 0))
	fb, _ := b.Track(udp(hostA, hostB, 1, 2, 0))
	if fa.ID != fb.ID || fa.ID == 0 || fa.ID >= 1<<53 || fa.Hash == fb.Hash {
		t.Errorf("ids: %x %x, hashes %x %x", fa.ID, fb.ID, fa.Hash, fb.Hash)
	}
	first := fa.ID
	fa, _ = a.Track(udp(hostA, hostB, 1, 2, time.Hour))
	if fa.ID == first {
		t.Error("a later flow has the same id")
	}
}

func TestExpire(t *testing.T) {
	second := int64(time.Second)
	tests := []struct {
		name  string
		make  func(*flow.Table)
		alive time.Duration // still there after it
		dead  time.Duration // gone after it
	}{
		{"udp new", func(x *flow.Table) { x.Track(udp(hostA, hostB, 1, 2, 0)) }, 29 * time.Second, 31 * time.Second},
		{"udp established", func(x *flow.Table) {
			x.Track(udp(hostA, hostB, 1, 2, 0))
			x.Track(udp(hostB, hostA, 2, 1, 0))
		}, 299 * time.Second, 301 * time.Second},
		{"udp kept alive", func(x *flow.Table) {
			for i := range 40 {
				x.Track(udp(hostA, hostB, 1, 2, time.Duration(i)*20*time.Second))
				x.Expire(flowtest.Epoch + int64(i)*20*second)
			}
		}, 809 * time.Second, 811 * time.Second},
		{"time going back", func(x *flow.Table) {
			x.Track(udp(hostA, hostB, 1, 2, 10*time.Second))
			x.Expire(flowtest.Epoch + 10*second)
			x.Track(udp(hostA, hostB, 1, 2, 0))
			x.Expire(flowtest.Epoch)
		}, 39 * time.Second, 41 * time.Second},
		{"clock set back", func(x *flow.Table) {
			x.Track(udp(hostB, hostA, 3, 4, 2*time.Hour))
			expireAll(x, 3*time.Hour)
			x.Track(udp(hostA, hostB, 1, 2, 0))
		}, 29 * time.Second, 31 * time.Second},
	}
	for _, tt := range tests {
		table, r := newTable(flow.DefaultConfig())
		tt.make(table)
		expireAll(table, tt.alive)
		if table.Len() != 1 {
			t.Errorf("%s: gone after %v", tt.name, tt.alive)
		}
		expireAll(table, tt.dead)
		if table.Len() != 0 || r.Ended.Reason != flow.ReasonTimeout {
			t.Errorf("%s: there after %v", tt.name, tt.dead)
		}
	}
}

// expireAll calls Expire as often as its bound on work may ask for.
func expireAll(x *flow.Table, at time.Duration) {
	for range 10 {
		x.Expire(flowtest.Epoch + int64(at))
	}
}

// TestTimeoutOnLookup: a packet after the time limit starts a new flow, even
// when Expire did not come round.
func TestTimeoutOnLookup(t *testing.T) {
	table, r := newTable(flow.DefaultConfig())
	f, _ := table.Track(udp(hostA, hostB, 1, 2, 0))
	id := f.ID
	f, _ = table.Track(udp(hostB, hostA, 2, 1, 31*time.Second))
	if r.Ended.ID != id || f.Client != hostB || f.Pkts[0] != 1 {
		t.Errorf("flow went on: client %v", f.Client.Netip())
	}
}

// TestExpireIsBounded ends many flows in slices and forgets none.
func TestExpireIsBounded(t *testing.T) {
	const n = 5000
	table, _ := newTable(flow.DefaultConfig())
	for i := range n {
		table.Track(udp(hostA, hostB, uint16(i), 53, time.Duration(i)*time.Millisecond))
	}
	now := int64(flowtest.Epoch) + int64(time.Hour)
	if more, left := table.Expire(now), table.Len(); !more || left == 0 || left == n {
		t.Errorf("one call: %d of %d left, more %v", left, n, more)
	}
	for table.Expire(now) {
	}
	if left := table.Len(); left != 0 {
		t.Errorf("many calls: %d left", left)
	}
	if c := table.Counters(); c.EndTimeout != n {
		t.Errorf("counter: %d", c.EndTimeout)
	}
}

// TestMaxFlows: the newest flows stay, and established ones before new ones.
func TestMaxFlows(t *testing.T) {
	table, r := newTable(flow.Config{MaxFlows: 100})
	table.Track(udp(hostA, hostB, 9999, 53, 0))
	est, _ := table.Track(udp(hostB, hostA, 53, 9999, 0))
	for i := range 1000 {
		table.Track(udp(hostA, hostB, uint16(i), 53, time.Duration(i)*100*time.Millisecond))
		table.Expire(flowtest.Epoch)
	}
	if table.Len() != 100 {
		t.Errorf("flows: %d", table.Len())
	}
	if f, _ := table.Track(udp(hostA, hostB, 9999, 53, 100*time.Second)); f != est {
		t.Error("the established flow went before half-open ones")
	}
	if r.Ended.Reason != flow.ReasonForced || table.Counters().Evicted == 0 {
		t.Errorf("reason %v, %d evicted", r.Ended.Reason, table.Counters().Evicted)
	}
}

func TestPolicyOfReceiver(t *testing.T) {
	cfg := flow.DefaultConfig()
	cfg.Policies = []flow.PrefixPolicy{
		{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Policy: flow.PolicyFirst},
		{Prefix: netip.MustParsePrefix("10.0.0.2/32"), Policy: flow.PolicyLast},
	}
	y := flowtest.New(t, cfg)
	y.Play(handshake + `
		C>S ACK "old"
		C>S ACK seq=1 "new"
		S>C ACK "old"
		S>C ACK seq=1 "new"
		C>S ACK`)
	if got := string(y.Recorder.Bytes[0]) + string(y.Recorder.Bytes[1]); got != "newold" {
		t.Errorf("bytes: got %q", got)
	}
}
