// Package cli is the command line: one file a command. It reads flags, calls
// the rooms, and turns their errors into what, where, why and a hint.
package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitWanting = 3 // checked, and found wanting
	exitSignal  = 130
)

// app is what every command shares.
type app struct {
	in       io.Reader
	out, err io.Writer
	lines    *bufio.Reader // of in, once a line of it was read
}

// Main runs the command line and returns the exit status.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks; after it the next one ends the process, also where
	// a call blocks that can't be asked (the open of a pipe).
	context.AfterFunc(ctx, stop)
	w := &checkedWriter{w: out}
	a := &app{in: in, out: w, err: errw}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if w.err != nil && err == nil {
		err = fail(fmt.Errorf("standard output: %w", w.err), "is the disk full, or the pipe closed?")
	}
	return a.finish(err)
}

// checkedWriter remembers the first failed write: what was not printed must
// not count as done.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

// fileOf is the file that w writes to, or nil: for those who ask whether it is
// a terminal.
func fileOf(w io.Writer) *os.File {
	if c, ok := w.(*checkedWriter); ok {
		w = c.w
	}
	f, _ := w.(*os.File)
	return f
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
		a.sensorCommand(),
		a.consoleCommand(),
		a.doctorCommand(),
		a.replayCommand(),
		a.rulesCommand(),
		a.configCommand(),
		a.respondCommand(),
		a.logsCommand(),
		a.evidenceCommand(),
		a.loginCommand(),
		a.userCommand(),
		a.tokenCommand(),
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

// withHint is fail for an error that may know its own hint, and keeps that.
func withHint(err error, hint string) error {
	var h hinter
	if errors.As(err, &h) {
		return err
	}
	return fail(err, hint)
}

// finish prints an error, or each of several with its own hint, and chooses
// the exit status: the first one's.
func (a *app) finish(err error) int {
	if err == nil {
		return exitDone
	}
	if parts := joined(err); parts != nil {
		status := exitDone
		for _, e := range parts {
			status = cmp.Or(status, a.finish(e))
		}
		return status
	}
	var f *failure
	var h hinter
	var ce *childError
	var again *restartError
	hint, code := "", exitFailed
	switch {
	case errors.As(err, &f):
		if f.err == nil {
			return f.code
		}
		hint, code = f.hint, f.code
	case errors.As(err, &ce):
		return ce.code
	case errors.As(err, &again):
		return exitRestart
	case errors.As(err, &h):
		hint = h.Hint()
	case errors.Is(err, context.Canceled):
		return exitSignal
	case isUsage(err):
		hint, code = "see mirrorwall --help", exitUsage
	}
	a.complain(err, hint)
	return code
}

// joined returns the parts of an error made by errors.Join, nil for others: an
// error with several %w has a text of its own, which must not be taken apart.
func joined(err error) []error {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	parts := j.Unwrap()
	texts := make([]string, len(parts))
	for i, e := range parts {
		texts[i] = e.Error()
	}
	if strings.Join(texts, "\n") != err.Error() {
		return nil
	}
	return parts
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
