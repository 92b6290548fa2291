//go:build duckdb

package duckdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Maintain is store.Store's.
func (s *Store) Maintain(ctx context.Context, now time.Time) error {
	s.seal.Lock()
	defer s.seal.Unlock()
	var errs []error
	for _, p := range s.ripe(now) {
		if err := s.sealPart(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("log store: sealing %s of %s: %w", p.log, p.hour.Format(time.RFC3339), err))
			s.parts.mu.Lock()
			p.closed = false
			s.parts.mu.Unlock()
			break // what hindered this one hinders the next
		}
	}
	// Room is made even when sealing fails: it may fail for want of room.
	return errors.Join(append(errs, s.retain(ctx, now))...)
}

// ripe are the parts to seal, the oldest first; they take no more rows.
func (s *Store) ripe(now time.Time) []*part {
	s.write.Lock() // no append is at work on them
	defer s.write.Unlock()
	s.parts.mu.Lock()
	defer s.parts.mu.Unlock()
	var out []*part
	for _, p := range s.parts.all {
		if !p.sealed && (p.closed || p.rows >= s.opt.SealRows || !now.Before(p.hour.Add(time.Hour+s.opt.Grace))) {
			p.closed = true
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *part) int { return cmp.Or(a.hour.Compare(b.hour), cmp.Compare(a.id, b.id)) })
	return out
}

// sealPart writes a part's file and puts it in the place of the table.
func (s *Store) sealPart(ctx context.Context, p *part) error {
	sealed := &part{id: p.id, log: p.log, hour: p.hour, rows: p.rows, oldest: p.oldest, newest: p.newest, cols: p.cols, sealed: true}
	path := s.file(sealed)
	tmp := path + ".tmp"
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("COPY (SELECT * FROM %s ORDER BY %s DESC, id DESC) TO %s (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 122880)",
		p.table(), timeColumn, quote(tmp)))
	if err != nil {
		return errors.Join(err, remove(tmp))
	}
	b, err := s.buildBloom(ctx, p, s.source(p))
	if err != nil {
		return err
	}
	if err := os.WriteFile(bloomFile(path), b.bits, 0o600); err != nil {
		return err
	}
	if sealed.bytes, err = settle(tmp, path, bloomFile(path)); err != nil {
		return err
	}
	if sealed.ranked, err = s.count(ctx, p); err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	_, err = s.conn.ExecContext(ctx, "UPDATE part SET sealed = true, nrows = ?, nbytes = ?, oldest = ?, newest = ?, ranked = ? WHERE id = ?",
		p.rows, sealed.bytes, p.oldest, p.newest, strings.Join(sealed.ranked, ","), p.id)
	if err != nil {
		return err
	}
	s.parts.replace(p, sealed, func() { s.drop(p) })
	return nil
}

// settle forces a new file to the disk and gives it its name; other is beside
// it. It returns the size of both.
func settle(tmp, path, other string) (size uint64, err error) {
	for _, f := range []string{tmp, other} {
		n, err := syncFile(f)
		if err != nil {
			return 0, err
		}
		size += n
	}
	if err := os.Rename(tmp, path); err != nil {
		return 0, err
	}
	_, err = syncFile(filepath.Dir(path))
	return size, err
}

func syncFile(path string) (size uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() // read only; Sync has told
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return uint64(st.Size()), f.Sync()
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// drop removes the table of a part that nothing reads any more. When that fails
// the next Open does it.
func (s *Store) drop(p *part) {
	// Not the writer's connection: this may run while write is held.
	if _, err := s.db.Exec("DROP TABLE IF EXISTS " + p.table()); err != nil {
		s.opt.Log.Warn("log store: a sealed table was not removed", "table", p.table(), "err", err)
	}
}

// retain removes the parts that retention no longer keeps.
func (s *Store) retain(ctx context.Context, now time.Time) error {
	for _, p := range s.expired(now) {
		if err := s.removePart(ctx, p); err != nil {
			return fmt.Errorf("log store: removing %s of %s: %w", p.log, p.hour.Format(time.RFC3339), err)
		}
	}
	return nil
}

func (s *Store) expired(now time.Time) []*part {
	s.parts.mu.Lock()
	defer s.parts.mu.Unlock()
	all := slices.Clone(s.parts.all)
	slices.SortFunc(all, func(a, b *part) int { return b.newest.Compare(a.newest) })
	held := map[string]uint64{}
	var out []*part
	for _, p := range all {
		l := s.opt.Retention[p.log]
		held[p.log] += p.bytes
		if l.Age > 0 && now.Sub(p.newest) > l.Age || l.Bytes > 0 && held[p.log] > l.Bytes {
			out = append(out, p)
		}
	}
	return out
}

func (s *Store) removePart(ctx context.Context, p *part) error {
	s.write.Lock()
	defer s.write.Unlock()
	err := s.transaction(ctx, func() error {
		if _, err := s.conn.ExecContext(ctx, "DELETE FROM part WHERE id = ?", p.id); err != nil {
			return err
		}
		for _, t := range append(rankTables(), rollupTable(p.log)) {
			if _, err := s.conn.ExecContext(ctx, "DELETE FROM "+t+" WHERE part = ?", p.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.opt.Log.Info("log store: a part went, as retention says", "log", p.log, "hour", p.hour.Format(time.RFC3339), "records", p.rows)
	s.parts.replace(p, nil, func() {
		if !p.sealed {
			s.drop(p)
			return
		}
		if err := errors.Join(remove(s.file(p)), remove(bloomFile(s.file(p)))); err != nil {
			s.opt.Log.Warn("log store: a file was not removed", "err", err)
		}
	})
	return nil
}
