package bus

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
)

// syncer forces a file or a folder to the disk.
type syncer func(*os.File) error

// folder forces the names in a folder to the disk: a file that was synced is
// lost with power when its name was not.
func (y syncer) folder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders can't be synced there
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = y(f)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // nor on some file systems: no reason to keep no records
	}
	return errors.Join(err, f.Close())
}

// makeFolder makes dir and the folders on the way to it.
func (y syncer) makeFolder(dir string) error {
	var made []string
	for p := filepath.Clean(dir); ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		made = append(made, p)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, p := range made {
		// A parent that can't be read can't be synced.
		if err := y.folder(filepath.Dir(p)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// replace puts b into the file path: written beside, synced, renamed.
func (y syncer) replace(path string, b []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, y(f), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return y.folder(filepath.Dir(path))
}

// flush forces to the disk what was appended since the last flush. It belongs to
// syncLoop, and to Close after that; appends go on meanwhile. What could not be
// synced is left for the next flush, and counted.
func (s *Spool) flush() error {
	s.mu.Lock()
	names, dirty, open := s.newNames, s.dirty, s.f
	rolled := slices.Clone(s.rolled)
	s.newNames, s.dirty = false, false
	s.mu.Unlock()

	var errs []error
	if names {
		errs = append(errs, s.opt.sync.folder(s.dir))
	}
	for _, f := range rolled {
		err := s.syncSegment(f)
		if err == nil {
			s.mu.Lock()
			s.releaseLocked(f.Name())
			s.mu.Unlock()
		}
		errs = append(errs, err)
	}
	if dirty {
		errs = append(errs, s.syncSegment(open))
	}
	err := errors.Join(errs...)
	if err != nil {
		s.mu.Lock()
		s.newNames, s.dirty = true, true
		s.stats.SyncErrors++
		s.mu.Unlock()
	}
	return err
}

func (s *Spool) syncSegment(f *os.File) error {
	err := s.opt.sync(f)
	if errors.Is(err, os.ErrClosed) {
		return nil // removed meanwhile
	}
	return err
}

// releaseLocked closes the segment path if it waits for its sync: that is done,
// or needed no more.
func (s *Spool) releaseLocked(path string) {
	for i, f := range s.rolled {
		if f.Name() == path {
			// Nothing is written to it any more.
			_ = f.Close()
			s.rolled = slices.Delete(s.rolled, i, i+1)
			return
		}
	}
}
