// Package sensor wires the packet path into workers: capture, decode, flow,
// application layer, application identification, detection, records.
//
// A Worker owns everything that it touches per packet; workers share only the
// immutable ruleset and catalogue, the thresholds, and the output, which they
// reach in batches. Packet time is the only clock of the packet path.
package sensor

import (
	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// expireEvery is how often, in packet time, idle flows are looked for.
const expireEvery = int64(1e9)

// Config is what all workers of a sensor share.
type Config struct {
	Registry   *proto.Registry
	Catalogue  *appid.Catalogue
	Rules      *detect.Ruleset
	Policy     *policy.Policy   // nil: nothing is judged
	Shared     *detect.Shared   // nil: made by the sensor
	Datasets   *detect.Datasets // values of data sets, across reloads
	Reputation ReputationFiles  // the lists that iprep asks
	RuleFiles  RuleFiles        // what rules read and write
	Proto      proto.Config
	Flow       flow.Config
	Decode     packet.Config
	Defrag     packet.DefragConfig
	Sources    *Sources // nil: everything is allowed
	Tenants    *Tenants // nil: each VNI is a tenant of its own
	// TenantRules are the rules, compiled with a tenant's own variables, that
	// replace Rules for its traffic.
	TenantRules map[uint32]*detect.Ruleset
	// Dedup recognises two copies of one packet from two mirror sessions.
	Dedup bool
	// FlowInterval writes a record for a living flow every so many
	// nanoseconds of packet time; 0 only at its end.
	FlowInterval int64
	// MaxAlerts bounds the alerts of one packet; 0 means 15.
	MaxAlerts int
	// Budget bounds what one rule may cost; the zero value: no rule is suspended.
	Budget detect.Budget
	// Clock is for the times in Worker.Profile alone: monotonic nanoseconds; nil:
	// it has none.
	Clock func() int64
	// Evidence keeps the packets around threats; nil: it doesn't.
	Evidence *Evidence
	// Log selects what is written.
	Log LogConfig
	// RethrowPanics makes a parser bug fatal; tests set it.
	RethrowPanics bool
}

// LogConfig selects the anomaly records of decoder and streams. A worker writes
// at most maxAnomalies of them in a second of packet time.
type LogConfig struct {
	DecodeAnomalies bool
	StreamAnomalies bool
}

// maxAnomalies is far above what real traffic shows (115 of 58,000 packets of a
// mixed corpus, 2026-11) and far below what floods the log: anyone can send
// broken packets.
const maxAnomalies = 1000

// Output takes finished records: whole EVE lines of one or more records. The
// bytes are borrowed until Write returns.
type Output interface {
	Write(lines []byte) (int, error)
}

// Observer is told of what a person or a test wants to see at once. All
// arguments are borrowed. A nil Observer costs nothing.
type Observer interface {
	Alert(c *record.Common, a *record.AlertInfo, f *flow.Flow)
	FlowEnd(c *record.Common, f *flow.Flow)
}

// Worker runs the packet path for the packets it is given.
type Worker struct {
	cfg *Config
	out Output
	obs Observer

	dec    *packet.Decoder
	defrag *packet.Defrag
	dup    *packet.Dup
	table  *flow.Table
	pool   *proto.Pool
	proto  proto.Config // with what the rules ask of parsers
	engine *detect.Engine
	others map[uint32]*detect.Engine // of tenants with rules of their own
	enc    record.Encoder

	pkt        packet.Packet
	end        packet.Packet // the pseudo packet of a flow's end
	outer      packet.Outer  // of pkt
	tracking   bool          // pkt
	number     uint64
	lastFrame  int64
	sessions   sessionTable // inspected
	ignored    sessionTable // refused by Sources
	nextExpire int64
	expireMore bool // flows past their time are left over from the last look
	conns      connPool
	evidence   *evidence.Recorder // nil: none is kept
	policy     *policy.Policy
	judged     policy.Flow   // memory of evaluate
	lone       evidence.Tail // of the packet at hand, when it has no flow
	common     record.Common
	ours       record.Ours
	identity   proto.Identity
	meta       record.Metadata
	vars       []record.Var
	anomalies  struct {
		second int64 // of packet time
		n      int   // records in it
	}
	infos   map[*detect.Signature]*record.AlertInfo
	overUDP map[*proto.Descriptor]uint64 // flows by protocol, of those over UDP

	C Counters
}

// NewWorker makes a worker that writes to out; obs may be nil.
func NewWorker(cfg *Config, out Output, obs Observer) *Worker {
	w := &Worker{cfg: cfg, out: out, obs: obs, infos: map[*detect.Signature]*record.AlertInfo{}, overUDP: map[*proto.Descriptor]uint64{}}
	w.policy = cfg.Policy
	w.dec = packet.NewDecoder(cfg.Decode)
	w.defrag = packet.NewDefrag(cfg.Defrag)
	if cfg.Dedup {
		w.dup = packet.NewDup()
	}
	w.table = flow.NewTable(cfg.Flow, w)
	w.proto = cfg.Proto
	w.pool = proto.NewPool(cfg.Registry, &w.proto)
	w.pool.RethrowPanics = cfg.RethrowPanics
	w.engine = w.newEngine(cfg.Rules)
	w.others = map[uint32]*detect.Engine{}
	for id, rs := range cfg.TenantRules {
		w.others[id] = w.newEngine(rs)
	}
	if e := cfg.Evidence; e != nil {
		w.evidence = evidence.NewRecorder(e.Options, e.Sink)
	}
	w.wantFrames(&Rules{All: cfg.Rules, Tenants: cfg.TenantRules})
	w.hashFiles(&Rules{All: cfg.Rules, Tenants: cfg.TenantRules})
	return w
}

// wantFrames has the parsers of flows that begin from now on tell of the
// frames that rules look at.
func (w *Worker) wantFrames(r *Rules) {
	w.pool.Frames = make([]proto.FrameSet, len(w.cfg.Registry.Descriptors))
	r.All.WantFrames(w.pool.Frames)
	for _, rs := range r.Tenants {
		rs.WantFrames(w.pool.Frames)
	}
}

// Rules is a generation of rulesets: one for all, and those of the tenants
// with variables of their own.
type Rules struct {
	All     *detect.Ruleset
	Tenants map[uint32]*detect.Ruleset
	Policy  *policy.Policy // nil: none
}

// SwapRules changes the rules between two packets. The tenants must be those
// that the worker was made with.
func (w *Worker) SwapRules(r *Rules) {
	w.policy = r.Policy
	clear(w.infos) // of signatures that are gone
	w.engine.Swap(r.All)
	for id, e := range w.others {
		e.Swap(r.Tenants[id])
	}
	w.wantFrames(r)
	w.hashFiles(r)
}

// hashFiles makes the parsers take MD5 and SHA-1 of new files when rules ask
// for them.
func (w *Worker) hashFiles(r *Rules) {
	w.proto.FileHashes = w.cfg.Proto.FileHashes || r.All != nil && r.All.AllHashes()
	for _, rs := range r.Tenants {
		w.proto.FileHashes = w.proto.FileHashes || rs.AllHashes()
	}
}

// engineOf is the engine for a tenant's traffic.
func (w *Worker) engineOf(tenant uint32) *detect.Engine {
	if len(w.others) > 0 {
		if e := w.others[tenant]; e != nil {
			return e
		}
	}
	return w.engine
}

// Frame runs one captured frame through the packet path. f is borrowed.
func (w *Worker) Frame(f *capture.Frame) {
	w.number++
	p := &w.pkt
	w.dec.Decode(p, packet.FrameInfo{
		Data: f.Data, WireLen: f.WireLen, Time: f.Time, Link: f.Link,
		Number: w.number, Outer: packet.Outer(f.Outer),
	})
	w.outer = packet.Outer(f.Outer)
	p.Tenant = w.cfg.Tenants.of(&p.Mirror)
	w.pool.Now = p.Time
	w.C.Packets++
	w.C.Bytes += uint64(len(f.Data))
	w.lastFrame = f.Time
	if f.Outer.Encap != packet.EncapNone && p.Mirror.Depth == 0 {
		// Anyone can send to the port: without a frame inside there is no
		// traffic of ours to inspect.
		w.C.Opaque++
		return
	}
	if !w.cfg.Sources.allowed(p) {
		w.C.Ignored++
		w.ignored.count(&p.Mirror, f.Time)
		return
	}
	if p.Mirror.Depth > 0 {
		w.sessions.count(&p.Mirror, f.Time)
	}
	if p.Has(packet.FlagFragment) {
		w.fragment(p)
		return
	}
	w.packet(p)
}

// fragment keeps p until its datagram is whole and then runs that.
func (w *Worker) fragment(p *packet.Packet) {
	whole := w.defrag.Add(p) // sets events on p
	w.packet(p)
	if whole {
		w.dec.DecodeReassembled(p, w.defrag)
		p.Tenant = w.cfg.Tenants.of(&p.Mirror)
		w.packet(p)
	}
}

// packet runs one decoded packet.
func (w *Worker) packet(p *packet.Packet) {
	if w.dup != nil && w.dup.Seen(p) {
		w.C.Dups++
	}
	w.expire(p.Time)
	w.tracking = true
	f, d := w.table.Track(p)
	w.tracking = false
	if p.Has(packet.FlagDup) {
		return
	}
	if f == nil {
		w.keep(&w.lone, p)
		w.report(w.engineOf(p.Tenant).Inspect(p, nil, d, nil), p, nil)
		w.evidence.End(&w.lone)
		w.lone = evidence.Tail{}
		w.decodeAnomalies(p, nil)
		w.flushIfFull()
		return
	}
	c := f.Owner.(*conn)
	w.keep(&c.evidence, p)
	if p.Proto != packet.ProtoTCP && len(p.Payload) > 0 && f.State != flow.StateBypassed {
		w.cfg.Catalogue.Bytes(&c.app, d, p.Payload)
		if c.session != nil {
			c.session.Data(d, p.Payload)
		}
	}
	w.decodeAnomalies(p, f)
	w.inspect(p, f, d, c)
	if f.Flags&flow.FlagBypass != 0 {
		w.table.Bypass(f)
	}
	if w.cfg.FlowInterval > 0 && p.Time-c.logged >= w.cfg.FlowInterval {
		c.logged = p.Time
		w.logFlow(f, c)
	}
	w.flushIfFull()
}

// inspect runs detection and logging for one packet of a flow. When the
// protocol changes with it, what is left of the old one is inspected before,
// with a pseudo packet as at a flow's end: no packet is inspected twice. So is
// what a parser had no room for before transactions were freed.
func (w *Worker) inspect(p *packet.Packet, f *flow.Flow, d flow.Dir, c *conn) {
	for c.session.Due() {
		w.endPacket(f, d)
		w.look(&w.end, f, d, c)
		c.session.Settle()
	}
	w.look(p, f, d, c)
	for c.session.Settle() {
		w.endPacket(f, d)
		w.identify(f, c)
		w.report(w.engineOf(f.Key.Tenant).Inspect(&w.end, f, d, c.session), &w.end, f)
		w.transactions(p, f, d, c)
	}
}

// look runs detection and logging for one packet, of the protocol at hand.
func (w *Worker) look(p *packet.Packet, f *flow.Flow, d flow.Dir, c *conn) {
	w.identify(f, c)
	w.report(w.engineOf(f.Key.Tenant).Inspect(p, f, d, c.session), p, f)
	w.transactions(p, f, d, c)
}

// expire looks for idle flows and datagrams without their rest once a second of
// packet time, as long as some flows are left over, and at once when the clock
// was set back.
func (w *Worker) expire(now int64) {
	const back = int64(60e9)
	if w.expireMore || now >= w.nextExpire || now < w.nextExpire-back {
		w.expireMore = w.table.Expire(now)
		w.defrag.Expire(now)
		w.nextExpire = now + expireEvery
	}
}

// idleExpires bounds one Idle to what the socket's buffer bridges, some tens of
// milliseconds.
const idleExpires = 2048

// Idle looks after flows while nothing arrives: now stands in for packet time,
// in nanoseconds. It also hands on finished records.
func (w *Worker) Idle(now int64) {
	w.expire(now)
	for n := 1; w.expireMore && n < idleExpires; n++ {
		w.expire(now)
		w.flushIfFull()
	}
	// Lost lines are counted by the output, which also reports the first.
	_ = w.Flush()
}

// Finish ends every flow and flushes the output: the capture is over.
func (w *Worker) Finish() error {
	w.table.Flush(flow.ReasonShutdown)
	w.defrag.Flush()
	return w.Flush()
}

const flushAt = 64 << 10

func (w *Worker) flushIfFull() {
	if len(w.enc.Buf) >= flushAt {
		// Lost lines are counted by the output, which also reports the first.
		_ = w.Flush()
	}
}

// Flush hands the finished records to the output.
func (w *Worker) Flush() error {
	if len(w.enc.Buf) == 0 {
		return nil
	}
	_, err := w.out.Write(w.enc.Buf)
	w.enc.Buf = w.enc.Buf[:0]
	return err
}
