//go:build unix && !solaris && !aix

package bus

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockDir makes this process the only writer in dir until the file is closed;
// the kernel closes it for a process that was killed. The file itself stays:
// to remove it would let two processes hold locks on two files of one name.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported):
		// A file system without locks is no reason to keep no records.
		return f, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = &LockedError{Dir: dir}
	default:
		err = os.NewSyscallError("flock", err)
	}
	// Nothing was written to it.
	_ = f.Close()
	return nil, err
}
