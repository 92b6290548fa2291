package proto

import (
	"bytes"
	"fmt"
	"testing"
)

// lines is a parser that takes a line at a time, each a frame, and leaves what
// has no end yet.
type lines struct {
	nothing
	frames *Frames
	whole  bool // takes everything, and tells of a line when its end is there
	length [2]int
}

func (p *lines) SetFrames(f *Frames) { p.frames = f }

func (p *lines) Data(d Dir, b []byte) Progress {
	n := len(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		p.frames.Add(d, 0, len(b)+p.length[d], p.length[d]+i+1)
		p.length[d] = 0
		b = b[i+1:]
	}
	if p.whole {
		p.length[d] += len(b)
		return Progress{Used: n}
	}
	return Progress{Used: n - len(b)}
}

type nothing struct{}

func (nothing) Gap(Dir, int) bool { return true }
func (nothing) Close(Dir)         {}
func (nothing) Txs() []Tx         { return nil }
func (nothing) Free(int)          {}
func (nothing) Reset()            {}

func linesPool(p *lines, kinds ...uint8) *Pool {
	pl := NewPool(NewRegistry([]*Descriptor{{
		Name: "lines", TCP: true, UDP: true, Frames: []string{"line"},
		Probe: func(Dir, []byte) Verdict { return Accept },
		New:   func(*Config) Parser { return p },
	}}), &Config{})
	pl.Frames = make([]FrameSet, 1)
	for _, k := range kinds {
		pl.Frames[0].Add(k)
	}
	return pl
}

func next(s *Session) (out string) {
	for i, f, b := s.frames.Next(0, 0); i >= 0; i, f, b = s.frames.Next(0, i+1) {
		out += fmt.Sprintf("%d@%d:%q ", f.ID, f.Offset, b)
	}
	return out
}

// TestFrames checks that frames are found with their bytes, whether the parser
// leaves what is cut apart or takes it, and are shown once.
func TestFrames(t *testing.T) {
	for _, p := range []*lines{{}, {whole: true}} {
		pl := linesPool(p, 0)
		s := pl.Get(false, 1, 2)
		for i, c := range []struct{ in, want string }{
			{"a\nbb\n", `1@0:"a\n" 2@2:"bb\n" `},
			{"c", ""},
			{"cc", ""},
			{"c\nd\n", `3@5:"cccc\n" 4@10:"d\n" `},
		} {
			s.Data(0, []byte(c.in))
			if got := next(s); got != c.want {
				t.Errorf("step %d: got %s, want %s", i, got, c.want)
			}
			if next(s) != "" || s.frames.Sweep(0) != 0 {
				t.Errorf("step %d: shown twice, or lost", i)
			}
		}
		s.Gap(0, 100)
		p.length = [2]int{}
		s.Data(0, []byte("e\n"))
		if got, want := next(s), `5@112:"e\n" `; got != want {
			t.Errorf("behind a gap: got %s, want %s", got, want)
		}
		pl.Put(s)
		if s = pl.Get(false, 1, 2); s.frames != nil {
			t.Error("frames of the flow before")
		}
	}
}

// TestFrameStream checks the frame of a whole direction: it is shown when so
// much is there as is looked at, or when it ends, and a gap ends it.
func TestFrameStream(t *testing.T) {
	flow := func() *Session { return linesPool(&lines{}, FrameStream).Get(false, 1, 2) }
	s := flow()
	s.Data(0, []byte("abc\n"))
	if got := next(s); got != "" {
		t.Errorf("got %s before the end", got)
	}
	s.Close(0)
	if got, want := next(s), `1@0:"abc\n" `; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s = flow()
	s.Data(0, []byte("abc\n"))
	s.Gap(0, 1)
	if got, want := next(s), `1@0:"abc\n" `; got != want {
		t.Errorf("at a gap: got %s, want %s", got, want)
	}
	s = flow()
	for range 100 {
		s.Data(0, bytes.Repeat([]byte{'\n'}, 1000))
	}
	i, f, b := s.frames.Next(0, 0)
	if i != 0 || len(b) != MaxFrameBytes || f.Whole(b) {
		t.Errorf("got frame %d, %d bytes, want frame 0, %d bytes", i, len(b), MaxFrameBytes)
	}
	s.frames.Sweep(0)
	if n := cap(s.frames.dir[0].buf); n > 2*MaxFrameBytes {
		t.Errorf("%d bytes kept", n)
	}
}

// TestFramesBound checks that what waits is bounded and the rest counted, and
// that nothing is kept of kinds that nobody wants.
func TestFramesBound(t *testing.T) {
	pl := linesPool(&lines{}, 0)
	s := pl.Get(false, 1, 2)
	s.Data(0, bytes.Repeat([]byte("a\n"), MaxFrames+3))
	n := 0
	for i, _, _ := s.frames.Next(0, 0); i >= 0; i, _, _ = s.frames.Next(0, i+1) {
		n++
	}
	if lost := s.frames.Sweep(0); n != MaxFrames || lost != 3 {
		t.Errorf("got %d frames, %d lost, want %d and 3", n, lost, MaxFrames)
	}
	s = linesPool(&lines{}, 1).Get(false, 1, 2)
	s.Data(0, []byte("a\nb\n"))
	if got := next(s); got != "" {
		t.Errorf("got %s that nobody wants", got)
	}
	s = linesPool(&lines{}).Get(false, 1, 2)
	s.Data(0, []byte("a\n"))
	if s.Frames() != nil {
		t.Error("frames without anyone who wants them")
	}
}

// TestFramesDatagram checks that a datagram's frames begin anew.
func TestFramesDatagram(t *testing.T) {
	s := linesPool(&lines{}, 0).Get(true, 1, 2)
	for range 3 {
		s.Data(0, []byte("a\nb\n"))
		if got := len(next(s)); got != len(`1@0:"a\n" 2@2:"b\n" `) {
			t.Errorf("got %d bytes", got)
		}
	}
	var b = []byte("a\n")
	if avg := testing.AllocsPerRun(100, func() { s.Data(0, b) }); avg != 0 {
		t.Errorf("%v allocations a datagram", avg)
	}
}
