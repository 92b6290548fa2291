package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config"
)

func (a *app) configCheck() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Say what is wrong with a configuration, without a service",
		Long: "Check reads configurations as run would and tells all that is wrong, each at\n" +
			"its line and column, and what is hardly meant as warnings: rules that never\n" +
			"match, objects that nothing uses. Without FILE it reads mirrorwall.yaml. The\n" +
			"status is 3 when something is wrong; warnings alone leave it 0.",
		Example: "  mirrorwall config check\n  mirrorwall config check --json new.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"mirrorwall.yaml"}
			}
			return a.checkConfigs(args, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the complaints as JSON")
	return c
}

// complaint is one of them as config check --json prints it.
type complaint struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Level   string `json:"level"` // error or warning
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func complaints(level string, in config.Errors) []complaint {
	var out []complaint
	for _, e := range in {
		out = append(out, complaint{File: e.Pos.File, Line: e.Pos.Line, Column: e.Pos.Column, Level: level, Message: e.Msg, Hint: e.Hint})
	}
	return out
}

func (a *app) checkConfigs(names []string, asJSON bool) error {
	all, wrong := []complaint{}, error(nil)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return fail(err, "name a configuration, such as mirrorwall.yaml")
		}
		_, errs, warnings := config.Examine(name, text, checkConfig)
		all = append(append(all, complaints("error", errs)...), complaints("warning", warnings)...)
		if len(errs) > 0 {
			wrong = errors.Join(wrong, &failure{err: errs, hint: errs.Hint(), code: exitWanting})
		}
		if asJSON {
			continue
		}
		for _, w := range warnings {
			fmt.Fprintf(a.out, "warning: %s\n", w.Detail())
		}
		if len(errs) == 0 {
			fmt.Fprintf(a.out, "%s: no errors, %d warnings\n", name, len(warnings))
		}
	}
	if !asJSON {
		return wrong
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	if wrong != nil {
		return &failure{code: exitWanting} // the JSON says why
	}
	return nil
}

func (a *app) configDiff() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say where two configurations differ in what they say",
		Long: "Diff compares configurations place by place: comments, the order of keys and\n" +
			"ways of writing the same value are no differences, the order of rules is. The\n" +
			"status is 0 when they say the same, 3 when they differ, 1 when one is no\n" +
			"configuration.",
		Example: "  mirrorwall config diff running.yaml candidate.yaml",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.diffConfigs(args[0], args[1], asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the differences as JSON")
	return c
}

func (a *app) diffConfigs(before, after string, asJSON bool) error {
	var texts [2][]byte
	for i, name := range []string{before, after} {
		text, err := os.ReadFile(name)
		if err != nil {
			return fail(err, "name two configurations")
		}
		if _, errs, _ := config.Examine(name, text); len(errs) > 0 {
			return fail(errs, "mirrorwall config check tells all that is wrong with a configuration")
		}
		texts[i] = text
	}
	changes, err := config.Diff(texts[0], texts[1])
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		if err := e.Encode(append([]config.Change{}, changes...)); err != nil {
			return err
		}
	} else {
		for _, c := range changes {
			if c.Old != "" {
				fmt.Fprintf(a.out, "- %s: %s\n", c.Path, c.Old)
			}
			if c.New != "" {
				fmt.Fprintf(a.out, "+ %s: %s\n", c.Path, c.New)
			}
		}
	}
	if len(changes) > 0 {
		return &failure{code: exitWanting}
	}
	return nil
}
