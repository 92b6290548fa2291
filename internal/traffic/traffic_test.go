package traffic

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func start() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }

// TestScenarios checks every frame of every scenario and prints how many there
// are.
func TestScenarios(t *testing.T) {
	seen := map[string]bool{}
	for _, sc := range Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			if seen[sc.Name] || sc.Title == "" || sc.Kind != Benign && sc.Kind != Attack {
				t.Errorf("scenario %+v: not unique, or without title or kind", sc)
			}
			seen[sc.Name] = true
			for seed := range uint64(5) {
				checkFrames(t, sc.Frames(seed, start()))
			}
			fs := sc.Frames(1, start())
			last := time.Duration(fs[len(fs)-1].Time - fs[0].Time)
			t.Logf("%-16s %-7s %5d packets, %8d bytes, %v", sc.Name, sc.Kind, len(fs), size(fs), last.Round(time.Millisecond))
		})
	}
	if len(seen) < 29 {
		t.Errorf("harness: only %d scenarios", len(seen))
	}
}

func size(fs []Frame) (n int) {
	for _, f := range fs {
		n += len(f.Data)
	}
	return n
}

// checkFrames checks what all frames have in common.
func checkFrames(t *testing.T, fs []Frame) {
	t.Helper()
	if len(fs) < 2 {
		t.Fatalf("%d frames", len(fs))
	}
	known := map[netip.Addr]bool{}
	for _, h := range Fleet() {
		known[h.Addr] = true
	}
	last := start().UnixNano()
	for i, f := range fs {
		s := decode(t, f)
		if f.Time < last || f.Time > start().Add(3*time.Minute).UnixNano() {
			t.Fatalf("frame %d: time %v after %v", i, time.Unix(0, f.Time), time.Unix(0, last))
		}
		last = f.Time
		if len(f.Data) > 1514 {
			t.Errorf("frame %d: %d bytes", i, len(f.Data))
		}
		if !known[f.ENI] {
			t.Errorf("frame %d: interface %v is not in the fleet", i, f.ENI)
		}
		out, in := isOn(s.src.Addr(), f.ENI), isOn(s.dst.Addr(), f.ENI)
		if out == in || out && s.srcMAC != eniMAC(f.ENI) || in && s.dstMAC != eniMAC(f.ENI) {
			t.Errorf("frame %d: %v > %v (%x > %x) is not as %v sees it", i, s.src, s.dst, s.srcMAC, s.dstMAC, f.ENI)
		}
		for _, a := range []netip.Addr{s.src.Addr(), s.dst.Addr()} {
			if !documented(a) {
				t.Errorf("frame %d: address %v is neither private nor for documentation", i, a)
			}
		}
	}
	streams(t, fs)
}

// isOn reports whether a belongs to the interface of a primary address.
func isOn(a, eni netip.Addr) bool {
	return a == eni || a.Is6() && ours(a) && eni == host(1, 11)
}

func documented(a netip.Addr) bool {
	for _, p := range []string{"10.0.0.0/8", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

func TestDeterminism(t *testing.T) {
	for _, sc := range Scenarios() {
		a, b, c := sc.Frames(7, start()), sc.Frames(7, start()), sc.Frames(8, start())
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: one seed makes two kinds of frames", sc.Name)
		}
		if reflect.DeepEqual(a, c) {
			t.Errorf("%s: two seeds make the same frames", sc.Name)
		}
	}
}

// TestConv: what the ends say is what a listener puts together.
func TestConv(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, to := range []netip.AddrPort{
		at(host(1, 12), 80), at(hostIPv6(), 80),
	} {
		s := NewScene(3, start())
		from := netip.MustParseAddrPort("203.0.113.5:4000")
		if to.Addr().Is6() {
			from = netip.MustParseAddrPort("[2001:db8::9]:4000")
		}
		c := s.TCP(from, to)
		var up, down []byte
		for range 40 {
			b := s.bytes(r.IntN(8000))
			if r.IntN(2) == 0 {
				c.Client(b)
				up = append(up, b...)
			} else {
				c.Server(b)
				down = append(down, b...)
			}
		}
		c.Close()
		checkFrames(t, s.Frames())
		got := streams(t, s.Frames())
		if !bytes.Equal(got[pair{from, to}], up) || !bytes.Equal(got[pair{to, from}], down) {
			t.Errorf("%v: streams differ", to)
		}
	}
}

func TestUDP(t *testing.T) {
	s := NewScene(1, start())
	u := s.UDP(at(host(1, 11), 5000), at(host(3, 11), 53))
	u.Client([]byte("question"))
	u.Server([]byte("odd"))
	s.Ping(host(1, 11), host(3, 11), 2)
	fs := s.Frames()
	checkFrames(t, fs)
	if len(fs) != 6 {
		t.Fatalf("want 6 frames, got %d", len(fs))
	}
	if q, a := decode(t, fs[0]), decode(t, fs[1]); string(q.payload) != "question" || string(a.payload) != "odd" || a.src != q.dst {
		t.Errorf("got %q and %q", q.payload, a.payload)
	}
}

// TestMix: in order, the same twice, bounded in rate, and with every scenario
// in it.
func TestMix(t *testing.T) {
	const span = 6 * time.Minute
	collect := func(seed uint64) (fs []Frame) {
		for f := range Mix(seed, start()) {
			if f.Time > start().Add(span).UnixNano() {
				break
			}
			fs = append(fs, f)
		}
		return fs
	}
	a := collect(1)
	last := int64(0)
	for i, f := range a {
		if f.Time < last {
			t.Fatalf("frame %d goes back in time", i)
		}
		last = f.Time
	}
	if !reflect.DeepEqual(a, collect(1)) {
		t.Error("one seed makes two mixes")
	}
	rate := float64(len(a)) / span.Seconds()
	if rate < 50 || rate > 1000 {
		t.Errorf("%.0f frames a second", rate)
	}
	ports := map[uint16]bool{}
	for _, f := range a {
		if s := decode(t, f); s.src.Addr() != attacker() {
			ports[s.dst.Port()] = true
		}
	}
	t.Logf("%d frames, %.0f a second", len(a), rate)
	for _, p := range []uint16{22, 25, 53, 80, 123, 161, 389, 443, 514, 1389, 1883, 3306, 3333, 5432, 5672, 6379, 8080, 8081, 9092, 9100, 9200, 11211, 27017} {
		if !ports[p] {
			t.Errorf("nothing goes to port %d", p)
		}
	}
}

// TestMixAttacks: the demo promises a threat at once and every attack soon, and
// judges what it sees by the names of the frames.
func TestMixAttacks(t *testing.T) {
	kind := map[string]string{}
	for _, s := range Scenarios() {
		kind[s.Name] = s.Kind
	}
	for seed := range uint64(20) {
		began, ended := map[string]time.Duration{}, map[string]bool{}
		for f := range Mix(seed, start()) {
			at := time.Duration(f.Time - start().UnixNano())
			if at > 150*time.Second {
				break
			}
			if kind[f.Scenario] == "" {
				t.Fatalf("frame of scenario %q", f.Scenario)
			}
			if _, ok := began[f.Scenario]; kind[f.Scenario] == Attack && !ok {
				began[f.Scenario] = at
			}
			ended[f.Scenario] = ended[f.Scenario] || f.Last
		}
		first, last := time.Hour, time.Duration(0)
		for name, at := range began {
			first, last = min(first, at), max(last, at)
			if !ended[name] {
				t.Errorf("seed %d: %s has no last frame", seed, name)
			}
		}
		if len(began) != 9 || first > 3*time.Second || last > 105*time.Second {
			t.Errorf("seed %d: %d attacks, the first at %v, the last at %v", seed, len(began), first, last)
		}
	}
}

func TestVXLAN(t *testing.T) {
	web := netip.MustParseAddrPort("10.20.1.11:80")
	s := NewScene(1, start())
	c := s.TCP(netip.MustParseAddrPort("203.0.113.5:4000"), web)
	c.Client([]byte("hello"))
	c.Close()
	s.Ping(web.Addr(), netip.MustParseAddr("10.20.1.12"), 1)
	fs := s.Frames()
	o := Outer{Src: web.Addr(), Dst: netip.MustParseAddr("10.20.9.9"), VNI: 0xabcdef}
	port := OuterPort(fs[0].Data)
	for i, f := range fs[:len(fs)-2] {
		if got := OuterPort(f.Data); got != port || got < 0xff80 {
			t.Errorf("frame %d: outer port: want %d, got %d", i, port, got)
		}
	}
	m := o.AppendMirrored(nil, fs[0].Data)
	if m[40] != 0 || m[41] != 0 {
		t.Errorf("outer UDP checksum % x", m[40:42])
	}
	if m[22] != 255 || onesComplement(m[14:34]) != 0xffff || !bytes.Equal(m[18:22], make([]byte, 4)) {
		t.Errorf("outer IP header % x", m[14:34])
	}
	want := append([]byte{8, 0, 0, 0, 0xab, 0xcd, 0xef, 0}, fs[0].Data...)
	if !bytes.Equal(m[42:], want) || len(m) != 50+len(fs[0].Data) {
		t.Errorf("VXLAN header and frame: % x", m[42:60])
	}
	if be.Uint16(m[34:]) != port || be.Uint16(m[36:]) != 4789 || int(be.Uint16(m[38:])) != len(m)-34 {
		t.Errorf("outer UDP header % x", m[34:42])
	}
	for n := range 80 {
		OuterPort(fs[0].Data[:min(n, len(fs[0].Data))]) // short frames have a port too
	}
}

// TestOuterDNS: Amazon DNS answers from another outer port than it is asked.
func TestOuterDNS(t *testing.T) {
	s := NewScene(1, start())
	for range 8 {
		s.resolve(host(1, 11), "www.example.com")
	}
	questions := map[uint16]bool{}
	for i, f := range s.Frames() {
		if p := OuterPort(f.Data); i%2 == 0 {
			questions[p] = true
		} else if p != 0xff80 {
			t.Errorf("answer %d comes from port %d", i, p)
		}
	}
	if len(questions) < 4 {
		t.Errorf("8 questions come from %d ports", len(questions))
	}
}

func TestFleet(t *testing.T) {
	seen := map[any]bool{}
	for _, h := range Fleet() {
		for _, id := range []any{h.Name, h.Addr, h.ENI, h.Instance, h.VNI} {
			if seen[id] {
				t.Errorf("%v: twice", id)
			}
			seen[id] = true
		}
		if len(h.ENI) != 21 || len(h.Instance) != 19 || h.VNI >= 1<<24 {
			t.Errorf("identifiers: %+v", h)
		}
	}
}

// TestOuterPorts: many flows use all of the 128 ports.
func TestOuterPorts(t *testing.T) {
	used := map[uint16]int{}
	for f := range Mix(5, start()) {
		used[OuterPort(f.Data)]++
		if len(used) == 128 {
			return
		}
		if f.Time > start().Add(10*time.Minute).UnixNano() {
			t.Fatalf("10 minutes used %d outer ports", len(used))
		}
	}
}

// TestNoEICAR: the repository must not hold what scanners look for.
func TestNoEICAR(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("harness: %d files, %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{string(eicarFile()), "EICAR" + "-STANDARD", "ANTIVIRUS" + "-TEST"} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
	if len(eicarFile()) != 68 {
		t.Errorf("the test file has %d bytes, want 68", len(eicarFile()))
	}
}

func BenchmarkMix(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for range Mix(1, start()) {
		if n++; n >= b.N {
			return
		}
	}
}
