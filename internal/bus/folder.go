package bus

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// FolderOptions are a Folder's settings; zero fields mean the default.
type FolderOptions struct {
	// Sensor names the origin in the ID of records, as Options.Sensor does; "local".
	Sensor string
	// Poll is the longest time between two looks for new blocks, which come more
	// often while there are some; 100 ms.
	Poll time.Duration
}

// Folder is a spool that another process writes to, seen from outside: it takes
// no lock and changes nothing but the cursors of its readers. The writer looks at
// those cursors before it removes a segment, so that what a Folder's readers have
// not acknowledged stays within the writer's bounds, and is counted there when
// they take it. The writer may come later, end, and come again. It may be used
// by several goroutines.
type Folder struct {
	dir     string
	opt     FolderOptions
	sync    syncer
	damaged atomic.Uint64
}

// Follow looks into the spool in dir, which is made when it is not there yet.
func Follow(dir string, opt FolderOptions) (*Folder, error) {
	if opt.Sensor == "" {
		opt.Sensor = "local"
	}
	if opt.Poll <= 0 {
		opt.Poll = 100 * time.Millisecond
	}
	f := &Folder{dir: dir, opt: opt, sync: (*os.File).Sync}
	if err := f.sync.makeFolder(dir); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return f, nil
}

// Reader opens the cursor name as Spool.Reader does. Its Next never returns
// ErrClosed.
func (f *Folder) Reader(name string) (*Reader, error) { return newReader(f, name) }

// Cursors names the cursors of the spool.
func (f *Folder) Cursors() ([]string, error) { return cursorNames(f.dir) }

// Forget removes a cursor whose reader will not come back, as Spool.Forget does.
func (f *Folder) Forget(name string) error { return forget(f.dir, name) }

// Damaged counts the blocks and ends of segments that readers of this Folder
// skipped.
func (f *Folder) Damaged() uint64 { return f.damaged.Load() }

// Done reports whether every cursor has acknowledged all that is in the spool
// now.
func (f *Folder) Done() (bool, error) {
	segments, err := listSegments(f.dir)
	if err != nil {
		return false, fmt.Errorf("spool: %w", err)
	}
	low, readers := lowestCursor(f.dir)
	if !readers || len(segments) == 0 {
		return true, nil
	}
	last := segments[len(segments)-1]
	if last.size <= int64(len(segmentMagic)) && len(segments) > 1 {
		last = segments[len(segments)-2] // nothing in the last one yet
	}
	return last.size <= int64(len(segmentMagic)) || !low.Before(Position{last.id, last.size}), nil
}

func (f *Folder) folder() string { return f.dir }

func (f *Folder) force() syncer { return f.sync }

func (f *Folder) identity() (string, error) {
	id, err := readIdentity(f.dir)
	if err != nil {
		return "", fmt.Errorf("spool: %w", err)
	}
	return id.ID, nil
}

func (f *Folder) origin(spool string, start Position) Origin {
	return Origin{f.opt.Sensor, spool, start}
}

// later is also true for a segment that is gone: nothing comes in it, and the
// folder may have been made anew.
func (f *Folder) later(number uint64) bool {
	segments, err := listSegments(f.dir)
	if err != nil {
		return false
	}
	here := slices.ContainsFunc(segments, func(g segment) bool { return g.id == number })
	return !here || segments[len(segments)-1].id > number
}

func (f *Folder) skipped() { f.damaged.Add(1) }

func (f *Folder) wait(ctx context.Context, look func() (bool, error)) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for pause := f.opt.Poll / 64; ; pause = min(2*pause, f.opt.Poll) {
		if ok, err := look(); err != nil || ok {
			return err
		}
		t.Reset(pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}
