package webhook

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/respond"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func alertLine(n int, name string) []byte {
	return fmt.Appendf(nil, `{"timestamp":"2026-06-25T10:00:00.000000+0000","flow_id":%d,"event_type":"alert",`+
		`"src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":80,"proto":"TCP",`+
		`"alert":{"signature_id":9,"signature":%q,"severity":1},"mirrorwall":{"app":"web-browsing"}}`, n, name)
}

// receiver is a webhook receiver that verifies and remembers.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	ids    map[string]int
	bodies []string
	bad    int
	answer func(n int) int // status of the n-th request
	n      int
}

func newReceiver(t *testing.T, answer func(n int) int) *receiver {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{ids: map[string]int{}, answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.n++
		if err != nil || wh.Verify(body, req.Header) != nil || !json.Valid(body) {
			r.bad++
		}
		status := r.answer(r.n)
		if status == 200 {
			r.ids[req.Header.Get("webhook-id")]++
			r.bodies = append(r.bodies, string(body))
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

func hook(t *testing.T, cfg Config) *Hook {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(testSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.SecretFile = file
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func spools(t *testing.T, dir string) (records, dead *bus.Spool) {
	t.Helper()
	var err error
	if records, err = bus.Open(filepath.Join(dir, "records"), bus.Options{}); err != nil {
		t.Fatal(err)
	}
	if dead, err = bus.Open(filepath.Join(dir, "dead"), bus.Options{}); err != nil {
		t.Fatal(err)
	}
	return records, dead
}

func run(t *testing.T, records, dead *bus.Spool, lists []*respond.MatchList, opt respond.Options) *respond.Responder {
	t.Helper()
	r := respond.New(records, dead, lists, opt)
	if err := records.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r
}

func threats(t *testing.T, text string, a respond.Action) []*respond.MatchList {
	t.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return []*respond.MatchList{{Name: "threats", Log: "threat", Filter: f, Action: a}}
}

func TestDeliverSignedAndFiltered(t *testing.T) {
	rec := newReceiver(t, func(int) int { return 200 })
	records, dead := spools(t, t.TempDir())
	for i, name := range []string{"one", `quo"te\ and ${x}`, "other"} {
		if err := records.Append(alertLine(i, name)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, records, dead, threats(t, "name-of-threatid neq other", hook(t, Config{URL: rec.URL})), respond.Options{})
	if rec.bad != 0 || len(rec.bodies) != 2 {
		t.Fatalf("%d bad, bodies %q", rec.bad, rec.bodies)
	}
	if !strings.Contains(rec.bodies[1], `"threat":"quo\"te\\ and ${x}"`) {
		t.Errorf("value is not escaped for JSON: %s", rec.bodies[1])
	}
}

func TestRetryThenDeadLetter(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		answer                 func(int) int
		delivered, dead, asked int
	}{
		{"recovers", func(n int) int { return map[bool]int{true: 503, false: 200}[n < 3] }, 1, 0, 3},
		{"never", func(int) int { return 500 }, 0, 1, 4},
		{"refused", func(int) int { return 400 }, 0, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := newReceiver(t, tt.answer)
			records, dead := spools(t, t.TempDir())
			if err := records.Append(alertLine(1, "x")); err != nil {
				t.Fatal(err)
			}
			r := run(t, records, dead, threats(t, "", hook(t, Config{URL: rec.URL})),
				respond.Options{Attempts: 4, First: time.Millisecond})
			if int(r.C.Delivered.Load()) != tt.delivered || int(r.C.Dead.Load()) != tt.dead || rec.n != tt.asked {
				t.Fatalf("delivered %d, dead %d, asked %d times", r.C.Delivered.Load(), r.C.Dead.Load(), rec.n)
			}
			if got := dead.Counters().Records; int(got) != tt.dead {
				t.Fatalf("%d dead letters on the disk, want %d", got, tt.dead)
			}
		})
	}
}

func TestHangingReceiverTimesOut(t *testing.T) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer srv.Close()
	defer close(stop)
	records, dead := spools(t, t.TempDir())
	if err := records.Append(alertLine(1, "x")); err != nil {
		t.Fatal(err)
	}
	r := run(t, records, dead, threats(t, "", hook(t, Config{URL: srv.URL})),
		respond.Options{Attempts: 2, First: time.Millisecond, Timeout: 50 * time.Millisecond})
	if r.C.Dead.Load() != 1 {
		t.Fatalf("dead %d, want 1", r.C.Dead.Load())
	}
}

// TestKillLosesNothing kills the process that delivers, again and again, and
// wants every accepted record at the receiver in the end.
func TestKillLosesNothing(t *testing.T) {
	total := 40
	if testing.Short() {
		total = 10
	}
	if url := os.Getenv("WEBHOOK_TEST_CHILD"); url != "" {
		records, dead := spools(t, os.Getenv("WEBHOOK_TEST_DIR"))
		if err := records.Close(); err != nil { // the child ends when all is read
			t.Fatal(err)
		}
		r := respond.New(records, dead, threats(t, "", hook(t, Config{URL: url})), respond.Options{First: time.Millisecond})
		r.OnOutcome = func(respond.Outcome) { fmt.Println("outcome") }
		t.Fatal(r.Run(context.Background()))
	}
	rec := newReceiver(t, func(n int) int { return map[bool]int{true: 503, false: 200}[n%5 == 0] })
	dir := t.TempDir()
	records, dead := spools(t, dir)
	for i := range total {
		if err := records.Append(alertLine(i, fmt.Sprint("threat ", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := records.Close(); err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	for round := 0; ; round++ {
		rec.mu.Lock()
		got := len(rec.ids)
		rec.mu.Unlock()
		if got == total {
			break
		}
		if round > 60 {
			t.Fatalf("%d of %d delivered after %d kills", got, total, round)
		}
		killAfter(t, rec.URL, dir, 5)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.bad != 0 {
		t.Fatalf("%d requests with a bad signature", rec.bad)
	}
}

// killAfter runs a delivering child and kills it after a number of attempts.
func killAfter(t *testing.T, url, dir string, attempts int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKillLosesNothing$")
	cmd.Env = append(os.Environ(), "WEBHOOK_TEST_CHILD="+url, "WEBHOOK_TEST_DIR="+dir, "TMPDIR="+dir) // a killed child leaves its folders
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	n := 0
	for sc := bufio.NewScanner(out); n < attempts && sc.Scan(); n++ {
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestConfigErrors(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{URL: "example.com"}, "url: want http"},
		{Config{URL: "https://x", Method: "GET"}, "method: want POST or PUT"},
		{Config{URL: "https://x", Body: "line\n  $treat_name"}, "template:2:3: unknown variable $treat_name; did you mean $threat_name?"},
		{Config{URL: "https://x", Body: "${src"}, "want } after"},
		{Config{URL: "https://x", ContentType: "a b"}, "content_type: want a media type"},
		{Config{URL: "https://x", SecretEnv: "MIRRORWALL_TEST_NO_SUCH"}, "is not set"},
		{Config{URL: "https://x", SecretFile: "/nonexistent/secret"}, "secret_file"},
		{Config{URL: "https://x", CAFile: "webhook.go"}, "want PEM certificates"},
	} {
		_, err := New(tt.cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.cfg, err, tt.want)
		}
	}
}

// TestErrorsKeepTheURL: a URL may hold a token, in any of its parts, and errors
// go to the log and the dead letters.
func TestErrorsKeepTheURL(t *testing.T) {
	answer := func(h http.HandlerFunc) string {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		return strings.TrimPrefix(srv.URL, "http://")
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, tt := range map[string]struct {
		scheme, host, want string
		timeout            time.Duration
	}{
		"refused connection": {"http", strings.TrimPrefix(gone.URL, "http://"), "connection refused", time.Minute},
		"refused delivery": {"http", answer(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		}), "receiver answered 403", time.Minute},
		"broken off":   {"http", answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "EOF", time.Minute},
		"no TLS there": {"https", answer(func(http.ResponseWriter, *http.Request) {}), "HTTP response to HTTPS client", time.Minute},
		"too late":     {"http", "192.0.2.1", "deadline exceeded", -1},
		"redirect": {"http", answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://other"+r.URL.RequestURI())
			w.WriteHeader(http.StatusTemporaryRedirect)
		}), "receiver answered 307", time.Minute},
		"redirect to nonsense": {"http", answer(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://[::bad"+r.URL.RequestURI())
			w.WriteHeader(http.StatusFound)
		}), "receiver answered 302", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := New(Config{URL: tt.scheme + "://tok-user:tok-pass@" + tt.host + "/tok-path?key=tok-query"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), tt.timeout)
			defer cancel()
			err = h.Deliver(ctx, &respond.Delivery{ID: "msg_1", Entry: entry(t)})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "tok-") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	for _, u := range []string{"ftp://tok-user:tok-pass@x/tok-path", "http://x:tok-port/", "http:///tok-path?tok-query", "tok-%zz"} {
		if _, err := New(Config{URL: u}); err == nil || strings.Contains(err.Error(), "tok-") {
			t.Errorf("%s: got %v", u, err)
		}
	}
}

func entry(t *testing.T) *record.Entry {
	t.Helper()
	e, err := record.ParseEVE(alertLine(1, "x"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
