package pcre

// code is the operation of an instruction.
type code uint8

const (
	cMatch      code = iota
	cByte            // b
	cByteFold        // b, lower case, in either case
	cString          // text
	cStringFold      // text, lower case, in either case
	cSet             // a byte of set
	cRun             // low to high bytes of set
	cSplit           // go on at x, or else at y
	cJump            // go on at x
	cSave            // the position goes into slot x
	cKeep            // the match starts here
	cAssert          // b is the assertion
	cBackref         // the text of group x
	cMark            // the position goes into slot x; only in loops
	cCheck           // leave for y if the position is still that of slot x
	cZero            // slot x = 0
	cLoop            // count slot x up; body follows, exit at y
	cBack            // x bytes back
	cEnter           // slots x, x+1: stack height and position
	cEnterNot        // the same, and go on at y if what follows fails
	cLeave           // forget the choices since cEnter
	cLeaveLook       // the same, and back to its position
	cLeaveNot        // forget all since cEnterNot, and fail
)

// inst is an instruction.
type inst struct {
	code      code
	b         byte
	mode      mode
	fold      bool
	x, y      int32
	low, high int32 // high is unlimited for no bound
	id        int32 // of a choice, from 0
	set       *set
	then      *set // what must follow a run; nil if not known
	text      []byte
}

// program is a compiled expression.
type program struct {
	code    []inst
	slots   int  // two for each group and for the match, then the loops'
	groups  int  // without the whole match
	choices int  // number of cSplit and cRun
	pure    bool // what follows a choice depends on place and position alone
	refs    bool // has back-references
}

// Bounds of a program.
const (
	maxCode   = 20000
	maxExpand = 400 // instructions one repeat may be written out to
)

type compiler struct{ program }

func compile(n *node, groups int) (*program, error) {
	c := &compiler{program{slots: 2 * (groups + 1), groups: groups, pure: true}}
	if err := c.node(n); err != nil {
		return nil, err
	}
	c.emit(inst{code: cMatch})
	c.hints()
	return &c.program, nil
}

func (c *compiler) emit(in inst) int {
	if in.code == cSplit || in.code == cRun {
		in.id = int32(c.choices)
		c.choices++
	}
	c.code = append(c.code, in)
	return len(c.code) - 1
}

func (c *compiler) here() int32 { return int32(len(c.code)) }

func (c *compiler) slot(n int) int32 {
	c.slots += n
	return int32(c.slots - n)
}

func (c *compiler) node(n *node) error {
	if len(c.code) > maxCode {
		return &Error{0, "expression too large"}
	}
	switch n.op {
	case opSet:
		c.emit(setInst(n.set))
	case opCat:
		return c.cat(n.subs)
	case opAlt:
		return c.alt(n.subs, c.node)
	case opRepeat:
		return c.repeat(n)
	case opGroup:
		return c.group(n)
	case opLook:
		return c.look(n)
	case opAtomic:
		return c.atomic(n.subs[0])
	case opBackref:
		c.pure, c.refs = false, true
		c.emit(inst{code: cBackref, x: int32(n.index), fold: n.fold})
	case opAssert:
		c.emit(inst{code: cAssert, b: byte(n.assert)})
	case opKeep:
		c.emit(inst{code: cKeep})
	}
	return nil
}

// setInst is the instruction for one byte of s.
func setInst(s set) inst {
	if b, folded, ok := s.single(); ok {
		if folded {
			return inst{code: cByteFold, b: b}
		}
		return inst{code: cByte, b: b}
	}
	return inst{code: cSet, set: &s}
}

// cat joins neighbouring bytes to strings.
func (c *compiler) cat(subs []*node) error {
	for i := 0; i < len(subs); {
		text, fold, n := stringOf(subs[i:])
		if n > 1 {
			in := inst{code: cString, text: text}
			if fold {
				in.code = cStringFold
			}
			c.emit(in)
			i += n
			continue
		}
		if err := c.node(subs[i]); err != nil {
			return err
		}
		i++
	}
	return nil
}

// stringOf returns the string that the first n nodes stand for. A letter that
// keeps its case does not mix with one that does not.
func stringOf(subs []*node) (text []byte, fold bool, n int) {
	exact := false
	for ; n < len(subs) && subs[n].op == opSet; n++ {
		b, folded, ok := subs[n].set.single()
		if !ok || folded && exact || !folded && fold && isLetter(b) {
			break
		}
		fold = fold || folded
		exact = exact || !folded && isLetter(b)
		text = append(text, b)
	}
	return text, fold, n
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// alt tries subs in order.
func (c *compiler) alt(subs []*node, emit func(*node) error) error {
	var jumps []int
	for i, s := range subs {
		split := -1
		if i < len(subs)-1 {
			split = c.emit(inst{code: cSplit, x: c.here() + 1})
		}
		if err := emit(s); err != nil {
			return err
		}
		if split >= 0 {
			jumps = append(jumps, c.emit(inst{code: cJump}))
			c.code[split].y = c.here()
		}
	}
	for _, j := range jumps {
		c.code[j].x = c.here()
	}
	return nil
}

func (c *compiler) group(n *node) error {
	c.emit(inst{code: cSave, x: int32(2 * n.index)})
	if err := c.node(n.subs[0]); err != nil {
		return err
	}
	c.emit(inst{code: cSave, x: int32(2*n.index + 1)})
	return nil
}

// atomic forgets the choices inside n once it has matched.
func (c *compiler) atomic(n *node) error {
	c.pure = false
	slot := c.slot(2)
	c.emit(inst{code: cEnter, x: slot})
	if err := c.node(n); err != nil {
		return err
	}
	c.emit(inst{code: cLeave, x: slot})
	return nil
}

func (c *compiler) look(n *node) error {
	c.pure = false
	slot := c.slot(2)
	enter, leave := cEnter, cLeaveLook
	if n.neg {
		enter, leave = cEnterNot, cLeaveNot
	}
	at := c.emit(inst{code: enter, x: slot})
	var err error
	if n.behind {
		err = c.behind(n.subs[0])
	} else {
		err = c.node(n.subs[0])
	}
	c.emit(inst{code: leave, x: slot})
	c.code[at].y = c.here()
	return err
}

// behind steps back before each alternative, which must have one length.
func (c *compiler) behind(n *node) error {
	for n.op == opCat && len(n.subs) == 1 {
		n = n.subs[0]
	}
	one := func(n *node) error {
		least, most := n.width()
		if least != most {
			return &Error{0, "look-behind: want alternatives of fixed length"}
		}
		c.emit(inst{code: cBack, x: int32(least)})
		return c.node(n)
	}
	if n.op == opAlt {
		return c.alt(n.subs, one)
	}
	return one(n)
}

func (c *compiler) repeat(n *node) error {
	sub := n.subs[0]
	for sub.op == opCat && len(sub.subs) == 1 {
		sub = sub.subs[0]
	}
	switch {
	case n.max == 0:
		return nil
	case n.min == 1 && n.max == 1 && n.mode != possessive:
		return c.node(sub)
	case sub.op == opSet:
		s := sub.set
		c.emit(inst{code: cRun, set: &s, low: int32(n.min), high: int32(n.max), mode: n.mode})
		return nil
	case n.mode == possessive:
		return c.atomic(&node{op: opRepeat, subs: n.subs, min: n.min, max: n.max})
	}
	if n.min <= 1 && (n.max == unlimited || n.max == 1) || n.size() <= maxExpand {
		return c.written(n, sub)
	}
	return c.counted(n, sub)
}

// written writes a repeat out: min copies, then a loop or optional copies.
func (c *compiler) written(n, sub *node) error {
	for range n.min {
		if err := c.node(sub); err != nil {
			return err
		}
	}
	if n.max == unlimited {
		return c.star(n.mode, sub)
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, c.emit(c.choice(n.mode)))
		if err := c.node(sub); err != nil {
			return err
		}
	}
	for _, s := range splits {
		c.leaveAt(s, c.here())
	}
	return nil
}

// choice is a split between the next instruction and a place set by leaveAt.
func (c *compiler) choice(m mode) inst {
	in := inst{code: cSplit, mode: m}
	if m == lazy {
		in.y = c.here() + 1
	} else {
		in.x = c.here() + 1
	}
	return in
}

func (c *compiler) leaveAt(split int, to int32) {
	if in := &c.code[split]; in.mode == lazy {
		in.x = to
	} else {
		in.y = to
	}
}

// star is any number of sub.
func (c *compiler) star(m mode, sub *node) error {
	top := c.here()
	split := c.emit(c.choice(m))
	check, err := c.body(sub)
	if err != nil {
		return err
	}
	c.emit(inst{code: cJump, x: top})
	c.leaveAt(split, c.here())
	if check >= 0 {
		c.code[check].y = c.here()
	}
	return nil
}

// body is sub in a loop. If sub can match nothing, a check (whose place is
// returned, or -1) leaves the loop when it did.
func (c *compiler) body(sub *node) (check int, err error) {
	least, _ := sub.width()
	if least > 0 {
		return -1, c.node(sub)
	}
	c.pure = false
	slot := c.slot(1)
	c.emit(inst{code: cMark, x: slot})
	if err := c.node(sub); err != nil {
		return -1, err
	}
	return c.emit(inst{code: cCheck, x: slot}), nil
}

// counted is a repeat with a counter.
func (c *compiler) counted(n, sub *node) error {
	c.pure = false
	slot := c.slot(1)
	c.emit(inst{code: cZero, x: slot})
	loop := c.emit(inst{code: cLoop, x: slot, low: int32(n.min), high: int32(n.max), mode: n.mode})
	check, err := c.body(sub)
	if err != nil {
		return err
	}
	c.emit(inst{code: cJump, x: int32(loop)})
	c.code[loop].y = c.here()
	if check >= 0 {
		c.code[check].y = c.here()
	}
	return nil
}

// hints tells each run what byte must follow, so that it need not stop where
// the rest cannot match.
func (c *compiler) hints() {
	for i := range c.code {
		if c.code[i].code != cRun {
			continue
		}
		next := i + 1
		for c.code[next].code == cSave {
			next++
		}
		var s set
		switch in := &c.code[next]; in.code {
		case cByte:
			s.add(in.b)
		case cByteFold:
			s.add(in.b)
			s.fold()
		case cString:
			s.add(in.text[0])
		case cStringFold:
			s.add(in.text[0])
			s.fold()
		case cSet:
			s = *in.set
		default:
			continue
		}
		c.code[i].then = &s
	}
}
