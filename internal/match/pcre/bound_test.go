package pcre

import (
	"bytes"
	"strings"
	"testing"
)

func mustCompile(tb testing.TB, expr string, flags Flags) *Regexp {
	tb.Helper()
	r, err := Compile(expr, flags)
	if err != nil {
		tb.Fatalf("%s: %v", expr, err)
	}
	return r
}

// Expressions that take a plain backtracker exponential or quadratic time. A
// pure one must still give the right answer.
func TestHostile(t *testing.T) {
	as := strings.Repeat("a", 20000)
	cases := []struct {
		expr, in string
		found    bool
		limited  bool
	}{
		{`^(?:a+)+$`, as + "!", false, false},
		{`^(?:a|aa)+$`, as + "!", false, false},
		{`^(?:a|aa)+!$`, as + "!", true, false},
		{`(?:a|ab|abc)*d`, strings.Repeat("abc", 5000), false, false},
		{`(x+x+)+y`, strings.Repeat("x", 5000), false, false},
		{`(?:.*?,){8}P`, strings.Repeat("1,", 5000), false, false},
		{`(a*)*!`, as, false, true},
		{`(a+)+\1!`, as, false, true},
		{`(?=(a+)+!)a`, as, false, true},
		{`(?:(?:a?){100}){100}!`, as, false, true},
	}
	for _, c := range cases {
		t.Run(c.expr, func(t *testing.T) {
			var sc Scratch
			r := mustCompile(t, c.expr, 0)
			// What is not bounded does not end: an exponential search of
			// 20,000 bytes outlives the test's time limit.
			_, _, ok := r.Find([]byte(c.in), 0, &sc)
			if ok != c.found || sc.Limited > 0 != c.limited {
				t.Errorf("found %v, limited %d", ok, sc.Limited)
			}
			if len(sc.stack) > maxStack || cap(sc.seen)*64 > 2*maxMemoBits {
				t.Errorf("stack %d, memo %d words", len(sc.stack), cap(sc.seen))
			}
		})
	}
}

// memoFind is Find with the memo from the first step.
func memoFind(r *Regexp, b []byte, sc *Scratch) (start, end int, ok bool) {
	sc.begin(r.prog, b, 0, true)
	sc.remember()
	for at := 0; at <= len(b); at++ {
		if got := sc.try(at); got != failed {
			return int(sc.slots[0]), int(sc.slots[1]), got == matched
		}
	}
	return 0, 0, false
}

// The memo must not change what is found.
func TestMemoAgrees(t *testing.T) {
	in := []byte(strings.Repeat("abcab", 9))
	for _, expr := range []string{`(?:a|ab)+(c|ca)(?:b|.)*?b`, `(?:a|ab)*d|(ab+)+c`, `a.*?(b.*)c(.+)`, `(?:[ab]+c?)+$`} {
		r := mustCompile(t, expr, 0)
		var plain, memo Scratch
		start, end, ok := r.Find(in, 0, &plain)
		s, e, found := memoFind(r, in, &memo)
		if s != start || e != end || ok != found {
			t.Fatalf("%s: want %d-%d %v, got %d-%d %v", expr, start, end, ok, s, e, found)
		}
	}
}

func TestFindAllocates(t *testing.T) {
	in := []byte(strings.Repeat("key=value&other=1;", 50) + "id=77&x=y")
	for _, expr := range []string{`id=(\d+)&(?!y)`, `(?i)ID=(?<n>\d+)`, `([a-z]+)=\1`, `(?>a|b)c`, `(?:a|o)+x`} {
		r := mustCompile(t, expr, 0)
		var sc Scratch
		r.FindSubmatch(in, 0, &sc)
		if n := testing.AllocsPerRun(20, func() { r.FindSubmatch(in, 0, &sc); r.Find(in, 3, &sc) }); n != 0 {
			t.Errorf("%s: %v allocations", expr, n)
		}
	}
}

func FuzzPCRE(f *testing.F) {
	seeds := []string{`a(b|c)*?\1`, `(?i)^x{2,}$|[^\d\-a]+`, `(?<=ab)c(?!d)`, `(?>a+)b++\bq?`, `\Q.\E[[:alpha:]]\x41\R`, `(a*)*b`, `(?:a|ab){300}c`}
	for _, s := range seeds {
		f.Add(s, uint16(Caseless|Multiline), []byte("aabcabXX\r\nq"), 1)
	}
	f.Add("\xd1m", uint16(Caseless), []byte("0\xd1M"), 1)
	f.Fuzz(func(t *testing.T, expr string, flags uint16, b []byte, from int) {
		if len(expr) > 200 || len(b) > 2000 {
			return
		}
		r, err := Compile(expr, Flags(flags))
		if err != nil {
			return
		}
		var sc Scratch
		start, end, ok := r.Find(b, from, &sc)
		groups := r.FindSubmatch(b, from, &sc)
		if ok != (groups != nil) {
			t.Fatalf("Find %v, FindSubmatch %v", ok, groups)
		}
		if !ok {
			return
		}
		if groups[0] != start || groups[1] != end || len(groups) != 2*(r.NumGroups()+1) {
			t.Fatalf("Find %d-%d, FindSubmatch %v", start, end, groups)
		}
		for _, g := range groups {
			if g < -1 || g > len(b) {
				t.Fatalf("offset %d of %d bytes", g, len(b))
			}
		}
		text, nocase := r.Required()
		if nocase && !bytes.Contains(lower(b), text) || !nocase && !bytes.Contains(b, text) {
			t.Fatalf("match without the required %q", text)
		}
	})
}

// lower changes ASCII letters alone, unlike bytes.ToLower.
func lower(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c | 0x20
		}
	}
	return out
}

func BenchmarkFind(b *testing.B) {
	url := []byte("/wp-content/plugins/some-thing/includes/page.php?id=12345&session=abcdef0123456789&lang=en-US&redirect=%2Findex.html")
	body := []byte(strings.Repeat("<p>Some words of a page, and <a href=\"/link/12.html\">links</a>.</p>\n", 20))
	cases := []struct {
		name, expr string
		flags      Flags
		in         []byte
	}{
		{"url/anchored", `^/[a-z-]+/[a-z]+/[a-z-]+/.*?\.php\?id=\d+`, 0, url},
		{"url/classes", `[a-f0-9]{16}&lang=[a-z]{2}-[A-Z]{2}$`, 0, url},
		{"url/nocase", `session=[a-z0-9]+&LANG=`, Caseless, url},
		{"body/literal", `href="\/nothing\/\d+`, 0, body},
		{"body/lazy", `<a.{1,100}?onclick\s*=`, Caseless | DotAll, body},
		{"body/class first", `[A-Z][a-z]+ [a-z]+ of the`, 0, body},
		{"body/backref", `(\w+)=\1&`, 0, body},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			r := mustCompile(b, c.expr, c.flags)
			var sc Scratch
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				r.Find(c.in, 0, &sc)
			}
		})
	}
}
