package sensor

import (
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Evidence says how much is kept around a threat, and who takes it.
type Evidence struct {
	evidence.Options
	Sink evidence.Sink // safe for concurrent use
}

// Evidence are the totals of the worker's captures; zero when none are kept.
func (w *Worker) Evidence() evidence.Counters {
	if w.evidence == nil {
		return evidence.Counters{}
	}
	return w.evidence.C
}

// keep puts a packet into the evidence of its flow.
func (w *Worker) keep(t *evidence.Tail, p *packet.Packet) {
	if w.evidence != nil {
		w.evidence.Packet(t, evidence.Frame{Time: p.Time, WireLen: p.WireLen, Link: p.Link, Outer: w.outer, Data: p.Data})
	}
}

// capture names the evidence that will show the alert at hand, and adds what the
// rule found; "" when none is kept.
func (w *Worker) capture(m *detect.Match, f *flow.Flow) string {
	t, id := &w.lone, uint64(0)
	if f != nil {
		t, id = &f.Owner.(*conn).evidence, f.ID
	}
	c := w.evidence.Trigger(t, id)
	if c == nil {
		return ""
	}
	h := evidence.Hit{GID: m.Sig.GID, SID: m.Sig.SID, Rev: m.Sig.Rev}
	for _, s := range m.Spans {
		h.Matched = append(h.Matched, evidence.Matched{Buffer: s.Buffer, Offset: s.Offset, Length: s.Len, Bytes: slices.Clone(s.Bytes)})
	}
	c.Hit(h)
	return c.ID.String()
}
