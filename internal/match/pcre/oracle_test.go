package pcre

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// widen maps each byte to the rune of its value, so that the engines of runes
// see what we see. Offsets come back through narrow.
func widen(b string) string {
	var w strings.Builder
	for i := range len(b) {
		w.WriteRune(rune(b[i]))
	}
	return w.String()
}

func narrow(wide string, offset int) int { return len([]rune(wide[:offset])) }

// Both oracles pick the same match as PCRE for what generate writes.
func oracleGo(expr, in string) (start, end int, ok bool) {
	re, err := regexp.Compile("(?s)" + expr)
	if err != nil {
		return 0, 0, false
	}
	wide := widen(in)
	at := re.FindStringIndex(wide)
	if at == nil {
		return -1, -1, true
	}
	return narrow(wide, at[0]), narrow(wide, at[1]), true
}

func oracleRegexp2(expr, in string) (start, end int, ok bool) {
	re, err := regexp2.Compile(expr, regexp2.Singleline)
	if err != nil {
		return 0, 0, false
	}
	re.MatchTimeout = time.Second
	m, err := re.FindStringMatch(widen(in))
	if err != nil {
		return 0, 0, false
	}
	if m == nil {
		return -1, -1, true
	}
	return m.RuneIndex, m.RuneIndex + m.RuneLength, true
}

// generate writes a random expression; perl adds what Go's package lacks.
func generate(r *rand.Rand, depth int, perl bool) string {
	if depth == 0 || r.IntN(4) == 0 {
		atoms := []string{"a", "b", "c", "ab", "[ab]", "[^a]", ".", `\x{e9}`, `\w`, `\d`, "^", "$", `\b`, "(?i)A"}
		return atoms[r.IntN(len(atoms))]
	}
	sub := func() string { return generate(r, depth-1, perl) }
	n := 7
	if perl {
		n = 11
	}
	switch r.IntN(n) {
	case 0, 1, 2:
		return sub() + sub()
	case 3:
		return "(?:" + sub() + "|" + sub() + ")"
	case 4, 5:
		q := []string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}?"}
		return "(?:" + sub() + ")" + q[r.IntN(len(q))]
	case 6:
		return "(" + sub() + ")"
	case 7:
		return "(?=" + sub() + ")"
	case 8:
		return "(?!" + sub() + ")"
	case 9:
		return "(?>" + sub() + ")"
	}
	return "(" + sub() + `)\1`
}

func TestOracles(t *testing.T) {
	oracles := []struct {
		name string
		perl bool
		find func(expr, in string) (int, int, bool)
	}{{"regexp", false, oracleGo}, {"regexp2", true, oracleRegexp2}}
	for _, o := range oracles {
		t.Run(o.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, 12))
			matches := 0
			for range 6000 {
				expr := generate(r, 4, o.perl)
				// The engines part ways by design on $ before a last line
				// feed and on what an empty round of a loop leaves behind.
				re, err := Compile(strings.ReplaceAll(expr, "$", `\z`), DotAll)
				if err != nil || !o.perl && !re.prog.pure {
					continue
				}
				var sc Scratch
				for range 4 {
					in := text(r, o.perl)
					start, end, ok := o.find(strings.ReplaceAll(expr, "$", `\z`), in)
					if !ok {
						continue
					}
					s, e, found := re.Find([]byte(in), 0, &sc)
					if !found {
						s, e = -1, -1
					}
					if s != start || e != end {
						t.Fatalf("%s in %q: want %d-%d, got %d-%d", expr, in, start, end, s, e)
					}
					if ms, _, mok := memoFind(re, []byte(in), &sc); re.prog.pure && (mok != found || found && ms != s) {
						t.Fatalf("%s in %q with the memo: want %d %v, got %d %v", expr, in, s, found, ms, mok)
					}
					if found {
						matches++
					}
				}
			}
			if matches < 2000 {
				t.Fatalf("only %d matches: the test looks at nothing", matches)
			}
		})
	}
}

// text is a random input, of ASCII alone where the oracle takes other letters
// for part of a word.
func text(r *rand.Rand, ascii bool) string {
	b := make([]byte, r.IntN(12))
	letters := "\xe9aabbcA1 "
	if ascii {
		letters = letters[1:]
	}
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}
