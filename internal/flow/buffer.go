package flow

// classSizes are the sizes of segment buffers, bytes: scraps, small packets,
// an Ethernet MSS, a jumbo frame of the cloud, a coalesced segment.
var classSizes = [...]int{64, 256, 512, 1536, 9216, 65536}

const (
	classes   = len(classSizes)
	blockSize = 256 << 10
	noBlock   = -1
)

// buffers lends the memory that holds segments. Blocks of one class each are
// cut into equal slots; a block that is wholly free goes back to the garbage
// collector once more than half of the limit is held, so that one class can't
// starve the others. The limit counts whole blocks.
type buffers struct {
	blocks  []block
	spare   []uint32 // numbers of released blocks
	partial [classes]int32
	limit   int
	held    int // bytes of blocks
	inUse   int // bytes of slots lent out
}

// block is a run of slots. Blocks with a free slot are in their class's list.
type block struct {
	data       []byte
	free       []uint16 // slots given back
	fresh      int      // slots from here on were never lent
	used       int
	class      int
	prev, next int32
}

func newBuffers(limit int) buffers {
	b := buffers{limit: limit}
	for c := range b.partial {
		b.partial[c] = noBlock
	}
	return b
}

// handle names a slot: block number, slot number.
type handle uint64

// get lends a slot for n bytes; false means that the limit is reached or that
// n is larger than any class.
func (b *buffers) get(n int) (handle, bool) {
	c := 0
	for c < classes && classSizes[c] < n {
		c++
	}
	for ; c < classes; c++ {
		if b.partial[c] != noBlock || b.addBlock(c) {
			return b.take(c), true
		}
	}
	return 0, false
}

func (b *buffers) take(c int) handle {
	i := b.partial[c]
	k := &b.blocks[i]
	slot := k.fresh
	if n := len(k.free); n > 0 {
		slot = int(k.free[n-1])
		k.free = k.free[:n-1]
	} else {
		k.fresh++
	}
	k.used++
	b.inUse += classSizes[c]
	if k.used == blockSize/classSizes[c] {
		b.unlink(i)
	}
	return handle(i)<<16 | handle(slot)
}

// addBlock makes a block for class c, limit allowing.
func (b *buffers) addBlock(c int) bool {
	if b.held+blockSize > b.limit && b.held > 0 {
		return false
	}
	b.held += blockSize
	i := uint32(len(b.blocks))
	if n := len(b.spare); n > 0 {
		i = b.spare[n-1]
		b.spare = b.spare[:n-1]
	} else {
		b.blocks = append(b.blocks, block{})
	}
	b.blocks[i] = block{
		data:  make([]byte, blockSize),
		free:  make([]uint16, 0, blockSize/classSizes[c]),
		class: c,
	}
	b.link(int32(i))
	return true
}

// bytes is the memory of h, the whole slot.
func (b *buffers) bytes(h handle) []byte {
	k := &b.blocks[h>>16]
	size := classSizes[k.class]
	at := int(h&0xffff) * size
	return k.data[at : at+size : at+size]
}

// put takes a slot back.
func (b *buffers) put(h handle) {
	i := int32(h >> 16)
	k := &b.blocks[i]
	if k.used == blockSize/classSizes[k.class] {
		b.link(i)
	}
	k.free = append(k.free, uint16(h))
	k.used--
	b.inUse -= classSizes[k.class]
	if k.used == 0 && b.held > b.limit/2 {
		b.unlink(i)
		*k = block{}
		b.spare = append(b.spare, uint32(i))
		b.held -= blockSize
	}
}

// link puts block i into its class's list.
func (b *buffers) link(i int32) {
	k := &b.blocks[i]
	k.prev, k.next = noBlock, b.partial[k.class]
	if k.next != noBlock {
		b.blocks[k.next].prev = i
	}
	b.partial[k.class] = i
}

// unlink takes block i out of its class's list.
func (b *buffers) unlink(i int32) {
	k := &b.blocks[i]
	if k.prev != noBlock {
		b.blocks[k.prev].next = k.next
	} else {
		b.partial[k.class] = k.next
	}
	if k.next != noBlock {
		b.blocks[k.next].prev = k.prev
	}
}
