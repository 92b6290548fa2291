package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config"
)

func (a *app) runCommand() *cobra.Command {
	path, fromFile := "", false
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the service: receive mirrored traffic, detect, log, respond",
		Long: "Run reads the configuration, listens for mirrored traffic and works until it is\n" +
			"told to end (SIGTERM, Ctrl-C). SIGHUP compiles the rules and the policy of the file\n" +
			"again without losing a packet. It needs no privilege for the ports above 1023. It\n" +
			"starts the two halves, sensor and console, as processes of their own, and again when\n" +
			"one of them dies. Once a configuration was committed in the console that one is in\n" +
			"force, and the file only says where state: is.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), path, fromFile) },
	}
	c.Flags().StringVarP(&path, "config", "c", "mirrorwall.yaml", "configuration `file`")
	c.Flags().BoolVar(&fromFile, "from-file", false, "take the file though a configuration was committed in the console")
	return c
}

func (a *app) run(ctx context.Context, path string, fromFile bool) error {
	// Caught before anything takes its time: unheard it would end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	text, cfg, err := readConfig(path, checkConfig)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(a.err, nil))
	if fromFile {
		// The console puts it there again, as the next version.
		if err := os.Remove(generationFile(cfg, "current.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(err, stateHint)
		}
	}
	st, cfg, err := effective(path, text, cfg, log, checkConfig)
	if err != nil {
		return err
	}
	st.File = fromFile
	if err := storeInBuild(cfg); err != nil {
		var h hinter
		errors.As(err, &h)
		log.Warn("records are not kept for the console, everything else works", "err", err, "hint", h.Hint())
	}
	return a.supervise(ctx, &supervisor{app: a, log: log, path: path, cfg: cfg, start: st}, hup)
}

// sensorStart is what a sensor starts with.
type sensorStart struct {
	cfg        *config.Config
	path       string // of the configuration
	start      start
	tell       func() // called once it works
	supervised bool
}

// serve runs the sensor until ctx ends.
func (a *app) serve(ctx context.Context, in *sensorStart, hup <-chan os.Signal) error {
	log := slog.New(slog.NewTextHandler(a.err, nil))
	s, err := a.newService(in.cfg, log, nil)
	if err != nil {
		return err
	}
	s.path, s.text, s.managed = in.path, in.start.Text, in.start.Number > 0
	s.logRules(a, "rules loaded")
	for _, addr := range s.sensor.Addresses() {
		log.Info("listening for mirrored traffic", "address", addr)
	}
	if s.health != nil {
		log.Info("health and metrics", "address", s.health.Addr())
	}
	if err := s.confine(); err != nil {
		return err
	}
	in.tell()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	f := &follower{app: a, s: s, number: in.start.Number, refused: in.start.Refused, supervised: in.supervised}
	f.report(in.start.Why)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := s.watch(ctx, f, hup); err != nil {
			end(err)
		}
	}()
	err = s.run(ctx)
	end(nil)
	<-watched
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	var again *restartError
	if errors.As(context.Cause(ctx), &again) && err == nil {
		return again
	}
	if err == nil && !in.supervised {
		log.Info("stopped")
	}
	return err
}

// watch takes rules and policy anew at a SIGHUP, and configurations that are
// committed, until ctx ends or one of them needs a start.
func (s *service) watch(ctx context.Context, f *follower, hup <-chan os.Signal) error {
	t := time.NewTicker(generationEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			if err := s.reload(f.app); err != nil {
				s.log.Error("rules and policy not reloaded, the old ones stay", "err", err)
				continue
			}
			s.logRules(f.app, "rules reloaded")
		case <-t.C:
			if err := f.look(); err != nil {
				return err
			}
			f.lookTags()
			s.managed = f.number > 0
		}
	}
}

// loadConfig reads the configuration; a path that is no file gets a hint.
func loadConfig(path string, checks ...config.Check) (*config.Config, error) {
	cfg, err := config.Load(path, checks...)
	return cfg, configError(path, err)
}

// configError gives a path that is no file a hint.
func configError(path string, err error) error {
	if st, serr := os.Stat(path); err != nil && serr == nil && !st.Mode().IsRegular() {
		return fail(err, "--config names a YAML file, such as mirrorwall.yaml")
	}
	return err
}

// logRules tells which rules are in force; refused ones, or none at all, are a
// warning.
func (s *service) logRules(a *app, msg string) {
	r := s.report.Load()
	level := slog.LevelInfo
	if r.Refused+len(r.thresholds)+r.reputationLines > 0 || r.Active == 0 {
		level = slog.LevelWarn
		a.printRefused(r, 10)
	}
	s.log.Log(context.Background(), level, msg, "active", r.Active, "inactive", r.Inactive, "refused", r.Refused, "threshold_lines_left_out", len(r.thresholds),
		"version", s.sensor.Rules().All.Version())
}
