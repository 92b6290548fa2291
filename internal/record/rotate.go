package record

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rotatedTime is what the names of rotated files end in: their order is the
// order of age.
const rotatedTime = "20060102T150405.000000000"

// rotatedName is a name for path that nothing has yet.
func rotatedName(path string, now time.Time) string {
	name := path + "." + now.UTC().Format(rotatedTime)
	free := name
	for i := 1; ; i++ {
		if _, err := os.Lstat(free); errors.Is(err, os.ErrNotExist) || i > 999 {
			return free
		}
		free = name + "-" + strconv.Itoa(i)
	}
}

// removeOld deletes the oldest rotated files beyond keep. Files that others
// put beside them stay.
func removeOld(path string, keep int) {
	if keep <= 0 {
		return
	}
	dir, base := filepath.Split(path)
	all, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return
	}
	var names []string
	for _, e := range all {
		stamp, ok := strings.CutPrefix(e.Name(), base+".")
		stamp, _, _ = strings.Cut(stamp, "-")
		if _, err := time.Parse(rotatedTime, stamp); ok && err == nil {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	for len(names) > keep {
		// A file that can't be removed stays; the disk's owner sees it.
		_ = os.Remove(filepath.Join(dir, names[0]))
		names = names[1:]
	}
}

// tailBytes is how far back the end of the last whole line is looked for.
const tailBytes = 1 << 20

// wholeLines returns how much of an old file is whole lines. When it can't be
// told, all of it is.
func wholeLines(path string, size int64) int64 {
	f, err := os.Open(path)
	if err != nil {
		return size
	}
	// Nothing was written through this handle: its close has nothing to tell.
	defer func() { _ = f.Close() }()
	tail := make([]byte, min(size, tailBytes))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return size
	}
	end := bytes.LastIndexByte(tail, '\n')
	if end < 0 && int64(len(tail)) < size {
		return size
	}
	return size - int64(len(tail)) + int64(end) + 1
}
