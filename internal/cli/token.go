package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/console"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

func (a *app) tokenCommand() *cobra.Command {
	f := &consoleFlags{}
	asJSON, days := false, 90
	var scopes, networks []string
	c := &cobra.Command{Use: "token", Short: "One's own API tokens"}
	f.register(c)
	list := f.remote("list", "List the tokens", cobra.NoArgs, func(ctx context.Context, c *client, _ []string) error {
		return a.listTokens(ctx, c, asJSON)
	})
	list.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	create := f.remote("create NAME", "Make a token, and print it: it is not shown again", cobra.ExactArgs(1), func(ctx context.Context, c *client, args []string) error {
		var made console.MadeToken
		in := console.TokenRequest{Name: args[0], Scopes: scopes, Networks: networks, Expires: time.Now().AddDate(0, 0, days)}
		if err := c.call(ctx, http.MethodPost, "/api/v1/tokens", in, &made); err != nil {
			return err
		}
		fmt.Fprintln(a.out, made.Text)
		return nil
	})
	fl := create.Flags()
	fl.StringSliceVar(&scopes, "scope", []string{string(access.LogsRead)}, "`permission` that it has, more than once")
	fl.StringSliceVar(&networks, "network", nil, "`CIDR` that it may be used from, more than once; none: anywhere")
	fl.IntVar(&days, "days", days, "how long it is good, at most 366")
	revoke := f.remote("revoke ID", "Remove a token", cobra.ExactArgs(1), func(ctx context.Context, c *client, args []string) error {
		if err := c.call(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(args[0]), nil, nil); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s: revoked\n", args[0])
		return nil
	})
	c.AddCommand(list, create, revoke)
	return c
}

func (a *app) listTokens(ctx context.Context, c *client, asJSON bool) error {
	var all []access.Token
	if err := c.call(ctx, http.MethodGet, "/api/v1/tokens", nil, &all); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(all)
	}
	table(a.out, func(tw *tabwriter.Writer) {
		fmt.Fprintln(tw, "ID\tNAME\tEXPIRES\tLAST USED\tMAY")
		for _, t := range all {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%v\n", t.ID, printable(t.Name), day(t.Expires), day(t.LastUsed), t.Scopes)
		}
	})
	return nil
}
