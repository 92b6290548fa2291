package access

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/base32"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	tokenPrefix  = "mw_"
	tokenID      = 16 // characters: 80 random bits
	tokenSecret  = 52 // characters: 256 random bits
	maxTokens    = 64 // of one user
	maxTokenLife = 366 * 24 * time.Hour
)

// NewToken asks for an API token.
type NewToken struct {
	Name     string         `json:"name"`
	Scopes   []Permission   `json:"scopes"`   // what it may do; never more than its owner may
	Expires  time.Time      `json:"expires"`  // at most 366 days ahead
	Networks []netip.Prefix `json:"networks"` // where it may come from; empty for anywhere
}

// Token is an API token as its owner sees it later: without the secret.
type Token struct {
	ID     string `json:"id"`
	UserID int64  `json:"user_id"`
	NewToken
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used"` // to the minute; zero for never
}

// ParseToken takes the text of a token, mw_ID_SECRET, apart. It accepts one
// spelling only.
func ParseToken(text string) (id, secret string, err error) {
	bad := refuse(Unauthenticated, "a token reads mw_ID_SECRET", "the API token is not valid")
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(rest) != tokenID+1+tokenSecret || rest[tokenID] != '_' {
		return "", "", bad
	}
	id, secret = rest[:tokenID], rest[tokenID+1:]
	for _, part := range []string{id, secret} {
		b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(part))
		if err != nil || lower32(b) != part {
			return "", "", bad
		}
	}
	return id, secret, nil
}

func (s *Store) checkToken(by Identity, n NewToken) error {
	if err := by.need(TokensOwn); err != nil {
		return err
	}
	now := s.opt.Now()
	switch {
	case by.UserID == 0:
		return refuse(Invalid, "sign in as the user whose token it shall be", "a token needs an owner")
	case n.Name == "" || len(n.Name) > 100:
		return refuse(Invalid, "", "a token's name has 1 to 100 bytes")
	case len(n.Scopes) == 0:
		return refuse(Invalid, "name the permissions it needs, such as logs.read", "a token needs at least one scope")
	case !n.Expires.After(now) || n.Expires.After(now.Add(maxTokenLife)):
		return refuse(Invalid, "", "a token expires in the future, within 366 days")
	case len(n.Networks) > 32:
		return refuse(Invalid, "", "a token has at most 32 networks")
	}
	for _, p := range n.Networks {
		if !p.IsValid() {
			return refuse(Invalid, "such as 192.0.2.0/24", "a network of the token is not valid")
		}
	}
	return by.covers(n.Scopes)
}

// CreateToken makes an API token for the caller and gives its text, which is
// not stored and cannot be shown again. It needs tokens.own and each scope.
func (s *Store) CreateToken(ctx context.Context, by Identity, n NewToken) (text string, tok Token, err error) {
	if err := s.checkToken(by, n); err != nil {
		return "", Token{}, err
	}
	id, secret := secretText(10), secretText(32)
	scopes := joinText(n.Scopes, func(p Permission) string { return string(p) })
	nets := joinText(n.Networks, netip.Prefix.String)
	err = s.tx(ctx, func(t *sql.Tx) error {
		var have int
		if err := t.QueryRowContext(ctx, "SELECT count(*) FROM tokens WHERE user_id = ?", by.UserID).Scan(&have); err != nil {
			return err
		}
		if have >= maxTokens {
			return refuse(Conflict, "revoke one first", "the user has %d tokens, the most there can be", have)
		}
		_, err := t.ExecContext(ctx, "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
			id, digest(secret), by.UserID, n.Name, scopes, nets, s.now(), n.Expires.UnixMicro())
		if err != nil {
			return err
		}
		return s.audit(ctx, t, by, Event{Action: "token.create", Object: id, Detail: "scopes " + scopes})
	})
	if err != nil {
		return "", Token{}, err
	}
	tok = Token{ID: id, UserID: by.UserID, NewToken: n, Created: stamp(s.now())}
	return tokenPrefix + id + "_" + secret, tok, nil
}

func joinText[T any](list []T, text func(T) string) string {
	var out []string
	for _, x := range list {
		out = append(out, text(x))
	}
	return strings.Join(out, " ")
}

const tokenColumns = "SELECT tokens.id, user_id, tokens.name, scopes, networks, tokens.created, expires, last_used "

// tokenDest gives where to scan tokenColumns, and what completes the token then.
func tokenDest(t *Token) (dest []any, finish func() error) {
	var scopes, nets string
	var created, expires, used int64
	return []any{&t.ID, &t.UserID, &t.Name, &scopes, &nets, &created, &expires, &used}, func() error {
		t.Created, t.Expires, t.LastUsed = stamp(created), stamp(expires), stamp(used)
		for _, p := range strings.Fields(scopes) {
			t.Scopes = append(t.Scopes, Permission(p))
		}
		for _, n := range strings.Fields(nets) {
			p, err := netip.ParsePrefix(n)
			if err != nil {
				return err
			}
			t.Networks = append(t.Networks, p)
		}
		return nil
	}
}

// AuthenticateToken finds who sends an API token: its owner with those of the
// owner's present permissions that are among its scopes.
func (s *Store) AuthenticateToken(ctx context.Context, text string, from netip.Addr) (Identity, error) {
	id, secret, err := ParseToken(text)
	if err != nil {
		return Identity{}, err
	}
	bad := refuse(Unauthenticated, "it may be wrong, revoked or expired, or sent from a network it is not for", "the API token is not valid")
	var tok Token
	var hash []byte
	by := Identity{Address: from, Token: id}
	dest, finish := tokenDest(&tok)
	err = s.db.QueryRowContext(ctx, tokenColumns+`, hash, users.name, role FROM tokens JOIN users ON users.id = user_id
 WHERE tokens.id = ? AND disabled = 0`, id).Scan(append(dest, &hash, &by.Name, &by.Role)...)
	if errors.Is(err, sql.ErrNoRows) {
		return Identity{}, bad
	}
	if err = errors.Join(err, finish()); err != nil {
		return Identity{}, err
	}
	now := s.opt.Now()
	inside := func(p netip.Prefix) bool { return p.Contains(from.Unmap().WithZone("")) }
	if subtle.ConstantTimeCompare(hash, digest(secret)) != 1 || !now.Before(tok.Expires) ||
		len(tok.Networks) > 0 && !slices.ContainsFunc(tok.Networks, inside) {
		return Identity{}, bad
	}
	if now.Sub(tok.LastUsed) >= time.Minute {
		if _, err := s.db.ExecContext(ctx, "UPDATE tokens SET last_used = ? WHERE id = ?", s.now(), id); err != nil {
			return Identity{}, err
		}
	}
	by.UserID = tok.UserID
	for _, p := range by.Role.Permissions() {
		if slices.Contains(tok.Scopes, p) {
			by.Permissions = append(by.Permissions, p)
		}
	}
	return by, nil
}

// Tokens lists the tokens of a user, the newest first: the caller's own, or
// with users.read anyone's.
func (s *Store) Tokens(ctx context.Context, by Identity, user int64) ([]Token, error) {
	if user != by.UserID || by.UserID == 0 {
		if err := by.need(UsersRead); err != nil {
			return nil, err
		}
	}
	rows, err := s.db.QueryContext(ctx, tokenColumns+"FROM tokens WHERE user_id = ? ORDER BY created DESC, id", user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Token{}
	for rows.Next() {
		var t Token
		dest, finish := tokenDest(&t)
		if err := errors.Join(rows.Scan(dest...), finish()); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// RevokeToken removes a token: one's own with tokens.own, anyone's with users.admin.
func (s *Store) RevokeToken(ctx context.Context, by Identity, id string) error {
	return s.tx(ctx, func(t *sql.Tx) error {
		var owner int64
		err := t.QueryRowContext(ctx, "SELECT user_id FROM tokens WHERE id = ?", id).Scan(&owner)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		own := owner == by.UserID && by.Allows(TokensOwn)
		if err != nil || !own && !by.Allows(UsersAdmin) {
			return refuse(NotFound, "", "no such token")
		}
		if _, err := t.ExecContext(ctx, "DELETE FROM tokens WHERE id = ?", id); err != nil {
			return err
		}
		return s.audit(ctx, t, by, Event{Action: "token.revoke", Object: id})
	})
}
