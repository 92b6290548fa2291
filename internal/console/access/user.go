package access

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"time"
)

// User is an account as others may see it.
type User struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Disabled  bool      `json:"disabled"`
	TOTP      bool      `json:"totp"`             // has a second factor
	Issuer    string    `json:"issuer,omitempty"` // of its OpenID provider; empty for a local user
	Created   time.Time `json:"created"`
	LastLogin time.Time `json:"last_login"` // zero for never
}

// userRow is an account with what stays inside.
type userRow struct {
	User
	password, subject string
	totp, pending     []byte
	totpUsed          int64 // the last time step whose code was used
}

const userColumns = `SELECT id, name, role, disabled, issuer, created, last_login, password, subject, totp, totp_pending, totp_used FROM users `

func scanUser(row interface{ Scan(...any) error }) (*userRow, error) {
	var u userRow
	var created, login int64
	err := row.Scan(&u.ID, &u.Name, &u.Role, &u.Disabled, &u.Issuer, &created, &login, &u.password, &u.subject,
		&u.totp, &u.pending, &u.totpUsed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(NotFound, "", "no such user")
	}
	u.Created, u.LastLogin, u.TOTP = stamp(created), stamp(login), len(u.totp) > 0
	return &u, err
}

func userByID(ctx context.Context, q querier, id int64) (*userRow, error) {
	return scanUser(q.QueryRowContext(ctx, userColumns+"WHERE id = ?", id))
}

func checkName(name string) error {
	if ok, _ := regexp.MatchString(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`, name); !ok {
		return refuse(Invalid, "letters, digits and . _ @ -, at most 64, a letter or digit first", "the user name is not valid")
	}
	return nil
}

// Users lists the accounts by name. It needs users.read.
func (s *Store) Users(ctx context.Context, by Identity) ([]User, error) {
	if err := by.need(UsersRead); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, userColumns+"ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []User{}
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, u.User)
	}
	return out, rows.Err()
}

// CreateUser makes a local account. It needs users.admin and each permission
// of the role.
func (s *Store) CreateUser(ctx context.Context, by Identity, name string, role Role, password string) (User, error) {
	if err := by.need(UsersAdmin); err != nil {
		return User{}, err
	}
	if err := checkRole(by, role); err != nil {
		return User{}, err
	}
	if err := checkName(name); err != nil {
		return User{}, err
	}
	if err := CheckPassword(name, password); err != nil {
		return User{}, err
	}
	phc, err := s.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	var out User
	err = s.tx(ctx, func(t *sql.Tx) error {
		r, err := t.ExecContext(ctx, `INSERT INTO users (name, role, password, created) VALUES (?, ?, ?, ?)
 ON CONFLICT DO NOTHING`, name, role, phc, s.now())
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, refuse(Conflict, "choose another name", "a user of that name exists"))
		}
		id, err := r.LastInsertId()
		if err != nil {
			return err
		}
		u, err := userByID(ctx, t, id)
		if err != nil {
			return err
		}
		out = u.User
		return s.audit(ctx, t, by, Event{Action: "user.create", Object: name, Detail: "role " + string(role)})
	})
	return out, err
}

func checkRole(by Identity, role Role) error {
	if !role.Valid() {
		return refuse(Invalid, "one of superuser, superreader, deviceadmin, responder, analyst, auditor", "no role %q", string(role))
	}
	return by.covers(role.Permissions())
}

// changeUser runs f on an account that the caller may change, then makes sure
// that a superuser with a password is left, and audits.
func (s *Store) changeUser(ctx context.Context, by Identity, id int64, e Event, f func(*sql.Tx, *userRow) error) error {
	if err := by.need(UsersAdmin); err != nil {
		return err
	}
	return s.tx(ctx, func(t *sql.Tx) error {
		u, err := userByID(ctx, t, id)
		if err != nil {
			return err
		}
		if err := by.covers(u.Role.Permissions()); err != nil {
			return err
		}
		if err := f(t, u); err != nil {
			return err
		}
		var left int
		if err := t.QueryRowContext(ctx, superusers).Scan(&left); err != nil {
			return err
		}
		if left == 0 {
			return refuse(Conflict, "give another local user the role superuser first", "the last superuser with a password must stay")
		}
		e.Object = u.Name
		return s.audit(ctx, t, by, e)
	})
}

// SetRole gives an account another role and ends its sessions. It needs
// users.admin and each permission of both roles.
func (s *Store) SetRole(ctx context.Context, by Identity, id int64, role Role) error {
	if err := by.need(UsersAdmin); err != nil {
		return err
	}
	if err := checkRole(by, role); err != nil {
		return err
	}
	return s.changeUser(ctx, by, id, Event{Action: "user.role", Detail: "role " + string(role)}, func(t *sql.Tx, u *userRow) error {
		if _, err := t.ExecContext(ctx, "UPDATE users SET role = ? WHERE id = ?", role, id); err != nil {
			return err
		}
		return dropSessions(ctx, t, id)
	})
}

// SetDisabled stops an account, its sessions and its tokens, or lets it in
// again. It needs users.admin.
func (s *Store) SetDisabled(ctx context.Context, by Identity, id int64, disabled bool) error {
	e := Event{Action: "user.enable"}
	if disabled {
		e.Action = "user.disable"
	}
	return s.changeUser(ctx, by, id, e, func(t *sql.Tx, u *userRow) error {
		if _, err := t.ExecContext(ctx, "UPDATE users SET disabled = ? WHERE id = ?", disabled, id); err != nil {
			return err
		}
		return dropSessions(ctx, t, id)
	})
}

// DeleteUser removes an account, its sessions and its tokens. It needs
// users.admin. The last superuser with a password stays.
func (s *Store) DeleteUser(ctx context.Context, by Identity, id int64) error {
	return s.changeUser(ctx, by, id, Event{Action: "user.delete"}, func(t *sql.Tx, _ *userRow) error {
		_, err := t.ExecContext(ctx, "DELETE FROM users WHERE id = ?", id)
		return err
	})
}

// ResetPassword gives a local account a new password, takes away its second
// factor if dropTOTP is set, and ends its sessions. It needs users.admin.
func (s *Store) ResetPassword(ctx context.Context, by Identity, id int64, password string, dropTOTP bool) error {
	if err := by.need(UsersAdmin); err != nil {
		return err
	}
	u, err := userByID(ctx, s.db, id)
	if err != nil {
		return err
	}
	if err := CheckPassword(u.Name, password); err != nil {
		return err
	}
	phc, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.changeUser(ctx, by, id, Event{Action: "user.password.reset"}, func(t *sql.Tx, u *userRow) error {
		if u.Issuer != "" {
			return refuse(Conflict, "its password is the provider's", "the user signs in through %s", u.Issuer)
		}
		if _, err := t.ExecContext(ctx, "UPDATE users SET password = ? WHERE id = ?", phc, id); err != nil {
			return err
		}
		if dropTOTP {
			if err := clearTOTP(ctx, t, id); err != nil {
				return err
			}
		}
		return dropSessions(ctx, t, id)
	})
}

// ChangePassword changes the caller's own password, ends all their sessions
// and gives the cookie value of a new one. A wrong current password counts as a
// failed sign-in.
func (s *Store) ChangePassword(ctx context.Context, by Identity, current, password string) (cookie string, err error) {
	u, _, err := s.confirm(ctx, by, current)
	if err != nil {
		return "", err
	}
	if err := CheckPassword(u.Name, password); err != nil {
		return "", err
	}
	if current == password {
		return "", refuse(Invalid, "", "the new password is the old one")
	}
	phc, err := s.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = s.tx(ctx, func(t *sql.Tx) error {
		if _, err := t.ExecContext(ctx, "UPDATE users SET password = ? WHERE id = ?", phc, u.ID); err != nil {
			return err
		}
		if cookie, err = s.rotate(ctx, t, by); err != nil {
			return err
		}
		return s.audit(ctx, t, by, Event{Action: "user.password.change", Object: u.Name})
	})
	return cookie, err
}

// confirm asks a signed-in person for their password again.
func (s *Store) confirm(ctx context.Context, by Identity, password string) (u *userRow, fresh string, err error) {
	if err := by.person(); err != nil {
		return nil, "", err
	}
	if u, err = userByID(ctx, s.db, by.UserID); err != nil {
		return nil, "", err
	}
	if u.Issuer != "" {
		return nil, "", refuse(Conflict, "change it there", "password and second factor are those of %s", u.Issuer)
	}
	if err := s.attempt(ctx, u.Name, by.Address); err != nil {
		return nil, "", err
	}
	ok, fresh, err := s.verify(ctx, u.password, password)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		e := Event{Action: "user.confirm", Object: u.Name, Outcome: "refused", Detail: "wrong password"}
		return nil, "", errors.Join(wrong(), s.Record(ctx, by, e))
	}
	return u, fresh, s.tx(ctx, func(t *sql.Tx) error { return s.forgive(ctx, t, u, by.Address) })
}
