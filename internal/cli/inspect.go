package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

type inspectFlags struct {
	rules         []string
	eve           string
	checksums     string
	set           []string
	ignoreUnknown bool
	stats         string
	strict        bool
	quiet         bool
	profile       string
}

func (a *app) inspectCommand() *cobra.Command {
	var f inspectFlags
	c := &cobra.Command{
		Use:   "inspect PCAP...",
		Short: "Read captures: applications, threats, EVE",
		Long: "Inspect reads capture files (pcap, pcapng, also gzip or zstd; - is standard\n" +
			"input), and prints what it saw. It needs no service and no privilege.",
		Example: "  mirrorwall inspect my.pcap\n" +
			"  mirrorwall inspect --rules emerging-all.rules --eve eve.json my.pcap\n" +
			"  tcpdump -w - | mirrorwall inspect --eve - -",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspect(cmd.Context(), &f, args)
		},
	}
	fl := c.Flags()
	fl.StringArrayVarP(&f.rules, "rules", "r", nil, "rules `file` instead of the bundled set; \"none\" for no rules; may be repeated")
	fl.StringVar(&f.eve, "eve", "", "write EVE JSON to `file` (- is standard output)")
	fl.StringVar(&f.checksums, "checksums", "ignore", "verify or ignore checksums; a mirror's copies may lack them")
	fl.StringArrayVar(&f.set, "set", nil, "change a setting, `key=value`, under Suricata's name; may be repeated")
	fl.BoolVar(&f.ignoreUnknown, "ignore-unknown-set", false, "let unknown --set keys pass")
	fl.StringVar(&f.stats, "stats", "", "write the final counters as JSON to `file`")
	fl.BoolVar(&f.strict, "strict", false, "refused rules are a failure")
	fl.StringVar(&f.profile, "cpuprofile", "", "write a CPU profile to `file`")
	if err := fl.MarkHidden("cpuprofile"); err != nil {
		panic("BUG: " + err.Error())
	}
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print no summary")
	return c
}

func (a *app) inspect(ctx context.Context, f *inspectFlags, paths []string) error {
	// One short-lived process with a bounded working set: a larger heap costs
	// less than collecting it often.
	debug.SetGCPercent(400)
	stopProfile, err := startProfile(f.profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	cfg, err := a.sensorConfig(f)
	if err != nil {
		return err
	}
	out, err := openEVE(f.eve)
	if err != nil {
		return err
	}
	sum := newSummary()
	w := sensor.NewWorker(cfg, out, sum)
	start := time.Now()
	var bad []error
	for _, path := range paths {
		if err := a.inspectFile(ctx, w, path); err != nil {
			bad = append(bad, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	err = errors.Join(append(bad, w.Finish(), out.Close())...)
	if f.stats != "" {
		err = errors.Join(err, writeStats(f.stats, w))
	}
	if f.eve != "-" && !f.quiet {
		sum.print(a.out, w, paths, time.Since(start))
	}
	return err
}

// sensorConfig builds the worker's configuration from the flags.
func (a *app) sensorConfig(f *inspectFlags) (*sensor.Config, error) {
	cfg, err := sensor.DefaultConfig(catalogue())
	if err != nil {
		return nil, err
	}
	switch f.checksums {
	case "verify":
		cfg.Decode.VerifyChecksums = true
	case "ignore":
	default:
		return nil, &failure{
			err:  fmt.Errorf("--checksums: want verify or ignore, got %q", f.checksums),
			hint: "captures of a mirror have checksums that cannot be trusted; ignore is the default", code: exitUsage,
		}
	}
	st := sensor.NewSettings(cfg)
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, &failure{err: fmt.Errorf("--set: want key=value, got %q", kv), code: exitUsage}
		}
		if err := st.Set(key, value); err != nil && !(f.ignoreUnknown && errors.Is(err, sensor.ErrUnknownSetting)) {
			return nil, &failure{err: fmt.Errorf("--set %w", err), hint: "--ignore-unknown-set lets unknown keys pass", code: exitUsage}
		}
	}
	rs, rep, err := a.loadRules(f.rules, cfg, st)
	if err != nil {
		return nil, err
	}
	cfg.Rules = rs
	if rep.Refused > 0 {
		a.printRefused(rep, 10)
		if f.strict {
			return nil, &failure{err: fmt.Errorf("%d of %d rules refused", rep.Refused, rep.Rules), hint: "mirrorwall rules check lists them all", code: exitFailed}
		}
	}
	return cfg, nil
}

func (a *app) inspectFile(ctx context.Context, w *sensor.Worker, path string) (err error) {
	src, err := pcapfile.Open(path, pcapfile.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	bar := newProgress(a.err, path, src.Progress)
	defer bar.done()
	return sensor.Play(ctx, w, src, bar.tick)
}

// discard is the output of an inspection without --eve.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

type outputCloser interface {
	sensor.Output
	Close() error
}

// openEVE opens the EVE file of an inspection, anew each time.
func openEVE(path string) (outputCloser, error) {
	switch path {
	case "":
		return discard{}, nil
	case "-":
		return record.OpenFile("-", record.FileOptions{})
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fail(fmt.Errorf("--eve: %w", err), "is the folder writable?")
	}
	f, err := record.OpenFile(path, record.FileOptions{})
	if err != nil {
		return nil, fail(err, "is the folder there, and writable?")
	}
	return f, nil
}

func writeStats(path string, w *sensor.Worker) error {
	var e record.Encoder
	e.Buf = append(e.Buf, '{')
	e.Stats(0, w.Snapshot())
	e.Buf = append(e.Buf, '}', '\n')
	if err := os.WriteFile(path, e.Buf, 0o640); err != nil {
		return fmt.Errorf("--stats: %w", err)
	}
	return nil
}
