package bus

import (
	"cmp"
	"context"
	"encoding/binary"
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
// goroutines. One process at a time writes, which a lock on the directory
// holds; readers may live elsewhere.
type Spool struct {
	dir string
	opt Options
	id  string // the identity; constant after Open

	mu       sync.Mutex
	c        *codec
	f        *os.File
	lock     *os.File  // held while the spool is open
	segments []segment // oldest first, the last is open
	buf      []byte
	rolled   []*os.File // closed segments that wait for their sync, oldest first
	dirty    bool       // f has to be synced
	newNames bool       // dir has to be synced
	closed   bool
	failing  bool // the last Append failed
	// spoiled: behind the last block of f stood a whole block that was cut off
	// again. A reader may have seen it; its position is not given to another.
	spoiled bool
	stats   Counters
	wake    chan struct{} // closed and replaced at each append
	stop    chan struct{}
	done    sync.WaitGroup
}

type segment struct {
	id   uint64
	size int64
	born time.Time
}

// Open opens or makes the spool in dir. A block cut short by a crash at the end
// of the last segment is removed. A directory that another Spool writes to is a
// *LockedError.
func Open(dir string, opt Options) (*Spool, error) {
	opt = opt.withDefaults()
	if err := opt.sync.makeFolder(dir); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, openError(dir, err)
	}
	s := &Spool{dir: dir, opt: opt, lock: lock, wake: make(chan struct{}), stop: make(chan struct{})}
	if s.c, err = newCodec(); err != nil {
		s.unlock()
		return nil, err
	}
	if err := s.load(); err != nil {
		s.c.close()
		s.unlock()
		return nil, openError(dir, err)
	}
	s.done.Add(1)
	go s.syncLoop()
	return s, nil
}

// openError names the directory, unless err does so itself.
func openError(dir string, err error) error {
	if le := (*LockedError)(nil); errors.As(err, &le) {
		return err
	}
	return fmt.Errorf("spool %s: %w", dir, err)
}

// unlock lets another process write.
func (s *Spool) unlock() {
	// Nothing was written to it.
	_ = s.lock.Close()
}

func (s *Spool) load() error {
	segments, err := listSegments(s.dir)
	if err != nil {
		return err
	}
	s.segments = segments
	high, err := highestCursor(s.dir)
	if err != nil {
		return err
	}
	reboot, err := s.identify(len(segments) == 0 && high == Position{})
	if err != nil {
		return err
	}
	next := high.Segment + 1
	if reboot {
		next += rebootSkip
	}
	if len(segments) == 0 {
		return s.newSegmentLocked(next)
	}
	last := s.lastLocked()
	next = max(next, next-high.Segment+last.id)
	f, err := os.OpenFile(s.path(last.id), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	size, whole, err := s.repair(f)
	if err != nil && !errors.Is(err, errFormat) {
		return errors.Join(err, f.Close())
	}
	if err == nil {
		last.size = size
	}
	if err == nil && whole && !reboot && !(Position{last.id, size}).Before(high) {
		// Who wrote last may have been killed before it was synced.
		s.f, s.dirty, s.newNames = f, true, true
		return nil
	}
	// Nothing can be appended where a reader would not look: behind a cursor
	// that outlived its blocks in a loss of power, or in a file of another
	// format; nor where the same position may have had other records, or a
	// reader in another process may be looking at what was cut off.
	if err == nil {
		err = s.opt.sync(f)
	} else {
		err = nil // another format
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.newSegmentLocked(next)
}

// repair finds the end of the last whole block and cuts the rest off; whole is
// true when there was nothing to cut and no damage. A file of another format is
// left alone: errFormat.
func (s *Spool) repair(f *os.File) (size int64, whole bool, err error) {
	data, err := os.ReadFile(f.Name())
	if err != nil {
		return 0, false, err
	}
	if !strings.HasPrefix(segmentMagic, string(data[:min(len(data), len(segmentMagic))])) {
		s.stats.Damaged++
		return 0, false, errFormat
	}
	was := s.stats.Damaged
	if len(data) < len(segmentMagic) {
		if _, err := f.WriteAt([]byte(segmentMagic), 0); err != nil {
			return 0, false, err
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
	if end < int64(len(data)) {
		s.stats.Damaged++
	}
	if err := f.Truncate(end); err != nil {
		return 0, false, err
	}
	_, err = f.Seek(end, 0)
	return end, s.stats.Damaged == was, err
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
	slices.SortFunc(out, func(a, b segment) int { return cmp.Compare(a.id, b.id) })
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
	s.f, s.dirty, s.newNames = f, true, true
	s.segments = append(s.segments, segment{id: id, size: int64(len(segmentMagic)), born: s.opt.Now()})
	return nil
}

// Append writes records as one block, or as several of BlockBytes. When it returns nil they survive the
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
	if err := checkSize(records); err != nil {
		s.stats.WriteErrors++
		return fmt.Errorf("spool: %w", err)
	}
	blocks := s.packLocked(records)
	err := s.writeLocked(s.buf)
	if err != nil && s.trimLocked() {
		err = s.writeLocked(s.buf) // a full disk has room again
	}
	s.failing = err != nil
	if err != nil {
		s.stats.WriteErrors++
		return fmt.Errorf("spool: %w", err)
	}
	s.stats.Blocks += uint64(blocks)
	s.stats.Records += uint64(len(records))
	s.stats.Bytes += uint64(len(s.buf))
	close(s.wake)
	s.wake = make(chan struct{})
	return nil
}

// packLocked packs records into s.buf and returns in how many blocks.
func (s *Spool) packLocked(records [][]byte) (blocks int) {
	s.buf = s.buf[:0]
	for len(records) > 0 {
		n, size := 1, len(records[0])
		for n < len(records) && size+len(records[n]) <= s.opt.BlockBytes {
			size += len(records[n])
			n++
		}
		s.buf = s.c.append(s.buf, records[:n])
		records = records[n:]
		blocks++
	}
	return blocks
}

func (s *Spool) writeLocked(block []byte) error {
	full := s.lastLocked().size+int64(len(block)) > s.opt.SegmentBytes && s.lastLocked().size > int64(len(segmentMagic))
	if full || s.spoiled {
		if err := s.rollLocked(); err != nil {
			return err
		}
	}
	last := s.lastLocked()
	_, err := s.f.Write(block)
	if err == nil && s.opt.SyncEvery < 0 {
		err = s.syncBlockLocked()
		s.spoiled = err != nil
	}
	if err != nil {
		// Part of a block would hide all that follows it.
		terr := s.f.Truncate(last.size)
		_, serr := s.f.Seek(last.size, 0)
		return errors.Join(err, terr, serr)
	}
	last.size += int64(len(block))
	s.dirty = s.opt.SyncEvery > 0
	return nil
}

// syncBlockLocked forces a block to the disk before its Append returns.
func (s *Spool) syncBlockLocked() error {
	if s.newNames {
		if err := s.opt.sync.folder(s.dir); err != nil {
			return err
		}
		s.newNames = false
	}
	return s.opt.sync(s.f)
}

// checkSize refuses what could be written but not be read back.
func checkSize(records [][]byte) error {
	total := 0
	for _, r := range records {
		total += len(r) + binary.MaxVarintLen32
	}
	if total > maxRaw || len(records) > maxRecords {
		return fmt.Errorf("want at most %d bytes and %d records at once, got %d and %d", maxRaw, maxRecords, total, len(records))
	}
	return nil
}

func (s *Spool) lastLocked() *segment { return &s.segments[len(s.segments)-1] }

// rollLocked ends the open segment, begins the next one and removes what the
// bounds no longer allow. The next flush syncs the old one: Append's callers
// read packets, and a slow disk must not keep them from it.
func (s *Spool) rollLocked() error {
	old, was := s.f, *s.lastLocked()
	if err := s.newSegmentLocked(was.id + 1); err != nil {
		return err
	}
	s.spoiled = false
	if was.size <= int64(len(segmentMagic)) { // spoiled by its first block
		s.segments = slices.Delete(s.segments, len(s.segments)-2, len(s.segments)-1)
		return errors.Join(os.Remove(old.Name()), old.Close())
	}
	s.rolled = append(s.rolled, old)
	if s.opt.SyncEvery < 0 {
		s.releaseLocked(old.Name()) // each of its blocks is on the disk
	}
	s.trimLocked()
	return nil
}

// trimLocked removes the oldest segments: those that every cursor has passed,
// and those beyond the bounds, whose unread records are lost. Cursors are looked
// up in their files, where readers in other processes keep theirs too. It leaves room for
// the open segment to fill, and reports whether anything was removed.
func (s *Spool) trimLocked() (removed bool) {
	low, readers := lowestCursor(s.dir)
	total := max(0, s.opt.SegmentBytes-s.lastLocked().size)
	for _, g := range s.segments {
		total += g.size
	}
	now := s.opt.Now()
	for len(s.segments) > 1 {
		g := s.segments[0]
		read := readers && !low.Before(Position{g.id, g.size})
		full := total > s.opt.MaxBytes
		old := s.opt.MaxAge > 0 && now.Sub(g.born) > s.opt.MaxAge
		if !read && !full && !old {
			break
		}
		if err := os.Remove(s.path(g.id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			break
		}
		s.releaseLocked(s.path(g.id))
		removed = true
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
	return removed
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
			// The next one tries again; it is counted.
			_ = s.flush()
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

// Failing reports whether the last Append failed.
func (s *Spool) Failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failing
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
	close(s.wake)
	s.wake = make(chan struct{})
	close(s.stop)
	s.mu.Unlock()
	s.done.Wait()
	err := errors.Join(s.flush(), s.f.Close())
	for len(s.rolled) > 0 { // not synced, which flush has told
		s.releaseLocked(s.rolled[0].Name())
	}
	s.c.close()
	s.unlock()
	return err
}

func (s *Spool) folder() string { return s.dir }

func (s *Spool) force() syncer { return s.opt.sync }

func (s *Spool) identity() (string, error) { return s.id, nil }

func (s *Spool) origin(spool string, start Position) Origin {
	return Origin{s.opt.Sensor, spool, start}
}

func (s *Spool) later(segment uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastLocked().id > segment
}

func (s *Spool) skipped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Damaged++
}

func (s *Spool) wait(ctx context.Context, look func() (bool, error)) error {
	for {
		s.mu.Lock()
		wake, closed := s.wake, s.closed
		s.mu.Unlock()
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
