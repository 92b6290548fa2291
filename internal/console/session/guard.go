// Package session is the HTTP side of package access: the guard before every
// route of the console. It finds who calls by cookie or API token, refuses the
// rest, refuses cross-origin writes, bounds bodies and sets strict headers.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

// Cookie is the name of the session's cookie. Its prefix makes browsers refuse
// it without Secure, with a Domain, or from another path.
const Cookie = "__Host-mirrorwall"

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Options are a Guard's settings.
type Options struct {
	MaxBody int64 // bytes of a request's body; 1 MiB
	// MaxBodies are other bounds, by path.
	MaxBodies map[string]int64
	HSTS      bool     // the certificate is one that browsers trust: tell them to insist on TLS
	Open      []string // paths, to the letter, that need no identity once the console is set up
	// Provider gives the OpenID provider, or why there is none now; nil: none is
	// configured.
	Provider func(context.Context) (*access.Provider, error)
	Log      *slog.Logger // where errors go that callers must not see; slog.Default
}

// Guard stands before the console's routes.
type Guard struct {
	store *access.Store
	opt   Options
	open  map[string]bool // need no identity
	pages map[string]bool // nor that the console is set up
}

// New makes a guard. The caller keeps the store.
func New(store *access.Store, opt Options) *Guard {
	if opt.MaxBody <= 0 {
		opt.MaxBody = 1 << 20
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	g := &Guard{store: store, opt: opt, open: map[string]bool{loginPath: true, oidcPath: true, callbackPath: true}, pages: map[string]bool{}}
	for _, p := range opt.Open {
		g.pages[p] = true
	}
	return g
}

type key struct{}

// Identity gives who makes the request; the zero Identity, which may do
// nothing, on an open path.
func Identity(ctx context.Context) access.Identity {
	id, _ := ctx.Value(key{}).(access.Identity)
	return id
}

// Handler puts the guard before next. What is not open needs an identity: a
// route that forgets to ask for a permission is still not public.
func (g *Guard) Handler(next http.Handler) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most, other := g.opt.MaxBodies[r.URL.Path]
		if !other {
			most = g.opt.MaxBody
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		id, err := g.admit(r)
		if err != nil {
			g.Fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, id)))
	})
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.Fail(w, r, &access.Error{Kind: access.Forbidden, Msg: "the request comes from another site", Hint: "use the console's own pages, or an API token"})
	}))
	guarded := cross.Handler(inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if g.opt.HSTS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		guarded.ServeHTTP(w, r)
	})
}

// admit finds who calls. A token that is sent counts, and no cookie beside it.
func (g *Guard) admit(r *http.Request) (access.Identity, error) {
	// Pages and setup are there before anyone has a password: they show the way.
	if r.URL.Path == setupPath || g.pages[r.URL.Path] {
		return access.Identity{}, nil
	}
	if need, err := g.store.NeedsSetup(r.Context()); err != nil {
		return access.Identity{}, err
	} else if need {
		return access.Identity{}, &access.Error{Kind: access.SetupNeeded, Msg: "the console is not set up: no superuser has a password yet",
			Hint: "set one with the setup token that the console printed when it started"}
	}
	if g.open[r.URL.Path] {
		return access.Identity{}, nil
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = r.Header.Get("X-PAN-KEY")
	}
	if token != "" || bearer {
		return g.store.AuthenticateToken(r.Context(), token, address(r))
	}
	return g.store.Authenticate(r.Context(), cookieOf(r), address(r))
}

// Require puts a permission before one route; the route must stand behind Handler.
func (g *Guard) Require(p access.Permission, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := Identity(r.Context()); !id.Allows(p) {
			g.Fail(w, r, &access.Error{Kind: access.Forbidden, Msg: "the permission " + string(p) + " is missing",
				Hint: "ask a superuser for a role that has it"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// problem is an error as RFC 9457 writes it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Status gives the HTTP status of a kind of refusal.
func Status(k access.Kind) int {
	switch k {
	case access.Invalid:
		return http.StatusUnprocessableEntity
	case access.Unauthenticated, access.CodeNeeded:
		return http.StatusUnauthorized
	case access.Forbidden, access.SetupNeeded:
		return http.StatusForbidden
	case access.NotFound:
		return http.StatusNotFound
	case access.Conflict:
		return http.StatusConflict
	case access.Throttled:
		return http.StatusTooManyRequests
	case access.Busy:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Fail answers with an error as problem+json. What is not an access.Error is
// logged, and the caller learns only that something failed.
func (g *Guard) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{Type: "about:blank", Title: "internal error", Status: http.StatusInternalServerError, Detail: "the console's log says more"}
	var e *access.Error
	if errors.As(err, &e) {
		p = problem{"about:blank", string(e.Kind), Status(e.Kind), e.Msg, e.Hint}
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
	} else {
		g.opt.Log.Error("console", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller has gone
}

// address is where the connection comes from. Headers that proxies add are not
// read: anyone can send them.
func address(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

func cookieOf(r *http.Request) string {
	c, err := r.Cookie(Cookie)
	if err != nil {
		return ""
	}
	return c.Value
}
