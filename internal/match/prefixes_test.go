package match

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

func TestPrefixIDs(t *testing.T) {
	table := BuildPrefixIDs([]PrefixID{
		{netip.MustParsePrefix("10.0.0.0/8"), 1},
		{netip.MustParsePrefix("10.1.2.3/32"), 3},
		{netip.MustParsePrefix("10.1.9.9/16"), 2},
		{netip.MustParsePrefix("10.1.0.0/16"), 4},
		{netip.MustParsePrefix("10.1.0.0/16"), 4},
		{netip.MustParsePrefix("::ffff:10.1.2.0/120"), 6},
		{netip.MustParsePrefix("2001:db8::/32"), 5},
		{netip.MustParsePrefix("::/0"), 7},
	})
	cases := []struct {
		addr string
		want []uint32
	}{
		{"10.1.2.3", []uint32{1, 2, 3, 4, 6}},
		{"10.1.2.4", []uint32{1, 2, 4, 6}},
		{"10.1.3.3", []uint32{1, 2, 4}},
		{"10.9.9.9", []uint32{1}},
		{"11.0.0.1", nil},
		{"2001:db8::1", []uint32{5, 7}},
		{"fe80::1", []uint32{7}},
	}
	for _, c := range cases {
		got, _ := table.Lookup(packet.AddrFrom(netip.MustParseAddr(c.addr)))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.addr, diff)
		}
	}
}

func TestPrefixIDsOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	var entries []PrefixID
	for i := range 500 {
		a := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(4)), byte(r.IntN(256))})
		entries = append(entries, PrefixID{netip.PrefixFrom(a, 6+r.IntN(27)), uint32(i)})
	}
	table := BuildPrefixIDs(entries)
	for range 2000 {
		a := netip.AddrFrom4([4]byte{10, byte(r.IntN(5)), byte(r.IntN(5)), byte(r.IntN(256))})
		var want []uint32
		for _, e := range entries {
			if e.Prefix.Masked().Contains(a) {
				want = append(want, e.ID)
			}
		}
		slices.Sort(want)
		if got, _ := table.Lookup(packet.AddrFrom(a)); !slices.Equal(want, got) {
			t.Fatalf("%s: want %v, got %v", a, want, got)
		}
	}
}

func TestPrefixesInsert(t *testing.T) {
	var table Prefixes[string]
	table.Insert(netip.MustParsePrefix("192.0.2.0/24"), "net")
	table.Insert(netip.MustParsePrefix("192.0.2.0/24"), "net again")
	table.Insert(netip.MustParsePrefix("192.0.2.1/32"), "host")
	if v, ok := table.Lookup(packet.AddrFrom4([4]byte{192, 0, 2, 2})); v != "net again" || !ok {
		t.Errorf("want net again, got %q, %v", v, ok)
	}
	if v, _ := table.Lookup(packet.AddrFrom4([4]byte{192, 0, 2, 1})); v != "host" {
		t.Errorf("want host, got %q", v)
	}
	if table.Len() != 2 {
		t.Errorf("Len: want 2, got %d", table.Len())
	}
}

func BenchmarkPrefixes(b *testing.B) {
	var entries []PrefixID
	r := rand.New(rand.NewPCG(8, 9))
	for i := range 40000 {
		a := netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
		entries = append(entries, PrefixID{netip.PrefixFrom(a, 24+r.IntN(9)), uint32(i)})
	}
	table := BuildPrefixIDs(entries)
	a := packet.AddrFrom4([4]byte{93, 184, 216, 34})
	b.ReportAllocs()
	for b.Loop() {
		table.Lookup(a)
	}
}
