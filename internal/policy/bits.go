package policy

import "math/bits"

// ruleSet is a set of rules, one bit for each by its place in the document.
type ruleSet []uint64

func wordsFor(rules int) int { return max(1, (rules+63)/64) }

func (s ruleSet) add(i int)      { s[i>>6] |= 1 << (i & 63) }
func (s ruleSet) remove(i int)   { s[i>>6] &^= 1 << (i & 63) }
func (s ruleSet) has(i int) bool { return s[i>>6]>>(i&63)&1 != 0 }

func (s ruleSet) join(o ruleSet) {
	for i, w := range o {
		s[i] |= w
	}
}

// each calls f with the members, ascending.
func (s ruleSet) each(f func(int)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			f(i<<6 | bits.TrailingZeros64(w))
		}
	}
}

// classes keeps equal sets once. A class is a set's number.
type classes struct {
	words  int
	all    []uint64 // one set after the other
	byHash map[uint64][]uint32
}

func newClasses(words int) *classes {
	return &classes{words: words, byHash: map[uint64][]uint32{}}
}

// of returns the class of s, which stays the caller's.
func (c *classes) of(s ruleSet) uint32 {
	h := uint64(14695981039346656037)
	for _, w := range s {
		h = (h ^ w) * 1099511628211
		h ^= h >> 29
	}
	for _, id := range c.byHash[h] {
		if equal(c.at(id), s) {
			return id
		}
	}
	id := uint32(len(c.all) / c.words)
	c.all = append(c.all, s...)
	c.byHash[h] = append(c.byHash[h], id)
	return id
}

// at returns a class's set, which is shared.
func (c *classes) at(id uint32) ruleSet {
	i := int(id) * c.words
	return c.all[i : i+c.words : i+c.words]
}

// seal forgets what only building needs.
func (c *classes) seal() { c.byHash = nil }

func equal(a, b ruleSet) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
