package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/apps"
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
	rs, rep := detect.Compile(parsed.files, cfg.DetectConfig(st.Vars))
	return rs, newRuleReport(parsed, rep), nil
}

// parsedRules are rule files and what their parser refused.
type parsedRules struct {
	files []*rule.File
	errs  rule.Errors
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
	errors   []*rule.Error    // refused by the parser
	verdicts []detect.Verdict // refused or inactive
	warnings []detect.Verdict
}

func newRuleReport(parsed *parsedRules, rep *detect.Report) *ruleReport {
	r := &ruleReport{
		Rules: rep.Rules, Active: rep.Active, Inactive: rep.Inactive, Refused: rep.Refused,
		errors: parsed.errs, warnings: rep.Warnings,
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
func detail(v detect.Verdict) string {
	e := &rule.Error{Pos: v.Pos, Msg: fmt.Sprintf("sid %d: %s: %s", v.SID, v.State, v.Reason), Hint: v.Hint}
	if r := v.Rule; r != nil && r.Pos.Line == v.Pos.Line && r.Pos.Column == 1 {
		e.Line = r.Text
	}
	return e.Detail()
}

func (a *app) rulesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rules",
		Short: "Check, list and explain signatures",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.rulesCheck(), a.rulesList(), a.rulesExplain())
	return c
}

type rulesFlags struct {
	json   bool
	strict bool
	set    []string
	rules  []string
}

func (f *rulesFlags) add(c *cobra.Command, withRules bool) {
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	f.addSet(c)
	if withRules {
		f.addRules(c)
	}
}

func (f *rulesFlags) addSet(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.set, "set", nil, "change a setting, `key=value` (vars.address-groups.HOME_NET=…)")
}

func (f *rulesFlags) addRules(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.rules, "rules", "r", nil, "rules `file` instead of the bundled set; may be repeated")
}

// compile loads the rules that a rules command works on.
func (a *app) compile(f *rulesFlags, paths []string) (*detect.Ruleset, *ruleReport, error) {
	cfg, err := sensor.DefaultConfig(catalogue())
	if err != nil {
		return nil, nil, err
	}
	st := sensor.NewSettings(cfg)
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, nil, notKeyValue(kv)
		}
		if err := st.Set(key, value); err != nil {
			return nil, nil, &failure{err: fmt.Errorf("--set %w", err), hint: "rules depend on vars.address-groups.NAME and vars.port-groups.NAME", code: exitUsage}
		}
	}
	return a.loadRules(paths, cfg, st)
}

func (a *app) rulesCheck() *cobra.Command {
	var f rulesFlags
	c := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Say which rules load, and why the others do not",
		Long: "Check parses and compiles rule files (the bundled set when none is named) and\n" +
			"lists every rule that is refused (it can't be understood, or would not mean\n" +
			"what it says) or inactive (it needs a protocol that has no parser here).\n" +
			"Refused rules never stop the others; with --strict they make the status 1.",
		RunE: func(_ *cobra.Command, args []string) error {
			_, rep, err := a.compile(&f, args)
			if err != nil {
				return err
			}
			if f.json {
				err = a.checkJSON(rep)
			} else {
				a.checkText(rep)
			}
			if err == nil && f.strict && rep.Refused > 0 {
				return &failure{err: fmt.Errorf("%d of %d rules refused", rep.Refused, rep.Rules), code: exitFailed}
			}
			return err
		},
	}
	f.add(c, false)
	c.Flags().BoolVar(&f.strict, "strict", false, "refused rules are a failure")
	return c
}

func (a *app) checkText(rep *ruleReport) {
	for _, e := range rep.errors {
		fmt.Fprintln(a.out, e.Detail())
	}
	for _, v := range rep.verdicts {
		fmt.Fprintln(a.out, detail(v))
	}
	for _, v := range rep.warnings {
		fmt.Fprintf(a.out, "%s: warning: sid %d: %s\n", v.Pos, v.SID, v.Reason)
		if v.Hint != "" {
			fmt.Fprintf(a.out, "\thint: %s\n", v.Hint)
		}
	}
	rep.noteBundled(a.out)
	fmt.Fprintf(a.out, "%d rules: %d active, %d inactive, %d refused\n", rep.Rules, rep.Active, rep.Inactive, rep.Refused)
}

// checkLine is one line of rules check --json.
type checkLine struct {
	State  string `json:"state"`
	SID    uint32 `json:"sid,omitempty"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
	Proto  string `json:"proto,omitempty"`
}

func (a *app) checkJSON(rep *ruleReport) error {
	enc := json.NewEncoder(a.out)
	var errs []error
	for _, e := range rep.errors {
		errs = append(errs, enc.Encode(checkLine{State: "refused", File: e.Pos.File, Line: e.Pos.Line, Column: e.Pos.Column, Reason: e.Msg, Hint: e.Hint}))
	}
	for _, v := range rep.verdicts {
		errs = append(errs, enc.Encode(checkLine{
			State: v.State.String(), SID: v.SID, File: v.Pos.File, Line: v.Pos.Line, Column: v.Pos.Column,
			Reason: v.Reason, Hint: v.Hint, Proto: v.Proto,
		}))
	}
	for _, v := range rep.warnings {
		errs = append(errs, enc.Encode(checkLine{
			State: "warning", SID: v.SID, File: v.Pos.File, Line: v.Pos.Line, Column: v.Pos.Column,
			Reason: v.Reason, Hint: v.Hint,
		}))
	}
	return errors.Join(append(errs, enc.Encode(rep))...)
}

func (a *app) rulesList() *cobra.Command {
	var f rulesFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the active signatures",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			rs, _, err := a.compile(&f, f.rules)
			if err != nil {
				return err
			}
			if f.json {
				return a.listJSON(rs)
			}
			table(a.out, func(tw *tabwriter.Writer) {
				fmt.Fprintln(tw, "SID\tREV\tSEVERITY\tCLASS\tNAME")
				for _, s := range rs.Signatures() {
					fmt.Fprintf(tw, "%d\t%d\t%s\t%s\t%s\n", s.SID, s.Rev, severityOf(s), cmp.Or(s.Classtype, "-"), printable(s.Msg))
				}
			})
			return nil
		},
	}
	f.add(c, true)
	return c
}

func (a *app) listJSON(rs *detect.Ruleset) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	for _, s := range rs.Signatures() {
		meta := map[string][]string{}
		for _, kv := range s.Metadata {
			meta[kv[0]] = append(meta[kv[0]], kv[1])
		}
		if err := enc.Encode(struct {
			SID      uint32              `json:"sid"`
			GID      uint32              `json:"gid"`
			Rev      uint32              `json:"rev"`
			Severity string              `json:"severity"`
			Class    string              `json:"classtype,omitempty"`
			Name     string              `json:"name"`
			Metadata map[string][]string `json:"metadata,omitempty"`
			File     string              `json:"file"`
			Line     int                 `json:"line"`
			Text     string              `json:"text"`
		}{s.SID, s.GID, s.Rev, severityOf(s), s.Classtype, s.Msg, meta, s.Rule.Pos.File, s.Rule.Pos.Line, s.Rule.Text}); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) rulesExplain() *cobra.Command {
	var f rulesFlags
	c := &cobra.Command{
		Use:   "explain SID",
		Short: "Show how a signature is looked for",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			sid, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return &failure{err: fmt.Errorf("sid: want a number, got %q", args[0]), code: exitUsage}
			}
			rs, rep, err := a.compile(&f, f.rules)
			if err != nil {
				return err
			}
			for _, s := range rs.Signatures() {
				if uint64(s.SID) == sid {
					fmt.Fprintln(a.out, rs.Explain(s))
					return nil
				}
			}
			for _, v := range rep.verdicts {
				if uint64(v.SID) == sid {
					return &failure{err: errors.New(detail(v)), code: exitWanting}
				}
			}
			return fail(fmt.Errorf("no rule with sid %d", sid), "name the rules file with --rules")
		},
	}
	f.addSet(c)
	f.addRules(c)
	return c
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
