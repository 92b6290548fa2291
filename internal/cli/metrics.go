package cli

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// collectors are the metrics of outputs and responses.
func (s *service) collectors() []prometheus.Collector {
	f := func(name, help string, get func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "mirrorwall_" + name, Help: help},
			func() float64 { return float64(get()) })
	}
	out := []prometheus.Collector{
		f("bus_appended_records_total", "Records taken by the spool.", func() uint64 { return s.spool.Counters().Records }),
		f("bus_lost_segments_total", "Segments dropped unread: the spool was full or too old.", func() uint64 {
			n := s.spool.Counters()
			return n.LostFull + n.LostAge
		}),
		f("bus_write_errors_total", "Appends that failed; their records are lost.", func() uint64 { return s.spool.Counters().WriteErrors }),
		f("bus_sync_errors_total", "Times that appended records could not be forced to the disk; tried again each second.", func() uint64 { return s.spool.Counters().SyncErrors }),
		f("bus_damaged_blocks_total", "Blocks of the spool skipped for a wrong checksum.", func() uint64 { return s.spool.Counters().Damaged }),
	}
	rules := func(state string, get func(*ruleReport) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "mirrorwall_sensor_rules", Help: "Rules of the files, by what became of them.",
			ConstLabels: prometheus.Labels{"state": state},
		}, func() float64 { return float64(get(s.report.Load())) })
	}
	out = append(out,
		rules("active", func(r *ruleReport) int { return r.Active }),
		rules("inactive", func(r *ruleReport) int { return r.Inactive }),
		rules("refused", func(r *ruleReport) int { return r.Refused }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "mirrorwall_sensor_rules_suspended",
			Help: "Rules that went over their budget and do not run for a while, or until the next reload.",
		}, func() float64 { return float64(len(s.sensor.Rules().Suspended())) }),
		newRuleCosts(s.sensor.Profile),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "mirrorwall_sensor_rules_stale",
			Help: "1 when the last reload failed: the rules in force are older than the files.",
		}, func() float64 {
			if s.reloadErr.Load() != nil {
				return 1
			}
			return 0
		}))
	out = append(append(out, s.evidenceCollectors()...), s.console.collectors()...)
	if s.eve != nil {
		out = append(out,
			f("eve_lost_bytes_total", "Bytes of records that never reached eve.json.", func() uint64 { _, b := s.eve.Lost(); return b }),
			f("eve_lost_writes_total", "Writes to eve.json that failed.", func() uint64 { w, _ := s.eve.Lost(); return w }))
	}
	return out
}

// checks are the conditions of readiness that the outputs add, and what else
// needs a look.
func (s *service) checks() []health.Check {
	c := health.Check{Name: "spool", OK: !s.spool.Failing(), Text: "records are kept until delivered"}
	if !c.OK {
		c.Text = "the last records could not be kept: is the disk of state: full?"
	}
	out := []health.Check{c}
	if text := s.sandbox.Load(); text != nil {
		out = append(out, sandboxCheck("sandbox of the sensor", *text))
	}
	if s.eve != nil {
		_, lost := s.eve.Lost()
		out = append(out, eveCheck(s.eve.Err(), lost, s.eve.Failing()))
	}
	if s.evidence != nil {
		out = append(out, evidenceCheck(s.evidence.Counters()))
	}
	if s.ship != nil {
		out = append(out, s.ship.check())
	} else if s.spooled {
		out = append(out, s.console.checks()...)
	}
	out = append(out, suspendedCheck(s.sensor.Rules().Suspended()))
	return append(out, refusedCheck(s.report.Load().Refused), thresholdCheck(len(s.report.Load().thresholds)), reloadCheck(s.reloadErr.Load()))
}

// eveCheck fails while writes fail; what was lost before they recovered stays
// to be seen, since the log has a hole, but takes no sensor out of the fleet.
func eveCheck(err error, lost uint64, failing bool) health.Check {
	if err == nil && lost == 0 {
		return health.Check{Name: "eve", OK: true, Text: "every record reached the file"}
	}
	c := health.Check{Name: "eve", Advisory: !failing, Text: fmt.Sprintf("%d bytes of records lost since the start", lost),
		Hint: "is the disk of eve: path: full?"}
	var le *record.LostError
	if errors.As(err, &le) {
		err = le.Err // the count is told already
	}
	if err != nil {
		c.Text += ": " + err.Error()
	}
	return c
}

func responseCheck(dead, stalled uint64) health.Check {
	c := health.Check{Name: "responses", OK: dead == 0 && stalled == 0, Advisory: true, Text: "no delivery was given up"}
	switch {
	case dead > 0:
		c.Text = counted(dead, "dead letter") + " since the start: deliveries that were given up"
		c.Hint = "a receiver refused them, or was down too long: mirrorwall respond list shows them with the error of each, respond replay sends them again"
	case stalled > 0:
		c.Text = counted(stalled, "pause") + " since the start: the spool or the dead letters could not be written"
		c.Hint = "is the disk of state: full?"
	}
	return c
}

func refusedCheck(refused int) health.Check {
	c := health.Check{Name: "refused", OK: refused == 0, Advisory: true, Text: counted(uint64(refused), "rule") + " refused"}
	if !c.OK {
		c.Hint = "mirrorwall rules check FILE lists them, for each file of rules: files"
	}
	return c
}

func thresholdCheck(bad int) health.Check {
	c := health.Check{Name: "thresholds", OK: bad == 0, Advisory: true, Text: counted(uint64(bad), "line") + " of threshold files left out"}
	if !c.OK {
		c.Hint = "the log names them with their reason; mend the files of rules: thresholds:, then SIGHUP"
	}
	return c
}

func reloadCheck(err *error) health.Check {
	if err == nil {
		return health.Check{Name: "reload", OK: true, Advisory: true, Text: "the rules in force are those last asked for"}
	}
	return health.Check{Name: "reload", Advisory: true, Text: "the last reload failed, the old rules stay: " + (*err).Error(),
		Hint: "mend what it names, then SIGHUP again"}
}
