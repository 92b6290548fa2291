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
	buf  []byte

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
func (r *Reader) Next(ctx context.Context) (Batch, error) {
	for {
		r.s.mu.Lock()
		wake, closed := r.s.wake, r.s.closed
		r.s.mu.Unlock()
		b, ok, err := r.read()
		if err != nil || ok {
			return b, err
		}
		if closed {
			return Batch{}, ErrClosed
		}
		select {
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-wake:
		}
	}
}

// read returns the next whole block, if there is one.
func (r *Reader) read() (Batch, bool, error) {
	for {
		if r.f == nil {
			ok, err := r.openNext()
			if !ok || err != nil {
				return Batch{}, false, err
			}
		}
		// Asked before the last look: a block may come between look and roll.
		finished := r.finished()
		b, ok, err := r.block()
		if ok || err != nil {
			return b, ok, err
		}
		if !finished {
			return Batch{}, false, nil
		}
		if st, err := r.f.Stat(); err != nil || st.Size() > r.pos.Offset {
			r.damaged() // a length that can't be believed hides what follows
		}
		err = r.f.Close()
		r.f, r.pos = nil, Position{Segment: r.pos.Segment + 1}
		if err != nil {
			return Batch{}, false, err
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

// block reads the block at the position; damaged ones are skipped and counted.
// None is there when its length can't be believed: the segment's end counts it.
func (r *Reader) block() (Batch, bool, error) {
	for {
		var head [blockHeader]byte
		if n, _ := r.f.ReadAt(head[:], r.pos.Offset); n < blockHeader {
			return Batch{}, false, nil
		}
		size := int64(blockHeader) + int64(binary.LittleEndian.Uint32(head[:]))
		if size > blockHeader+maxBlock {
			return Batch{}, false, nil
		}
		if int64(cap(r.buf)) < size {
			r.buf = make([]byte, size)
		}
		r.buf = r.buf[:size]
		if n, _ := r.f.ReadAt(r.buf, r.pos.Offset); int64(n) < size {
			return Batch{}, false, nil
		}
		records, _, err := r.c.parse(r.buf)
		r.pos.Offset += size
		if err != nil {
			r.damaged()
			continue
		}
		return Batch{Records: records, End: r.pos}, true, nil
	}
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
