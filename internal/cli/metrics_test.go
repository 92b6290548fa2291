package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/metrics.md")

// TestMetricsDoc runs the service, reads its metrics, lints their names, and
// holds docs/metrics.md against them.
func TestMetricsDoc(t *testing.T) {
	s, families := scrape(t)
	name := regexp.MustCompile(`^mirrorwall_[a-z_]+$`)
	var b strings.Builder
	b.WriteString("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n")
	names := make([]string, 0, len(families))
	for n := range families {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		f := families[n]
		counter := f.GetType() == dto.MetricType_COUNTER
		if !name.MatchString(n) || counter != strings.HasSuffix(n, "_total") || !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s: odd name, type %v or help %q", n, f.GetType(), f.GetHelp())
		}
		labels := "-"
		if pairs := f.Metric[0].GetLabel(); len(pairs) > 0 {
			var words []string
			for _, p := range pairs {
				words = append(words, "`"+p.GetName()+"`")
			}
			labels = strings.Join(words, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", n, strings.ToLower(f.GetType().String()), labels, f.GetHelp())
	}
	generated(t, "metrics", b.String())
	b.Reset()
	b.WriteString("| Cause | What was not inspected |\n|---|---|\n")
	for _, l := range s.sensor.Loss() {
		if !regexp.MustCompile(`^[a-z_]+$`).MatchString(l.Cause) {
			t.Errorf("cause %q", l.Cause)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", l.Cause, l.Text)
	}
	generated(t, "causes", b.String())
}

// scrape runs a service with every output until a mirrored frame was counted.
func scrape(t *testing.T) (*service, map[string]*dto.MetricFamily) {
	t.Helper()
	dir := t.TempDir()
	cfg, err := config.Parse("mirrorwall.yaml", fmt.Appendf(nil, `version: 1
state: %s
sensor: {listen: ["127.0.0.1:0"], workers: 1}
eve: {path: %s}
health: {address: "127.0.0.1:0"}
`, filepath.Join(dir, "state"), filepath.Join(dir, "eve.json")))
	if err != nil {
		t.Fatal(err)
	}
	a := &app{out: io.Discard, err: io.Discard}
	s, err := a.newService(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	conn, err := net.Dial("udp", s.sensor.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	frame := traffic.Scenarios()[0].Frames(1, time.Now())[0]
	if _, err := conn.Write(traffic.AppendVXLAN(nil, frame.Data, 7)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		f := metrics(t, s)
		if f["mirrorwall_sensor_mirror_session_frames_total"] != nil {
			return s, f
		}
		if time.Now().After(deadline) {
			t.Fatalf("the frame is never counted: %v", f)
		}
	}
}

func metrics(t *testing.T, s *service) map[string]*dto.MetricFamily {
	t.Helper()
	r, err := http.Get("http://" + s.health.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	f, err := p.TextToMetricFamilies(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return f
}

// generated wants text between the markers of docs/metrics.md.
func generated(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(recordtest.Root(t), "docs", "metrics.md")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->"
	head, rest, ok := strings.Cut(string(old), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	switch {
	case !ok || !ok2:
		t.Fatalf("no markers of %s", name)
	case got == text:
	case !*update:
		t.Errorf("%s is not what the code says; go test ./internal/cli -update rewrites it", name)
	default:
		if err := os.WriteFile(path, []byte(head+begin+text+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
