package detect

import (
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/match"
)

// verdict is how a search went.
type outcome uint8

const (
	miss  outcome = iota // not here; an earlier test may be tried further on
	never                // not here, whatever the earlier tests do
	hit
)

// maxSteps bounds the tests tried on one buffer for one rule
// (detect.inspection-recursion-limit).
const maxSteps = 3000

// maxWork bounds the work of that, in the units of match.Scratch.Work, beside
// bufferWork for each byte of the buffer: one search by an expression may cost
// as much. Without it, 3,000 tries could search the whole buffer each.
const (
	maxWork    = 1 << 18
	bufferWork = 8
)

// run evaluates the tests of a group on b.
func (c *ctx) run(ops []op, b []byte, name string) bool {
	buf, bufName := c.buf, c.bufName
	c.buf, c.bufName, c.steps = b, name, 0
	c.limit = c.re.Work + maxWork + bufferWork*uint64(len(b))
	cut, limited := c.e.Counters.EvalLimit, c.re.Limited
	ok := c.eval(ops, 0) == hit
	if c.re.Limited > limited && c.e.Counters.EvalLimit == cut {
		c.e.Counters.EvalLimit++ // an expression gave up by itself
	}
	c.buf, c.bufName = buf, bufName
	return ok
}

// eval tries ops in turn; pos is where the test before ended. It calls itself
// only to go back: the depth is bounded by the rule's length, the work by
// maxSteps.
func (c *ctx) eval(ops []op, pos int) outcome {
	for i := range ops {
		o := &ops[i]
		if c.spent() {
			return never
		}
		var r outcome
		switch o.kind {
		case opContent:
			if o.retry {
				return c.retryContent(o, ops[i+1:], pos)
			}
			pos, r = c.content(o, pos)
		case opPCRE:
			if o.retry {
				return c.retryPCRE(o, ops[i+1:], pos)
			}
			pos, r = c.pcre(o, pos)
		default:
			pos, r = c.other(o, pos)
		}
		if r != hit {
			return r
		}
	}
	return hit
}

// spent counts a try, and reports that there have been too many, or that they
// have cost too much.
func (c *ctx) spent() bool {
	c.re.Work++
	if c.steps++; c.steps <= maxSteps && c.re.Work <= c.limit {
		return false
	}
	c.e.Counters.EvalLimit++
	return true
}

// amount resolves a number or variable.
func (c *ctx) amount(a amount) int {
	if a.ref == 0 {
		return int(a.n)
	}
	return int(min(c.vals[a.ref-1], 1<<30))
}

// window is the part of the buffer in which a content may lie.
func (c *ctx) window(o *op, pos int) (low, high int) {
	high = len(c.buf)
	switch {
	case o.has(flagDistance | flagWithin):
		dist := 0
		if o.has(flagDistance) {
			dist = c.amount(o.distance)
		}
		low = max(0, pos+dist)
		if o.has(flagWithin) {
			high = min(high, pos+dist+c.amount(o.within))
		}
	case o.has(flagDepth | flagOffset):
		if o.has(flagOffset) {
			low = c.amount(o.offset)
		}
		if o.has(flagDepth) {
			high = min(high, low+c.amount(o.depth))
		}
	}
	return low, high
}

// find looks for the content between low and high and returns where it starts,
// or -1.
func (c *ctx) find(o *op, low, high int) int {
	n := o.lit.Len()
	if high-low < n {
		return -1
	}
	if o.has(flagEnds) {
		if at := len(c.buf) - n; high == len(c.buf) && at >= low && o.lit.Equal(c.buf[at:]) {
			return at
		}
		return -1
	}
	if high-low == n {
		if o.lit.Equal(c.buf[low:high]) {
			return low
		}
		return -1
	}
	i := o.lit.Index(c.buf[low:high])
	if i < 0 {
		c.re.Work += match.LiteralWork(high - low)
		return -1
	}
	c.re.Work += match.LiteralWork(i)
	return low + i
}

// content tests a content whose first occurrence decides.
func (c *ctx) content(o *op, pos int) (int, outcome) {
	low, high := c.window(o, pos)
	at := c.find(o, low, high)
	if o.has(flagNeg) {
		if at < 0 {
			return pos, hit
		}
		return pos, c.failed(o)
	}
	if at < 0 {
		return pos, c.failed(o)
	}
	end := at + o.lit.Len()
	c.note(at, end)
	return end, hit
}

// failed tells whether another place of the tests before can help.
func (c *ctx) failed(o *op) outcome {
	if o.final {
		return never
	}
	return miss
}

// retryContent tries each occurrence until what follows holds.
func (c *ctx) retryContent(o *op, rest []op, pos int) outcome {
	low, high := c.window(o, pos)
	spans, end := c.spanCount, c.maxEnd
	found := false
	for {
		at := c.find(o, low, high)
		if at < 0 {
			if found {
				return miss
			}
			return c.failed(o)
		}
		found = true
		c.note(at, at+o.lit.Len())
		if r := c.eval(rest, at+o.lit.Len()); r != miss {
			return r
		}
		c.spanCount, c.maxEnd = spans, end
		low = at + 1
		if c.spent() {
			return never
		}
	}
}

func (c *ctx) pcre(o *op, pos int) (int, outcome) {
	from := 0
	if o.has(flagRelative) {
		from = pos
	}
	b := c.buf[min(from, len(c.buf)):]
	start, end, ok := o.re.Find(b, 0, &c.re)
	if ok == o.has(flagNeg) {
		return pos, c.failed(o)
	}
	if !ok {
		return pos, hit
	}
	if o.x != nil {
		c.catch(o, b, start)
	}
	c.note(from+start, from+end)
	return from + end, hit
}

// retryPCRE tries each match until what follows holds.
func (c *ctx) retryPCRE(o *op, rest []op, pos int) outcome {
	from := 0
	if o.has(flagRelative) {
		from = min(pos, len(c.buf))
	}
	b := c.buf[from:]
	spans, maxEnd := c.spanCount, c.maxEnd
	found := false
	for at := 0; at <= len(b); {
		start, end, ok := o.re.Find(b, at, &c.re)
		if !ok {
			break
		}
		found = true
		if o.x != nil {
			c.catch(o, b, start)
		}
		c.note(from+start, from+end)
		if r := c.eval(rest, from+end); r != miss {
			return r
		}
		c.spanCount, c.maxEnd = spans, maxEnd
		at = start + 1
		if c.spent() {
			return never
		}
	}
	if found && o.flags&flagAnyRelative != 0 {
		return miss
	}
	return c.failed(o)
}

// note keeps a matched range as evidence.
func (c *ctx) note(start, end int) {
	c.maxEnd = max(c.maxEnd, end)
	if c.spanCount < maxSpans {
		s := &c.spans[c.spanCount]
		*s = Span{Buffer: c.bufName, Offset: start, Len: end - start}
		if c.e.KeepBytes {
			kept := &c.spanBytes[c.spanCount]
			s.Bytes = kept[:copy(kept[:], c.buf[start:end])]
		}
		c.spanCount++
	}
}

// other runs the tests that are neither content nor pcre.
func (c *ctx) other(o *op, pos int) (int, outcome) {
	x := o.x
	switch o.kind {
	case opIsDataAt:
		at := c.amount(x.at)
		ok := at < len(c.buf)
		if o.has(flagRelative) {
			ok = pos+at <= len(c.buf)
		}
		if ok == o.has(flagNeg) {
			return pos, c.failed(o)
		}
		return pos, hit
	case opSize:
		return pos, decided(x.size.holds(uint64(len(c.buf))))
	case opByteTest:
		return pos, c.byteTest(o, pos)
	case opByteJump:
		return c.byteJump(o, pos)
	case opByteExtract:
		return c.byteExtract(o, pos)
	case opByteMath:
		return c.byteMath(o, pos)
	case opAbsent:
		return pos, decided(o.has(flagAbsentOr))
	case opBase64:
		return pos, c.base64Decode(o, pos)
	case opEntropy:
		return pos, c.entropy(o)
	case opASN1:
		return pos, c.asn1(o, pos)
	case opDataset:
		return pos, decided(c.dataset(&x.set))
	}
	return pos, never
}

// decided is the outcome of a test that no position changes.
func decided(ok bool) outcome {
	if ok {
		return hit
	}
	return never
}

func relative(ok bool) outcome {
	if ok {
		return hit
	}
	return miss
}

// maxDigits bounds the bytes of a number in text, as in Suricata: a variable
// could ask for all of the buffer otherwise, at each of its places.
const maxDigits = 23

// readNumber reads the number of a byte keyword and returns where it ends.
func (c *ctx) readNumber(o *op, pos int) (v uint64, end int, ok bool) {
	x := &o.x.bytes
	at := c.amount(x.offset)
	if o.has(flagRelative) {
		at += pos
	}
	n := c.amount(x.n)
	if at < 0 || n < 0 || at+n > len(c.buf) {
		return 0, 0, false
	}
	if x.base != 0 {
		if n == 0 {
			n = min(len(c.buf)-at, maxDigits) // as far as there are digits
		}
		if n > maxDigits {
			return 0, 0, false
		}
	}
	b := c.buf[at : at+n]
	if x.base != 0 {
		v, used, good := parseDigits(b, uint64(x.base))
		if !good {
			return 0, 0, false
		}
		return x.masked(v), at + used, true
	}
	if n > 8 {
		return 0, 0, false
	}
	var raw [8]byte
	if x.little {
		copy(raw[:], b)
		v = binary.LittleEndian.Uint64(raw[:])
	} else {
		copy(raw[8-n:], b)
		v = binary.BigEndian.Uint64(raw[:])
	}
	return x.masked(v), at + n, true
}

func (x *byteOp) masked(v uint64) uint64 {
	if x.mask == 0 {
		return v
	}
	return v & x.mask >> x.shift
}

// parseDigits reads a number as strtoul does: blanks, a sign, a 0x prefix in
// base 16, then digits; used counts all of them.
func parseDigits(b []byte, base uint64) (v uint64, used int, ok bool) {
	i := 0
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	if i < len(b) && b[i] == '+' {
		i++
	}
	if base == 16 && i+2 < len(b) && b[i] == '0' && lower(b[i+1]) == 'x' {
		i += 2
	}
	start := i
	for ; i < len(b); i++ {
		d, good := unhex(b[i])
		if !good || uint64(d) >= base {
			break
		}
		if v > (1<<64-1-uint64(d))/base {
			return 0, 0, false
		}
		v = v*base + uint64(d)
	}
	return v, i, i > start
}

func (c *ctx) operand(x *byteOp) uint64 {
	if x.valRef != 0 {
		return c.vals[x.valRef-1]
	}
	return x.value
}

func (c *ctx) byteTest(o *op, pos int) outcome {
	v, _, ok := c.readNumber(o, pos)
	if !ok {
		return c.moved(o)
	}
	x := &o.x.bytes
	want := c.operand(x)
	switch x.cmp {
	case cmpEQ:
		ok = v == want
	case cmpLT:
		ok = v < want
	case cmpGT:
		ok = v > want
	case cmpLE:
		ok = v <= want
	case cmpGE:
		ok = v >= want
	case cmpAnd:
		ok = v&want != 0
	case cmpXor:
		ok = v^want != 0
	}
	if ok != x.not {
		return hit
	}
	return c.moved(o)
}

// moved is the failure of a byte keyword: another position may help a relative
// one, and one whose operands come from variables.
func (c *ctx) moved(o *op) outcome {
	x := &o.x.bytes
	if o.has(flagRelative) || x.valRef != 0 || x.offset.ref != 0 || x.n.ref != 0 {
		return miss
	}
	return never
}

func (c *ctx) byteJump(o *op, pos int) (int, outcome) {
	v, end, ok := c.readNumber(o, pos)
	if !ok {
		return pos, c.moved(o)
	}
	x := &o.x.bytes
	v *= x.mul
	if x.align > 1 && v%x.align != 0 {
		v += x.align - v%x.align
	}
	if v > 1<<30 {
		return pos, c.moved(o)
	}
	to := end + int(v)
	switch {
	case x.begin:
		to = int(v)
	case x.end:
		to = len(c.buf) + int(v)
	}
	to += c.amount(x.post)
	if to < 0 || to >= len(c.buf) {
		return pos, c.moved(o)
	}
	return to, hit
}

func (c *ctx) byteExtract(o *op, pos int) (int, outcome) {
	v, end, ok := c.readNumber(o, pos)
	if !ok {
		return pos, c.moved(o)
	}
	x := &o.x.bytes
	v *= x.mul
	if x.align > 1 && v%x.align != 0 {
		v += x.align - v%x.align
	}
	c.vals[x.result] = v
	return end, hit
}

func (c *ctx) byteMath(o *op, pos int) (int, outcome) {
	v, end, ok := c.readNumber(o, pos)
	if !ok {
		return pos, c.moved(o)
	}
	x := &o.x.bytes
	r := c.operand(x)
	switch x.cmp {
	case mathAdd:
		v += r
	case mathSub:
		v -= r
	case mathMul:
		v *= r
	case mathDiv:
		if r == 0 {
			return pos, c.moved(o)
		}
		v /= r
	case mathShl:
		v <<= r
	case mathShr:
		v >>= r
	}
	c.vals[x.result] = v
	return end, hit
}

// base64Decode decodes and runs the rule's tests on the result.
func (c *ctx) base64Decode(o *op, pos int) outcome {
	x := &o.x.b64
	at := int(x.offset)
	if o.has(flagRelative) {
		at += pos
	}
	if at >= len(c.buf) {
		return relative(false)
	}
	src := c.buf[at:]
	if x.n > 0 {
		src = src[:min(len(src), int(x.n))]
	}
	src = src[:min(len(src), maxBase64)]
	c.re.Work += uint64(len(src))
	c.b64, _ = appendBase64(c.b64[:0], src, base64RFC4648)
	if len(c.b64) == 0 {
		return miss
	}
	if c.sig == nil || c.sig.base64 == nil {
		return hit
	}
	steps, limit := c.steps, c.limit
	ok := c.run(c.sig.base64, c.b64, "base64_data")
	c.steps, c.limit = c.steps+steps, limit
	return relative(ok)
}
