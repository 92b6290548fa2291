package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/console"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

const (
	goodPassword = "plum Tractor vivid 49"
	captureID    = "2026030110-00c0ffee00c0ffee-1"
)

// testConsole is a console with 400 records; setup is its setup token.
func testConsole(t *testing.T) (address, fingerprint, setup string, hub *store.Hub) {
	t.Helper()
	acc, err := access.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), access.Options{Key: make([]byte, 32), Hash: access.Params{Memory: 8, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { acc.Close() })
	mem := storetest.NewMemory(nil)
	if _, err := mem.Append(t.Context(), storetest.NewGenerator(1).Blocks(t, "s", 0, 2, 200, time.Second)); err != nil {
		t.Fatal(err)
	}
	hub = store.NewHub()
	captures := t.TempDir()
	if err := os.MkdirAll(filepath.Join(captures, captureID[:10]), 0o700); err != nil {
		t.Fatal(err)
	}
	for ext, text := range map[string]string{".pcap": "packets", ".json": `{"id":"` + captureID + `","packets":3,"hits":[{"time":"2026-03-01T10:00:00Z","packet":2,"gid":1,"sid":7,"rev":1,"matched":[{"buffer":"http.uri","offset":4,"length":2,"text":"a\u0007b"}]}]}`} {
		if err := os.WriteFile(filepath.Join(captures, captureID[:10], captureID[11:]+ext), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := console.New(console.Deps{Access: acc, Store: mem, Hub: hub, Evidence: evidence.NewReader(captures)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(c.Handler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // refused certificates
	srv.StartTLS()
	t.Cleanup(srv.Close)
	if setup, err = acc.BeginSetup(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(srv.Certificate().Raw)
	return srv.URL, hex.EncodeToString(sum[:]), setup, hub
}

// play runs a command with lines on its standard input.
func play(t *testing.T, in string, want int, args ...string) (out string) {
	t.Helper()
	var o, e bytes.Buffer
	if got := Main(args, strings.NewReader(in), &o, &e); got != want {
		t.Fatalf("%v: exit %d, want %d\n%s%s", args, got, want, &o, &e)
	}
	return o.String() + e.String()
}

// TestRemote plays the commands that talk to a console, as a person would.
func TestRemote(t *testing.T) {
	address, fingerprint, setup, _ := testConsole(t)
	t.Setenv("MIRRORWALL_PROFILE", filepath.Join(t.TempDir(), "p", "console.json"))
	at := []string{"--console", address, "--fingerprint", fingerprint}
	contains := func(out string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(out, p) {
				t.Errorf("no %q in:\n%s", p, out)
			}
		}
	}
	contains(play(t, "", 1, append([]string{"logs", "traffic"}, at...)...), "not set up", "setup token")
	contains(play(t, "", 1, "logs", "traffic", "--console", address), "certificate", "hint: --fingerprint")
	contains(play(t, "", 1, "logs", "traffic", "--console", address, "--fingerprint", strings.Repeat("00", 32)), "not the one given")
	contains(play(t, "short\n", 2, append([]string{"login", "root", "--setup", setup}, at...)...), "12")
	contains(play(t, goodPassword+"\n", 0, append([]string{"login", "root", "--setup", setup}, at...)...), "signed in to "+address+" as root (superuser)")

	// From here on the profile knows the console.
	contains(play(t, "", 0, "logs", "traffic", "-n", "3"), "TIME", "SENT", "traffic")
	if n := strings.Count(play(t, "", 0, "logs", "all", "-n", "7", "-o", "json"), "\n"); n != 7 {
		t.Errorf("%d lines, want 7", n)
	}
	if n := strings.Count(play(t, "", 0, "logs", "all", "--all", "-o", "csv"), "\n"); n != 401 {
		t.Errorf("%d lines of CSV, want 401", n)
	}
	if n := strings.Count(play(t, "", 0, "logs", "traffic", "( app eq ssl )", "-o", "csv", "-n", "5"), "\n"); n != 6 {
		t.Errorf("%d lines of CSV, want 6", n)
	}
	contains(play(t, "", 2, "logs", "traffic", "( ap eq ssl )"), "filter:3: unknown field", "^", "hint: ")
	contains(play(t, "", 2, "logs", "trafic"), "unknown log type", "hint: log types")
	contains(play(t, "", 2, "logs", "traffic", "--last", "soon"), "no span of time")
	contains(play(t, "", 0, "logs", "traffic", "--top", "app"), "APP", "COUNT", "ssl")
	contains(play(t, "", 0, "logs", "all", "--histogram", "1m"), "2026-03-01T09:50:00Z", "█")

	contains(play(t, "", 0, "evidence", captureID), "3 packets, 1 match", "rule 1:7 rev 1, packet 2", "http.uri, byte 4, 2 bytes: a.b")
	pcap := filepath.Join(t.TempDir(), "why.pcap")
	contains(play(t, "", 0, "evidence", captureID, "-o", pcap), "7 bytes")
	if text, err := os.ReadFile(pcap); string(text) != "packets" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	contains(play(t, "", 1, "evidence", "2026030110-00c0ffee00c0ffee-2", "-o", pcap), "there is no such capture")
	contains(play(t, "", 2, "evidence", "../../etc/passwd"), "no capture's id")

	contains(play(t, "another good Passphrase 7\n", 0, "user", "add", "anna", "--role", "analyst"), "anna is a user now (analyst)")
	contains(play(t, "", 0, "user", "role", "anna", "auditor"), "anna: done")
	contains(play(t, "", 0, "user", "disable", "anna"), "done")
	contains(play(t, "", 0, "user", "list"), "anna", "auditor", "disabled", "root")
	contains(play(t, "", 0, "user", "remove", "anna"), "done")
	contains(play(t, "", 1, "user", "remove", "anna"), `no user "anna"`)

	token := strings.TrimSpace(play(t, "", 0, "token", "create", "ci", "--days", "1"))
	contains(play(t, "", 0, "token", "list"), "ci", "logs.read")
	t.Setenv("MIRRORWALL_TOKEN", token)
	contains(play(t, "", 0, "logs", "traffic", "-n", "1"), "TIME")
	contains(play(t, "", 1, "user", "list"), "permission users.read is missing")
}

// TestFollow: history, then what comes.
func TestFollow(t *testing.T) {
	address, fingerprint, setup, hub := testConsole(t)
	t.Setenv("MIRRORWALL_PROFILE", filepath.Join(t.TempDir(), "console.json"))
	play(t, goodPassword+"\n", 0, "login", "root", "--setup", setup, "--console", address, "--fingerprint", fingerprint)
	f := &logsFlags{format: "json", follow: true, limit: 2}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	lines := make(lineWriter, 10)
	a := &app{out: lines, err: lines}
	done := make(chan error, 1)
	go func() { done <- a.logs(ctx, f, []string{"traffic,dns"}) }()
	for range 2 {
		<-lines
	}
	next := storetest.NewGenerator(99).Blocks(t, "s", 9, 1, 40, time.Second)
	hub.Publish(next, time.Now())
	if got := <-lines; !strings.Contains(got, `"event_type"`) {
		t.Errorf("got %q", got)
	}
	cancel()
	for {
		select {
		case <-lines:
		case <-done:
			return
		}
	}
}

// lineWriter hands on what is written.
type lineWriter chan string

func (w lineWriter) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}
