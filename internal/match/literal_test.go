package match

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func naiveIndex(pattern, b []byte, nocase bool) int {
	if nocase {
		return bytes.Index(lower(b), lower(pattern))
	}
	return bytes.Index(b, pattern)
}

func TestLiteral(t *testing.T) {
	cases := []struct {
		pattern string
		nocase  bool
		in      string
		want    int
	}{
		{"", false, "", 0},
		{"", true, "abc", 0},
		{"abc", false, "xxabc", 2},
		{"abc", false, "xxABC", -1},
		{"abc", true, "xxABC", 2},
		{"AbC", true, "xxabC", 2},
		{"user-agent: ", true, "Host: x\r\nUSER-agent: y", 9},
		{"123", true, "0123", 1},
		{"@", true, "`", -1},
		{"\xe9a", true, "\xc9A\xe9A", 2},
		{"abc", true, "ab", -1},
		{strings.Repeat("a", 60) + "b", true, strings.Repeat("A", 500) + "B", 440},
	}
	for _, c := range cases {
		l := NewLiteral([]byte(c.pattern), c.nocase)
		if got := l.Index([]byte(c.in)); got != c.want {
			t.Errorf("Index(%q, %q, %v): want %d, got %d", c.in, c.pattern, c.nocase, c.want, got)
		}
	}
}

func TestLiteralOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	found := 0
	for range 20000 {
		p, b, nocase := words(r, "aAbBq@`", 6), words(r, "aAbBq@`", 60), r.IntN(4) > 0
		want := naiveIndex(p, b, nocase)
		if got := NewLiteral(p, nocase).Index(b); got != want {
			t.Fatalf("%q in %q, nocase %v: want %d, got %d", p, b, nocase, want, got)
		}
		if want > 0 {
			found++
		}
	}
	if found < 1000 {
		t.Fatalf("only %d found: the test looks at nothing", found)
	}
}

func TestLiteralEnds(t *testing.T) {
	l := NewLiteral([]byte("Ab1"), true)
	exact := NewLiteral([]byte("Ab1"), false)
	if !l.Equal([]byte("aB1")) || exact.Equal([]byte("aB1")) || l.Equal([]byte("aB1 ")) {
		t.Error("Equal")
	}
	if !l.HasPrefix([]byte("AB1xx")) || l.HasPrefix([]byte("AB")) || l.HasPrefix([]byte("xAB1")) {
		t.Error("HasPrefix")
	}
	if !l.HasSuffix([]byte("xxAB1")) || l.HasSuffix([]byte("B1")) || exact.HasSuffix([]byte("xxAB1")) {
		t.Error("HasSuffix")
	}
}

func FuzzLiteral(f *testing.F) {
	f.Add([]byte("abc"), []byte("xxABCxx"), true)
	f.Add([]byte("aaaaaaab"), []byte(strings.Repeat("a", 200)+"B"), true)
	f.Add([]byte("a"), []byte("A"), false)
	f.Fuzz(func(t *testing.T, p, b []byte, nocase bool) {
		if want, got := naiveIndex(p, b, nocase), NewLiteral(p, nocase).Index(b); got != want {
			t.Fatalf("%q in %q, nocase %v: want %d, got %d", p, b, nocase, want, got)
		}
	})
}

func BenchmarkLiteral(b *testing.B) {
	_, text, _ := benchSet(100)
	hostile := []byte(strings.Repeat("aA", 32<<10))
	cases := []struct {
		name, pattern string
		nocase        bool
		in            []byte
	}{
		{"exact", "zq-not-there", false, text},
		{"nocase", "zq-not-there", true, text},
		{"nocase common letters", "interesting tea", true, text},
		{"hostile", strings.Repeat("a", 100) + "c" + strings.Repeat("a", 100), true, hostile},
		{"hostile rare", strings.Repeat("a", 200), true, append([]byte(strings.Repeat("aab", 20<<10)), 'c')},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			l := NewLiteral([]byte(c.pattern), c.nocase)
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				if l.Index(c.in) >= 0 {
					b.Fatal("found")
				}
			}
		})
	}
}
