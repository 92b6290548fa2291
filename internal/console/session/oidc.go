package session

import (
	"context"
	"net/http"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

const (
	oidcPath     = "/api/v1/oidc"
	callbackPath = "/api/v1/oidc/callback"
	// oidcCookie holds what proves that the browser that comes back is the one
	// that went. It is Lax: the way back begins at another site.
	oidcCookie = "__Host-mirrorwall-oidc"
)

func (g *Guard) provider(ctx context.Context) (*access.Provider, error) {
	if g.opt.Provider == nil {
		return nil, &access.Error{Kind: access.Invalid, Msg: "no OpenID provider is configured", Hint: "console: oidc: in the configuration names one"}
	}
	return g.opt.Provider(ctx)
}

// oidcBegin sends the browser to the provider.
func (g *Guard) oidcBegin(w http.ResponseWriter, r *http.Request) {
	p, err := g.provider(r.Context())
	if err != nil {
		g.Fail(w, r, err)
		return
	}
	url, browser, err := p.Begin(r.Context())
	if err != nil {
		g.Fail(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: oidcCookie, Value: browser, Path: "/", MaxAge: 600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, url, http.StatusSeeOther)
}

// oidcFinish signs in who comes back. The answer is a page that goes on to the
// console: a redirect would be of the other site's making, and a browser would
// not send the new session's cookie, which is Strict, along it.
func (g *Guard) oidcFinish(w http.ResponseWriter, r *http.Request) {
	p, err := g.provider(r.Context())
	if err != nil {
		g.Fail(w, r, err)
		return
	}
	q := r.URL.Query()
	in := access.OIDCRequest{State: q.Get("state"), Code: q.Get("code"), Address: address(r), Agent: r.UserAgent(), Old: cookieOf(r)}
	if c, err := r.Cookie(oidcCookie); err == nil {
		in.Browser = c.Value
	}
	http.SetCookie(w, &http.Cookie{Name: oidcCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	cookie, _, err := p.Finish(r.Context(), in)
	if err != nil {
		g.Fail(w, r, err)
		return
	}
	SetCookie(w, cookie)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(`<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>Mirrorwall</title><a href="/">signed in</a>`)) // the caller has gone
}
