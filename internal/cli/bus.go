package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/bus/nats"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// busCursor is the cursor of what is shipped, in the sensor's spool.
const busCursor = "bus"

func connectBus(cfg *config.Config) (*nats.Conn, error) {
	b := &cfg.Bus
	return nats.Connect(nats.Options{
		URLs: b.URLs(), Name: "mirrorwall " + sensorName(), CA: b.CA, Cert: b.Cert, Key: b.Key, Credentials: b.Credentials,
		Prefix: b.Prefix, Replicas: b.Replicas, MaxBytes: int64(b.MaxBytes), MaxAge: time.Duration(b.MaxAge),
	})
}

// sensorName is the machine's, as a word.
func sensorName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "sensor"
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, host)
}

// busRetry is the pause between attempts to prepare the servers.
const busRetry = time.Second

// prepare waits until streams and buckets are there.
func prepare(ctx context.Context, conn *nats.Conn, log *slog.Logger) error {
	for first := true; ; first = false {
		err := conn.Setup(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if first {
			log.Warn("bus: the servers do not answer, trying on; records wait in the spool", "err", err)
		}
		if err := pauseFor(ctx, busRetry); err != nil {
			return err
		}
	}
}

// shipper carries a sensor's spool to the bus, and brings configurations.
type shipper struct {
	cfg   *config.Config
	log   *slog.Logger
	conn  *nats.Conn
	spool *bus.Spool
	// forward is nil until the servers are prepared.
	forward atomic.Pointer[nats.Forwarder]
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

// startShipping begins; the spool may be closed before close is called, which
// lets it finish.
func startShipping(cfg *config.Config, log *slog.Logger, spool *bus.Spool) (*shipper, error) {
	conn, err := connectBus(cfg)
	if err != nil {
		return nil, err
	}
	s := &shipper{cfg: cfg, log: log, conn: conn, spool: spool}
	// The cursor is there from the first record on: nothing is removed before it
	// was shipped, unless the spool is full.
	f, err := conn.NewForwarder(spool, busCursor)
	if err != nil {
		conn.Close()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.ended.Go(func() {
		defer f.Close() // only read
		if prepare(ctx, conn, log) != nil {
			return
		}
		s.forward.Store(f)
		log.Info("bus: records are shipped", "servers", strings.Join(cfg.Bus.URLs(), ","))
		if err := f.Run(ctx); err != nil && ctx.Err() == nil {
			log.Error("bus: shipping ended", "err", err)
		}
	})
	s.ended.Go(func() { _ = conn.Watch(ctx, s.receive) }) // it ends with ctx
	s.ended.Go(func() { s.report(ctx) })
	return s, nil
}

// receive takes a configuration that a console committed: the sensor finds it
// where one of this machine's console would be.
func (s *shipper) receive(g nats.Generation) {
	next := &generation{}
	if err := json.Unmarshal(g.Data, next); err != nil || next.Number != g.Number {
		s.log.Error("bus: a configuration can't be read", "version", g.Number, "err", err)
		return
	}
	if have, err := readGeneration(s.cfg); err == nil && have != nil && *have == *next {
		return
	}
	if err := writeJSON(generationFile(s.cfg, "current.json"), next); err != nil {
		s.log.Error("bus: a configuration can't be kept", "version", g.Number, "err", err)
	}
}

// report passes on what the sensor says of its configuration.
func (s *shipper) report(ctx context.Context) {
	var told lifecycle.Report
	for pauseFor(ctx, generationEvery) == nil {
		var r lifecycle.Report
		if readJSON(generationFile(s.cfg, "sensor.json"), maxConfigText, &r) != nil || r.Number == told.Number && r.Refused == told.Refused && r.Error == told.Error {
			continue
		}
		if s.conn.Report(ctx, sensorName(), nats.Report{Running: r.Number, Refused: r.Refused, Reason: r.Error}) == nil {
			told = r
		}
	}
}

// close ends shipping, after up to drainFor for what the closed spool still has.
func (s *shipper) close() {
	for end := time.Now().Add(drainFor); time.Now().Before(end) && s.conn.Connected(); time.Sleep(20 * time.Millisecond) {
		if low, _ := s.spool.Lowest(); !low.Before(s.spool.End()) {
			break
		}
	}
	s.stop()
	s.ended.Wait()
	s.conn.Close()
}

func (s *shipper) check() health.Check {
	c := health.Check{Name: "bus", OK: s.conn.Connected() && s.forward.Load() != nil, Advisory: true, Text: "records are shipped"}
	if !c.OK {
		c.Text = "the servers of bus: url: do not answer; records wait in the spool"
		c.Hint = "are they up, and may this machine connect? The oldest records go when the spool is full"
	}
	if f := s.forward.Load(); f != nil {
		if n := f.Counters().Refused; n > 0 {
			c.OK, c.Text = false, counted(n, "message")+" refused by the servers: their limit is below a block of the spool"
		}
	}
	return c
}

// lateSource is a source of the bus that opens when the servers answer, so that
// a console starts without them.
type lateSource struct {
	conn *nats.Conn
	name string
	log  *slog.Logger
	src  *nats.Source
}

var _ bus.Source = (*lateSource)(nil)

// Next implements bus.Source.
func (l *lateSource) Next(ctx context.Context) (bus.Batch, error) {
	for l.src == nil {
		if err := prepare(ctx, l.conn, l.log); err != nil {
			return bus.Batch{}, err
		}
		src, err := l.conn.Source(ctx, l.name)
		if err == nil {
			l.src = src
			break
		}
		if err := pauseFor(ctx, busRetry); err != nil {
			return bus.Batch{}, err
		}
	}
	return l.src.Next(ctx)
}

// Ack implements bus.Source.
func (l *lateSource) Ack(end bus.Position) error {
	if l.src == nil {
		return errors.New("bus: nothing was read")
	}
	return l.src.Ack(end)
}

// Close implements bus.Source.
func (l *lateSource) Close() error {
	if l.src == nil {
		return nil
	}
	return l.src.Close()
}

// relay puts records of the bus into a spool of this machine, where the match
// lists read, until ctx ends: one that comes twice is delivered under the same id.
func relay(ctx context.Context, src *lateSource, to *bus.Spool) error {
	for {
		err := relayOne(ctx, src, to)
		if ctx.Err() != nil {
			return src.Close()
		}
		if err != nil {
			src.log.Warn("bus: reading for the match lists, trying on", "err", err)
			_ = src.Close() // what was acknowledged stays so
			src.src = nil
			_ = pauseFor(ctx, busRetry) // its end is seen above
		}
	}
}

func relayOne(ctx context.Context, src *lateSource, to *bus.Spool) error {
	b, err := src.Next(ctx)
	if err != nil {
		return err
	}
	if err := to.Append(b.Records...); err != nil {
		return err
	}
	return src.Ack(b.End)
}

// pusher hands committed configurations to the sensors of a fleet, and hears
// what they say.
type pusher struct {
	conn   *nats.Conn
	log    *slog.Logger
	newest atomic.Pointer[generation]
}

func (p *pusher) run(ctx context.Context, hear func(lifecycle.Report)) error {
	if prepare(ctx, p.conn, p.log) != nil {
		return nil
	}
	var done uint64
	for pauseFor(ctx, generationEvery) == nil {
		if g := p.newest.Load(); g != nil && g.Number != done {
			data, err := json.Marshal(g)
			if err == nil {
				err = p.conn.Publish(ctx, nats.Generation{Number: g.Number, Data: data})
			}
			if err != nil {
				p.log.Warn("bus: a configuration is not handed to the sensors yet", "version", g.Number, "err", err)
				_ = pauseFor(ctx, busRetry) // its end is seen above
				continue
			}
			done = g.Number
		}
		all, err := p.conn.Reports(ctx)
		if err != nil {
			continue // told again
		}
		for name, r := range all {
			hear(lifecycle.Report{Sensor: name, Number: r.Running, Refused: r.Refused, Error: r.Reason})
		}
	}
	return nil
}
