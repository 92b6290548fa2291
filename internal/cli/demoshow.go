package cli

import (
	"bytes"
	"context"
	"os"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/demo"
)

// lineShow prints one line an event.
type lineShow struct {
	d     *demoRun
	lines *demo.Lines
}

func (s *lineShow) listener() demo.Listener { return s.lines }

// progressEvery is how often a line says how far the demo is.
const progressEvery = 15 * time.Second

func (s *lineShow) run(ctx context.Context) {
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.lines.Progress(s.d.view())
		}
	}
}

// screenShow redraws a terminal in place.
type screenShow struct {
	d    *demoRun
	f    *os.File
	last []byte
}

func (s *screenShow) listener() demo.Listener { return nil }

const (
	// drawEvery leaves a screen readable and a slow line idle.
	drawEvery = 250 * time.Millisecond

	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
)

func (s *screenShow) run(ctx context.Context) {
	s.write([]byte(enterScreen))
	defer s.write([]byte(leaveScreen))
	t := time.NewTicker(drawEvery)
	defer t.Stop()
	for {
		s.draw()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// draw writes the whole screen at once: every line is drawn over the old one
// and cleared behind its end, so that nothing flickers.
func (s *screenShow) draw() {
	width, height, ok := terminalSize(s.f)
	if !ok {
		width, height = 80, 24
	}
	color := !s.d.f.noColor && os.Getenv("NO_COLOR") == ""
	text := demo.AppendScreen(nil, s.d.view(), width, height, color)
	out := []byte("\x1b[H")
	out = append(out, bytes.ReplaceAll(text, []byte("\n"), []byte("\x1b[K\r\n"))...)
	out = append(out, "\x1b[K\x1b[J"...)
	if bytes.Equal(out, s.last) {
		return
	}
	s.last = append(s.last[:0], out...)
	s.write(out)
}

// write draws; a terminal that is gone ends the program by its own signal.
func (s *screenShow) write(b []byte) { _, _ = s.f.Write(b) }
