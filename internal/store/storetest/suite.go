package storetest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

func base64Std(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Engine opens the implementation under test.
type Engine struct {
	// Open opens the store in dir, empty at first, and again the same one after
	// it was closed. now is its clock.
	Open func(t *testing.T, dir string, r store.Retention, now func() time.Time) store.Store
	// ExactUsage is false for an engine that merges its files when it likes.
	ExactUsage bool
}

// Filters are asked of every store; the oracle says what they find.
func Filters() []string {
	return append(FieldFilters(),
		"",
		"(addr.src in 10.1.0.0/16)",
		"(addr in 192.0.2.7) or (addr in 2001:db8::/32)",
		"( addr.dst notin 192.0.2.0/25 ) and ( app eq ssl )",
		"!( app eq 'web-browsing' )",
		"( severity geq high )",
		"( name-of-threatid contains log4shell )",
		`( name-of-threatid contains 'odd "quotes" ' )`,
		"( url contains '_100%' )",
		"( url startswith '/a%20b' ) and ( http_status eq 404 )",
		`( hostname matches '^(?:shop|API)\.' )`,
		"( hostname eq api.example )",
		"( port eq 22 ) or ( port.dst eq 53 )",
		"( bytes geq 50000 ) and ( session_end_reason neq timeout )",
		"( rule in 'any-any,inbound' )",
		"( mitre has T1190 ) and ( threatid gt 2000003 )",
		"( receive_time geq '2026/03/01 10:00:00' ) and ( receive_time lt '2026/03/01 11:00:00' )",
		"( receive_time in last-hour )",
		"( type eq threat ) or ( type eq dns )",
		"( dns_query eq h7.example.com )",
		"( vni eq 7001 ) and not ( tenant eq prod )",
		"( risk-of-app lt 3 )",
		"( action eq would-deny )",
		"( app eq nothing-like-it )",
	)
}

// FieldFilters are filters as people write them on PAN-OS: each means the same
// through the predicate, every store, the API, the XML API and the command line.
func FieldFilters() []string {
	return []string{
		"(addr.src in 10.1.10.2/30) and (addr.dst in 192.0.2.2)", "(addr in 1.1.1.1)", "!(addr in 192.0.2.7)", "( app eq 'ssl' )", "( rule eq 'any-any' )",
		"!( rule eq 'inbound appgw' ) and (receive_time in last-hour)", "(dport eq 443)", "( port.dst eq 443 )", "( user.src eq 'jdoe@corp.example' )",
		"( action neq allow ) and ( action neq alert )", "(category eq command-and-control) or (category eq malware)", "(app eq smtp) and (category neq benign)",
		`( dstloc eq "IN" )`, "(verdict neq benign)", "(receive_time in last-60-seconds)", "receive_time in last-24-hrs", "( receive_time geq '2019/06/25 10:00:00' )",
		"(receive_time in last-15-minutes)", "(receive_time in last-6-hrs)", "(receive_time in last-12-hrs)", "(receive_time in last-calendar-day)",
		"(receive_time in last-7-days)", "(receive_time in last-7-calendar-days)", "(receive_time in last-calendar-week)", "(receive_time in last-30-days)",
		"(receive_time in last-30-calendar-days)", "(receive_time in last-calendar-month)", "not ( app eq dns )", "( addr.src notin 10.0.0.0/8 )",
		"( sport leq 1024 ) or ( zone.src eq trust )",
	}
}

// Run holds an engine to the contract.
func Run(t *testing.T, e Engine) {
	t.Run("Answers", func(t *testing.T) { testAnswers(t, e) })
	t.Run("Pages", func(t *testing.T) { testPages(t, e) })
	t.Run("Again", func(t *testing.T) { testAgain(t, e) })
	t.Run("Late", func(t *testing.T) { testLate(t, e) })
	t.Run("Retention", func(t *testing.T) { testRetention(t, e) })
	t.Run("BadQuestions", func(t *testing.T) { testBadQuestions(t, e) })
	t.Run("Cancelled", func(t *testing.T) { testCancelled(t, e) })
}

// later is a clock long after every generated record.
func later() time.Time { return Start().Add(5 * time.Hour) }

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func appendAll(t *testing.T, blocks []store.Block, stores ...store.Store) {
	t.Helper()
	for _, s := range stores {
		for part := range slices.Chunk(blocks, 3) {
			must[int](t)(s.Append(t.Context(), part))
		}
	}
}

// pair opens the engine and the oracle with the same records, sealed as far as
// the engine does.
func pair(t *testing.T, e Engine, n int, gap time.Duration) (got, want store.Store) {
	t.Helper()
	got = e.Open(t, t.TempDir(), nil, later)
	t.Cleanup(func() { got.Close() })
	m := NewMemory(nil)
	m.Now = later
	appendAll(t, NewGenerator(1).Blocks(t, "a", 0, 12, n/12, gap), got, m)
	if err := got.Maintain(t.Context(), later()); err != nil {
		t.Fatal(err)
	}
	// Some that come after the rest was sealed.
	appendAll(t, NewGenerator(2).Blocks(t, "b", 0, 3, n/24, 2*gap), got, m)
	return got, m
}

func parse(t *testing.T, text string) *filter.Filter {
	t.Helper()
	return must[*filter.Filter](t)(filter.Parse(text))
}

func testAnswers(t *testing.T, e Engine) {
	got, want := pair(t, e, 2400, 2*time.Second)
	for _, text := range Filters() {
		q := store.Query{Filter: parse(t, text)}
		t.Run(text, func(t *testing.T) { sameAnswers(t, got, want, q) })
	}
	for _, q := range []store.Query{
		{Logs: []string{"traffic"}},
		{Logs: []string{"threat", "url"}, From: Start().Add(20 * time.Minute), To: Start().Add(100 * time.Minute)},
		{Logs: []string{"auth"}},
		{From: Start().Add(48 * time.Hour)},
	} {
		t.Run(fmt.Sprint(q.Logs, q.From), func(t *testing.T) { sameAnswers(t, got, want, q) })
	}
}

// sameAnswers asks two stores all there is to ask.
func sameAnswers(t *testing.T, got, want store.Store, q store.Query) {
	t.Helper()
	ctx := t.Context()
	a, b := scan(t, got, q), scan(t, want, q)
	same(t, "Scan", a, b)
	for _, step := range []time.Duration{time.Minute, 7 * time.Second} {
		for _, field := range []string{"", "app", "severity", "subtype"} {
			x, y := must[*store.Histogram](t)(got.Histogram(ctx, q, step, field)), must[*store.Histogram](t)(want.Histogram(ctx, q, step, field))
			x.Coverage.Took = 0
			same(t, "Histogram "+field+step.String(), *x, *y)
		}
	}
	for _, g := range []store.Grouping{
		{Field: "app", Limit: 3}, {Field: "addr.src", Limit: 10, By: store.ByBytes}, {Field: "port.dst", Limit: 5, By: store.BySessions},
		{Field: "hostname", Limit: 5, Prefix: "a"}, {Field: "mitre", Limit: 5}, {Field: "severity", Limit: 9}, {Field: "addr", Limit: 4},
		{Field: "rule", Limit: 5, By: store.ByPackets}, {Field: "port", Limit: 3}, {Field: "type", Limit: 11},
	} {
		x, y := must[*store.Top](t)(got.Top(ctx, q, g)), must[*store.Top](t)(want.Top(ctx, q, g))
		x.Coverage.Took = 0
		same(t, fmt.Sprint("Top ", g), *x, *y)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %.2000s\nwant %.2000s", what, fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
	}
}

// scan gives the lines found, in order; those of the same time sorted, because
// their order is the store's business.
func scan(t *testing.T, s store.Store, q store.Query) []string {
	t.Helper()
	var out []string
	cov, err := s.Scan(t.Context(), q, func(r store.Row) error {
		out = append(out, r.Log+" "+string(r.Raw))
		return nil
	})
	if err != nil || !cov.Complete || cov.Share != 1 {
		t.Fatalf("scan: %+v, %v", cov, err)
	}
	return sortTies(t, out)
}

func sortTies(t *testing.T, lines []string) []string {
	t.Helper()
	stamp := func(s string) string {
		const at = `"timestamp":"`
		i := max(0, strings.Index(s, at)) + len(at)
		return s[i:min(len(s), i+26)]
	}
	for i := 0; i < len(lines); {
		j := i + 1
		for j < len(lines) && stamp(lines[j]) == stamp(lines[i]) {
			j++
		}
		if j < len(lines) && stamp(lines[j]) > stamp(lines[i]) {
			t.Errorf("row %d is newer than the one before it", j)
		}
		slices.Sort(lines[i:j])
		i = j
	}
	return lines
}

func testPages(t *testing.T, e Engine) {
	got, want := pair(t, e, 600, 20*time.Second)
	for _, text := range []string{"", "( app eq ssl )", "( addr.src in 10.1.0.0/16 )"} {
		q := store.Query{Filter: parse(t, text)}
		for _, limit := range []int{1, 7, 100, store.MaxPage} {
			var rows []string
			ids := map[string]bool{}
			for after := ""; ; {
				r := must[*store.Result](t)(got.Find(t.Context(), q, store.Page{Limit: limit, After: after}))
				if len(r.Rows) > limit || !r.Complete {
					t.Fatalf("%d rows for a page of %d, complete %v", len(r.Rows), limit, r.Complete)
				}
				for _, x := range r.Rows {
					if ids[x.ID] {
						t.Fatalf("id %s twice", x.ID)
					}
					ids[x.ID] = true
					rows = append(rows, x.Log+" "+string(x.Raw))
				}
				if after = r.Next; after == "" {
					break
				}
				if limit == 1 && len(rows) == 40 { // enough of it
					break
				}
			}
			all := scan(t, want, q)
			if limit == 1 {
				all = all[:min(len(all), len(rows))]
			}
			same(t, fmt.Sprintf("%s by %d", text, limit), sortTies(t, rows), all)
		}
	}
}

// testAgain: blocks that come again, in this life of the store or the next,
// double nothing.
func testAgain(t *testing.T, e Engine) {
	dir := t.TempDir()
	blocks := NewGenerator(3).Blocks(t, "a", 0, 10, 50, time.Minute)
	s := e.Open(t, dir, nil, later)
	for _, step := range []struct{ from, to, kept int }{{0, 4, 200}, {2, 6, 100}, {0, 6, 0}} {
		if kept := must[int](t)(s.Append(t.Context(), blocks[step.from:step.to])); kept != step.kept {
			t.Errorf("blocks %d to %d: %d kept, want %d", step.from, step.to, kept, step.kept)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = e.Open(t, dir, nil, later)
	defer s.Close()
	if kept := must[int](t)(s.Append(t.Context(), blocks)); kept != 200 {
		t.Errorf("after a restart: %d kept, want 200", kept)
	}
	if err := s.Maintain(t.Context(), later()); err != nil {
		t.Fatal(err)
	}
	if kept := must[int](t)(s.Append(t.Context(), blocks)); kept != 0 {
		t.Errorf("after sealing: %d kept, want 0", kept)
	}
	if n := len(scan(t, s, store.Query{})); n != 500 {
		t.Errorf("%d records, want 500", n)
	}
}

// testLate: records of long ago and of the future are kept and found.
func testLate(t *testing.T, e Engine) {
	got, want := pair(t, e, 240, time.Minute)
	g := NewGenerator(9)
	for i, at := range []time.Time{time.Unix(0, 0).UTC(), Start().AddDate(-3, 0, 0), later().AddDate(2, 0, 0)} {
		g.at = at
		appendAll(t, g.Blocks(t, "late", i, 1, 5, time.Second), got, want)
	}
	if err := got.Maintain(t.Context(), later()); err != nil {
		t.Fatal(err)
	}
	same(t, "Scan", scan(t, got, store.Query{}), scan(t, want, store.Query{}))
}

func testRetention(t *testing.T, e Engine) {
	r := store.Retention{"traffic": {Age: 2 * time.Hour}, "dns": {Bytes: 1}}
	s := e.Open(t, t.TempDir(), r, later)
	defer s.Close()
	appendAll(t, NewGenerator(4).Blocks(t, "a", 0, 12, 100, 12*time.Second), s)
	count := func(log string) int { return len(scan(t, s, store.Query{Logs: []string{log}})) }
	url, traffic := count("url"), count("traffic")
	for _, at := range []time.Time{later(), later().Add(24 * time.Hour)} {
		if err := s.Maintain(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if n := count("traffic"); n != 0 || traffic == 0 {
		t.Errorf("%d records of traffic are left of %d, want none", n, traffic)
	}
	if n := count("dns"); n != 0 {
		t.Errorf("%d records of dns are left beyond their quota", n)
	}
	if n := count("url"); n != url || n == 0 {
		t.Errorf("%d records of url, want %d", n, url)
	}
	for _, u := range must[[]store.LogUsage](t)(s.Usage(t.Context())) {
		if u.Log == "traffic" && u.Rows != 0 {
			t.Errorf("usage %+v", u)
		}
	}
}

func testBadQuestions(t *testing.T, e Engine) {
	s := e.Open(t, t.TempDir(), nil, later)
	defer s.Close()
	ctx := t.Context()
	for name, err := range map[string]error{
		"log":    second(s.Find(ctx, store.Query{Logs: []string{"trafic"}}, store.Page{Limit: 1})),
		"limit":  second(s.Find(ctx, store.Query{}, store.Page{Limit: store.MaxPage + 1})),
		"cursor": second(s.Find(ctx, store.Query{}, store.Page{Limit: 1, After: "x' or 1=1 --"})),
		"span":   second(s.Scan(ctx, store.Query{From: later(), To: Start()}, func(store.Row) error { return nil })),
		"field":  second(s.Top(ctx, store.Query{}, store.Grouping{Field: "aap; drop table", Limit: 1})),
		"by":     second(s.Top(ctx, store.Query{}, store.Grouping{Field: "app", Limit: 1, By: "weight"})),
		"step":   second(s.Histogram(ctx, store.Query{}, time.Millisecond, "")),
		"steps":  second(s.Histogram(ctx, store.Query{From: time.Unix(0, 0), To: later()}, time.Second, "")),
		"series": second(s.Histogram(ctx, store.Query{}, time.Minute, "nope")),
	} {
		var bad *store.QueryError
		if !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want a *QueryError", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// testCancelled: a query whose context has ended answers in part and says so.
func testCancelled(t *testing.T, e Engine) {
	s := e.Open(t, t.TempDir(), nil, later)
	defer s.Close()
	appendAll(t, NewGenerator(5).Blocks(t, "a", 0, 6, 100, time.Minute), s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	top, err := s.Top(ctx, store.Query{}, store.Grouping{Field: "app", Limit: 5})
	if err == nil && top.Complete && len(top.Groups) == 0 {
		t.Errorf("an answer without groups claims to be complete: %+v", top)
	}
	stop := errors.New("enough")
	n := 0
	if _, err := s.Scan(t.Context(), store.Query{}, func(store.Row) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("scan went on to row %d: %v", n, err)
	}
}
