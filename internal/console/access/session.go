package access

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"strings"
	"time"
)

const maxSessions = 32 // of one user; the one unused longest goes first

// LoginRequest is a sign-in with a password.
type LoginRequest struct {
	Name, Password string
	Code           string // of TOTP, or a recovery code; where the user has a second factor
	Address        netip.Addr
	Agent          string // the browser's User-Agent, for the list of sessions
	Old            string // the cookie value that the browser sent, if any: that session ends
}

// Session is a signed-in browser, as its owner sees it.
type Session struct {
	ID      string    `json:"id"` // public: it does not sign in
	UserID  int64     `json:"user_id"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"` // last call, to the minute
	Address string    `json:"address"`
	Agent   string    `json:"agent"`
	Current bool      `json:"current"` // is the caller's own
}

// Login checks a name, a password and a second factor, and gives the cookie
// value of a new session. Its errors are of kind SetupNeeded, Throttled, Busy,
// CodeNeeded, or Unauthenticated: the last says no more than that.
func (s *Store) Login(ctx context.Context, r LoginRequest) (cookie string, u User, err error) {
	if need, err := s.NeedsSetup(ctx); err != nil || need {
		return "", User{}, errors.Join(err, setupError(need))
	}
	if checkName(r.Name) != nil {
		r.Name = "" // nobody's; it costs what a name costs
	}
	if err := s.attempt(ctx, r.Name, r.Address); err != nil {
		return "", User{}, err
	}
	row, err := scanUser(s.db.QueryRowContext(ctx, userColumns+"WHERE name = ?", r.Name))
	if errors.Is(err, NotFound) {
		row = &userRow{}
	} else if err != nil {
		return "", User{}, err
	}
	ok, fresh, err := s.verify(ctx, row.password, r.Password)
	if err != nil {
		return "", User{}, err
	}
	switch {
	case !ok || row.Disabled:
		err = wrong()
	case row.TOTP && r.Code == "":
		err = refuse(CodeNeeded, "enter the code of the authenticator app, or a recovery code", "the second factor is missing")
	default:
		err = s.tx(ctx, func(t *sql.Tx) error {
			cookie, err = s.enter(ctx, t, row.ID, fresh, r)
			return err
		})
	}
	if errors.Is(err, Unauthenticated) {
		return "", User{}, errors.Join(err, s.refused(ctx, row, r))
	} else if err != nil {
		return "", User{}, err
	}
	return cookie, row.User, nil
}

func setupError(need bool) error {
	if !need {
		return nil
	}
	return refuse(SetupNeeded, "set a superuser's password with the setup token that the console printed when it started",
		"the console is not set up: no superuser has a password yet")
}

// refused audits a failed sign-in. A name that is nobody's is left out: people
// type passwords there.
func (s *Store) refused(ctx context.Context, u *userRow, r LoginRequest) error {
	e := Event{Action: "login", Object: u.Name, Outcome: "refused"}
	if u.Name == "" {
		e.Object = "(unknown user)"
	}
	return s.Record(ctx, Identity{Address: r.Address}, e)
}

// enter is the part of a sign-in that changes something. The user is read
// again: the password's check took its time.
func (s *Store) enter(ctx context.Context, t *sql.Tx, id int64, fresh string, r LoginRequest) (string, error) {
	u, err := userByID(ctx, t, id)
	if err != nil || u.Disabled {
		return "", wrong()
	}
	if u.TOTP {
		if err := s.useCode(ctx, t, u, r.Code); err != nil {
			return "", err
		}
	}
	if fresh != "" {
		if _, err := t.ExecContext(ctx, "UPDATE users SET password = ? WHERE id = ?", fresh, u.ID); err != nil {
			return "", err
		}
	}
	if err := s.forgive(ctx, t, u, r.Address); err != nil {
		return "", err
	}
	return s.openSession(ctx, t, u, r, "password")
}

func (s *Store) openSession(ctx context.Context, t *sql.Tx, u *userRow, r LoginRequest, how string) (string, error) {
	if _, err := t.ExecContext(ctx, "DELETE FROM sessions WHERE hash = ?", digest(r.Old)); err != nil {
		return "", err
	}
	cookie, id, err := s.newSession(ctx, t, u.ID, r.Address, r.Agent)
	if err != nil {
		return "", err
	}
	if _, err := t.ExecContext(ctx, "UPDATE users SET last_login = ? WHERE id = ?", s.now(), u.ID); err != nil {
		return "", err
	}
	by := Identity{Name: u.Name, Address: r.Address, Session: id}
	return cookie, s.audit(ctx, t, by, Event{Action: "login", Object: u.Name, Detail: "by " + how})
}

func (s *Store) newSession(ctx context.Context, t *sql.Tx, user int64, from netip.Addr, agent string) (cookie, id string, err error) {
	cookie, id = secretText(32), secretText(10)
	now := s.now()
	agent = strings.ToValidUTF8(agent[:min(len(agent), 256)], "")
	_, err = t.ExecContext(ctx, "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
		digest(cookie), id, user, now, now, from.String(), agent)
	if err != nil {
		return "", "", err
	}
	_, err = t.ExecContext(ctx, `DELETE FROM sessions WHERE seen < ? OR created < ? OR user_id = ? AND id NOT IN
 (SELECT id FROM sessions WHERE user_id = ? ORDER BY seen DESC, rowid DESC LIMIT ?)`,
		now-s.opt.Idle.Microseconds(), now-s.opt.Absolute.Microseconds(), user, user, maxSessions)
	return cookie, id, err
}

// rotate ends all sessions of the caller and opens a new one: what a stolen
// cookie was good for ends where rights or credentials change.
func (s *Store) rotate(ctx context.Context, t *sql.Tx, by Identity) (string, error) {
	var agent string
	if err := t.QueryRowContext(ctx, "SELECT agent FROM sessions WHERE id = ?", by.Session).Scan(&agent); err != nil {
		return "", refuse(Unauthenticated, "sign in again", "the session has ended")
	}
	if err := dropSessions(ctx, t, by.UserID); err != nil {
		return "", err
	}
	cookie, _, err := s.newSession(ctx, t, by.UserID, by.Address, agent)
	return cookie, err
}

func dropSessions(ctx context.Context, t *sql.Tx, user int64) error {
	_, err := t.ExecContext(ctx, "DELETE FROM sessions WHERE user_id = ?", user)
	return err
}

// Authenticate finds whose session a cookie value is. A session that was idle
// or lived too long is removed and gives Unauthenticated. The time of the last
// call is kept to the minute, so a session may end a minute early, never late.
func (s *Store) Authenticate(ctx context.Context, cookie string, from netip.Addr) (Identity, error) {
	none := refuse(Unauthenticated, "sign in", "the session has ended")
	if len(cookie) != 52 {
		return Identity{}, none
	}
	id := Identity{Address: from}
	var created, seen int64
	err := s.db.QueryRowContext(ctx, `SELECT sessions.id, sessions.created, seen, user_id, name, role FROM sessions
 JOIN users ON users.id = user_id WHERE hash = ? AND disabled = 0`, digest(cookie)).
		Scan(&id.Session, &created, &seen, &id.UserID, &id.Name, &id.Role)
	if errors.Is(err, sql.ErrNoRows) {
		return Identity{}, none
	} else if err != nil {
		return Identity{}, err
	}
	now := s.now()
	if now-seen >= s.opt.Idle.Microseconds() || now-created >= s.opt.Absolute.Microseconds() {
		_, err := s.db.ExecContext(ctx, "DELETE FROM sessions WHERE id = ?", id.Session)
		return Identity{}, errors.Join(none, err)
	}
	if now-seen >= time.Minute.Microseconds() {
		if _, err := s.db.ExecContext(ctx, "UPDATE sessions SET seen = ? WHERE id = ?", now, id.Session); err != nil {
			return Identity{}, err
		}
	}
	id.Permissions = id.Role.Permissions()
	return id, nil
}

// Sessions lists the sessions of a user, the last used first: the caller's own,
// or with users.read anyone's.
func (s *Store) Sessions(ctx context.Context, by Identity, user int64) ([]Session, error) {
	if user != by.UserID || by.UserID == 0 {
		if err := by.need(UsersRead); err != nil {
			return nil, err
		}
	}
	rows, err := s.db.QueryContext(ctx, `SELECT id, user_id, created, seen, address, agent FROM sessions
 WHERE user_id = ? AND seen > ? AND created > ? ORDER BY seen DESC`, user,
		s.now()-s.opt.Idle.Microseconds(), s.now()-s.opt.Absolute.Microseconds())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Session{}
	for rows.Next() {
		var x Session
		var created, seen int64
		if err := rows.Scan(&x.ID, &x.UserID, &created, &seen, &x.Address, &x.Agent); err != nil {
			return nil, err
		}
		x.Created, x.Seen, x.Current = stamp(created), stamp(seen), x.ID == by.Session
		out = append(out, x)
	}
	return out, rows.Err()
}

// RevokeSession ends one session: the caller's own, or with users.admin anyone's.
func (s *Store) RevokeSession(ctx context.Context, by Identity, id string) error {
	return s.tx(ctx, func(t *sql.Tx) error {
		var owner int64
		err := t.QueryRowContext(ctx, "SELECT user_id FROM sessions WHERE id = ?", id).Scan(&owner)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err != nil || owner != by.UserID && !by.Allows(UsersAdmin) {
			return refuse(NotFound, "", "no such session")
		}
		if err := s.mayEnd(ctx, t, by, owner); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, "DELETE FROM sessions WHERE id = ?", id); err != nil {
			return err
		}
		return s.audit(ctx, t, by, Event{Action: "session.revoke", Object: id})
	})
}

// RevokeSessions ends all sessions of a user: the caller's own, or with
// users.admin anyone's.
func (s *Store) RevokeSessions(ctx context.Context, by Identity, user int64) error {
	return s.tx(ctx, func(t *sql.Tx) error {
		if err := s.mayEnd(ctx, t, by, user); err != nil {
			return err
		}
		u, err := userByID(ctx, t, user)
		if err != nil {
			return err
		}
		if err := dropSessions(ctx, t, user); err != nil {
			return err
		}
		return s.audit(ctx, t, by, Event{Action: "session.revoke", Object: "all of " + u.Name})
	})
}

// mayEnd tells whether the caller may end what is another's. An own session may
// be ended by a session only: a stolen token should not throw its owner out.
func (s *Store) mayEnd(ctx context.Context, t *sql.Tx, by Identity, owner int64) error {
	if owner == by.UserID && by.UserID != 0 {
		return by.person()
	}
	if err := by.need(UsersAdmin); err != nil {
		return err
	}
	u, err := userByID(ctx, t, owner)
	if err != nil {
		return err
	}
	return by.covers(u.Role.Permissions())
}
