package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
)

// supervisor starts the halves of the service as processes of their own, and
// again when one dies.
type supervisor struct {
	app  *app
	log  *slog.Logger
	path string
	cfg  *config.Config

	mu    sync.Mutex
	start start // the configuration, which both halves get
}

// reread takes what the file says now, for a half that starts again: what is
// wrong stays out, and the sensor, which reads it too, says so. It does nothing
// once a configuration was committed.
func (s *supervisor) reread() {
	text, err := readRegular(s.path)
	if err != nil {
		return
	}
	cfg, err := config.Parse(s.path, text, checkConfig)
	if err != nil {
		return
	}
	g, err := readGeneration(s.cfg)
	if err != nil {
		return
	}
	noteFile(s.path, text, cfg, g, s.log)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start.Number == 0 && g == nil {
		s.start = start{Text: text}
	}
}

// next is what a half starts with: the newest that was committed, or the file's.
// A committed one that can't be used here is named in Refused.
func (s *supervisor) next() start {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := readGeneration(s.cfg)
	if err != nil {
		s.log.Error("the configuration before stays", "err", err)
	}
	if g == nil || g.Number == s.start.Number {
		return s.start
	}
	if _, err := config.Parse(g.name(), []byte(g.Text), checkConfig); err != nil {
		s.log.Error("a committed configuration can't be used, the one before stays", "version", g.Number, "err", err)
		st := s.start
		st.Refused, st.Why = g.Number, err.Error()
		return st
	}
	s.start = start{Text: []byte(g.Text), Number: g.Number, State: s.cfg.State}
	return s.start
}

// consoleHead is how long the sensor waits for the console, so that its cursors
// are there before the first record; packets matter more.
const consoleHead = 5 * time.Second

// supervise runs both halves until ctx ends: the sensor ends first, so that the
// console does what it wrote last. A half that never worked ends all.
func (a *app) supervise(ctx context.Context, s *supervisor, hup <-chan os.Signal) error {
	if runtime.GOOS == "windows" {
		return s.together(ctx, hup) // a process inherits no files there
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	sensor, console := newHalf(s, "sensor"), newHalf(s, "console")
	halves := []*half{sensor}
	if wantsConsole(s.cfg) {
		halves = append(halves, console)
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				s.reread()
				for _, h := range halves {
					h.hangup()
				}
			}
		}
	}()
	if len(halves) > 1 {
		console.start(end)
		select {
		case <-console.ready:
		case <-ctx.Done():
		case <-time.After(consoleHead):
			s.log.Warn("the console takes its time to start, the sensor does not wait any longer")
		}
	}
	if ctx.Err() == nil {
		sensor.start(end)
	}
	<-ctx.Done()
	err := errors.Join(sensor.stop(), console.stop())
	if err == nil {
		s.log.Info("stopped")
	}
	return err
}

// together runs both halves in this process.
func (s *supervisor) together(ctx context.Context, hup <-chan os.Signal) error {
	var c *consoleHalf
	if wantsConsole(s.cfg) {
		st, err := openStore(s.cfg, s.log)
		if err != nil && storeInBuild(s.cfg) == nil {
			return err
		}
		if c, err = newConsole(s.cfg, s.log, st, &halfFlags{path: s.path, start: s.start}); err != nil {
			return err
		}
	}
	cctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	if c != nil {
		go func() { ended <- c.run(cctx) }()
	}
	err := s.app.serve(ctx, &sensorStart{cfg: s.cfg, path: s.path, start: s.start, tell: func() {}}, hup)
	stop()
	if c != nil {
		err = errors.Join(err, <-ended)
	}
	return err
}

// half is one child and those that come after it.
type half struct {
	s     *supervisor
	name  string        // of its command
	ready chan struct{} // closed when one of them first worked
	ctx   context.Context
	end   context.CancelFunc
	ended chan error // what the last one ended with; nil when none was started
	pause time.Duration

	mu      sync.Mutex
	proc    *os.Process // nil: none works
	pending bool        // a SIGHUP waits for it
	worked  bool        // the child that there was last

	good    start  // the last with which a child worked
	refused uint64 // a version with which none could start, and why
	why     string
}

func newHalf(s *supervisor, name string) *half {
	return &half{s: s, name: name, ready: make(chan struct{}), pause: firstPause}
}

// Pauses before a half is started again: doubled each time, as at first once it
// has worked for steady.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	steady       = time.Minute
)

// start starts the half and keeps it going; failed is called when it never works.
func (h *half) start(failed func()) {
	h.ctx, h.end = context.WithCancel(context.Background())
	h.ended = make(chan error, 1)
	go func() {
		// A child is killed with the thread that started it, not the process.
		// The thread ends with the goroutine, when there is no child any more.
		runtime.LockOSThread()
		h.ended <- h.keep(failed)
	}()
}

// stop ends the half and waits for it.
func (h *half) stop() error {
	if h.ended == nil {
		return nil
	}
	h.end()
	return <-h.ended
}

func (h *half) keep(failed func()) error {
	for {
		began := time.Now()
		st := h.choose()
		err := h.once(st)
		if h.ctx.Err() != nil {
			return err
		}
		if h.judge(st, err) {
			continue
		}
		select {
		case <-h.ready:
		default: // its own words say why
			failed()
			return err
		}
		if time.Since(began) > steady {
			h.pause = firstPause
		}
		why := any(err)
		if err == nil {
			why = "it ended by itself"
		}
		h.s.log.Error("a process ended, it is started again", "process", h.name, "why", why, "in", h.pause)
		select {
		case <-h.ctx.Done():
			return nil
		case <-time.After(h.pause):
		}
		h.pause = min(2*h.pause, longestPause)
	}
}

// choose is what the next child starts with: the newest, unless none could.
func (h *half) choose() start {
	st := h.s.next()
	if st.Number != 0 && st.Number == h.refused {
		st = h.good
		st.Refused, st.Why = h.refused, h.why
	}
	return st
}

// judge learns from a child that ended; it reports whether the next one is
// started at once.
func (h *half) judge(st start, err error) bool {
	if h.worked {
		h.good = st
	}
	var ce *childError
	if errors.As(err, &ce) && ce.code == exitRestart {
		h.pause = firstPause
		return true
	}
	if h.worked || st.Number == 0 || st.Number == h.good.Number || h.good.Text == nil {
		return false
	}
	h.refused, h.why = st.Number, fmt.Sprintf("the %s did not start with it, its log says why", h.name)
	h.s.log.Error("a process did not start with a committed configuration, it takes the one before", "process", h.name, "version", st.Number)
	return true
}

// once runs one child to its end. The error has no text when the child has
// printed one.
func (h *half) once(st start) error {
	h.mu.Lock()
	h.worked = false
	h.mu.Unlock()
	text, err := bequeath(st)
	if err != nil {
		return err
	}
	cmd, conf, ready, err := h.command()
	if err != nil {
		return err
	}
	if err = cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", h.name, err), conf.Close(), ready.Close())
	}
	_ = errors.Join(cmd.ExtraFiles[0].Close(), cmd.ExtraFiles[1].Close()) // the child has its own
	stop := context.AfterFunc(h.ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	told := make(chan struct{})
	go func() {
		defer close(told)
		_, err := io.Copy(conf, bytes.NewReader(text))
		// A child that died says so itself.
		_ = errors.Join(err, conf.Close())
		var word [1]byte
		if _, err := io.ReadFull(ready, word[:]); err == nil {
			h.works(cmd.Process)
		}
	}()
	err = cmd.Wait()
	h.mu.Lock()
	h.proc = nil
	h.mu.Unlock()
	_ = ready.Close()
	<-told
	h.mu.Lock()
	h.proc = nil
	h.mu.Unlock()
	return h.verdict(err)
}

// command prepares a child with its two pipes.
func (h *half) command() (cmd *exec.Cmd, conf, ready *os.File, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	confIn, conf, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	ready, readyOut, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, errors.Join(err, confIn.Close(), conf.Close())
	}
	cmd = exec.Command(exe, h.name, "--supervised", "--config", h.s.path)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = h.s.app.err
	cmd.ExtraFiles = []*os.File{confIn, readyOut}
	cmd.SysProcAttr = childAttributes()
	return cmd, conf, ready, nil
}

// works notes that a child does, and gives it the SIGHUP that came before: it may
// have read what has changed since.
func (h *half) works(p *os.Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.proc, h.worked = p, true
	h.s.log.Info("process started", "process", h.name, "pid", p.Pid)
	select {
	case <-h.ready:
	default:
		close(h.ready)
	}
	if h.pending {
		h.pending = false
		_ = p.Signal(syscall.SIGHUP) // one that ended reads everything when it is started again
	}
}

// hangup passes a SIGHUP on, at once or when the child can hear it.
func (h *half) hangup() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.proc == nil {
		h.pending = true
		return
	}
	_ = h.proc.Signal(syscall.SIGHUP)
}

// verdict turns what Wait returned into the half's part of run's result.
func (h *half) verdict(err error) error {
	var ee *exec.ExitError
	if !errors.As(err, &ee) {
		return err
	}
	code := ee.ExitCode()
	if h.ctx.Err() != nil && code < 0 {
		if ws, ok := ee.Sys().(syscall.WaitStatus); ok && ws.Signal() == syscall.SIGTERM {
			return nil // told to end before it could hear it
		}
	}
	if code < 0 {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	return &childError{code}
}

// childError is the status of a child that has said why.
type childError struct{ code int }

func (e *childError) Error() string {
	return fmt.Sprintf("exit status %d, for the reason above", e.code)
}
