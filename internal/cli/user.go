package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/console"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

// remote makes a command that talks to a console.
func (f *consoleFlags) remote(use, short string, args cobra.PositionalArgs, run func(context.Context, *client, []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, words []string) error {
		c, err := f.client()
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, words)
	}}
}

func (a *app) userCommand() *cobra.Command {
	f := &consoleFlags{}
	role, asJSON := "analyst", false
	c := &cobra.Command{Use: "user", Short: "The console's users"}
	f.register(c)
	list := f.remote("list", "List the users", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		return a.listUsers(ctx, c, asJSON)
	})
	list.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	add := f.remote("add NAME", "Make a user; the password is asked for", cobra.ExactArgs(1), func(ctx context.Context, c *client, args []string) error {
		password, err := a.secret("password of " + args[0] + ": ")
		if err != nil {
			return err
		}
		var u access.User
		if err := c.call(ctx, http.MethodPost, "/api/v1/users", console.NewUser{Name: args[0], Role: role, Password: password}, &u); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s is a user now (%s)\n", u.Name, u.Role)
		return nil
	})
	add.Flags().StringVar(&role, "role", role, "`role`: "+roleNames())
	c.AddCommand(list, add,
		a.changeUser(f, "role NAME ROLE", "Give a user another role: "+roleNames(), 2, http.MethodPut, "/role", func(args []string) (any, error) {
			return map[string]string{"role": args[1]}, nil
		}),
		a.changeUser(f, "passwd NAME", "Give a user a new password, which is asked for", 1, http.MethodPut, "/password", func(args []string) (any, error) {
			p, err := a.secret("new password of " + args[0] + ": ")
			return map[string]string{"password": p}, err
		}),
		a.changeUser(f, "disable NAME", "Keep a user out; sessions and tokens end", 1, http.MethodPut, "/disabled", func([]string) (any, error) {
			return map[string]bool{"disabled": true}, nil
		}),
		a.changeUser(f, "enable NAME", "Let a user in again", 1, http.MethodPut, "/disabled", func([]string) (any, error) {
			return map[string]bool{"disabled": false}, nil
		}),
		a.changeUser(f, "remove NAME", "Remove a user", 1, http.MethodDelete, "", func([]string) (any, error) { return nil, nil }),
	)
	return c
}

func roleNames() string {
	var out []string
	for _, r := range access.Roles() {
		out = append(out, string(r.Role))
	}
	return strings.Join(out, ", ")
}

// changeUser makes a command that changes the user of a name.
func (a *app) changeUser(f *consoleFlags, use, short string, args int, method, path string, body func([]string) (any, error)) *cobra.Command {
	return f.remote(use, short, cobra.ExactArgs(args), func(ctx context.Context, c *client, words []string) error {
		id, err := userID(ctx, c, words[0])
		if err != nil {
			return err
		}
		in, err := body(words)
		if err != nil {
			return err
		}
		if err := c.call(ctx, method, fmt.Sprintf("/api/v1/users/%d%s", id, path), in, nil); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s: done\n", words[0])
		return nil
	})
}

func userID(ctx context.Context, c *client, name string) (int64, error) {
	var all []access.User
	if err := c.call(ctx, http.MethodGet, "/api/v1/users", nil, &all); err != nil {
		return 0, err
	}
	for _, u := range all {
		if u.Name == name {
			return u.ID, nil
		}
	}
	return 0, fail(fmt.Errorf("no user %q", name), "mirrorwall user list")
}

func (a *app) listUsers(ctx context.Context, c *client, asJSON bool) error {
	var all []access.User
	if err := c.call(ctx, http.MethodGet, "/api/v1/users", nil, &all); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(all)
	}
	table(a.out, func(tw *tabwriter.Writer) {
		fmt.Fprintln(tw, "NAME\tROLE\tSTATE\tSECOND FACTOR\tLAST LOGIN")
		for _, u := range all {
			state, factor := "", "no"
			if u.Disabled {
				state = "disabled"
			}
			if u.TOTP {
				factor = "yes"
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", printable(u.Name), u.Role, state, factor, day(u.LastLogin))
		}
	})
	return nil
}

// day writes a time that may never have been.
func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
