package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Spool is a directory of segments. Append may be called by several
// goroutines. One process at a time writes; readers may live elsewhere.
type Spool struct {
	dir string
	opt Options

	mu       sync.Mutex
	c        *codec
	f        *os.File
	segments []segment // oldest first, the last is open
	buf      []byte
	dirty    bool
	closed   bool
	stats    Counters
	wake     chan struct{} // closed and replaced at each append
	stop     chan struct{}
	done     sync.WaitGroup
}

type segment struct {
	id   uint64
	size int64
	born time.Time
}

// Open opens or makes the spool in dir. A block cut short by a crash at the end
// of the last segment is removed.
func Open(dir string, opt Options) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	s := &Spool{dir: dir, opt: opt.withDefaults(), c: c, wake: make(chan struct{}), stop: make(chan struct{})}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("spool %s: %w", dir, err)
	}
	s.done.Add(1)
	go s.syncLoop()
	return s, nil
}

func (s *Spool) load() error {
	segments, err := listSegments(s.dir)
	if err != nil {
		return err
	}
	s.segments = segments
	if len(segments) == 0 {
		return s.newSegmentLocked(1)
	}
	last := &s.segments[len(s.segments)-1]
	f, err := os.OpenFile(s.path(last.id), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if last.size, err = s.repair(f); err != nil {
		return errors.Join(err, f.Close())
	}
	s.f = f
	return nil
}

// repair finds the end of the last whole block and cuts the rest off.
func (s *Spool) repair(f *os.File) (int64, error) {
	data, err := os.ReadFile(f.Name())
	if err != nil {
		return 0, err
	}
	if len(data) < len(segmentMagic) {
		if _, err := f.WriteAt([]byte(segmentMagic), 0); err != nil {
			return 0, err
		}
		data = []byte(segmentMagic)
	}
	end := int64(len(segmentMagic))
	for {
		_, n, err := s.c.parse(data[end:])
		if n == 0 {
			break
		}
		if err != nil {
			s.stats.Damaged++
		}
		end += int64(n)
	}
	if err := f.Truncate(end); err != nil {
		return 0, err
	}
	_, err = f.Seek(end, 0)
	return end, err
}

func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".seg")
		if !ok {
			continue
		}
		id, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, segment{id: id, size: info.Size(), born: info.ModTime()})
	}
	slices.SortFunc(out, func(a, b segment) int { return int(int64(a.id) - int64(b.id)) })
	return out, nil
}

func segmentPath(dir string, id uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d.seg", id))
}

func (s *Spool) path(id uint64) string { return segmentPath(s.dir, id) }

func (s *Spool) newSegmentLocked(id uint64) error {
	f, err := os.OpenFile(s.path(id), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(segmentMagic); err != nil {
		return errors.Join(err, f.Close(), os.Remove(s.path(id)))
	}
	s.f = f
	s.segments = append(s.segments, segment{id: id, size: int64(len(segmentMagic)), born: s.opt.Now()})
	return nil
}

// Append writes records as one block. When it returns nil they survive the
// death of this process; when it returns an error none of them is kept, and
// they are counted.
func (s *Spool) Append(records ...[]byte) error {
	if len(records) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.buf = s.c.append(s.buf[:0], records)
	if err := s.writeLocked(s.buf); err != nil {
		s.stats.WriteErrors++
		return fmt.Errorf("spool: %w", err)
	}
	s.stats.Blocks++
	s.stats.Records += uint64(len(records))
	s.stats.Bytes += uint64(len(s.buf))
	close(s.wake)
	s.wake = make(chan struct{})
	return nil
}

func (s *Spool) writeLocked(block []byte) error {
	if s.lastLocked().size+int64(len(block)) > s.opt.SegmentBytes && s.lastLocked().size > int64(len(segmentMagic)) {
		if err := s.rollLocked(); err != nil {
			return err
		}
	}
	last := s.lastLocked()
	n, err := s.f.Write(block)
	if err != nil {
		if n > 0 {
			// Part of a block would hide all that follows it.
			err = errors.Join(err, s.f.Truncate(last.size))
		}
		_, serr := s.f.Seek(last.size, 0)
		return errors.Join(err, serr)
	}
	last.size += int64(n)
	s.dirty = true
	if s.opt.SyncEvery < 0 {
		s.dirty = false
		return s.f.Sync()
	}
	return nil
}

func (s *Spool) lastLocked() *segment { return &s.segments[len(s.segments)-1] }

// rollLocked closes the open segment, begins the next one and removes what the
// bounds no longer allow.
func (s *Spool) rollLocked() error {
	old, id := s.f, s.lastLocked().id+1
	if err := old.Sync(); err != nil {
		return err
	}
	if err := s.newSegmentLocked(id); err != nil {
		return err
	}
	s.trimLocked()
	return old.Close()
}

// trimLocked removes the oldest segments: those that every cursor has passed,
// and those beyond the bounds, whose unread records are lost.
func (s *Spool) trimLocked() {
	low, readers := lowestCursor(s.dir)
	var total int64
	for _, g := range s.segments {
		total += g.size
	}
	now := s.opt.Now()
	for len(s.segments) > 1 {
		g := s.segments[0]
		read := readers && low.Segment > g.id
		full := total > s.opt.MaxBytes
		old := s.opt.MaxAge > 0 && now.Sub(g.born) > s.opt.MaxAge
		if !read && !full && !old {
			return
		}
		if os.Remove(s.path(g.id)) != nil {
			return
		}
		switch {
		case read:
		case full:
			s.stats.LostFull++
		default:
			s.stats.LostAge++
		}
		total -= g.size
		s.segments = s.segments[1:]
	}
}

func (s *Spool) syncLoop() {
	defer s.done.Done()
	if s.opt.SyncEvery < 0 {
		return
	}
	t := time.NewTicker(s.opt.SyncEvery)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
			s.mu.Lock()
			if s.dirty && s.f.Sync() == nil {
				s.dirty = false
			}
			s.mu.Unlock()
		}
	}
}

// Counters returns the totals so far.
func (s *Spool) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// End is the position behind the last block.
func (s *Spool) End() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lastLocked()
	return Position{l.id, l.size}
}

// Lowest is the least position that all readers have acknowledged; readers is
// false when there are none.
func (s *Spool) Lowest() (low Position, readers bool) { return lowestCursor(s.dir) }

// Close syncs and closes the spool; readers end with ErrClosed once they have
// read everything.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	err := errors.Join(s.f.Sync(), s.f.Close())
	close(s.wake)
	s.wake = make(chan struct{})
	close(s.stop)
	s.mu.Unlock()
	s.done.Wait()
	s.c.close()
	return err
}
