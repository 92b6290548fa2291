package unpack

import "math/bits"

// maxCode is the longest code of RFC 1951.
const maxCode = 15

// fastBits is how many bits the first table looks at.
const fastBits = 10

// huffman is a canonical code: short codes by one look-up, long ones by length.
type huffman struct {
	fast  [1 << fastBits]uint16 // sym<<4 | length, 0 for none or longer
	first [maxCode + 2]int      // first code of each length
	index [maxCode + 2]int      // of that code's symbol in syms
	count [maxCode + 1]int
	syms  [288]uint16
}

// build makes the code from its lengths. It refuses codes with more words than
// there is room for; incomplete ones are taken, as zlib takes them for single
// distances, and fail when a missing word comes up.
func (h *huffman) build(lens []uint8) bool {
	h.count = [maxCode + 1]int{}
	for _, l := range lens {
		h.count[l]++
	}
	h.count[0] = 0
	code, sum := 0, 0
	for l := 1; l <= maxCode; l++ {
		code <<= 1
		h.first[l], h.index[l] = code, sum
		code += h.count[l]
		sum += h.count[l]
		if code > 1<<l {
			return false
		}
	}
	next := h.index
	clear(h.fast[:])
	for s, l := range lens {
		if l == 0 {
			continue
		}
		i := next[l]
		next[l]++
		h.syms[i] = uint16(s)
		if l <= fastBits {
			h.fill(uint16(s), uint(l), h.first[l]+i-h.index[l])
		}
	}
	return true
}

// fill enters a short code at every index that ends in it.
func (h *huffman) fill(sym uint16, l uint, code int) {
	r := int(bits.Reverse16(uint16(code)) >> (16 - l))
	for i := r; i < len(h.fast); i += 1 << l {
		h.fast[i] = sym<<4 | uint16(l)
	}
}

// decode finds the symbol at the low end of b; n is 0 when none fits.
func (h *huffman) decode(b uint64) (sym int, n uint) {
	if e := h.fast[b&(1<<fastBits-1)]; e != 0 {
		return int(e >> 4), uint(e & 15)
	}
	code := 0
	for l := uint(1); l <= maxCode; l++ {
		code = code<<1 | int(b&1)
		b >>= 1
		if i := code - h.first[l]; l > fastBits && i >= 0 && i < h.count[l] {
			return int(h.syms[h.index[l]+i]), l
		}
	}
	return 0, 0
}
