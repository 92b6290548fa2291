package access

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	oidcLife = 10 * time.Minute
	maxOIDC  = 1000 // sign-ins under way; the oldest go first
)

// GroupRole gives the members of a provider's group a role.
type GroupRole struct {
	Group string
	Role  Role
}

// ProviderConfig is an OpenID provider.
type ProviderConfig struct {
	Issuer       string // exactly as its tokens name it
	ClientID     string
	ClientSecret string // empty for a public client
	RedirectURL  string // of the console's callback
	GroupsClaim  string // "groups"
	Scopes       []string
	Roles        []GroupRole  // the first of the user's groups in this order wins
	Client       *http.Client // for calls to the provider; one with a timeout of 10 s
}

// Provider signs users in through an OpenID provider: authorization code with
// PKCE, state and nonce.
type Provider struct {
	store    *Store
	cfg      ProviderConfig
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

// NewProvider reads the provider's discovery document; its issuer must be
// cfg.Issuer to the letter.
func (s *Store) NewProvider(ctx context.Context, cfg ProviderConfig) (*Provider, error) {
	if cfg.GroupsClaim == "" {
		cfg.GroupsClaim = "groups"
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 10 * time.Second}
	}
	for _, r := range cfg.Roles {
		if !r.Role.Valid() {
			return nil, refuse(Invalid, "", "group %q: no role %q", r.Group, string(r.Role))
		}
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, cfg.Client), cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("access: OpenID provider %s: %w", cfg.Issuer, err)
	}
	return &Provider{
		store: s, cfg: cfg,
		oauth: oauth2.Config{ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, RedirectURL: cfg.RedirectURL,
			Endpoint: p.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID, "profile", "email"}, cfg.Scopes...)},
		verifier: p.Verifier(&oidc.Config{ClientID: cfg.ClientID, Now: s.opt.Now}),
	}, nil
}

// Begin starts a sign-in: the browser is sent to url, and keeps the browser
// value in a cookie, without which nobody can finish it.
func (p *Provider) Begin(ctx context.Context) (url, browser string, err error) {
	s := p.store
	if need, err := s.NeedsSetup(ctx); err != nil || need {
		return "", "", errors.Join(err, setupError(need))
	}
	state, nonce := secretText(32), secretText(32)
	browser = secretText(32)
	verifier := oauth2.GenerateVerifier()
	err = s.tx(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO oidc VALUES (?, ?, ?, ?, ?)`,
			digest(state), digest(browser), nonce, verifier, s.opt.Now().Add(oidcLife).UnixMicro())
		if err == nil {
			_, err = t.ExecContext(ctx, `DELETE FROM oidc WHERE expires < ? OR state IN
 (SELECT state FROM oidc ORDER BY expires DESC LIMIT -1 OFFSET ?)`, s.now(), maxOIDC)
		}
		return err
	})
	return p.oauth.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), browser, err
}

// OIDCRequest is what comes back to the callback.
type OIDCRequest struct {
	State, Code string
	Browser     string // the value of Begin that the browser kept
	Address     netip.Addr
	Agent, Old  string // as in LoginRequest
}

// Finish ends a sign-in and gives the cookie value of a new session. The user
// is who has this issuer and subject; one seen for the first time is made, never
// joined to a local user of that name. Their groups decide the role at each
// sign-in.
func (p *Provider) Finish(ctx context.Context, r OIDCRequest) (cookie string, u User, err error) {
	c, err := p.claims(ctx, r)
	if err != nil {
		if errors.Is(err, Unauthenticated) {
			err = errors.Join(err, p.store.refused(ctx, &userRow{}, LoginRequest{Address: r.Address}))
		}
		return "", User{}, err
	}
	role, ok := p.role(c.groups)
	if !ok {
		e := Event{Action: "login", Object: "(OpenID user)", Outcome: "refused", Detail: "no group with a role"}
		return "", User{}, errors.Join(refuse(Forbidden, "ask for membership in a group that has a role here",
			"none of the user's groups has a role"), p.store.Record(ctx, Identity{Address: r.Address}, e))
	}
	err = p.store.tx(ctx, func(t *sql.Tx) error {
		row, err := p.store.oidcUser(ctx, t, p.cfg.Issuer, c, role)
		if err != nil {
			return err
		}
		u = row.User
		cookie, err = p.store.openSession(ctx, t, row, LoginRequest{Address: r.Address, Agent: r.Agent, Old: r.Old}, p.cfg.Issuer)
		return err
	})
	return cookie, u, err
}

type oidcClaims struct {
	subject, name string
	groups        []string
}

// claims takes up the state, so that it works once, and exchanges the code.
func (p *Provider) claims(ctx context.Context, r OIDCRequest) (c oidcClaims, err error) {
	bad := refuse(Unauthenticated, "start the sign-in again", "the sign-in through the provider is not valid")
	var browser []byte
	var nonce, verifier string
	var expires int64
	err = p.store.db.QueryRowContext(ctx, "DELETE FROM oidc WHERE state = ? RETURNING browser, nonce, verifier, expires", digest(r.State)).
		Scan(&browser, &nonce, &verifier, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return c, bad
	} else if err != nil {
		return c, err
	}
	if subtle.ConstantTimeCompare(browser, digest(r.Browser)) != 1 || p.store.now() >= expires || r.Code == "" {
		return c, bad
	}
	ctx = oidc.ClientContext(ctx, p.cfg.Client)
	tok, err := p.oauth.Exchange(ctx, r.Code, oauth2.VerifierOption(verifier))
	if err != nil {
		return c, errors.Join(bad, fmt.Errorf("access: token endpoint: %w", err))
	}
	raw, _ := tok.Extra("id_token").(string)
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return c, errors.Join(bad, fmt.Errorf("access: %w", err))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 || id.Subject == "" {
		return c, bad
	}
	var all map[string]json.RawMessage
	if err := id.Claims(&all); err != nil {
		return c, errors.Join(bad, err)
	}
	c.subject = id.Subject
	for _, k := range []string{"preferred_username", "email"} {
		if c.name == "" {
			_ = json.Unmarshal(all[k], &c.name) // a name is a courtesy; oidcUser makes one
		}
	}
	if g, ok := all[p.cfg.GroupsClaim]; ok {
		if err := json.Unmarshal(g, &c.groups); err != nil {
			return c, errors.Join(bad, fmt.Errorf("access: claim %s: %w", p.cfg.GroupsClaim, err))
		}
	}
	return c, nil
}

func (p *Provider) role(groups []string) (Role, bool) {
	for _, r := range p.cfg.Roles {
		if slices.Contains(groups, r.Group) {
			return r.Role, true
		}
	}
	return "", false
}

func (s *Store) oidcUser(ctx context.Context, t *sql.Tx, issuer string, c oidcClaims, role Role) (*userRow, error) {
	u, err := scanUser(t.QueryRowContext(ctx, userColumns+"WHERE issuer = ? AND subject = ?", issuer, c.subject))
	switch {
	case err == nil && u.Disabled:
		return nil, refuse(Forbidden, "ask a superuser", "the user is disabled")
	case err == nil && u.Role != role:
		if err := dropSessions(ctx, t, u.ID); err != nil {
			return nil, err
		}
		if _, err := t.ExecContext(ctx, "UPDATE users SET role = ? WHERE id = ?", role, u.ID); err != nil {
			return nil, err
		}
		u.Role = role
		e := Event{Action: "user.role", Object: u.Name, Detail: "role " + string(role) + " by the provider's groups"}
		return u, s.audit(ctx, t, System(), e)
	case !errors.Is(err, NotFound):
		return u, err
	}
	// The suffix names the identity, so the name is never a local user's.
	name := strings.ToLower(c.name)
	if checkName(name) != nil || len(name) > 40 {
		name = "user"
	}
	name += "-" + hex.EncodeToString(digest(issuer + "\n" + c.subject)[:6])
	r, err := t.ExecContext(ctx, "INSERT INTO users (name, role, issuer, subject, created) VALUES (?, ?, ?, ?, ?)",
		name, role, issuer, c.subject, s.now())
	if err != nil {
		return nil, err
	}
	id, err := r.LastInsertId()
	if err != nil {
		return nil, err
	}
	if u, err = userByID(ctx, t, id); err != nil {
		return nil, err
	}
	return u, s.audit(ctx, t, System(), Event{Action: "user.create", Object: name, Detail: "role " + string(role) + ", from " + issuer})
}
