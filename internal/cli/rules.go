package cli

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/apps"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/rules"
)

// loadRules reads and compiles rule files; none given means the bundled set.
func (a *app) loadRules(paths []string, cfg *sensor.Config, st *sensor.Settings) (*detect.Ruleset, *ruleReport, error) {
	if err := checkVars(st.Vars); err != nil {
		return nil, nil, err
	}
	parsed, err := parseRules(paths)
	if err != nil {
		return nil, nil, err
	}
	conf := cfg.DetectConfig(st.Vars)
	if conf.Thresholds, err = readThresholds(st.ThresholdFiles); err != nil {
		return nil, nil, err
	}
	rs, rep := detect.Compile(parsed.files, conf)
	return rs, newRuleReport(parsed, rep), nil
}

// configRules parses the rules that a configuration names.
func configRules(c *config.Config) (*parsedRules, error) {
	paths, err := ruleFiles(c.Rules.Files)
	if err != nil {
		return nil, err
	}
	sourced, missing, err := sourcedRules(c)
	if err != nil {
		return nil, err
	}
	paths = append(paths, sourced...)
	parsed := &parsedRules{}
	if c.Rules.Bundled {
		if parsed, err = bundledRules(); err != nil {
			return nil, err
		}
	}
	if len(paths) > 0 {
		more, err := parseRules(paths)
		if err != nil {
			return nil, err
		}
		parsed.files = append(parsed.files, more.files...)
		parsed.errs = append(parsed.errs, more.errs...)
	}
	parsed.missing = missing
	return parsed, nil
}

// parsedRules are rule files and what their parser refused.
type parsedRules struct {
	files   []*rule.File
	errs    rule.Errors
	missing []string // sources that have no rules yet
}

func (p *parsedRules) parse(name string, text []byte) {
	f, errs := rule.ParseFile(name, text)
	p.files = append(p.files, f)
	p.errs = append(p.errs, errs...)
}

func parseRules(paths []string) (*parsedRules, error) {
	if len(paths) == 0 {
		return bundledRules()
	}
	parsed := &parsedRules{}
	for _, p := range paths {
		if p == "none" {
			continue
		}
		text, err := os.ReadFile(p)
		if err != nil {
			hint := "rules are a file in Suricata's language; leave --rules out for the bundled set, or say none"
			return nil, fail(fmt.Errorf("rules: %w", err), hint)
		}
		parsed.parse(p, text)
	}
	return parsed, nil
}

// bundledDir stands in the place of a folder in the names of embedded files.
const bundledDir = "bundled"

func bundledRules() (*parsedRules, error) {
	names, err := fs.Glob(rules.FS, "*.rules")
	if err != nil {
		return nil, err
	}
	parsed := &parsedRules{}
	for _, n := range names {
		text, err := fs.ReadFile(rules.FS, n)
		if err != nil {
			return nil, err
		}
		parsed.parse(path.Join(bundledDir, n), text)
	}
	return parsed, nil
}

// ruleReport joins what the parser and the compiler refused.
type ruleReport struct {
	Rules    int              `json:"rules"`
	Active   int              `json:"active"`
	Inactive int              `json:"inactive"`
	Refused  int              `json:"refused"`
	Warnings map[string]int   `json:"warnings,omitempty"` // by kind; of rules check alone
	errors   []*rule.Error    // refused by the parser
	verdicts []detect.Verdict // refused or inactive
	warnings []detect.Verdict
	// thresholds are complaints about threshold files, whose lines were left out.
	thresholds []*rule.Error
	// reputation are complaints about reputation lists, reputationLines how many
	// lines were left out.
	reputation      []string
	reputationLines int
}

func newRuleReport(parsed *parsedRules, rep *detect.Report) *ruleReport {
	r := &ruleReport{
		Rules: rep.Rules, Active: rep.Active, Inactive: rep.Inactive, Refused: rep.Refused,
		errors: parsed.errs, warnings: rep.Warnings, thresholds: rep.Thresholds,
		reputation: rep.Reputation, reputationLines: rep.ReputationLines,
	}
	for _, f := range parsed.files {
		r.Rules += f.Refused
		r.Refused += f.Refused
	}
	for _, v := range rep.Verdicts {
		if v.State != detect.Active {
			r.verdicts = append(r.verdicts, v)
		}
	}
	return r
}

// printRefused tells of refused rules on the error output, at most most.
func (a *app) printRefused(r *ruleReport, most int) {
	shown := 0
	for _, e := range r.errors {
		if shown++; shown <= most {
			fmt.Fprintln(a.err, e.Detail())
		}
	}
	for _, v := range r.verdicts {
		if v.State != detect.Refused {
			continue
		}
		if shown++; shown <= most {
			fmt.Fprintln(a.err, detail(v))
		}
	}
	if shown > most {
		fmt.Fprintf(a.err, "and %d more refused rules; mirrorwall rules check lists them\n", shown-most)
	}
	printThresholds(a.err, r.thresholds, most)
	for _, line := range r.reputation {
		fmt.Fprintf(a.err, "warning: reputation list: %s; the line is left out\n", printable(line))
	}
	if n := r.reputationLines - len(r.reputation); n > 0 {
		fmt.Fprintf(a.err, "and %d more lines of reputation lists left out\n", n)
	}
	r.noteBundled(a.err)
}

// noteBundled says where the files are that no folder has, if any was named.
func (r *ruleReport) noteBundled(w io.Writer) {
	embedded := func(p rule.Pos) bool { return strings.HasPrefix(p.File, bundledDir+"/") }
	if slices.ContainsFunc(r.errors, func(e *rule.Error) bool { return embedded(e.Pos) }) ||
		slices.ContainsFunc(slices.Concat(r.verdicts, r.warnings), func(v detect.Verdict) bool { return embedded(v.Pos) }) {
		fmt.Fprintln(w, "hint: the files of bundled/ are part of this program: mirrorwall rules list --json shows their rules, with file and line")
	}
}

// detail prints a verdict as the parser prints its errors: the line, a caret,
// the hint.
func detail(v detect.Verdict) string { return verdictError(v, v.State.String()).Detail() }

// verdictError is a verdict as an error about its line; word says what became
// of the rule.
func verdictError(v detect.Verdict, word string) *rule.Error {
	e := &rule.Error{Pos: v.Pos, Msg: fmt.Sprintf("sid %d: %s: %s", v.SID, word, v.Reason), Hint: v.Hint}
	if r := v.Rule; r != nil && r.Pos.Line == v.Pos.Line {
		e.Line = strings.Repeat(" ", r.Pos.Column-1) + r.Text
	} else if v.Pos.Column > 1 {
		e.Line = sourceLine(v.Pos)
	}
	return e
}

// sourceLine reads the line of a rule that goes over several; "" when the file
// is not to be had any more.
func sourceLine(p rule.Pos) string {
	text, err := os.ReadFile(p.File)
	if name, ok := strings.CutPrefix(p.File, bundledDir+"/"); ok {
		text, err = fs.ReadFile(rules.FS, name)
	}
	if err != nil {
		return ""
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if n++; n == p.Line {
			return strings.TrimRight(line, "\r\n")
		}
	}
	return ""
}

func (a *app) rulesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rules",
		Short: "Check, list, explain and update signatures",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.rulesCheck(), a.rulesList(), a.rulesExplain(), a.rulesUpdate(), a.rulesRollback(), a.rulesSources())
	return c
}

type rulesFlags struct {
	json       bool
	set        []string
	rules      []string
	thresholds []string
	config     string
}

func (f *rulesFlags) addJSON(c *cobra.Command) {
	c.Flags().BoolVar(&f.json, "json", false, "print JSON, one object a line")
}

// add has the flags that say which rules, and with which variables.
func (f *rulesFlags) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.config, "config", "c", "", "take rules and variables from the configuration `file`")
	c.Flags().StringArrayVar(&f.set, "set", nil, "change a setting, `key=value` (vars.address-groups.HOME_NET=…)")
}

func (f *rulesFlags) addRules(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.rules, "rules", "r", nil, "rules `file` instead of the bundled set; may be repeated")
}

// compiledRules are what a rules command works on.
type compiledRules struct {
	set    *detect.Ruleset
	report *ruleReport
	parsed *parsedRules
	bytes  int // of the active rules' text
	unread int // rules that the parser refused, for want of which a lint is left out
	took   time.Duration
}

// compile loads the rules that a rules command works on: those of paths, else
// those of the configuration, else the bundled set.
func (a *app) compile(f *rulesFlags, paths []string) (*compiledRules, error) {
	cfg, err := sensor.DefaultConfig(catalogue())
	if err != nil {
		return nil, err
	}
	st := sensor.NewSettings(cfg)
	out := &compiledRules{}
	start := time.Now()
	if f.config != "" {
		c, err := loadConfig(f.config, checkConfig)
		if err != nil {
			return nil, err
		}
		st.Vars = withVars(st.Vars, c.Vars)
		setRuleFiles(cfg, c)
		if len(paths) == 0 {
			if out.parsed, err = configRules(c); err != nil {
				return nil, err
			}
			for _, name := range out.parsed.missing {
				fmt.Fprintf(a.err, "warning: source %s has no rules yet: mirrorwall rules update fetches them\n", name)
			}
		}
		if st.ThresholdFiles, err = thresholdFiles(c.Rules.Thresholds); err != nil {
			return nil, err
		}
	}
	if err := f.settings(st); err != nil {
		return nil, err
	}
	if out.parsed == nil {
		if out.parsed, err = parseRules(paths); err != nil {
			return nil, err
		}
	}
	conf := cfg.DetectConfig(st.Vars)
	if conf.Thresholds, err = readThresholds(append(st.ThresholdFiles, f.thresholds...)); err != nil {
		return nil, err
	}
	set, rep := detect.Compile(out.parsed.files, conf)
	out.set, out.report, out.took = set, newRuleReport(out.parsed, rep), time.Since(start)
	for _, s := range set.Signatures() {
		out.bytes += len(s.Rule.Text)
	}
	return out, nil
}

// settings applies --set.
func (f *rulesFlags) settings(st *sensor.Settings) error {
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return notKeyValue(kv)
		}
		if err := st.Set(key, value); err != nil {
			return &failure{err: fmt.Errorf("--set %w", err), hint: "rules depend on vars.address-groups.NAME and vars.port-groups.NAME", code: exitUsage}
		}
	}
	return checkVars(st.Vars)
}

// severityOf is a signature's severity in PAN-OS's words.
func severityOf(s *detect.Signature) string {
	name := ""
	for _, kv := range s.Metadata {
		if kv[0] == "signature_severity" {
			name = kv[1]
		}
	}
	return record.SeverityOf(s.Priority, name).String()
}

// catalogue is the embedded application catalogue.
func catalogue() fs.FS { return apps.FS }
