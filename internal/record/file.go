package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
)

// FileOptions say when eve.json starts a new file and how many old ones stay.
type FileOptions struct {
	MaxBytes int64         // 0: no limit
	MaxAge   time.Duration // 0: no limit
	Keep     int           // rotated files kept, 0: all
	New      bool          // what the file holds is thrown away
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
}

// File is eve.json: whole lines appended by several workers, each in batches of
// its own, with rotation. A write that fails loses its lines, counted, and never
// blocks the sensor; the next one tries again.
type File struct {
	path string
	opt  FileOptions

	mu      sync.Mutex
	f       *os.File // nil: to be opened by the next write
	regular bool     // a file that can be cut and renamed; not a pipe or device
	torn    bool     // a failed write may have left bytes beyond size
	size    int64
	opened  time.Time
	lastE   error // of a row of failed writes
	rotateE error // of a row of failed rotations
	firstE  error // the first that lost lines

	lostBytes, lostWrites atomic.Uint64
}

// LockedError says that another process writes to the file.
type LockedError struct{ Path string }

func (e *LockedError) Error() string { return e.Path + ": in use by another process" }

// Hint says what to do.
func (e *LockedError) Hint() string {
	return "another mirrorwall writes this file; give each an eve.json of its own"
}

// OpenFile opens path for appending; "-" is standard output. Half a line at
// the end of an old file, left by a crash, is cut off. A file that another
// process writes to is a *LockedError: they would rotate it under each other.
func OpenFile(path string, opt FileOptions) (*File, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	w := &File{path: path, opt: opt}
	if path == "-" {
		w.f = os.Stdout
		return w, nil
	}
	if err := w.openLocked(); err != nil {
		return nil, fmt.Errorf("eve: %w", err)
	}
	if opt.New && w.regular {
		if err := w.f.Truncate(0); err != nil {
			return nil, fmt.Errorf("eve: %w", errors.Join(err, w.f.Close()))
		}
		w.size, w.torn = 0, false
	}
	return w, nil
}

func (w *File) openLocked() error {
	f, st, err := openAlone(w.path)
	if err != nil {
		return err
	}
	w.f, w.regular, w.size, w.opened, w.torn = f, st.Mode().IsRegular(), 0, w.opt.Now(), false
	if w.regular {
		w.size = wholeLines(w.path, st.Size())
		w.torn = w.size < st.Size()
	}
	return nil
}

// openAlone opens path and, if it is a plain file, locks it until it is closed.
func openAlone(path string) (*os.File, fs.FileInfo, error) {
	for range 10 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
		if err != nil {
			return nil, nil, err
		}
		st, err := f.Stat()
		if err == nil && !st.Mode().IsRegular() {
			return f, st, nil
		}
		if err == nil {
			err = filelock.Lock(f)
		}
		if err == nil && isAt(path, st) {
			return f, st, nil
		}
		if errors.Is(err, filelock.ErrLocked) {
			err = &LockedError{Path: path}
		}
		// Nothing was written to it.
		_ = f.Close()
		if err != nil {
			return nil, nil, err
		}
		// Its last owner has moved it away between the open and the lock.
	}
	return nil, nil, &LockedError{Path: path}
}

// isAt reports whether path still names the file.
func isAt(path string, file fs.FileInfo) bool {
	st, err := os.Stat(path)
	return err == nil && os.SameFile(st, file)
}

// Write appends whole lines. The error is the first of a row of failures; the
// lines are lost and counted either way. A rotation that fails is an error,
// too, but loses nothing: the file grows on.
func (w *File) Write(lines []byte) (int, error) {
	if len(lines) == 0 {
		return 0, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	rotated := w.rotateIfDueLocked(int64(len(lines)))
	if err := w.appendLocked(lines); err != nil {
		return 0, w.lostLocked(lines, err)
	}
	w.lastE = nil
	return len(lines), rotated
}

// appendLocked writes lines or nothing.
func (w *File) appendLocked(lines []byte) error {
	if w.f == nil {
		if err := w.openLocked(); err != nil {
			return err
		}
	}
	if w.torn {
		// Half a line would spoil the next one, too.
		if err := w.f.Truncate(w.size); err != nil {
			return err
		}
		w.torn = false
	}
	n, err := w.f.Write(lines)
	if err == nil {
		w.size += int64(n)
		return nil
	}
	if n > 0 && w.regular {
		w.torn = w.f.Truncate(w.size) != nil
	}
	return err
}

// lostLocked counts lost lines and reports only the first failure of a row.
func (w *File) lostLocked(lines []byte, err error) error {
	w.lostBytes.Add(uint64(len(lines)))
	w.lostWrites.Add(1)
	if w.firstE == nil {
		w.firstE = err
	}
	first := w.lastE == nil
	w.lastE = err
	if first {
		return fmt.Errorf("eve: %w", err)
	}
	return nil
}

// Failing reports whether the last write failed.
func (w *File) Failing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastE != nil
}

// Lost returns how many writes and bytes never reached the file.
func (w *File) Lost() (writes, bytes uint64) {
	return w.lostWrites.Load(), w.lostBytes.Load()
}

// Err says that records were lost, how many bytes of them, and the first
// cause; nil when all reached the file.
func (w *File) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.firstE == nil {
		return nil
	}
	return &LostError{Path: w.path, Bytes: w.lostBytes.Load(), Err: w.firstE}
}

// LostError says that records never reached a file.
type LostError struct {
	Path  string
	Bytes uint64
	Err   error // the first cause
}

// Error names the file, the loss and the cause, without naming the file twice.
func (e *LostError) Error() string {
	cause := e.Err
	var pe *fs.PathError
	if errors.As(cause, &pe) {
		cause = pe.Err
	}
	return fmt.Sprintf("eve: %s: %d bytes of records lost: %v", e.Path, e.Bytes, cause)
}

// Unwrap returns the cause.
func (e *LostError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *LostError) Hint() string {
	return "is there room on the disk (df), and may this user write there?"
}

// rotateIfDueLocked moves the file away when it is full or old. Whatever goes
// wrong, the next write opens the path again.
func (w *File) rotateIfDueLocked(next int64) error {
	if !w.regular || w.size == 0 {
		return nil
	}
	full := w.opt.MaxBytes > 0 && w.size+next > w.opt.MaxBytes
	old := w.opt.MaxAge > 0 && w.opt.Now().Sub(w.opened) >= w.opt.MaxAge
	if !full && !old {
		return nil
	}
	st, err := w.f.Stat()
	if err == nil && isAt(w.path, st) { // else somebody moved it: begin a new one
		err = os.Rename(w.path, rotatedName(w.path, w.opt.Now()))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		first := w.rotateE == nil
		w.rotateE = err
		if first {
			return fmt.Errorf("eve: rotate: %w", err)
		}
		return nil
	}
	err = w.f.Close()
	w.f, w.size, w.rotateE = nil, 0, nil
	removeOld(w.path, w.opt.Keep)
	if err != nil {
		return fmt.Errorf("eve: rotate: %w", err)
	}
	return nil
}

// Close closes the file.
func (w *File) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.path == "-" || w.f == nil {
		return nil
	}
	if err := w.f.Close(); err != nil {
		return fmt.Errorf("eve: %w", err)
	}
	return nil
}

var _ io.WriteCloser = (*File)(nil)
