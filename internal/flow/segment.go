package flow

// segment is a piece of buffered payload. A half's pieces never overlap: bytes
// that a later packet repeats are decided when it comes. They form a list in
// order, and over it a treap by offset, so that no order of arrival makes
// insertion slow.
type segment struct {
	off uint64 // stream offset of the first byte
	n   uint32 // bytes held
	// lead and tail are how far the packet reached beyond this piece; overlap
	// policies compare whole packets.
	lead, tail  uint32
	prio        uint32
	buf         handle
	prev, next  uint32
	left, right uint32
}

// end is the offset after the last byte.
func (s *segment) end() uint64 { return s.off + uint64(s.n) }

// floor finds the last piece of h that begins at or before off, 0 if none.
func (t *Table) floor(h *half, off uint64) uint32 {
	if h.tail == 0 || t.segs.at(h.tail).off <= off {
		return h.tail
	}
	best := uint32(0)
	for i := h.root; i != 0; {
		t.steps++
		s := t.segs.at(i)
		if s.off <= off {
			best, i = i, s.right
		} else {
			i = s.left
		}
	}
	return best
}

// linkAfter puts piece i behind prev (0: in front) and into the tree.
func (t *Table) linkAfter(h *half, prev, i uint32) {
	s := t.segs.at(i)
	next := h.head
	if prev != 0 {
		p := t.segs.at(prev)
		next, p.next = p.next, i
	} else {
		h.head = i
	}
	if next != 0 {
		t.segs.at(next).prev = i
	} else {
		h.tail = i
	}
	s.prev, s.next = prev, next
	t.treeAdd(h, i)
	h.count++
	h.bytes += int32(s.n)
	t.countRegion(h, s, +1)
}

// unlink takes piece i out and gives its memory back.
func (t *Table) unlink(h *half, i uint32) {
	s := t.segs.at(i)
	t.countRegion(h, s, -1)
	t.treeRemove(h, i)
	if s.prev != 0 {
		t.segs.at(s.prev).next = s.next
	} else {
		h.head = s.next
	}
	if s.next != 0 {
		t.segs.at(s.next).prev = s.prev
	} else {
		h.tail = s.prev
	}
	h.count--
	h.bytes -= int32(s.n)
	t.bufs.put(s.buf)
	t.segs.put(i)
}

// countRegion keeps the number of separate runs of bytes when s comes (+1) or
// goes (-1): a piece with no neighbour is a run, one with two joins two.
func (t *Table) countRegion(h *half, s *segment, sign int32) {
	n := int32(1)
	if s.prev != 0 && t.segs.at(s.prev).end() == s.off {
		n--
	}
	if s.next != 0 && t.segs.at(s.next).off == s.end() {
		n--
	}
	h.regions += uint32(sign * n)
	h.maxRegions = max(h.maxRegions, h.regions)
}

// treeAdd puts piece i into the treap: down to where its priority belongs,
// then the subtree there is split around it.
func (t *Table) treeAdd(h *half, i uint32) {
	t.rand ^= t.rand << 13
	t.rand ^= t.rand >> 17
	t.rand ^= t.rand << 5
	s := t.segs.at(i)
	s.prio = t.rand
	at := &h.root
	for *at != 0 {
		t.steps++
		c := t.segs.at(*at)
		if c.prio < s.prio {
			break
		}
		at = &c.right
		if s.off < c.off {
			at = &c.left
		}
	}
	cur := *at
	*at = i
	lo, hi := &s.left, &s.right
	for cur != 0 {
		t.steps++
		c := t.segs.at(cur)
		if c.off < s.off {
			*lo, lo, cur = cur, &c.right, c.right
		} else {
			*hi, hi, cur = cur, &c.left, c.left
		}
	}
	*lo, *hi = 0, 0
}

// treeRemove takes piece i out of the treap and joins what was below it.
func (t *Table) treeRemove(h *half, i uint32) {
	s := t.segs.at(i)
	at := &h.root
	for *at != i {
		t.steps++
		c := t.segs.at(*at)
		at = &c.right
		if s.off < c.off {
			at = &c.left
		}
	}
	a, b := s.left, s.right
	for a != 0 && b != 0 {
		t.steps++
		x, y := t.segs.at(a), t.segs.at(b)
		if x.prio >= y.prio {
			*at, at, a = a, &x.right, x.right
		} else {
			*at, at, b = b, &y.left, y.left
		}
	}
	*at = a | b
}
