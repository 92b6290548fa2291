package unpack

// inflate decodes RFC 1951. It can stop after any input byte: what a symbol
// lacks stays in the bit buffer, and a symbol is taken only when whole.
type inflate struct {
	bits  uint64
	nbits uint
	in    []byte

	state uint8
	final bool
	left  int // of a stored block, or of the code lengths
	sym   int // pending length of a match
	dist  int
	nlit  int
	ndist int
	nlen  int

	lens   [320]uint8
	lit    huffman
	offs   huffman
	window [2 * windowSize]byte
	pos    int // where the next byte goes
	sent   int // up to where output was handed out
	total  uint64
}

// windowSize is how far a match can reach back.
const windowSize = 32 << 10

// States of inflate.
const (
	inHeader uint8 = iota
	inStoredLen
	inStored
	inCounts
	inCodeLens
	inLens
	inSymbol
	inDist
	inCopy
	inEnd
	inBad
)

func (f *inflate) reset() {
	f.bits, f.nbits, f.in = 0, 0, nil
	f.state, f.final = inHeader, false
	f.pos, f.sent, f.total = 0, 0, 0
}

// step decodes until the input or the output space is used up.
func (f *inflate) step(in []byte) (out []byte, used int, st Status) {
	f.slide()
	f.in = in
	for f.state < inEnd && f.pos < len(f.window) {
		if !f.next() {
			break
		}
	}
	used = len(in) - len(f.in)
	f.in = nil
	out = f.window[f.sent:f.pos]
	f.sent = f.pos
	switch {
	case f.state == inEnd:
		return out, used, End
	case f.state == inBad:
		return out, used, Bad
	case f.pos == len(f.window):
		return out, used, Full
	}
	return out, used, More
}

// slide makes room once the window is full.
func (f *inflate) slide() {
	if f.pos == len(f.window) {
		copy(f.window[:windowSize], f.window[windowSize:])
		f.pos, f.sent = windowSize, windowSize
	}
}

// need fills the bit buffer to n bits, n <= 48.
func (f *inflate) need(n uint) bool {
	for f.nbits < n {
		if len(f.in) == 0 {
			return false
		}
		f.bits |= uint64(f.in[0]) << f.nbits
		f.in = f.in[1:]
		f.nbits += 8
	}
	return true
}

func (f *inflate) drop(n uint) {
	f.bits >>= n
	f.nbits -= n
}

// next does one step of the state machine; false means that input is missing.
func (f *inflate) next() bool {
	switch f.state {
	case inHeader:
		return f.header()
	case inStoredLen:
		return f.storedLen()
	case inStored:
		return f.stored()
	case inCounts:
		return f.counts()
	case inCodeLens:
		return f.codeLens()
	case inLens:
		return f.readLens()
	case inSymbol:
		return f.symbols()
	case inDist:
		return f.distance()
	case inCopy:
		f.match()
		return true
	}
	return false
}

func (f *inflate) header() bool {
	if f.final {
		f.state = inEnd
		return true
	}
	if !f.need(3) {
		return false
	}
	f.final = f.bits&1 != 0
	kind := f.bits >> 1 & 3
	f.drop(3)
	switch kind {
	case 0:
		f.drop(f.nbits % 8)
		f.state = inStoredLen
	case 1:
		f.fixed()
		f.state = inSymbol
	case 2:
		f.state = inCounts
	default:
		f.state = inBad
	}
	return true
}

func (f *inflate) storedLen() bool {
	if !f.need(32) {
		return false
	}
	n, inv := uint16(f.bits), uint16(f.bits>>16)
	f.drop(32)
	if n != ^inv {
		f.state = inBad
		return true
	}
	f.left = int(n)
	f.state = inStored
	return true
}

func (f *inflate) stored() bool {
	for f.left > 0 && f.nbits >= 8 && f.pos < len(f.window) {
		f.window[f.pos] = byte(f.bits)
		f.drop(8)
		f.pos++
		f.left--
	}
	if f.left > 0 && f.nbits == 0 {
		n := copy(f.window[f.pos:], f.in[:min(len(f.in), f.left)])
		f.in = f.in[n:]
		f.pos += n
		f.left -= n
	}
	if f.left == 0 {
		f.state = inHeader
		return true
	}
	return f.pos == len(f.window)
}

// fixed sets up the codes of RFC 1951 §3.2.6.
func (f *inflate) fixed() {
	for i := range 288 {
		switch {
		case i < 144:
			f.lens[i] = 8
		case i < 256:
			f.lens[i] = 9
		case i < 280:
			f.lens[i] = 7
		default:
			f.lens[i] = 8
		}
	}
	f.lit.build(f.lens[:288])
	for i := range 30 {
		f.lens[i] = 5
	}
	f.offs.build(f.lens[:30])
}

func (f *inflate) counts() bool {
	if !f.need(14) {
		return false
	}
	f.nlit = int(f.bits&31) + 257
	f.ndist = int(f.bits>>5&31) + 1
	f.nlen = int(f.bits>>10&15) + 4
	f.drop(14)
	if f.nlit > 286 || f.ndist > 30 {
		f.state = inBad
		return true
	}
	f.left = 0
	f.state = inCodeLens
	return true
}

// codeLens reads the lengths of the code length code.
func (f *inflate) codeLens() bool {
	order := [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	if f.left == 0 {
		clear(f.lens[:19])
	}
	for ; f.left < f.nlen; f.left++ {
		if !f.need(3) {
			return false
		}
		f.lens[order[f.left]] = uint8(f.bits & 7)
		f.drop(3)
	}
	f.state = inLens
	if !f.lit.build(f.lens[:19]) {
		f.state = inBad
	}
	f.left = 0
	return true
}

// readLens reads the lengths of the literal and distance codes.
func (f *inflate) readLens() bool {
	for f.left < f.nlit+f.ndist {
		sym, n, ok := f.peek(&f.lit)
		if !ok {
			return f.state == inBad
		}
		if sym < 16 {
			f.drop(n)
			f.lens[f.left] = uint8(sym)
			f.left++
			continue
		}
		var extra uint
		base, value := 3, uint8(0)
		switch sym {
		case 16:
			extra = 2
			if f.left == 0 {
				f.state = inBad
				return true
			}
			value = f.lens[f.left-1]
		case 17:
			extra = 3
		default:
			extra, base = 7, 11
		}
		if !f.need(n + extra) {
			return false
		}
		f.drop(n)
		rep := base + int(f.bits&(1<<extra-1))
		f.drop(extra)
		if f.left+rep > f.nlit+f.ndist {
			f.state = inBad
			return true
		}
		for range rep {
			f.lens[f.left] = value
			f.left++
		}
	}
	f.state = inSymbol
	if f.lens[256] == 0 || !f.lit.build(f.lens[:f.nlit]) || !f.offs.build(f.lens[f.nlit:f.nlit+f.ndist]) {
		f.state = inBad
	}
	return true
}

// peek finds the next symbol of h and its length without taking it; ok is
// false when bits are missing or no code fits, which sets inBad.
func (f *inflate) peek(h *huffman) (sym int, n uint, ok bool) {
	for f.nbits < maxCode && len(f.in) > 0 {
		f.bits |= uint64(f.in[0]) << f.nbits
		f.in = f.in[1:]
		f.nbits += 8
	}
	sym, n = h.decode(f.bits)
	if n == 0 && f.nbits >= maxCode {
		f.state = inBad
		return 0, 0, false
	}
	return sym, n, n > 0 && n <= f.nbits
}

// symbols decodes literals until a match, the block's end, or a lack.
func (f *inflate) symbols() bool {
	for f.pos < len(f.window) {
		sym, n, ok := f.peek(&f.lit)
		if !ok {
			return f.state == inBad
		}
		switch {
		case sym < 256:
			f.drop(n)
			f.window[f.pos] = byte(sym)
			f.pos++
		case sym == 256:
			f.drop(n)
			f.state = inHeader
			return true
		case sym > 285:
			f.state = inBad
			return true
		default:
			base, extra := lengthOf(sym - 257)
			if !f.need(n + extra) {
				return false
			}
			f.drop(n)
			f.sym = base + int(f.bits&(1<<extra-1))
			f.drop(extra)
			f.state = inDist
			return true
		}
	}
	return true
}

func (f *inflate) distance() bool {
	sym, n, ok := f.peek(&f.offs)
	if !ok {
		return f.state == inBad
	}
	if sym > 29 {
		f.state = inBad
		return true
	}
	base, extra := distOf(sym)
	if !f.need(n + extra) {
		return false
	}
	f.drop(n)
	f.dist = base + int(f.bits&(1<<extra-1))
	f.drop(extra)
	f.state = inCopy
	if f.dist > f.pos {
		f.state = inBad
	}
	return true
}

// match copies a match as far as there is room.
func (f *inflate) match() {
	n := min(f.sym, len(f.window)-f.pos)
	f.sym -= n
	for ; n > 0; n-- {
		f.window[f.pos] = f.window[f.pos-f.dist]
		f.pos++
	}
	if f.sym == 0 {
		f.state = inSymbol
	}
}

// lengthOf is the base and the extra bits of a length symbol (RFC 1951 §3.2.5).
func lengthOf(i int) (int, uint) {
	switch {
	case i < 8:
		return i + 3, 0
	case i == 28:
		return 258, 0
	}
	extra := uint(i/4 - 1)
	return 3 + (4+i%4)<<extra, extra
}

// distOf is the same for a distance symbol.
func distOf(i int) (int, uint) {
	if i < 4 {
		return i + 1, 0
	}
	extra := uint(i/2 - 1)
	return 1 + (2+i%2)<<extra, extra
}
