package match

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

func TestAllocations(t *testing.T) {
	set, text, noise := benchSet(500)
	short := Build([]Pattern{{[]byte("a"), false, 1}, {[]byte("zq"), true, 2}, {[]byte("xyz"), true, 3}}, someTraffic)
	table := BuildTable([]Entry{{[]byte(".example.com"), true, Suffix, 4}, {[]byte("www"), false, Prefix, 5}})
	prefixes := BuildPrefixIDs([]PrefixID{{netip.MustParsePrefix("10.0.0.0/8"), 1}, {netip.MustParsePrefix("::/0"), 2}})
	literal := NewLiteral([]byte("not there at all"), true)
	re, err := CompileRegexp(`x[a-z]+(?=9)y`, Caseless)
	if err != nil {
		t.Fatal(err)
	}
	host := []byte(strings.Repeat("www.", 5) + "example.com")
	v4, v6 := packet.AddrFrom4([4]byte{10, 1, 1, 1}), packet.AddrFrom(netip.MustParseAddr("2001:db8::1"))
	var h Hits
	var sc Scratch
	use := func() {
		h.Reset()
		set.Scan(noise[:1460], &h)
		short.Scan(text[:1460], &h)
		table.Scan(host, &h)
		literal.Index(text[:4096])
		re.Find(text[:4096], 0, &sc)
		prefixes.Lookup(v4)
		prefixes.Lookup(v6)
	}
	use()
	if n := testing.AllocsPerRun(50, use); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !h.Has(1) || !h.Has(4) || !h.Has(5) {
		t.Errorf("hits %v: the test looks at nothing", h.IDs())
	}
}

func TestHits(t *testing.T) {
	var h Hits
	for _, id := range []uint32{7, 100000, 7, 0, 64, 63, 64} {
		h.Add(id)
	}
	if n := len(h.IDs()); n != 5 || !h.Has(0) || !h.Has(63) || !h.Has(100000) || h.Has(1) || h.Has(1<<30) {
		t.Errorf("got %v", h.IDs())
	}
	h.Reset()
	if len(h.IDs()) != 0 || h.Has(7) || h.Has(100000) {
		t.Errorf("after Reset: %v", h.IDs())
	}
}
