// Package prototest is the conformance kit of protocol parsers.
//
// It owns the driver that feeds one parser as the sensor does (through
// proto.Session), the variants of every case (cut, merged, interleaved, with
// holes, on a used parser), the checks of the parser contract and the golden
// files. It knows no protocol, reads no captures, and is imported by tests only.
//
// Bytes are always lent as a copy that is overwritten when the call returns, so
// a parser that keeps a slice fails. A case that yields no transaction fails.
package prototest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// update rewrites the golden files: go test -update.
var update = flag.Bool("update", false, "rewrite the golden files of prototest")

// Segment is one piece of a script: a TCP segment's payload, or a datagram.
type Segment struct {
	Dir   proto.Dir
	Bytes []byte
}

// C2S is a segment from the client.
func C2S[T string | []byte](b T) Segment { return Segment{proto.ToServer, []byte(b)} }

// S2C is a segment from the server.
func S2C[T string | []byte](b T) Segment { return Segment{proto.ToClient, []byte(b)} }

// Case is one conversation.
type Case struct {
	Name string // a file name: testdata/<Name>.eve.json is its golden file
	// UDP: every segment is one datagram, never cut or merged.
	UDP bool
	// Port is the server's; 0 means the descriptor's first.
	Port   uint16
	Script []Segment
	Config proto.Config
	// AnyOrder: the transactions don't depend on how the directions interleave,
	// but for their order and numbers. The kit then compares them.
	AnyOrder bool
	// NoGolden leaves the golden file out, for large generated cases.
	NoGolden bool
}

// Run checks a descriptor and all its cases.
func Run(t *testing.T, d *proto.Descriptor, cases []Case) {
	t.Helper()
	t.Run("descriptor", func(t *testing.T) { checkDescriptor(t, d) })
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for i := range cases {
		t.Run(cases[i].Name, func(t *testing.T) { runCase(t, d, &cases[i]) })
	}
	t.Run("reuse", func(t *testing.T) { runReuse(t, d, cases) })
}

func runCase(t *testing.T, d *proto.Descriptor, c *Case) {
	want := play(t, d, c, steps(c.Script), playAllocs)
	if len(want) == 0 {
		t.Fatal("no transaction")
	}
	if !c.NoGolden {
		golden(t, c.Name, want)
	}
	for _, v := range variants(c) {
		t.Run(v.name, func(t *testing.T) {
			got := play(t, d, c, v.steps, 0)
			switch v.compare {
			case same:
				diff(t, want, got)
			case sameSet:
				diff(t, anonymous(want), anonymous(got))
			}
		})
	}
	if len(d.Frames) > 0 {
		t.Run("frames", func(t *testing.T) { runFrames(t, d, c) })
	}
	t.Run("hoard", func(t *testing.T) { hoard(t, d, c) })
}

// runReuse plays all cases twice on one parser.
func runReuse(t *testing.T, d *proto.Descriptor, cases []Case) {
	k := newKit(t, d, &cases[0])
	for range 2 {
		for i := range cases {
			c := &cases[i]
			if !sameConfig(c, &cases[0]) {
				continue
			}
			diff(t, play(t, d, c, steps(c.Script), 0), k.play(c, steps(c.Script), 0))
		}
	}
}

// sameConfig compares what can be compared; Set is a function.
func sameConfig(a, b *Case) bool {
	x, y := a.Config, b.Config
	if x.Set != nil || y.Set != nil {
		return false
	}
	return x.HTTPBodyLimit == y.HTTPBodyLimit && x.HTTPLZMA == y.HTTPLZMA &&
		x.HTTPDecompressDepth == y.HTTPDecompressDepth && x.FileHashes == y.FileHashes
}

func diff(t testing.TB, want, got []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("transactions differ (-whole +variant):\n%s", d)
	}
}

// anonymous takes numbers off the transactions and sorts them.
func anonymous(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		var m map[string]any
		if json.Unmarshal([]byte(l), &m) != nil {
			out = append(out, l)
			continue
		}
		delete(m, "tx")
		for _, key := range []string{"eve", "alert"} {
			if o, ok := m[key].(map[string]any); ok {
				delete(o, "tx_id")
			}
		}
		b, _ := json.Marshal(m)
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

// golden compares the lines with the case's file, or rewrites it.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	file := filepath.Join("testdata", name+".eve.json")
	got := []byte(strings.Join(lines, "\n") + "\n")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("golden file: %v (go test -update writes it)", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-want +got):\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

func checkDescriptor(t *testing.T, d *proto.Descriptor) {
	switch {
	case d.Name == "" || d.Name != strings.ToLower(d.Name):
		t.Errorf("name %q", d.Name)
	case d.Probe == nil || d.New == nil:
		t.Fatal("no Probe or no New")
	case !d.TCP && !d.UDP:
		t.Error("neither TCP nor UDP")
	case d.EVE != "" && d.AppendEVE == nil:
		t.Error("EVE without AppendEVE")
	case len(d.Frames) > 60:
		t.Errorf("%d frames: at most 60", len(d.Frames))
	case len(d.Buffers) > 64 || len(d.Events) > 128:
		t.Errorf("%d buffers, %d events: at most 64 and 128", len(d.Buffers), len(d.Events))
	}
	for dir, s := range d.States {
		if len(s) == 0 {
			t.Errorf("no states %v", proto.Dir(dir))
		}
	}
	seen := map[string]bool{}
	note := func(names ...string) {
		for _, n := range names {
			if n == "" || seen[n] {
				t.Errorf("name %q is empty or twice", n)
			}
			seen[n] = true
		}
	}
	for _, b := range d.Buffers {
		note(b.Name)
		note(b.Aliases...)
		if b.Dir == 0 {
			t.Errorf("%s: no direction", b.Name)
		}
		checkProgress(t, d, b.Name, b.Dir, b.Progress)
	}
	for _, k := range d.Keywords {
		note(k.Name)
		note(k.Aliases...)
		checkProgress(t, d, k.Name, k.Dir, k.Progress)
		for _, v := range []string{"", "!", "\x00", strings.Repeat("9", 100)} {
			if test, err := k.Parse(v); (test == nil) == (err == nil) {
				t.Errorf("%s:%q: test %v, error %v", k.Name, v, test != nil, err)
			}
		}
	}
	for _, b := range [][]byte{nil, {}} {
		if d.Probe(proto.ToServer, b) == proto.Accept {
			t.Error("probe accepts nothing at all")
		}
	}
}

func checkProgress(t *testing.T, d *proto.Descriptor, name string, m proto.DirMask, p uint8) {
	for _, dir := range [2]proto.Dir{proto.ToServer, proto.ToClient} {
		if m.Has(dir) && int(p) >= len(d.States[dir]) {
			t.Errorf("%s: progress %d, but %v has %d states", name, p, dir, len(d.States[dir]))
		}
	}
}
