package cli

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// collectors are the metrics of outputs and responses.
func (s *service) collectors() []prometheus.Collector {
	f := func(name, help string, get func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "mirrorwall_" + name, Help: help},
			func() float64 { return float64(get()) })
	}
	c := &s.responder.C
	out := []prometheus.Collector{
		f("respond_matched_total", "Records that a match list chose.", c.Matched.Load),
		f("respond_delivered_total", "Deliveries that a receiver took.", c.Delivered.Load),
		f("respond_retries_total", "Attempts that failed and are tried again.", c.Retried.Load),
		f("respond_stalled_total", "Pauses because a dead letter could not be kept.", c.Stalled.Load),
		f("respond_dead_letters_total", "Deliveries given up and kept as dead letters.", c.Dead.Load),
		f("respond_unreadable_total", "Records in the spool that could not be read.", c.Unreadable.Load),
		f("bus_appended_records_total", "Records taken by the spool.", func() uint64 { return s.spool.Counters().Records }),
		f("bus_lost_segments_total", "Segments dropped unread: the spool was full or too old.", func() uint64 {
			n := s.spool.Counters()
			return n.LostFull + n.LostAge
		}),
		f("bus_write_errors_total", "Appends that failed; their records are lost.", func() uint64 { return s.spool.Counters().WriteErrors }),
		f("bus_damaged_blocks_total", "Blocks of the spool skipped for a wrong checksum.", func() uint64 { return s.spool.Counters().Damaged }),
	}
	if s.eve != nil {
		out = append(out,
			f("eve_lost_bytes_total", "Bytes of records that never reached eve.json.", func() uint64 { _, b := s.eve.Lost(); return b }),
			f("eve_lost_writes_total", "Writes to eve.json that failed.", func() uint64 { w, _ := s.eve.Lost(); return w }))
	}
	return out
}

// checks are the conditions of readiness that the outputs add.
func (s *service) checks() []health.Check {
	c := health.Check{Name: "spool", OK: !s.spool.Failing(), Text: "records are kept until delivered"}
	if !c.OK {
		c.Text = "the last records could not be kept: is the disk of state: full?"
	}
	return []health.Check{c}
}
