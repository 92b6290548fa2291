//go:build duckdb

// Command store measures the embedded log store as the service uses it: records
// go through a spool and an ingester into it while parts are sealed, then a
// console's questions are asked. It prints one line of JSON; see bench/README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/duckdb"
)

func main() {
	rows := flag.Int("rows", 2_000_000, "traffic records")
	span := flag.Duration("span", 24*time.Hour, "time that they are spread over")
	dir := flag.String("dir", "", "folder; kept when it is given")
	profile := flag.String("cpuprofile", "", "`file` for a profile of the ingest")
	ask := flag.Bool("ask", false, "only ask: dir has been filled before")
	flag.Parse()
	if err := run(*rows, *span, *dir, *profile, *ask); err != nil {
		fmt.Fprintln(os.Stderr, "store:", err)
		os.Exit(1)
	}
}

func run(rows int, span time.Duration, dir, profile string, ask bool) error {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "store"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	st, err := duckdb.Open(duckdb.Options{Dir: filepath.Join(dir, "store"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer st.Close()
	out := map[string]any{"rows": rows}
	if !ask {
		if profile != "" {
			f, err := os.Create(profile)
			if err != nil {
				return err
			}
			defer f.Close()
			if err := pprof.StartCPUProfile(f); err != nil {
				return err
			}
		}
		err := fill(st, filepath.Join(dir, "spool"), rows, span, out)
		pprof.StopCPUProfile()
		if err != nil {
			return err
		}
	}
	if err := questions(st, out); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// fill writes records to a spool as a sensor does and keeps them, at once.
func fill(st *duckdb.Store, dir string, rows int, span time.Duration, out map[string]any) error {
	sp, err := bus.Open(dir, bus.Options{MaxBytes: 2 << 30})
	if err != nil {
		return err
	}
	src, err := sp.Reader("store")
	if err != nil {
		return err
	}
	g := newTraffic(time.Now().Add(-span-2*time.Hour).UnixNano(), int64(span)/int64(rows))
	in := store.NewIngester(src, st, nil, store.IngestOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	began, done := time.Now(), make(chan error, 2)
	go func() { done <- in.Run(ctx) }()
	var clock atomic.Int64 // the records' time, which goes faster than ours
	go func() { done <- maintain(ctx, st, &clock) }()
	for n := 0; n < rows; {
		// The spool is bounded: a sensor would lose records, the measurement waits.
		if uint64(n) > in.Counters().Kept+2_000_000 {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		batch := make([][]byte, 0, 1000)
		for range min(1000, rows-n) {
			batch = append(batch, g.line())
		}
		if err := sp.Append(batch...); err != nil {
			return err
		}
		n += len(batch)
		clock.Store(g.at)
	}
	for in.Counters().Kept < uint64(rows) {
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(began)
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			return err
		}
	}
	sealing := time.Now()
	if err := st.Maintain(context.Background(), time.Now()); err != nil {
		return err
	}
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return err
	}
	u, err := st.Usage(context.Background())
	if err != nil {
		return err
	}
	out["records_per_s"] = int(float64(rows) / took.Seconds())
	out["ingest_s"] = took.Seconds()
	out["last_seal_s"] = time.Since(sealing).Seconds()
	out["cpu_us_a_record"] = float64((time.Duration(ru.Utime.Nano()) + time.Duration(ru.Stime.Nano())).Microseconds()) / float64(rows)
	out["peak_mb"] = ru.Maxrss >> 10
	out["bytes_a_record"] = float64(u[0].Bytes) / float64(u[0].Rows)
	out["parts"] = u[0].Partitions
	_ = src.Close()
	return sp.Close()
}

// maintain seals as the console does, by the records' clock, but more often.
func maintain(ctx context.Context, st *duckdb.Store, clock *atomic.Int64) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(2 * time.Second):
		}
		if err := st.Maintain(ctx, time.Unix(0, clock.Load())); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// questions asks each thing three times and takes the fastest.
func questions(st *duckdb.Store, out map[string]any) error {
	ctx := context.Background()
	us, err := st.Usage(ctx)
	if err != nil {
		return err
	}
	newest := us[0].Newest
	logs := []string{"traffic"}
	last, err := oldest(ctx, st, us[0].Oldest)
	if err != nil {
		return err
	}
	ask := func(name string, f func() (store.Coverage, error)) {
		best := time.Hour
		for range 3 {
			began := time.Now()
			cov, ferr := f()
			if ferr != nil || !cov.Complete {
				err = fmt.Errorf("%s: %+v, %v", name, cov, ferr)
			}
			best = min(best, time.Since(began))
		}
		out[name+"_ms"] = float64(best.Microseconds()) / 1000
	}
	find := func(text string) func() (store.Coverage, error) {
		return func() (store.Coverage, error) {
			f, err := filter.Parse(text)
			if err != nil {
				return store.Coverage{}, err
			}
			r, err := st.Find(ctx, store.Query{Logs: logs, Filter: f}, store.Page{Limit: 100})
			if err != nil {
				return store.Coverage{}, err
			}
			return r.Coverage, nil
		}
	}
	day := store.Query{Logs: logs, From: newest.Add(-24 * time.Hour).Truncate(time.Minute)}
	top := func(field string, by store.Measure) func() (store.Coverage, error) {
		return func() (store.Coverage, error) {
			r, err := st.Top(ctx, day, store.Grouping{Field: field, By: by, Limit: 10})
			if err != nil {
				return store.Coverage{}, err
			}
			return r.Coverage, nil
		}
	}
	histogram := func(text, field string) func() (store.Coverage, error) {
		return func() (store.Coverage, error) {
			f, err := filter.Parse(text)
			if err != nil {
				return store.Coverage{}, err
			}
			r, err := st.Histogram(ctx, store.Query{Logs: logs, Filter: f}, 15*time.Minute, field)
			if err != nil {
				return store.Coverage{}, err
			}
			return r.Coverage, nil
		}
	}
	ask("last_100", find(""))
	ask("address_last_100", find("addr in 10.0.0.7"))
	ask("rare_address_last_100", find("addr in 10.0.7.200"))
	ask("absent_address", find("addr in 203.0.113.77"))
	ask("needle_session", find("sessionid eq "+fmt.Sprint(last.FlowID)))
	ask("needle_contains", find("hostname contains host-2999"))
	ask("top_app", top("app", store.ByBytes))
	ask("top_source", top("addr.src", store.ByBytes))
	ask("top_port_sessions", top("port.dst", store.ByCount))
	ask("histogram_all", histogram("", ""))
	ask("histogram_app", histogram("action eq allow", "app"))
	ask("histogram_filtered", histogram("addr.src in 10.0.1.0/24", ""))
	return err
}

func oldest(ctx context.Context, st *duckdb.Store, from time.Time) (*record.Entry, error) {
	r, err := st.Find(ctx, store.Query{Logs: []string{"traffic"}, To: from.Add(time.Second)}, store.Page{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(r.Rows) == 0 {
		return nil, fmt.Errorf("no record before %s", from)
	}
	return r.Rows[0].Entry()
}
