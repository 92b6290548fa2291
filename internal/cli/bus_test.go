package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

// TestFleet: what a sensor puts into its spool reaches the store and the match
// lists of a console on another machine through NATS, once; what is committed
// there reaches the sensor, and its answer the console.
func TestFleet(t *testing.T) {
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not come up")
	}
	address := s.Addr().String()
	defer s.Shutdown()

	hooked := make(chan struct{}, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hooked <- struct{}{} }))
	defer hook.Close()
	parse := func(state string) (*config.Config, string) {
		text := fmt.Sprintf("version: 1\nstate: %s\nbus: {url: 'nats://%s'}\nconsole: {listen: '127.0.0.1:0'}\nrespond: [{name: all, action: webhook, with: {url: '%s'}}]\n",
			filepath.Join(t.TempDir(), state), address, hook.URL)
		cfg, err := config.Parse("mirrorwall.yaml", []byte(text), checkActions)
		if err != nil {
			t.Fatal(err)
		}
		return cfg, text
	}
	far, _ := parse("sensor")
	near, text := parse("console")
	spool, err := bus.Open(spoolFolder(far), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ship, err := startShipping(far, quiet(), spool)
	if err != nil {
		t.Fatal(err)
	}
	st := storetest.NewMemory(nil)
	var log bytes.Buffer
	c, err := newConsole(near, slog.New(slog.NewTextHandler(&log, nil)), st, &halfFlags{start: start{Text: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	first := log.String()
	end := run(t, c)
	g := storetest.NewGenerator(1)
	for range 10 {
		if err := spool.Append(g.Line(time.Second), g.Line(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		<-hooked
	}
	for c.ingest.Counters().Kept < 20 && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}

	setup := regexp.MustCompile("--setup ([a-z0-9]+) --console (https://[0-9.:]+) --fingerprint ([0-9a-f]{64})").FindStringSubmatch(first)
	t.Setenv("MIRRORWALL_PROFILE", filepath.Join(t.TempDir(), "console.json"))
	play(t, goodPassword+"\n", 0, "login", "root", "--setup", setup[1], "--console", setup[2], "--fingerprint", setup[3])
	play(t, text+"# changed\n", 0, "config", "load", "-")
	play(t, "", 0, "config", "commit")
	var have *generation
	for have == nil && t.Context().Err() == nil {
		time.Sleep(20 * time.Millisecond)
		if have, err = readGeneration(far); err != nil {
			t.Fatal(err)
		}
	}
	if have.Number != 2 || have.Text != text+"# changed\n" || have.Author != "root" {
		t.Errorf("%+v", have)
	}
	if err := writeJSON(generationFile(far, "sensor.json"), lifecycle.Report{Sensor: "x", Number: 1, Refused: 2, Error: "no such folder"}); err != nil {
		t.Fatal(err)
	}
	for out := ""; !strings.Contains(out, "runs version 1; refused version 2: no such folder") && t.Context().Err() == nil; time.Sleep(20 * time.Millisecond) {
		out = play(t, "", 0, "config", "status")
	}

	// What is appended last is shipped before the sensor ends.
	if err := spool.Append(g.Line(time.Second)); err != nil {
		t.Fatal(err)
	}
	ship.close()
	if low, _ := spool.Lowest(); low.Before(spool.End()) {
		t.Error("records were left behind")
	}
	if err := spool.Close(); err != nil {
		t.Error(err)
	}
	for c.ingest.Counters().Kept < 21 && t.Context().Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	end()
	if n := c.ingest.Counters(); n.Kept != 21 || n.Passed != 0 {
		t.Errorf("%+v", n)
	}
}
