package proto

// Bounds of the frames of one direction.
const (
	// MaxFrames is how many wait for inspection; those beyond are counted.
	MaxFrames = 1024
	// MaxFrameBytes is how much of a frame is looked at.
	MaxFrameBytes = 64 << 10
	// frameTail is how much of the bytes before is kept, for a frame whose
	// header was cut apart.
	frameTail = 16
)

// FrameStream is the type of the frame that every stream protocol has: the
// whole of one direction. Rules call it "stream".
const FrameStream = 255

// FrameSet is a set of kinds of frames of one protocol.
type FrameSet uint64

// Add puts a kind into the set.
func (s *FrameSet) Add(kind uint8) { *s |= 1 << min(kind, 63) }

func (s FrameSet) has(kind uint8) bool { return s&(1<<min(kind, 63)) != 0 }

// Frame is one unit of a protocol's wire format as its parser has cut it: a
// PDU, a record's header. Rules look into it with frame:<protocol>.<name>.
type Frame struct {
	// Type is the index in Descriptor.Frames, or FrameStream.
	Type uint8
	// ID counts the frames of a direction, from 1.
	ID uint64
	// Offset is where it starts, in the stream or the datagram; Len is its
	// length, -1 while the end is not known.
	Offset uint64
	Len    int
	// Tx is the transaction that it belongs to, if HasTx.
	Tx    uint64
	HasTx bool

	done bool // inspected
}

// Frames are the frames of one flow that wait for inspection, and the bytes
// under them. A session keeps them only for protocols whose frames some rule
// asks for; the methods that parsers call do nothing on nil.
type Frames struct {
	want FrameSet
	dir  [2]frameDir
	lost uint64 // since Sweep
}

type frameDir struct {
	list   []Frame
	buf    []byte // the bytes from base on
	base   uint64 // offset of buf[0]
	at     uint64 // offset of what the parser is given
	given  int    // how much that is
	ids    uint64
	ended  bool // no more bytes will come
	begun  bool // the stream frame is there
	gapped bool // the frames so far get no more bytes
}

// Frames returns the flow's frames, nil when nobody asks for its protocol's.
func (s *Session) Frames() *Frames { return s.frames }

func (pl *Pool) getFrames(index int) *Frames {
	if index >= len(pl.Frames) || pl.Frames[index] == 0 {
		return nil
	}
	f := &Frames{}
	if n := len(pl.freeFrames); n > 0 {
		f = pl.freeFrames[n-1]
		pl.freeFrames = pl.freeFrames[:n-1]
	}
	f.want = pl.Frames[index]
	return f
}

func (pl *Pool) putFrames(f *Frames) {
	f.reset()
	if len(pl.freeFrames) < maxSpare {
		pl.freeFrames = append(pl.freeFrames, f)
	}
}

// Add begins a frame. left is how many of the bytes that Data was given come
// from the frame's start on; it may be more than all of them by a few, when the
// frame's header was cut apart. n is the frame's length, -1 when its end is not
// known yet. A frame that was begun before is not begun again.
func (f *Frames) Add(d Dir, kind uint8, left, n int) {
	if f != nil && f.want.has(kind) {
		f.add(d, Frame{Type: kind, Len: n}, left)
	}
}

// AddTx is Add for a frame of the transaction with the given ID.
func (f *Frames) AddTx(d Dir, kind uint8, left, n int, tx uint64) {
	if f != nil && f.want.has(kind) {
		f.add(d, Frame{Type: kind, Len: n, Tx: tx, HasTx: true}, left)
	}
}

// End says where the newest frame of that kind ends: left bytes of those that
// Data was given are behind it.
func (f *Frames) End(d Dir, kind uint8, left int) {
	if f != nil {
		f.end(d, kind, f.dir[d].at+uint64(f.dir[d].given-left))
	}
}

// EndUsed is End for the direction that is not at hand: the frame ends with the
// last byte that the parser has used.
func (f *Frames) EndUsed(d Dir, kind uint8) {
	if f != nil {
		f.end(d, kind, f.dir[d].at)
	}
}

func (f *Frames) end(d Dir, kind uint8, end uint64) {
	fd := &f.dir[d]
	for i := len(fd.list) - 1; i >= 0; i-- {
		if fr := &fd.list[i]; fr.Type == kind {
			if fr.Len < 0 && end >= fr.Offset {
				fr.Len = int(end - fr.Offset)
			}
			return
		}
	}
}

func (f *Frames) add(d Dir, fr Frame, left int) {
	fd := &f.dir[d]
	fr.Offset = fd.at + uint64(fd.given) - uint64(left)
	for i := len(fd.list) - 1; i >= 0 && fd.list[i].Offset >= fr.Offset; i-- {
		if o := &fd.list[i]; o.Type == fr.Type && o.Offset == fr.Offset {
			return
		}
	}
	fd.ids++
	fr.ID = fd.ids
	if len(fd.list) == MaxFrames || fr.Offset > fd.at+uint64(fd.given) {
		f.lost++
		return
	}
	fd.list = append(fd.list, fr)
}

// reset forgets the flow and keeps the memory, unless there is much of it.
func (f *Frames) reset() {
	for d := range f.dir {
		fd := &f.dir[d]
		buf := fd.buf[:0]
		if cap(buf) > keepRest {
			buf = nil
		}
		*fd = frameDir{list: fd.list[:0], buf: buf}
	}
	f.lost = 0
}

// give notes what the parser is about to be given: b, whose first part it may
// have seen before.
func (f *Frames) give(d Dir, b []byte, datagram bool) {
	if f == nil {
		return
	}
	fd := &f.dir[d]
	if datagram {
		// An old one that nobody looked at goes.
		fd.list, fd.buf, fd.base, fd.at = fd.list[:0], append(fd.buf[:0], b...), 0, 0
		fd.given = len(b)
		return
	}
	if !fd.begun {
		fd.begun, fd.given = true, 0
		f.Add(d, FrameStream, 0, -1)
	}
	fd.given = len(b)
	end := fd.base + uint64(len(fd.buf))
	switch {
	case len(fd.buf) == 0:
		fd.base, end = fd.at, fd.at
	case fd.at > end: // there was no room
		return
	}
	if fresh := b[min(uint64(len(b)), end-fd.at):]; len(fd.buf) < MaxFrameBytes {
		fd.buf = append(fd.buf, fresh...)
	}
}

// took notes how much the parser has used.
func (f *Frames) took(d Dir, used int) {
	if f == nil {
		return
	}
	fd := &f.dir[d]
	fd.at += uint64(used)
	fd.given -= used
}

// gap says that n bytes behind those given so far, and what was held, are lost:
// what is there of the frames so far is all there will be.
func (f *Frames) gap(d Dir, n int) {
	if f == nil {
		return
	}
	fd := &f.dir[d]
	fd.at += uint64(fd.given + n)
	fd.given = 0
	fd.gapped = len(fd.list) > 0
	if !fd.gapped {
		fd.buf = fd.buf[:0]
	}
}

// close says that no more bytes of d will come.
func (f *Frames) close(d Dir) {
	if f != nil {
		f.dir[d].ended = true
	}
}

// Next returns the first frame of d at or behind index i that is to be
// inspected: one that is whole, or as far as it is looked at, or gets no more.
// b are its bytes, borrowed until the session's next call; the frame is counted
// as inspected. index is -1 behind the last.
func (f *Frames) Next(d Dir, i int) (index int, fr *Frame, b []byte) {
	fd := &f.dir[d]
	for ; i < len(fd.list); i++ {
		fr = &fd.list[i]
		if fr.done {
			continue
		}
		if fr.Offset < fd.base || fr.Offset-fd.base > uint64(len(fd.buf)) {
			fr.done = true
			f.lost++
			continue
		}
		b = fd.buf[fr.Offset-fd.base:]
		want := MaxFrameBytes
		if fr.Len >= 0 {
			want = min(want, fr.Len)
		}
		if len(b) >= want || fd.ended || fd.gapped {
			fr.done = true
			return i, fr, b[:min(len(b), want)]
		}
	}
	return -1, nil, nil
}

// Whole reports whether b, as Next returned it, is all of the frame.
func (fr *Frame) Whole(b []byte) bool { return fr.Len == len(b) }

// Sweep forgets the frames of d that were inspected, and the bytes that no
// other needs. It returns how many frames were lost since the last call.
func (f *Frames) Sweep(d Dir) (lost uint64) {
	fd := &f.dir[d]
	live := fd.list[:0]
	end := fd.base + uint64(len(fd.buf))
	keep := max(end, frameTail) - frameTail
	for i := range fd.list {
		if fr := &fd.list[i]; !fr.done {
			live = append(live, *fr)
			keep = min(keep, fr.Offset)
		}
	}
	fd.list = live
	fd.gapped = false
	switch {
	case fd.at+uint64(fd.given) > end: // what follows does not follow this
		fd.buf, fd.base = fd.buf[:0], fd.at
	case keep > fd.base:
		fd.buf = fd.buf[:copy(fd.buf, fd.buf[keep-fd.base:])]
		fd.base = keep
	}
	lost, f.lost = f.lost, 0
	return lost
}
