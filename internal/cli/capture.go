package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/evidence"
)

func (a *app) evidenceCommand() *cobra.Command {
	f := &consoleFlags{}
	out := ""
	c := f.remote("evidence ID", "Show why a threat fired, and fetch its packets", cobra.ExactArgs(1), func(ctx context.Context, c *client, args []string) error {
		path := "/api/v1/evidence/" + url.PathEscape(args[0])
		if out != "" {
			return a.fetchCapture(ctx, c, path+"/pcap", out)
		}
		var file evidence.File
		if err := c.call(ctx, http.MethodGet, path, nil, &file); err != nil {
			return err
		}
		a.printCapture(&file)
		return nil
	})
	c.Long = "Evidence prints which rules a capture is about, and the bytes that each of their\n" +
		"contents found. With -o it writes the packets, as the mirror sent them; that is\n" +
		"audited. mirrorwall logs threat shows the ID in the column EVIDENCE."
	c.Example = "  mirrorwall evidence 2026030110-00c0ffee00c0ffee-1\n  mirrorwall evidence 2026030110-00c0ffee00c0ffee-1 -o why.pcap"
	f.register(c)
	c.Flags().StringVarP(&out, "output", "o", "", "write the packets to this `file`, - for standard output")
	return c
}

func (a *app) printCapture(f *evidence.File) {
	fmt.Fprintf(a.out, "%s: %s, %s\n", f.ID, counted(uint64(f.Packets), "packet"), counted(uint64(len(f.Hits)), "match"))
	for _, h := range f.Hits {
		fmt.Fprintf(a.out, "%s  rule %d:%d rev %d, packet %d\n", h.Time.UTC().Format(time.RFC3339Nano), h.GID, h.SID, h.Rev, h.Packet)
		for _, m := range h.Matched {
			fmt.Fprintf(a.out, "  %s, byte %d, %s: %s\n", m.Buffer, m.Offset, counted(uint64(m.Length), "byte"), printable(m.Text))
		}
	}
}

// fetchCapture writes a whole file or none.
func (a *app) fetchCapture(ctx context.Context, c *client, path, out string) error {
	res, err := c.open(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() // only read
	if out == "-" {
		_, err := io.Copy(a.out, res.Body)
		return err
	}
	f, err := os.OpenFile(out+".part", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fail(err, "-o names a file in a folder that you can write")
	}
	n, err := io.Copy(f, res.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(out+".part"))
	}
	if err := os.Rename(out+".part", out); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s: %s\n", out, counted(uint64(n), "byte"))
	return nil
}
