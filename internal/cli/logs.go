package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/console"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// logsFlags are the flags of logs.
type logsFlags struct {
	consoleFlags
	from, to, last, format, top, by, every string
	limit                                  int
	follow, all                            bool
}

func (a *app) logsCommand() *cobra.Command {
	f := &logsFlags{}
	c := &cobra.Command{
		Use:   "logs LOGTYPE[,LOGTYPE] ['FILTER']",
		Short: "Find records in the console's log store",
		Long: "Logs prints records that match, newest first. LOGTYPE is one of\n" +
			strings.Join(store.Logs(), ", ") + ", or all.\n" +
			"The filter language and its fields: docs/filter.md, docs/fields.md.",
		Example: "  mirrorwall logs threat '( severity geq high )' --last 24h\n" +
			"  mirrorwall logs traffic '( addr in 10.1.2.3 )' --top app --by bytes\n" +
			"  mirrorwall logs traffic --histogram 1h --last 24h\n" +
			"  mirrorwall logs threat --follow -o json",
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			return completeLogs(args, word), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.logs(cmd.Context(), f, args) },
	}
	f.register(c)
	fl := c.Flags()
	fl.StringVar(&f.last, "last", "", "only this `span` until now, such as 90m or 24h")
	fl.StringVar(&f.from, "from", "", "only from this `time` on, such as 2026-03-01T10:00:00Z")
	fl.StringVar(&f.to, "to", "", "only before this `time`")
	fl.IntVarP(&f.limit, "limit", "n", 100, "how many records, or values with --top")
	fl.BoolVar(&f.all, "all", false, "every record that matches, without a limit (json and csv)")
	fl.BoolVarP(&f.follow, "follow", "f", false, "show records as they come, after the last few")
	fl.StringVarP(&f.format, "output", "o", "table", "`format`: table, json (EVE, a record a line), csv, or pcap (the packets of threats)")
	fl.StringVar(&f.top, "top", "", "rank the values of a `field` in place of records")
	fl.StringVar(&f.by, "by", "count", "what --top ranks by: count, bytes, packets or sessions")
	fl.StringVar(&f.every, "histogram", "", "count records by time, in steps of this `span`")
	return c
}

// completeLogs completes the log type, then the last word of the filter.
func completeLogs(args []string, word string) []string {
	if len(args) == 0 {
		return append(store.Logs(), "all")
	}
	c := filter.Complete(word)
	var out []string
	for _, o := range c.Options {
		out = append(out, word[:c.From]+o)
	}
	return out
}

func (a *app) logs(ctx context.Context, f *logsFlags, args []string) error {
	q, err := f.query(args)
	if err != nil {
		return err
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	switch {
	case f.top != "":
		return a.logsTop(ctx, c, f, q)
	case f.every != "":
		return a.logsHistogram(ctx, c, f, q)
	case f.follow:
		return a.logsFollow(ctx, c, f, q)
	case f.format == "pcap":
		return a.logsPackets(ctx, c, q)
	case f.all:
		return a.logsAll(ctx, c, f, q)
	}
	return a.logsFind(ctx, c, f, q)
}

// query checks what can be checked here, so that the error points at it.
func (f *logsFlags) query(args []string) (url.Values, error) {
	usage := func(hint, format string, values ...any) error {
		return &failure{err: fmt.Errorf(format, values...), hint: hint, code: exitUsage}
	}
	q := url.Values{}
	if args[0] != "all" {
		for l := range strings.SplitSeq(args[0], ",") {
			if !slices.Contains(store.Logs(), l) {
				return nil, usage("log types: "+strings.Join(store.Logs(), ", ")+", all", "unknown log type %q", l)
			}
		}
		q.Set("log", args[0])
	}
	if len(args) == 2 {
		_, err := filter.Parse(args[1])
		var wrong *filter.Error
		if errors.As(err, &wrong) {
			return nil, usage("", "%s", wrong.Detail())
		}
		q.Set("filter", args[1])
	}
	if !slices.Contains([]string{"table", "json", "csv", "pcap"}, f.format) {
		return nil, usage("table, json, csv or pcap", "--output: unknown format %q", f.format)
	}
	if f.all && f.format == "table" {
		return nil, usage("-o json, or -o csv", "--all prints no table")
	}
	for name, v := range map[string]string{"from": f.from, "to": f.to, "last": f.last} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q, nil
}

func (a *app) logsFind(ctx context.Context, c *client, f *logsFlags, q url.Values) error {
	p := a.printer(f.format)
	for left := f.limit; left > 0; {
		q.Set("limit", strconv.Itoa(min(left, store.MaxPage)))
		var page console.LogPage
		if err := c.call(ctx, http.MethodGet, "/api/v1/logs?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, r := range page.Rows {
			if err := p.row(r); err != nil {
				return err
			}
		}
		left -= len(page.Rows)
		a.partial(page.Coverage)
		if page.Next == "" || !page.Coverage.Complete {
			break
		}
		q.Set("cursor", page.Next)
	}
	return p.end()
}

// partial tells on standard error that an answer is not whole.
func (a *app) partial(c console.Coverage) {
	if !c.Complete {
		fmt.Fprintf(a.err, "mirrorwall: not the whole answer: %.0f %% of the records were looked at, back to %s\nhint: a narrower --from and --to, or --last\n", 100*c.Share, c.From.UTC().Format(time.RFC3339))
	}
}

func (a *app) logsTop(ctx context.Context, c *client, f *logsFlags, q url.Values) error {
	q.Set("field", f.top)
	q.Set("by", f.by)
	q.Set("limit", strconv.Itoa(f.limit))
	var t console.LogTop
	if err := c.call(ctx, http.MethodGet, "/api/v1/logs/top?"+q.Encode(), nil, &t); err != nil {
		return err
	}
	a.partial(t.Coverage)
	if f.format == "json" {
		return json.NewEncoder(a.out).Encode(t)
	}
	sep := "\t"
	if f.format == "csv" {
		sep = ","
	}
	table(a.out, func(tw *tabwriter.Writer) {
		fmt.Fprintln(tw, strings.Join([]string{strings.ToUpper(f.top), "COUNT", "BYTES", "PACKETS"}, sep))
		for _, g := range t.Groups {
			v := printable(g.Value)
			if f.format == "csv" {
				v = strconv.Quote(v)
			}
			fmt.Fprintln(tw, strings.Join([]string{v, fmt.Sprint(g.Count), fmt.Sprint(g.Bytes), fmt.Sprint(g.Packets)}, sep))
		}
	})
	return nil
}

func (a *app) logsHistogram(ctx context.Context, c *client, f *logsFlags, q url.Values) error {
	q.Set("step", f.every)
	var h console.LogHistogram
	if err := c.call(ctx, http.MethodGet, "/api/v1/logs/histogram?"+q.Encode(), nil, &h); err != nil {
		return err
	}
	a.partial(h.Coverage)
	if f.format == "json" {
		return json.NewEncoder(a.out).Encode(h)
	}
	largest := uint64(1)
	for _, s := range h.Series {
		largest = max(largest, slices.Max(append(s.Counts, 0)))
	}
	for _, s := range h.Series {
		for i, n := range s.Counts {
			at := h.Start.Add(time.Duration(i) * time.Duration(h.StepSeconds) * time.Second)
			if f.format == "csv" {
				fmt.Fprintf(a.out, "%s,%d\n", at.UTC().Format(time.RFC3339), n)
				continue
			}
			fmt.Fprintf(a.out, "%s %10d %s\n", at.UTC().Format(time.RFC3339), n, strings.Repeat("█", int(n*50/largest)))
		}
	}
	return nil
}

// logsAll copies an export as it comes.
func (a *app) logsAll(ctx context.Context, c *client, f *logsFlags, q url.Values) error {
	q.Set("format", map[string]string{"json": "jsonl", "csv": "csv"}[f.format])
	res, err := c.open(ctx, http.MethodGet, "/api/v1/logs/export?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() // only read
	if _, err := io.Copy(a.out, res.Body); err != nil {
		return fail(fmt.Errorf("the export broke off: %w", err), "what was printed is not the whole answer; the console's log says more")
	}
	return nil
}

// logsPackets copies the packets of threats into a file or a pipe.
func (a *app) logsPackets(ctx context.Context, c *client, q url.Values) error {
	if q.Get("log") != "threat" {
		return &failure{err: errors.New("-o pcap: only threats have packets"), hint: "mirrorwall logs threat FILTER -o pcap >threats.pcap", code: exitUsage}
	}
	if f := fileOf(a.out); f != nil && isTerminal(f) {
		return &failure{err: errors.New("-o pcap: not to a terminal"), hint: "mirrorwall logs threat FILTER -o pcap >threats.pcap", code: exitUsage}
	}
	q.Del("limit")
	res, err := c.open(ctx, http.MethodGet, "/api/v1/evidence?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() // only read
	if _, err := io.Copy(a.out, res.Body); err != nil {
		return fail(fmt.Errorf("the export broke off: %w", err), "what was written is not the whole answer; the console's log says more")
	}
	fmt.Fprintf(a.err, "%s captures, %s gone or of another link type\n", res.Trailer.Get("Mirrorwall-Captures"), res.Trailer.Get("Mirrorwall-Captures-Missing"))
	return nil
}

// logsFollow prints what comes until it is interrupted. The console ends a live
// view after some minutes; then it begins again without history.
func (a *app) logsFollow(ctx context.Context, c *client, f *logsFlags, q url.Values) error {
	p := a.printer(f.format)
	q.Set("history", strconv.Itoa(min(f.limit, 20)))
	for {
		err := a.followOnce(ctx, c, q, p)
		if err == nil {
			err = p.end()
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		q.Set("history", "0")
	}
}

func (a *app) followOnce(ctx context.Context, c *client, q url.Values, p *printer) error {
	res, err := c.open(ctx, http.MethodGet, "/api/v1/logs/follow?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close() // only read
	event := ""
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			event = v
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		switch {
		case !ok:
		case event == "row":
			var r console.LogRow
			if err := json.Unmarshal([]byte(data), &r); err != nil {
				return err
			}
			if err := errors.Join(p.row(r), p.end()); err != nil {
				return err
			}
		case event == "lost":
			fmt.Fprintf(a.err, "mirrorwall: records come faster than they can be shown; lost so far: %s\n", data)
		}
	}
	return lines.Err()
}

// printer prints records in a format.
type printer struct {
	out    io.Writer
	format string
	tw     *tabwriter.Writer
	csv    func(store.Row) error
	end    func() error
	last   string // log type of the header above
}

func (a *app) printer(format string) *printer {
	p := &printer{out: a.out, format: format, end: func() error { return nil }}
	switch format {
	case "table":
		p.tw = tabwriter.NewWriter(a.out, 2, 8, 2, ' ', 0)
		p.end = p.tw.Flush
	case "csv":
		p.csv, p.end = console.CSV(a.out)
	}
	return p
}

func (p *printer) row(r console.LogRow) error {
	switch p.format {
	case "json":
		_, err := fmt.Fprintf(p.out, "%s\n", r.Record)
		return err
	case "csv":
		return p.csv(store.Row{ID: r.ID, Log: r.Log, Raw: r.Record})
	}
	e, err := record.ParseEVE(r.Record)
	if err != nil {
		return err
	}
	head, cells := logCells(e)
	if r.Log != p.last {
		p.last = r.Log
		fmt.Fprintln(p.tw, "TIME\tLOG\t"+strings.Join(head, "\t"))
	}
	for i, c := range cells {
		cells[i] = printable(c)
	}
	_, err = fmt.Fprintln(p.tw, e.Time.UTC().Format("2006-01-02 15:04:05.000")+"\t"+r.Log+"\t"+strings.Join(cells, "\t"))
	return err
}

// logCells are the columns that matter most of a record.
func logCells(e *record.Entry) (head, cells []string) {
	from, to := e.Src.String(), e.Dst.String()
	if e.SrcPort != 0 || e.DstPort != 0 {
		from, to = fmt.Sprintf("%s:%d", from, e.SrcPort), fmt.Sprintf("%s:%d", to, e.DstPort)
	}
	switch e.Log {
	case "threat":
		return []string{"SEVERITY", "FROM", "TO", "APP", "ID", "THREAT", "EVIDENCE"},
			[]string{e.Severity.String(), from, to, e.App, fmt.Sprint(e.ThreatID), e.ThreatName, e.PcapID}
	case "traffic":
		return []string{"FROM", "TO", "APP", "HOST", "SENT", "RECEIVED", "RULE", "ACTION"},
			[]string{from, to, e.App, e.Hostname, fmt.Sprint(e.BytesSent), fmt.Sprint(e.BytesReceived), e.Rule, e.Verdict}
	case "url":
		return []string{"FROM", "TO", "METHOD", "HOST", "URL", "STATUS"}, []string{from, to, e.Method, e.Hostname, e.URL, fmt.Sprint(e.Status)}
	case "dns":
		return []string{"FROM", "TO", "QUESTION"}, []string{from, to, e.Query}
	case "file":
		return []string{"FROM", "TO", "FILE", "TYPE", "SHA-256"}, []string{from, to, e.FileName, e.FileType, e.FileDigest}
	case "auth", "config", "response", "system":
		return []string{"WHO", "FROM", "WHAT", "ON", "RESULT", "DESCRIPTION"}, []string{e.Admin, e.Client, cmp.Or(e.Command, e.EventID), cmp.Or(e.Path, e.Object), e.Result, e.Description}
	}
	return []string{"FROM", "TO", "APP", "HOST"}, []string{from, to, e.App, e.Hostname}
}
