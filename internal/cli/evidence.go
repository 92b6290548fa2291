package cli

import (
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// keepEvidence opens the evidence store of a service, and has sc fill it; nil
// when none is wanted.
func keepEvidence(c *config.Config, sc *sensor.Config) (*evidence.Store, error) {
	e := c.Evidence
	if !e.Keep {
		return nil, nil
	}
	store, err := evidence.OpenStore(filepath.Join(c.State, "evidence"), evidence.StoreOptions{MaxBytes: int64(e.MaxBytes)})
	if err != nil {
		return nil, withHint(err, stateHint)
	}
	sc.Evidence = &sensor.Evidence{Options: evidence.Options{Ring: int(e.Ring), Before: e.Before, After: e.After}, Sink: store}
	return store, nil
}

// evidenceCheck tells of captures that were not kept; it takes no sensor out of
// the fleet.
func evidenceCheck(n evidence.StoreCounters) health.Check {
	lost := n.LostQueue + n.WriteErrors
	c := health.Check{Name: "evidence", OK: lost == 0, Advisory: true, Text: "every capture reached the disk"}
	if !c.OK {
		c.Text = fmt.Sprintf("%d captures lost since the start: %d refused by the disk, %d because it was too slow", lost, n.WriteErrors, n.LostQueue)
		c.Hint = "is the disk of state: full?"
	}
	return c
}

// evidenceCollectors are the metrics of evidence; the same whether any is kept.
func (s *service) evidenceCollectors() []prometheus.Collector {
	store := func(get func(evidence.StoreCounters) uint64) func() uint64 {
		return func() uint64 {
			if s.evidence == nil {
				return 0
			}
			return get(s.evidence.Counters())
		}
	}
	workers := func(get func(evidence.Counters) uint64) func() uint64 {
		return func() (n uint64) {
			for _, sn := range s.sensor.Snapshots() {
				n += get(sn.Evidence)
			}
			return n
		}
	}
	counter := func(name, help string, labels prometheus.Labels, get func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "mirrorwall_evidence_" + name, Help: help, ConstLabels: labels},
			func() float64 { return float64(get()) })
	}
	lost := func(cause string, get func() uint64) prometheus.Collector {
		return counter("lost_total", "Captures that were not kept, by cause.", prometheus.Labels{"cause": cause}, get)
	}
	return []prometheus.Collector{
		counter("captures_total", "Captures written: packets around threats.", nil, store(func(c evidence.StoreCounters) uint64 { return c.Written })),
		counter("bytes_total", "Bytes of the captures written.", nil, store(func(c evidence.StoreCounters) uint64 { return c.Bytes })),
		counter("expired_total", "Captures removed to keep evidence.max_bytes.", nil, store(func(c evidence.StoreCounters) uint64 { return c.Expired })),
		counter("late_total", "Captures whose first packets the ring no longer had.", nil, workers(func(c evidence.Counters) uint64 { return c.Truncated })),
		lost("disk", store(func(c evidence.StoreCounters) uint64 { return c.WriteErrors })),
		lost("flow", workers(func(c evidence.Counters) uint64 { return c.LostFlow })),
		lost("open", workers(func(c evidence.Counters) uint64 { return c.LostOpen })),
		lost("queue", store(func(c evidence.StoreCounters) uint64 { return c.LostQueue })),
	}
}

// openEvidence opens the folder of --evidence and has cfg keep captures there:
// every one, since the traffic of files ends.
func (f *inspectFlags) openEvidence(cfg *sensor.Config) (io.Closer, error) {
	if f.evidence == "" {
		return io.NopCloser(nil), nil
	}
	store, err := evidence.OpenStore(f.evidence, evidence.StoreOptions{MaxBytes: math.MaxInt64, Wait: true})
	if err != nil {
		return nil, fail(err, "--evidence names a folder for pcap files; it is made if it is not there")
	}
	cfg.Evidence = &sensor.Evidence{Sink: store}
	return store, nil
}

// warnEvidence tells of alerts whose packets were not kept.
func (a *app) warnEvidence(w *sensor.Worker) {
	c := w.Evidence()
	if n := c.LostFlow + c.LostOpen; n > 0 {
		fmt.Fprintf(a.err, "warning: the packets of %d alerts were not kept: %d because their flow had enough captures, %d because too many were open\n", n, c.LostFlow, c.LostOpen)
	}
	if c.Truncated > 0 {
		fmt.Fprintf(a.err, "warning: %d captures begin late: their flow's first packets were too long ago\n", c.Truncated)
	}
}
