package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/demo"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

type demoFlags struct {
	length  time.Duration
	seed    uint64
	keep    string
	noColor bool
	once    bool
	speed   float64
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show it all on this machine with generated traffic",
		Long: "Demo starts the service on loopback, plays the traffic of a web shop and nine\n" +
			"attacks to its port as AWS would mirror it, receives its own webhooks and shows\n" +
			"what was found. It needs no privilege and no network, and leaves nothing behind.\n" +
			"It fails when an attack raised no threat, or ordinary traffic did.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), &f) },
	}
	fl := c.Flags()
	fl.DurationVar(&f.length, "for", 3*time.Minute, "how long to play")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the traffic: the same seed plays the same frames")
	fl.StringVar(&f.keep, "keep", "", "work in `folder` and keep it: configuration, eve.json, log")
	fl.BoolVar(&f.noColor, "no-color", false, "draw without colours")
	fl.BoolVar(&f.once, "once", false, "end as soon as every attack has been played")
	fl.Float64Var(&f.speed, "speed", 1, "play so many times faster")
	if err := fl.MarkHidden("speed"); err != nil {
		panic("BUG: " + err.Error())
	}
	return c
}

func (a *app) demo(ctx context.Context, f *demoFlags) (err error) {
	if f.length <= 0 || f.speed <= 0 {
		return &failure{err: fmt.Errorf("--for: want a time such as 3m, got %s", f.length), code: exitUsage}
	}
	// A terminal or a pipe that goes away ends the demo as Ctrl-C does, so that
	// nothing stays behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	dir, clean, err := demoFolder(f.keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clean()) }()
	d := &demoRun{app: a, f: f, dir: dir, ledger: demo.NewLedger()}
	d.player = &demo.Player{Seed: f.seed, Speed: f.speed, Ledger: d.ledger, Once: f.once}
	show := d.newShow(a.out)
	d.board = demo.NewBoard(d.ledger, show.listener())
	if err := d.open(); err != nil {
		return err
	}
	out, err := d.run(ctx, show)
	if err != nil {
		return err
	}
	out.Print(a.out)
	if f.keep != "" {
		fmt.Fprintf(a.out, "Kept in %s: mirrorwall.yaml, eve.json, the spool in state, mirrorwall.log (empty when nothing went wrong)\n", dir)
	}
	if len(out.Broken()) > 0 {
		return &failure{code: exitFailed}
	}
	return nil
}

// demoFolder makes the folder that the demo works in, and what takes it away.
func demoFolder(keep string) (dir string, clean func() error, err error) {
	if keep == "" {
		if dir, err = os.MkdirTemp("", "mirrorwall-demo-"); err != nil {
			return "", nil, fail(fmt.Errorf("temporary folder: %w", err), "TMPDIR names another place")
		}
		return dir, func() error { return os.RemoveAll(dir) }, nil
	}
	if dir, err = filepath.Abs(keep); err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", nil, fail(fmt.Errorf("--keep: %w", err), "name a folder that can be made")
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		return "", nil, fail(fmt.Errorf("--keep: %s is not empty", dir), "name a new folder")
	}
	return dir, func() error { return nil }, nil
}

// demoRun is one demo under way.
type demoRun struct {
	app      *app
	f        *demoFlags
	dir      string
	ledger   *demo.Ledger
	board    *demo.Board
	player   *demo.Player
	receiver *demo.Receiver
	service  *service
	console  *consoleHalf
	records  *bus.Reader
	log      *os.File
	rate     rate
	began    time.Time
}

// open starts what listens: the receiver, then the service that knows of it.
func (d *demoRun) open() (err error) {
	secret := demo.NewSecret()
	if err := os.WriteFile(filepath.Join(d.dir, "webhook.secret"), []byte(secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("webhook secret: %w", err)
	}
	if d.receiver, err = demo.NewReceiver(secret, d.board.Deliver); err != nil {
		return fmt.Errorf("webhook receiver: %w", err)
	}
	if err := d.openService(); err != nil {
		return errors.Join(err, d.receiver.Close())
	}
	return nil
}

func (d *demoRun) openService() (err error) {
	path := filepath.Join(d.dir, "mirrorwall.yaml")
	text := demo.Configuration(d.dir, d.receiver.URL())
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	cfg, err := config.Parse(path, text)
	if err != nil {
		return err
	}
	if d.log, err = os.Create(filepath.Join(d.dir, "mirrorwall.log")); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	log := slog.New(slog.NewTextHandler(d.log, nil))
	if d.service, err = d.app.newService(cfg, log, nil, impatient); err != nil {
		return errors.Join(err, d.log.Close())
	}
	if d.console, err = newConsole(cfg, log, nil, nil); err != nil {
		return errors.Join(err, d.service.close(), d.log.Close())
	}
	if d.records, err = d.service.spool.Reader("demo"); err != nil {
		return errors.Join(err, d.console.close(), d.service.close(), d.log.Close())
	}
	return nil
}

// impatient lets flows that are over be logged at once: a demo is too short to
// wait for what might still come.
func impatient(cfg *sensor.Config) {
	t := &cfg.Flow.Timeouts
	t.TCP.Closed = 2 * time.Second
	t.UDP.New, t.UDP.Established = 5*time.Second, 10*time.Second
	t.ICMP = t.UDP
}

// settle is how long the sensor may take to read what was sent last.
const settle = 3 * time.Second

// run plays until the time is over or ctx ends, and then lets everything that
// was sent come to its end.
func (d *demoRun) run(ctx context.Context, show demoShow) (*demo.Outcome, error) {
	d.began = time.Now()
	var wg sync.WaitGroup
	errs := make([]error, 2)
	sctx, stopService := context.WithCancel(context.Background())
	defer stopService()
	wg.Go(func() { errs[0] = d.receiver.Run() })
	wg.Go(func() { errs[1] = d.follow() })
	pctx, stopPlay := context.WithTimeout(ctx, d.f.length)
	defer stopPlay()
	served := make(chan error, 1)
	go func() {
		err := d.serve(sctx)
		stopPlay() // a service that ends early ends the demo
		served <- err
	}()
	played := make(chan error, 1)
	go func() {
		err := d.player.Run(pctx, d.service.sensor.Addresses()[0])
		stopPlay()
		played <- err
	}()
	show.run(pctx)
	err := <-played
	took := time.Since(d.began)
	d.drain()
	stopService()
	err = errors.Join(err, <-served, d.receiver.Close())
	wg.Wait()
	err = errors.Join(err, errors.Join(errs...), d.records.Close(), d.log.Close())
	if err != nil {
		return nil, err
	}
	d.board.Finish()
	return d.outcome(took), nil
}

// serve runs both halves of the service in this process: the sensor ends first.
func (d *demoRun) serve(ctx context.Context) error {
	cctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.console.run(cctx) }()
	err := d.service.run(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// drain waits until the sensor has accounted for all that was sent.
func (d *demoRun) drain() {
	for end := time.Now().Add(settle); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if in := d.input(); in.received+in.kernel+in.ours >= d.player.Sent() {
			return
		}
	}
}

// follow reads the service's records off its bus, as a console would.
func (d *demoRun) follow() error {
	for {
		b, err := d.records.Next(context.Background())
		if errors.Is(err, bus.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, line := range b.Records {
			e, err := record.ParseEVE(line)
			if err != nil {
				return fmt.Errorf("record %s: %w", bytes.TrimSpace(line), err)
			}
			d.board.Record(e)
		}
		if err := d.records.Ack(b.End); err != nil && !errors.Is(err, bus.ErrClosed) {
			return err
		}
	}
}

// input is what became of the datagrams.
type input struct{ received, kernel, ours uint64 }

func (d *demoRun) input() (in input) {
	for _, sn := range d.service.sensor.Snapshots() {
		in.received += sn.Capture.Frames
		in.kernel += sn.Capture.KernelDrops
		in.ours += sn.Capture.Malformed
	}
	return in
}

// losses are the packet path's own, without what input tells already.
func (d *demoRun) losses() (out []demo.Loss) {
	for _, l := range d.service.sensor.Loss() {
		if l.Cause != "kernel_drop" && l.Cause != "malformed" {
			out = append(out, demo.Loss{Text: l.Text, Count: l.Count})
		}
	}
	return out
}

func (d *demoRun) outcome(took time.Duration) *demo.Outcome {
	in, c := d.input(), &d.console.responder.C
	o := &demo.Outcome{
		Took: took, Sent: d.player.Sent(), Received: in.received, Kernel: in.kernel, Ours: in.ours,
		Losses: d.losses(), Rules: d.service.report.Load().Active, Findings: d.board.Findings(),
		Scenarios: d.ledger.Scenarios(), Webhooks: d.receiver.Totals(),
		Matched: c.Matched.Load(), Dead: c.Dead.Load(),
	}
	o.Pending = o.Matched - c.Delivered.Load() - o.Dead
	return o
}

// view is the state of things for a screen.
func (d *demoRun) view() *demo.View {
	in, now := d.input(), time.Now()
	v := &demo.View{
		Uptime: now.Sub(d.began), For: d.f.length, Now: now, Frames: in.received,
		Rules: d.service.report.Load().Active, Lost: in.kernel + in.ours,
		Findings: d.board.Findings(), Received: d.receiver.Totals(),
		Failed: d.console.responder.C.Retried.Load() + d.console.responder.C.Dead.Load(),
		EVE:    filepath.Join(d.dir, "eve.json"),
	}
	v.Rate = d.rate.of(in.received, now)
	for _, l := range d.losses() {
		v.Lost += l.Count
	}
	for _, st := range sensor.Sum(d.service.sensor.Snapshots()) {
		if st.Name == "flow.total" {
			v.Flows = st.Value
		}
	}
	for _, s := range d.ledger.Scenarios() {
		if s.Attack {
			v.AllAttacks++
			v.Attacks += min(1, s.Begun)
		}
	}
	if h := d.service.health; h != nil {
		v.Metrics = "http://" + h.Addr().String() + "/metrics"
	}
	return v
}

// rate is a running mean of frames a second.
type rate struct {
	n    uint64
	at   time.Time
	mean float64
}

func (r *rate) of(n uint64, now time.Time) float64 {
	if r.at.IsZero() {
		r.n, r.at = n, now
		return 0
	}
	if dt := now.Sub(r.at).Seconds(); dt >= 1 {
		cur := float64(n-r.n) / dt
		if r.mean == 0 {
			r.mean = cur
		}
		r.mean += 0.3 * (cur - r.mean)
		r.n, r.at = n, now
	}
	return r.mean
}

// demoShow is how a demo is shown while it runs.
type demoShow interface {
	listener() demo.Listener
	run(ctx context.Context) // until ctx ends
}

// newShow draws on a terminal and prints lines anywhere else.
func (d *demoRun) newShow(w io.Writer) demoShow {
	if f := fileOf(w); f != nil && isTerminal(f) {
		if _, _, ok := terminalSize(f); ok {
			return &screenShow{d: d, f: f}
		}
	}
	return &lineShow{d: d, lines: demo.NewLines(w, time.Now)}
}
