package unpack

// lzma decodes the LZMA-alone format: 13 bytes of header, then a range-coded
// stream. A symbol is decoded only when the bytes that it may need at most are
// there, or when no more will come.
type lzma struct {
	buf  []byte // input not decoded yet
	head bool   // header was read
	done Status // End, Bad or Big once it is

	lc, lp, pb uint
	size       uint64 // unpacked bytes to come; unknown when all ones
	rng, code  uint32
	lack       bool // the range decoder ran out of input

	out  []byte // history and new output
	sent int
	rep  [4]uint32
	st   uint

	isMatch  [12 << 4]uint16
	isRep    [12]uint16
	isRepG   [3][12]uint16
	isRep0L  [12 << 4]uint16
	slot     [4][64]uint16
	special  [128]uint16
	align    [16]uint16
	length   lenCoder
	repLen   lenCoder
	literals []uint16
}

// Bounds of LZMA.
const (
	lzmaHeader = 13
	lzmaNeed   = 20      // input bytes that one symbol may take
	lzmaWindow = 1 << 20 // history kept (Suricata's lzma-memlimit)
	lzmaChunk  = 64 << 10
	maxLCLP    = 4
	probInit   = 1 << 10
	noSize     = ^uint64(0)
)

type lenCoder struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

func (l *lenCoder) reset() {
	l.choice, l.choice2 = probInit, probInit
	for i := range l.low {
		fill(l.low[i][:])
		fill(l.mid[i][:])
	}
	fill(l.high[:])
}

func fill(p []uint16) {
	for i := range p {
		p[i] = probInit
	}
}

func (z *lzma) reset() {
	z.buf, z.out = z.buf[:0], z.out[:0]
	z.head, z.done, z.sent, z.lack = false, More, 0, false
}

// start reads the header and the range coder's first bytes.
func (z *lzma) start(b []byte) Status {
	p := uint(b[0])
	if p >= 9*5*5 {
		return Bad
	}
	z.lc, z.lp, z.pb = p%9, p/9%5, p/45
	if z.lc+z.lp > maxLCLP || b[lzmaHeader] != 0 {
		return Bad
	}
	z.size = 0
	for i := range 8 {
		z.size |= uint64(b[5+i]) << (8 * i)
	}
	z.code = 0
	for _, c := range b[lzmaHeader+1 : lzmaHeader+5] {
		z.code = z.code<<8 | uint32(c)
	}
	z.rng = ^uint32(0)
	z.rep, z.st = [4]uint32{}, 0
	fill(z.isMatch[:])
	fill(z.isRep[:])
	fill(z.isRep0L[:])
	fill(z.special[:])
	fill(z.align[:])
	for i := range z.isRepG {
		fill(z.isRepG[i][:])
	}
	for i := range z.slot {
		fill(z.slot[i][:])
	}
	z.length.reset()
	z.repLen.reset()
	if n := 0x300 << (z.lc + z.lp); cap(z.literals) < n {
		z.literals = make([]uint16, n)
	} else {
		z.literals = z.literals[:n]
	}
	fill(z.literals)
	z.head = true
	return More
}

func (z *lzma) step(in []byte, last bool) (out []byte, used int, st Status) {
	if z.done != More {
		return nil, 0, z.done
	}
	if len(z.out) >= 2*lzmaWindow {
		z.out = append(z.out[:0], z.out[len(z.out)-lzmaWindow:]...)
		z.sent = len(z.out)
	}
	z.buf = append(z.buf, in...)
	if !z.head {
		if len(z.buf) < lzmaHeader+5 {
			return nil, len(in), More
		}
		if z.done = z.start(z.buf); z.done != More {
			return nil, len(in), z.done
		}
		z.buf = append(z.buf[:0], z.buf[lzmaHeader+5:]...)
	}
	all := z.buf
	for z.done == More && len(z.out)-z.sent < lzmaChunk && (len(z.buf) >= lzmaNeed || last && len(z.buf) > 0) {
		if z.size == 0 {
			z.done = End
			break
		}
		z.symbol()
	}
	if last && len(z.buf) == 0 && z.size == 0 {
		z.done = End
	}
	full := z.done == More && len(z.out)-z.sent >= lzmaChunk
	z.buf = append(all[:0], z.buf...)
	out = z.out[z.sent:]
	z.sent = len(z.out)
	if full {
		return out, len(in), Full
	}
	return out, len(in), z.done
}

func (z *lzma) normal() {
	if z.rng < 1<<24 {
		z.rng <<= 8
		z.code <<= 8
		if len(z.buf) == 0 {
			z.lack = true
			return
		}
		z.code |= uint32(z.buf[0])
		z.buf = z.buf[1:]
	}
}

func (z *lzma) bit(p *uint16) uint32 {
	z.normal()
	bound := (z.rng >> 11) * uint32(*p)
	if z.code < bound {
		*p += (1<<11 - *p) >> 5
		z.rng = bound
		return 0
	}
	*p -= *p >> 5
	z.rng -= bound
	z.code -= bound
	return 1
}

// tree decodes n bits, highest first.
func (z *lzma) tree(p []uint16, n uint) uint32 {
	m := uint32(1)
	for range n {
		m = m<<1 | z.bit(&p[m])
	}
	return m - 1<<n
}

// reverse decodes n bits, lowest first; base is the first tree node.
func (z *lzma) reverse(p []uint16, n uint) uint32 {
	m, v := uint32(1), uint32(0)
	for i := range n {
		b := z.bit(&p[m])
		m = m<<1 | b
		v |= b << i
	}
	return v
}

func (z *lzma) direct(n uint) uint32 {
	v := uint32(0)
	for range n {
		z.normal()
		z.rng >>= 1
		b := uint32(0)
		if z.code >= z.rng {
			z.code -= z.rng
			b = 1
		}
		v = v<<1 | b
	}
	return v
}

func (z *lzma) lenOf(l *lenCoder, pos uint) int {
	if z.bit(&l.choice) == 0 {
		return int(z.tree(l.low[pos][:], 3))
	}
	if z.bit(&l.choice2) == 0 {
		return 8 + int(z.tree(l.mid[pos][:], 3))
	}
	return 16 + int(z.tree(l.high[:], 8))
}

// symbol decodes one literal or match.
func (z *lzma) symbol() {
	pos := uint(len(z.out)) & (1<<z.pb - 1)
	if z.bit(&z.isMatch[z.st<<4|pos]) == 0 {
		z.literal()
		return
	}
	var n int
	if z.bit(&z.isRep[z.st]) == 0 {
		z.rep = [4]uint32{0, z.rep[0], z.rep[1], z.rep[2]}
		n = z.lenOf(&z.length, pos)
		z.st = pick(z.st, 7, 10)
		z.rep[0] = z.distance(n)
		if z.rep[0] == ^uint32(0) {
			z.done = End
			return
		}
	} else {
		if z.repeat(pos) {
			z.copy(1)
			return
		}
		n = z.lenOf(&z.repLen, pos)
		z.st = pick(z.st, 8, 11)
	}
	z.copy(n + 2)
}

// repeat chooses an earlier distance; true means that one byte is copied.
func (z *lzma) repeat(pos uint) bool {
	if z.bit(&z.isRepG[0][z.st]) == 0 {
		if z.bit(&z.isRep0L[z.st<<4|pos]) == 0 {
			z.st = pick(z.st, 9, 11)
			return true
		}
		return false
	}
	i := 1
	if z.bit(&z.isRepG[1][z.st]) == 1 {
		i = 2 + int(z.bit(&z.isRepG[2][z.st]))
	}
	d := z.rep[i]
	copy(z.rep[1:i+1], z.rep[:i])
	z.rep[0] = d
	return false
}

func pick(st, afterLiteral, otherwise uint) uint {
	if st < 7 {
		return afterLiteral
	}
	return otherwise
}

func (z *lzma) distance(n int) uint32 {
	slot := z.tree(z.slot[min(n, 3)][:], 6)
	if slot < 4 {
		return slot
	}
	bits := uint(slot>>1 - 1)
	d := (2 | slot&1) << bits
	if slot < 14 {
		return d + z.reverse(z.special[d-slot:], bits)
	}
	d += z.direct(bits-4) << 4
	return d + z.reverse(z.align[:], 4)
}

func (z *lzma) literal() {
	prev := byte(0)
	if n := len(z.out); n > 0 {
		prev = z.out[n-1]
	}
	low := uint(len(z.out)) & (1<<z.lp - 1)
	p := z.literals[0x300*(low<<z.lc+uint(prev)>>(8-z.lc)):]
	m := uint32(1)
	if z.st >= 7 {
		if int(z.rep[0]) >= len(z.out) {
			z.done = Bad
			return
		}
		match := uint32(z.out[len(z.out)-int(z.rep[0])-1])
		for m < 0x100 {
			mb := match >> 7 & 1
			match <<= 1
			b := z.bit(&p[(1+mb)<<8+m])
			m = m<<1 | b
			if mb != b {
				break
			}
		}
	}
	for m < 0x100 {
		m = m<<1 | z.bit(&p[m])
	}
	switch {
	case z.st < 4:
		z.st = 0
	case z.st < 10:
		z.st -= 3
	default:
		z.st -= 6
	}
	if z.lack {
		z.done = Bad
		return
	}
	z.out = append(z.out, byte(m))
	z.count(1)
}

func (z *lzma) copy(n int) {
	d := int(z.rep[0]) + 1
	if z.lack || d > len(z.out) {
		z.done = Bad
		if !z.lack && d > lzmaWindow {
			z.done = Big
		}
		return
	}
	for range n {
		z.out = append(z.out, z.out[len(z.out)-d])
	}
	z.count(uint64(n))
}

// count notes n bytes of output.
func (z *lzma) count(n uint64) {
	if z.size != noSize {
		z.size -= min(z.size, n)
	}
}
