package match

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// naiveTable is the oracle.
func naiveTable(entries []Entry, b []byte) []uint32 {
	var ids []uint32
	for _, e := range entries {
		text, want := b, e.Bytes
		if e.Nocase {
			text, want = lower(b), lower(e.Bytes)
		}
		holds := e.Kind == Exact && bytes.Equal(text, want) ||
			e.Kind == Prefix && bytes.HasPrefix(text, want) ||
			e.Kind == Suffix && bytes.HasSuffix(text, want)
		if holds && !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func scannedTable(t *Table, b []byte) []uint32 {
	var h Hits
	t.Scan(b, &h)
	ids := slices.Clone(h.IDs())
	slices.Sort(ids)
	return ids
}

func TestTable(t *testing.T) {
	table := BuildTable([]Entry{
		{[]byte("example.com"), true, Exact, 1},
		{[]byte(".example.com"), true, Suffix, 2},
		{[]byte("example.com"), false, Suffix, 3},
		{[]byte("www."), false, Prefix, 4},
		{[]byte("www."), true, Prefix, 5},
		{[]byte("www."), true, Prefix, 6},
		{nil, false, Exact, 7},
		{nil, false, Prefix, 8},
	})
	cases := []struct {
		in   string
		want []uint32
	}{
		{"", []uint32{7, 8}},
		{"example.com", []uint32{1, 3, 8}},
		{"EXAMPLE.com", []uint32{1, 8}},
		{"a.example.com", []uint32{2, 3, 8}},
		{"www.EXAMPLE.com", []uint32{2, 4, 5, 6, 8}},
		{"WWW.", []uint32{5, 6, 8}},
		{"badexample.com", []uint32{3, 8}},
		{"xample.com", []uint32{8}},
	}
	for _, c := range cases {
		t.Run(c.in, func(t *testing.T) {
			if diff := cmp.Diff(c.want, scannedTable(table, []byte(c.in))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := scannedTable(BuildTable(nil), []byte("x")); got != nil {
		t.Errorf("empty table: got %v", got)
	}
}

func TestTableOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	hits := 0
	for range 300 {
		var entries []Entry
		for i := range r.IntN(60) {
			entries = append(entries, Entry{words(r, "aAbB.", 7), r.IntN(2) == 0, Kind(r.IntN(3)), uint32(i / 2)})
		}
		table := BuildTable(entries)
		for range 20 {
			b := words(r, "aAbB.", 8)
			want := naiveTable(entries, b)
			hits += len(want)
			if diff := cmp.Diff(want, scannedTable(table, b)); diff != "" {
				t.Fatalf("%v in %q (-want +got):\n%s", entries, b, diff)
			}
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d hits: the test looks at nothing", hits)
	}
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("example.com\n.com\nwww."), []byte("www.example.com"), uint64(0x123))
	f.Add([]byte("\na\nA"), []byte("a"), uint64(7))
	f.Fuzz(func(t *testing.T, list, b []byte, how uint64) {
		var entries []Entry
		for i, p := range bytes.Split(list, []byte("\n")) {
			bits := how >> (i % 21 * 3)
			entries = append(entries, Entry{p, bits&1 != 0, Kind(bits >> 1 & 3 % 3), uint32(i)})
		}
		if diff := cmp.Diff(naiveTable(entries, b), scannedTable(BuildTable(entries), b)); diff != "" {
			t.Fatalf("%v in %q (-want +got):\n%s", entries, b, diff)
		}
	})
}

func BenchmarkTable(b *testing.B) {
	var entries []Entry
	for i := range 8000 {
		entries = append(entries, Entry{fmt.Appendf(nil, ".%x.example%d.com", i*7919, i%31), true, Kind(i % 2), uint32(i)})
	}
	table := BuildTable(entries)
	for _, host := range []string{"www.some-site-elsewhere.net", "a.1eef.example1.com"} {
		b.Run(host, func(b *testing.B) {
			var h Hits
			text := []byte(host)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				h.Reset()
				table.Scan(text, &h)
			}
		})
	}
}
