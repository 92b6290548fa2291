package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func (a *app) rulesList() *cobra.Command {
	var f rulesFlags
	var all bool
	c := &cobra.Command{
		Use:   "list [FILE...]",
		Short: "List the signatures",
		Long: "List prints the active signatures in the order in which they are evaluated, and\n" +
			"with --all those that do not run behind them. With --json each line is one\n" +
			"signature with its fast pattern, buffers, metadata, place and text.",
		RunE: func(_ *cobra.Command, args []string) error {
			got, err := a.compile(&f, slices.Concat(args, f.rules))
			if err != nil {
				return err
			}
			list := listRules(got, all)
			if f.json {
				enc := json.NewEncoder(a.out)
				enc.SetEscapeHTML(false)
				for i := range list {
					if err := enc.Encode(&list[i]); err != nil {
						return err
					}
				}
				return nil
			}
			table(a.out, func(tw *tabwriter.Writer) { listTable(tw, list, all) })
			return nil
		},
	}
	f.addJSON(c)
	f.add(c)
	f.addRules(c)
	c.Flags().BoolVar(&all, "all", false, "also the rules that do not run")
	return c
}

// listTable prints the list for people, with the state where it may differ.
func listTable(tw *tabwriter.Writer, list []listLine, all bool) {
	state := func(s string) string {
		if !all {
			return ""
		}
		return s + "\t"
	}
	fmt.Fprintln(tw, "SID\tREV\t"+state("STATE")+"SEVERITY\tCLASS\tNAME")
	for _, l := range list {
		fmt.Fprintf(tw, "%d\t%d\t%s%s\t%s\t%s\n", l.SID, l.Rev, state(l.State), cmp.Or(l.Severity, "-"), cmp.Or(l.Class, "-"), printable(l.Msg))
	}
}

// listLine is one line of rules list --json. Keys are added, never renamed.
type listLine struct {
	SID       uint32              `json:"sid"`
	GID       uint32              `json:"gid"`
	Rev       uint32              `json:"rev"`
	State     string              `json:"state"`
	Reason    string              `json:"reason,omitempty"` // of a rule that does not run
	Action    string              `json:"action"`
	Msg       string              `json:"msg"`
	Severity  string              `json:"severity,omitempty"`
	Priority  int                 `json:"priority,omitempty"`
	Class     string              `json:"classtype,omitempty"`
	Protocol  string              `json:"protocol"`            // of the header
	Protocols []string            `json:"protocols,omitempty"` // of transactions
	Buffers   []string            `json:"buffers,omitempty"`
	FoundBy   string              `json:"found_by,omitempty"`
	Fast      *detect.Fast        `json:"fast_pattern,omitempty"`
	Metadata  map[string][]string `json:"metadata,omitempty"`
	File      string              `json:"file"`
	Line      int                 `json:"line"`
	Column    int                 `json:"column"`
	Text      string              `json:"text"`
}

// listRules lists the active rules, and those that don't run if all is wanted.
func listRules(c *compiledRules, all bool) []listLine {
	var out []listLine
	for _, s := range c.set.Signatures() {
		l := newListLine(s.Rule, detect.Active)
		l.GID, l.Severity, l.Priority, l.Class = s.GID, severityOf(s), s.Priority, s.Classtype
		l.Protocols, l.Buffers, l.FoundBy, l.Fast = c.set.Protocols(s), s.Buffers(), s.FoundBy(), s.Fast()
		for _, kv := range s.Metadata {
			if l.Metadata == nil {
				l.Metadata = map[string][]string{}
			}
			l.Metadata[kv[0]] = append(l.Metadata[kv[0]], kv[1])
		}
		out = append(out, l)
	}
	if !all {
		return out
	}
	for _, v := range c.report.verdicts {
		if v.Rule == nil {
			continue
		}
		l := newListLine(v.Rule, v.State)
		l.Reason = v.Reason
		out = append(out, l)
	}
	return out
}

func newListLine(r *rule.Rule, state detect.State) listLine {
	return listLine{SID: r.SID, GID: cmp.Or(r.GID, 1), Rev: r.Rev, State: state.String(), Action: r.ActionAs, Msg: r.Msg,
		Protocol: r.Proto, File: r.Pos.File, Line: r.Pos.Line, Column: r.Pos.Column, Text: r.Text}
}

func (a *app) rulesExplain() *cobra.Command {
	var f rulesFlags
	c := &cobra.Command{
		Use:   "explain SID [FILE...]",
		Short: "Show how a signature is looked for",
		Long: "Explain says of one signature where it can match, what is looked for first and\n" +
			"why, what is tested then, in which order it stands, and what it costs.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			sid, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return &failure{err: fmt.Errorf("sid: want a number, got %q", args[0]), code: exitUsage}
			}
			got, err := a.compile(&f, slices.Concat(args[1:], f.rules))
			if err != nil {
				return err
			}
			return a.explain(got, uint32(sid))
		},
	}
	f.add(c)
	f.addRules(c)
	return c
}

// explain prints the rules with a sid, of any gid, or why there is none.
func (a *app) explain(c *compiledRules, sid uint32) error {
	var out []string
	for _, s := range c.set.Signatures() {
		if s.SID == sid {
			out = append(out, c.set.Explain(s))
		}
	}
	if len(out) > 0 {
		_, err := fmt.Fprint(a.out, strings.Join(out, "\n"))
		return err
	}
	for _, v := range c.report.verdicts {
		if v.SID == sid {
			return &failure{err: errors.New(detail(v)), code: exitWanting}
		}
	}
	return fail(fmt.Errorf("no rule with sid %d", sid), "name the rules file behind it")
}
