package packet

import "math/bits"

// Buffers come in powers of two from 2 KiB to 128 KiB.
const (
	minBufferBits = 11
	maxBufferBits = 17
)

// bufferPool lends buffers out of a bounded amount of memory. Free buffers are
// kept by size; they are given up when another size is wanted.
type bufferPool struct {
	max  int
	used int // bytes lent or free
	free [maxBufferBits - minBufferBits + 1][][]byte
}

// get returns a buffer of at least n bytes, n at most 128 KiB, or nil when the
// bound is hit.
func (m *bufferPool) get(n int) []byte {
	i := max(bits.Len(uint(n-1)), minBufferBits) - minBufferBits
	if l := len(m.free[i]); l > 0 {
		b := m.free[i][l-1]
		m.free[i][l-1] = nil
		m.free[i] = m.free[i][:l-1]
		return b
	}
	size := 1 << (i + minBufferBits)
	for m.used+size > m.max {
		if !m.shrink() {
			return nil
		}
	}
	m.used += size
	return make([]byte, size)
}

// put takes a buffer back.
func (m *bufferPool) put(b []byte) {
	if len(b) == 0 {
		return
	}
	i := bits.Len(uint(len(b)-1)) - minBufferBits
	m.free[i] = append(m.free[i], b)
}

// shrink gives one free buffer to the collector.
func (m *bufferPool) shrink() bool {
	for i := range m.free {
		if l := len(m.free[i]); l > 0 {
			m.used -= len(m.free[i][l-1])
			m.free[i][l-1] = nil
			m.free[i] = m.free[i][:l-1]
			return true
		}
	}
	return false
}
