package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

// TestOIDC: without a provider, or one that does not answer, the routes say so;
// they are reachable before anyone has signed in.
func TestOIDC(t *testing.T) {
	for name, opt := range map[string]Options{
		"none": {},
		"down": {Provider: func(context.Context) (*access.Provider, error) { return nil, errors.New("no answer") }},
	} {
		st, err := access.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), access.Options{Key: make([]byte, 32), Hash: access.Params{Memory: 8, Time: 1, Threads: 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		token, err := st.BeginSetup(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.CompleteSetup(t.Context(), token, "root", "plum Tractor vivid 49", netip.IPv6Loopback()); err != nil {
			t.Fatal(err)
		}
		opt.Log = slog.New(slog.DiscardHandler)
		g := New(st, opt)
		mux := http.NewServeMux()
		g.Routes(mux)
		h := g.Handler(mux)
		for _, path := range []string{oidcPath, callbackPath + "?state=x&code=y"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://console.example"+path, nil))
			if want := map[string]int{"none": 422, "down": 500}[name]; w.Code != want {
				t.Errorf("%s, %s: %d %s, want %d", name, path, w.Code, w.Body, want)
			}
		}
	}
}
