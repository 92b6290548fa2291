package access

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"net/netip"
	"time"
)

const setupLife = 30 * time.Minute

// superusers counts those that can sign in whatever happens to an identity
// provider; without one the store is not set up.
const superusers = `SELECT count(*) FROM users WHERE role = 'superuser' AND password <> '' AND disabled = 0`

// NeedsSetup reports whether no superuser has a password yet. Until then only
// CompleteSetup may be reached.
func (s *Store) NeedsSetup(ctx context.Context) (bool, error) {
	var n int
	err := s.db.QueryRowContext(ctx, superusers).Scan(&n)
	return n == 0, err
}

// BeginSetup makes the setup token, good once and for thirty minutes, and
// forgets the one before. The caller prints it where only the machine's
// administrator sees it. Once the store is set up it refuses with Conflict,
// unless reset says that someone with a shell on the machine lost the password.
func (s *Store) BeginSetup(ctx context.Context, reset bool) (token string, err error) {
	need, err := s.NeedsSetup(ctx)
	if err != nil {
		return "", err
	}
	if !need && !reset {
		return "", refuse(Conflict, "sign in as a superuser", "the console is set up already")
	}
	token = secretText(20)
	return token, s.tx(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO setup VALUES (1, ?, ?)
 ON CONFLICT (one) DO UPDATE SET hash = excluded.hash, expires = excluded.expires`,
			digest(token), s.opt.Now().Add(setupLife).UnixMicro())
		if err != nil {
			return err
		}
		return s.audit(ctx, t, System(), Event{Action: "setup.begin", Detail: "a setup token was made"})
	})
}

// CompleteSetup uses up the setup token and makes name a superuser with the
// password; a user of that name who is there already loses sessions and second
// factor. A password that is not good enough leaves the token as it was.
func (s *Store) CompleteSetup(ctx context.Context, token, name, password string, from netip.Addr) error {
	if err := s.attempt(ctx, "setup token from "+network(from), from); err != nil {
		return err
	}
	if err := s.setupToken(ctx, s.db, token); err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	if err := CheckPassword(name, password); err != nil {
		return err
	}
	phc, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.tx(ctx, func(t *sql.Tx) error {
		if err := s.setupToken(ctx, t, token); err != nil {
			return err // someone else used it meanwhile
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM setup; DELETE FROM throttle`); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `INSERT INTO users (name, role, password, created) VALUES (?, 'superuser', ?, ?)
 ON CONFLICT (name) DO UPDATE SET role = 'superuser', password = excluded.password, issuer = '', subject = '',
 disabled = 0, totp = NULL, totp_pending = NULL`, name, phc, s.now())
		if err != nil {
			return err
		}
		const those = "WHERE user_id = (SELECT id FROM users WHERE name = ?)"
		for _, table := range []string{"sessions", "recovery", "tokens"} {
			if _, err := t.ExecContext(ctx, "DELETE FROM "+table+" "+those, name); err != nil {
				return err
			}
		}
		return s.audit(ctx, t, Identity{Name: name, Address: from},
			Event{Action: "setup.complete", Object: name, Detail: "with the setup token"})
	})
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) setupToken(ctx context.Context, q querier, token string) error {
	var hash []byte
	var expires int64
	err := q.QueryRowContext(ctx, "SELECT hash, expires FROM setup").Scan(&hash, &expires)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err != nil || subtle.ConstantTimeCompare(hash, digest(token)) != 1 || s.now() >= expires {
		return refuse(Unauthenticated, "restart the console for a new one: a token works once, for 30 minutes",
			"the setup token is not valid")
	}
	return nil
}
