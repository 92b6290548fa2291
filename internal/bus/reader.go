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

// Reader reads a spool from its named cursor on. It belongs to one goroutine,
// and a cursor to one reader at a time.
type Reader struct {
	s    *Spool
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
func (s *Spool) Reader(name string) (*Reader, error) {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return nil, fmt.Errorf("spool: cursor name: want letters, digits, - and _, got %q", name)
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	r := &Reader{s: s, name: name, c: c}
	pos, err := readCursor(cursorPath(s.dir, name))
	switch {
	case err == nil:
		r.pos = pos
		return r, nil
	case errors.Is(err, errCursor):
		path := cursorPath(s.dir, name)
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
	return fmt.Errorf("spool %s: cursor %s: %w", r.s.dir, r.name, err)
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
func (s *Spool) Cursors() ([]string, error) {
	names, err := cursors(s.dir)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return names, nil
}

// Forget removes a cursor whose reader will not come back: until then nothing
// that it has not acknowledged goes but by the spool's bounds, counted as lost.
func (s *Spool) Forget(name string) error {
	if err := os.Remove(cursorPath(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
	err = r.wait(ctx, func() (ok bool, err error) {
		b, ok, err = r.read()
		return ok, err
	})
	return b, err
}

// wait calls look at each append until it finds something.
func (r *Reader) wait(ctx context.Context, look func() (bool, error)) error {
	for {
		r.s.mu.Lock()
		wake, closed := r.s.wake, r.s.closed
		r.s.mu.Unlock()
		ok, err := look()
		if err != nil || ok {
			return err
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
	}
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
			return Batch{Records: records, Origin: r.s.origin(start), End: r.pos}, true, nil
		}
		r.damaged()
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
		// Asked before the last look: a block may come between look and roll.
		finished := r.finished()
		start, ok := r.block()
		if ok {
			return start, true, nil
		}
		if !finished {
			return start, false, nil
		}
		if st, err := r.f.Stat(); err != nil || st.Size() > r.pos.Offset {
			r.damaged() // a length that can't be believed hides what follows
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
	segments, err := listSegments(r.s.dir)
	if err != nil {
		return false, fmt.Errorf("spool: %w", err)
	}
	for _, g := range segments {
		if g.id < r.pos.Segment {
			continue
		}
		f, err := os.Open(segmentPath(r.s.dir, g.id))
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
			r.damaged()
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

// finished reports whether a later segment exists, so that this one can't grow.
func (r *Reader) finished() bool {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.s.lastLocked().id > r.pos.Segment
}

// block reads the block at the position into r.buf; damaged ones are skipped and
// counted. None is there when its length can't be believed: the segment's end
// counts it.
func (r *Reader) block() (start Position, ok bool) {
	for {
		size := r.size()
		if size == 0 || !r.load(size) {
			return start, false
		}
		start = r.pos
		r.pos.Offset += size
		if intact(r.buf) {
			return start, true
		}
		r.damaged()
	}
}

// size is the length of the block at the position; 0 when there is none whose
// length can be believed.
func (r *Reader) size() int64 {
	var head [blockHeader]byte
	if n, _ := r.f.ReadAt(head[:], r.pos.Offset); n < blockHeader {
		return 0
	}
	size := int64(blockHeader) + int64(binary.LittleEndian.Uint32(head[:]))
	if size > blockHeader+maxBlock {
		return 0
	}
	return size
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

func (r *Reader) damaged() {
	r.s.mu.Lock()
	r.s.stats.Damaged++
	r.s.mu.Unlock()
}

// Ack says that everything before end is done. The cursor is on the disk when it
// returns.
func (r *Reader) Ack(end Position) error {
	b, err := json.Marshal(end)
	if err != nil {
		return err
	}
	if err := r.s.opt.sync.replace(cursorPath(r.s.dir, r.name), append(b, '\n')); err != nil {
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
