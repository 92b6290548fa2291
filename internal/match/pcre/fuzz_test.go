package pcre

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// grammar writes an expression that Go's regexp reads as PCRE does, each choice
// taken from a byte of the fuzzer's input; without bytes it ends.
type grammar struct {
	in   []byte
	left int // atoms to come at most
}

func (g *grammar) next(n int) int {
	if len(g.in) == 0 {
		return 0
	}
	c := int(g.in[0])
	g.in = g.in[1:]
	return c % n
}

func (g *grammar) expr(depth int) string {
	parts := []string{g.branch(depth)}
	for len(parts) < 4 && g.next(5) == 1 {
		parts = append(parts, g.branch(depth))
	}
	return strings.Join(parts, "|")
}

func (g *grammar) branch(depth int) string {
	var b strings.Builder
	for range 1 + g.next(4) {
		b.WriteString(g.piece(depth))
	}
	return b.String()
}

func (g *grammar) piece(depth int) string {
	quantifiers := []string{"", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}", "{0,2}?", "{3,}?"}
	atom := g.atom(depth)
	if strings.HasPrefix(atom, "^") || strings.HasPrefix(atom, `\b`) || strings.HasPrefix(atom, `\B`) || strings.HasPrefix(atom, `\z`) || strings.HasPrefix(atom, "(?m:") {
		return atom
	}
	return atom + quantifiers[g.next(len(quantifiers))]
}

func (g *grammar) atom(depth int) string {
	atoms := []string{"a", "b", "c", "(?:abc)", "(?:ABc)", ".", "[ab]", "[^a]", "[a-c1-9]", `[^\n]`, `\w`, `\d`, `\W`, `\D`, `\S`,
		`\x{e9}`, `[\x{80}-\x{ff}]`, "^", `\z`, `\b`, `\B`, "(?m:^)", "(?m:$)", "1", "(?i:b)", "(?i:aB1)", "(?i:[a-b])", `\n`}
	g.left--
	if depth == 0 || g.left < 0 {
		return atoms[g.next(len(atoms))]
	}
	switch g.next(4) {
	case 1:
		return "(?:" + g.expr(depth-1) + ")"
	case 2:
		return "(" + g.expr(depth-1) + ")"
	}
	return atoms[g.next(len(atoms))]
}

// inputFrom makes text of few letters of the fuzzer's bytes. No line feed is the
// last: PCRE has no start of a line behind it, Go's regexp has.
func inputFrom(b []byte) string {
	const letters = "aabbcABC1 \n\xe9"
	var w strings.Builder
	for _, c := range b {
		w.WriteByte(letters[int(c)%len(letters)])
	}
	return strings.TrimRight(w.String(), "\n")
}

// agree compares the backtracker, the memo and Go's regexp on Latin-1. It
// reports whether there was something to compare.
func agree(t *testing.T, expr, in string) (found bool) {
	t.Helper()
	re, err := Compile(expr, DotAll)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	if !re.prog.pure {
		return false
	}
	var sc Scratch
	b := []byte(in)
	start, end, ok := re.Find(b, 0, &sc)
	if sc.Limited > 0 {
		if s := re.prog.choices * (len(b) + 1); s <= maxMemoBits {
			t.Fatalf("%s in %d bytes: a pure expression was given up", expr, len(b))
		}
		return false
	}
	if !ok {
		start, end = -1, -1
	}
	var memo Scratch
	if ms, _, mok := memoFind(re, b, &memo); mok != ok || ok && ms != start {
		t.Fatalf("%s in %q with the memo: want %d %v, got %d %v", expr, in, start, ok, ms, mok)
	}
	goRE, err := regexp.Compile("(?s)" + expr)
	if err != nil {
		return false // counts beyond its bounds
	}
	want := []int{-1, -1}
	wide := widen(in)
	if at := goRE.FindStringIndex(wide); at != nil {
		want = []int{narrow(wide, at[0]), narrow(wide, at[1])}
	}
	// With the memo a match may end elsewhere (Scratch.fresh).
	if start != want[0] || end != want[1] && !sc.memo {
		t.Fatalf("%s in %q: want %v, got %d-%d", expr, in, want, start, end)
	}
	return ok
}

func TestEnginesAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	found := 0
	for range 4000 {
		choices, text := make([]byte, 60), make([]byte, r.IntN(30))
		for i := range choices {
			choices[i] = byte(r.Uint32())
		}
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		g := &grammar{in: choices, left: 12}
		if agree(t, g.expr(3), inputFrom(text)) {
			found++
		}
	}
	if found < 1000 {
		t.Fatalf("only %d matches: the test looks at nothing", found)
	}
}

// FuzzEngines: what the fuzzer's bytes choose, all three engines find alike.
func FuzzEngines(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"), []byte("abcabc"))
	f.Add([]byte("\x01\x02\x01\x02\x01\x02\x03\x04\x09\x0a\x0b\x01\x0d\x11\x05"), []byte("\x00\x00\x00\x00\x00\x00\x02"))
	f.Add([]byte("\x03\x01\x00\x01\x03\x03\x02\x02\x01\x04\x0b\x0d\x03\x01\x04\x12\x07"), []byte("\x0a\x0b\x00\x08\x09\x0a"))
	f.Fuzz(func(t *testing.T, choices, text []byte) {
		if len(choices) > 200 || len(text) > 400 {
			return
		}
		g := &grammar{in: choices, left: 16}
		agree(t, g.expr(4), inputFrom(text))
	})
}
