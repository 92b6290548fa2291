package sensor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// ServiceConfig is what a live sensor needs besides the packet path's Config.
type ServiceConfig struct {
	*Config
	Listen  []udp.Options
	Workers int // for each address; 0: one less than the cores, at least one
	// StatsEvery writes a stats record every so often; 0: never.
	StatsEvery time.Duration
	Log        *slog.Logger
}

// Service is a live sensor: sockets, workers, and what is known of them.
type Service struct {
	cfg   ServiceConfig
	out   Output
	loops []*loop
	start time.Time
	drain atomic.Bool
	rules atomic.Pointer[Rules]
	told  suspensions
}

// loop is one worker with its socket. The goroutine that runs it owns the
// worker; the rest of the world sees its published snapshot.
type loop struct {
	w    *Worker
	src  *udp.Source
	addr netip.AddrPort
	seen atomic.Pointer[Snapshot]
	gen  *Rules // the rules that the worker runs

	profile    atomic.Pointer[[]detect.RuleCost]
	profiledAt time.Time
	profiledOf *Rules
}

// Snapshot is what a worker published last.
type Snapshot struct {
	Address netip.AddrPort
	Capture capture.Counters
	Stats   []record.Stat
	Losses  []Loss
	Worker  Counters
	// Evidence are the captures of threats.
	Evidence evidence.Counters
	// Last is the wall clock of the last frame, zero before the first.
	Last time.Time
	// Sessions are the mirror sessions inspected, Ignored those refused.
	Sessions, Ignored map[Session]SessionCount
	ReceiveBuffer     int // bytes that the kernel granted the socket
}

// NewService opens the sockets; nothing is read before Run. obs may be nil
// and must be safe for concurrent use.
func NewService(cfg ServiceConfig, out Output, obs Observer) (*Service, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	s := &Service{cfg: cfg, out: out, start: time.Now()}
	s.rules.Store(&Rules{All: cfg.Rules, Tenants: cfg.TenantRules, Policy: cfg.Policy})
	for _, opt := range cfg.Listen {
		group, err := udp.OpenGroup(opt, cfg.Workers)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		for _, src := range group {
			l := &loop{w: NewWorker(cfg.Config, out, obs), src: src, addr: src.Addr(), gen: s.rules.Load()}
			l.publish()
			s.loops = append(s.loops, l)
		}
	}
	return s, nil
}

// Addresses lists where the sensor listens, each once.
func (s *Service) Addresses() []netip.AddrPort {
	var out []netip.AddrPort
	for _, l := range s.loops {
		if !slices.Contains(out, l.addr) {
			out = append(out, l.addr)
		}
	}
	return out
}

// tick is how long a quiet socket is waited for before the worker looks after
// its flows, its rules and its snapshot.
const tick = 500 * time.Millisecond

// Run receives until ctx ends, or until a worker has lost its socket: a sensor
// that is blind to a part of the traffic must not look well. Then it inspects
// what is still in the sockets' queues, ends every flow and writes what is left.
func (s *Service) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var workers, stats sync.WaitGroup
	errs := make([]error, len(s.loops))
	for i, l := range s.loops {
		workers.Go(func() {
			errs[i] = l.run(ctx, s)
			if errs[i] != nil {
				s.cfg.Log.Error("worker stopped", "address", l.addr, "err", errs[i])
			}
			end()
		})
	}
	if s.cfg.StatsEvery > 0 {
		stats.Go(func() { s.writeStats(ctx) })
	}
	workers.Wait()
	end()
	stats.Wait()
	return errors.Join(errs...)
}

func (l *loop) run(ctx context.Context, s *Service) error {
	batch := capture.Batch{}
	var err error
	for ctx.Err() == nil && err == nil {
		err = l.slice(ctx, s, &batch)
		now := time.Now()
		l.w.Idle(now.UnixNano())
		l.publish()
		l.publishProfile(now)
		s.told.tell(s.Rules(), s.cfg.Log)
	}
	s.drain.Store(true)
	if err == nil {
		err = l.empty(&batch)
	}
	err = errors.Join(err, l.w.Finish())
	l.publish()
	return err
}

// leastQueued is less than the kernel counts against the receive buffer for the
// smallest datagram, bytes.
const leastQueued = 512

// empty inspects what waits in the socket's queue when the sensor ends. What
// comes later is the kernel's to drop and to count; should it go on queueing, no
// more is read than the queue can have held.
func (l *loop) empty(batch *capture.Batch) error {
	_ = l.src.Refuse() // or else the bound holds
	for left := l.src.ReceiveBuffer() / leastQueued; left > 0; left -= max(batch.N, 1) {
		more, err := l.src.ReadQueued(batch)
		if err != nil || !more {
			return err
		}
		for i := range batch.Frames[:batch.N] {
			l.w.Frame(&batch.Frames[i])
		}
	}
	return nil
}

// slice receives for one tick.
func (l *loop) slice(ctx context.Context, s *Service, batch *capture.Batch) error {
	tctx, cancel := context.WithTimeout(ctx, tick)
	defer cancel()
	for {
		err := l.src.ReadBatch(tctx, batch)
		if r := s.rules.Load(); r != l.gen {
			if r.All == l.gen.All {
				l.w.SwapPolicy(r.Policy)
			} else {
				l.w.SwapRules(r)
			}
			l.gen = r
		}
		for i := range batch.Frames[:batch.N] {
			l.w.Frame(&batch.Frames[i])
		}
		if tctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *loop) publish() {
	snap := &Snapshot{
		Address: l.addr, Capture: l.src.Counters(), Stats: l.w.Snapshot(),
		Losses: l.w.Losses(), Worker: l.w.C, Evidence: l.w.Evidence(),
		Sessions: l.w.sessions.copy(), Ignored: l.w.ignored.copy(),
		ReceiveBuffer: l.src.ReceiveBuffer(),
	}
	if l.w.lastFrame > 0 {
		snap.Last = time.Unix(0, l.w.lastFrame)
	}
	l.seen.Store(snap)
}

// Reload gives every worker new rules, and the policy among them, at its next batch. The old ones are used
// no longer once every worker has seen them.
func (s *Service) Reload(r *Rules) { s.rules.Store(r) }

// Rules returns the rules in force.
func (s *Service) Rules() *Rules { return s.rules.Load() }

// Snapshots returns what each worker published last.
func (s *Service) Snapshots() []*Snapshot {
	out := make([]*Snapshot, len(s.loops))
	for i, l := range s.loops {
		out[i] = l.seen.Load()
	}
	return out
}

// Uptime is the time since the sockets were opened.
func (s *Service) Uptime() time.Duration { return time.Since(s.start) }

// Draining reports whether the sensor is ending.
func (s *Service) Draining() bool { return s.drain.Load() }

// Close closes the sockets of a service that was not run, or has ended.
func (s *Service) Close() error {
	var errs []error
	for _, l := range s.loops {
		errs = append(errs, l.src.Close())
	}
	return errors.Join(errs...)
}

// writeStats writes EVE stats records until ctx ends.
func (s *Service) writeStats(ctx context.Context) {
	t := time.NewTicker(s.cfg.StatsEvery)
	defer t.Stop()
	var e record.Encoder
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			c := record.Common{Event: "stats", Time: now.UnixNano()}
			e.Buf = e.Buf[:0]
			e.Begin(&c)
			e.Stats(uint64(s.Uptime().Seconds()), Sum(s.Snapshots()))
			e.End(&c)
			if _, err := s.out.Write(e.Buf); err != nil {
				s.cfg.Log.Warn("stats record lost", "err", err)
			}
		}
	}
}

// Sum adds up the counters of all workers, with the capture's own.
func Sum(snaps []*Snapshot) []record.Stat {
	total := map[string]record.Stat{}
	add := func(st record.Stat) {
		st.Value += total[st.Name].Value
		total[st.Name] = st
	}
	for _, sn := range snaps {
		for _, st := range sn.Stats {
			add(st)
		}
		add(record.Stat{Name: "capture.kernel_packets", Value: sn.Capture.Frames + sn.Capture.KernelDrops})
		add(record.Stat{Name: "capture.kernel_drops", Value: sn.Capture.KernelDrops})
	}
	out := slices.Collect(maps.Values(total))
	slices.SortFunc(out, func(a, b record.Stat) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Loss sums the losses of all workers by cause, the capture's first.
func (s *Service) Loss() []Loss {
	snaps := s.Snapshots()
	var kernel, cut, malformed uint64
	var out []Loss
	for _, sn := range snaps {
		kernel += sn.Capture.KernelDrops
		cut += sn.Capture.Truncated
		malformed += sn.Capture.Malformed
		for i, l := range sn.Losses {
			if len(out) <= i {
				out = append(out, Loss{Cause: l.Cause, Text: l.Text})
			}
			out[i].Count += l.Count
		}
	}
	return append([]Loss{
		{"kernel_drop", "datagrams dropped by the kernel: the socket's buffer was full", kernel},
		{"truncated", "frames longer than the receive buffer", cut},
		{"malformed", "datagrams too short for an envelope", malformed},
	}, out...)
}

// String describes a loss for people.
func (l Loss) String() string { return fmt.Sprintf("%d %s", l.Count, l.Text) }
