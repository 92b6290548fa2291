//go:build duckdb

package duckdb

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// plan is a query with its parts.
type plan struct {
	s     *Store
	q     store.Query
	parts []*held // newest first
	began time.Time
	total uint64 // rows of all parts
	seen  uint64 // rows of those that were looked at or ruled out
}

// plan checks a query and takes its parts; end it.
func (s *Store) plan(q store.Query) (*plan, error) {
	now := s.opt.Now()
	if err := q.Check(now); err != nil {
		return nil, err
	}
	from, to := q.From, q.To
	a, b := q.Filter.Span(q.Now)
	if from.IsZero() || !a.IsZero() && a.After(from) {
		from = a
	}
	if to.IsZero() || !b.IsZero() && b.Before(to) {
		to = b
	}
	p := &plan{s: s, q: q, parts: s.parts.take(q.Logs, from, to), began: time.Now()}
	for _, x := range p.parts {
		p.total += x.rows
	}
	return p, nil
}

func (p *plan) end() { p.s.parts.give(p.parts) }

// where is the condition on a part's rows; never is true when it has none.
func (p *plan) where(x *held) (where string, args []any, never bool) {
	where, args = p.q.Filter.SQL(filter.DuckDB, x.log, p.q.Now)
	if where == "FALSE" {
		return "", nil, true
	}
	if x.sealed && !mayHave(bloomFile(p.s.file(&x.part)), p.q.Filter.Needles()) {
		return "", nil, true
	}
	if from := p.q.From; !from.IsZero() && x.oldest.Before(from) {
		where += " AND " + timeColumn + " >= make_timestamp(?::BIGINT)"
		args = append(args, ceil(from))
	}
	if to := p.q.To; !to.IsZero() && !x.newest.Before(to) {
		where += " AND " + timeColumn + " < make_timestamp(?::BIGINT)"
		args = append(args, ceil(to))
	}
	return where, args, false
}

// ceil is the first microsecond that is not before t.
func ceil(t time.Time) int64 {
	us := t.UnixMicro()
	if time.UnixMicro(us).Before(t) {
		us++
	}
	return us
}

// coverage tells how far the query came: down to the part before done.
func (p *plan) coverage(done int, complete bool) store.Coverage {
	c := store.Coverage{Complete: complete, Share: 1, Took: time.Since(p.began)}
	if complete {
		return c
	}
	for _, x := range p.parts[:done] {
		p.seen += x.rows
	}
	if p.total > 0 {
		c.Share = float64(p.seen) / float64(p.total)
	}
	c.From = p.q.Now
	if done < len(p.parts) {
		c.From = p.parts[done].newest
	}
	return c
}

// at is the place of a row in the order of all.
type at struct {
	us int64
	id uint64
}

func (a at) String() string { return fmt.Sprintf("%d-%d", a.us, a.id) }

func parseAt(s string) (a at, err error) {
	if n, serr := fmt.Sscanf(s, "%d-%d", &a.us, &a.id); n != 2 || serr != nil || a.String() != s {
		return a, store.Bad("begin again without a cursor", "the cursor %q is none of this store", s)
	}
	return a, nil
}

// hit is a row that was found but not read.
type hit struct {
	at
	in *held
}

// Find is store.Store's.
func (s *Store) Find(ctx context.Context, q store.Query, page store.Page) (*store.Result, error) {
	if page.Limit < 1 || page.Limit > store.MaxPage {
		return nil, store.Bad("", "want 1 to %d rows, got %d", store.MaxPage, page.Limit)
	}
	return s.find(ctx, q, page)
}

func (s *Store) find(ctx context.Context, q store.Query, page store.Page) (*store.Result, error) {
	var after *at
	if page.After != "" {
		a, err := parseAt(page.After)
		if err != nil {
			return nil, err
		}
		after = &a
		// Nothing newer is of interest: parts and rows behind the cursor go early.
		if end := time.UnixMicro(a.us + 1).UTC(); q.To.IsZero() || end.Before(q.To) {
			q.To = end
			if !q.From.IsZero() && q.To.Before(q.From) {
				q.From = q.To
			}
		}
	}
	p, err := s.plan(q)
	if err != nil {
		return nil, err
	}
	defer p.end()
	hits, done, err := p.newest(ctx, after, page.Limit+1)
	if err != nil {
		return nil, err
	}
	res := &store.Result{}
	if len(hits) > page.Limit {
		hits = hits[:page.Limit]
		res.Next = hits[page.Limit-1].String()
	}
	complete := done == len(p.parts) || res.Next != "" && done >= 0
	if !complete && done < len(p.parts) && len(hits) > 0 {
		// What is older than the parts that were not looked at is not certain.
		limit := p.parts[done].newest.UnixMicro()
		hits = slices.DeleteFunc(hits, func(h hit) bool { return h.us <= limit })
	}
	res.Rows, err = p.read(ctx, hits)
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	res.Coverage = p.coverage(done, complete && err == nil)
	return res, nil
}

// newest gives the n newest rows after the cursor. done is the number of parts
// that were looked at or need not be, all of them when the answer is certain.
func (p *plan) newest(ctx context.Context, after *at, n int) (hits []hit, done int, err error) {
	for i, x := range p.parts {
		if len(hits) >= n && hits[n-1].us > x.newest.UnixMicro() {
			return hits, len(p.parts), nil
		}
		if ctx.Err() != nil {
			return hits, i, nil
		}
		more, err := p.newestOf(ctx, x, after, n)
		if err != nil {
			if ctx.Err() != nil {
				return hits, i, nil
			}
			return nil, i, err
		}
		hits = append(hits, more...)
		slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(b.us, a.us), cmp.Compare(b.id, a.id)) })
		hits = hits[:min(n, len(hits))]
	}
	return hits, len(p.parts), nil
}

func (p *plan) newestOf(ctx context.Context, x *held, after *at, n int) ([]hit, error) {
	where, args, never := p.where(x)
	if never {
		return nil, nil
	}
	if after != nil {
		where += " AND (" + timeColumn + " < make_timestamp(?::BIGINT) OR " + timeColumn + " = make_timestamp(?::BIGINT) AND id < ?)"
		args = append(args, after.us, after.us, after.id)
	}
	// A sealed part is in this order already: its first rows will do.
	order := ""
	if !x.sealed {
		order = " ORDER BY " + timeColumn + " DESC, id DESC"
	}
	rows, err := p.s.db.QueryContext(ctx, fmt.Sprintf("SELECT epoch_us(%s), id FROM %s WHERE %s%s LIMIT %d", timeColumn, p.s.source(&x.part), where, order, n), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []hit
	for rows.Next() {
		h := hit{in: x}
		if err := rows.Scan(&h.us, &h.id); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// read gives the rows of hits in their order.
func (p *plan) read(ctx context.Context, hits []hit) ([]store.Row, error) {
	by := map[*held][]hit{}
	for _, h := range hits {
		by[h.in] = append(by[h.in], h)
	}
	raws := make(map[uint64][]byte, len(hits))
	for x, list := range by {
		if err := p.readPart(ctx, x, list, raws); err != nil {
			return nil, err
		}
	}
	out := make([]store.Row, 0, len(hits))
	for _, h := range hits {
		if raw, ok := raws[h.id]; ok {
			out = append(out, store.Row{ID: h.String(), Log: h.in.log, Raw: raw})
		}
	}
	return out, nil
}

func (p *plan) readPart(ctx context.Context, x *held, hits []hit, raws map[uint64][]byte) error {
	marks := markings()
	set := setters(x.log, marks)
	cols := make([]string, len(set))
	for i, c := range set {
		cols[i] = `"` + c.column + `", `
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = fmt.Sprint(h.id)
	}
	// hits are newest first: the bounds of time spare most of a file.
	rows, err := p.s.db.QueryContext(ctx, fmt.Sprintf("SELECT %s id, raw FROM %s WHERE %s BETWEEN make_timestamp(%d::BIGINT) AND make_timestamp(%d::BIGINT) AND id IN (%s)",
		strings.Join(cols, ""), p.s.source(&x.part), timeColumn, hits[len(hits)-1].us, hits[0].us, strings.Join(ids, ",")))
	if err != nil {
		return err
	}
	defer rows.Close()
	values := make([]any, len(set))
	dest := make([]any, 0, len(set)+2)
	for i := range values {
		dest = append(dest, &values[i])
	}
	var id uint64
	var short []byte
	dest = append(dest, &id, &short)
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		e := record.Entry{}
		for i, c := range set {
			c.set(&e, values[i])
		}
		raws[id] = restore(nil, short, &e, marks)
	}
	return rows.Err()
}

// setter puts a column's value into an entry, for restore.
type setter struct {
	column string
	set    func(*record.Entry, any)
}

func setters(log string, marks []marking) []setter {
	have := names(columnsOf(log))
	all := allSetters()
	var out []setter
	for _, m := range marks {
		dup := slices.ContainsFunc(out, func(s setter) bool { return s.column == m.column })
		if set := all[m.column]; set != nil && !dup && slices.Contains(have, m.column) {
			out = append(out, setter{m.column, set})
		}
	}
	return out
}

func allSetters() map[string]func(*record.Entry, any) {
	text := func(at func(*record.Entry) *string) func(*record.Entry, any) {
		return func(e *record.Entry, v any) { *at(e), _ = v.(string) }
	}
	number := func(at func(*record.Entry) *uint64) func(*record.Entry, any) {
		return func(e *record.Entry, v any) { *at(e), _ = v.(uint64) }
	}
	port := func(at func(*record.Entry) *uint16) func(*record.Entry, any) {
		return func(e *record.Entry, v any) { n, _ := v.(uint64); *at(e) = uint16(n) }
	}
	addr := func(at func(*record.Entry) *netip.Addr) func(*record.Entry, any) {
		return func(e *record.Entry, v any) {
			b, _ := v.([]byte)
			a, _ := netip.AddrFromSlice(b) // absent: no bytes
			*at(e) = a
		}
	}
	when := func(at func(*record.Entry) *time.Time) func(*record.Entry, any) {
		return func(e *record.Entry, v any) { *at(e), _ = v.(time.Time) }
	}
	return map[string]func(*record.Entry, any){
		timeColumn:      when(func(e *record.Entry) *time.Time { return &e.Time }),
		"start":         when(func(e *record.Entry) *time.Time { return &e.Start }),
		"sessionid":     number(func(e *record.Entry) *uint64 { return &e.FlowID }),
		"addr_src":      addr(func(e *record.Entry) *netip.Addr { return &e.Src }),
		"addr_dst":      addr(func(e *record.Entry) *netip.Addr { return &e.Dst }),
		"port_src":      port(func(e *record.Entry) *uint16 { return &e.SrcPort }),
		"port_dst":      port(func(e *record.Entry) *uint16 { return &e.DstPort }),
		"community_id":  text(func(e *record.Entry) *string { return &e.CommunityID }),
		"misc":          text(func(e *record.Entry) *string { return &e.URL }),
		"dns_query":     text(func(e *record.Entry) *string { return &e.Query }),
		"filedigest":    text(func(e *record.Entry) *string { return &e.FileDigest }),
		"ja4":           text(func(e *record.Entry) *string { return &e.JA4 }),
		"pcap_id":       text(func(e *record.Entry) *string { return &e.PcapID }),
		"pkts_sent":     number(func(e *record.Entry) *uint64 { return &e.PacketsSent }),
		"pkts_received": number(func(e *record.Entry) *uint64 { return &e.PacketsReceived }),
		"bytes_sent":    number(func(e *record.Entry) *uint64 { return &e.BytesSent }), "bytes_received": number(func(e *record.Entry) *uint64 { return &e.BytesReceived }),
		"elapsed": number(func(e *record.Entry) *uint64 { return &e.Elapsed }),
	}
}

// scanPage is how many rows Scan reads at once.
const scanPage = 20_000

// Scan is store.Store's. It reads page by page, each from the parts there are
// then: records that come in the meantime are newer than what is still to come,
// or late, and then they are among it.
func (s *Store) Scan(ctx context.Context, q store.Query, f func(store.Row) error) (store.Coverage, error) {
	if err := q.Check(s.opt.Now()); err != nil {
		return store.Coverage{}, err
	}
	began := time.Now()
	for page := (store.Page{Limit: scanPage}); ; {
		res, err := s.find(ctx, q, page)
		if err != nil {
			return store.Coverage{}, err
		}
		for _, r := range res.Rows {
			if err := f(r); err != nil {
				return res.Coverage, err
			}
		}
		if page.After = res.Next; page.After == "" || !res.Complete {
			res.Coverage.Took = time.Since(began)
			return res.Coverage, nil
		}
	}
}
