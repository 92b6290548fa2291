package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/bus/nats"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/respond"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

func (a *app) consoleCommand() *cobra.Command {
	var f halfFlags
	c := &cobra.Command{
		Use:   "console",
		Short: "Run one half of the service: keep records, respond",
		Long: "Console reads the records that the sensor of the same configuration puts into its\n" +
			"spool (state:), keeps them in the log store and runs the match lists. The sensor\n" +
			"may come later, end and come again. mirrorwall run starts both halves.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runConsole(cmd.Context(), &f) },
	}
	f.register(c)
	return c
}

func (a *app) runConsole(ctx context.Context, f *halfFlags) error {
	// Caught before anything takes its time: unheard it would end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	log := slog.New(slog.NewTextHandler(a.err, nil))
	cfg, tell, err := f.open(log, checkActions)
	if err != nil {
		return err
	}
	var st store.Store
	// Under run the responses go on without a store, which run has said.
	if err := storeInBuild(cfg); err == nil || !f.supervised {
		if st, err = openStore(cfg, log); err != nil {
			return err
		}
	}
	c, err := newConsole(cfg, log, st, f)
	if err != nil {
		return err
	}
	c.hup = hup
	log.Info("reading records", "spool", spoolFolder(cfg), "match_lists", len(cfg.Respond), "forwarding", len(c.forwards), "store", st != nil)
	if err := c.confine(); err != nil {
		return errors.Join(err, c.close())
	}
	tell()
	if err = c.run(ctx); err == nil && !f.supervised {
		log.Info("stopped")
	}
	return err
}

// wantsConsole reports whether anything would be done with records beyond
// eve.json.
func wantsConsole(cfg *config.Config) bool {
	return len(cfg.Respond) > 0 || len(cfg.Policy.HTTPServers) > 0 || storeInBuild(cfg) == nil
}

// noStoreError says that this build can't open the store that is configured.
type noStoreError struct{ engine string }

func (e *noStoreError) Error() string {
	if e.engine == "duckdb" {
		return "store: this build has no embedded store (engine: duckdb)"
	}
	return "store: this build has no engine " + e.engine
}

// Hint says what to do.
func (e *noStoreError) Hint() string {
	return "the packages have the embedded one; so has a build with CGO_ENABLED=1 go build -tags duckdb ./cmd/mirrorwall"
}

// storeInBuild is nil when openStore of this build knows the configured engine.
func storeInBuild(cfg *config.Config) error {
	if embeddedStore && cfg.Store.Engine == "duckdb" {
		return nil
	}
	return &noStoreError{cfg.Store.Engine}
}

func spoolFolder(cfg *config.Config) string { return filepath.Join(cfg.State, "spool") }

// storeCursor is the cursor of the log store in the spool.
const storeCursor = "store"

// consoleHalf is the console's process: what becomes of records once the sensor has
// put them into its spool. It shares nothing with the sensor but that folder and
// the report that it leaves for the health page.
type consoleHalf struct {
	cfg       *config.Config
	log       *slog.Logger
	lock      *os.File
	folder    *bus.Folder
	dead      *bus.Spool
	responder *respond.Responder
	store     store.Store // nil: records are not kept
	hub       *store.Hub
	source    bus.Source
	conn      *nats.Conn // of the bus; nil: the sensor's spool is the bus
	relay     *bus.Spool // what came by the bus, for the match lists; nil: no bus
	push      *pusher    // configurations, to the bus; nil: no bus
	ingest    *store.Ingester
	web       *webServer           // nil: no pages and no API
	journal   *journal             // nil: no store
	forwards  []*respond.MatchList // of the policy's log forwarding, among the responder's
	sandbox   string               // what is in force; empty: nothing was asked

	from    *halfFlags       // nil: what runs can't be changed
	configs *configurations  // nil: nobody could reach it
	hup     <-chan os.Signal // asks for the configuration file; nil: nobody does
}

// newConsole opens everything that a configuration names. It owns st, which may
// be nil, also when it fails. from says where cfg comes from; nil: from nowhere
// that can be changed.
func newConsole(cfg *config.Config, log *slog.Logger, st store.Store, from *halfFlags) (*consoleHalf, error) {
	c := &consoleHalf{cfg: cfg, log: log, store: st, from: from}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *consoleHalf) open() error {
	lists, err := matchLists(c.cfg)
	if err != nil {
		return err
	}
	var problems []forwardProblem
	c.forwards, problems = forwardLists(&c.cfg.Policy)
	for _, p := range problems {
		c.log.Warn("records are not forwarded", "err", p.err)
	}
	if c.folder, err = bus.Follow(spoolFolder(c.cfg), bus.FolderOptions{}); err != nil {
		return withHint(err, stateHint)
	}
	if err := c.takeLock(); err != nil {
		return err
	}
	if c.dead, err = bus.Open(deadFolder(c.cfg), bus.Options{}); err != nil {
		return withHint(err, stateHint)
	}
	var records respond.Spool = c.folder
	if c.cfg.Bus.URL != "" {
		if err := c.openBus(); err != nil {
			return err
		}
		records = c.relay
	}
	c.responder = respond.New(records, c.dead, lists, respond.Options{})
	c.responder.OnOutcome = c.logOutcome
	if err := c.openResponder(); err != nil {
		return err
	}
	if c.store == nil {
		// A store that is not read for must hold up no segment; a later one
		// passes over what it has.
		return c.folder.Forget(storeCursor)
	}
	if err := c.openSource(); err != nil {
		return withHint(err, stateHint)
	}
	c.hub = store.NewHub()
	c.ingest = store.NewIngester(c.source, c.store, c.hub, store.IngestOptions{Log: c.log})
	var users *access.Store
	if c.cfg.Console.Listen != "" {
		if c.web, err = openServer(c); err != nil {
			return err
		}
		users = c.web.access
	}
	c.journal = newJournal(c.store, c.hub, users, c.log)
	if c.web == nil {
		return nil
	}
	return c.web.announce(context.Background(), c.log)
}

// openSource opens what the log store reads.
func (c *consoleHalf) openSource() error {
	if c.conn != nil {
		c.source = &lateSource{conn: c.conn, name: storeCursor, log: c.log}
		return c.folder.Forget(storeCursor)
	}
	r, err := c.folder.Reader(storeCursor)
	if err != nil {
		return err
	}
	c.source = r
	if f := r.SetAside(); f != "" {
		c.log.Warn("damaged cursor set aside, the log store looks through all records kept", "file", f)
	}
	return nil
}

// openBus opens the connection, and the spool between it and the match lists.
func (c *consoleHalf) openBus() (err error) {
	if c.conn, err = connectBus(c.cfg); err != nil {
		return err
	}
	c.push = &pusher{conn: c.conn, log: c.log}
	if c.relay, err = bus.Open(filepath.Join(c.cfg.State, "relay"), bus.Options{}); err != nil {
		return withHint(err, stateHint)
	}
	return nil
}

// takeLock keeps a second console from acknowledging in this one's name.
func (c *consoleHalf) takeLock() (err error) {
	path := filepath.Join(c.cfg.State, "console.lock")
	if c.lock, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640); err != nil {
		return fail(err, stateHint)
	}
	if err = filelock.Lock(c.lock); err != nil {
		return fail(fmt.Errorf("console: %s: %w", c.cfg.State, err), "another mirrorwall console, or run, works on this state:")
	}
	return nil
}

func (c *consoleHalf) openResponder() error {
	aside, err := c.responder.Open()
	for _, f := range aside {
		c.log.Warn("damaged cursor set aside, its match list begins with the oldest record kept", "file", f)
	}
	if err != nil {
		return withHint(err, stateHint)
	}
	return nil
}

// logOutcome logs failed deliveries: the first attempt of each, and its end.
func (c *consoleHalf) logOutcome(o respond.Outcome) {
	if c.journal != nil {
		c.journal.outcome(o)
	}
	d := o.Delivery
	switch {
	case o.Dead:
		c.log.Error("delivery given up, kept as a dead letter", "match_list", d.MatchList, "id", d.ID, "attempts", d.Attempt, "err", o.Err)
	case o.Err != nil && d.Attempt == 1:
		c.log.Warn("delivery failed, trying again", "match_list", d.MatchList, "id", d.ID, "err", o.Err)
	}
}

// run works until ctx ends, then does what is in the spool by then, for drainFor
// at most. A part that ends by itself ends all.
func (c *consoleHalf) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	wctx, stop := context.WithCancel(context.Background())
	defer stop()
	var parts sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	start := func(f func(context.Context) error) {
		parts.Go(func() {
			err := f(wctx)
			var again *restartError
			if !errors.As(err, &again) {
				err = tellEnd(c.log, err)
			}
			if err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				end()
			}
		})
	}
	start(c.responder.Run)
	if c.conn != nil {
		start(func(ctx context.Context) error {
			return relay(ctx, &lateSource{conn: c.conn, name: "relay", log: c.log}, c.relay)
		})
	}
	if c.push != nil && c.configs != nil {
		start(func(ctx context.Context) error { return c.push.run(ctx, c.configs.Report) })
	}
	if c.store != nil {
		start(c.ingest.Run)
		start(c.maintain)
		start(c.journal.run)
		c.journal.system(record.Informational, "console-start", "the console began, version "+version)
	}
	if c.web != nil {
		start(c.web.run)
	}
	if c.configs != nil {
		start(c.configs.run)
	}
	start(c.report)
	c.hear(ctx)
	if c.journal != nil {
		c.journal.system(record.Informational, "console-stop", "the console ends")
	}
	c.drain()
	stop()
	parts.Wait()
	return errors.Join(append(errs, c.close())...)
}

// hear takes the configuration file at each SIGHUP until ctx ends.
func (c *consoleHalf) hear(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.hup:
			if c.configs != nil {
				c.configs.hangup(c.from.path)
			}
		}
	}
}

// drainFor bounds how long an ending console goes on; what is left then is done
// after the next start.
const drainFor = 2 * time.Second

func (c *consoleHalf) drain() {
	for deadline := time.Now().Add(drainFor); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done, err := c.folder.Done(); done || err != nil {
			return
		}
	}
}

// maintainEvery is how often the log store seals and expires.
const maintainEvery = time.Minute

func (c *consoleHalf) maintain(ctx context.Context) error {
	t := time.NewTicker(maintainEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			if err := c.store.Maintain(ctx, now); err != nil && ctx.Err() == nil {
				c.log.Error("log store: sealing and expiring failed, tried again in a minute", "err", err)
			}
		}
	}
}

func (c *consoleHalf) close() error {
	var errs []error
	if c.web != nil {
		errs = append(errs, c.web.close())
	}
	if c.configs != nil {
		errs = append(errs, c.configs.Close())
	}
	if c.responder != nil {
		errs = append(errs, c.responder.Close())
	}
	if c.source != nil {
		errs = append(errs, c.source.Close())
	}
	if c.store != nil {
		errs = append(errs, c.store.Close())
	}
	if c.relay != nil {
		errs = append(errs, c.relay.Close())
	}
	if c.conn != nil {
		c.conn.Close()
	}
	if c.dead != nil {
		errs = append(errs, c.dead.Close())
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Close())
	}
	return errors.Join(errs...)
}

// matchLists makes the match lists of a checked configuration.
func matchLists(cfg *config.Config) ([]*respond.MatchList, error) {
	out, _ := forwardLists(&cfg.Policy)
	var errs []error
	for i := range cfg.Respond {
		m, err := matchList(&cfg.Respond[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("respond: %s: %w", cfg.Respond[i].Name, err))
			continue
		}
		out = append(out, m)
	}
	return out, errors.Join(errs...)
}

func matchList(r *config.Respond) (*respond.MatchList, error) {
	f, err := filter.Parse(r.Filter)
	if err != nil {
		return nil, err
	}
	d, ok := actionNamed(r.Action)
	if !ok {
		return nil, fmt.Errorf("no action %q", r.Action)
	}
	act, err := d.New(r.Decode)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	return &respond.MatchList{Name: r.Name, Log: r.Log, Filter: f, Action: act}, nil
}
