//go:build duckdb

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// batchParts is how many parts one statement of an aggregate reads: an answer
// that must end early has the batches before.
const batchParts = 32

// rowsOf is the rows of a part that match, or their roll-up, as a derived
// table: SELECT ... FROM rowsOf.from WHERE rowsOf.where.
type rowsOf struct {
	from, where string
	args        []any
	count       string // how many records a row stands for
}

// rows tells where an aggregate finds a part's records: in the roll-up, when
// everything that is asked can be told from it. cols are the columns that it
// groups by; step is its unit of time, zero when it has none.
func (p *plan) rows(x *held, cols []string, step time.Duration) (r rowsOf, never bool) {
	where, args, never := p.where(x)
	if never {
		return r, true
	}
	if where == "TRUE" && step == 0 && len(cols) == 1 && slices.Contains(x.ranked, cols[0]) {
		return ranking(x, cols[0]), false
	}
	if p.rolledUp(x, cols, step) {
		where, args = p.q.Filter.SQL(filter.DuckDB, x.log, p.q.Now)
		where += " AND part = " + strconv.FormatUint(x.id, 10)
		if from := p.q.From; !from.IsZero() && x.oldest.Before(from) {
			where += " AND " + timeColumn + " >= make_timestamp(?::BIGINT)"
			args = append(args, from.UnixMicro())
		}
		if to := p.q.To; !to.IsZero() && !x.newest.Before(to) {
			where += " AND " + timeColumn + " < make_timestamp(?::BIGINT)"
			args = append(args, to.UnixMicro())
		}
		return rowsOf{rollupTable(x.log), where, args, "sum(n)"}, false
	}
	return rowsOf{p.s.source(&x.part), where, args, "count(*)"}, false
}

func (p *plan) rolledUp(x *held, cols []string, step time.Duration) bool {
	if !x.sealed || step%time.Minute != 0 {
		return false
	}
	minute := func(t time.Time) bool { return t.IsZero() || t.Equal(t.Truncate(time.Minute)) }
	if !minute(p.q.From) && x.oldest.Before(p.q.From) || !minute(p.q.To) && !x.newest.Before(p.q.To) {
		return false
	}
	dims := dimensions(x.log)
	for _, c := range cols {
		if !slices.Contains(dims, c) {
			return false
		}
	}
	if p.q.Filter == nil {
		return true
	}
	for _, name := range p.q.Filter.Fields() {
		f, err := store.FieldNamed(name)
		if err != nil || f.In(x.log) && f.Name != "type" && !slices.Contains(dims, f.Column()) {
			return false
		}
	}
	return true
}

// group is how a field's values are grouped in a log type.
type group struct {
	expr string // over the columns
	cols []string
	// skip is the value that stands for none, as a literal; empty: all count.
	skip string
}

// groupOf says how the values of a field are found; the type of expr depends on
// the field alone, so that log types can be put together.
func groupOf(f record.Field, log string) group {
	switch {
	case f.Either != nil:
		var exprs, cols []string
		g := group{}
		for _, name := range f.Either {
			if end, err := store.FieldNamed(name); err == nil {
				e := groupOf(end, log)
				exprs, cols = append(exprs, e.expr), append(cols, e.cols...)
				g.skip = e.skip
			}
		}
		g.expr, g.cols = "unnest(["+strings.Join(exprs, ", ")+"])", cols
		return g
	case f.Name == "type":
		return group{expr: quote(log)}
	}
	g := group{expr: zero(f.Kind)}
	if f.Kind == record.KindAddr {
		g.skip = zero(f.Kind)
	}
	if col := f.Column(); col != "" && f.In(log) {
		g.expr, g.cols = `"`+col+`"`, []string{col}
	}
	if f.Kind == record.KindList {
		g.skip = "''"
		g.expr = "unnest(string_split(" + g.expr + ", " + quote(filter.Separator) + "))"
	}
	return g
}

// valueText writes a grouped value as a filter would.
func valueText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return store.AddrValue(v)
	case uint8:
		return record.Severity(v).String()
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// maxGroups bounds what a ranking reads back: the largest, and those as large as
// the last of them.
const maxGroups = 4 * store.MaxGroups

// Top is store.Store's. Prefixes of texts are looked for by the engine; those of
// numbers, addresses and times among the maxGroups largest groups.
func (s *Store) Top(ctx context.Context, q store.Query, g store.Grouping) (*store.Top, error) {
	f, err := store.CheckGrouping(&g)
	if err != nil {
		return nil, err
	}
	p, err := s.plan(q)
	if err != nil {
		return nil, err
	}
	defer p.end()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return &store.Top{Coverage: p.coverage(0, len(p.parts) == 0)}, nil
		}
		return nil, err
	}
	defer conn.Close()
	t := &topQuery{p: p, f: f, g: g, conn: conn}
	done, err := t.collect(ctx)
	if err != nil {
		return nil, err
	}
	return t.answer(context.WithoutCancel(ctx), done)
}

// topQuery collects groups in a temporary table of its connection, part by part,
// and ranks them in the end.
type topQuery struct {
	p    *plan
	f    record.Field
	g    store.Grouping
	conn *sql.Conn
}

func (t *topQuery) collect(ctx context.Context) (done int, err error) {
	sessions := t.g.By == store.BySessions
	_, err = t.conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("CREATE OR REPLACE TEMP TABLE found AS SELECT %s AS v, 0::UBIGINT AS flow, 0::UBIGINT AS n, 0::UBIGINT AS b, 0::UBIGINT AS k WHERE false", t.typed()))
	if err != nil {
		return 0, err
	}
	for i := 0; i < len(t.p.parts); i += batchParts {
		end := min(i+batchParts, len(t.p.parts))
		var all []string
		var args []any
		for _, x := range t.p.parts[i:end] {
			if q, a := t.part(x, sessions); q != "" {
				all, args = append(all, q), append(args, a...)
			}
		}
		if len(all) == 0 {
			continue
		}
		if _, err := t.conn.ExecContext(ctx, "INSERT INTO found SELECT v, flow, sum(n), sum(b), sum(k) FROM ("+strings.Join(all, " UNION ALL ")+") GROUP BY v, flow", args...); err != nil {
			if ctx.Err() != nil {
				return i, nil
			}
			return i, err
		}
	}
	return len(t.p.parts), nil
}

// typed is a value of the type that groups have.
func (t *topQuery) typed() string {
	if t.f.Kind == record.KindList || t.f.Name == "type" {
		return "''"
	}
	return zero(t.f.Kind)
}

func (t *topQuery) part(x *held, sessions bool) (string, []any) {
	g := groupOf(t.f, x.log)
	cols, flow := g.cols, "0::UBIGINT"
	if sessions {
		cols, flow = append(slices.Clone(cols), "sessionid"), "sessionid"
	}
	r, never := t.p.rows(x, cols, 0)
	if never {
		return "", nil
	}
	b, k := "0", "0"
	if hasFlows(x.log) {
		b, k = "sum(bytes)", "sum(packets)"
	}
	inner := fmt.Sprintf("SELECT %s AS v, %s AS flow, %s FROM %s WHERE %s", g.expr, flow, carried(x.log, r), r.from, r.where)
	n := "count(*)"
	if r.count != n {
		n = "sum(n)"
	}
	q := fmt.Sprintf("SELECT v, flow, %s AS n, %s AS b, %s AS k FROM (%s)", n, b, k, inner)
	var conds []string
	args := r.args
	if g.skip != "" {
		conds = append(conds, "v <> "+g.skip)
	}
	if t.g.Prefix != "" && (t.f.Kind == record.KindText || t.f.Kind == record.KindList) {
		conds = append(conds, "starts_with(lower(v), ?)")
		args = append(slices.Clone(args), strings.ToLower(t.g.Prefix))
	}
	if conds != nil {
		q += " WHERE " + strings.Join(conds, " AND ")
	}
	return q + " GROUP BY v, flow", args
}

// carried are the columns that the sums need.
func carried(log string, r rowsOf) string {
	cols := "1 AS one"
	if r.count != "count(*)" {
		cols = "n"
	}
	if hasFlows(log) {
		cols += ", bytes, packets"
	}
	return cols
}

func (t *topQuery) answer(ctx context.Context, done int) (*store.Top, error) {
	by := map[store.Measure]string{store.ByCount: "n", store.ByBytes: "b", store.ByPackets: "k", store.BySessions: "flows"}[t.g.By]
	inGo := t.g.Prefix != "" && t.f.Kind != record.KindText && t.f.Kind != record.KindList
	limit := t.g.Limit
	if inGo {
		limit = maxGroups
	}
	rows, err := t.conn.QueryContext(ctx, fmt.Sprintf(`WITH g AS (SELECT v, sum(n)::UBIGINT AS n, sum(b)::UBIGINT AS b, sum(k)::UBIGINT AS k, count(*)::UBIGINT AS flows FROM found GROUP BY v)
		SELECT v, n, b, k, flows, (SELECT count(*) FROM g)::UBIGINT FROM g QUALIFY rank() OVER (ORDER BY %s DESC) <= %d ORDER BY %s DESC LIMIT %d`, by, limit, by, maxGroups))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	top := &store.Top{Coverage: t.p.coverage(done, done == len(t.p.parts))}
	var groups []store.Group
	for rows.Next() {
		var v any
		var x store.Group
		if err := rows.Scan(&v, &x.Count, &x.Bytes, &x.Packets, &x.Sessions, &top.Values); err != nil {
			return nil, err
		}
		if x.Value = valueText(v); t.g.By != store.BySessions {
			x.Sessions = 0
		}
		groups = append(groups, x)
	}
	if inGo {
		groups = slices.DeleteFunc(groups, func(x store.Group) bool {
			return !strings.HasPrefix(strings.ToLower(x.Value), strings.ToLower(t.g.Prefix))
		})
		top.Values = uint64(len(groups))
	}
	top.Groups = store.Rank(groups, t.g)
	return top, rows.Err()
}

// Histogram is store.Store's.
func (s *Store) Histogram(ctx context.Context, q store.Query, step time.Duration, field string) (*store.Histogram, error) {
	f := record.Field{}
	if field != "" {
		var err error
		if f, err = store.FieldNamed(field); err != nil {
			return nil, err
		}
	}
	p, err := s.plan(q)
	if err != nil {
		return nil, err
	}
	defer p.end()
	h := &histogram{p: p, f: f, counts: map[string][]uint64{}, totals: map[string]uint64{}}
	if h.start, h.buckets, err = h.bounds(ctx, step); err != nil {
		return nil, err
	}
	h.step = step
	done, err := h.collect(ctx)
	if err != nil {
		return nil, err
	}
	return &store.Histogram{Start: h.start, Step: step, Series: store.FoldSeries(h.counts, h.totals, h.buckets), Coverage: p.coverage(done, done == len(p.parts))}, nil
}

type histogram struct {
	p       *plan
	f       record.Field // the zero one: all together
	start   time.Time
	step    time.Duration
	buckets int
	counts  map[string][]uint64
	totals  map[string]uint64
}

// bounds finds the first bucket and how many there are. An open end of the span
// is that of the records that match.
func (h *histogram) bounds(ctx context.Context, step time.Duration) (time.Time, int, error) {
	from, to := h.p.q.From, h.p.q.To
	if _, _, err := store.Buckets(time.Time{}, time.Time{}, step); err != nil {
		return from, 0, err
	}
	if from.IsZero() || to.IsZero() {
		oldest, newest, err := h.p.span(ctx)
		if err != nil {
			return from, 0, err
		}
		if from.IsZero() {
			from = oldest
		}
		if to.IsZero() && !newest.IsZero() {
			to = newest.Add(1)
		}
	}
	return store.Buckets(from, to, step)
}

// span is the times of the oldest and the newest record that match.
func (p *plan) span(ctx context.Context) (oldest, newest time.Time, err error) {
	for _, x := range p.parts {
		if !newest.IsZero() && !x.oldest.Before(oldest) && !x.newest.After(newest) {
			continue
		}
		where, args, never := p.where(x)
		if never || ctx.Err() != nil {
			continue
		}
		a, b := sql.NullTime{Time: x.oldest, Valid: true}, sql.NullTime{Time: x.newest, Valid: true}
		if where != "TRUE" {
			err := p.s.db.QueryRowContext(ctx, fmt.Sprintf("SELECT min(%s), max(%s) FROM %s WHERE %s", timeColumn, timeColumn, p.s.source(&x.part), where), args...).Scan(&a, &b)
			if err != nil && ctx.Err() == nil {
				return oldest, newest, err
			}
		}
		if a.Valid && (oldest.IsZero() || a.Time.Before(oldest)) {
			oldest = a.Time
		}
		if b.Valid && (newest.IsZero() || b.Time.After(newest)) {
			newest = b.Time
		}
	}
	return oldest, newest, nil
}

// maxValues bounds the values of the field that a histogram keeps apart while it
// counts; those that come when there are as many count as others.
const maxValues = 10_000

// rest is the key of those.
const rest = "\xff"

func (h *histogram) collect(ctx context.Context) (done int, err error) {
	for i, x := range h.p.parts {
		if ctx.Err() != nil {
			return i, nil
		}
		if err := h.part(ctx, x); err != nil {
			if ctx.Err() != nil {
				return i, nil
			}
			return i, err
		}
	}
	return len(h.p.parts), nil
}

func (h *histogram) part(ctx context.Context, x *held) error {
	g := group{expr: "''"}
	if h.f.Name != "" {
		g = groupOf(h.f, x.log)
	}
	r, never := h.p.rows(x, g.cols, h.step)
	if never || h.buckets == 0 {
		return nil
	}
	n := "1 AS n"
	if r.count != "count(*)" {
		n = "n"
	}
	q := fmt.Sprintf("SELECT b, v, sum(n)::UBIGINT FROM (SELECT (epoch_us(%s) - %d) // %d AS b, %s AS v, %s FROM %s WHERE %s)",
		timeColumn, h.start.UnixMicro(), h.step.Microseconds(), g.expr, n, r.from, r.where)
	if g.skip != "" {
		q += " WHERE v <> " + g.skip
	}
	rows, err := h.p.s.db.QueryContext(ctx, q+" GROUP BY b, v", r.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var b int64
		var v any
		var n uint64
		if err := rows.Scan(&b, &v, &n); err != nil {
			return err
		}
		h.add(b, valueText(v), n)
	}
	return rows.Err()
}

func (h *histogram) add(bucket int64, value string, n uint64) {
	if bucket < 0 || bucket >= int64(h.buckets) {
		return
	}
	if h.counts[value] == nil {
		if len(h.counts) >= maxValues {
			value = rest
		}
		if h.counts[value] == nil {
			h.counts[value] = make([]uint64, h.buckets)
		}
	}
	h.counts[value][bucket] += n
	if value != rest { // comes last, however many they are
		h.totals[value] += n
	}
}
