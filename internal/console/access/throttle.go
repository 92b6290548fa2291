package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

const (
	freeAccount  = 5                // failures of one account before delays begin
	freeAddress  = 20               // failures from one address before delays begin
	maxDelay     = 15 * time.Minute // the longest delay: never a lockout
	forgetAfter  = 24 * time.Hour   // a counter that rested so long starts anew
	maxThrottles = 50_000           // counters kept; the longest at rest go first
)

// network is whom an address stands for: itself for IPv4, its /64 for IPv6,
// because one subscriber has all of it.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return "local"
	}
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}

// delay is how long after its n-th failure a counter with so many free ones
// refuses: one second, then twice as long each time.
func delay(n, free int64) time.Duration {
	if n < free {
		return 0
	}
	return min(maxDelay, time.Second<<min(n-free, 20))
}

// keys are the counters of an attempt. An account has one for all the world and
// one for each network from which it has signed in before, so that strangers
// who guess cannot keep its owner out.
func (s *Store) keys(ctx context.Context, t *sql.Tx, name string, a netip.Addr) (account, address string, err error) {
	net := network(a)
	account = "account " + strings.ToLower(name)
	var known int
	err = t.QueryRowContext(ctx, `SELECT count(*) FROM known JOIN users ON users.id = user_id WHERE name = ? AND network = ?`,
		name, net).Scan(&known)
	if known > 0 {
		account += " from " + net
	}
	return account, "address " + net, err
}

// attempt counts an attempt before its password is looked at, so that many at
// once are no way around the count, or refuses it. forgive takes it back.
func (s *Store) attempt(ctx context.Context, name string, a netip.Addr) error {
	return s.tx(ctx, func(t *sql.Tx) error {
		account, address, err := s.keys(ctx, t, name, a)
		if err != nil {
			return err
		}
		now := s.now()
		for _, k := range []struct {
			key  string
			free int64
		}{{account, freeAccount}, {address, freeAddress}} {
			if err := checkThrottle(ctx, t, k.key, k.free, now); err != nil {
				return err
			}
		}
		for _, k := range []string{account, address} {
			_, err := t.ExecContext(ctx, `INSERT INTO throttle VALUES (?, 1, ?)
 ON CONFLICT (key) DO UPDATE SET failures = failures + 1, last = excluded.last`, k, now)
			if err != nil {
				return err
			}
		}
		_, err = t.ExecContext(ctx, `DELETE FROM throttle WHERE last < ? OR key IN
 (SELECT key FROM throttle ORDER BY last DESC LIMIT -1 OFFSET ?)`, now-forgetAfter.Microseconds(), maxThrottles)
		return err
	})
}

func checkThrottle(ctx context.Context, t *sql.Tx, key string, free, now int64) error {
	var n, last int64
	err := t.QueryRowContext(ctx, "SELECT failures, last FROM throttle WHERE key = ?", key).Scan(&n, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	since := max(0, time.Duration(now-last)*time.Microsecond) // the clock may be set back
	if since >= forgetAfter {
		_, err := t.ExecContext(ctx, "DELETE FROM throttle WHERE key = ?", key)
		return err
	}
	if wait := delay(n, free) - since; wait > 0 {
		wait = wait.Round(time.Second) + time.Second
		return &Error{Kind: Throttled, Msg: fmt.Sprintf("too many failed sign-ins; the next is possible in %v", wait),
			Hint: "wait, then try once", RetryAfter: wait}
	}
	return nil
}

// forgive follows a success: the account's counter goes, the address's loses
// only this attempt, or one's own account would buy guesses at others'.
func (s *Store) forgive(ctx context.Context, t *sql.Tx, u *userRow, a netip.Addr) error {
	account, address, err := s.keys(ctx, t, u.Name, a)
	if err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, "DELETE FROM throttle WHERE key = ?", account); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, "UPDATE throttle SET failures = max(0, failures - 1) WHERE key = ?", address); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, `INSERT INTO known VALUES (?, ?, ?)
 ON CONFLICT (user_id, network) DO UPDATE SET last = excluded.last`, u.ID, network(a), s.now()); err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `DELETE FROM known WHERE user_id = ? AND network NOT IN
 (SELECT network FROM known WHERE user_id = ? ORDER BY last DESC LIMIT 16)`, u.ID, u.ID)
	return err
}
