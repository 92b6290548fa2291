package respond

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
)

// replayedName is the file beside the dead letters with the ids of those that
// were delivered later, one a line. The spool itself belongs to the service.
const replayedName = "replayed"

func replayed(text []byte) map[string]bool {
	done := map[string]bool{}
	for id := range strings.Lines(string(text)) {
		done[strings.TrimSuffix(id, "\n")] = true
	}
	return done
}

// openReplayed opens and locks the list of letters that were delivered later.
// It is written anew, without the letters that the spool has dropped, so that it
// stays as small as the spool, and belongs to the service whoever opens it.
func openReplayed(dir string) (f *os.File, done map[string]bool, err error) {
	f, err = lockReplayed(filepath.Join(dir, replayedName))
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(f)
	if err == nil && len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
		_, err = f.WriteString("\n") // a crash cut its last line
	}
	if err == nil && runtime.GOOS != "windows" { // an open file can't be replaced there
		var now *os.File
		if text, err = stillDead(dir, text); err == nil {
			now, err = replaceReplayed(dir, text)
		}
		if err == nil {
			err = f.Close()
			f = now
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, replayed(text), nil
}

// lockReplayed opens the file that has the name once the lock is held: its last
// holder may have put another in its place.
func lockReplayed(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640)
		if err != nil {
			return nil, err
		}
		var held, named fs.FileInfo
		if err = filelock.Lock(f); err == nil {
			held, err = f.Stat()
		}
		if err == nil {
			named, err = os.Stat(path)
		}
		if err == nil && os.SameFile(held, named) {
			return f, nil
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
}

// stillDead leaves the ids of text, a list of letters that were delivered later,
// whose letters the spool has. Where that can't be read whole all stay: a letter
// that comes back must not be delivered twice.
func stillDead(dir string, text []byte) ([]byte, error) {
	if len(text) == 0 {
		return nil, nil
	}
	done := replayed(text)
	var left []byte
	damaged, err := listDead(dir, nil, func(l *DeadLetter) error {
		if done[l.ID] {
			left = append(append(left, l.ID...), '\n')
		}
		return nil
	})
	if damaged > 0 {
		left = text
	}
	return left, err
}

// replaceReplayed puts a file with text, open and locked, into the place of the
// one whose lock the caller holds. It is on the disk when it returns.
func replaceReplayed(dir string, text []byte) (*os.File, error) {
	path := filepath.Join(dir, replayedName)
	beside := path + ".new"
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// O_EXCL follows no link: root gives away nothing that was there before.
	f, err := os.OpenFile(beside, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o640)
	if err != nil {
		return nil, err
	}
	// Locked before it has the name, or another could come between.
	if err = filelock.Lock(f); err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = giveToOwner(f, dir)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(beside, path)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// markReplayed is on the disk when it returns.
func markReplayed(f *os.File, id string) error {
	_, err := f.WriteString(id + "\n")
	if err = errors.Join(err, f.Sync()); err != nil {
		return fmt.Errorf("dead letters: %w", err)
	}
	return nil
}
