package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// FileOptions say when eve.json starts a new file and how many old ones stay.
type FileOptions struct {
	MaxBytes int64         // 0: no limit
	MaxAge   time.Duration // 0: no limit
	Keep     int           // rotated files kept, 0: all
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
}

// File is eve.json: whole lines appended by several workers, each in batches of
// its own, with rotation. A write that fails loses its lines, counted, and never
// blocks the sensor.
type File struct {
	path string
	opt  FileOptions

	mu     sync.Mutex
	f      *os.File
	size   int64
	opened time.Time
	lastE  error

	lostBytes, lostWrites atomic.Uint64
}

// OpenFile opens path for appending; "-" is standard output.
func OpenFile(path string, opt FileOptions) (*File, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	w := &File{path: path, opt: opt}
	if path == "-" {
		w.f = os.Stdout
		return w, nil
	}
	return w, w.open(os.O_APPEND)
}

func (w *File) open(mode int) error {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_WRONLY|mode, 0o640)
	if err != nil {
		return fmt.Errorf("eve: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("eve: %w", err), f.Close())
	}
	w.f, w.size, w.opened = f, st.Size(), w.opt.Now()
	return nil
}

// Write appends whole lines. The error is the first of a row of failures; the
// lines are lost and counted either way.
func (w *File) Write(lines []byte) (int, error) {
	if len(lines) == 0 {
		return 0, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.rotateIfDueLocked(int64(len(lines))); err != nil {
		return 0, w.lostLocked(lines, err)
	}
	n, err := w.f.Write(lines)
	w.size += int64(n)
	if err != nil {
		if n > 0 && w.path != "-" {
			// Half a line would spoil the file for its readers.
			if w.f.Truncate(w.size-int64(n)) == nil {
				w.size -= int64(n)
			}
		}
		return 0, w.lostLocked(lines, err)
	}
	w.lastE = nil
	return n, nil
}

// lostLocked counts lost lines and reports only the first failure of a row.
func (w *File) lostLocked(lines []byte, err error) error {
	w.lostBytes.Add(uint64(len(lines)))
	w.lostWrites.Add(1)
	first := w.lastE == nil
	w.lastE = err
	if first {
		return fmt.Errorf("eve: %w", err)
	}
	return nil
}

// Lost returns how many writes and bytes never reached the file.
func (w *File) Lost() (writes, bytes uint64) {
	return w.lostWrites.Load(), w.lostBytes.Load()
}

func (w *File) rotateIfDueLocked(next int64) error {
	if w.path == "-" || w.size == 0 {
		return nil
	}
	full := w.opt.MaxBytes > 0 && w.size+next > w.opt.MaxBytes
	old := w.opt.MaxAge > 0 && w.opt.Now().Sub(w.opened) >= w.opt.MaxAge
	if !full && !old {
		return nil
	}
	if err := w.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(w.path, w.rotatedName()); err != nil {
		return errors.Join(err, w.open(os.O_APPEND))
	}
	removeOld(w.path, w.opt.Keep)
	return w.open(os.O_APPEND)
}

func (w *File) rotatedName() string {
	name := w.path + "." + w.opt.Now().UTC().Format("20060102T150405.000000000")
	return name
}

// Close closes the file.
func (w *File) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.path == "-" {
		return nil
	}
	return w.f.Close()
}

var _ io.WriteCloser = (*File)(nil)
