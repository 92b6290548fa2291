package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/detect"
)

func (a *app) rulesList() *cobra.Command {
	var f rulesFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the active signatures",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			got, err := a.compile(&f, f.rules)
			if err != nil {
				return err
			}
			rs := got.set
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
	f.addJSON(c)
	f.add(c)
	f.addRules(c)
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
			got, err := a.compile(&f, f.rules)
			if err != nil {
				return err
			}
			rs, rep := got.set, got.report
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
	f.add(c)
	f.addRules(c)
	return c
}
