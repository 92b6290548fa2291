package detect

import (
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Vars holds the address and port variables by name, '$' excluded.
type Vars struct{ AddressGroups, PortGroups map[string]string }

// DefaultVars returns Suricata's default variables.
func DefaultVars() Vars { return Vars{} }

// Class is what a classtype stands for.
type Class struct {
	Priority    int
	Description string
}

// ClassTable maps classtype names.
type ClassTable map[string]Class

type sig struct{}

// Ruleset is a set of compiled rules; immutable.
type Ruleset struct{ sigs []*Signature }

// Version is a hash of the rules and of all that they were compiled with.
func (rs *Ruleset) Version() string { return "" }

// Signatures returns the active signatures in the order of evaluation.
func (rs *Ruleset) Signatures() []*Signature { return rs.sigs }

// Explain says how the engine looks for sig.
func (rs *Ruleset) Explain(s *Signature) string { return "" }

// Compile never fails as a whole.
func Compile(files []*rule.File, cfg *Config) (*Ruleset, *Report) { return &Ruleset{}, &Report{} }

// Shared is the state of all workers: thresholds, xbits.
type Shared struct{}

// NewShared makes the state.
func NewShared() *Shared { return &Shared{} }

// Counters of an Engine.
type Counters struct {
	Alerts, AlertOverflow uint64
}

// Engine inspects for one worker.
type Engine struct{ Counters Counters }

// NewEngine makes an engine.
func NewEngine(rs *Ruleset, shared *Shared) *Engine { return &Engine{} }

// Swap changes the rules at a packet boundary; flows keep going.
func (e *Engine) Swap(rs *Ruleset) {}

// StreamData takes the next in-order bytes of a stream; b is borrowed.
func (e *Engine) StreamData(f *flow.Flow, d Dir, b []byte, off uint64) {}

// StreamGap says that n bytes will never come.
func (e *Engine) StreamGap(f *flow.Flow, d Dir, n int) {}

// StreamClose says that the direction has ended.
func (e *Engine) StreamClose(f *flow.Flow, d Dir) {}

// StreamEvent notes a stream event of the packet being tracked.
func (e *Engine) StreamEvent(f *flow.Flow, event uint8) {}

// Inspect runs the rules.
func (e *Engine) Inspect(p *packet.Packet, f *flow.Flow, d Dir, s *proto.Session) []Match { return nil }

// FlowEnd recycles what the engine keeps in f.Detect.
func (e *Engine) FlowEnd(f *flow.Flow) {}
