package evidence

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// kept is a Sink that keeps.
type kept []*Capture

func (k *kept) Put(c *Capture) { *k = append(*k, c) }

// TestRecorderAgainstOracle plays random packets of several flows through a small
// ring and compares every capture with what a plain list of packets says.
func TestRecorderAgainstOracle(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 2))
	var got kept
	r := NewRecorder(Options{Ring: 1, Before: 5, After: 3, Flow: 1 << 30}, &got)
	var tails [7]Tail
	var all [7][][]byte
	type want struct{ flow, at int }
	open := map[int]want{}
	wants := map[ID]want{}
	for i := range 20_000 {
		n := rnd.IntN(len(tails))
		data := make([]byte, 1+rnd.IntN(200))
		for j := range data {
			data[j] = byte(rnd.Uint32())
		}
		all[n] = append(all[n], data)
		r.Packet(&tails[n], Frame{Time: int64(i), WireLen: len(data), Data: data})
		if w, ok := open[n]; ok && len(all[n])-1-w.at >= 3 {
			delete(open, n)
		}
		if _, ok := open[n]; !ok && rnd.IntN(20) == 0 {
			c := r.Trigger(&tails[n], uint64(n))
			if c == nil {
				t.Fatalf("packet %d: no capture", i)
			}
			c.Hit(Hit{SID: uint32(i)})
			open[n] = want{n, len(all[n]) - 1}
			wants[c.ID] = open[n]
		}
	}
	for n := range tails {
		r.End(&tails[n])
	}
	if len(got) != len(wants) || len(got) < 500 {
		t.Fatalf("%d captures, want %d", len(got), len(wants))
	}
	for _, c := range got {
		w := wants[c.ID]
		first, last := max(0, w.at-4), min(len(all[w.flow])-1, w.at+3)
		frames := all[w.flow][first : last+1]
		// The ring holds some 370 packets of all flows: five of one are always there.
		if !slices.EqualFunc(c.Frames, frames, func(f Frame, b []byte) bool { return bytes.Equal(f.Data, b) }) {
			t.Fatalf("capture %v: %d packets, want %d", c.ID, len(c.Frames), len(frames))
		}
		if h := c.Hits[0]; !bytes.Equal(c.Frames[h.Packet-1].Data, all[w.flow][w.at]) || h.Time != int64(h.SID) {
			t.Fatalf("capture %v: hit %+v", c.ID, h)
		}
	}
	if r.C.Truncated != 0 {
		t.Errorf("truncated %d", r.C.Truncated)
	}
}

// TestRingOverwritten: what the ring no longer has is not made up.
func TestRingOverwritten(t *testing.T) {
	var got kept
	r := NewRecorder(Options{Ring: 1, Before: 8, After: 1}, &got)
	var flow, noise Tail
	for range 3 {
		r.Packet(&flow, Frame{Data: []byte("old")})
	}
	for range 100 {
		r.Packet(&noise, Frame{Data: make([]byte, 1400)})
	}
	r.Packet(&flow, Frame{Data: []byte("new")})
	r.Trigger(&flow, 1)
	r.End(&flow)
	if len(got) != 1 || len(got[0].Frames) != 1 || string(got[0].Frames[0].Data) != "new" || r.C.Truncated != 1 {
		t.Fatalf("got %v, truncated %d", got, r.C.Truncated)
	}
}

func TestRecorderBounds(t *testing.T) {
	var got kept
	r := NewRecorder(Options{Ring: 1, Before: 2, After: 2, Open: 1, Flow: 1}, &got)
	var a, b Tail
	for _, tail := range []*Tail{&a, &b} {
		r.Packet(tail, Frame{Data: []byte("x")})
	}
	first := r.Trigger(&a, 1)
	if first == nil || r.Trigger(&b, 2) != nil || r.C.LostOpen != 1 {
		t.Fatalf("two captures are open, lost %d", r.C.LostOpen)
	}
	for i := range 100 { // fires on every packet: one capture, bounded
		r.Packet(&a, Frame{Data: []byte("x")})
		if c := r.Trigger(&a, 1); i < 10 && c != first {
			t.Fatalf("packet %d: capture %v, want %v", i, c, first)
		}
	}
	if len(got) != 1 || len(got[0].Frames) != 4*(2+2) || r.C.LostFlow == 0 {
		t.Fatalf("%d captures of %d packets, lost %d", len(got), len(got[0].Frames), r.C.LostFlow)
	}
	var none *Recorder
	none.Packet(&a, Frame{})
	none.End(&a)
	if none.Trigger(&a, 1) != nil {
		t.Error("no recorder has a capture")
	}
}

func TestPacketAllocatesNothing(t *testing.T) {
	r := NewRecorder(Options{}, &kept{})
	var tail Tail
	f := Frame{Data: make([]byte, 1400)}
	if n := testing.AllocsPerRun(1000, func() { r.Packet(&tail, f) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// TestStoreRoundTrip: what was mirrored comes back with its envelope, and without.
func TestStoreRoundTrip(t *testing.T) {
	frame := traffic.AppendEthernet(nil, traffic.MAC{2, 0, 0, 0, 0, 1}, traffic.MAC{2, 0, 0, 0, 0, 2}, 0x0800)
	frame = append(frame, bytes.Repeat([]byte{0x45}, 40)...)
	outer := packet.Outer{Encap: packet.EncapVXLAN, SrcPort: 0xff80, DstPort: 4789}
	outer.Src, outer.Dst = addr4(10, 0, 0, 1), addr4(10, 0, 0, 2)
	v6 := outer
	v6.Src, v6.Dst = packet.Addr{0xfd, 1}, packet.Addr{0xfd, 2}
	for name, o := range map[string]packet.Outer{"IPv4": outer, "IPv6": v6, "file": {}} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, StoreOptions{})
			f := Frame{Time: 1e18, Link: packet.LinkEthernet, Data: frame, Outer: o}
			if o.Encap != packet.EncapNone {
				f.Data = traffic.AppendVXLAN(nil, frame, 77)
			}
			f.WireLen = len(f.Data)
			id := ID{Time: 1e18, Flow: 5, N: 1}
			s.Put(&Capture{ID: id, Frames: []Frame{f}})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			src, err := pcapfile.Open(s.path(id), pcapfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			var b capture.Batch
			if err := src.ReadBatch(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			var p packet.Packet
			packet.NewDecoder(packet.Config{VXLAN: true, VerifyChecksums: true}).Decode(&p,
				packet.FrameInfo{Data: b.Frames[0].Data, WireLen: b.Frames[0].WireLen, Link: b.Frames[0].Link})
			if !bytes.Equal(p.Inner, frame) || p.Mirror.OuterSrc != o.Src || p.Mirror.HasVNI != (o.Encap != 0) {
				t.Errorf("inner %x, mirror %+v", p.Inner, p.Mirror)
			}
			again, err := pcapfile.Open(s.path(id), pcapfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			var out bytes.Buffer
			if n, err := Strip(t.Context(), &out, again, packet.DefaultConfig()); n != 0 || err != nil {
				t.Fatal(n, err)
			}
			if !bytes.HasSuffix(out.Bytes(), frame) || out.Len() != 24+16+len(frame) {
				t.Errorf("stripped %d bytes", out.Len())
			}
		})
	}
}

func addr4(a, b, c, d byte) packet.Addr {
	return packet.Addr{10: 0xff, 11: 0xff, 12: a, 13: b, 14: c, 15: d}
}

func openStore(t *testing.T, opt StoreOptions) *Store {
	t.Helper()
	opt.Wait = true
	s, err := OpenStore(filepath.Join(t.TempDir(), "evidence"), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestStoreQuota: the oldest go first, the newest never; a store that is opened
// again knows what it has.
func TestStoreQuota(t *testing.T) {
	one := int64(24 + 16 + 1000)
	var hits bytes.Buffer
	if err := writeHits(&hits, &Capture{ID: ID{Flow: 1, N: 1}, Frames: make([]Frame, 1)}); err != nil {
		t.Fatal(err)
	}
	one += int64(hits.Len())
	s := openStore(t, StoreOptions{MaxBytes: 3 * one})
	put := func(n int) ID {
		id := ID{Time: int64(n) * int64(time.Hour), Flow: 1, N: n}
		s.Put(&Capture{ID: id, Frames: []Frame{{Time: id.Time, Link: packet.LinkEthernet, Data: make([]byte, 1000)}}})
		return id
	}
	var ids []ID
	for n := 1; n <= 5; n++ {
		ids = append(ids, put(n))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		f, err := s.Open(id)
		if gone := errors.Is(err, fs.ErrNotExist); gone != (i < 2) {
			t.Errorf("capture %d: gone %v", i+1, gone)
		}
		if err == nil {
			f.Close()
		}
	}
	if c := s.Counters(); c.Written != 5 || c.Expired != 2 {
		t.Errorf("counters %+v", c)
	}
	if err := os.WriteFile(s.path(ids[4])+unfinished, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s2, err := OpenStore(s.dir, StoreOptions{MaxBytes: 1, Wait: true})
	if err != nil {
		t.Fatal(err)
	}
	if s2.bytes != 3*one {
		t.Errorf("found %d bytes", s2.bytes)
	}
	s, ids = s2, append(ids, ID{})
	ids[5] = put(6)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ids[4]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("capture 5 outlived the quota: %v", err)
	}
	f, err := s.Open(ids[5])
	if err != nil {
		t.Fatal("the newest went", err)
	}
	defer f.Close()
	if b, _ := io.ReadAll(f); len(b) != 24+16+1000 {
		t.Errorf("%d bytes", len(b))
	}
	if st, err := os.Stat(s.path(ids[5])); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestStoreFullQueueIsCounted(t *testing.T) {
	s := &Store{queue: make(chan *Capture, 1)}
	s.Put(&Capture{})
	s.Put(&Capture{})
	if n := s.Counters().LostQueue; n != 1 {
		t.Errorf("lost %d", n)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(ID{Time: 1e18, Flow: 0xc0ffee, N: 3}.String())
	for _, s := range []string{"", "../../etc/passwd", "2026010115-00c0ffee00c0ffee-0", "2026010115-../x-1", "2026010115-+0c0ffee00c0ffee-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err == nil && (id.String() != s || filepath.Base(filepath.Clean(s)) != s) {
			t.Errorf("%q is %q", s, id)
		}
	})
}

func BenchmarkPacket(b *testing.B) {
	for _, size := range []int{100, 1500} {
		b.Run(map[int]string{100: "100B", 1500: "1500B"}[size], func(b *testing.B) {
			r := NewRecorder(Options{}, &kept{})
			var tails [64]Tail
			f := Frame{Data: make([]byte, size)}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Packet(&tails[i%64], f)
			}
		})
	}
}

// TestHits: what a rule found comes back as it was, whatever the bytes are.
func TestHits(t *testing.T) {
	s := openStore(t, StoreOptions{})
	c := &Capture{ID: ID{Time: 1e18, Flow: 5, N: 1}, Frames: []Frame{{Time: 1e18, Link: packet.LinkEthernet, Data: []byte("x")}}}
	found := []byte("a<b>\x00\xff\u202e")
	for i := range maxHits + 5 {
		c.Hit(Hit{GID: 1, SID: uint32(i), Rev: 2, Matched: []Matched{{Buffer: "http.uri", Offset: 3, Length: 100, Bytes: found}}})
	}
	s.Put(c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := s.Hits(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Hits) != maxHits || f.ID != c.ID.String() || f.Packets != 1 {
		t.Fatalf("%d hits of %s", len(f.Hits), f.ID)
	}
	m := f.Hits[7].Matched[0]
	if !bytes.Equal(m.Bytes, found) || m.Text != "a<b>....." || m.Offset != 3 || m.Length != 100 || f.Hits[7].SID != 7 || f.Hits[7].Packet != 1 {
		t.Errorf("got %+v", f.Hits[7])
	}
	if _, err := s.Hits(ID{Time: 1e18, Flow: 6, N: 1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such capture: %v", err)
	}
}
