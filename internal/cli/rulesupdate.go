package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/rulesource"
)

func ruleStore(cfg *config.Config) *rulesource.Store {
	return rulesource.NewStore(filepath.Join(cfg.State, "rules"))
}

type updateFlags struct {
	config string
	source string
	force  bool
	dryRun bool
	json   bool
}

func (a *app) rulesUpdate() *cobra.Command {
	var f updateFlags
	c := &cobra.Command{
		Use:   "update",
		Short: "Fetch the rules of the configured sources and put them in force",
		Long: "Update asks every source of the configuration (rules: sources:) for new rules,\n" +
			"applies the lists disable, enable, modify and drop, and puts the set in force\n" +
			"when it passes the gate: few rules refused, at least half as many active as\n" +
			"before, at most twice the work on built-in sample traffic. The set of before is\n" +
			"kept. A source that fails keeps its rules of before; the others go on.\n\n" +
			"Exit status 1 when a source failed, 3 when the gate refused the set. A running\n" +
			"service takes the new set at its next SIGHUP.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.updateRules(cmd.Context(), &f) },
	}
	addConfigFlag(c, &f.config)
	c.Flags().StringVar(&f.source, "source", "", "ask only the source `name`")
	c.Flags().BoolVar(&f.force, "force", false, "put the set in force also when the gate refuses it")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "fetch and check, change nothing")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

func addConfigFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "mirrorwall.yaml", "configuration `file`")
}

// sourcesConfig loads a configuration that names sources.
func sourcesConfig(path string) (*config.Config, error) {
	cfg, err := loadConfig(path, checkConfigVars)
	if err != nil {
		return nil, err
	}
	if len(cfg.Rules.Sources) == 0 {
		return nil, fail(fmt.Errorf("%s: rules: sources: is empty", path),
			"mirrorwall.yaml in the project shows one that can be uncommented")
	}
	return cfg, nil
}

// ruleUpdate is one run of rules update.
type ruleUpdate struct {
	flags  *updateFlags
	plan   *rulesource.Plan
	next   *measured
	gate   []string // reasons against the set
	active *rulesource.Manifest
}

func (a *app) updateRules(ctx context.Context, f *updateFlags) error {
	cfg, err := sourcesConfig(f.config)
	if err != nil {
		return err
	}
	if err := knownSource(cfg, f.source); err != nil {
		return err
	}
	ls, err := lists(cfg)
	if err != nil {
		return err
	}
	store := ruleStore(cfg)
	unlock, err := store.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	bar := &fetchProgress{a: a}
	u := &ruleUpdate{flags: f}
	u.plan, err = rulesource.Prepare(ctx, store, cfg.Rules.RuleSources(), f.source, ls, &rulesource.Fetcher{Progress: bar.tell}, time.Now())
	bar.done()
	if err != nil {
		return err
	}
	if err := a.judge(cfg, store, u); err != nil {
		return err
	}
	return errors.Join(a.printUpdate(u), u.err(cfg))
}

func knownSource(cfg *config.Config, name string) error {
	var names []string
	for _, s := range cfg.Rules.Sources {
		names = append(names, s.Name)
	}
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	hint := "the sources are " + strings.Join(names, ", ")
	if near := rule.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &failure{err: fmt.Errorf("--source: no source %q", name), hint: hint, code: exitUsage}
}

// judge measures the plan and puts it in force when nothing speaks against it.
func (a *app) judge(cfg *config.Config, store *rulesource.Store, u *ruleUpdate) (err error) {
	if u.next, err = a.measure(cfg, u.plan.Sets); err != nil {
		return err
	}
	if len(u.plan.Sets) == 0 {
		return nil // every source failed, and none had rules before
	}
	if u.plan.New {
		var before *rulesource.Measure
		sets, err := store.Sets(u.plan.Before)
		if err != nil {
			return err
		}
		if u.plan.Before != nil {
			m, err := a.measure(cfg, sets)
			if err != nil {
				return err
			}
			before = &m.Measure
		}
		u.gate = rulesource.Judge(before, u.next.Measure, u.next.frames)
	}
	if u.flags.dryRun || len(u.gate) > 0 && !u.flags.force {
		return nil
	}
	u.active, err = u.plan.Commit(len(u.gate) > 0)
	return err
}

// refused reports whether the gate kept the set out.
func (u *ruleUpdate) refused() bool { return len(u.gate) > 0 && !u.flags.force }

// err is why the command does not end with status 0.
func (u *ruleUpdate) err(cfg *config.Config) error {
	var errs []error
	if u.refused() {
		stays := "no set is in force"
		if b := u.plan.Before; b != nil {
			stays = fmt.Sprintf("generation %d stays in force", b.Generation)
		}
		errs = append(errs, &failure{
			err:  fmt.Errorf("the gate refuses the new rules: %s; %s", strings.Join(u.gate, "; "), stays),
			hint: "take the rules that do it out with rules: disable:, or activate the set with --force", code: exitWanting,
		})
	}
	for _, o := range u.plan.Sources {
		if o.Err == nil {
			continue
		}
		where := ""
		for _, s := range cfg.Rules.RuleSources() {
			if s.Name == o.Source {
				where = s.Where()
			}
		}
		errs = append(errs, withHint(fmt.Errorf("source %s: %s: %w", o.Source, where, o.Err), "the rules of before stay in force"))
	}
	return errors.Join(errs...)
}

// updateLine is a source in the table and in JSON.
type updateLine struct {
	Source  string            `json:"source"`
	Status  rulesource.Status `json:"status"`
	Error   string            `json:"error,omitempty"`
	Active  int               `json:"active"`
	Refused int               `json:"refused"`
	Added   int               `json:"added"`
	Removed int               `json:"removed"`
	Changed int               `json:"changed"`
	rulesource.Counts
}

func (u *ruleUpdate) lines() (out []updateLine) {
	for _, o := range u.plan.Sources {
		l := updateLine{
			Source: o.Source, Status: o.Status, Active: u.next.active[o.Source], Refused: u.next.refused[o.Source],
			Added: o.Added, Removed: o.Removed, Changed: o.Changed, Counts: o.Counts,
		}
		if o.Err != nil {
			l.Error = o.Err.Error()
		}
		out = append(out, l)
	}
	return out
}

func (a *app) printUpdate(u *ruleUpdate) error {
	if u.flags.json {
		return a.updateJSON(u)
	}
	for _, w := range u.plan.Warnings {
		fmt.Fprintf(a.err, "warning: %s\n", w.Detail())
	}
	table(a.out, func(tw *tabwriter.Writer) {
		fmt.Fprintln(tw, "SOURCE\tSTATUS\tRULES\tACTIVE\tREFUSED\tADDED\tREMOVED\tCHANGED\tDISABLED")
		for _, l := range u.lines() {
			status := string(l.Status)
			if u.refused() && l.Status == rulesource.Updated {
				status = "refused by gate"
			}
			fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", l.Source, status, l.Rules, l.Active, l.Refused, l.Added, l.Removed, l.Changed, l.Disabled)
		}
	})
	a.printRefused(u.next.report, 10)
	if u.refused() {
		fmt.Fprintln(a.out, "not in force: the gate refuses this set")
		return nil
	}
	for _, reason := range u.gate {
		fmt.Fprintf(a.err, "warning: the gate is overridden: %s\n", reason)
	}
	switch {
	case len(u.plan.Sets) == 0:
		fmt.Fprintln(a.out, "no rules from sources")
	case u.flags.dryRun && u.plan.New:
		fmt.Fprintln(a.out, "dry run: this set would be put in force")
	case u.flags.dryRun:
		fmt.Fprintln(a.out, "dry run: this set is in force already")
	case !u.plan.New:
		fmt.Fprintf(a.out, "generation %d stays in force: nothing changed\n", u.active.Generation)
	default:
		fmt.Fprintf(a.out, "generation %d is in force; %s\n", u.active.Generation, reloadNote)
	}
	return nil
}

// reloadNote tells how a running service takes a set.
const reloadNote = "a running service takes it at its next SIGHUP (systemctl reload mirrorwall)"

func (a *app) updateJSON(u *ruleUpdate) error {
	out := struct {
		Generation int                `json:"generation"` // in force
		Activated  bool               `json:"activated"`
		New        bool               `json:"new"`
		DryRun     bool               `json:"dry_run"`
		Sources    []updateLine       `json:"sources"`
		Total      rulesource.Measure `json:"total"`
		Gate       []string           `json:"gate"`
		Forced     bool               `json:"forced"`
		Warnings   []string           `json:"warnings,omitempty"`
	}{
		Activated: u.active != nil && u.plan.New, New: u.plan.New, DryRun: u.flags.dryRun, Sources: u.lines(),
		Total: u.next.Measure, Gate: append([]string{}, u.gate...), Forced: u.active != nil && len(u.gate) > 0,
	}
	for _, m := range []*rulesource.Manifest{u.plan.Before, u.active} {
		if m != nil {
			out.Generation = m.Generation
		}
	}
	for _, w := range u.plan.Warnings {
		out.Warnings = append(out.Warnings, w.Error())
	}
	return json.NewEncoder(a.out).Encode(out)
}

func (a *app) rulesRollback() *cobra.Command {
	path := ""
	c := &cobra.Command{
		Use:   "rollback",
		Short: "Put the rules of before the last update in force",
		Long: "Rollback goes back one generation of the rules that sources brought. Three are\n" +
			"kept. The next update brings the newest rules again: disable what did harm, or\n" +
			"leave updates off until its publisher has repaired it.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := loadConfig(path, checkConfigVars)
			if err != nil {
				return err
			}
			store := ruleStore(cfg)
			unlock, err := store.Lock()
			if err != nil {
				return err
			}
			defer unlock()
			from, to, err := store.Rollback()
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "generation %d is in force instead of %d; %s\n", to.Generation, from.Generation, reloadNote)
			return nil
		},
	}
	addConfigFlag(c, &path)
	return c
}

func (a *app) rulesSources() *cobra.Command {
	path := ""
	c := &cobra.Command{
		Use:   "sources",
		Short: "List the configured sources of rules, with their age",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := sourcesConfig(path)
			if err != nil {
				return err
			}
			cur, err := ruleStore(cfg).Current()
			if err != nil {
				return err
			}
			now := time.Now()
			table(a.out, func(tw *tabwriter.Writer) {
				fmt.Fprintln(tw, "SOURCE\tRULES\tCHANGED\tCHECKED\tFROM")
				for _, s := range cfg.Rules.RuleSources() {
					e := cur.Source(s.Name)
					if e == nil {
						fmt.Fprintf(tw, "%s\t-\tnever\tnever\t%s\n", s.Name, s.Where())
						continue
					}
					fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\n", s.Name, e.Counts.Rules, age(now, e.Changed), age(now, e.Checked), s.Where())
				}
			})
			return nil
		},
	}
	addConfigFlag(c, &path)
	return c
}

// age says how long ago t was, in the largest whole unit.
func age(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// fetchProgress shows a line for each download, on a terminal only.
type fetchProgress struct {
	a       *app
	source  string
	current *progress
	n, all  int64
}

func (p *fetchProgress) tell(source string, done, total int64) {
	p.n, p.all = done, total
	if source != p.source {
		p.done()
		p.source = source
		p.current = newProgress(p.a.err, source, func() (int64, int64) { return p.n, p.all })
	}
	p.current.tick()
}

func (p *fetchProgress) done() {
	if p.current != nil {
		p.current.done()
	}
}
