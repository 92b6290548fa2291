package prototest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/base/invariant"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// maxLive is how many transactions a parser may hold for one flow.
const maxLive = 4096

// mode is a set of what a play does besides.
type mode uint8

const (
	playAllocs mode = 1 << iota // AppendEVE must not allocate
	playHoard                   // transactions are never freed
)

// kit is one descriptor under test, with its pool.
type kit struct {
	t    testing.TB
	d    *proto.Descriptor
	pool *proto.Pool
	p    *checked // the parser made last
	made int
}

// newKit wraps the descriptor so that its parsers are checked.
func newKit(t testing.TB, d *proto.Descriptor, c *Case) *kit {
	k := &kit{t: t, d: d}
	w := *d
	w.New = func(cfg *proto.Config) proto.Parser {
		k.made++
		k.p = &checked{t: t, d: d, p: d.New(cfg)}
		return k.p
	}
	w.Probe = func(dir proto.Dir, b []byte) proto.Verdict {
		lent := append([]byte(nil), b...)
		v := d.Probe(dir, lent)
		if string(lent) != string(b) {
			t.Error("probe writes on its input")
		}
		if again := d.Probe(dir, lent); again != v {
			t.Errorf("probe says %d, then %d", v, again)
		}
		invariant.Scribble(lent)
		return v
	}
	k.pool = proto.NewPool(proto.NewRegistry([]*proto.Descriptor{&w}), &c.Config)
	k.pool.RethrowPanics = true
	return k
}

func play(t testing.TB, d *proto.Descriptor, c *Case, script []step, m mode) []string {
	t.Helper()
	return newKit(t, d, c).play(c, script, m)
}

// clientPort is any port that no protocol owns.
const clientPort = 49377

// play runs a script on a session as the sensor would and returns its
// transactions as lines of JSON, in the order they are freed.
func (k *kit) play(c *Case, script []step, m mode) (lines []string) {
	port := c.Port
	if port == 0 && len(k.d.Ports) > 0 {
		port = k.d.Ports[0]
	}
	s := k.pool.Get(c.UDP, port, clientPort)
	for _, st := range script {
		if st.gap > 0 {
			s.Gap(st.dir, st.gap)
		} else {
			s.Data(st.dir, st.b)
		}
		if k.t.Failed() {
			return lines
		}
		lines = k.settle(lines, s, m)
		if k.p != nil && k.p.upgrade != "" {
			break
		}
	}
	s.Close(proto.ToServer)
	s.Close(proto.ToClient)
	lines = k.settle(lines, s, m&^playHoard)
	lines = k.collect(lines, s, m&^playHoard, true)
	if k.p != nil && k.p.upgrade != "" {
		lines = append(lines, fmt.Sprintf(`{"upgrade":%q}`, k.p.upgrade))
	}
	k.pool.Put(s)
	return lines
}

// settle collects until the session has no more that waited.
func (k *kit) settle(lines []string, s *proto.Session, m mode) []string {
	for {
		lines = k.collect(lines, s, m, false)
		if k.p == nil || k.p.upgrade != "" || !s.Settle() {
			return lines
		}
	}
}

// collect frees the transactions that are done and prints them.
func (k *kit) collect(lines []string, s *proto.Session, m mode, end bool) []string {
	txs := s.Txs()
	if len(txs) > maxLive {
		k.t.Fatalf("%d live transactions, want at most %d", len(txs), maxLive)
	}
	free := 0
	for i, tx := range txs {
		b := tx.Base()
		k.checkTx(tx, end)
		b.EventsLogged = b.Events
		if free == i && (b.Done || end) && m&playHoard == 0 {
			lines = append(lines, k.print(tx, m))
			free++
		}
		b.Logged |= b.LogReady
	}
	if free > 0 {
		s.Parser.Free(free)
	}
	return lines
}

// checkTx checks what every transaction must hold at any time.
func (k *kit) checkTx(tx proto.Tx, end bool) {
	b := tx.Base()
	if b != tx.Base() {
		k.t.Error("Base changes")
	}
	for d, p := range b.Progress {
		if int(p) >= len(k.d.States[d]) {
			k.t.Errorf("tx %d: progress %d, but %v has %d states", b.ID, p, proto.Dir(d), len(k.d.States[d]))
		}
	}
	for e := range 128 {
		if b.Events.Has(uint8(e)) && e >= len(k.d.Events) {
			k.t.Errorf("tx %d: event %d has no name", b.ID, e)
		}
	}
	if len(b.Files) > proto.MaxFiles {
		k.t.Errorf("tx %d: %d files", b.ID, len(b.Files))
	}
	if end && !b.Done {
		k.t.Errorf("tx %d: not done after both directions closed", b.ID)
	}
	if b.LogReady&proto.LogAlert != 0 {
		k.t.Errorf("tx %d: LogReady holds LogAlert", b.ID)
	}
}

// hoard plays a case many times over without freeing: the parser must bound
// its transactions itself.
func hoard(t testing.TB, d *proto.Descriptor, c *Case) {
	var script []step
	size := 0
	for size < 64<<10 && len(script) < 4*maxLive {
		for _, s := range steps(c.Script) {
			script = append(script, s)
			size += len(s.b)
		}
	}
	play(t, d, c, script, playHoard)
}

// line is one transaction in a golden file.
type line struct {
	Tx       uint64              `json:"tx"`
	Progress [2]uint8            `json:"progress"`
	Events   []string            `json:"events,omitempty"`
	Log      []string            `json:"log,omitempty"`
	EVE      json.RawMessage     `json:"eve,omitempty"`
	Alert    json.RawMessage     `json:"alert,omitempty"` // when it differs
	Buffers  map[string][]string `json:"buffers,omitempty"`
	Files    []file              `json:"files,omitempty"`
}

type file struct {
	Name, State, SHA256 string
	Size                uint64
	Gaps                bool
}

// print makes a transaction's line. Buffers that grow are left out: how much
// of them is seen at once depends on the cuts.
func (k *kit) print(tx proto.Tx, m mode) string {
	b := tx.Base()
	l := line{Tx: b.ID, Progress: b.Progress}
	for i, name := range k.d.Events {
		if b.Events.Has(uint8(i)) {
			l.Events = append(l.Events, name)
		}
	}
	for _, bit := range []struct {
		bit  proto.LogBit
		name string
	}{{proto.LogTx, "tx"}, {proto.LogRequest, "request"}, {proto.LogResponse, "response"}} {
		if b.LogReady&bit.bit != 0 {
			l.Log = append(l.Log, bit.name)
			l.EVE = k.eve(tx, bit.bit, m)
		}
	}
	if a := k.eve(tx, proto.LogAlert, m); string(a) != string(l.EVE) {
		l.Alert = a
	}
	for i := range k.d.Buffers {
		if !k.d.Buffers[i].Stream {
			k.instances(&l, tx, i)
		}
	}
	for _, f := range b.Files {
		l.Files = append(l.Files, file{
			string(f.Name), f.State.String(), fmt.Sprintf("%x", f.SHA256), f.Size, f.Gaps,
		})
	}
	out, err := json.Marshal(l)
	if err != nil {
		k.t.Fatalf("tx %d: %v", b.ID, err)
	}
	return string(out)
}

// maxInstances bounds what is printed of one buffer.
const maxInstances = 2 * maxLive

func (k *kit) instances(l *line, tx proto.Tx, id int) {
	for i := range maxInstances {
		b, ok := tx.Buffer(uint8(id), i)
		if !ok {
			return
		}
		if i > 0 && !k.d.Buffers[id].Multi {
			k.t.Errorf("%s: two instances, but not Multi", k.d.Buffers[id].Name)
			return
		}
		if l.Buffers == nil {
			l.Buffers = map[string][]string{}
		}
		name := k.d.Buffers[id].Name
		l.Buffers[name] = append(l.Buffers[name], fmt.Sprintf("%q", b))
	}
	k.t.Errorf("%s: endless instances", k.d.Buffers[id].Name)
}

// eve prints one object and checks that it is JSON.
func (k *kit) eve(tx proto.Tx, bit proto.LogBit, m mode) json.RawMessage {
	write := k.d.AppendEVE
	if bit == proto.LogAlert && k.d.AppendAlert != nil {
		write = func(dst []byte, tx proto.Tx, _ proto.LogBit) []byte {
			return k.d.AppendAlert(dst, tx)
		}
	}
	if write == nil {
		return nil
	}
	const lead = "x:"
	out := write([]byte(lead), tx, bit)
	if len(out) < len(lead)+2 || out[len(lead)] != '{' || !json.Valid(out[len(lead):]) {
		k.t.Errorf("EVE is no object: %s", out)
		return nil
	}
	if m&playAllocs != 0 {
		dst := make([]byte, 0, 2*len(out))
		if n := testing.AllocsPerRun(5, func() { write(dst, tx, bit) }); n != 0 {
			k.t.Errorf("EVE allocates %v times", n)
		}
	}
	return out[len(lead):]
}
