//go:build duckdb

package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// pile is what an append adds to one part.
type pile struct {
	p              *part
	fresh          bool // the part is made with it
	entries        []*record.Entry
	bytes          uint64
	oldest, newest time.Time
}

// Append is store.Store's.
func (s *Store) Append(ctx context.Context, blocks []store.Block) (kept int, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.room(); err != nil {
		return 0, err
	}
	marks := map[[2]string]bus.Position{}
	var entries []*record.Entry
	for _, b := range blocks {
		key := [2]string{b.Origin.Sensor, b.Origin.Spool}
		at, ok := marks[key]
		if !ok {
			at, ok = s.marks[key]
		}
		if ok && !at.Before(b.Origin.Start) {
			continue
		}
		marks[key] = b.Origin.Start
		entries = append(entries, b.Entries...)
	}
	if len(marks) == 0 {
		return 0, nil
	}
	piles := s.sort(entries)
	next := s.next
	err = s.transaction(ctx, func() error { return s.append(ctx, piles, marks, &next) })
	if err != nil {
		if full(err) {
			return 0, fmt.Errorf("%w: %w", store.ErrFull, err)
		}
		return 0, fmt.Errorf("log store: %w", err)
	}
	s.next = next
	for k, at := range marks {
		s.marks[k] = at
	}
	s.parts.add(piles)
	return len(entries), nil
}

// room reports ErrFull when the disk is nearly full: DuckDB needs some to get
// rid of what it has.
func (s *Store) room() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.opt.Dir, &st); err != nil {
		return fmt.Errorf("log store: %w", err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < s.opt.MinFree {
		return fmt.Errorf("%w: %d MiB are free on its disk", store.ErrFull, free>>20)
	}
	return nil
}

func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "No space left on device")
}

// sort puts entries to the parts that take them, in their order.
func (s *Store) sort(entries []*record.Entry) []*pile {
	s.parts.mu.Lock()
	defer s.parts.mu.Unlock()
	type key struct {
		log  string
		hour int64
	}
	by := map[key]*pile{}
	fresh := map[string]int{}
	var out []*pile
	last := s.parts.last
	for _, e := range entries {
		k := key{e.Log, e.Time.Unix() / 3600}
		x := by[k]
		if x == nil {
			hour := e.Time.UTC().Truncate(time.Hour)
			p := s.parts.open(e.Log, hour)
			if p == nil && s.parts.openParts(e.Log)+fresh[e.Log] >= maxOpen {
				hour = s.opt.Now().UTC().Truncate(time.Hour)
				k.hour = hour.Unix() / 3600
				if x = by[k]; x == nil {
					p = s.parts.open(e.Log, hour)
				}
			}
			if x == nil {
				x = &pile{p: p, fresh: p == nil, oldest: micros(e.Time), newest: micros(e.Time)}
				if x.fresh {
					last++
					fresh[e.Log]++
					x.p = &part{id: last, log: e.Log, hour: hour, cols: names(s.cols[e.Log])}
				}
				by[k] = x
				out = append(out, x)
			}
		}
		x.entries = append(x.entries, e)
		t := micros(e.Time)
		if t.Before(x.oldest) {
			x.oldest = t
		}
		if t.After(x.newest) {
			x.newest = t
		}
	}
	s.parts.last = last
	return out
}

// append writes rows and marks; it is within a transaction.
func (s *Store) append(ctx context.Context, piles []*pile, marks map[[2]string]bus.Position, next *uint64) error {
	for _, x := range piles {
		if x.fresh {
			_, err := s.conn.ExecContext(ctx, createTable(x.p.table(), s.cols[x.p.log])+"; INSERT INTO part VALUES ("+
				fmt.Sprintf("%d, %s, make_timestamp(%d::BIGINT), false, 0, 0, TIMESTAMP '1970-01-01', TIMESTAMP '1970-01-01', %s, '')", x.p.id, quote(x.p.log), x.p.hour.UnixMicro(), quote(strings.Join(x.p.cols, ","))))
			if err != nil {
				return err
			}
		}
		if err := s.appendPile(x, next); err != nil {
			return err
		}
	}
	for k, at := range marks {
		if _, err := s.conn.ExecContext(ctx, "INSERT OR REPLACE INTO origin VALUES (?, ?, ?, ?)", k[0], k[1], at.Segment, uint64(at.Offset)); err != nil {
			return err
		}
	}
	_, err := s.conn.ExecContext(ctx, "UPDATE counter SET next_row = ?", *next)
	return err
}

func (s *Store) appendPile(x *pile, next *uint64) error {
	cols, marks := s.cols[x.p.log], markings()
	return s.raw(func(c driver.Conn) error {
		a, err := duckdb.NewAppenderFromConn(c, "", x.p.table())
		if err != nil {
			return err
		}
		row := make([]driver.Value, len(cols)+2)
		var raw []byte
		for _, e := range x.entries {
			for i := range cols {
				row[i] = cols[i].value(e)
			}
			raw = squeeze(raw[:0], e, marks)
			row[len(cols)], row[len(cols)+1] = *next, raw
			if err := a.AppendRow(row...); err != nil {
				return errors.Join(err, a.Close())
			}
			*next++
			x.bytes += uint64(len(raw)) + 60
		}
		return a.Close()
	})
}

// add makes an append's rows visible.
func (c *catalogue) add(piles []*pile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range piles {
		p := x.p
		if p.rows == 0 || x.oldest.Before(p.oldest) {
			p.oldest = x.oldest
		}
		if p.rows == 0 || x.newest.After(p.newest) {
			p.newest = x.newest
		}
		p.rows += uint64(len(x.entries))
		p.bytes += x.bytes
		if x.fresh {
			c.all = append(c.all, p)
		}
	}
}
