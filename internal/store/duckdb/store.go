//go:build duckdb

package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// Options are a store's settings; zero fields mean the default.
type Options struct {
	Dir       string // made when it is missing; one store at a time
	Retention store.Retention
	// Memory bounds what DuckDB takes for queries and sealing; 1 GiB. What does
	// not fit is worked on in Dir/tmp.
	Memory uint64
	// SealRows is how many rows a part has at most before it is sealed although
	// its hour has not ended; 1,000,000.
	SealRows uint64
	// Grace is how long after its hour a part waits for late records; 15 min.
	Grace time.Duration
	// MinFree is how many bytes must be free on the disk for Append; 256 MiB.
	MinFree uint64
	Now     func() time.Time
	Log     *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	if o.SealRows == 0 {
		o.SealRows = 1_000_000
	}
	if o.Grace == 0 {
		o.Grace = 15 * time.Minute
	}
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Store is a store.Store in a folder.
type Store struct {
	opt  Options
	db   *sql.DB
	cols map[string][]column // by log type

	// write is held by those who change tables: an append, the last step of a
	// seal, a removal.
	write sync.Mutex
	conn  *sql.Conn // of the one who holds write
	marks map[[2]string]bus.Position
	next  uint64 // the id of the next row
	// seal is held while parts are sealed and removed.
	seal sync.Mutex

	parts catalogue
}

var _ store.Store = (*Store)(nil)

// migrations make each version of the catalogue's layout out of the one before,
// the first out of nothing. What a version has written is never changed here.
func migrations() []string {
	return []string{`
		CREATE TABLE part(id UBIGINT PRIMARY KEY, log VARCHAR NOT NULL, hour TIMESTAMP NOT NULL, sealed BOOLEAN NOT NULL,
			nrows UBIGINT NOT NULL, nbytes UBIGINT NOT NULL, oldest TIMESTAMP NOT NULL, newest TIMESTAMP NOT NULL, cols VARCHAR NOT NULL);
		CREATE TABLE origin(sensor VARCHAR, spool VARCHAR, segment UBIGINT NOT NULL, pos UBIGINT NOT NULL, PRIMARY KEY(sensor, spool));
		CREATE TABLE counter(next_row UBIGINT NOT NULL);
		INSERT INTO counter VALUES (1);
		` + createRollup(), `
		ALTER TABLE part ADD COLUMN ranked VARCHAR DEFAULT '';
		` + createRanks()}
}

// Open opens the store in a folder.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{opt: o, cols: map[string][]column{}, marks: map[[2]string]bus.Position{}}
	for _, log := range store.Logs() {
		s.cols[log] = columnsOf(log)
	}
	for _, dir := range []string{s.sealedDir(), s.tmpDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("log store: %w", err)
		}
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("log store %s: %w", o.Dir, err)
	}
	return s, nil
}

func (s *Store) sealedDir() string { return filepath.Join(s.opt.Dir, "sealed") }
func (s *Store) tmpDir() string    { return filepath.Join(s.opt.Dir, "tmp") }

func (s *Store) open() error {
	c, err := duckdb.NewConnector(filepath.Join(s.opt.Dir, "store.duckdb"), nil)
	if err != nil {
		return err
	}
	s.db = sql.OpenDB(c)
	ctx := context.Background()
	if err := s.begin(ctx); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

func (s *Store) begin(ctx context.Context) (err error) {
	if err = s.configure(ctx); err != nil {
		return err
	}
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if err = s.migrate(ctx); err != nil {
		return err
	}
	return s.load(ctx)
}

// configure bounds what the engine takes, and shuts it into its folder: no
// query can name another file, load an extension, or change that.
func (s *Store) configure(ctx context.Context) error {
	dir, err := filepath.Abs(s.opt.Dir)
	if err != nil {
		return err
	}
	for _, q := range []string{
		fmt.Sprintf("SET memory_limit = '%dMiB'", max(s.opt.Memory>>20, 64)),
		fmt.Sprintf("SET threads = %d", runtime.GOMAXPROCS(0)),
		"SET temp_directory = " + quote(filepath.Join(dir, "tmp")),
		"SET max_temp_directory_size = '4GiB'",
		"SET preserve_insertion_order = true",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		// Most hot parts are sealed and gone before a checkpoint would have
		// packed them: with 16 MiB that took a quarter of an ingest's time.
		"SET wal_autocheckpoint = '512MiB'",
		"SET allowed_directories = [" + quote(dir) + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if _, err := s.db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// quote writes a text of ours (a path, a name) as a literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (s *Store) migrate(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version(version UINTEGER NOT NULL)"); err != nil {
		return err
	}
	var have int
	if err := s.conn.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&have); err != nil {
		return err
	}
	steps := migrations()
	if have > len(steps) {
		return fmt.Errorf("written by a newer version (layout %d, this one knows %d)", have, len(steps))
	}
	for v := have; v < len(steps); v++ {
		err := s.transaction(ctx, func() error {
			if _, err := s.conn.ExecContext(ctx, steps[v]); err != nil {
				return err
			}
			_, err := s.conn.ExecContext(ctx, "INSERT INTO schema_version VALUES (?)", v+1)
			return err
		})
		if err != nil {
			return fmt.Errorf("layout %d: %w", v+1, err)
		}
	}
	return nil
}

// transaction runs f between BEGIN and COMMIT; the caller holds write.
func (s *Store) transaction(ctx context.Context, f func() error) error {
	if _, err := s.conn.ExecContext(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// A commit that failed has ended the transaction: then this fails, rightly.
		_, _ = s.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// raw runs f on the driver's connection of the one who holds write.
func (s *Store) raw(f func(driver.Conn) error) error {
	return s.conn.Raw(func(c any) error { return f(c.(driver.Conn)) })
}

// Close is store.Store's.
func (s *Store) Close() error {
	s.seal.Lock()
	defer s.seal.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	return errors.Join(s.conn.Close(), s.db.Close())
}
