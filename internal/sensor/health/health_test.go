package health

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

const oneRule = `alert tcp any any -> any any (msg:"x"; content:"x"; sid:1;)`

// nowhere is an output that nobody reads.
type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }

// start runs a sensor on loopback with its health server and returns both; end
// ends the sensor and waits for it, while health goes on.
func start(t *testing.T, rules string, extra func() []Check) (s *Server, end func()) {
	t.Helper()
	cfg, err := sensor.DefaultConfig(fstest.MapFS{"a.yaml": {Data: []byte(
		"- {name: dns, description: Names., category: networking, subcategory: infrastructure, technology: network-protocol, risk: 1, match: {decoders: [dns]}}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	f, errs := rule.ParseFile("test.rules", []byte(rules))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	cfg.Rules, _ = detect.Compile([]*rule.File{f}, cfg.DetectConfig(detect.DefaultVars()))
	svc, err := sensor.NewService(sensor.ServiceConfig{
		Config: cfg, Workers: 1, Listen: []udp.Options{{Addr: "127.0.0.1:0"}},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, nowhere{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Listen("127.0.0.1:0", svc, extra); err != nil {
		t.Fatal(err)
	}
	sctx, stopSensor := context.WithCancel(context.Background())
	hctx, stopHealth := context.WithCancel(context.Background())
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- svc.Run(sctx) }()
	go func() { served <- s.Run(hctx) }()
	ended := false
	end = func() {
		stopSensor()
		if !ended {
			ended = true
			if err := <-ran; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() {
		end()
		stopHealth()
		if err := errors.Join(<-served, svc.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, end
}

// answer is what /healthz and /readyz say.
type answer struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

func ask(t *testing.T, s *Server, path string) (status int, body string) {
	t.Helper()
	r, err := http.Get("http://" + s.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// failing returns the names of the checks that make s unready, and holds status, ok and
// checks against each other.
func failing(t *testing.T, s *Server, path string) string {
	t.Helper()
	status, body := ask(t, s, path)
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, body)
	}
	var bad []string
	for _, c := range a.Checks {
		if c.Name == "" || c.Text == "" {
			t.Errorf("a check without name or text: %s", body)
		}
		if !c.OK && !c.Advisory {
			bad = append(bad, c.Name)
		}
	}
	if a.OK != (len(bad) == 0) || (status == http.StatusOK) != a.OK {
		t.Errorf("%s: status %d, %s", path, status, body)
	}
	return strings.Join(bad, " ")
}

func TestHealthy(t *testing.T) {
	s, end := start(t, oneRule, nil)
	for _, path := range []string{"/healthz", "/readyz"} {
		if bad := failing(t, s, path); bad != "" {
			t.Errorf("%s: fails %s", path, bad)
		}
	}
	end()
	if bad := failing(t, s, "/readyz"); bad != "draining" {
		t.Errorf("after the end: fails %q", bad)
	}
	if bad := failing(t, s, "/healthz"); bad != "" {
		t.Errorf("the process lives on, but fails %q", bad)
	}
	if status, _ := ask(t, s, "/"); status != http.StatusNotFound {
		t.Errorf("/: status %d", status)
	}
}

func TestNoRules(t *testing.T) {
	s, _ := start(t, "", nil)
	if bad := failing(t, s, "/readyz"); bad != "rules" {
		t.Errorf("fails %q, want rules", bad)
	}
}

func TestExtraChecks(t *testing.T) {
	s, _ := start(t, oneRule, func() []Check { return []Check{{Name: "spool", OK: false, Text: "full"}} })
	if bad := failing(t, s, "/readyz"); bad != "spool" {
		t.Errorf("fails %q, want spool", bad)
	}
}

// TestAdvisory: what needs a look is shown and leaves the sensor ready.
func TestAdvisory(t *testing.T) {
	want := Check{Name: "responses", Text: "3 dead letters", Advisory: true, Hint: "see the log"}
	s, _ := start(t, oneRule, func() []Check { return []Check{want} })
	if bad := failing(t, s, "/readyz"); bad != "" {
		t.Errorf("fails %q, want nothing", bad)
	}
	for _, path := range []string{"/readyz", "/status"} {
		status, body := ask(t, s, path)
		var a answer
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		if status != http.StatusOK || !slices.Contains(a.Checks, want) {
			t.Errorf("%s: status %d, %s", path, status, body)
		}
	}
}

// TestLoss: only loss in three windows in a row takes a sensor out.
func TestLoss(t *testing.T) {
	s, _ := start(t, oneRule, nil)
	var now lossPoint
	for i, w := range []struct {
		frames, drops uint64
		bad           string
	}{
		{1000, 500, ""}, // before the first window nothing is known
		{1000, 20, ""}, {1000, 20, ""},
		{1000, 5, ""}, // a good window begins anew
		{1000, 20, ""}, {1000, 20, ""}, {1000, 20, "loss"}, {0, 7, "loss"},
		{0, 0, ""}, // nothing came, nothing was lost
	} {
		now.frames += w.frames
		now.drops += w.drops
		s.account(now)
		if bad := failing(t, s, "/readyz"); bad != w.bad {
			t.Errorf("window %d: fails %q, want %q", i, bad, w.bad)
		}
	}
}

func TestMetrics(t *testing.T) {
	s, _ := start(t, oneRule, nil)
	_, body := ask(t, s, "/metrics")
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"mirrorwall_sensor_active_rules": 1, "mirrorwall_sensor_active_flows": 0} {
		f := families[name]
		if f == nil || len(f.Metric) != 1 || f.Metric[0].GetGauge().GetValue() != want {
			t.Errorf("%s: %v, want %v", name, f, want)
		}
	}
	if f := families["mirrorwall_sensor_loss_total"]; f == nil || len(f.Metric) != len(s.svc.Loss()) {
		t.Errorf("losses: %v, want a cause each", f)
	}
}

func TestPortInUse(t *testing.T) {
	s, _ := start(t, oneRule, nil)
	_, err := Listen(s.Addr().String(), s.svc, nil)
	var le *ListenError
	if !errors.As(err, &le) || !errors.Is(err, syscall.EADDRINUSE) || le.Hint() == "" {
		t.Errorf("got %v", err)
	}
}
