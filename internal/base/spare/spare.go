// Package spare keeps byte buffers for use again, in a few sizes.
//
// A Pool belongs to one worker and is not safe for concurrent use. It owns the
// buffers that were handed back; it never clears them and never shrinks.
package spare

// sizes are the capacities that a Pool keeps, in bytes: what is left of a
// window that was inspected, a few packets, a large message, and what one
// acknowledgment covers where windows are wide.
var sizes = [...]int{512, 4 << 10, 16 << 10, 64 << 10, 256 << 10}

// keepBytes bounds the free buffers of each size, in bytes.
const keepBytes = 4 << 20

// Pool hands out buffers. The zero value is ready.
type Pool struct {
	free [len(sizes)][][]byte
}

// Append appends b to dst, a buffer of this pool or nil, and returns the
// result. Where dst is too small it moves to a larger buffer and the old one is
// free again. Beyond the largest size buffers grow as append makes them, and
// are left to the garbage collector.
func (p *Pool) Append(dst, b []byte) []byte {
	n := len(dst) + len(b)
	if n <= cap(dst) || n > sizes[len(sizes)-1] {
		return append(dst, b...)
	}
	to := append(p.get(n), dst...)
	p.Put(dst)
	return append(to, b...)
}

// get returns an empty buffer for n bytes, at most the largest size.
func (p *Pool) get(n int) []byte {
	class := 0
	for sizes[class] < n {
		class++
	}
	if list := p.free[class]; len(list) > 0 {
		last := len(list) - 1
		b := list[last]
		p.free[class] = list[:last]
		return b
	}
	return make([]byte, 0, sizes[class])
}

// Put takes b back; nobody may use it any more. Buffers of other sizes, and
// those beyond the bound, are left to the garbage collector.
func (p *Pool) Put(b []byte) {
	for class, size := range sizes {
		if cap(b) == size && len(p.free[class]) < keepBytes/size {
			p.free[class] = append(p.free[class], b[:0])
		}
	}
}

// Fit moves b to the smallest size that holds it, when that is smaller than
// where it is, and returns it; an empty one becomes nil.
func (p *Pool) Fit(b []byte) []byte {
	if len(b) == 0 {
		p.Put(b)
		return nil
	}
	for _, size := range sizes {
		if len(b) > size {
			continue
		}
		if cap(b) <= size {
			return b
		}
		to := append(p.get(len(b)), b...)
		p.Put(b)
		return to
	}
	return b
}
