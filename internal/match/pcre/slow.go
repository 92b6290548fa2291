package pcre

import "fmt"

// Slow says why a search may run into its bound of steps, so that it ends
// without an answer, or "" if it can't or hardly will. An expression without
// look-around, atomic groups, back-references and counted groups never does:
// its memo makes it linear.
func (r *Regexp) Slow() string {
	p := r.prog
	if p.pure {
		return ""
	}
	open, nested := p.openRepeats()
	tries := open
	if !r.OneStart() {
		tries++
	}
	what := "look-around, an atomic group or a counted group"
	if p.refs {
		what = "a back-reference"
	}
	switch {
	case nested:
		return "a repeat inside a repeat, beside " + what + ": each byte may double the ways to divide the text between them"
	case tries >= 3:
		return fmt.Sprintf("%d open repeats that may end at several places, beside %s: the tries multiply", open, what)
	}
	return ""
}

// openRepeats counts the repeats without an upper bound that can give bytes
// back and go on from there, and reports whether one is inside another.
func (p *program) openRepeats() (open int, nested bool) {
	var ends []int // of the loops around the instruction at hand
	for i := range p.code {
		for len(ends) > 0 && i >= ends[len(ends)-1] {
			ends = ends[:len(ends)-1]
		}
		in := &p.code[i]
		end := 0
		switch in.code {
		case cRun:
			if in.high != unlimited || in.mode == possessive || in.then != nil && !in.set.meets(in.then) {
				continue // or only one length of it leads on
			}
		case cSplit:
			if end = p.loopEnd(i); end == 0 {
				continue
			}
		case cLoop:
			if in.high != unlimited {
				continue
			}
			end = int(in.y)
		default:
			continue
		}
		open++
		nested = nested || len(ends) > 0
		if end > 0 {
			ends = append(ends, end)
		}
	}
	return open, nested
}

// meets reports a byte that is in both sets.
func (s *set) meets(o *set) bool {
	for c := range 256 {
		if s.has(byte(c)) && o.has(byte(c)) {
			return true
		}
	}
	return false
}

// loopEnd returns where the loop that starts with the split at i ends, or 0 if
// it is no loop: a loop's last instruction jumps back to its split.
func (p *program) loopEnd(i int) int {
	in := &p.code[i]
	exit := int(max(in.x, in.y))
	if last := exit - 1; last > i && p.code[last].code == cJump && int(p.code[last].x) == i {
		return exit
	}
	return 0
}
