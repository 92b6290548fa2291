package session

import (
	"encoding/json"
	"mime"
	"net/http"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

const (
	setupPath = "/api/v1/setup"
	loginPath = "/api/v1/login"
)

// Routes adds setup, login, logout and whoami to a mux that stands behind Handler.
func (g *Guard) Routes(mux *http.ServeMux) {
	mux.HandleFunc("POST "+setupPath, g.setup)
	mux.HandleFunc("POST "+loginPath, g.login)
	mux.HandleFunc("POST /api/v1/logout", g.logout)
	mux.HandleFunc("GET "+oidcPath, g.oidcBegin)
	mux.HandleFunc("GET "+callbackPath, g.oidcFinish)
	mux.HandleFunc("GET /api/v1/whoami", func(w http.ResponseWriter, r *http.Request) { send(w, Identity(r.Context())) })
}

func (g *Guard) setup(w http.ResponseWriter, r *http.Request) {
	var in struct{ Token, Name, Password string }
	err := read(r, &in)
	if err == nil {
		err = g.store.CompleteSetup(r.Context(), in.Token, in.Name, in.Password, address(r))
	}
	if err != nil {
		g.Fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (g *Guard) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name, Password, Code string }
	if err := read(r, &in); err != nil {
		g.Fail(w, r, err)
		return
	}
	cookie, u, err := g.store.Login(r.Context(), access.LoginRequest{Name: in.Name, Password: in.Password, Code: in.Code,
		Address: address(r), Agent: r.UserAgent(), Old: cookieOf(r)})
	if err != nil {
		g.Fail(w, r, err)
		return
	}
	SetCookie(w, cookie)
	send(w, u)
}

func (g *Guard) logout(w http.ResponseWriter, r *http.Request) {
	id := Identity(r.Context())
	if err := g.store.RevokeSession(r.Context(), id, id.Session); err != nil {
		g.Fail(w, r, err)
		return
	}
	SetCookie(w, "")
	w.WriteHeader(http.StatusNoContent)
}

// SetCookie sends a session's cookie value; empty takes the cookie away.
func SetCookie(w http.ResponseWriter, value string) {
	c := &http.Cookie{Name: Cookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// read reads a JSON body, and nothing that a form of another site could send.
func read(r *http.Request, into any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return &access.Error{Kind: access.Invalid, Msg: "the body is not JSON", Hint: "send Content-Type: application/json"}
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &access.Error{Kind: access.Invalid, Msg: "the body is not the JSON that is asked for", Hint: "names, types and size as in the API's documentation"}
	}
	return nil
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller has gone
}
