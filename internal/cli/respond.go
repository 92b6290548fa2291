package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/respond"
)

func (a *app) respondCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "respond",
		Short: "Show dead letters, and send them again",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.respondList(), a.respondReplay())
	return c
}

func (a *app) respondList() *cobra.Command {
	path, asJSON := "", false
	c := &cobra.Command{
		Use:   "list",
		Short: "List the deliveries that were given up",
		Long: "List reads the dead letters in the state folder of the configuration: deliveries\n" +
			"that a receiver refused, or that failed too often. The service may be running or\n" +
			"not; run it as root or as the service's user.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.listDead(path, asJSON) },
	}
	c.Flags().StringVarP(&path, "config", "c", "mirrorwall.yaml", "configuration `file`")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one letter a line, with the record")
	return c
}

func (a *app) respondReplay() *cobra.Command {
	path := ""
	c := &cobra.Command{
		Use:   "replay [MATCH-LIST...]",
		Short: "Send dead letters again",
		Long: "Replay sends the dead letters (those of the named match lists, or all) once more,\n" +
			"by the actions of the configuration and with the ids that they had. What is\n" +
			"delivered leaves the list; what is not stays. When a receiver does not answer,\n" +
			"the rest of its match list is left for later. The service may be running or not;\n" +
			"run it as root or as the service's user. Exit status 3 when letters are left.",
		Example: "  mirrorwall respond replay\n  mirrorwall respond replay tickets",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.replayDead(cmd.Context(), path, args) },
	}
	c.Flags().StringVarP(&path, "config", "c", "mirrorwall.yaml", "configuration `file`")
	return c
}

func deadFolder(cfg *config.Config) string { return filepath.Join(cfg.State, "dead") }

func (a *app) listDead(path string, asJSON bool) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	dir, n := deadFolder(cfg), 0
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	damaged := 0
	table(a.out, func(tw *tabwriter.Writer) {
		damaged, err = respond.ListDead(dir, func(l *respond.DeadLetter) error {
			n++
			if asJSON {
				return enc.Encode(l)
			}
			if n == 1 {
				fmt.Fprintln(tw, "GIVEN UP\tMATCH LIST\tATTEMPTS\tRECORD\tERROR")
			}
			_, err := fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\n", l.Time.UTC().Format(time.RFC3339), printable(l.MatchList), l.Attempts,
				printable(aboutRecord(l.Record)), printable(l.Error))
			return err
		})
	})
	if err != nil {
		return deadError(err)
	}
	if !asJSON {
		fmt.Fprintf(a.out, "%s in %s\n", counted(uint64(n), "dead letter"), dir)
		if n > 0 {
			fmt.Fprintln(a.out, "mirrorwall respond replay sends them again; --json shows the records")
		}
	}
	return unreadable(dir, damaged)
}

// aboutRecord says in a few words which record it is.
func aboutRecord(line []byte) string {
	e, err := record.ParseEVE(line)
	if err != nil {
		return "unreadable"
	}
	what := e.Log
	if e.ThreatName != "" {
		what += ": " + e.ThreatName
	}
	if e.Src.IsValid() && e.Dst.IsValid() {
		what += fmt.Sprintf(", %s > %s:%d", e.Src, e.Dst, e.DstPort)
	}
	return what
}

func (a *app) replayDead(ctx context.Context, path string, names []string) error {
	cfg, err := loadConfig(path, checkActions)
	if err != nil {
		return err
	}
	lists, err := matchLists(cfg)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(lists, func(m *respond.MatchList) bool { return m.Name == name }) {
			return &failure{err: fmt.Errorf("no match list %q in %s", name, path), hint: "respond: in the file has their names", code: exitUsage}
		}
	}
	dir := deadFolder(cfg)
	sum, err := respond.ReplayDead(ctx, dir, lists, names, respond.Options{}, func(o respond.Outcome) {
		switch {
		case errors.Is(o.Err, respond.ErrNoList):
			fmt.Fprintf(a.err, "%s: %v\n", printable(o.Delivery.MatchList), o.Err)
		case o.Err != nil:
			fmt.Fprintf(a.err, "%s: %s: %s\n", o.Delivery.MatchList, o.Delivery.ID, printable(o.Err.Error()))
		}
	})
	if err != nil {
		err = deadError(err)
	}
	fmt.Fprintf(a.out, "%s delivered, %d left in %s\n", counted(uint64(sum.Delivered), "dead letter"), sum.Left, dir)
	if err = errors.Join(err, unreadable(dir, sum.Damaged)); err == nil && sum.Left > 0 {
		return &failure{code: exitWanting}
	}
	return err
}

// deadError adds what a person can do.
func deadError(err error) error {
	switch {
	case errors.Is(err, filelock.ErrLocked):
		return fail(err, "another mirrorwall respond replay is at work")
	case errors.Is(err, fs.ErrPermission):
		return fail(err, "run it as root, or as the user that the service runs as")
	case errors.Is(err, fs.ErrNotExist):
		return fail(err, "state: of the configuration names the folder; has the service run with it, from this working folder?")
	}
	return err
}

func unreadable(dir string, n int) error {
	if n == 0 {
		return nil
	}
	return fail(fmt.Errorf("%s: %s can't be read", dir, counted(uint64(n), "block")), "the disk lost them (power, a bad sector); the others are not touched by it")
}
