package evidence

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// StoreOptions bound a Store. Zero fields mean the default.
type StoreOptions struct {
	MaxBytes int64 // all captures together; 1 GiB. The oldest hours go first
	Queue    int   // captures that wait for the disk; 256
	// Wait makes Put wait for the disk instead: for captures from files, which can
	// wait.
	Wait bool
}

// StoreCounters are a Store's totals since it was opened.
type StoreCounters struct {
	Written, Bytes uint64
	LostQueue      uint64 // captures not kept: too many waited for the disk
	WriteErrors    uint64 // captures not kept: the disk refused them
	Expired        uint64 // captures removed to keep MaxBytes
}

// Store keeps captures in a folder, readable by its owner only: the packets in
// HOUR/FLOW-N.pcap, and beside it, in HOUR/FLOW-N.json, which rules fired and the
// bytes that they found (File).
// Its methods are safe for concurrent use.
type Store struct {
	*Reader
	opt   StoreOptions
	queue chan *Capture
	done  chan struct{}
	close sync.Once

	mu    sync.Mutex // of the folder
	bytes int64      // in it

	written, size, lost, failed, expired atomic.Uint64
	lastErr                              atomic.Pointer[error]
}

// OpenStore opens or makes the folder and counts what it has.
func OpenStore(dir string, opt StoreOptions) (*Store, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = 1 << 30
	}
	if opt.Queue <= 0 {
		opt.Queue = 256
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	s := &Store{Reader: NewReader(dir), opt: opt, queue: make(chan *Capture, opt.Queue), done: make(chan struct{})}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(path, unfinished) {
			return os.Remove(path)
		}
		st, err := d.Info()
		if err == nil {
			s.bytes += st.Size()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	go s.run()
	return s, nil
}

// Put takes a capture; when too many wait for the disk it is lost and counted.
func (s *Store) Put(c *Capture) {
	if s.opt.Wait {
		s.queue <- c
		return
	}
	select {
	case s.queue <- c:
	default:
		s.lost.Add(1)
	}
}

// Close writes what waits. Nothing may be Put afterwards. It returns the last
// error of a write.
func (s *Store) Close() error {
	s.close.Do(func() { close(s.queue) })
	<-s.done
	if err := s.lastErr.Load(); err != nil {
		return *err
	}
	return nil
}

// Counters returns the totals so far.
func (s *Store) Counters() StoreCounters {
	return StoreCounters{
		Written: s.written.Load(), Bytes: s.size.Load(), LostQueue: s.lost.Load(),
		WriteErrors: s.failed.Load(), Expired: s.expired.Load(),
	}
}

func (s *Store) run() {
	defer close(s.done)
	for c := range s.queue {
		n, err := s.write(c)
		if err != nil {
			s.failed.Add(1)
			s.lastErr.Store(&err)
			continue
		}
		s.written.Add(1)
		s.size.Add(uint64(n))
	}
}

// Reader reads the captures of a folder that a Store, perhaps of another
// process, fills. Its methods are safe for concurrent use.
type Reader struct{ dir string }

// NewReader makes the reader of a folder, which need not be there yet.
func NewReader(dir string) *Reader { return &Reader{dir} }

// unfinished ends the name of a file that is being written.
const unfinished = ".new"

func (r *Reader) path(id ID) string {
	hour, name, _ := strings.Cut(id.String(), "-")
	return filepath.Join(r.dir, hour, name+".pcap")
}

func (s *Store) write(c *Capture) (n int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := s.path(c.ID)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("evidence: %w", err)
	}
	// The packets last: who sees them finds what was matched, too.
	why, err := s.replace(hitsPath(path), func(w io.Writer) error { return writeHits(w, c) })
	if err != nil {
		return 0, err
	}
	n, err = s.replace(path, func(w io.Writer) error { return writeFrames(w, c.Frames) })
	if err != nil {
		return 0, errors.Join(err, os.Remove(hitsPath(path)))
	}
	return n + why, s.shrink(path)
}

// replace writes a file beside path and renames it.
func (s *Store) replace(path string, write func(io.Writer) error) (n int64, err error) {
	f, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("evidence: %w", err)
	}
	w := bufio.NewWriter(f)
	err = errors.Join(write(w), w.Flush())
	if st, serr := f.Stat(); serr == nil {
		n = st.Size()
	}
	before := int64(0) // a capture of the same ID: a file was inspected again
	if st, serr := os.Stat(path); serr == nil {
		before = st.Size()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err != nil {
		return 0, fmt.Errorf("evidence: %w", errors.Join(err, os.Remove(path+unfinished)))
	}
	s.bytes += n - before
	return n, nil
}

// shrink removes the oldest captures, but keep, until the rest fits.
func (s *Store) shrink(keep string) error {
	if s.bytes <= s.opt.MaxBytes {
		return nil
	}
	hours, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	for _, h := range hours { // sorted by name: oldest first
		hour := filepath.Join(s.dir, h.Name())
		files, err := os.ReadDir(hour)
		if err != nil {
			continue // not a folder of ours
		}
		slices.SortFunc(files, byAge)
		for _, f := range files {
			if s.bytes <= s.opt.MaxBytes {
				return nil
			}
			path := filepath.Join(hour, f.Name())
			st, err := f.Info()
			if err != nil || path == keep || path == hitsPath(keep) {
				continue
			}
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("evidence: %w", err)
			}
			s.bytes -= st.Size()
			if strings.HasSuffix(path, ".pcap") {
				s.expired.Add(1)
			}
		}
		_ = os.Remove(hour) // stays when it is not empty
	}
	return nil
}

// byAge sorts files of one folder by the time they were written.
func byAge(a, b fs.DirEntry) int {
	x, errX := a.Info()
	y, errY := b.Info()
	if errX != nil || errY != nil {
		return 0
	}
	return x.ModTime().Compare(y.ModTime())
}

// hitsPath is the place of what was matched, beside the packets at path.
func hitsPath(path string) string { return strings.TrimSuffix(path, ".pcap") + ".json" }

// Open opens the pcap file of a capture: fs.ErrNotExist when it is not written
// yet, has expired, or never was.
func (r *Reader) Open(id ID) (io.ReadCloser, error) {
	f, err := os.Open(r.path(id))
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return f, nil
}
