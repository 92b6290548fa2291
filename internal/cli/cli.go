// Package cli is the command line: one file a command. It reads flags, calls
// the rooms, and turns their errors into what, where, why and a hint.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitWanting = 3 // checked, and found wanting
)

// app is what every command shares.
type app struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs the command line and returns the exit status.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: in, out: out, err: errw}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return a.finish(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "mirrorwall",
		Short:         "An out-of-band firewall for the cloud",
		Long:          "Mirrorwall reads mirrored packets (AWS VPC Traffic Mirroring and its like),\nnames the application of every flow, finds attacks, and responds.",
		SilenceErrors: true,
		SilenceUsage:  true,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &failure{err: err, hint: "see " + c.CommandPath() + " --help", code: exitUsage}
	})
	root.AddCommand(
		a.demoCommand(),
		a.inspectCommand(),
		a.runCommand(),
		a.doctorCommand(),
		a.replayCommand(),
		a.rulesCommand(),
		a.versionCommand(),
	)
	return root
}

// failure is an error with what a person can do about it.
type failure struct {
	err  error
	hint string
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail makes a failure with status 1.
func fail(err error, hint string) error {
	return &failure{err: err, hint: hint, code: exitFailed}
}

// hinter is an error that knows its own hint.
type hinter interface{ Hint() string }

// finish prints an error and chooses the exit status.
func (a *app) finish(err error) int {
	if err == nil {
		return exitDone
	}
	var f *failure
	if errors.As(err, &f) {
		if f.err != nil {
			a.complain(f.err, f.hint)
		}
		return f.code
	}
	var h hinter
	hint, code := "", exitFailed
	switch {
	case errors.As(err, &h):
		hint = h.Hint()
	case errors.Is(err, context.Canceled):
		return 130
	case isUsage(err):
		hint, code = "see mirrorwall --help", exitUsage
	}
	a.complain(err, hint)
	return code
}

func (a *app) complain(err error, hint string) {
	fmt.Fprintf(a.err, "mirrorwall: %v\n", err)
	if hint != "" {
		fmt.Fprintf(a.err, "hint: %s\n", hint)
	}
}

// isUsage recognises cobra's own complaints, which are not typed.
func isUsage(err error) bool {
	for _, p := range []string{"unknown command", "unknown flag", "accepts ", "requires ", "unknown shorthand"} {
		if len(err.Error()) >= len(p) && err.Error()[:len(p)] == p {
			return true
		}
	}
	return false
}
