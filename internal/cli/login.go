package cli

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/console"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

func (a *app) loginCommand() *cobra.Command {
	var f consoleFlags
	days := 30
	setup := ""
	c := &cobra.Command{
		Use:   "login NAME",
		Short: "Sign in to a console, for the commands logs, user and token",
		Long: "Login asks for the password and keeps an API token of the user, with all that the\n" +
			"user may do, in a file of the user's configuration folder. With --setup it first\n" +
			"makes the first superuser, with the token that the console printed when it started.\n" +
			"The password is read from the terminal, or from standard input when that is none.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			return a.login(cmd.Context(), cl, args[0], setup, days)
		},
	}
	f.register(c)
	c.Flags().IntVar(&days, "days", days, "how long the token is good")
	c.Flags().StringVar(&setup, "setup", "", "setup `token` of a console that has no superuser yet")
	return c
}

func (a *app) login(ctx context.Context, c *client, name, setup string, days int) error {
	password, err := a.secret("password of " + name + ": ")
	if err != nil {
		return err
	}
	c.Token = ""
	if setup != "" {
		err := c.call(ctx, http.MethodPost, "/api/v1/setup", map[string]string{"token": setup, "name": name, "password": password}, nil)
		if err != nil {
			return err
		}
	}
	if err := c.begin(ctx, a, name, password); err != nil {
		return err
	}
	var who access.Identity
	if err := c.call(ctx, http.MethodGet, "/api/v1/whoami", nil, &who); err != nil {
		return err
	}
	host, _ := os.Hostname() // only part of a name
	ask := console.TokenRequest{Name: "mirrorwall login on " + host, Expires: time.Now().AddDate(0, 0, days)}
	for _, p := range who.Permissions {
		ask.Scopes = append(ask.Scopes, string(p))
	}
	var made console.MadeToken
	if err := c.call(ctx, http.MethodPost, "/api/v1/tokens", ask, &made); err != nil {
		return err
	}
	if err := c.call(ctx, http.MethodPost, "/api/v1/logout", nil, nil); err != nil {
		return err
	}
	c.profile.Token = made.Text
	path, err := c.save()
	if err != nil {
		return fail(err, "the token was made and is lost: mirrorwall token list, revoke")
	}
	fmt.Fprintf(a.out, "signed in to %s as %s (%s) until %s; kept in %s\n", c.Console, who.Name, who.Role, ask.Expires.Format(time.DateOnly), path)
	return nil
}

// begin begins a session, with the second factor when the user has one.
func (c *client) begin(ctx context.Context, a *app, name, password string) error {
	in := map[string]string{"name": name, "password": password}
	res, err := c.open(ctx, http.MethodPost, "/api/v1/login", in)
	if err != nil && strings.Contains(err.Error(), "second factor") {
		if in["code"], err = a.secret("code of the second factor: "); err != nil {
			return err
		}
		res, err = c.open(ctx, http.MethodPost, "/api/v1/login", in)
	}
	if err != nil {
		return err
	}
	defer res.Body.Close() // only read
	if all := res.Cookies(); len(all) > 0 {
		c.cookie = all[0]
	}
	return nil
}

// secret asks for a text that is not shown, or reads a line when nobody types.
func (a *app) secret(prompt string) (string, error) {
	if f, ok := a.in.(*os.File); ok {
		if show, hidden := hideTyping(f); hidden {
			fmt.Fprint(a.err, prompt)
			defer fmt.Fprintln(a.err)
			defer show()
		}
	}
	if a.lines == nil {
		a.lines = bufio.NewReader(a.in)
	}
	line, err := a.lines.ReadString('\n')
	if line == "" && err != nil {
		return "", &failure{err: fmt.Errorf("no %sgiven", strings.TrimSuffix(prompt, ": ")+" "), hint: "it is read from standard input, one a line", code: exitUsage}
	}
	return strings.TrimRight(line, "\r\n"), nil
}
