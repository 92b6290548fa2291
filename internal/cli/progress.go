package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/units"
)

// progress shows how far a long file has been read, on a terminal only.
type progress struct {
	w     io.Writer
	name  string
	get   func() (done, total int64)
	start time.Time
	last  time.Time
	shown bool
}

// progressAfter is how long a file may take before progress is shown.
const progressAfter = time.Second

func newProgress(w io.Writer, name string, get func() (done, total int64)) *progress {
	if f := fileOf(w); f == nil || !isTerminal(f) {
		get = nil
	}
	now := time.Now()
	return &progress{w: w, name: name, get: get, start: now, last: now}
}

func (p *progress) tick() {
	if p.get == nil {
		return
	}
	now := time.Now()
	if now.Sub(p.start) < progressAfter || now.Sub(p.last) < 200*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	done, total := p.get()
	if total <= 0 {
		fmt.Fprintf(p.w, "\r\x1b[K%s: %s", p.name, units.Bytes(uint64(done)))
		return
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s: %3d %% of %s", p.name, done*100/total, units.Bytes(uint64(total)))
}

func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// isTerminal reports whether f is a character device: good enough to choose
// between a moving line and none.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
