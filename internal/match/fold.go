package match

import "encoding/binary"

const (
	ones64 = 0x0101010101010101
	high64 = 0x8080808080808080
)

// lower64 makes the eight ASCII bytes in x lower case; others stay.
func lower64(x uint64) uint64 {
	low := x &^ high64
	aboveZ := low + (0x7f-'Z')*ones64
	fromA := low + (0x80-'A')*ones64
	return x | (fromA&^aboveZ&^x&high64)>>2
}

func lowerByte(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

func isLetter(c byte) bool { return c|0x20-'a' < 26 }

// lower returns a lower-case copy of b.
func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = lowerByte(c)
	}
	return out
}

// equalFold reports whether b, made lower case, is want. Their lengths are
// equal.
func equalFold(b, want []byte) bool {
	if len(b) < 8 {
		for i, c := range b {
			if lowerByte(c) != want[i] {
				return false
			}
		}
		return true
	}
	for i := 0; i+8 <= len(b); i += 8 {
		if lower64(binary.LittleEndian.Uint64(b[i:])) != binary.LittleEndian.Uint64(want[i:]) {
			return false
		}
	}
	last := len(b) - 8
	return lower64(binary.LittleEndian.Uint64(b[last:])) == binary.LittleEndian.Uint64(want[last:])
}
