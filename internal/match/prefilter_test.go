package match_test

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/match/pcre"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// samePlain compares a Regexp, which looks for a required literal first, with
// the plain expression: the filter rejects nothing that matches.
func samePlain(t *testing.T, expr string, flags match.RegexpFlags, b []byte, from int) (found, filtered bool) {
	t.Helper()
	plain, err := pcre.Compile(expr, flags)
	if err != nil {
		return false, false
	}
	re, err := match.CompileRegexp(expr, flags)
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	var sc, psc match.Scratch
	start, end, ok := re.Find(b, from, &sc)
	ps, pe, pok := plain.Find(b, from, &psc)
	if psc.Limited == 0 && (ok != pok || start != ps || end != pe) {
		t.Fatalf("%q flags %b in %q from %d: want %d-%d %v, got %d-%d %v", expr, flags, b, from, ps, pe, pok, start, end, ok)
	}
	groups, want := re.FindSubmatch(b, from, &sc), plain.FindSubmatch(b, from, &psc)
	if psc.Limited == 0 && !slices.Equal(groups, want) {
		t.Fatalf("%q flags %b in %q from %d: want groups %v, got %v", expr, flags, b, from, want, groups)
	}
	if sc.Limited > psc.Limited {
		t.Fatalf("%q in %q: given up behind the filter only", expr, b)
	}
	if from == 0 && !ok && psc.Limited == 0 && !re.LooksBack() {
		for at := range b {
			if _, _, ok := plain.Find(b[at:], 0, &psc); ok && psc.Limited == 0 {
				t.Fatalf("%q flags %b matches in the end of %q from %d, not in all of it, and does not look back", expr, flags, b, at)
			}
		}
	}
	text, _ := plain.Required()
	return ok, len(text) >= 3
}

// parts are what expressions of rules are made of: literals of three bytes and
// more in every place from which a filter could take one.
var parts = []string{
	"abc", "cab", "ABC", "a", "b", "ab", "(?:abc)?", "(?:abc)+", "(?:abc)*", "(?:abc|cab)", "(?:abc|abca)", "(abc)", `(?<n>cab)`,
	"(?=abc)", "(?!abc)", "(?<=abc)", "(?<!cab)", "(?>abc)", "(?i:abc)", "(?i)abc", "(?-i)cab", "[a-c]", "[^a]", ".", ".*", ".+?",
	`\w+`, "^", "$", `\b`, `\x61bc`, `\Qabc\E`, "a{3}", "(?:ab){2}", "(?:abc){0,2}", "[aA][bB][cC]", `(abc)\1`, `\1`, "|", "c++", "(?s:.)",
}

func randomExpr(r *rand.Rand) string {
	var b strings.Builder
	open := 0
	for range 1 + r.IntN(6) {
		if r.IntN(6) == 0 {
			b.WriteString([]string{"(", "(?:", "(?i:", "(?="}[r.IntN(4)])
			open++
		}
		b.WriteString(parts[r.IntN(len(parts))])
		if open > 0 && r.IntN(3) == 0 {
			b.WriteString([]string{")", ")?", ")+", "){1,2}"}[r.IntN(4)])
			open--
		}
	}
	return b.String() + strings.Repeat(")", open)
}

var regexpFlags = []match.RegexpFlags{0, match.Caseless, match.DotAll, match.Multiline, match.Anchored,
	match.Ungreedy, match.DollarEndOnly, match.Caseless | match.Multiline, match.Extended}

func TestPrefilterAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	matches, filtered := 0, 0
	for range 6000 {
		expr := randomExpr(r)
		b := makeText(r, []string{"abc", "abcABC", "abc\n "}[r.IntN(3)], r.IntN(25))
		found, filter := samePlain(t, expr, regexpFlags[r.IntN(len(regexpFlags))], b, r.IntN(3)*r.IntN(len(b)+1)/2)
		if found {
			matches++
		}
		if filter {
			filtered++
		}
	}
	if matches < 1000 || filtered < 1000 {
		t.Fatalf("only %d matches, %d with a filter: the test looks at nothing", matches, filtered)
	}
}

func FuzzPrefilter(f *testing.F) {
	for _, s := range []string{`abc.*x`, `(?:abc|abd)+`, `(?i)a\x62c`, `(?=abc)a`, `(?<!abc)cab`, `a(?:bcd)?e`, `\Qa.b\E.`, `(abc)\1`, `(?-i)abc(?i)DEF`, `x{0}abc`} {
		f.Add(uint64(0), s, uint16(0), []byte("xxABCabcabcdex"), 0)
	}
	f.Add(uint64(7), "", uint16(1), []byte("abcabcABC"), 0)
	f.Fuzz(func(t *testing.T, seed uint64, expr string, flags uint16, b []byte, from int) {
		if len(expr) > 200 || len(b) > 400 {
			return
		}
		if seed != 0 {
			r := rand.New(rand.NewPCG(seed, 43))
			expr += randomExpr(r)
			for i := range b {
				b[i] = "abcABC\n x"[b[i]%9]
			}
		}
		samePlain(t, expr, match.RegexpFlags(flags)&127, b, from)
	})
}

// FuzzTableOracle compares Table with entries looked at one by one, at every length
// of the text, with a sub-slice of it before and behind.
func FuzzTableOracle(f *testing.F) {
	f.Add([]byte("abc\nABC\n.abc\n\nb"), []byte("xabcABC.abc"), uint64(1))
	f.Add([]byte("\x00\n\xff\xff\na"), []byte("\x00\xff\xffa"), uint64(2))
	f.Fuzz(func(t *testing.T, list, text []byte, seed uint64) {
		if len(list) > 2<<10 || len(text) > 300 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 44))
		var entries []match.Entry
		for i, p := range bytes.Split(list, []byte("\n")) {
			entries = append(entries, match.Entry{Bytes: p, Nocase: r.IntN(2) == 0, Kind: match.Kind(r.IntN(3)), ID: uint32(i - r.IntN(i+1)/2)})
		}
		sameTable(t, entries, text)
	})
}

func sameTable(t *testing.T, entries []match.Entry, text []byte) (hits int) {
	t.Helper()
	table := match.BuildTable(entries)
	if table.Len() != len(entries) {
		t.Fatalf("Len is %d of %d entries", table.Len(), len(entries))
	}
	var h match.Hits
	for n := range len(text) + 1 {
		for _, b := range [][]byte{text[:n], text[n:]} {
			var want []uint32
			for _, e := range entries {
				if !slices.Contains(want, e.ID) && tableHolds(e, b) {
					want = append(want, e.ID)
				}
			}
			slices.Sort(want)
			table.Scan(b, &h)
			if got := gotIDs(&h); !slices.Equal(want, got) {
				t.Fatalf("%v in %q: want %v, got %v", entries, b, want, got)
			}
			hits += len(want)
		}
	}
	return hits
}

func tableHolds(e match.Entry, b []byte) bool {
	n := len(e.Bytes)
	p := match.Pattern{Bytes: e.Bytes, Nocase: e.Nocase}
	switch {
	case len(b) < n || e.Kind == match.Exact && len(b) != n:
		return false
	case e.Kind == match.Suffix:
		return sameAt(b[len(b)-n:], p)
	}
	return sameAt(b, p)
}

func TestTableAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(45, 46))
	hits := 0
	for range 300 {
		alphabet := alphabets[r.IntN(len(alphabets))]
		text := makeText(r, alphabet, r.IntN(40))
		var entries []match.Entry
		for i := range r.IntN(120) {
			p := makePattern(r, text, alphabet, 1+r.IntN(20))[r.IntN(2):]
			entries = append(entries, match.Entry{Bytes: p, Nocase: r.IntN(2) == 0, Kind: match.Kind(r.IntN(3)), ID: uint32(i)})
		}
		hits += sameTable(t, entries, text)
	}
	if hits < 1000 {
		t.Fatalf("only %d hits: the test looks at nothing", hits)
	}
}

// FuzzPrefixes compares both tables of addresses with a list.
func FuzzPrefixes(f *testing.F) {
	f.Add([]byte("\x00\x0a\x01\x02\x03\x04\x08\x00\x0a\x01\x02\x03\x04\x20"), []byte("\x0a\x01\x02\x03"))
	f.Add([]byte("\x01 \x01\x0d\xb8\x20\x02\x00\x00\x00\x00\x00\x60"), []byte(" \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, list, at []byte) {
		var entries []match.PrefixID
		for ; len(list) >= 7 && len(entries) < 100; list = list[7:] {
			entries = append(entries, match.PrefixID{Prefix: prefixFrom(list), ID: uint32(len(entries) / 2)})
		}
		var a packet.Addr
		switch {
		case len(at) >= 16:
			a = packet.AddrFrom(netip.AddrFrom16([16]byte(at[:16])))
		case len(at) >= 4:
			a = packet.AddrFrom(netip.AddrFrom4([4]byte(at[:4])))
		default:
			return
		}
		samePrefixes(t, entries, a)
	})
}

// prefixFrom makes a prefix of either family of seven bytes.
func prefixFrom(b []byte) netip.Prefix {
	if b[0]&1 == 0 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[1:5])), int(b[6])%33)
	}
	var a [16]byte
	copy(a[:], b[1:5])
	if b[0]&2 != 0 {
		a = [16]byte{10: 0xff, 11: 0xff, 12: b[1], 13: b[2], 14: b[3], 15: b[4]}
	}
	return netip.PrefixFrom(netip.AddrFrom16(a), int(b[6])%129)
}

func samePrefixes(t *testing.T, entries []match.PrefixID, a packet.Addr) {
	t.Helper()
	var want []uint32
	var last match.Prefixes[uint32]
	var best []match.PrefixID
	for _, e := range entries {
		last.Insert(e.Prefix, e.ID)
		if covers(e.Prefix, a) {
			want = append(want, e.ID)
			best = append(best, e)
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if got, _ := match.BuildPrefixIDs(entries).Lookup(a); !slices.Equal(want, got) {
		t.Fatalf("%v in %v: want %v, got %v", a.Netip(), entries, want, got)
	}
	// The longest wins, and of equal ones the last.
	slices.SortStableFunc(best, func(x, y match.PrefixID) int { return cmp.Compare(depthOf(x.Prefix), depthOf(y.Prefix)) })
	got, ok := last.Lookup(a)
	if ok != (len(best) > 0) || ok && got != best[len(best)-1].ID {
		t.Fatalf("%v in %v: got %d %v, want the last of %v", a.Netip(), entries, got, ok, best)
	}
}

// covers and depthOf take a prefix of mapped addresses for one of IPv4.
func covers(p netip.Prefix, a packet.Addr) bool {
	at := a.Netip().Unmap()
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Contains(at)
	}
	return netip.PrefixFrom(p.Addr(), p.Bits()).Masked().Contains(at)
}

func depthOf(p netip.Prefix) int {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return p.Bits() - 96
	}
	return p.Bits()
}
