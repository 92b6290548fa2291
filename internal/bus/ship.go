package bus

import "context"

// Blocks are whole blocks of one segment as they are on the disk, one behind the
// other: compressed, each with its checksum, which was right when they were read.
type Blocks struct {
	// Data is the reader's memory until its next call.
	Data   []byte
	Origin Origin // of the first
	// End is the position behind the last, in the same segment: what Ack takes,
	// and Origin.Start + len(Data).
	End Position
}

// NextBlocks returns the next blocks without unpacking them, for those who ship
// them elsewhere: at least one, and more as long as all are at most limit bytes.
// It waits and ends like Next, and moves the reader as Next does.
func (r *Reader) NextBlocks(ctx context.Context, limit int) (Blocks, error) {
	var start Position
	err := r.at.wait(ctx, func() (ok bool, err error) {
		start, ok, err = r.advance()
		return ok, err
	})
	if err != nil {
		return Blocks{}, err
	}
	r.group = append(r.group[:0], r.buf...)
	for {
		size := r.size(r.pos.Offset)
		if size == 0 || int64(len(r.group))+size > int64(limit) || !r.load(size) || !intact(r.buf) {
			// A damaged block is left to the next call, which counts it.
			return Blocks{Data: r.group, Origin: r.at.origin(r.id, start), End: r.pos}, nil
		}
		r.group = append(r.group, r.buf...)
		r.pos.Offset += size
	}
}

// Unpacker reads blocks that NextBlocks gave. It belongs to one goroutine.
type Unpacker struct{ c *codec }

// NewUnpacker returns an Unpacker; Close it.
func NewUnpacker() (*Unpacker, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	return &Unpacker{c}, nil
}

// Unpack unpacks the block at the start of data and returns its length, which is
// also there for a damaged block, but is 0 when its length can't be believed. The
// records are the Unpacker's memory until the next call.
func (u *Unpacker) Unpack(data []byte) (records [][]byte, n int, err error) { return u.c.parse(data) }

// Close releases the Unpacker.
func (u *Unpacker) Close() { u.c.close() }
