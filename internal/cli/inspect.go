package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

type inspectFlags struct {
	rules         []string
	thresholds    []string
	ruleProfile   string
	eve           string
	evidence      string
	checksums     string
	set           []string
	ignoreUnknown bool
	stats         string
	strict        bool
	quiet         bool
	profile       string
	memProfile    string
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
	fl.StringArrayVar(&f.thresholds, "thresholds", nil, "threshold `file` (Suricata's threshold.config); may be repeated")
	fl.StringVar(&f.eve, "eve", "", "write EVE JSON to `file` (- is standard output)")
	fl.StringVar(&f.evidence, "evidence", "", "keep the packets around each alert in `folder`: a pcap file, and a JSON file with the matched bytes; records name it in mirrorwall.pcap_id")
	fl.StringVar(&f.checksums, "checksums", "ignore", "verify or ignore checksums; a mirror's copies may lack them")
	fl.StringArrayVar(&f.set, "set", nil, "change a setting, `key=value`, under Suricata's name; may be repeated")
	fl.BoolVar(&f.ignoreUnknown, "ignore-unknown-set", false, "let unknown --set keys pass")
	fl.StringVar(&f.stats, "stats", "", "write the final counters as JSON to `file`")
	fl.StringVar(&f.ruleProfile, "rule-profile", "", "write what each rule cost to `file` (- is standard output), most work first")
	fl.BoolVar(&f.strict, "strict", false, "refused rules and damaged captures are a failure")
	fl.StringVar(&f.profile, "cpuprofile", "", "write a CPU profile to `file`")
	fl.StringVar(&f.memProfile, "memprofile", "", "write a profile of allocations to `file`")
	for _, name := range []string{"cpuprofile", "memprofile"} {
		if err := fl.MarkHidden(name); err != nil {
			panic("BUG: " + err.Error())
		}
	}
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print no summary")
	return c
}

func (a *app) inspect(ctx context.Context, f *inspectFlags, paths []string) error {
	stopProfile, err := startProfiles(f.profile, f.memProfile)
	if err != nil {
		return err
	}
	defer stopProfile()
	cfg, rep, err := a.sensorConfig(f)
	if err != nil {
		return err
	}
	if err := f.guardFiles(paths); err != nil {
		return err
	}
	out, err := openEVE(f.eve)
	if err != nil {
		return err
	}
	// What compiling left goes before the packets come. From then on this is a
	// short-lived process with a bounded working set: a larger heap costs less
	// than collecting it often.
	runtime.GC()
	debug.SetGCPercent(300)
	sum := newSummary()
	if !slices.Equal(f.rules, []string{"none"}) {
		sum.rules = rep
	}
	a.warnUnkept(cfg)
	cfg.Clock = ruleClock()
	kept, err := f.openEvidence(cfg)
	if err != nil {
		return err
	}
	w := sensor.NewWorker(cfg, out, sum)
	start := time.Now()
	read, bad := a.inspectFiles(ctx, f, w, sum, paths)
	finished := w.Finish()
	if lost := out.Err(); lost != nil {
		finished = lost // says it for all writes together
	}
	err = errors.Join(append(bad, finished, cfg.SaveDatasets(), out.Close(), kept.Close())...)
	a.warnEvidence(w)
	if f.stats != "" {
		err = errors.Join(err, writeStats(f.stats, w))
	}
	if f.ruleProfile != "" {
		err = errors.Join(err, a.writeRuleProfile(f.ruleProfile, w.Profile()))
	}
	a.printSuspended(cfg.Rules.Suspensions())
	if f.eve != "-" && f.ruleProfile != "-" && !f.quiet && len(read) > 0 {
		sum.print(a.out, w, read, time.Since(start))
	}
	return err
}

// warnUnkept tells of data sets that rules want kept and that nobody keeps.
func (a *app) warnUnkept(cfg *sensor.Config) {
	if cfg.RuleFiles.Dir != "" || cfg.Datasets == nil {
		return
	}
	if names := cfg.Datasets.Kept(); len(names) > 0 {
		fmt.Fprintf(a.err, "warning: what rules add to the data sets %s is not kept\nhint: --set datasets.dir=DIR names the folder for their files\n",
			printable(strings.Join(names, ", ")))
	}
}

// inspectFiles reads the captures. It returns those of which something was read,
// and what went wrong.
func (a *app) inspectFiles(ctx context.Context, f *inspectFlags, w *sensor.Worker, sum *summary, paths []string) (read []string, bad []error) {
	for _, path := range paths {
		before := w.C.Packets
		err := a.inspectFile(ctx, w, path)
		some := w.C.Packets > before
		if err == nil || some {
			read = append(read, path)
		}
		if isDamage(err) && some {
			sum.damaged = append(sum.damaged, path)
			if !f.strict {
				err = asWarning(err)
			}
		}
		if err != nil {
			bad = append(bad, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	return read, bad
}

// sensorConfig builds the worker's configuration from the flags.
func (a *app) sensorConfig(f *inspectFlags) (*sensor.Config, *ruleReport, error) {
	cfg, err := sensor.DefaultConfig(catalogue())
	if err != nil {
		return nil, nil, err
	}
	switch f.checksums {
	case "verify":
		cfg.Decode.VerifyChecksums = true
	case "ignore":
	default:
		return nil, nil, &failure{
			err:  fmt.Errorf("--checksums: want verify or ignore, got %q", f.checksums),
			hint: "captures of a mirror have checksums that cannot be trusted; ignore is the default", code: exitUsage,
		}
	}
	st := sensor.NewSettings(cfg)
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, nil, notKeyValue(kv)
		}
		err := st.Set(key, value)
		unknown := errors.Is(err, sensor.ErrUnknownSetting)
		if err != nil && !(f.ignoreUnknown && unknown) {
			bad := &failure{err: fmt.Errorf("--set %w", err), code: exitUsage}
			if unknown {
				bad.hint = "--ignore-unknown-set lets unknown keys pass"
			}
			return nil, nil, bad
		}
	}
	st.ThresholdFiles = append(st.ThresholdFiles, f.thresholds...)
	rs, rep, err := a.loadRules(f.rules, cfg, st)
	if err != nil {
		return nil, nil, err
	}
	cfg.Rules = rs
	if rep.Refused+len(rep.thresholds)+rep.reputationLines > 0 {
		a.printRefused(rep, 10)
		if f.strict && rep.Refused > 0 {
			return nil, nil, &failure{err: fmt.Errorf("%d of %d rules refused", rep.Refused, rep.Rules), hint: "mirrorwall rules check lists them all", code: exitFailed}
		}
		if f.strict {
			if err := rep.strict(); err != nil {
				return nil, nil, err
			}
		}
	}
	return cfg, rep, nil
}

// notKeyValue complains about a --set without a value.
func notKeyValue(got string) error {
	return &failure{
		err:  fmt.Errorf("--set: want key=value, got %q", got),
		hint: "for example --set stream.midstream=false", code: exitUsage,
	}
}

func (a *app) inspectFile(ctx context.Context, w *sensor.Worker, path string) error {
	src, err := pcapfile.Open(path, pcapfile.Options{})
	if err != nil {
		return withCaptureHint(path, err)
	}
	bar := newProgress(a.err, path, src.Progress)
	err = sensor.Play(ctx, w, src, bar.tick)
	bar.done()
	if err != nil {
		err = withCaptureHint(path, err)
	}
	return errors.Join(err, src.Close())
}

// isDamage reports whether err is about a capture that is broken somewhere.
func isDamage(err error) bool {
	return errors.Is(err, pcapfile.ErrTruncated) || errors.Is(err, pcapfile.ErrCorrupt)
}

// asWarning is err told as before, without an effect on the exit status.
func asWarning(err error) error {
	var f *failure
	if !errors.As(err, &f) {
		panic("BUG: a warning without a hint: " + err.Error())
	}
	return &failure{err: fmt.Errorf("warning: %w", f.err), hint: f.hint, code: exitDone}
}

// withCaptureHint adds what a person can do about a capture that can't be read.
func withCaptureHint(path string, err error) error {
	switch {
	case errors.Is(err, pcapfile.ErrTruncated):
		return fail(err, "all whole packets before it were inspected; was the file still being written, or its copy cut off?")
	case errors.Is(err, pcapfile.ErrCorrupt):
		return fail(err, "the packets before it were inspected; nothing after it can be found")
	case errors.Is(err, pcapfile.ErrFormat):
		return fail(err, "captures are pcap or pcapng files, also packed by gzip or zstd")
	case errors.Is(err, fs.ErrNotExist):
		return fail(err, "is the path right? - is standard input")
	case errors.Is(err, fs.ErrPermission):
		return fail(err, "the file must be readable by this user")
	}
	if st, serr := os.Stat(path); serr == nil && st.IsDir() {
		return fail(err, "name the files in it: mirrorwall inspect "+path+"/*.pcap")
	}
	return err
}

// discard is the output of an inspection without --eve.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }
func (discard) Err() error                  { return nil }

type eveOutput interface {
	sensor.Output
	Close() error
	Err() error // that records were lost
}

// openEVE opens the EVE file of an inspection, anew each time. What is no
// plain file (/dev/null, a pipe) is written to as it is.
func openEVE(path string) (eveOutput, error) {
	switch path {
	case "":
		return discard{}, nil
	case "-":
		return record.OpenFile("-", record.FileOptions{})
	}
	f, err := record.OpenFile(path, record.FileOptions{New: true})
	if err != nil {
		return nil, withHint(err, "is the folder there, and writable?")
	}
	return f, nil
}

// guardFiles refuses to write over what is read, or twice to one file.
func (f *inspectFlags) guardFiles(captures []string) error {
	taken := map[string]string{}
	for _, p := range captures {
		taken[p] = "a capture to be read"
	}
	for _, p := range f.rules {
		taken[p] = "a rules file"
	}
	for _, p := range f.thresholds {
		taken[p] = "a threshold file"
	}
	for _, o := range [...]struct{ flag, path string }{{"--eve", f.eve}, {"--stats", f.stats}, {"--rule-profile", f.ruleProfile}} {
		if o.path == "" || o.path == "-" {
			continue
		}
		for p, what := range taken {
			if p == o.path || sameRegular(p, o.path) {
				return &failure{err: fmt.Errorf("%s: %s is %s", o.flag, o.path, what), hint: "name another file", code: exitUsage}
			}
		}
		taken[o.path] = "what " + o.flag + " writes"
	}
	return nil
}

// sameRegular reports whether two paths lead to one plain file.
func sameRegular(a, b string) bool {
	sa, erra := os.Stat(a)
	sb, errb := os.Stat(b)
	return erra == nil && errb == nil && sa.Mode().IsRegular() && os.SameFile(sa, sb)
}

func writeStats(path string, w *sensor.Worker) error {
	var e record.Encoder
	e.Buf = append(e.Buf, '{')
	e.Stats(0, w.Snapshot())
	e.Buf = append(e.Buf, '}', '\n')
	if err := os.WriteFile(path, e.Buf, 0o640); err != nil {
		return fail(fmt.Errorf("--stats: %w", err), "is the folder there, and writable?")
	}
	return nil
}
