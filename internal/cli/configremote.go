package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console"
)

const configAPI = "/api/v1/config"

// remoteConfig makes a subcommand of config that talks to a console; args is how
// many words it takes at most, and at least where that differs.
func (a *app) remoteConfig(use, short string, args cobra.PositionalArgs, run func(context.Context, *client, []string) error) *cobra.Command {
	f := &consoleFlags{}
	c := f.remote(use, short, args, run)
	f.register(c)
	return c
}

// configCommands are those that steer a console's configurations.
func (a *app) configCommands() []*cobra.Command {
	return []*cobra.Command{
		a.configStatus(), a.configShow(), a.configLoad(), a.configCommit(), a.configHistory(), a.configRollback(), a.configJobs(),
		a.remoteConfig("save NAME", "Keep the console's candidate under a name", cobra.ExactArgs(1), func(ctx context.Context, c *client, args []string) error {
			return a.did(c.call(ctx, http.MethodPut, configAPI+"/saved/"+args[0], nil, nil), "saved as %s\n", args[0])
		}),
		a.remoteConfig("revert", "Make the console's candidate what runs", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
			return a.did(c.call(ctx, http.MethodPost, configAPI+"/candidate/revert", nil, nil), "the candidate is what runs\n")
		}),
		a.remoteConfig("confirm", "Keep a commit that would be undone", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
			return a.did(c.call(ctx, http.MethodPost, configAPI+"/confirm", nil, nil), "confirmed\n")
		}),
		a.configLock(), a.configUnlock(),
	}
}

// did prints what was done, unless it was not.
func (a *app) did(err error, format string, args ...any) error {
	if err == nil {
		fmt.Fprintf(a.out, format, args...)
	}
	return err
}

func (a *app) configStatus() *cobra.Command {
	asJSON := false
	c := a.remoteConfig("status", "What runs, what waits, who holds locks, what the sensors say", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		var st console.ConfigStatus
		if err := c.call(ctx, http.MethodGet, configAPI, nil, &st); err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(st)
		}
		table(a.out, func(w *tabwriter.Writer) { printStatus(w, &st) })
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func printStatus(w io.Writer, st *console.ConfigStatus) {
	fmt.Fprintf(w, "running\t%s\n", versionLine(st.Running))
	switch {
	case !st.Changed:
		fmt.Fprintln(w, "candidate\tas running")
	case len(st.Edits) == 0:
		fmt.Fprintln(w, "candidate\tchanged")
	}
	for _, e := range st.Edits {
		fmt.Fprintf(w, "candidate\t%s changed %s\n", printable(e.Author), printable(e.Section))
	}
	for _, l := range st.Locks {
		fmt.Fprintf(w, "lock\t%s: %s since %s %s\n", l.Kind, printable(l.Author), day(l.Time), printable(l.Comment))
	}
	if !st.Confirm.IsZero() {
		fmt.Fprintf(w, "unconfirmed\tundone at %s: mirrorwall config confirm\n", day(st.Confirm))
	}
	for _, r := range st.Sensors {
		fmt.Fprintf(w, "sensor\t%s\n", sensorLine(r))
	}
	if !st.Managed {
		fmt.Fprintln(w, "file\tthe configuration file is in force until the first commit")
	}
}

func versionLine(v lifecycle.Version) string {
	text := fmt.Sprintf("version %d, %s, %s", v.Number, day(v.Time), printable(v.Author))
	if v.Comment != "" {
		text += ": " + printable(v.Comment)
	}
	if v.Only != "" {
		text += " (only what " + printable(v.Only) + " changed)"
	}
	if v.Back != 0 {
		text += fmt.Sprintf(" (back to version %d)", v.Back)
	}
	return text
}

func sensorLine(r lifecycle.Report) string {
	text := fmt.Sprintf("%s runs version %d", printable(r.Sensor), r.Number)
	if r.Number == 0 {
		text = printable(r.Sensor) + " runs what its file says"
	}
	if len(r.Waits) > 0 {
		text += "; " + strings.Join(r.Waits, ", ") + " at its next start"
	}
	if r.Error != "" {
		text += fmt.Sprintf("; refused version %d: %s", r.Refused, printable(r.Error))
	}
	return text
}

func (a *app) configShow() *cobra.Command {
	candidate, number := false, uint64(0)
	c := a.remoteConfig("show", "Print the console's running configuration, the candidate, or a version", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		path := configAPI + "/candidate"
		if !candidate {
			if number == 0 {
				var st console.ConfigStatus
				if err := c.call(ctx, http.MethodGet, configAPI, nil, &st); err != nil {
					return err
				}
				number = st.Running.Number
			}
			path = fmt.Sprintf("%s/versions/%d", configAPI, number)
		}
		var text console.ConfigText
		if err := c.call(ctx, http.MethodGet, path, nil, &text); err != nil {
			return err
		}
		_, _ = io.WriteString(a.out, text.Text) // the writer remembers a failure
		return nil
	})
	c.Flags().BoolVar(&candidate, "candidate", false, "the one that is edited")
	c.Flags().Uint64Var(&number, "version", 0, "version `N` of config history")
	c.MarkFlagsMutuallyExclusive("candidate", "version")
	return c
}

func (a *app) configLoad() *cobra.Command {
	saved := false
	c := a.remoteConfig("load FILE", "Make a file, or - or a saved configuration, the console's candidate", cobra.ExactArgs(1), func(ctx context.Context, c *client, args []string) error {
		if saved {
			return a.did(c.call(ctx, http.MethodPost, configAPI+"/saved/"+args[0]+"/load", nil, nil), loaded)
		}
		text, err := a.readText(args[0])
		if err != nil {
			return err
		}
		return a.did(c.call(ctx, http.MethodPut, configAPI+"/candidate", console.ConfigText{Text: string(text)}, nil), loaded)
	})
	c.Flags().BoolVar(&saved, "saved", false, "FILE is a name that config save gave")
	return c
}

const loaded = "the candidate is loaded; next: mirrorwall config diff, mirrorwall config commit\n"

func (a *app) readText(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(a.in, maxConfigText))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fail(err, "name a configuration, such as mirrorwall.yaml, or - for standard input")
	}
	return text, nil
}

func (a *app) configHistory() *cobra.Command {
	asJSON := false
	c := a.remoteConfig("history", "The console's versions, the newest first", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		var all []lifecycle.Version
		if err := c.call(ctx, http.MethodGet, configAPI+"/versions", nil, &all); err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(a.out).Encode(all)
		}
		for _, v := range all {
			fmt.Fprintln(a.out, versionLine(v))
		}
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func (a *app) configJobs() *cobra.Command {
	cancel := uint64(0)
	c := a.remoteConfig("jobs", "Commits that were asked for, the newest first", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		if cancel != 0 {
			return a.did(c.call(ctx, http.MethodDelete, fmt.Sprintf("%s/jobs/%d", configAPI, cancel), nil, nil), "job %d: asked to end\n", cancel)
		}
		var all []console.CommitJob
		if err := c.call(ctx, http.MethodGet, configAPI+"/jobs", nil, &all); err != nil {
			return err
		}
		for _, j := range all {
			fmt.Fprintf(a.out, "job %d, %s, %s: %s %s\n", j.ID, day(j.Asked), printable(j.Author), j.State, printable(j.Message))
		}
		return nil
	})
	c.Flags().Uint64Var(&cancel, "cancel", 0, "cancel job `N`")
	return c
}

func (a *app) configLock() *cobra.Command {
	comment, kind := "", "config"
	c := a.remoteConfig("lock", "Keep others from editing the candidate, or from committing", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		return a.did(c.call(ctx, http.MethodPut, configAPI+"/locks/"+kind, console.Comment{Comment: comment}, nil), "you hold the %s lock\n", kind)
	})
	c.Flags().StringVarP(&comment, "comment", "m", "", "`why`, for the others")
	c.Flags().StringVar(&kind, "kind", kind, "config: editing; commit: committing")
	return c
}

func (a *app) configUnlock() *cobra.Command {
	kind := "config"
	c := a.remoteConfig("unlock", "Release a lock", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		return a.did(c.call(ctx, http.MethodDelete, configAPI+"/locks/"+kind, nil, nil), "nobody holds the %s lock\n", kind)
	})
	c.Flags().StringVar(&kind, "kind", kind, "config or commit")
	return c
}

func commitFlags(c *cobra.Command, r *console.CommitRequest, confirm *time.Duration) {
	c.Flags().StringVarP(&r.Comment, "comment", "m", "", "`what` it is, for the history")
	c.Flags().DurationVar(confirm, "confirm", 0, "undo it unless mirrorwall config confirm follows within this `time`, as 5m")
	c.Flags().BoolVar(&r.Strict, "strict", false, "warnings hinder it")
}

func (a *app) configCommit() *cobra.Command {
	var r console.CommitRequest
	var confirm time.Duration
	c := a.remoteConfig("commit", "Make the console's candidate run, on every sensor", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		r.Confirm = int(confirm / time.Second)
		return a.commit(ctx, c, r)
	})
	commitFlags(c, &r, &confirm)
	c.Flags().BoolVar(&r.Mine, "mine", false, "only what you alone have changed")
	return c
}

func (a *app) configRollback() *cobra.Command {
	var r console.CommitRequest
	var confirm time.Duration
	c := a.remoteConfig("rollback VERSION", "Run a version of config history again", cobra.ExactArgs(1), func(ctx context.Context, c *client, args []string) error {
		n, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return &failure{err: fmt.Errorf("want the number of a version, got %q", args[0]), hint: "mirrorwall config history", code: exitUsage}
		}
		if err := c.call(ctx, http.MethodPost, fmt.Sprintf("%s/versions/%d/restore", configAPI, n), nil, nil); err != nil {
			return err
		}
		if r.Comment == "" {
			r.Comment = fmt.Sprintf("version %d again", n)
		}
		r.Confirm = int(confirm / time.Second)
		return a.commit(ctx, c, r)
	})
	commitFlags(c, &r, &confirm)
	return c
}

// Times of waiting for a commit, and for the sensors that are known to take it.
const (
	askEvery   = 100 * time.Millisecond
	sensorWait = 30 * time.Second
)

// commit commits and waits for its end, then for the sensors.
func (a *app) commit(ctx context.Context, c *client, r console.CommitRequest) error {
	var j console.CommitJob
	if err := c.call(ctx, http.MethodPost, configAPI+"/commit", r, &j); err != nil {
		return err
	}
	for j.State == lifecycle.Queued || j.State == lifecycle.Working {
		if err := pauseFor(ctx, askEvery); err != nil {
			return err
		}
		if err := c.call(ctx, http.MethodGet, fmt.Sprintf("%s/jobs/%d", configAPI, j.ID), nil, &j); err != nil {
			return err
		}
	}
	for _, w := range j.Warnings {
		fmt.Fprintf(a.out, "warning: %s\n", printable(w))
	}
	if j.State != lifecycle.Done {
		f := &failure{err: fmt.Errorf("not committed: %s", j.Message), code: exitFailed}
		if len(j.Errors) > 0 {
			f.code, f.hint = exitWanting, "the keys are described in docs/config.md"
		}
		return f
	}
	fmt.Fprintf(a.out, "version %d runs\n", j.Version)
	if j.Message != "" {
		fmt.Fprintf(a.out, "%s\n", printable(j.Message))
	}
	return a.awaitSensors(ctx, c, j.Version)
}

func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// awaitSensors waits until every sensor that was heard of runs the version, or
// says why not. A console that starts again with it meanwhile is waited for.
func (a *app) awaitSensors(ctx context.Context, c *client, version uint64) error {
	var st console.ConfigStatus
	var wait int
	for end := time.Now().Add(sensorWait); ; {
		err := c.call(ctx, http.MethodGet, configAPI, nil, &st)
		if err != nil && time.Now().After(end) {
			return err
		}
		wait = 0
		for _, r := range st.Sensors {
			if r.Number < version && r.Refused < version {
				wait++
			}
		}
		if err == nil && wait == 0 || time.Now().After(end) || st.Running.Number > version {
			break
		}
		if err := pauseFor(ctx, askEvery); err != nil {
			return err
		}
	}
	var errs []error
	for _, r := range st.Sensors {
		if r.Number < version {
			errs = append(errs, fail(errors.New(sensorLine(r)), "mirrorwall config status tells how it goes on"))
			continue
		}
		fmt.Fprintln(a.out, sensorLine(r))
	}
	return errors.Join(errs...)
}

// diffRemote compares the console's candidate with what runs, or two versions.
func (a *app) diffRemote(ctx context.Context, c *client, versions []string) ([]config.Change, error) {
	query := ""
	if len(versions) == 2 {
		query = "?from=" + versions[0] + "&to=" + versions[1]
	}
	var changes []config.Change
	return changes, c.call(ctx, http.MethodGet, configAPI+"/diff"+query, nil, &changes)
}
