package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

func consoleConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse("mirrorwall.yaml", fmt.Appendf(nil, "version: 1\nstate: %s\nconsole: {listen: ''}\n", filepath.Join(t.TempDir(), "state")))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// TestConsoleKeeps: what a sensor puts into its spool is in the store, once,
// though consoles come and go; the report tells, and is gone with its console.
func TestConsoleKeeps(t *testing.T) {
	cfg := consoleConfig(t)
	st := storetest.NewMemory(nil)
	g := storetest.NewGenerator(1)
	var spool *bus.Spool
	total := uint64(0)
	for run := range 3 {
		c, err := newConsole(cfg, quiet(), st, nil)
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 { // the sensor comes later
			if spool, err = bus.Open(spoolFolder(cfg), bus.Options{}); err != nil {
				t.Fatal(err)
			}
			defer spool.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.run(ctx) }()
		for range 50 {
			if err := spool.Append(g.Line(time.Second), g.Line(time.Second)); err != nil {
				t.Fatal(err)
			}
			total += 2
		}
		// The end does what is in the spool by then.
		r := &consoleReport{path: consoleReportPath(cfg)}
		for s, why := r.get(); s == nil; s, why = r.get() {
			if t.Context().Err() != nil {
				t.Fatal(why)
			}
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if n := c.ingest.Counters(); n.Kept != 100 || n.Passed != 0 {
			t.Fatalf("run %d: %+v", run, n)
		}
		if s, why := readReport(consoleReportPath(cfg), time.Now()); s != nil || !strings.Contains(why, "no console") {
			t.Errorf("report of a console that ended: %+v, %s", s, why)
		}
	}
	usage, err := st.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held := uint64(0)
	for _, u := range usage {
		held += u.Rows
	}
	if own := uint64(6); held != total+own { // each began and ended
		t.Errorf("%d records in the store, want %d and %d of the consoles", held, total, own)
	}
}

// TestConsoleAlone: a second console on one state is refused, and leaves nothing
// locked; one without a store gives up the cursor of an earlier one's.
func TestConsoleAlone(t *testing.T) {
	cfg := consoleConfig(t)
	first, err := newConsole(cfg, quiet(), storetest.NewMemory(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = newConsole(cfg, quiet(), nil, nil)
	var f *failure
	if !errors.Is(err, filelock.ErrLocked) || !errors.As(err, &f) || f.hint == "" {
		t.Fatalf("got %v", err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second, err := newConsole(cfg, quiet(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := second.folder.Cursors(); err != nil || len(names) != 0 {
		t.Errorf("cursors %v, %v", names, err)
	}
	if err := second.close(); err != nil {
		t.Fatal(err)
	}
}

// TestReport: a report that is old, or no report, is as good as none, and says why.
func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.status")
	now := time.Now()
	for _, tt := range []struct {
		text string
		age  time.Duration
		why  string
	}{
		{`{"pid":7,"metrics":{"store_kept_records_total":9},"checks":[{"name":"store","ok":true,"text":"x"}]}`, time.Second, ""},
		{`{"pid":7}`, reportStale + 5*time.Second, "last heard of 20s ago"},
		{`{"pid":`, 0, "can't be read"},
	} {
		if err := errors.Join(os.WriteFile(path, []byte(tt.text), 0o600), os.Chtimes(path, now, now.Add(-tt.age))); err != nil {
			t.Fatal(err)
		}
		s, why := readReport(path, now)
		if (s != nil) != (tt.why == "") || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %+v, %q", tt.text, s, why)
		}
		if s != nil && (s.PID != 7 || s.Metrics["store_kept_records_total"] != 9 || len(s.Checks) != 1) {
			t.Errorf("%+v", s)
		}
	}
	for _, c := range (&consoleReport{path: path}).checks() {
		if c.OK || !c.Advisory || c.Hint == "" {
			t.Errorf("%+v", c)
		}
	}
}

// TestConsoleMetrics: every metric that a console reports is one that the
// sensor's page knows.
func TestConsoleMetrics(t *testing.T) {
	c, err := newConsole(consoleConfig(t), quiet(), storetest.NewMemory(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	got := c.state().Metrics
	for _, m := range consoleMetrics {
		if _, ok := got[m.name]; !ok {
			t.Errorf("%s is never reported", m.name)
		}
		delete(got, m.name)
	}
	if len(got) > 0 {
		t.Errorf("nobody shows %v", got)
	}
}

// TestConsoleServes: what a sensor puts into its spool is found through the API,
// by a user that was made with the token that the log shows.
func TestConsoleServes(t *testing.T) {
	cfg := consoleConfig(t)
	cfg.Console.Listen = "127.0.0.1:0"
	spool, err := bus.Open(spoolFolder(cfg), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	var log bytes.Buffer
	c, err := newConsole(cfg, slog.New(slog.NewTextHandler(&log, nil)), storetest.NewMemory(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	first := log.String()
	go func() { ended <- c.run(ctx) }()
	setup := regexp.MustCompile("--setup ([a-z0-9]+) --console (https://[0-9.:]+) --fingerprint ([0-9a-f]{64})").FindStringSubmatch(first)
	if setup == nil {
		t.Fatalf("no setup token in %s", first)
	}
	t.Setenv("MIRRORWALL_PROFILE", filepath.Join(t.TempDir(), "console.json"))
	play(t, goodPassword+"\n", 0, "login", "root", "--setup", setup[1], "--console", setup[2], "--fingerprint", setup[3])
	g := storetest.NewGenerator(1)
	if err := spool.Append(g.Line(time.Second), g.Line(time.Second), g.Line(time.Second)); err != nil {
		t.Fatal(err)
	}
	for c.ingest.Counters().Kept < 3 && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if n := strings.Count(play(t, "", 0, "logs", "traffic,threat,dns,url,tls", "-o", "json"), "\n"); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
	for filter, want := range map[string]string{
		"( eventid eq auth-success ) and ( cmd eq login )":               `"admin":"root"`,
		"( cmd eq token.create ) and ( addr.src in 127.0.0.0/8 )":        `"result":"done"`,
		"( eventid eq console-start ) and ( severity eq informational )": `"module":"console"`,
	} {
		out := ""
		for out == "" && t.Context().Err() == nil { // kept within a second
			out = play(t, "", 0, "logs", "all", filter, "-o", "json")
		}
		if strings.Count(out, "\n") != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: %s", filter, out)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestLogsSameRows holds the command line to the store, for filters of the field.
func TestLogsSameRows(t *testing.T) {
	cfg := consoleConfig(t)
	cfg.Console.Listen = "127.0.0.1:0"
	st := storetest.NewMemory(nil)
	if _, err := st.Append(t.Context(), storetest.NewGenerator(1).Blocks(t, "s", 0, 2, 200, time.Second)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c, err := newConsole(cfg, slog.New(slog.NewTextHandler(&log, nil)), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := log.String()
	defer run(t, c)()
	setup := regexp.MustCompile("--setup ([a-z0-9]+) --console (https://[0-9.:]+) --fingerprint ([0-9a-f]{64})").FindStringSubmatch(first)
	t.Setenv("MIRRORWALL_PROFILE", filepath.Join(t.TempDir(), "console.json"))
	play(t, goodPassword+"\n", 0, "login", "root", "--setup", setup[1], "--console", setup[2], "--fingerprint", setup[3])
	play(t, "", exitUsage, "logs", "traffic", "-o", "pcap")
	if got := play(t, "", 0, "logs", "threat", "-o", "pcap"); !strings.HasPrefix(got, "0 captures, ") { // none of these has packets
		t.Errorf("%q", got)
	}
	rows := 0
	for _, text := range storetest.Filters() {
		q := store.Query{Logs: []string{"traffic", "threat"}, Now: time.Now()}
		if text != "" {
			if q.Filter, err = filter.Parse(text); err != nil {
				t.Fatal(err)
			}
		}
		want, err := st.Find(t.Context(), q, store.Page{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		got := play(t, "", 0, "logs", "traffic,threat", text, "-o", "json", "-n", "1000")
		same := strings.Count(got, "\n") == len(want.Rows)
		lines := strings.Split(got, "\n")
		for i := range want.Rows {
			same = same && strings.TrimSpace(string(want.Rows[i].Raw)) == lines[i]
		}
		if !same {
			t.Errorf("%s: %d rows, want %d", text, strings.Count(got, "\n"), len(want.Rows))
		}
		rows += len(want.Rows)
	}
	if rows == 0 {
		t.Error("no filter found anything")
	}
}
