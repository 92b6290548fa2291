package unpack

// wrapper skips the header around a deflate stream: gzip's (RFC 1952 §2.3) or
// zlib's two bytes. It is as lax as servers' clients are: reserved flags and
// the header's checksum are not judged.
type wrapper struct {
	done  bool
	bad   bool
	pos   int   // bytes of the fixed part seen, or progress within a field
	flags byte  // gzip flags still to be skipped
	extra int   // length of the extra field
	field uint8 // see below
	magic [2]byte
}

// Fields of a gzip header, in order.
const (
	fixedPart uint8 = iota
	extraLen
	extraData
	nameText
	commentText
	headerSum
	headerDone
)

// Gzip header flags.
const (
	flagSum     = 0x02
	flagExtra   = 0x04
	flagName    = 0x08
	flagComment = 0x10
)

func (w *wrapper) status() Status {
	if w.bad {
		return Bad
	}
	return More
}

// skip takes header bytes from in and returns how many; done is set once the
// header is over.
func (w *wrapper) skip(k Kind, in []byte) int {
	if w.done || k == Deflate {
		w.done = true
		return 0
	}
	for i, c := range in {
		if k == Zlib {
			w.zlib(c)
		} else {
			w.gzip(c)
		}
		if w.done || w.bad {
			return i + 1
		}
	}
	return len(in)
}

func (w *wrapper) zlib(c byte) {
	w.magic[w.pos&1] = c
	if w.pos++; w.pos == 2 {
		w.bad = !IsZlib(w.magic[0], w.magic[1])
		w.done = !w.bad
	}
}

func (w *wrapper) gzip(c byte) {
	switch w.field {
	case fixedPart:
		w.fixed(c)
	case extraLen:
		w.extra |= int(c) << (8 * w.pos)
		if w.pos++; w.pos == 2 {
			w.next(extraData)
		}
	case extraData:
		if w.pos++; w.pos == w.extra {
			w.next(nameText)
		}
	case nameText:
		if c == 0 {
			w.next(commentText)
		}
	case commentText:
		if c == 0 {
			w.next(headerSum)
		}
	case headerSum:
		if w.pos++; w.pos == 2 {
			w.next(headerDone)
		}
	}
}

// fixed takes the ten bytes that every gzip header has.
func (w *wrapper) fixed(c byte) {
	switch w.pos {
	case 0:
		w.bad = c != 0x1f
	case 1:
		w.bad = c != 0x8b
	case 3:
		w.flags = c
	}
	if w.pos++; w.pos == 10 {
		w.next(extraLen)
	}
}

// next goes to field f, or beyond it when the flags say that it is not there.
func (w *wrapper) next(f uint8) {
	w.pos = 0
	for ; f < headerDone; f++ {
		switch {
		case f == extraLen && w.flags&flagExtra != 0,
			f == extraData && w.flags&flagExtra != 0 && w.extra > 0,
			f == nameText && w.flags&flagName != 0,
			f == commentText && w.flags&flagComment != 0,
			f == headerSum && w.flags&flagSum != 0:
			w.field = f
			return
		}
	}
	w.field = headerDone
	w.done = true
}

// IsZlib reports whether two bytes are a zlib header (RFC 1950 §2.2).
func IsZlib(cmf, flg byte) bool {
	return cmf&0x0f == 8 && cmf>>4 <= 7 && (uint(cmf)<<8|uint(flg))%31 == 0 && flg&0x20 == 0
}
