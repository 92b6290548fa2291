package pcre

// op is the kind of a node.
type op uint8

const (
	opEmpty   op = iota
	opSet        // one byte of set
	opCat        // subs in order
	opAlt        // subs, the first that leads to a match
	opRepeat     // subs[0], min to max times
	opGroup      // subs[0], captured as index
	opLook       // subs[0] must match here (or not: neg; or before here: behind)
	opAtomic     // subs[0], never reconsidered
	opBackref    // the text of group index again
	opAssert     // assertion kind holds
	opKeep       // \K: the match starts here
)

// unlimited is the max of an open repeat.
const unlimited = -1

// mode says how a repeat chooses its count.
type mode uint8

const (
	greedy mode = iota
	lazy
	possessive
)

// assertion is a condition on the position.
type assertion uint8

const (
	atStart        assertion = iota // \A, and ^ without m
	atLineStart                     // ^ with m
	atEnd                           // \z, and $ with E
	atEndOrNewline                  // \Z, and $ without m
	atLineEnd                       // $ with m
	atWord                          // \b
	notAtWord                       // \B
	atFrom                          // \G
)

// node is a part of the syntax tree.
type node struct {
	op          op
	set         set
	subs        []*node
	min, max    int
	mode        mode
	index       int
	name        string // of the group, in a reference by name
	neg, behind bool
	fold        bool // of a back-reference
	assert      assertion
}

func setNode(s set) *node { return &node{op: opSet, set: s} }

func byteNode(c byte, fold bool) *node {
	var s set
	s.add(c)
	if fold {
		s.fold()
	}
	return setNode(s)
}

// width returns the least and the greatest length of what n matches; most is
// unlimited where it has no bound.
func (n *node) width() (least, most int) {
	switch n.op {
	case opSet:
		return 1, 1
	case opCat:
		for _, s := range n.subs {
			a, b := s.width()
			least = capped(least + a)
			most = addMost(most, b)
		}
		return least, most
	case opAlt:
		least, most = n.subs[0].width()
		for _, s := range n.subs[1:] {
			a, b := s.width()
			least = min(least, a)
			if most == unlimited || b == unlimited {
				most = unlimited
			} else {
				most = max(most, b)
			}
		}
		return least, most
	case opRepeat:
		a, b := n.subs[0].width()
		least = capped(a * n.min)
		if b == 0 || n.max == 0 {
			return least, 0
		}
		if b == unlimited || n.max == unlimited {
			return least, unlimited
		}
		return least, capped(b * n.max)
	case opGroup, opAtomic:
		return n.subs[0].width()
	case opBackref:
		return 0, unlimited
	}
	return 0, 0
}

// size estimates the instructions of n, its repeats written out; it grows no
// further than capped.
func (n *node) size() int {
	total := 1
	for _, s := range n.subs {
		total = capped(total + s.size())
	}
	if n.op == opRepeat && n.subs[0].op != opSet {
		return capped(total * max(n.min, n.max, 1))
	}
	return total
}

// capped keeps lengths that only matter up to a point from overflowing.
func capped(n int) int { return min(n, 1<<20) }

func addMost(a, b int) int {
	if a == unlimited || b == unlimited {
		return unlimited
	}
	return capped(a + b)
}

// first returns the bytes a match of n can start with, and whether n can
// match without consuming any.
func (n *node) first() (s set, empty bool) {
	switch n.op {
	case opSet:
		return n.set, false
	case opCat:
		for _, sub := range n.subs {
			t, e := sub.first()
			s.union(t)
			if !e {
				return s, false
			}
		}
		return s, true
	case opAlt:
		for _, sub := range n.subs {
			t, e := sub.first()
			s.union(t)
			empty = empty || e
		}
		return s, empty
	case opRepeat:
		if n.max == 0 {
			return s, true
		}
		s, empty = n.subs[0].first()
		return s, empty || n.min == 0
	case opGroup, opAtomic:
		return n.subs[0].first()
	case opBackref:
		return allBytes(), true
	}
	return s, true
}

// anchored reports whether every match of n starts at the buffer's start.
func (n *node) anchored() bool {
	switch n.op {
	case opAssert:
		return n.assert == atStart
	case opGroup, opAtomic:
		return n.subs[0].anchored()
	case opCat:
		for _, s := range n.subs {
			if s.anchored() {
				return true
			}
			if _, most := s.width(); most != 0 {
				return false
			}
		}
	case opAlt:
		for _, s := range n.subs {
			if !s.anchored() {
				return false
			}
		}
		return true
	case opRepeat:
		return n.min > 0 && n.subs[0].anchored()
	}
	return false
}

// literal is a string that every match contains.
type literal struct {
	text []byte // lower case where fold
	fold bool
}

// required returns the longest string that every match of n contains.
func (n *node) required() literal {
	var f finder
	f.walk(n)
	f.end()
	return f.best
}

// finder walks the parts of the tree that every match runs through.
type finder struct{ best, run literal }

func (f *finder) end() {
	if len(f.run.text) > len(f.best.text) {
		f.best = literal{append([]byte(nil), f.run.text...), f.run.fold}
		if f.best.fold {
			for i, c := range f.best.text {
				if c >= 'A' && c <= 'Z' {
					f.best.text[i] = c | 0x20
				}
			}
		}
	}
	f.run = literal{text: f.run.text[:0]}
}

func (f *finder) walk(n *node) {
	switch n.op {
	case opSet:
		c, folded, ok := n.set.single()
		if !ok {
			f.end()
			return
		}
		f.run.text = append(f.run.text, c)
		f.run.fold = f.run.fold || folded
	case opCat:
		for _, s := range n.subs {
			f.walk(s)
		}
	case opGroup, opAtomic:
		f.walk(n.subs[0])
	case opRepeat:
		f.end()
		if n.min > 0 {
			f.walk(n.subs[0])
			f.end()
		}
	case opAlt, opBackref:
		f.end()
	case opLook, opKeep, opAssert, opEmpty:
		// Without width: what stands before and behind still touch.
	}
}
