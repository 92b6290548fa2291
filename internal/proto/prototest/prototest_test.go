package prototest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// toy is a protocol of lines: each is a transaction. Its flaw is what the kit
// must find.
type toy struct {
	flaw string
	txs  []proto.Tx
	id   uint64
	last []byte
}

type toyTx struct {
	proto.TxBase
	line []byte
}

func (t *toyTx) Base() *proto.TxBase { return &t.TxBase }

func (t *toyTx) Buffer(id uint8, i int) ([]byte, bool) {
	if t.flawed("endless") {
		return t.line, true
	}
	return t.line, id == 0 && i == 0
}

func (t *toyTx) flawed(f string) bool { return strings.HasPrefix(string(t.line), f) }

func (p *toy) Data(d proto.Dir, b []byte) proto.Progress {
	used := 0
	for {
		n := bytes.IndexByte(b[used:], '\n')
		if n < 0 {
			break
		}
		p.line(d, b[used:used+n])
		used += n + 1
	}
	pr := proto.Progress{Used: used}
	switch p.flaw {
	case "overuse":
		pr.Used = len(b) + 1
	case "idle":
		pr.Used, pr.Need = 0, 1
	case "forget":
		pr.Used = len(b) // half a line is lost
	case "write":
		b[0] = 'x'
	}
	return pr
}

func (p *toy) line(d proto.Dir, l []byte) {
	t := &toyTx{line: bytes.Clone(l)}
	t.ID, t.Done, t.LogReady = p.id, true, proto.LogTx
	t.Progress[d] = 1
	switch p.flaw {
	case "keep":
		t.line = l
	case "endless":
		t.line = []byte("endless")
	case "open":
		t.Done = false
	case "state":
		t.Progress[d] = 9
	case "event":
		t.Events.Add(7)
	case "renumber":
		p.id--
	case "stale":
		t.line = append(t.line, p.last...)
		p.last = bytes.Clone(l)
	}
	p.id++
	if len(p.txs) < 100 || p.flaw == "unbounded" {
		p.txs = append(p.txs, t)
	}
}

func (p *toy) Gap(proto.Dir, int) bool { return true }
func (p *toy) Close(proto.Dir)         {}
func (p *toy) Txs() []proto.Tx         { return p.txs }

func (p *toy) Free(n int) {
	if p.flaw == "hoard" {
		return
	}
	p.txs = slices.Delete(p.txs, 0, n)
}

func (p *toy) Reset() { p.txs, p.id = p.txs[:0], 0 }

func toyDescriptor(flaw string) *proto.Descriptor {
	d := &proto.Descriptor{
		Name: "toy", TCP: true, EVE: "toy",
		States:  [2][]string{{"started", "complete"}, {"started", "complete"}},
		Buffers: []proto.Buffer{{Name: "toy.line", Dir: proto.MaskBoth, Progress: 1, Multi: flaw == "endless"}},
		New:     func(*proto.Config) proto.Parser { return &toy{flaw: flaw} },
		Probe:   func(_ proto.Dir, b []byte) proto.Verdict { return min(proto.Accept, proto.Verdict(2*len(b))) },
	}
	d.AppendEVE = func(dst []byte, tx proto.Tx, _ proto.LogBit) []byte {
		dst = jsonx.String(append(dst, '{'), "line", tx.(*toyTx).line)
		switch flaw {
		case "json":
			return dst
		case "alloc":
			dst = append(dst, fmt.Sprintf(`,"n":%d`, len(dst)+1000)...)
		}
		return append(dst, '}')
	}
	return d
}

func toyCase() Case {
	return Case{Name: "toy", Port: 7, AnyOrder: true, Script: []Segment{
		C2S("one\ntw"), C2S("o\n"), S2C("three\n"), C2S("four\n"), S2C([]byte("five\nsix\n")),
	}}
}

// recorder is a testing.TB that remembers complaints.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Failed() bool              { return len(r.said) > 0 }
func (r *recorder) Error(a ...any)            { r.said = append(r.said, fmt.Sprint(a...)) }
func (r *recorder) Errorf(f string, a ...any) { r.said = append(r.said, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); panic(r) }

// complaints plays the toy and its variants as Run does.
func complaints(t *testing.T, flaw string) (said []string) {
	r := &recorder{TB: t}
	defer func() {
		if e := recover(); e != nil && e != any(r) {
			panic(e)
		}
		said = r.said
	}()
	c, d := toyCase(), toyDescriptor(flaw)
	want := play(r, d, &c, steps(c.Script), playAllocs)
	for _, v := range variants(&c) {
		got := play(r, d, &c, v.steps, 0)
		switch v.compare {
		case same:
			diff(r, want, got)
		case sameSet:
			diff(r, anonymous(want), anonymous(got))
		}
	}
	hoard(r, d, &c)
	k := newKit(r, d, &c)
	for range 2 {
		diff(r, want, k.play(&c, steps(c.Script), 0))
	}
	return nil
}

// TestFlawsAreFound proves that the kit fails where it must.
func TestFlawsAreFound(t *testing.T) {
	for flaw, want := range map[string]string{
		"overuse":   "used",
		"idle":      "wants 1 bytes and left",
		"forget":    "transactions differ",
		"write":     "writes on its input",
		"keep":      "kept bytes it was lent",
		"endless":   "endless instances",
		"open":      "not done",
		"state":     "progress 9",
		"event":     "event 7 has no name",
		"renumber":  "transaction 0 after 0",
		"stale":     "transactions differ",
		"hoard":     "left 1 transactions",
		"unbounded": "live transactions",
		"json":      "no object",
		"alloc":     "EVE allocates",
	} {
		said := complaints(t, flaw)
		if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s: want %q, got %q", flaw, want, said)
		}
	}
}

func TestSoundParserPasses(t *testing.T) {
	if said := complaints(t, ""); len(said) > 0 {
		t.Error(said)
	}
	Run(t, toyDescriptor(""), []Case{toyCase()})
}

func FuzzToy(f *testing.F) { Fuzz(f, toyDescriptor(""), []Case{toyCase()}) }

func TestFuzzEncoding(t *testing.T) {
	c := toyCase()
	got, udp := decode(encode(&c), toyDescriptor(""))
	if udp {
		t.Error("datagrams")
	}
	diff(t, printSteps(steps(c.Script)), printSteps(got))
}

func printSteps(in []step) (out []string) {
	for _, s := range in {
		out = append(out, fmt.Sprintf("%v %q %d", s.dir, s.b, s.gap))
	}
	return out
}
