package bus

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
)

// LockedError says that another process writes to the spool in Dir.
type LockedError struct{ Dir string }

func (e *LockedError) Error() string { return "spool " + e.Dir + ": in use by another process" }

// Hint says what to do.
func (e *LockedError) Hint() string {
	return "another mirrorwall uses this folder; give each its own state:"
}

// lockDir makes this process the only writer in dir until the file is closed.
// The file itself stays: to remove it would let two processes hold locks on two
// files of one name.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	if err = filelock.Lock(f); err == nil {
		return f, nil
	}
	if errors.Is(err, filelock.ErrLocked) {
		err = &LockedError{Dir: dir}
	}
	// Nothing was written to it.
	_ = f.Close()
	return nil, err
}
