package panos

import (
	"bytes"
	"strconv"
)

// merger writes an original with the changes from one generated tree to another:
// what is equal in both keeps its bytes, whatever they are.
type merger struct {
	src []byte
	out bytes.Buffer
}

// block is a child of the original: the bytes before it (white space and
// comments), and the children after it that no policy speaks of.
type block struct {
	lead  int // where the bytes before it begin
	node  *Node
	after []block
}

func (m *merger) raw(n *Node) { m.out.Write(m.src[n.start:n.end]) }

func (m *merger) merge(n *Node, from, to *elem, depth int) {
	if from.equal(to) {
		m.raw(n)
		return
	}
	if to.whole || len(n.Kids) == 0 || len(to.kids) == 0 || to.kids[0].name == "member" || n.Kids[0].Name == "member" || from.uuid != to.uuid {
		to.write(&m.out, depth)
		return
	}
	m.out.Write(m.src[n.start:n.inner])
	m.children(n, from, to, depth+1)
	m.out.Write(m.src[n.innerEnd:n.end])
}

// keyer counts siblings of one name apart.
type keyer map[string]int

func (k keyer) next(s string) string {
	k[s]++
	if n := k[s]; n > 1 {
		return s + " #" + strconv.Itoa(n)
	}
	return s
}

// index are children by key, and the keys in order.
func index(e *elem) (map[string]*elem, []string) {
	by, order, keys := map[string]*elem{}, []string(nil), keyer{}
	for _, k := range e.kids {
		s := keys.next(key(k.name, k.entry))
		by[s] = k
		order = append(order, s)
	}
	return by, order
}

// blocks cuts the children of the original at those that a generated tree
// speaks of.
func blocks(n *Node, managed func(string) bool) (head []block, by map[string]*block, order []string, tail int) {
	by = map[string]*block{}
	keys, lead := keyer{}, n.inner
	var last *block
	for _, k := range n.Kids {
		s := keys.next(key(k.Name, k.Attr("name")))
		b := block{lead: lead, node: k}
		lead = k.end
		switch {
		case managed(s):
			last = &b
			by[s] = last
			order = append(order, s)
		case last == nil:
			head = append(head, b)
		default:
			last.after = append(last.after, b)
		}
	}
	return head, by, order, lead
}

func (m *merger) children(n *Node, from, to *elem, depth int) {
	old, oldOrder := index(from)
	now, nowOrder := index(to)
	head, by, order, tail := blocks(n, func(s string) bool { return old[s] != nil || now[s] != nil })
	verbatim := func(list []block) {
		for _, b := range list {
			m.out.Write(m.src[b.lead:b.node.end])
		}
	}
	verbatim(head)
	fresh := func(s string) {
		if by[s] == nil && !old[s].equal(now[s]) {
			indent(&m.out, depth)
			now[s].write(&m.out, depth)
		}
	}
	one := func(s string) {
		b := by[s]
		switch {
		case now[s] != nil && old[s] != nil:
			m.out.Write(m.src[b.lead:b.node.start])
			m.merge(b.node, old[s], now[s], depth)
		case now[s] != nil:
			m.out.Write(m.src[b.lead:b.node.start])
			now[s].write(&m.out, depth)
		}
		verbatim(b.after)
	}
	if sameOrder(oldOrder, nowOrder, old, now) {
		// The original's order holds; what is new follows what it follows.
		follow, last := map[string][]string{}, ""
		for _, s := range nowOrder {
			if by[s] != nil {
				last = s
			} else {
				follow[last] = append(follow[last], s)
			}
		}
		for _, s := range follow[""] {
			fresh(s)
		}
		for _, s := range order {
			one(s)
			for _, f := range follow[s] {
				fresh(f)
			}
		}
	} else {
		for _, s := range order {
			if now[s] == nil {
				verbatim(by[s].after)
			}
		}
		for _, s := range nowOrder {
			if by[s] != nil {
				one(s)
			} else {
				fresh(s)
			}
		}
	}
	m.out.Write(m.src[tail:n.innerEnd])
}

// sameOrder says whether the children that both have stand in one order.
func sameOrder(a, b []string, inA, inB map[string]*elem) bool {
	j := 0
	for _, s := range a {
		if inB[s] == nil {
			continue
		}
		for j < len(b) && inA[b[j]] == nil {
			j++
		}
		if j >= len(b) || b[j] != s {
			return false
		}
		j++
	}
	return true
}
