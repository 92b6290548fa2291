package match

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// naive is the oracle: every pattern looked for on its own.
// someTraffic is what the sets of these tests are built for.
var someTraffic = NewTraffic()

func naive(patterns []Pattern, b []byte) []uint32 {
	var ids []uint32
	for _, p := range patterns {
		if len(p.Bytes) == 0 {
			continue
		}
		found := bytes.Contains(b, p.Bytes)
		if p.Nocase {
			found = bytes.Contains(lower(b), lower(p.Bytes))
		}
		if found && !slices.Contains(ids, p.ID) {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func scanned(s *Set, b []byte) []uint32 {
	var h Hits
	s.Scan(b, &h)
	ids := slices.Clone(h.IDs())
	slices.Sort(ids)
	return ids
}

func TestSet(t *testing.T) {
	patterns := []Pattern{
		{Bytes: []byte("GET /"), ID: 1},
		{Bytes: []byte("cmd.exe"), Nocase: true, ID: 2},
		{Bytes: []byte("a"), ID: 3},
		{Bytes: []byte("Zq"), Nocase: true, ID: 4},
		{Bytes: []byte("\x00\xff\x01"), ID: 5},
		{Bytes: []byte("abcd"), ID: 6},
		{Bytes: []byte("abcd"), Nocase: true, ID: 7},
		{Bytes: []byte("abcd"), ID: 8},
		{Bytes: nil, ID: 9},
		{Bytes: []byte("a long pattern of more than eight bytes"), Nocase: true, ID: 10},
		{Bytes: []byte("shared"), ID: 11},
		{Bytes: []byte("common"), ID: 11},
		{Bytes: []byte("@[`{"), Nocase: true, ID: 12},
		{Bytes: []byte("\xc0\xe0\xc0\xe0"), Nocase: true, ID: 13},
	}
	cases := []struct {
		name string
		in   string
		want []uint32
	}{
		{"empty", "", nil},
		{"one byte", "a", []uint32{3}},
		{"start", "GET /index", []uint32{1}},
		{"short buffer", "GET", nil},
		{"case ignored", "xx CMD.ExE", []uint32{2}},
		{"case kept", "get /", nil},
		{"two bytes any case", "..zQ..", []uint32{4}},
		{"three bytes at the end", "..\x00\xff\x01", []uint32{5}},
		{"three bytes cut", "..\x00\xff", nil},
		{"same bytes", "xabcdx", []uint32{3, 6, 7, 8}},
		{"same bytes, other case", "xABCDx", []uint32{7}},
		{"each once", "abcdabcd", []uint32{3, 6, 7, 8}},
		{"long", "..A LONG pattern OF more than EIGHT bytes", []uint32{3, 10}},
		{"long cut", "A LONG PATTERN OF MORE THAN EIGHT BYTE", nil},
		{"one id, two patterns", "common shAred shared", []uint32{11}},
		{"blur is not a match", "@[@[ `{`{", nil},
		{"no letters", "@[`{", []uint32{12}},
		{"high bytes have no case", "\xc0\xe0\xc0\xe0", []uint32{13}},
		{"high bytes differ", "\xe0\xe0\xe0\xe0", nil},
	}
	s := Build(patterns, someTraffic)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := scanned(s, []byte(c.in))
			want := naive(patterns, []byte(c.in))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("oracle (-want +got):\n%s", diff)
			}
			if strings.ContainsAny(c.in, "a") && !slices.Contains(c.want, 3) {
				c.want = append([]uint32{3}, c.want...)
			}
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

// words makes patterns and traffic that meet often.
func words(r *rand.Rand, alphabet string, most int) []byte {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return b
}

func TestSetOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for round := range 300 {
		alphabet := []string{"ab", "aAbB", "abcdeABC@`", "\x00 \xff\x80a"}[round%4]
		var patterns []Pattern
		for i := range 1 + r.IntN(60) {
			patterns = append(patterns, Pattern{
				Bytes: words(r, alphabet, 12), Nocase: r.IntN(2) == 0, ID: uint32(i / 2)})
		}
		s := Build(patterns, someTraffic)
		for range 20 {
			b := words(r, alphabet, 80)
			want, got := naive(patterns, b), scanned(s, b)
			hits += len(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%v in %q (-want +got):\n%s", patterns, b, diff)
			}
		}
	}
	if hits < 1000 {
		t.Fatalf("only %d hits: the test looks at nothing", hits)
	}
}

// Long runs of one byte take a path of their own.
func TestSetRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	hits := 0
	for range 400 {
		var patterns []Pattern
		for i := range 1 + r.IntN(8) {
			patterns = append(patterns, Pattern{Bytes: runs(r, 1+r.IntN(12), 4), Nocase: r.IntN(2) == 0, ID: uint32(i)})
		}
		s := Build(patterns, someTraffic)
		for range 5 {
			b := runs(r, 200, 5)
			want := naive(patterns, b)
			hits += len(want)
			if diff := cmp.Diff(want, scanned(s, b)); diff != "" {
				t.Fatalf("%v in %q (-want +got):\n%s", patterns, b, diff)
			}
		}
	}
	if hits < 500 {
		t.Fatalf("only %d hits: the test looks at nothing", hits)
	}
}

// runs makes up to most runs of one byte, each up to n bytes long.
func runs(r *rand.Rand, n, most int) []byte {
	var b []byte
	for range 1 + r.IntN(most) {
		b = append(b, bytes.Repeat([]byte{"aAb\x00"[r.IntN(4)]}, 1+r.IntN(n))...)
	}
	return b
}

func FuzzSet(f *testing.F) {
	f.Add([]byte("abcd\nABCD\nx\nlonger pattern"), []byte("xabcdLONGER PATTERN"), uint64(5))
	f.Add([]byte("aaaa\naaab\naa"), []byte("aaaaaaaaaaaaaaab"), uint64(0))
	f.Add([]byte("\xff\x00\n\x20\x00\x20\x00"), []byte("\x00\x00\x00\x00\xff\x00"), ^uint64(0))
	f.Add([]byte("aaaaaaab\nbaaaaa\naaaaaa"), bytes.Repeat([]byte("a"), 99), uint64(2))
	f.Fuzz(func(t *testing.T, list, b []byte, nocase uint64) {
		var patterns []Pattern
		for i, p := range bytes.Split(list, []byte("\n")) {
			patterns = append(patterns, Pattern{p, nocase>>(i%64)&1 != 0, uint32(i)})
		}
		want, got := naive(patterns, b), scanned(Build(patterns, someTraffic), b)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%v in %q (-want +got):\n%s", patterns, b, diff)
		}
	})
}

func TestScanAllocates(t *testing.T) {
	s, text, _ := benchSet(2000)
	var h Hits
	s.Scan(text, &h)
	allocs := testing.AllocsPerRun(20, func() {
		h.Reset()
		s.Scan(text, &h)
	})
	if allocs != 0 {
		t.Errorf("Scan allocates %v times", allocs)
	}
	if len(h.IDs()) == 0 {
		t.Error("no hit: the test looks at nothing")
	}
}

// benchPatterns makes n patterns of the lengths and shapes that rules have.
func benchPatterns(n int) []Pattern {
	r := rand.New(rand.NewPCG(7, 7))
	parts := benchWords()
	var patterns []Pattern
	for i := range n {
		var p []byte
		for len(p) < 6+r.IntN(14) {
			if r.IntN(3) == 0 {
				p = append(p, parts[r.IntN(len(parts))]...)
				p = p[:min(len(p), 12)]
			}
			p = append(p, byte('a'+r.IntN(26)), "/.?=&%-_0123456789abcdef"[r.IntN(24)])
		}
		patterns = append(patterns, Pattern{p, r.IntN(2) == 0, uint32(i)})
	}
	return patterns
}

func benchWords() []string {
	return strings.FieldsFunc(typicalText, func(c rune) bool { return c == ' ' || c == '\n' })
}

// benchSet builds a set of n patterns, text that holds a few of them, and
// random bytes.
func benchSet(n int) (s *Set, text, noise []byte) {
	r := rand.New(rand.NewPCG(8, 8))
	parts, patterns := benchWords(), benchPatterns(n)
	for len(text) < 64<<10 {
		text = append(text, parts[r.IntN(len(parts))]...)
		text = append(text, ' ')
		if r.IntN(500) == 0 {
			text = append(text, patterns[r.IntN(n)].Bytes...)
		}
	}
	noise = make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	return Build(patterns, someTraffic), text, noise
}

func BenchmarkSet(b *testing.B) {
	for _, n := range []int{100, 1000, 5000, 30000} {
		s, text, noise := benchSet(n)
		for _, size := range []int{40, 512, 1460, 16 << 10} {
			b.Run(fmt.Sprintf("text/%d/%d", n, size), func(b *testing.B) { benchScan(b, s, text, size) })
			b.Run(fmt.Sprintf("noise/%d/%d", n, size), func(b *testing.B) { benchScan(b, s, noise, size) })
		}
	}
}

func benchScan(b *testing.B, s *Set, data []byte, size int) {
	var h Hits
	b.SetBytes(int64(size))
	b.ReportAllocs()
	from := 0
	for b.Loop() {
		h.Reset()
		s.Scan(data[from:from+size], &h)
		if from += size; from+size > len(data) {
			from = 0
		}
	}
}
