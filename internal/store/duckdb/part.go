//go:build duckdb

package duckdb

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// part is the records of a log type in an hour, or some of them.
type part struct {
	id             uint64
	log            string
	hour           time.Time
	rows, bytes    uint64
	oldest, newest time.Time
	cols           []string // that it keeps
	ranked         []string // columns whose values are counted, see ranks
	sealed         bool
	closed         bool // takes no more rows: it is being sealed

	refs int    // queries at work on it
	gone func() // to call when the last of them ends
}

func (p *part) table() string { return "p" + strconv.FormatUint(p.id, 10) }

func (s *Store) file(p *part) string {
	return filepath.Join(s.sealedDir(), fmt.Sprintf("%s-%s-%d.parquet", p.log, p.hour.UTC().Format("20060102T15"), p.id))
}

func bloomFile(parquet string) string { return strings.TrimSuffix(parquet, ".parquet") + ".bloom" }

// source is where a part's rows are read from, with all columns of its log type.
func (s *Store) source(p *part) string {
	from := p.table()
	if p.sealed {
		from = "read_parquet(" + quote(s.file(p)) + ")"
	}
	return view(from, p.log, p.cols)
}

// catalogue is the parts there are. A query takes a copy of those it needs and
// gives them back: what has been replaced or removed in the meantime goes away
// then.
type catalogue struct {
	mu   sync.Mutex
	all  []*part
	last uint64
}

// held is a copy of a part that a query reads.
type held struct {
	part
	of *part
}

// take gives the parts of log types that may have records of [from, to), the
// newest first. Give them back.
func (c *catalogue) take(logs []string, from, to time.Time) []*held {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*held
	for _, p := range c.all {
		if p.rows == 0 || !slices.Contains(logs, p.log) || !from.IsZero() && p.newest.Before(from) || !to.IsZero() && !p.oldest.Before(to) {
			continue
		}
		p.refs++
		out = append(out, &held{part: *p, of: p})
	}
	slices.SortFunc(out, func(a, b *held) int { return cmp.Or(b.newest.Compare(a.newest), cmp.Compare(b.id, a.id)) })
	return out
}

func (c *catalogue) give(parts []*held) {
	c.mu.Lock()
	var gone []func()
	for _, h := range parts {
		p := h.of
		if p.refs--; p.refs == 0 && p.gone != nil {
			gone = append(gone, p.gone)
			p.gone = nil
		}
	}
	c.mu.Unlock()
	for _, f := range gone {
		f()
	}
}

// replace puts b (nil: nothing) in the place of a; gone is called when no query
// is at work on a any more.
func (c *catalogue) replace(a, b *part, gone func()) {
	c.mu.Lock()
	c.all = slices.DeleteFunc(c.all, func(p *part) bool { return p == a })
	if b != nil {
		c.all = append(c.all, b)
	}
	wait := a.refs > 0
	if wait {
		a.gone = gone
	}
	c.mu.Unlock()
	if !wait {
		gone()
	}
}

// open finds the part that takes a log type's records of an hour.
func (c *catalogue) open(log string, hour time.Time) *part {
	for _, p := range c.all {
		if !p.sealed && !p.closed && p.log == log && p.hour.Equal(hour) {
			return p
		}
	}
	return nil
}

// maxOpen bounds the hot parts of a log type: when records are of more hours
// than that, what comes is kept with the hour of its arrival.
const maxOpen = 26

func (c *catalogue) openParts(log string) int {
	n := 0
	for _, p := range c.all {
		if !p.sealed && p.log == log {
			n++
		}
	}
	return n
}

// load reads the catalogue and clears away what a death has left behind: tables
// and files that are no part.
func (s *Store) load(ctx context.Context) error {
	rows, err := s.conn.QueryContext(ctx, "SELECT id, log, hour, sealed, nrows, nbytes, oldest, newest, cols, ranked FROM part")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		p, cols, ranked := &part{}, "", ""
		if err := rows.Scan(&p.id, &p.log, &p.hour, &p.sealed, &p.rows, &p.bytes, &p.oldest, &p.newest, &cols, &ranked); err != nil {
			return err
		}
		p.cols, p.ranked = strings.Split(cols, ","), strings.Split(ranked, ",")
		s.parts.last = max(s.parts.last, p.id)
		s.parts.all = append(s.parts.all, p)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := s.conn.QueryRowContext(ctx, "SELECT next_row FROM counter").Scan(&s.next); err != nil {
		return err
	}
	if err := s.loadMarks(ctx); err != nil {
		return err
	}
	for _, p := range s.parts.all {
		if err := s.check(ctx, p); err != nil {
			return err
		}
	}
	return s.clear(ctx)
}

func (s *Store) loadMarks(ctx context.Context) error {
	rows, err := s.conn.QueryContext(ctx, "SELECT sensor, spool, segment, pos FROM origin")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var k [2]string
		var segment, at uint64
		if err := rows.Scan(&k[0], &k[1], &segment, &at); err != nil {
			return err
		}
		s.marks[k] = bus.Position{Segment: segment, Offset: int64(at)}
	}
	return rows.Err()
}

// check completes a part that was read from the catalogue: the counts of hot
// ones are in their tables alone; those with columns of an older version are
// closed, and sealed as they are.
func (s *Store) check(ctx context.Context, p *part) error {
	if p.sealed {
		if _, err := os.Stat(s.file(p)); err != nil {
			return fmt.Errorf("a sealed part is missing: %w", err)
		}
		return nil
	}
	p.closed = !slices.Equal(p.cols, names(s.cols[p.log]))
	q := "SELECT count(*), coalesce(sum(octet_length(raw) + 60), 0)::UBIGINT, coalesce(min(receive_time), TIMESTAMP '1970-01-01'), coalesce(max(receive_time), TIMESTAMP '1970-01-01') FROM " + p.table()
	return s.conn.QueryRowContext(ctx, q).Scan(&p.rows, &p.bytes, &p.oldest, &p.newest)
}

func (s *Store) clear(ctx context.Context) error {
	tables, files := map[string]bool{}, map[string]bool{}
	ids := []string{"0"}
	for _, p := range s.parts.all {
		if p.sealed {
			files[s.file(p)], files[bloomFile(s.file(p))] = true, true
			ids = append(ids, strconv.FormatUint(p.id, 10))
		} else {
			tables[p.table()] = true
		}
	}
	var have []string
	if err := s.strings(ctx, "SELECT table_name FROM duckdb_tables() WHERE regexp_matches(table_name, '^p[0-9]+$')", &have); err != nil {
		return err
	}
	for _, t := range have {
		if !tables[t] {
			if _, err := s.conn.ExecContext(ctx, "DROP TABLE "+t); err != nil {
				return err
			}
		}
	}
	for _, t := range countTables() {
		if _, err := s.conn.ExecContext(ctx, "DELETE FROM "+t+" WHERE part NOT IN ("+strings.Join(ids, ",")+")"); err != nil {
			return err
		}
	}
	list, err := os.ReadDir(s.sealedDir())
	if err != nil {
		return err
	}
	for _, f := range list {
		if path := filepath.Join(s.sealedDir(), f.Name()); !files[path] {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) strings(ctx context.Context, q string, out *[]string) error {
	rows, err := s.conn.QueryContext(ctx, q)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return err
		}
		*out = append(*out, v)
	}
	return rows.Err()
}

// Usage is store.Store's.
func (s *Store) Usage(context.Context) ([]store.LogUsage, error) {
	s.parts.mu.Lock()
	defer s.parts.mu.Unlock()
	by := map[string]*store.LogUsage{}
	for _, p := range s.parts.all {
		if p.rows == 0 {
			continue
		}
		u := by[p.log]
		if u == nil {
			u = &store.LogUsage{Log: p.log, Oldest: p.oldest, Newest: p.newest}
			by[p.log] = u
		}
		u.Rows += p.rows
		u.Bytes += p.bytes
		u.Partitions++
		if p.oldest.Before(u.Oldest) {
			u.Oldest = p.oldest
		}
		if p.newest.After(u.Newest) {
			u.Newest = p.newest
		}
	}
	var out []store.LogUsage
	for _, log := range store.Logs() {
		if u := by[log]; u != nil {
			out = append(out, *u)
		}
	}
	return out, nil
}
