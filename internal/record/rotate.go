package record

import (
	"os"
	"path/filepath"
	"slices"
)

// removeOld deletes the oldest rotated files beyond keep. Their names end in
// the time of rotation, so that the order of names is the order of age.
func removeOld(path string, keep int) {
	if keep <= 0 {
		return
	}
	names, err := filepath.Glob(path + ".[0-9]*T*")
	if err != nil || len(names) <= keep {
		return
	}
	slices.Sort(names)
	for _, name := range names[:len(names)-keep] {
		// A file that can't be removed stays; the disk's owner sees it.
		_ = os.Remove(name)
	}
}
