package sensor

import (
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// metadata collects what rules have noted on f; nil when that is nothing. Its
// memory is used again.
func (w *Worker) metadata(f *flow.Flow) *record.Metadata {
	m := &w.meta
	m.Flowbits, m.Flowints = m.Flowbits[:0], m.Flowints[:0]
	m.FlowVars, m.PacketVars = m.FlowVars[:0], m.PacketVars[:0]
	if f.Detect == nil {
		return nil
	}
	e := w.engineOf(f.Key.Tenant)
	e.FlowBits(f, func(name string) bool {
		m.Flowbits = append(m.Flowbits, name)
		return true
	})
	e.FlowInts(f, func(name string, v uint32) bool {
		m.Flowints = append(m.Flowints, record.Int{Name: name, Value: uint64(v)})
		return true
	})
	e.FlowVars(f, func(v detect.Var) bool {
		m.FlowVars = append(m.FlowVars, record.Var(v))
		return true
	})
	return m
}

// packetVars adds what rules captured for p to w.common, which describes an
// alert of p.
func (w *Worker) packetVars(p *packet.Packet) {
	vars := w.engineOf(p.Tenant).PacketVars()
	if len(vars) == 0 {
		return
	}
	if w.common.Meta == nil {
		w.meta = record.Metadata{PacketVars: w.meta.PacketVars[:0]}
		w.common.Meta = &w.meta
	}
	for i := range vars {
		w.meta.PacketVars = append(w.meta.PacketVars, record.Var(vars[i]))
	}
}

// context is what m's rule captured for its alert.
func (w *Worker) context(m *detect.Match) []record.Var {
	w.vars = w.vars[:0]
	for i := range m.Context {
		w.vars = append(w.vars, record.Var(m.Context[i]))
	}
	return w.vars
}
