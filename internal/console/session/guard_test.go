package session

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

const password = "plum Tractor vivid 49"

func TestGuard(t *testing.T) {
	store, err := access.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"),
		access.Options{Key: make([]byte, 32), Hash: access.Params{Memory: 8, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	g := New(store, Options{MaxBody: 1000})
	mux := http.NewServeMux()
	g.Routes(mux)
	mux.Handle("GET /logs", g.Require(access.LogsRead, http.NotFoundHandler()))
	mux.Handle("GET /commit", g.Require(access.ConfigCommit, http.NotFoundHandler()))
	h := g.Handler(mux)
	var cookie string
	do := func(want int, call, body string, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		method, path, _ := strings.Cut(call, " ")
		r := httptest.NewRequest(method, "https://console.example"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: Cookie, Value: cookie})
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Fatalf("%s: %d %s, want %d", call, w.Code, w.Body, want)
		}
		if w.Header().Get("Content-Security-Policy") != csp || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", call, w.Header())
		}
		return w
	}
	all := []string{"GET /api/v1/whoami", "POST /api/v1/logout", "GET /logs", "GET /commit", "GET /unknown"}
	login := `{"name":"alice","password":"` + password + `"}`
	for _, call := range append(all, "POST /api/v1/login") {
		if w := do(403, call, login); !strings.Contains(w.Body.String(), "not set up") {
			t.Errorf("%s: %s", call, w.Body)
		}
	}
	token, err := store.BeginSetup(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	do(204, "POST /api/v1/setup", `{"token":"`+token+`",`+login[1:])
	do(401, "POST /api/v1/setup", `{"token":"`+token+`",`+login[1:])
	for _, call := range all {
		do(401, call, "")
	}
	do(403, "POST /api/v1/login", login, "Sec-Fetch-Site", "cross-site")
	do(403, "POST /api/v1/login", login, "Origin", "https://evil.example")
	do(422, "POST /api/v1/login", login, "Content-Type", "text/plain")
	do(422, "POST /api/v1/login", `{"name":"`+strings.Repeat("x", 2000)+`"}`)
	do(401, "POST /api/v1/login", strings.Replace(login, "plum", "Plum", 1))
	cookie = strings.Repeat("a", 52) // planted: fixation
	c := do(200, "POST /api/v1/login", login).Result().Cookies()[0]
	if c.Value == cookie || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	do(401, "GET /api/v1/whoami", "")
	cookie = c.Value
	do(200, "GET /api/v1/whoami", "")
	do(404, "GET /commit", "")
	do(403, "POST /api/v1/logout", "", "Sec-Fetch-Site", "cross-site")
	do(401, "GET /logs", "", "Authorization", "Bearer mw_x")
	do(401, "GET /logs", "", "X-PAN-KEY", "mw_x")
	if _, err := store.CreateUser(t.Context(), access.System(), "bob", access.Analyst, password); err != nil {
		t.Fatal(err)
	}
	cookie = do(200, "POST /api/v1/login", strings.Replace(login, "alice", "bob", 1)).Result().Cookies()[0].Value
	do(404, "GET /logs", "")
	do(403, "GET /commit", "")
	do(204, "POST /api/v1/logout", "")
	do(401, "GET /logs", "")
}
