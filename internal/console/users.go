package console

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/session"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// NewUser asks for an account.
type NewUser struct {
	Name     string `json:"name" maxLength:"64"`
	Role     string `json:"role" maxLength:"32"`
	Password string `json:"password" maxLength:"1024"`
}

// TokenRequest asks for an API token.
type TokenRequest struct {
	Name     string    `json:"name" maxLength:"64"`
	Scopes   []string  `json:"scopes" maxItems:"32" doc:"permissions, none that the caller lacks"`
	Expires  time.Time `json:"expires" doc:"at most 366 days ahead"`
	Networks []string  `json:"networks,omitempty" maxItems:"64" doc:"where it may come from; none: anywhere"`
}

// MadeToken is a token with its text, which is not shown again.
type MadeToken struct {
	Text string `json:"text"`
	ID   string `json:"id"`
}

// Secret is what an authenticator needs.
type Secret struct {
	Secret string `json:"secret"`
	URL    string `json:"url" doc:"the same, for a QR code"`
}

// Recovery is codes that are good once each in place of the second factor.
type Recovery struct {
	Codes []string `json:"codes"`
}

// RoleInfo is a role and what it may do.
type RoleInfo struct {
	Role        string              `json:"role"`
	For         string              `json:"for"`
	Permissions []access.Permission `json:"permissions"`
}

// Info is about the program.
type Info struct {
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
}

// UserPath names a user in a call's path. It is exported for the library that
// reads calls, which sees no embedded field otherwise.
type UserPath struct {
	ID int64 `path:"id"`
}

type (
	nothing  struct{}
	textPath struct {
		ID string `path:"id" maxLength:"128"`
	}
	ownerIn struct {
		User int64 `query:"user" doc:"whose; none: the caller's"`
	}
	disableIn struct {
		UserPath
		Body struct {
			Disabled bool `json:"disabled"`
		}
	}
	roleIn struct {
		UserPath
		Body struct {
			Role string `json:"role" maxLength:"32"`
		}
	}
	resetIn struct {
		UserPath
		Body struct {
			Password string `json:"password" maxLength:"1024"`
			DropTOTP bool   `json:"drop_totp,omitempty"`
		}
	}
	changeIn struct {
		Body struct {
			Current  string `json:"current" maxLength:"1024"`
			Password string `json:"password" maxLength:"1024"`
		}
	}
	passwordIn struct {
		Body struct {
			Password string `json:"password" maxLength:"1024" doc:"one's own, again"`
		}
	}
	codeIn struct {
		Body struct {
			Code string `json:"code" maxLength:"64" doc:"of the authenticator"`
		}
	}
	recoveryOut struct {
		SetCookie string `header:"Set-Cookie"`
		Body      Recovery
	}
	cookieOut struct {
		SetCookie string `header:"Set-Cookie"`
	}
	auditIn struct {
		Before int64 `query:"before" minimum:"0" doc:"entries before this sequence number; 0: from the end"`
		Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
)

func (o ownerIn) of(ctx context.Context) int64 {
	if o.User == 0 {
		return me(ctx).UserID
	}
	return o.User
}

func (s *Server) registerUsers() {
	a := s.d.Access
	const users, user = "/api/v1/users", "/api/v1/users/{id}"
	add(s, [2]string{http.MethodGet, users}, "users-list", "Accounts by name", func(ctx context.Context, _ *struct{}) (*Out[[]access.User], error) {
		l, err := a.Users(ctx, me(ctx))
		return &Out[[]access.User]{l}, err
	})
	add(s, [2]string{http.MethodPost, users}, "users-create", "Make a local account", func(ctx context.Context, in *Out[NewUser]) (*Out[access.User], error) {
		u, err := a.CreateUser(ctx, me(ctx), in.Body.Name, access.Role(in.Body.Role), in.Body.Password)
		return &Out[access.User]{u}, err
	})
	add(s, [2]string{http.MethodDelete, user}, "users-delete", "Remove an account", func(ctx context.Context, in *UserPath) (*nothing, error) {
		return nil, a.DeleteUser(ctx, me(ctx), in.ID)
	})
	add(s, [2]string{http.MethodPut, user + "/disabled"}, "users-disable", "Stop an account, or let it in again", func(ctx context.Context, in *disableIn) (*nothing, error) {
		return nil, a.SetDisabled(ctx, me(ctx), in.ID, in.Body.Disabled)
	})
	add(s, [2]string{http.MethodPut, user + "/role"}, "users-role", "Give an account another role", func(ctx context.Context, in *roleIn) (*nothing, error) {
		return nil, a.SetRole(ctx, me(ctx), in.ID, access.Role(in.Body.Role))
	})
	add(s, [2]string{http.MethodPut, user + "/password"}, "users-password", "Give an account a new password", func(ctx context.Context, in *resetIn) (*nothing, error) {
		return nil, a.ResetPassword(ctx, me(ctx), in.ID, in.Body.Password, in.Body.DropTOTP)
	})
	add(s, [2]string{http.MethodGet, "/api/v1/roles"}, "roles-list", "Roles and their permissions", func(context.Context, *struct{}) (*Out[[]RoleInfo], error) {
		var out []RoleInfo
		for _, r := range access.Roles() {
			out = append(out, RoleInfo{string(r.Role), r.For, r.Permissions})
		}
		return &Out[[]RoleInfo]{out}, nil
	})
	add(s, [2]string{http.MethodPost, "/api/v1/password"}, "password-change", "Change one's own password", func(ctx context.Context, in *changeIn) (*cookieOut, error) {
		v, err := a.ChangePassword(ctx, me(ctx), in.Body.Current, in.Body.Password)
		return &cookieOut{cookie(v)}, err
	})
	s.registerTOTP()
	s.registerCredentials()
}

func cookie(value string) string {
	c := http.Cookie{Name: session.Cookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	return c.String()
}

func (s *Server) registerTOTP() {
	a := s.d.Access
	const path = "/api/v1/totp"
	add(s, [2]string{http.MethodPost, path}, "totp-begin", "Ask for a second factor; it counts once it is confirmed", func(ctx context.Context, in *passwordIn) (*Out[Secret], error) {
		secret, url, err := a.BeginTOTP(ctx, me(ctx), in.Body.Password)
		return &Out[Secret]{Secret{secret, url}}, err
	})
	add(s, [2]string{http.MethodPost, path + "/confirm"}, "totp-confirm", "Confirm the second factor with a code; other sessions end", func(ctx context.Context, in *codeIn) (*recoveryOut, error) {
		codes, v, err := a.ConfirmTOTP(ctx, me(ctx), in.Body.Code)
		return &recoveryOut{cookie(v), Recovery{codes}}, err
	})
	add(s, [2]string{http.MethodPost, path + "/remove"}, "totp-remove", "Give up the second factor", func(ctx context.Context, in *passwordIn) (*cookieOut, error) {
		v, err := a.RemoveTOTP(ctx, me(ctx), in.Body.Password)
		return &cookieOut{cookie(v)}, err
	})
}

func (s *Server) registerCredentials() {
	a := s.d.Access
	add(s, [2]string{http.MethodGet, "/api/v1/sessions"}, "sessions-list", "Sessions of a user", func(ctx context.Context, in *ownerIn) (*Out[[]access.Session], error) {
		l, err := a.Sessions(ctx, me(ctx), in.of(ctx))
		return &Out[[]access.Session]{l}, err
	})
	add(s, [2]string{http.MethodDelete, "/api/v1/sessions/{id}"}, "sessions-revoke", "End a session", func(ctx context.Context, in *textPath) (*nothing, error) {
		return nil, a.RevokeSession(ctx, me(ctx), in.ID)
	})
	add(s, [2]string{http.MethodGet, "/api/v1/tokens"}, "tokens-list", "API tokens of a user", func(ctx context.Context, in *ownerIn) (*Out[[]access.Token], error) {
		l, err := a.Tokens(ctx, me(ctx), in.of(ctx))
		return &Out[[]access.Token]{l}, err
	})
	add(s, [2]string{http.MethodPost, "/api/v1/tokens"}, "tokens-create", "Make an API token", func(ctx context.Context, in *Out[TokenRequest]) (*Out[MadeToken], error) {
		n := access.NewToken{Name: in.Body.Name, Expires: in.Body.Expires}
		for _, p := range in.Body.Scopes {
			n.Scopes = append(n.Scopes, access.Permission(p))
		}
		for _, text := range in.Body.Networks {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, &access.Error{Kind: access.Invalid, Msg: "a network is not one: " + text, Hint: "as 10.0.0.0/8"}
			}
			n.Networks = append(n.Networks, p)
		}
		text, t, err := a.CreateToken(ctx, me(ctx), n)
		return &Out[MadeToken]{MadeToken{text, t.ID}}, err
	})
	add(s, [2]string{http.MethodDelete, "/api/v1/tokens/{id}"}, "tokens-revoke", "Remove an API token", func(ctx context.Context, in *textPath) (*nothing, error) {
		return nil, a.RevokeToken(ctx, me(ctx), in.ID)
	})
}

func (s *Server) registerSystem() {
	a := s.d.Access
	add(s, [2]string{http.MethodGet, "/api/v1/audit"}, "audit-list", "The audit log, latest first", func(ctx context.Context, in *auditIn) (*Out[[]access.Entry], error) {
		l, err := a.Audit(ctx, me(ctx), in.Before, in.Limit)
		return &Out[[]access.Entry]{l}, err
	})
	add(s, [2]string{http.MethodPost, "/api/v1/audit/verify"}, "audit-verify", "Walk the chain of the audit log", func(ctx context.Context, _ *struct{}) (*Out[access.Head], error) {
		h, err := a.VerifyAudit(ctx, me(ctx))
		return &Out[access.Head]{h}, err
	})
	add(s, [2]string{http.MethodGet, "/api/v1/system"}, "system-info", "The program and its clock", func(context.Context, *struct{}) (*Out[Info], error) {
		return &Out[Info]{Info{s.d.Version, s.d.Now()}}, nil
	})
	add(s, [2]string{http.MethodGet, "/api/v1/system/usage"}, "system-usage", "What the log store holds", func(ctx context.Context, _ *struct{}) (*Out[[]store.LogUsage], error) {
		u, err := s.d.Store.Usage(ctx)
		return &Out[[]store.LogUsage]{u}, err
	})
}
