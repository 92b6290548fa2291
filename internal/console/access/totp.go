package access

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"fmt"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

const (
	totpStep      = 30 // seconds
	recoveryCodes = 10
)

// BeginTOTP makes a TOTP secret for the caller, which counts only once
// ConfirmTOTP has seen a code of it. url is what an authenticator app reads from
// a QR code; secret is the same to type. It asks for the password again.
func (s *Store) BeginTOTP(ctx context.Context, by Identity, password string) (secret, url string, err error) {
	u, _, err := s.confirm(ctx, by, password)
	if err != nil {
		return "", "", err
	}
	if u.TOTP {
		return "", "", refuse(Conflict, "remove it first", "the user has a second factor already")
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.opt.Issuer, AccountName: u.Name, SecretSize: 20})
	if err != nil {
		return "", "", fmt.Errorf("access: %w", err)
	}
	sealed, err := s.seal(key.Secret(), totpContext(u.ID))
	if err != nil {
		return "", "", err
	}
	_, err = s.db.ExecContext(ctx, "UPDATE users SET totp_pending = ? WHERE id = ?", sealed, u.ID)
	return key.Secret(), key.URL(), err
}

func totpContext(user int64) string { return fmt.Sprint("totp of user ", user) }

// ConfirmTOTP makes the secret of BeginTOTP the caller's second factor. It
// gives ten recovery codes, each good once in place of a code and not shown
// again, and a new session's cookie value: all others end.
func (s *Store) ConfirmTOTP(ctx context.Context, by Identity, code string) (recovery []string, cookie string, err error) {
	if err := by.person(); err != nil {
		return nil, "", err
	}
	if err := s.attempt(ctx, by.Name, by.Address); err != nil {
		return nil, "", err
	}
	err = s.tx(ctx, func(t *sql.Tx) error {
		u, err := userByID(ctx, t, by.UserID)
		if err != nil {
			return err
		}
		if len(u.pending) == 0 {
			return refuse(Conflict, "ask for a secret first", "no second factor waits to be confirmed")
		}
		step, err := s.matchCode(u.pending, u.ID, u.totpUsed, code)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, `UPDATE users SET totp = totp_pending, totp_pending = NULL, totp_used = ? WHERE id = ?;
 DELETE FROM recovery WHERE user_id = ?`, step, u.ID, u.ID)
		if err != nil {
			return err
		}
		for range recoveryCodes {
			c := secretText(10)
			recovery = append(recovery, c[:4]+"-"+c[4:8]+"-"+c[8:12]+"-"+c[12:])
			if _, err := t.ExecContext(ctx, "INSERT INTO recovery VALUES (?, ?)", u.ID, digest(c)); err != nil {
				return err
			}
		}
		if err := s.forgive(ctx, t, u, by.Address); err != nil {
			return err
		}
		if cookie, err = s.rotate(ctx, t, by); err != nil {
			return err
		}
		return s.audit(ctx, t, by, Event{Action: "user.totp.set", Object: u.Name})
	})
	if err != nil {
		return nil, "", err
	}
	return recovery, cookie, nil
}

// RemoveTOTP takes the caller's second factor away, after asking for the
// password again, and gives a new session's cookie value: all others end.
func (s *Store) RemoveTOTP(ctx context.Context, by Identity, password string) (cookie string, err error) {
	u, _, err := s.confirm(ctx, by, password)
	if err != nil {
		return "", err
	}
	err = s.tx(ctx, func(t *sql.Tx) error {
		if err := clearTOTP(ctx, t, u.ID); err != nil {
			return err
		}
		if cookie, err = s.rotate(ctx, t, by); err != nil {
			return err
		}
		return s.audit(ctx, t, by, Event{Action: "user.totp.remove", Object: u.Name})
	})
	return cookie, err
}

func clearTOTP(ctx context.Context, t *sql.Tx, user int64) error {
	_, err := t.ExecContext(ctx, `UPDATE users SET totp = NULL, totp_pending = NULL WHERE id = ?;
 DELETE FROM recovery WHERE user_id = ?`, user, user)
	return err
}

// useCode checks a user's code or recovery code and uses it up.
func (s *Store) useCode(ctx context.Context, t *sql.Tx, u *userRow, code string) error {
	if len(code) > 8 {
		plain := strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))
		r, err := t.ExecContext(ctx, "DELETE FROM recovery WHERE user_id = ? AND hash = ?", u.ID, digest(plain))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n != 1 {
			return wrong()
		}
		return s.audit(ctx, t, Identity{Name: u.Name}, Event{Action: "user.recovery.use", Object: u.Name})
	}
	step, err := s.matchCode(u.totp, u.ID, u.totpUsed, code)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, "UPDATE users SET totp_used = ? WHERE id = ?", step, u.ID)
	return err
}

// matchCode gives the time step a code is of: the present one or a neighbour,
// and later than the last one used, so that a code which was seen works no more.
func (s *Store) matchCode(sealed []byte, user, used int64, code string) (int64, error) {
	secret, err := s.unseal(sealed, totpContext(user))
	if err != nil {
		return 0, err
	}
	now := s.opt.Now().Unix() / totpStep
	found := int64(0)
	for step := now - 1; step <= now+1; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("access: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > used {
			found = step
		}
	}
	if found == 0 {
		return 0, wrong()
	}
	return found, nil
}
