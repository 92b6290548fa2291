package match_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/match"
)

// The oracle of Set looks for every pattern on its own, a byte at a time. It
// uses the public functions only, so that it holds for every way of scanning.

// someTraffic is what the sets of these tests are built for.
var someTraffic = match.NewTraffic()

// occurs reports whether p lies in b.
func occurs(b []byte, p match.Pattern) bool {
	if len(p.Bytes) == 0 {
		return false
	}
	for at := 0; at+len(p.Bytes) <= len(b); at++ {
		if sameAt(b[at:], p) {
			return true
		}
	}
	return false
}

// sameAt reports whether b begins with p.
func sameAt(b []byte, p match.Pattern) bool {
	for i, c := range p.Bytes {
		if b[i] != c && (!p.Nocase || asciiLower(b[i]) != asciiLower(c)) {
			return false
		}
	}
	return true
}

func asciiLower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// wantIDs returns the IDs of the patterns in b, ascending, each once.
func wantIDs(patterns []match.Pattern, b []byte) []uint32 {
	var ids []uint32
	for _, p := range patterns {
		if !slices.Contains(ids, p.ID) && occurs(b, p) {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// gotIDs returns what h collected, ascending. h is left empty.
func gotIDs(h *match.Hits) []uint32 {
	ids := slices.Clone(h.IDs())
	h.Reset()
	slices.Sort(ids)
	return ids
}

// alphabets are what patterns and text are made of. Few letters make many
// false candidates; neighbours of letters are what case folding gets wrong.
var alphabets = []string{
	"a", "ab", "aA", "aAbB", "abcdefgh", "@A[aZz`{", "\x00\xff \x80\xa0\xc1\xe1", "0123456789./-=&?",
	"etaoinETAOIN \r\n", "aaaaaaaaaaaaaaab", "",
}

// letter returns a byte of the alphabet; of the empty one, any.
func letter(r *rand.Rand, alphabet string) byte {
	if alphabet == "" {
		return byte(r.Uint32())
	}
	return alphabet[r.IntN(len(alphabet))]
}

// setCase is one round of the oracle: a set, and what it is scanned for in.
type setCase struct {
	patterns []match.Pattern
	text     []byte
	longest  int
}

// makeText makes n bytes, runs among them.
func makeText(r *rand.Rand, alphabet string, n int) []byte {
	var b []byte
	for len(b) < n {
		c := letter(r, alphabet)
		run := 1
		if r.IntN(12) == 0 {
			run = 1 + r.IntN(1+n/2)
		}
		b = append(b, bytes.Repeat([]byte{c}, run)...)
	}
	return b[:n]
}

// length returns a pattern's length. A shape is a mix of them, so that every
// kind of table of the set is full, empty, or the only one.
func length(r *rand.Rand, shape int) int {
	switch shape {
	case 0:
		return 1 + r.IntN(40)
	case 1:
		return 1 + r.IntN(3)
	case 2:
		return 4
	case 3:
		return 3
	case 4:
		return 3 + r.IntN(3)
	case 5:
		return 5 + r.IntN(5)
	case 6:
		return 8 + r.IntN(33)
	case 7:
		return 2
	}
	return 1 + r.IntN(12)
}

const shapes = 9

// makePattern makes a pattern: random, a part of the text, or nearly one.
func makePattern(r *rand.Rand, text []byte, alphabet string, n int) []byte {
	p := makeText(r, alphabet, n)
	if n > len(text) || r.IntN(4) == 0 {
		return p
	}
	at := r.IntN(len(text) - n + 1)
	switch r.IntN(4) { // the ends are where scanning goes wrong
	case 0:
		at = 0
	case 1:
		at = len(text) - n
	}
	copy(p, text[at:])
	switch r.IntN(4) {
	case 0:
		p[r.IntN(n)] ^= 1 << r.IntN(8)
	case 1:
		for i := range p {
			if asciiLower(p[i]) >= 'a' && asciiLower(p[i]) <= 'z' {
				p[i] ^= byte(r.IntN(2)) << 5
			}
		}
	}
	return p
}

func makeCase(r *rand.Rand) *setCase {
	alphabet := alphabets[r.IntN(len(alphabets))]
	c := &setCase{text: makeText(r, alphabet, r.IntN(301))}
	shape, most := r.IntN(shapes), []int{1, 3, 12, 60, 200}[r.IntN(5)]
	for i := range 1 + r.IntN(most) {
		p := match.Pattern{Nocase: r.IntN(2) == 0, ID: uint32(i)}
		p.Bytes = makePattern(r, c.text, alphabet, length(r, shape))
		if r.IntN(10) == 0 {
			p.ID = uint32(r.IntN(i + 1)) // shared
		}
		if i > 0 && r.IntN(10) == 0 {
			p.Bytes = c.patterns[r.IntN(i)].Bytes // the same, or in the other case
		}
		c.patterns = append(c.patterns, p)
		c.longest = max(c.longest, len(p.Bytes))
	}
	return c
}

// check compares the set with the oracle on every part of the text that
// matters, and returns how many patterns were found.
func (c *setCase) check(r *rand.Rand) (hits int, err error) {
	traffic := someTraffic
	if r.IntN(2) == 0 {
		traffic = match.NewTraffic(c.text)
	}
	kept := slices.Clone(c.patterns)
	for i := range kept {
		kept[i].Bytes = bytes.Clone(kept[i].Bytes)
	}
	s := match.Build(kept, traffic)
	for i := range kept {
		clear(kept[i].Bytes) // the set has its own copy
	}
	if s.Len() != len(c.patterns) {
		return 0, fmt.Errorf("Len is %d of %d patterns", s.Len(), len(c.patterns))
	}
	h := &match.Hits{}
	whole := wantIDs(c.patterns, c.text)
	if err := c.placed(s, h, c.text, whole, r.IntN(16)); err != nil {
		return 0, err
	}
	for range 6 {
		from := r.IntN(len(c.text) + 1)
		to := from + r.IntN(len(c.text)-from+1)
		part := c.text[from:to]
		if err := c.placed(s, h, part, wantIDs(c.patterns, part), r.IntN(16)); err != nil {
			return 0, err
		}
	}
	return len(whole), c.chunked(r, s, h, whole)
}

// placed scans b at an offset from a word's bounds, between bytes that would
// make patterns cut by its ends whole.
func (c *setCase) placed(s *match.Set, h *match.Hits, b []byte, want []uint32, align int) error {
	for _, around := range [][]byte{c.text, {0}, {'a'}} {
		room := bytes.Repeat(slices.Concat(around, []byte{0}), 48/(len(around)+1)+1)
		arena := slices.Concat(make([]byte, align), room, b, room)
		at := align + len(room)
		s.Scan(arena[at:at+len(b)], h)
		if got := gotIDs(h); !slices.Equal(want, got) {
			return fmt.Errorf("at alignment %d, %d bytes %q: want %v, got %v", align, len(b), b, want, got)
		}
		if len(c.text) == 0 {
			break
		}
	}
	return nil
}

// chunked scans the text in pieces as detection does: each again from where the
// longest pattern that ends in the new bytes may have begun.
func (c *setCase) chunked(r *rand.Rand, s *match.Set, h *match.Hits, want []uint32) error {
	var cuts []int
	for old := 0; old < len(c.text); {
		next := min(len(c.text), old+1+r.IntN(40))
		s.Scan(c.text[max(0, old-c.longest+1):next], h)
		old = next
		cuts = append(cuts, next)
	}
	if got := gotIDs(h); !slices.Equal(want, got) {
		return fmt.Errorf("%q in chunks that end at %v: want %v, got %v", c.text, cuts, want, got)
	}
	return nil
}

func (c *setCase) String() string {
	var b strings.Builder
	for _, p := range c.patterns {
		fmt.Fprintf(&b, "\t%d %q nocase %v\n", p.ID, p.Bytes, p.Nocase)
	}
	return b.String()
}

// TestSetAgainstOracle runs 3,000 random sets; MIRRORWALL_ORACLE=n runs n.
func TestSetAgainstOracle(t *testing.T) {
	rounds := uint64(3000)
	if v := os.Getenv("MIRRORWALL_ORACLE"); v != "" {
		rounds, _ = strconv.ParseUint(v, 10, 64)
	}
	hits := 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(seed, 3))
		c := makeCase(r)
		n, err := c.check(r)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, c)
		}
		hits += n
	}
	if hits < int(rounds) {
		t.Fatalf("only %d hits: the test looks at nothing", hits)
	}
}

// TestSetEveryPlace puts each pattern at each place of buffers of every length
// to 300, alone and among 200 others.
func TestSetEveryPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for _, others := range []int{0, 200} {
		for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 16, 17, 31, 40} {
			patterns := []match.Pattern{{Bytes: makeText(r, "pqrstuvw", n), Nocase: n&1 != 0, ID: 1}}
			for i := range others {
				p := makeText(r, "\x01\x02\x03ABCDEFGH", 1+r.IntN(40))
				patterns = append(patterns, match.Pattern{Bytes: append(p, '#'), Nocase: i&1 != 0, ID: uint32(2 + i)})
			}
			s := match.Build(patterns, someTraffic)
			everyPlace(t, s, patterns[0])
		}
	}
}

func everyPlace(t *testing.T, s *match.Set, p match.Pattern) {
	t.Helper()
	var h match.Hits
	arena := make([]byte, 8+300)
	for size := range 301 {
		for at := range size {
			align := (size + at) & 7
			b := arena[align : align+size]
			clear(arena)
			fits := copy(b[at:], p.Bytes) == len(p.Bytes)
			copy(arena[align+size:], p.Bytes[min(len(p.Bytes), size-at):]) // the rest is outside
			s.Scan(b, &h)
			if h.Has(1) != fits || len(h.IDs()) > 1 || !fits && len(h.IDs()) > 0 {
				t.Fatalf("%q at %d of %d bytes: got %v", p.Bytes, at, size, h.IDs())
			}
			h.Reset()
		}
	}
}

// TestSetLarge: the widths and tables of thousands of patterns.
func TestSetLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	for _, n := range []int{2000, 9000} {
		var patterns []match.Pattern
		for i := range n {
			patterns = append(patterns, match.Pattern{Bytes: makeText(r, "", length(r, i%shapes)), Nocase: i%3 == 0, ID: uint32(i)})
		}
		s := match.Build(patterns, someTraffic)
		var h match.Hits
		for range 40 {
			text := makeText(r, "", r.IntN(200))
			for range 4 {
				text = append(text, patterns[r.IntN(n)].Bytes...)
			}
			s.Scan(text, &h)
			if want, got := wantIDs(patterns, text), gotIDs(&h); !slices.Equal(want, got) {
				t.Fatalf("%d patterns in %q: want %v, got %v", n, text, want, got)
			}
		}
	}
}

// TestSetLongRuns: runs of one byte longer than what a scan looks ahead, and
// the patterns at their ends.
func TestSetLongRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for round := range 24 {
		var text []byte
		for range 1 + r.IntN(3) {
			text = append(text, bytes.Repeat([]byte{"aA\x00"[r.IntN(3)]}, []int{70000, 66000, 65536, 300}[r.IntN(4)]+r.IntN(9))...)
			text = append(text, makeText(r, "aAb\x00", 1+r.IntN(3))...)
		}
		var patterns []match.Pattern
		for i := range 6 {
			n := length(r, round%shapes)
			at := r.IntN(len(text) - n)
			if ends := bytes.IndexByte(text, 'b'); ends > n && r.IntN(2) == 0 {
				at = ends - r.IntN(n)
			}
			p := bytes.Clone(text[at:min(at+n, len(text))])
			if r.IntN(2) == 0 {
				p[r.IntN(len(p))] = "aAb\x00"[r.IntN(4)]
			}
			patterns = append(patterns, match.Pattern{Bytes: p, Nocase: i&1 != 0, ID: uint32(i)})
		}
		var h match.Hits
		match.Build(patterns, someTraffic).Scan(text, &h)
		if want, got := wantIDs(patterns, text), gotIDs(&h); !slices.Equal(want, got) {
			t.Fatalf("%v in %d bytes: want %v, got %v", patterns, len(text), want, got)
		}
	}
}

// TestSetLongPattern: what is longer than 16 KiB is known by its first 16 KiB.
func TestSetLongPattern(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	long := makeText(r, "", 17<<10)
	s := match.Build([]match.Pattern{{Bytes: long, ID: 7}}, someTraffic)
	for _, c := range []struct {
		n    int
		want bool
	}{{len(long), true}, {16 << 10, true}, {16<<10 - 1, false}} {
		var h match.Hits
		s.Scan(long[:c.n], &h)
		if h.Has(7) != c.want {
			t.Errorf("first %d bytes: want %v, got %v", c.n, c.want, h.Has(7))
		}
	}
}

// TestSetsShareHits: several sets are scanned into one Hits.
func TestSetsShareHits(t *testing.T) {
	var h match.Hits
	a := match.Build([]match.Pattern{{Bytes: []byte("abc"), ID: 1}, {Bytes: []byte("longer"), ID: 900}}, someTraffic)
	b := match.Build([]match.Pattern{{Bytes: []byte("abc"), ID: 1}, {Bytes: []byte("c lo"), ID: 2}}, someTraffic)
	for range 2 {
		a.Scan([]byte("abc longer"), &h)
		b.Scan([]byte("abc longer"), &h)
		if got := gotIDs(&h); !slices.Equal(got, []uint32{1, 2, 900}) {
			t.Errorf("got %v", got)
		}
	}
	match.Build(nil, someTraffic).Scan([]byte("abc"), &h)
	if len(h.IDs()) > 0 {
		t.Errorf("an empty set found %v", h.IDs())
	}
}

// FuzzSetOracle lets the fuzzer choose the bytes of patterns and text, and a
// seed the rest.
func FuzzSetOracle(f *testing.F) {
	f.Add(uint64(1), []byte("abcd\nABCD\nx\nlonger pattern"), []byte("xabcdLONGER PATTERN"))
	f.Add(uint64(2), []byte("aaaa\naaab\naa\naaaaaaaaaaaab"), []byte("aaaaaaaaaaaaaaaaaaaaaaab"))
	f.Add(uint64(3), []byte("\x00\x00\x00\x00\x01\n\xff\xff\xff\n\x20\x20\x20\x20\x00"), []byte("\x00\x00\x00\x00\x00\x01\xff\xff\xff\x20\x20\x20\x20\x00"))
	f.Add(uint64(4), []byte("@[`{\n@AZ[\nabc"), []byte("`{@[@az[ABC"))
	f.Fuzz(func(t *testing.T, seed uint64, list, text []byte) {
		if len(list) > 8<<10 || len(text) > 4<<10 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 10))
		c := &setCase{text: text}
		for i, p := range bytes.Split(list, []byte("\n")) {
			c.patterns = append(c.patterns, match.Pattern{Bytes: p, Nocase: r.IntN(2) == 0, ID: uint32(i)})
			c.longest = max(c.longest, len(p))
		}
		if _, err := c.check(r); err != nil {
			t.Fatalf("%v\n%s", err, c)
		}
	})
}
