package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Options are a Store's settings; the zero value of each but Key is good.
type Options struct {
	Key      []byte           // 32 bytes that seal the TOTP secrets; see LoadKey. Required
	Now      func() time.Time // the clock; time.Now
	Hash     Params           // cost of new password hashes; DefaultParams
	Checks   int              // passwords hashed at once, each with Hash.Memory of RAM; 2
	Waiting  int              // callers that may wait for a check before the rest get Busy; 32
	Idle     time.Duration    // a session ends after this long without a call; 30 min
	Absolute time.Duration    // and after this long in any case; 12 h
	Issuer   string           // the name an authenticator app shows; "Mirrorwall"
}

// Store is the console's users and what belongs to them. Close it.
type Store struct {
	db      *sql.DB
	opt     Options
	checks  chan struct{}
	waiting atomic.Int64
	dummy   string // hash that an unknown user's password is checked against
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hash == (Params{}) {
		o.Hash = DefaultParams()
	}
	o.Checks = max(o.Checks, 0)
	if o.Checks == 0 {
		o.Checks = 2
	}
	if o.Waiting <= 0 {
		o.Waiting = 32
	}
	if o.Idle <= 0 {
		o.Idle = 30 * time.Minute
	}
	if o.Absolute <= 0 {
		o.Absolute = 12 * time.Hour
	}
	if o.Issuer == "" {
		o.Issuer = "Mirrorwall"
	}
	return o
}

// Open opens the database at path, makes it (mode 0600) when it is not there,
// and brings its schema to this version. It refuses a file that a later version
// wrote.
func Open(ctx context.Context, path string, opt Options) (*Store, error) {
	if len(opt.Key) != 32 {
		return nil, fmt.Errorf("access: the key has %d bytes, not 32", len(opt.Key))
	}
	// Made here because SQLite would make it with the umask's mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	db, err := sql.Open("sqlite", "file:"+escaped+"?_txlock=immediate&_pragma=busy_timeout(5000)"+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)")
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	db.SetMaxOpenConns(1) // SQLite has one writer; a second connection would only wait for it
	s := &Store{db: db, opt: opt.withDefaults()}
	s.checks = make(chan struct{}, s.opt.Checks)
	s.dummy = hashPassword(rand.Text(), s.opt.Hash)
	if err := migrate(ctx, db, migrations()); err != nil {
		return nil, errors.Join(fmt.Errorf("access: %s: %w", path, err), db.Close())
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// tx runs f in a transaction. Inside it f must use the transaction only: the
// store has one connection.
func (s *Store) tx(ctx context.Context, f func(*sql.Tx) error) error {
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	if err := f(t); err != nil {
		return errors.Join(err, ignoreDone(t.Rollback()))
	}
	return t.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// now is the clock as the database keeps it: microseconds since 1970.
func (s *Store) now() int64 { return s.opt.Now().UnixMicro() }

func stamp(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// secretText makes n random bytes and writes them in lower-case base 32.
func secretText(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return lower32(b)
}

func lower32(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// digest is how random secrets are stored. They are too long to guess, so a
// fast hash is enough, and looking one up by its hash leaks nothing of it.
func digest(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}
