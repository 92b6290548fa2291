package pcre

import "bytes"

// Bounds of one search.
const (
	maxBuffer   = 1 << 30
	baseSteps   = 1 << 15 // before the memo, and 8 for each byte
	memoSteps   = 1 << 19 // with the memo, and 64 for each byte
	plainSteps  = 1 << 18 // without a memo to come, and 8 for each byte
	maxStack    = 1 << 18
	maxMemoBits = 1 << 26
)

// outcome of one try.
type outcome uint8

const (
	failed outcome = iota
	matched
	exhausted
)

// Scratch is one worker's memory for searches. The zero value is ready.
type Scratch struct {
	// Limited counts searches that were given up for their cost, so that a
	// match may have been missed.
	Limited uint64
	// Work is what all searches have cost: a unit is an instruction run, or
	// four bytes passed over in search of a place to start.
	Work uint64

	prog   *program
	b      []byte
	from   int
	groups bool // captures are wanted
	steps  int
	budget int  // what steps started from
	over   bool // the stack bound was hit
	memo   bool
	seen   []uint64 // choice id * (len(b)+1) + position
	ranges []extent // by choice id: where an open run was last entered
	slots  []int32
	stack  []frame
	result []int
}

// extent is a stretch of bytes of a run's set.
type extent struct{ low, high int32 }

// frame is a choice to come back to, or a slot to restore.
type frame struct {
	kind frameKind
	pc   int32
	a, b int32
}

type frameKind int32

const (
	fSplit frameKind = iota // pc's second way, from position a
	fMore                   // greedy run at pc: give one back; position a, least b
	fLess                   // lazy run at pc: take one more; position a, most b
	fLoop                   // lazy loop at pc: one more round from position a
	fLeave                  // greedy loop at pc: leave, from position a
	fSlot                   // slot a was b
	fNot                    // what stood in a negative look-around failed: go on behind
)

func (sc *Scratch) begin(p *program, b []byte, from int, groups bool) {
	sc.prog, sc.b, sc.from = p, b, from
	sc.groups = groups || p.refs
	sc.memo, sc.over = false, false
	sc.steps = plainSteps + 8*len(b)
	if p.pure {
		sc.steps = baseSteps + 8*len(b)
	}
	sc.budget = sc.steps
	if cap(sc.slots) < p.slots {
		sc.slots = make([]int32, p.slots)
	}
	sc.slots = sc.slots[:p.slots]
}

// charge counts the steps taken as work.
func (sc *Scratch) charge() { sc.Work += uint64(sc.budget - max(sc.steps, 0)) }

// try matches at start. It starts over with a memo when that pays.
func (sc *Scratch) try(start int) outcome {
	if end := sc.attempt(start); end >= 0 {
		sc.slots[1] = int32(end)
		return matched
	}
	if sc.steps > 0 && !sc.over {
		return failed
	}
	if sc.memo || !sc.prog.pure || sc.prog.choices*(len(sc.b)+1) > maxMemoBits {
		sc.Limited++
		return exhausted
	}
	sc.remember()
	return sc.try(start)
}

// remember turns the memo on.
func (sc *Scratch) remember() {
	sc.charge()
	sc.memo, sc.over = true, false
	sc.steps = memoSteps + 64*len(sc.b)
	sc.budget = sc.steps
	bits := sc.prog.choices * (len(sc.b) + 1)
	if need := bits/64 + 1; cap(sc.seen) < need {
		sc.seen = make([]uint64, need)
	} else {
		sc.seen = sc.seen[:need]
		clear(sc.seen)
	}
	sc.ranges = sc.ranges[:0]
	for range sc.prog.choices {
		sc.ranges = append(sc.ranges, extent{low: 1})
	}
}

// attempt runs the program at start and returns the match's end, or -1.
func (sc *Scratch) attempt(start int) int {
	for i := range sc.slots {
		sc.slots[i] = -1
	}
	sc.slots[0] = int32(start)
	sc.stack = sc.stack[:0]
	pc, pos := 0, start
	for {
		pc, pos = sc.forward(pc, pos)
		if pc < 0 {
			return pos
		}
		if pc, pos = sc.backtrack(); pc < 0 {
			return -1
		}
	}
}

// forward runs until a match, for which it returns pc -1 and the end, or a
// failure, for which it returns pc 0.
func (sc *Scratch) forward(pc, pos int) (int, int) {
	b, code := sc.b, sc.prog.code
	for {
		if sc.steps--; sc.steps <= 0 {
			sc.stack = sc.stack[:0]
			return 0, pos
		}
		in := &code[pc]
		pc++
		switch in.code {
		case cMatch:
			return -1, pos
		case cByte:
			if pos == len(b) || b[pos] != in.b {
				return 0, pos
			}
			pos++
		case cByteFold:
			if pos == len(b) || b[pos]|0x20 != in.b {
				return 0, pos
			}
			pos++
		case cSet:
			if pos == len(b) || !in.set.has(b[pos]) {
				return 0, pos
			}
			pos++
		case cString:
			n := len(in.text)
			if len(b)-pos < n || string(b[pos:pos+n]) != string(in.text) {
				return 0, pos
			}
			pos += n
		case cStringFold:
			n := len(in.text)
			if len(b)-pos < n || !equalFold(b[pos:pos+n], in.text) {
				return 0, pos
			}
			pos += n
		case cSplit:
			if sc.memo && sc.known(in, pos) {
				return 0, pos
			}
			sc.push(fSplit, pc-1, pos, 0)
			pc = int(in.x)
		case cJump:
			pc = int(in.x)
		default:
			if pc, pos = sc.special(in, pc, pos); pc == 0 {
				return 0, pos
			}
		}
	}
}

// special runs the rarer instructions; in stands before pc. It returns where
// to go on, or pc 0 for a failure.
func (sc *Scratch) special(in *inst, pc, pos int) (int, int) {
	switch in.code {
	case cRun:
		return sc.run(in, pc, pos)
	case cSave:
		if sc.groups {
			sc.set(in.x, pos)
		}
	case cKeep:
		sc.set(0, pos)
	case cMark:
		sc.set(in.x, pos)
	case cZero:
		sc.set(in.x, 0)
	case cAssert:
		if !holds(assertion(in.b), sc.b, pos, sc.from) {
			return 0, pos
		}
	case cBackref:
		return sc.backref(in, pc, pos)
	case cCheck:
		if int(sc.slots[in.x]) == pos {
			return int(in.y), pos
		}
	case cLoop:
		return sc.loop(in, pc, pos)
	case cBack:
		if pos -= int(in.x); pos < 0 {
			return 0, 0
		}
	default:
		return sc.look(in, pc, pos)
	}
	return pc, pos
}

// look runs the instructions of look-around and atomic groups.
func (sc *Scratch) look(in *inst, pc, pos int) (int, int) {
	switch in.code {
	case cEnter:
		sc.set(in.x, len(sc.stack))
		sc.set(in.x+1, pos)
		// The undo frames just pushed belong below what is forgotten.
		sc.slots[in.x] = int32(len(sc.stack))
	case cEnterNot:
		sc.set(in.x, 0)
		sc.slots[in.x] = int32(len(sc.stack))
		sc.push(fNot, pc-1, pos, 0)
	case cLeave:
		sc.forget(int(sc.slots[in.x]))
	case cLeaveLook:
		pos = int(sc.slots[in.x+1])
		sc.forget(int(sc.slots[in.x]))
	case cLeaveNot:
		sc.unwind(int(sc.slots[in.x]))
		return 0, pos
	}
	return pc, pos
}

// push puts a frame on the stack.
func (sc *Scratch) push(kind frameKind, pc, a, b int) {
	if len(sc.stack) == maxStack {
		sc.over, sc.steps = true, 0
		return
	}
	sc.stack = append(sc.stack, frame{kind, int32(pc), int32(a), int32(b)})
}

// set changes a slot so that backtracking restores it.
func (sc *Scratch) set(slot int32, v int) {
	if len(sc.stack) > 0 {
		sc.push(fSlot, 0, int(slot), int(sc.slots[slot]))
	}
	sc.slots[slot] = int32(v)
}

// forget drops the choices above height and keeps the restorations.
func (sc *Scratch) forget(height int) {
	kept := sc.stack[:min(height, len(sc.stack))]
	for _, f := range sc.stack[len(kept):] {
		sc.steps--
		if f.kind == fSlot {
			kept = append(kept, f)
		}
	}
	sc.stack = kept
}

// unwind drops everything above height and restores slots.
func (sc *Scratch) unwind(height int) {
	for len(sc.stack) > height {
		f := sc.stack[len(sc.stack)-1]
		sc.stack = sc.stack[:len(sc.stack)-1]
		sc.steps--
		if f.kind == fSlot {
			sc.slots[f.a] = f.b
		}
	}
}

// run takes as many bytes as its mode asks for.
func (sc *Scratch) run(in *inst, pc, pos int) (int, int) {
	most := len(sc.b)
	if in.high != unlimited {
		most = min(most, pos+int(in.high))
	}
	least := pos + int(in.low)
	if sc.memo && in.high == unlimited {
		most = sc.fresh(in, pos)
	}
	if least > most {
		return 0, pos
	}
	stop := most
	if in.mode == lazy {
		stop = least
	}
	end := scan(sc.b[:stop], pos, in.set)
	sc.steps -= (end - pos) >> 4
	switch {
	case end < least:
		return 0, pos
	case in.mode == lazy && least < most:
		sc.push(fLess, pc-1, end, most)
	case in.mode == greedy && end > least:
		sc.push(fMore, pc-1, end, least)
	}
	if sc.memo && sc.known(in, end) {
		return 0, pos
	}
	return pc, end
}

// fresh returns where an open run that is entered at pos need stop at most:
// where no earlier entry of it stopped or still will. Without it the memo
// would leave a quadratic search: a run over n bytes entered at each of them.
//
// Like the memo itself, leaving the rest to the earlier entry may find another
// match from the same start than the order of choices asks for, never one too
// many or too few.
func (sc *Scratch) fresh(in *inst, pos int) (most int) {
	r := &sc.ranges[in.id]
	low, high := int(r.low), int(r.high)
	if pos >= low && pos <= high {
		return -1
	}
	if pos < low && low <= high {
		end := scan(sc.b[:low], pos, in.set)
		sc.steps -= (end - pos) >> 4
		if end == low {
			r.low = int32(pos)
			return min(low+int(in.low)-1, high)
		}
	}
	end := scan(sc.b, pos, in.set)
	sc.steps -= (end - pos) >> 4
	*r = extent{int32(pos), int32(end)}
	return end
}

// scan returns the end of the bytes of s from pos.
func scan(b []byte, pos int, s *set) int {
	if s[0] == ^uint64(1<<'\n') && s[1]&s[2]&s[3] == ^uint64(0) {
		if n := bytes.IndexByte(b[pos:], '\n'); n >= 0 {
			return pos + n
		}
		return len(b)
	}
	if s[0]&s[1]&s[2]&s[3] == ^uint64(0) {
		return len(b)
	}
	for pos < len(b) && s.has(b[pos]) {
		pos++
	}
	return pos
}

func (sc *Scratch) backref(in *inst, pc, pos int) (int, int) {
	low, high := sc.slots[2*in.x], sc.slots[2*in.x+1]
	if low < 0 || high < low {
		return 0, pos
	}
	text := sc.b[low:high]
	sc.steps -= len(text) >> 4
	if len(sc.b)-pos < len(text) {
		return 0, pos
	}
	at := sc.b[pos : pos+len(text)]
	for i, c := range text {
		if at[i] != c && (!in.fold || !isLetter(c) || at[i]^c != 0x20) {
			return 0, pos
		}
	}
	return pc, pos + len(text)
}

// loop counts one more round of a repeat, or leaves it.
func (sc *Scratch) loop(in *inst, pc, pos int) (int, int) {
	count := sc.slots[in.x]
	switch {
	case count < in.low:
	case in.high != unlimited && count >= in.high:
		return int(in.y), pos
	case in.mode == lazy:
		sc.push(fLoop, pc-1, pos, int(count))
		return int(in.y), pos
	default:
		sc.push(fLeave, pc-1, pos, 0)
	}
	sc.set(in.x, int(count)+1)
	return pc, pos
}

// backtrack returns the next choice, or pc -1 if none is left.
func (sc *Scratch) backtrack() (pc, pos int) {
	for len(sc.stack) > 0 {
		f := &sc.stack[len(sc.stack)-1]
		if f.kind == fSlot {
			sc.slots[f.a] = f.b
			sc.stack = sc.stack[:len(sc.stack)-1]
			continue
		}
		if sc.steps--; sc.steps <= 0 {
			return -1, 0
		}
		if pc, pos = sc.resume(f); pc > 0 {
			return pc, pos
		}
	}
	return -1, 0
}

// resume takes the choice f, which is the top of the stack. pc 0 means that
// there is nothing left to try.
func (sc *Scratch) resume(f *frame) (pc, pos int) {
	in := &sc.prog.code[f.pc]
	pos = int(f.a)
	switch f.kind {
	case fMore:
		return sc.giveBack(f, in)
	case fLess:
		return sc.takeMore(f, in)
	}
	pc = int(in.y)
	kind, count := f.kind, int(f.b)
	at := int(f.pc)
	sc.stack = sc.stack[:len(sc.stack)-1]
	if kind == fLoop {
		sc.set(in.x, count+1)
		pc = at + 1
	}
	return pc, pos
}

// giveBack makes a greedy run one byte shorter, or more if what must follow
// does not stand there.
func (sc *Scratch) giveBack(f *frame, in *inst) (pc, pos int) {
	pos = int(f.a) - 1
	for in.then != nil && pos >= int(f.b) && !in.then.has(sc.b[pos]) {
		pos--
	}
	sc.steps -= (int(f.a) - pos) >> 4
	pc = int(f.pc) + 1
	f.a = int32(pos)
	if pos <= int(f.b) {
		sc.stack = sc.stack[:len(sc.stack)-1]
	}
	if pos < int(f.b) || sc.memo && sc.known(in, pos) {
		return 0, 0
	}
	return pc, pos
}

// takeMore makes a lazy run one byte longer, or more if what must follow does
// not stand there.
func (sc *Scratch) takeMore(f *frame, in *inst) (pc, pos int) {
	pos = int(f.a)
	pc = int(f.pc) + 1
	for {
		if pos == int(f.b) || !in.set.has(sc.b[pos]) {
			sc.steps -= (pos - int(f.a)) >> 4
			sc.stack = sc.stack[:len(sc.stack)-1]
			return 0, 0
		}
		pos++
		if in.then == nil || pos < len(sc.b) && in.then.has(sc.b[pos]) {
			break
		}
	}
	sc.steps -= (pos - int(f.a)) >> 4
	f.a = int32(pos)
	if sc.memo && sc.known(in, pos) {
		return 0, 0
	}
	return pc, pos
}

// known reports whether the search was at this choice and position before,
// and notes that it is now. Of a run, it is the position of its end.
func (sc *Scratch) known(in *inst, pos int) bool {
	bit := int(in.id)*(len(sc.b)+1) + pos
	was := sc.seen[bit>>6]>>(bit&63)&1 != 0
	sc.seen[bit>>6] |= 1 << (bit & 63)
	return was
}

// holds reports whether a holds at pos.
func holds(a assertion, b []byte, pos, from int) bool {
	switch a {
	case atStart:
		return pos == 0
	case atLineStart:
		return pos == 0 || b[pos-1] == '\n' && pos < len(b)
	case atEnd:
		return pos == len(b)
	case atEndOrNewline:
		return pos == len(b) || pos == len(b)-1 && b[pos] == '\n'
	case atLineEnd:
		return pos == len(b) || b[pos] == '\n'
	case atWord:
		return wordBefore(b, pos) != wordAt(b, pos)
	case notAtWord:
		return wordBefore(b, pos) == wordAt(b, pos)
	case atFrom:
		return pos == from
	}
	return false
}

func wordBefore(b []byte, pos int) bool { return pos > 0 && isWord(b[pos-1]) }
func wordAt(b []byte, pos int) bool     { return pos < len(b) && isWord(b[pos]) }
func isWord(c byte) bool                { return isLetter(c) || c >= '0' && c <= '9' || c == '_' }

// equalFold reports whether b in lower case is want. Only want's letters have
// two cases.
func equalFold(b, want []byte) bool {
	for i, c := range want {
		if b[i] != c && (b[i]|0x20 != c || !isLetter(c)) {
			return false
		}
	}
	return true
}
