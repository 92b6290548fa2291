package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func (a *app) rulesCheck() *cobra.Command {
	var f rulesFlags
	var strict, inactive bool
	var lint string
	c := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Say which rules load, why the others do not, and what is odd about them",
		Long: "Check parses and compiles rule files (those of the configuration, or the\n" +
			"bundled set, when none is named) and lists every rule that is refused (it\n" +
			"can't be understood, or would not mean what it says) or inactive (it needs a\n" +
			"protocol that has no parser here, or requires what is not here).\n" +
			"Refused rules never stop the others; with --strict they make the status 1, and so\n" +
			"do lines of threshold files that are left out. Of the inactive rules the first\n" +
			"are shown and all counted; --inactive and --json list every one.\n\n" +
			"Rules that load may be complained about all the same: they can't match, cost\n" +
			"much, or say the same twice. The first of each kind are shown, with --json or\n" +
			"--lint=all every one.",
		Example: "  mirrorwall rules check emerging-all.rules\n" +
			"  mirrorwall rules check --lint=slow-pcre,never-content my.rules\n" +
			"  mirrorwall rules check --config mirrorwall.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			kinds, err := lintKinds(lint)
			if err != nil {
				return err
			}
			got, err := a.compile(&f, args)
			if err != nil {
				return err
			}
			got.lint(kinds)
			if f.json {
				err = a.checkJSON(got)
			} else {
				a.checkText(got, lint == "", inactive)
			}
			if rep := got.report; err == nil && strict && rep.Refused > 0 {
				return &failure{err: fmt.Errorf("%d of %d rules refused", rep.Refused, rep.Rules), code: exitFailed}
			}
			if err == nil && strict {
				err = got.report.strict()
			}
			return err
		},
	}
	f.addJSON(c)
	f.add(c)
	c.Flags().BoolVar(&strict, "strict", false, "refused rules and threshold lines that are left out are a failure")
	c.Flags().BoolVar(&inactive, "inactive", false, "list every inactive rule")
	c.Flags().StringArrayVar(&f.thresholds, "thresholds", nil, "threshold `file` (Suricata's threshold.config); may be repeated")
	c.Flags().StringVar(&lint, "lint", "", "complaints to show: all, none, or `kinds` with commas between; a - before a kind leaves it out")
	return c
}

// lintKinds reads --lint; no value means all kinds.
func lintKinds(value string) (map[detect.Lint]bool, error) {
	byName, kinds := map[string]detect.Lint{}, map[detect.Lint]bool{}
	for _, l := range detect.Lints() {
		byName[l.String()] = l
		kinds[l] = value == "" || value == "all" || strings.HasPrefix(value, "-")
	}
	if value == "" || value == "all" || value == "none" {
		return kinds, nil
	}
	for word := range strings.SplitSeq(value, ",") {
		name, out := strings.CutPrefix(strings.TrimSpace(word), "-")
		l, ok := byName[name]
		if !ok {
			names := slices.Sorted(maps.Keys(byName))
			hint := "all, none, or of " + strings.Join(names, ", ")
			if near := rule.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			return nil, &failure{err: fmt.Errorf("--lint: unknown kind %q", name), hint: hint, code: exitUsage}
		}
		kinds[l] = !out
	}
	return kinds, nil
}

// lint adds the linter's complaints to the compiler's and keeps those of kinds.
func (c *compiledRules) lint(kinds map[detect.Lint]bool) {
	all := append(c.report.warnings, c.set.Lint(c.parsed.files)...)
	c.report.warnings = slices.DeleteFunc(all, func(v detect.Verdict) bool { return !kinds[v.Lint] })
	c.report.Warnings = map[string]int{}
	if kinds[detect.LintUnsetFlowbit] {
		for _, f := range c.parsed.files {
			c.unread += f.Refused
		}
	}
	for _, v := range c.report.warnings {
		c.report.Warnings[v.Lint.String()]++
	}
}

// mostShown is how many complaints of a kind are printed when no kind was asked
// for.
const mostShown = 3

// checkText prints the report for people; brief leaves out complaints that
// repeat. All inactive rules are named when inactive says so, else the first.
func (a *app) checkText(c *compiledRules, brief, inactive bool) {
	rep := c.report
	for _, e := range rep.errors {
		fmt.Fprintln(a.out, e.Detail())
	}
	idle := 0
	for _, v := range rep.verdicts {
		if v.State == detect.Inactive {
			if idle++; idle > mostShown && !inactive {
				continue
			}
		}
		fmt.Fprintln(a.out, detail(v))
	}
	shown := map[detect.Lint]int{}
	for _, v := range rep.warnings {
		if shown[v.Lint]++; !brief || shown[v.Lint] <= mostShown {
			fmt.Fprintln(a.out, verdictError(v, "warning: "+v.Lint.String()).Detail())
		}
	}
	printThresholds(a.out, rep.thresholds, len(rep.thresholds))
	rep.noteBundled(a.out)
	if idle > mostShown {
		rep.inactiveSummary(a.out, inactive)
	}
	c.checkSummary(a, shown, brief)
}

// inactiveSummary counts the inactive rules by what they want that is not here.
func (r *ruleReport) inactiveSummary(w io.Writer, listed bool) {
	why := map[string]int{}
	for _, v := range r.verdicts {
		if v.State == detect.Inactive {
			why[cmp.Or(v.Proto, "requires")]++
		}
	}
	fmt.Fprintf(w, "inactive   %s\n", counts(why, 6))
	if !listed {
		fmt.Fprintf(w, "           the first %d are above; --inactive lists them all\n", mostShown)
	}
}

// checkSummary prints what the rules are made of, and the counts last.
func (c *compiledRules) checkSummary(a *app, warned map[detect.Lint]int, brief bool) {
	rep, st := c.report, c.set.Stats()
	if len(rep.warnings) > 0 {
		fmt.Fprintf(a.out, "warnings   %s\n", counts(rep.Warnings, len(rep.Warnings)))
		if brief && slices.ContainsFunc(detect.Lints(), func(l detect.Lint) bool { return warned[l] > mostShown }) {
			fmt.Fprintf(a.out, "           the first %d of a kind are above; --lint=all shows the others, --lint=none none\n", mostShown)
		}
	}
	if c.unread > 0 && rep.Active > 0 {
		fmt.Fprintf(a.out, "unchecked  %s, because %s can't be read and may set the flowbits\n", detect.LintUnsetFlowbit, counted(uint64(c.unread), "rule"))
	}
	if rep.Active > 0 {
		fmt.Fprintf(a.out, "kinds      %d for packets and streams, %d for addresses, %d for transactions, %d for frames\n", st.Packets, st.Addresses, st.Transactions, st.Frames)
		fmt.Fprintf(a.out, "patterns   %s; %d bytes\n", counts(st.Patterns, 6), st.PatternBytes)
		fmt.Fprintf(a.out, "unfiltered %d rules; %d different expressions\n", st.Unfiltered, st.Expressions)
	}
	fmt.Fprintf(a.out, "version    %s, %d bytes of active rules, loaded in %d ms\n", c.set.Version(), c.bytes, c.took.Round(time.Millisecond).Milliseconds())
	fmt.Fprintf(a.out, "%d rules: %d active, %d inactive, %d refused%s\n", rep.Rules, rep.Active, rep.Inactive, rep.Refused, rep.leftOut())
}

// leftOut counts the lines of threshold files that do nothing, for a summary.
func (r *ruleReport) leftOut() string {
	if len(r.thresholds) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s of threshold files left out", counted(uint64(len(r.thresholds)), "line"))
}

// counts prints the greatest numbers of m with their names, at most most.
func counts(m map[string]int, most int) string {
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	var out []string
	rest := 0
	for i, n := range names {
		if i < most {
			out = append(out, fmt.Sprintf("%d %s", m[n], n))
		} else {
			rest += m[n]
		}
	}
	if rest > 0 {
		out = append(out, fmt.Sprintf("%d in %d others", rest, len(names)-most))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// checkLine is one line of rules check --json.
type checkLine struct {
	State  string `json:"state"`
	Lint   string `json:"lint,omitempty"`
	SID    uint32 `json:"sid,omitempty"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
	Proto  string `json:"proto,omitempty"`
}

func newCheckLine(v detect.Verdict, state string) checkLine {
	return checkLine{
		State: state, Lint: v.Lint.String(), SID: v.SID, File: v.Pos.File, Line: v.Pos.Line, Column: v.Pos.Column,
		Reason: v.Reason, Hint: v.Hint, Proto: v.Proto,
	}
}

func (a *app) checkJSON(c *compiledRules) error {
	rep := c.report
	enc := json.NewEncoder(a.out)
	var errs []error
	for _, e := range rep.errors {
		errs = append(errs, enc.Encode(checkLine{State: "refused", File: e.Pos.File, Line: e.Pos.Line, Column: e.Pos.Column, Reason: e.Msg, Hint: e.Hint}))
	}
	for _, v := range rep.verdicts {
		errs = append(errs, enc.Encode(newCheckLine(v, v.State.String())))
	}
	for _, e := range rep.thresholds {
		errs = append(errs, enc.Encode(checkLine{State: "left out", File: e.Pos.File, Line: e.Pos.Line, Column: e.Pos.Column, Reason: e.Msg, Hint: e.Hint}))
	}
	for _, v := range rep.warnings {
		errs = append(errs, enc.Encode(newCheckLine(v, "warning")))
	}
	return errors.Join(append(errs, enc.Encode(struct {
		*ruleReport
		Version string       `json:"version"`
		Bytes   int          `json:"bytes"`
		Stats   detect.Stats `json:"stats"`
	}{rep, c.set.Version(), c.bytes, c.set.Stats()}))...)
}
