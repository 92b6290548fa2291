package cli

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config"
)

// What a child of run inherits beside the standard files.
const (
	configFD = 3 // the configuration's text, behind its length
	readyFD  = 4 // closed with a byte in it once the half works
)

// maxConfigText bounds a configuration that is read; what is longer than the
// schema allows is told by config.Parse.
const maxConfigText = 64 << 20

// halfFlags are those of sensor and console.
type halfFlags struct {
	path       string
	bus        string // in place of bus: url:
	supervised bool
	start      start // once it is open
}

func (f *halfFlags) register(c *cobra.Command) {
	c.Flags().StringVarP(&f.path, "config", "c", "mirrorwall.yaml", "configuration `file`")
	c.Flags().StringVar(&f.bus, "bus", "", "`URL` of the NATS servers, in place of bus: url: (nats://HOST:PORT or tls://…, with commas between)")
	c.Flags().BoolVar(&f.supervised, "supervised", false, "started by mirrorwall run")
	if err := c.Flags().MarkHidden("supervised"); err != nil {
		panic("BUG: " + err.Error())
	}
}

// open reads the configuration: the file or what was committed, or what run read
// and has checked, so that a half that run starts again works with what the other
// half works with. tell says that the half works.
func (f *halfFlags) open(log *slog.Logger, checks ...config.Check) (cfg *config.Config, tell func(), err error) {
	cfg, tell, err = f.read(log, checks...)
	if err == nil && f.bus != "" {
		cfg.Bus.URL = f.bus
	}
	return cfg, tell, err
}

func (f *halfFlags) read(log *slog.Logger, checks ...config.Check) (cfg *config.Config, tell func(), err error) {
	if !f.supervised {
		text, cfg, err := readConfig(f.path, checks...)
		if err == nil {
			f.start, cfg, err = effective(f.path, text, cfg, log, checks...)
		}
		return cfg, func() {}, err
	}
	if f.start, err = inherited(configFD); err != nil {
		return nil, nil, fmt.Errorf("configuration from mirrorwall run: %w", err)
	}
	ready := os.NewFile(readyFD, "ready")
	if cfg, err = config.Parse(f.path, f.start.Text); err != nil {
		return nil, nil, err
	}
	if f.start.State != "" {
		cfg.State = f.start.State
	}
	return cfg, func() {
		// A parent that is gone needs no word.
		_, err := ready.Write([]byte{1})
		_ = errors.Join(err, ready.Close())
	}, nil
}

// inherited reads what run sends: its length and JSON.
func inherited(fd uintptr) (st start, err error) {
	in := os.NewFile(fd, "inherited")
	if in == nil {
		return st, os.ErrInvalid
	}
	var n uint32
	if err := binary.Read(in, binary.LittleEndian, &n); err != nil {
		return st, errors.Join(err, in.Close())
	}
	if n > 2*maxConfigText {
		return st, errors.Join(fmt.Errorf("%d bytes", n), in.Close())
	}
	text := make([]byte, n)
	_, err = io.ReadFull(in, text)
	if err = errors.Join(err, in.Close()); err == nil {
		err = json.Unmarshal(text, &st)
	}
	return st, err
}

// bequeath is what inherited reads.
func bequeath(st start) ([]byte, error) {
	text, err := json.Marshal(st)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...), err
}

// readConfig reads the configuration's text once, also from a pipe, and checks it.
func readConfig(path string, checks ...config.Check) ([]byte, *config.Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, &config.FileError{Err: err}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConfigText))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, configError(path, fmt.Errorf("config: %w", err))
	}
	cfg, err := config.Parse(path, text, checks...)
	return text, cfg, configError(path, err)
}

// readRegular reads a file that may be read again: no pipe.
func readRegular(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file that can be read again", path)
	}
	if st.Size() > maxConfigText {
		return nil, fmt.Errorf("%s: %d bytes", path, st.Size())
	}
	return os.ReadFile(path)
}

func (a *app) sensorCommand() *cobra.Command {
	var f halfFlags
	c := &cobra.Command{
		Use:   "sensor",
		Short: "Run one half of the service: receive mirrored traffic, detect, log",
		Long: "Sensor receives mirrored traffic, inspects it, writes eve.json and puts records\n" +
			"into its spool (state:), where the console of the same configuration finds them.\n" +
			"SIGHUP compiles rules and policy again. mirrorwall run starts both halves.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runSensor(cmd.Context(), &f) },
	}
	f.register(c)
	return c
}

func (a *app) runSensor(ctx context.Context, f *halfFlags) error {
	// Caught before anything takes its time: unheard it would end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	cfg, tell, err := f.open(slog.New(slog.NewTextHandler(a.err, nil)), checkConfig)
	if err != nil {
		return err
	}
	return a.serve(ctx, &sensorStart{cfg: cfg, path: f.path, start: f.start, tell: tell, supervised: f.supervised}, hup)
}
