package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

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

func (a *app) checkConfigs(names []string, asJSON bool) error {
	all, wrong := []config.Complaint{}, error(nil)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return fail(err, "name a configuration, such as mirrorwall.yaml")
		}
		_, errs, warnings := config.Examine(name, text, checkConfig)
		all = append(append(all, errs.Complaints("error")...), warnings.Complaints("warning")...)
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
	f := &consoleFlags{}
	c := &cobra.Command{
		Use:   "diff [OLD NEW]",
		Short: "Say where two configurations differ in what they say",
		Long: "Diff compares configurations place by place: comments, the order of keys and\n" +
			"ways of writing the same value are no differences, the order of rules is. The\n" +
			"status is 0 when they say the same, 3 when they differ, 1 when one is no\n" +
			"configuration. OLD and NEW are files, or numbers of a console's versions; without\n" +
			"them it compares what the console runs with its candidate.",
		Example: "  mirrorwall config diff running.yaml candidate.yaml\n  mirrorwall config diff 7 8",
		Args: cobra.MatchAll(cobra.MaximumNArgs(2), func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return &failure{err: errors.New("want two, or none"), hint: "see mirrorwall config diff --help", code: exitUsage}
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			var changes []config.Change
			var err error
			if len(args) == 0 || isNumber(args[0]) && isNumber(args[1]) {
				var cl *client
				if cl, err = f.client(); err == nil {
					changes, err = a.diffRemote(cmd.Context(), cl, args)
				}
			} else {
				changes, err = diffFiles(args[0], args[1])
			}
			if err != nil {
				return err
			}
			return a.printChanges(changes, asJSON)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print the differences as JSON")
	return c
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

func diffFiles(before, after string) ([]config.Change, error) {
	var texts [2][]byte
	for i, name := range []string{before, after} {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fail(err, "name two configurations")
		}
		if _, errs, _ := config.Examine(name, text); len(errs) > 0 {
			return nil, fail(errs, "mirrorwall config check tells all that is wrong with a configuration")
		}
		texts[i] = text
	}
	return config.Diff(texts[0], texts[1])
}

func (a *app) printChanges(changes []config.Change, asJSON bool) error {
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
