package proto

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake is a parser that writes down its calls. A line is a message: "up X"
// upgrades to X, "need N" asks for N bytes, "panic" is a bug, "stop" gives up.
type fake struct {
	name  string
	calls *[]string
	lines bool // takes whole lines only
}

func (f *fake) note(format string, args ...any) {
	*f.calls = append(*f.calls, f.name+" "+fmt.Sprintf(format, args...))
}

func (f *fake) Data(d Dir, b []byte) (pr Progress) {
	n := bytes.IndexByte(b, '\n') + 1
	if n == 0 && f.lines {
		return Progress{}
	}
	if n == 0 {
		n = len(b)
	}
	f.note("data %d %q", d, b[:n])
	line := strings.TrimSpace(string(b[:n]))
	pr.Used = n
	if up, ok := strings.CutPrefix(line, "up "); ok {
		pr.Upgrade = up
	}
	switch line {
	case "panic":
		panic("fake")
	case "stop":
		pr.Stop = true
	case "hoard":
		return Progress{Need: 1 << 30}
	}
	return pr
}

func (f *fake) Gap(d Dir, n int) bool { f.note("gap %d %d", d, n); return true }
func (f *fake) Close(d Dir)           { f.note("close %d", d) }
func (f *fake) Txs() []Tx             { return nil }
func (f *fake) Free(int)              {}
func (f *fake) Reset()                { f.note("reset") }

// quiet is a parser that takes everything.
type quiet struct{ Parser }

func (quiet) Data(_ Dir, b []byte) Progress { return Progress{Used: len(b)} }
func (quiet) Gap(Dir, int) bool             { return true }
func (quiet) Close(Dir)                     {}
func (quiet) Reset()                        {}

// world is a pool with the protocols "one" and "two", told by their first
// letter; "0" is neither, yet.
func world(calls *[]string) *Pool {
	describe := func(name string) *Descriptor {
		return &Descriptor{
			Name: name, TCP: true, UDP: true,
			Probe: func(_ Dir, b []byte) Verdict {
				switch {
				case b[0] == name[0] || string(b[:min(len(b), 3)]) == "up ":
					return Accept
				case b[0] == '0':
					return NeedMore
				}
				return Reject
			},
			New: func(*Config) Parser { return &fake{name: name, calls: calls, lines: name == "one"} },
		}
	}
	return NewPool(NewRegistry([]*Descriptor{describe("one"), describe("two")}), nil)
}

// act is one call of a session.
type act struct {
	do string // "data", "gap", "close" or "settle"
	d  Dir
	b  string
	n  int
}

func data(d Dir, b string) act { return act{do: "data", d: d, b: b} }
func gap(d Dir, n int) act     { return act{do: "gap", d: d, n: n} }
func end(d Dir) act            { return act{do: "close", d: d} }

func (a act) on(s *Session) {
	switch a.do {
	case "data":
		s.Data(a.d, []byte(a.b))
	case "gap":
		s.Gap(a.d, a.n)
	case "close":
		s.Close(a.d)
	case "settle":
		for s.Settle() {
			s.Dirty = false
		}
	}
}

func TestSession(t *testing.T) {
	settle := act{do: "settle"}
	for _, tt := range []struct {
		name string
		do   []act
		want []string
	}{
		{"found late, closed before", []act{data(0, "0"), end(0), data(1, "two")},
			[]string{`two data 0 "0"`, `two close 0`, `two data 1 "two"`}},
		{"closed twice", []act{data(0, "two"), end(0), end(0)},
			[]string{`two data 0 "two"`, `two close 0`}},
		{"gap before the protocol", []act{gap(0, 7), data(0, "xyz"), data(1, "two"), data(0, "w")},
			[]string{`two gap 0 10`, `two data 1 "two"`, `two data 0 "w"`}},
		{"held for the next protocol", []act{data(0, "up two\n"), data(0, "a"), data(1, "b"), settle, data(0, "c")},
			[]string{`two data 0 "up two\n"`, `two reset`, `two data 0 "a"`, `two data 1 "b"`, `two data 0 "c"`}},
		{"leftover of the old one", []act{data(0, "up two\nrest"), settle},
			[]string{`two data 0 "up two\n"`, `two reset`, `two data 0 "rest"`}},
		{"gap while it changes", []act{data(0, "up two\n"), data(0, "a"), gap(0, 5), data(0, "b"), settle, data(0, "c")},
			[]string{`two data 0 "up two\n"`, `two reset`, `two data 0 "a"`, `two gap 0 6`, `two data 0 "c"`}},
		{"closed while it changes", []act{data(0, "up two\n"), data(0, "a"), end(0), settle},
			[]string{`two data 0 "up two\n"`, `two close 0`, `two reset`, `two data 0 "a"`, `two close 0`}},
		{"closed while it is probed anew", []act{data(0, "up ?\n"), data(0, "two"), data(1, "x"), end(0), end(1), settle},
			[]string{`two data 0 "up ?\n"`, `two close 0`, `two close 1`, `two reset`, `two data 0 "two"`, `two close 0`, `two data 1 "x"`, `two close 1`}},
		{"probed anew, unknown", []act{data(0, "up ?\n"), data(0, "x"), settle, data(0, "two")},
			[]string{`two data 0 "up ?\n"`, `two reset`}},
		{"upgraded again on replay", []act{data(0, "up two\n"), data(0, "up two\na"), data(1, "b"), settle},
			[]string{`two data 0 "up two\n"`, `two reset`, `two data 0 "up two\n"`, `two reset`, `two data 0 "a"`, `two data 1 "b"`}},
		{"stopped", []act{data(0, "two"), data(0, "stop"), data(0, "x"), gap(0, 1), data(1, "y"), end(0)},
			[]string{`two data 0 "two"`, `two data 0 "stop"`, `two data 1 "y"`, `two close 0`}},
		{"panic", []act{data(0, "two"), data(0, "panic"), data(0, "two"), data(1, "two"), gap(0, 1), end(0), settle},
			[]string{`two data 0 "two"`, `two data 0 "panic"`}},
		{"panic while it is found", []act{data(0, "0"), data(1, "0"), data(1, "panic")}, nil},
	} {
		var calls []string
		pl := world(&calls)
		s := pl.Get(false, 1, 2)
		for _, a := range tt.do {
			a.on(s)
		}
		for i := range calls {
			calls[i] = strings.Replace(calls[i], "one ", "two ", 1)
		}
		if diff := cmp.Diff(tt.want, calls); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

// TestHoard: a parser that asks for more than it can have is cut off, also
// when it is never called again.
func TestHoard(t *testing.T) {
	var calls []string
	pl := world(&calls)
	s := pl.Get(false, 1, 2)
	s.Data(0, []byte("two"))
	s.Data(0, []byte("hoard"))
	for range 2 * maxRest / 1024 {
		s.Data(0, make([]byte, 1024))
	}
	if pl.Counters.RestFull != 1 || cap(s.rest[0]) > keepRest || len(calls) != 2 {
		t.Errorf("%d times full, %d bytes kept, %d calls", pl.Counters.RestFull, cap(s.rest[0]), len(calls))
	}
}

// TestHeldFull: what is too much to hold for the next protocol is a gap to it.
func TestHeldFull(t *testing.T) {
	var calls []string
	pl := world(&calls)
	s := pl.Get(false, 1, 2)
	s.Data(0, []byte("up two\n"))
	for range 2 * maxRest / 1024 {
		s.Data(0, bytes.Repeat([]byte("x"), 1024))
	}
	s.Settle()
	if want := fmt.Sprintf("two gap 0 %d", maxRest); calls[len(calls)-1] != want || pl.Counters.RestFull != 1 {
		t.Errorf("got %q and %d times full, want %q", calls[len(calls)-1], pl.Counters.RestFull, want)
	}
}

// TestUpgradeFull: a flow that changes its protocol without end is given up,
// and Settle comes to rest.
func TestUpgradeFull(t *testing.T) {
	var calls []string
	pl := world(&calls)
	s := pl.Get(false, 1, 2)
	s.Data(0, []byte(strings.Repeat("up ?\n", 1000)))
	for n := 0; s.Settle(); n++ {
		if n > maxUpgrades {
			t.Fatal("no end of upgrades")
		}
	}
	if pl.Counters.UpgradeFull != 1 || len(s.rest[0]) != 0 {
		t.Errorf("counted %d, %d bytes held", pl.Counters.UpgradeFull, len(s.rest[0]))
	}
}

// TestSessionNoAllocations: a flow of known shape costs no memory once the
// pools are warm.
func TestSessionNoAllocations(t *testing.T) {
	pl := world(nil)
	for _, d := range pl.Registry.Descriptors {
		d.New = func(*Config) Parser { return quiet{} }
	}
	early, known := []byte("0"), []byte("two")
	n := testing.AllocsPerRun(100, func() {
		s := pl.Get(false, 1, 2)
		s.Data(1, early)
		s.Gap(1, 5)
		s.Close(1)
		s.Data(0, known)
		s.Data(0, known)
		pl.Put(s)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPoolShrinks: what a burst of flows needed is not kept for good.
func TestPoolShrinks(t *testing.T) {
	var calls []string
	pl := world(&calls)
	var burst []*Session
	for range 2 * maxSpare {
		s := pl.Get(false, 1, 2)
		s.Data(0, []byte("two"))
		burst = append(burst, s)
	}
	for _, s := range burst {
		pl.Put(s)
	}
	if len(pl.free) != maxSpare || len(pl.parsers[1]) != maxSpare {
		t.Errorf("%d sessions and %d parsers kept, want %d", len(pl.free), len(pl.parsers[1]), maxSpare)
	}
}

func TestRegistryBounds(t *testing.T) {
	for name, ds := range map[string][]*Descriptor{
		"protocols": manyDescriptors(65),
		"twice":     {{Name: "a"}, {Name: "b", Aliases: []string{"a"}}},
		"events":    {{Name: "a", Events: make([]string, 129)}},
		"buffers":   {{Name: "a", Buffers: make([]Buffer, 65)}},
	} {
		func() {
			defer func() {
				if r := recover(); r == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			NewRegistry(ds)
		}()
	}
}

func manyDescriptors(n int) (out []*Descriptor) {
	for i := range n {
		out = append(out, &Descriptor{Name: fmt.Sprint(i)})
	}
	return out
}

// FuzzSession plays a script of calls, one byte each and its argument: nothing
// panics, what is held stays bounded, Settle comes to rest, and a parser is told
// of an end once.
func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 1, 4, 0, 1, 1, 8, 0, 6, 0, 0, 4})
	f.Add([]byte{0, 0, 2, 9, 1, 1, 0, 2, 1, 3, 6, 0, 6, 0, 4, 0, 5, 0})
	f.Add([]byte{0, 3, 0, 3, 0, 3, 0, 3, 6, 0, 6, 0, 6, 0, 4, 0})
	lines := []string{"0", "two", "up two\n", "up ?\n", "stop\n", "hoard\n", "one\nx", "panic\n", "two\nup one\n"}
	f.Fuzz(func(t *testing.T, script []byte) {
		var calls []string
		pl := world(&calls)
		s := pl.Get(false, 1, 2)
		for i := 0; i+1 < len(script) && i < 400; i += 2 {
			d, arg := Dir(script[i]&1), script[i+1]
			switch script[i] % 8 / 2 {
			case 0:
				s.Data(d, []byte(lines[int(arg)%len(lines)]))
			case 1:
				s.Gap(d, 1+int(arg))
			case 2:
				s.Close(d)
			case 3:
				settle(t, s)
			}
			if len(s.rest[0]) > maxRest || len(s.rest[1]) > maxRest {
				t.Fatal("too much is held")
			}
			if (s.Parser == nil) != (s.Proto == nil) || (s.Index < 0) != (s.Proto == nil) {
				t.Fatalf("parser %v, protocol %v, index %d", s.Parser, s.Proto, s.Index)
			}
		}
		settle(t, s)
		pl.Put(s)
		checkCalls(t, calls)
	})
}

func settle(t *testing.T, s *Session) {
	t.Helper()
	for n := 0; s.Settle(); n++ {
		s.Dirty = false
		if n > maxUpgrades {
			t.Fatal("no end of upgrades")
		}
	}
}

// checkCalls wants at most one end of a direction from one parser.
func checkCalls(t *testing.T, calls []string) {
	t.Helper()
	closed := map[byte]bool{}
	for _, c := range calls {
		name, rest, _ := strings.Cut(c, " ")
		verb, args, _ := strings.Cut(rest, " ")
		if verb == "reset" {
			clear(closed)
			continue
		}
		if closed[args[0]] && verb == "close" {
			t.Fatalf("%s: %s twice in %q", name, verb, calls)
		}
		closed[args[0]] = closed[args[0]] || verb == "close"
	}
}
