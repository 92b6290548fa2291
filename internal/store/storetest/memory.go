// Package storetest holds what every log store must do, and a store in memory
// that says what the right answer is.
package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// Memory is a store that looks at each record with the filter's predicate. It
// is the oracle of the contract and serves tests that need some store; it
// bounds nothing and survives nothing.
type Memory struct {
	Now func() time.Time // nil: time.Now

	mu        sync.Mutex
	rows      []memRow // newest first
	marks     map[[2]string]bus.Position
	retention store.Retention
	next      uint64
}

type memRow struct {
	e  *record.Entry
	id uint64
}

// NewMemory makes an empty store.
func NewMemory(r store.Retention) *Memory {
	return &Memory{marks: map[[2]string]bus.Position{}, retention: r}
}

var _ store.Store = (*Memory)(nil)

func (m *Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// Append is store.Store's.
func (m *Memory) Append(_ context.Context, blocks []store.Block) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := 0
	for _, b := range blocks {
		key := [2]string{b.Origin.Sensor, b.Origin.Spool}
		if at, ok := m.marks[key]; ok && !at.Before(b.Origin.Start) {
			continue
		}
		m.marks[key] = b.Origin.Start
		for _, e := range b.Entries {
			own := *e
			own.Raw = slices.Clone(e.Raw)
			m.rows = append(m.rows, memRow{&own, m.next})
			m.next++
			kept++
		}
	}
	slices.SortStableFunc(m.rows, newestFirst)
	return kept, nil
}

func newestFirst(a, b memRow) int {
	return cmp.Or(micros(b.e.Time).Compare(micros(a.e.Time)), cmp.Compare(b.id, a.id))
}

func micros(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

// each calls f for what matches, newest first, until it returns false.
func (m *Memory) each(q *store.Query, f func(memRow) bool) error {
	if err := q.Check(m.now()); err != nil {
		return err
	}
	m.mu.Lock()
	rows := slices.Clone(m.rows)
	m.mu.Unlock()
	for _, r := range rows {
		if !slices.Contains(q.Logs, r.e.Log) || !q.From.IsZero() && r.e.Time.Before(q.From) || !q.To.IsZero() && !r.e.Time.Before(q.To) {
			continue
		}
		if q.Filter != nil && !q.Filter.Match(r.e, q.Now) {
			continue
		}
		if !f(r) {
			break
		}
	}
	return nil
}

func whole() store.Coverage { return store.Coverage{Complete: true, Share: 1} }

func (r memRow) row() store.Row {
	return store.Row{ID: strconv.FormatUint(r.id, 10), Log: r.e.Log, Raw: r.e.Raw}
}

func (r memRow) cursor() string { return fmt.Sprintf("%d-%d", r.e.Time.UnixMicro(), r.id) }

// Find is store.Store's.
func (m *Memory) Find(_ context.Context, q store.Query, p store.Page) (*store.Result, error) {
	if p.Limit < 1 || p.Limit > store.MaxPage {
		return nil, store.Bad("", "want 1 to %d rows, got %d", store.MaxPage, p.Limit)
	}
	var at, id int64
	if p.After != "" {
		if n, err := fmt.Sscanf(p.After, "%d-%d", &at, &id); n != 2 || err != nil {
			return nil, store.Bad("begin again without a cursor", "the cursor %q is none of this store", p.After)
		}
	}
	res := &store.Result{Coverage: whole()}
	last := memRow{}
	err := m.each(&q, func(r memRow) bool {
		if t := r.e.Time.UnixMicro(); p.After != "" && (t > at || t == at && int64(r.id) >= id) {
			return true
		}
		if len(res.Rows) == p.Limit {
			res.Next = last.cursor()
			return false
		}
		res.Rows, last = append(res.Rows, r.row()), r
		return true
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// Scan is store.Store's.
func (m *Memory) Scan(_ context.Context, q store.Query, f func(store.Row) error) (store.Coverage, error) {
	var ferr error
	err := m.each(&q, func(r memRow) bool {
		ferr = f(r.row())
		return ferr == nil
	})
	return whole(), cmp.Or(err, ferr)
}

// Histogram is store.Store's.
func (m *Memory) Histogram(_ context.Context, q store.Query, step time.Duration, field string) (*store.Histogram, error) {
	var hits []memRow
	if err := m.each(&q, func(r memRow) bool { hits = append(hits, r); return true }); err != nil {
		return nil, err
	}
	from, to := q.From, q.To
	if n := len(hits); n > 0 {
		if from.IsZero() {
			from = hits[n-1].e.Time
		}
		if to.IsZero() {
			to = hits[0].e.Time.Add(1)
		}
	}
	start, n, err := store.Buckets(from, to, step)
	if err != nil {
		return nil, err
	}
	h := &store.Histogram{Start: start, Step: step, Coverage: whole()}
	counts, totals := map[string][]uint64{}, map[string]uint64{}
	get := func(*record.Entry) []string { return []string{""} }
	if field != "" {
		f, err := store.FieldNamed(field)
		if err != nil {
			return nil, err
		}
		get = func(e *record.Entry) []string { return store.Values(&f, e) }
	}
	for _, r := range hits {
		for _, v := range get(r.e) {
			if counts[v] == nil {
				counts[v] = make([]uint64, n)
			}
			counts[v][r.e.Time.Sub(start)/step]++
			totals[v]++
		}
	}
	h.Series = store.FoldSeries(counts, totals, n)
	return h, nil
}

// Top is store.Store's.
func (m *Memory) Top(_ context.Context, q store.Query, g store.Grouping) (*store.Top, error) {
	f, err := store.CheckGrouping(&g)
	if err != nil {
		return nil, err
	}
	groups, flows := map[string]*store.Group{}, map[string]map[uint64]bool{}
	err = m.each(&q, func(r memRow) bool {
		for _, v := range store.Values(&f, r.e) {
			if !strings.HasPrefix(strings.ToLower(v), strings.ToLower(g.Prefix)) {
				continue
			}
			if groups[v] == nil {
				groups[v], flows[v] = &store.Group{Value: v}, map[uint64]bool{}
			}
			x := groups[v]
			x.Count++
			x.Bytes += r.e.BytesSent + r.e.BytesReceived
			x.Packets += r.e.PacketsSent + r.e.PacketsReceived
			flows[v][r.e.FlowID] = true
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	t := &store.Top{Values: uint64(len(groups)), Coverage: whole()}
	for v, x := range groups {
		if g.By == store.BySessions {
			x.Sessions = uint64(len(flows[v]))
		}
		t.Groups = append(t.Groups, *x)
	}
	t.Groups = store.Rank(t.Groups, g)
	return t, nil
}

// Usage is store.Store's.
func (m *Memory) Usage(context.Context) ([]store.LogUsage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	by := map[string]*store.LogUsage{}
	for _, r := range m.rows { // newest first
		u := by[r.e.Log]
		if u == nil {
			u = &store.LogUsage{Log: r.e.Log, Newest: r.e.Time, Partitions: 1}
			by[r.e.Log] = u
		}
		u.Rows++
		u.Bytes += uint64(len(r.e.Raw))
		u.Oldest = r.e.Time
	}
	var out []store.LogUsage
	for _, l := range store.Logs() {
		if u := by[l]; u != nil {
			out = append(out, *u)
		}
	}
	return out, nil
}

// Maintain is store.Store's.
func (m *Memory) Maintain(_ context.Context, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := map[string]uint64{}
	m.rows = slices.DeleteFunc(m.rows, func(r memRow) bool {
		l := m.retention[r.e.Log]
		held[r.e.Log] += uint64(len(r.e.Raw))
		return l.Age > 0 && now.Sub(r.e.Time) > l.Age || l.Bytes > 0 && held[r.e.Log] > l.Bytes
	})
	return nil
}

// Close is store.Store's.
func (m *Memory) Close() error { return nil }
