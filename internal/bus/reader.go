package bus

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place is the spool that a Reader reads: one that this process writes (Spool),
// or the folder of one that another does (Folder).
type place interface {
	folder() string
	force() syncer
	// identity is the spool's; "" while it has none yet.
	identity() (string, error)
	origin(spool string, start Position) Origin
	// later reports whether the segment of that number can't grow any more.
	later(segment uint64) bool
	// skipped counts a damaged block.
	skipped()
	// wait calls look at each append, or every so often, until it finds something.
	wait(ctx context.Context, look func() (bool, error)) error
}

// Reader reads a spool from its named cursor on. It belongs to one goroutine,
// and a cursor to one reader at a time.
type Reader struct {
	at   place
	dir  string
	id   string // of the spool that pos is about, "" before the first segment
	name string
	c    *codec
	pos  Position
	f    *os.File
	buf  []byte // the block read last

	group []byte // what NextBlocks returned

	aside string
}

// Reader opens the cursor name, a word of letters, digits, '-' and '_'. A new
// cursor starts at the oldest record, and so does one whose file is damaged:
// that is set aside.
func (s *Spool) Reader(name string) (*Reader, error) { return newReader(s, name) }

func newReader(at place, name string) (*Reader, error) {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return nil, fmt.Errorf("spool: cursor name: want letters, digits, - and _, got %q", name)
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	r := &Reader{at: at, dir: at.folder(), name: name, c: c}
	pos, err := readCursor(cursorPath(r.dir, name))
	switch {
	case err == nil:
		r.pos = pos
		return r, nil
	case errors.Is(err, errCursor):
		path := cursorPath(r.dir, name)
		r.aside = path + ".damaged"
		err = os.Rename(path, r.aside)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		err = r.error(err)
	} else {
		err = r.Ack(Position{})
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return r, nil
}

// SetAside is where the file of a damaged cursor was put; "" when the cursor
// was whole or new.
func (r *Reader) SetAside() string { return r.aside }

func (r *Reader) error(err error) error {
	return fmt.Errorf("spool %s: cursor %s: %w", r.dir, r.name, err)
}

func cursorPath(dir, name string) string { return filepath.Join(dir, name+".cursor") }

func readCursor(path string) (pos Position, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return pos, err
	}
	if err := json.Unmarshal(b, &pos); err != nil {
		return Position{}, fmt.Errorf("%w: %w", errCursor, err)
	}
	return pos, nil
}

var errCursor = errors.New("not a position")

// Cursors names the cursors of a spool.
func (s *Spool) Cursors() ([]string, error) { return cursorNames(s.dir) }

func cursorNames(dir string) ([]string, error) {
	names, err := cursors(dir)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return names, nil
}

// Forget removes a cursor whose reader will not come back: until then nothing
// that it has not acknowledged goes but by the spool's bounds, counted as lost.
func (s *Spool) Forget(name string) error { return forget(s.dir, name) }

func forget(dir, name string) error {
	if err := os.Remove(cursorPath(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: cursor %s: %w", name, err)
	}
	return nil
}

func cursors(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".cursor"); ok {
			names = append(names, name)
		}
	}
	return names, err
}

// lowestCursor is the least acknowledged position of all readers; readers is
// false when there are none or one cannot be read.
func lowestCursor(dir string) (low Position, readers bool) {
	names, err := cursors(dir)
	if err != nil {
		return low, false
	}
	for _, n := range names {
		pos, err := readCursor(cursorPath(dir, n))
		if err != nil {
			return Position{}, false
		}
		if !readers || pos.Before(low) {
			low, readers = pos, true
		}
	}
	return low, readers
}

// highestCursor is the greatest acknowledged position; a cursor that can't be
// read is its reader's affair.
func highestCursor(dir string) (high Position, err error) {
	names, err := cursors(dir)
	for _, n := range names {
		if pos, err := readCursor(cursorPath(dir, n)); err == nil && high.Before(pos) {
			high = pos
		}
	}
	return high, err
}

// Next returns the next block, waiting for one. It returns ctx's error, or
// ErrClosed when the spool was closed and everything has been read.
func (r *Reader) Next(ctx context.Context) (b Batch, err error) {
	err = r.at.wait(ctx, func() (ok bool, err error) {
		b, ok, err = r.read()
		return ok, err
	})
	return b, err
}

// read returns the next whole block, if there is one.
func (r *Reader) read() (Batch, bool, error) {
	for {
		start, ok, err := r.advance()
		if !ok || err != nil {
			return Batch{}, false, err
		}
		records, _, err := r.c.parse(r.buf)
		if err == nil {
			return Batch{Records: records, Origin: r.at.origin(r.id, start), End: r.pos}, true, nil
		}
		r.at.skipped()
	}
}

// advance fills r.buf with the next block whose checksum is right, if there is one.
func (r *Reader) advance() (start Position, ok bool, err error) {
	for {
		if r.f == nil {
			ok, err := r.openNext()
			if !ok || err != nil {
				return start, false, err
			}
		}
		if start, ok := r.block(false); ok {
			return start, true, nil
		}
		if !r.at.later(r.pos.Segment) {
			return start, false, nil
		}
		// Once more: a block may have come between the look and the question.
		if start, ok := r.block(true); ok {
			return start, true, nil
		}
		if st, err := r.f.Stat(); err != nil || st.Size() > r.pos.Offset {
			r.at.skipped() // a length that can't be believed hides what follows
		}
		err = r.f.Close()
		r.f, r.pos = nil, Position{Segment: r.pos.Segment + 1}
		if err != nil {
			return start, false, err
		}
	}
}

// openNext opens the segment at or after the position.
func (r *Reader) openNext() (bool, error) {
	id, err := r.at.identity()
	if err != nil || id == "" {
		return false, err
	}
	if r.id != "" && r.id != id {
		r.pos = Position{} // a folder made anew: its positions begin anew
	}
	r.id = id
	segments, err := listSegments(r.dir)
	if err != nil {
		return false, fmt.Errorf("spool: %w", err)
	}
	for _, g := range segments {
		if g.id < r.pos.Segment {
			continue
		}
		f, err := os.Open(segmentPath(r.dir, g.id))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("spool: %w", err)
		}
		if !isSegment(f) {
			// An open segment that lacks its magic is being made.
			err := f.Close()
			if last := g.id == segments[len(segments)-1].id; last || err != nil {
				return false, err
			}
			r.at.skipped()
			continue
		}
		if g.id > r.pos.Segment || r.pos.Offset < int64(len(segmentMagic)) {
			r.pos = Position{g.id, int64(len(segmentMagic))}
		}
		r.f = f
		return true, nil
	}
	return false, nil
}

func isSegment(f *os.File) bool {
	var head [len(segmentMagic)]byte
	_, err := f.ReadAt(head[:], 0)
	return err == nil && string(head[:]) == segmentMagic
}

// block reads the block at the position into r.buf; damaged ones are skipped and
// counted. None is there when its length can't be believed: the segment's end
// counts it. While a segment may grow, what looks damaged may be a block that is
// being written, or one that its writer gives up and writes anew: it is skipped
// only once a whole block stands behind it, or the segment is final.
func (r *Reader) block(final bool) (start Position, ok bool) {
	for {
		size := r.size(r.pos.Offset)
		if size == 0 || !r.load(size) {
			return start, false
		}
		if intact(r.buf) {
			start = r.pos
			r.pos.Offset += size
			return start, true
		}
		if !final && !r.followed(r.pos.Offset+size) {
			return start, false
		}
		r.pos.Offset += size
		r.at.skipped()
	}
}

// followed reports whether a whole block stands at offset, or behind others that
// are damaged.
func (r *Reader) followed(offset int64) bool {
	for {
		size := r.size(offset)
		if size == 0 {
			return false
		}
		if st, err := r.f.Stat(); err != nil || st.Size() < offset+size {
			return false
		}
		b := make([]byte, size)
		if n, _ := r.f.ReadAt(b, offset); int64(n) < size {
			return false
		}
		if intact(b) {
			return true
		}
		offset += size
	}
}

// size is the length of the block at offset; 0 when there is none whose length
// can be believed.
func (r *Reader) size(offset int64) int64 {
	var head [blockHeader]byte
	if n, _ := r.f.ReadAt(head[:], offset); n < blockHeader {
		return 0
	}
	frame := int64(binary.LittleEndian.Uint32(head[:]))
	if frame == 0 || frame > maxBlock {
		return 0 // as the writer's repair sees it, which cuts there
	}
	return blockHeader + frame
}

// load fills r.buf with size bytes at the position, if the segment has them.
func (r *Reader) load(size int64) bool {
	if int64(cap(r.buf)) < size {
		r.buf = make([]byte, size)
	}
	r.buf = r.buf[:size]
	n, _ := r.f.ReadAt(r.buf, r.pos.Offset)
	return int64(n) == size
}

// Ack says that everything before end is done. The cursor is on the disk when it
// returns.
func (r *Reader) Ack(end Position) error {
	b, err := json.Marshal(end)
	if err != nil {
		return err
	}
	if err := r.at.force().replace(cursorPath(r.dir, r.name), append(b, '\n')); err != nil {
		return r.error(err)
	}
	return nil
}

// Close releases the reader; its cursor stays.
func (r *Reader) Close() error {
	r.c.close()
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}
