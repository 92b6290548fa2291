package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// The console has no health page of its own: what it has to tell stands in a
// file of the state folder, and the sensor's page shows it.

// consoleMetrics are the metrics of the console, in the order of its report.
var consoleMetrics = []struct{ name, help string }{
	{"respond_matched_total", "Records that a match list chose."},
	{"respond_delivered_total", "Deliveries that a receiver took."},
	{"respond_retries_total", "Attempts that failed and are tried again."},
	{"respond_stalled_total", "Pauses because a dead letter could not be kept."},
	{"respond_dead_letters_total", "Deliveries given up and kept as dead letters."},
	{"respond_unreadable_total", "Records in the spool that could not be read."},
	{"console_damaged_blocks_total", "Blocks of the spool that the console skipped for a wrong checksum."},
	{"store_kept_records_total", "Records that the log store took."},
	{"store_passed_records_total", "Records that came again and that the log store had."},
	{"store_unreadable_records_total", "Records that are of no log type; not kept."},
	{"store_full_records_total", "Records lost because the log store had no room."},
	{"store_lost_events_total", "Events of the console itself that were not kept: their queue was full."},
	{"store_retries_total", "Batches that the log store did not take at once, and that were tried again."},
}

// consoleState is the content of the report.
type consoleState struct {
	PID     int               `json:"pid"`
	Metrics map[string]uint64 `json:"metrics"`
	Checks  []health.Check    `json:"checks"`
}

func consoleReportPath(cfg *config.Config) string { return filepath.Join(cfg.State, "console.status") }

const (
	reportEvery = time.Second
	// reportStale is the age from which a report says that its console is gone.
	reportStale = 15 * time.Second
)

// report writes the report until ctx ends, and takes it away then: who looks for
// a console finds none. A disk that does not take it is no reason to end.
func (c *consoleHalf) report(ctx context.Context) error {
	path := consoleReportPath(c.cfg)
	t := time.NewTicker(reportEvery)
	defer t.Stop()
	var last []byte
	for {
		b, err := json.Marshal(c.state())
		if err != nil {
			return err
		}
		if last = writeReport(path, last, b); last == nil {
			c.log.Debug("the console's report was not written", "file", path)
		}
		select {
		case <-ctx.Done():
			_ = os.Remove(path) // it would go stale
			return nil
		case <-t.C:
		}
	}
}

// writeReport writes b, or only touches the file when that holds it; it returns
// what the file holds, nil when that is not known.
func writeReport(path string, last, b []byte) []byte {
	if now := time.Now(); bytes.Equal(last, b) && os.Chtimes(path, now, now) == nil {
		return last
	}
	if os.WriteFile(path+".new", b, 0o640) != nil || os.Rename(path+".new", path) != nil {
		return nil
	}
	return b
}

func (c *consoleHalf) state() *consoleState {
	n := &c.responder.C
	s := &consoleState{PID: os.Getpid(), Metrics: map[string]uint64{
		"respond_matched_total":        n.Matched.Load(),
		"respond_delivered_total":      n.Delivered.Load(),
		"respond_retries_total":        n.Retried.Load(),
		"respond_stalled_total":        n.Stalled.Load(),
		"respond_dead_letters_total":   n.Dead.Load(),
		"respond_unreadable_total":     n.Unreadable.Load(),
		"console_damaged_blocks_total": c.folder.Damaged(),
	}}
	s.Checks = append(s.Checks, responseCheck(n.Dead.Load(), n.Stalled.Load()))
	if c.sandbox != "" {
		s.Checks = append(s.Checks, sandboxCheck("sandbox of the console", c.sandbox))
	}
	if c.ingest != nil {
		g := c.ingest.Counters()
		s.Metrics["store_kept_records_total"] = g.Kept
		s.Metrics["store_passed_records_total"] = g.Passed
		s.Metrics["store_unreadable_records_total"] = g.Unreadable
		s.Metrics["store_full_records_total"] = g.Full
		s.Metrics["store_retries_total"] = g.Retries
		s.Metrics["store_lost_events_total"] = c.journal.lost.Load()
		s.Checks = append(s.Checks, storeCheck(c.ingest.Full(), g.Full))
	}
	return s
}

// storeCheck is advisory: another sensor's records would find no more room.
func storeCheck(full bool, lost uint64) health.Check {
	c := health.Check{Name: "store", OK: lost == 0, Advisory: true, Text: "every record read was kept"}
	if !c.OK {
		c.Text = counted(lost, "record") + " lost since the start: the log store had no room"
		c.Hint = "there is room again; store: retention: keeps less"
	}
	if full {
		c.Hint = "make room on the disk of store: path:, or keep less with store: retention:"
	}
	return c
}

// consoleReport reads the report for the sensor's page. It may be used by
// several goroutines.
type consoleReport struct {
	path string

	mu    sync.Mutex
	read  time.Time
	state *consoleState // nil: none, or one that is stale
	why   string
}

// get returns the report, read anew twice a second at most, or why there is none.
func (r *consoleReport) get() (*consoleState, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.read) > reportEvery/2 {
		r.read = now
		r.state, r.why = readReport(r.path, now)
	}
	return r.state, r.why
}

func readReport(path string, now time.Time) (*consoleState, string) {
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, "no console works on this state"
	}
	if err != nil {
		return nil, err.Error()
	}
	if age := now.Sub(st.ModTime()); age > reportStale {
		return nil, fmt.Sprintf("the console was last heard of %s ago", age.Truncate(time.Second))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err.Error()
	}
	s := &consoleState{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, "the console's report can't be read: " + err.Error()
	}
	return s, ""
}

// checks are the console's own, and whether there is one.
func (r *consoleReport) checks() []health.Check {
	s, why := r.get()
	if s == nil {
		return []health.Check{{Name: "console", Advisory: true, Text: why,
			Hint: "its log says why it ended; mirrorwall run starts it again, beside mirrorwall sensor start mirrorwall console"}}
	}
	own := health.Check{Name: "console", OK: true, Advisory: true, Text: fmt.Sprintf("process %d reads the records", s.PID)}
	return append([]health.Check{own}, s.Checks...)
}

// collectors are the console's metrics; 0 while there is none.
func (r *consoleReport) collectors() (out []prometheus.Collector) {
	for _, m := range consoleMetrics {
		out = append(out, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "mirrorwall_" + m.name, Help: m.help}, func() float64 {
			if s, _ := r.get(); s != nil {
				return float64(s.Metrics[m.name])
			}
			return 0
		}))
	}
	return append(out, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "mirrorwall_console_up", Help: "1 while a console reads the records of this sensor's spool.",
	}, func() float64 {
		if s, _ := r.get(); s != nil {
			return 1
		}
		return 0
	}))
}
