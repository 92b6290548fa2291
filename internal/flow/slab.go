package flow

const (
	slabBits = 8
	slabLen  = 1 << slabBits
)

// slot is a flow, its stream if it is TCP, and what the table needs to find it
// by time. The stream is not apart from the flow, so that a packet's cache
// misses on both overlap.
type slot struct {
	flow       Flow
	stream     Stream
	next, prev uint32 // in the wheel's list, 0 is none
	tick       uint32 // the wheel's bucket, noTick when in none
}

// slab hands out numbered values with addresses that never change. Place 0 is
// never given out: it means none.
type slab[T any] struct {
	chunks []*[slabLen]T
	free   []uint32
	used   uint32 // places ever given out
}

// at returns the value at place i.
func (s *slab[T]) at(i uint32) *T { return &s.chunks[i>>slabBits][i&(slabLen-1)] }

// get hands out a place; its value is as the last user left it.
func (s *slab[T]) get() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	s.used++
	if int(s.used>>slabBits) >= len(s.chunks) {
		s.chunks = append(s.chunks, new([slabLen]T))
	}
	return s.used
}

// put takes a place back.
func (s *slab[T]) put(i uint32) { s.free = append(s.free, i) }
