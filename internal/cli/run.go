package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config"
)

func (a *app) runCommand() *cobra.Command {
	path := ""
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the service: receive mirrored traffic, detect, log, respond",
		Long: "Run reads the configuration, listens for mirrored traffic and works until it is\n" +
			"told to end (SIGTERM, Ctrl-C). SIGHUP compiles the rules and the policy of the file\n" +
			"again without losing a packet. It needs no privilege for the ports above 1023. It\n" +
			"starts the two halves, sensor and console, as processes of their own, and again when\n" +
			"one of them dies.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), path) },
	}
	c.Flags().StringVarP(&path, "config", "c", "mirrorwall.yaml", "configuration `file`")
	return c
}

func (a *app) run(ctx context.Context, path string) error {
	// Caught before anything takes its time: unheard it would end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	text, cfg, err := readConfig(path, checkConfig)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(a.err, nil))
	if err := storeInBuild(cfg); err != nil {
		var h hinter
		errors.As(err, &h)
		log.Warn("records are not kept for the console, everything else works", "err", err, "hint", h.Hint())
	}
	return a.supervise(ctx, &supervisor{app: a, log: log, path: path, text: text, cfg: cfg}, hup)
}

// sensorStart is what a sensor starts with.
type sensorStart struct {
	cfg        *config.Config
	path       string // of the configuration
	text       []byte
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
	s.path, s.text = in.path, in.text
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
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-hup:
				if err := s.reload(a); err != nil {
					log.Error("rules and policy not reloaded, the old ones stay", "err", err)
					continue
				}
				s.logRules(a, "rules reloaded")
			}
		}
	}()
	err = s.run(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil && !in.supervised {
		log.Info("stopped")
	}
	return err
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
