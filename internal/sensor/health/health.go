// Package health answers load balancers and Prometheus about a live sensor, on
// an address of its own: /healthz (the process lives), /readyz (it should be
// sent traffic), /status (what `mirrorwall doctor` reads), /policy (flows by rule), /metrics.
//
// It reads the snapshots that workers publish and never touches the packet
// path.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// Sustained loss: more than lossShare of the frames of each of the last
// lossWindows windows were lost before we could read them. One burst must not
// take a sensor out of the fleet.
const (
	lossShare   = 0.01
	lossWindows = 3
	lossWindow  = 10 * time.Second
)

// Server serves health and metrics.
type Server struct {
	svc   *sensor.Service
	extra func() []Check
	ln    net.Listener
	http  http.Server

	mu      sync.Mutex
	lossy   int // windows in a row with too much loss
	last    lossPoint
	started bool
}

type lossPoint struct{ frames, drops uint64 }

// Check is one condition of readiness, or of things that need a look.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
	// Advisory checks are shown, but one that is not OK does not make the sensor
	// unready: another sensor would do no better.
	Advisory bool `json:"advisory,omitempty"`
	// Hint is what a person can do when the check is not OK.
	Hint string `json:"hint,omitempty"`
}

// Listen opens address. extra, when not nil, adds conditions of other rooms.
func Listen(address string, svc *sensor.Service, extra func() []Check, more ...prometheus.Collector) (*Server, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &ListenError{Address: address, Err: err}
	}
	s := &Server{svc: svc, extra: extra, ln: ln}
	reg := prometheus.NewRegistry()
	reg.MustRegister(append(more, newCollector(svc))...)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /status", s.status)
	mux.HandleFunc("GET /policy", s.policy)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	return s, nil
}

// ListenError says that the health address is not to be had.
type ListenError struct {
	Address string
	Err     error
}

func (e *ListenError) Error() string { return fmt.Sprintf("health: listen %s: %v", e.Address, e.Err) }
func (e *ListenError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *ListenError) Hint() string {
	return "another process has the port (ss -ltnp shows which); choose another with health: address:"
}

// Addr is the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		sctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.http.Shutdown(sctx) != nil {
			// Slow readers of metrics are cut off: the process ends anyway.
			_ = s.http.Close()
		}
	})
	defer stop()
	go s.watchLoss(ctx)
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("health: %w", err)
	}
	return nil
}

func (s *Server) watchLoss(ctx context.Context) {
	t := time.NewTicker(lossWindow)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.window()
		}
	}
}

// window closes one window of loss accounting.
func (s *Server) window() {
	var now lossPoint
	for _, sn := range s.svc.Snapshots() {
		now.frames += sn.Capture.Frames
		now.drops += sn.Capture.KernelDrops
	}
	s.account(now)
}

// account compares the totals at the end of a window with those before it.
func (s *Server) account(now lossPoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, got := now.drops-s.last.drops, now.frames-s.last.frames
	if s.started && float64(lost) > lossShare*float64(lost+got) {
		s.lossy++
	} else {
		s.lossy = 0
	}
	s.last, s.started = now, true
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, []Check{{Name: "process", OK: true, Text: "up " + s.svc.Uptime().Truncate(time.Second).String()}})
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.checks()) }

func (s *Server) checks() []Check {
	s.mu.Lock()
	lossy := s.lossy
	s.mu.Unlock()
	rules := len(s.svc.Rules().All.Signatures())
	sockets := len(s.svc.Snapshots())
	c := []Check{
		{Name: "sockets", OK: sockets > 0, Text: fmt.Sprintf("%d open", sockets)},
		{Name: "rules", OK: rules > 0, Text: fmt.Sprintf("%d active", rules)},
		{Name: "draining", OK: !s.svc.Draining(), Text: "the sensor is not ending"},
		{Name: "loss", OK: lossy < lossWindows, Text: fmt.Sprintf("%d windows in a row with loss above 1 %%", lossy)},
	}
	if s.svc.Draining() {
		c[2].Text = "the sensor is ending"
	}
	if s.extra != nil {
		c = append(c, s.extra()...)
	}
	return c
}

// answer writes the checks, with status 503 when one fails that is not
// advisory.
func (s *Server) answer(w http.ResponseWriter, checks []Check) {
	status := http.StatusOK
	for _, c := range checks {
		if !c.OK && !c.Advisory {
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A reader that has gone away needs no answer.
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": status == http.StatusOK, "checks": checks})
}
