// Package console is the console's HTTPS server and its REST API.
//
// The API lives under /api/v1; its OpenAPI 3.1 document, made from the Go types,
// at /api/openapi.json. Package session guards every route; beside that, one
// table here says which permission each operation needs, and an operation that
// is missing from it keeps New from succeeding.
package console

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/session"
	"github.com/mirrorwall/mirrorwall/internal/console/tags"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// Deps are what a Server works with. The caller keeps and closes them.
type Deps struct {
	Access   *access.Store      // required
	Store    store.Store        // required
	Hub      *store.Hub         // what is followed; nil: nothing can be
	Evidence *evidence.Reader   // nil: no captures
	Config   *lifecycle.Manager // nil: this console keeps no configurations
	Tags     *tags.Registry     // tags that addresses carry for a while; nil: none
	XML      string             // folder of the PAN-OS XML API; empty, or without Config: there is none
	Web      fs.FS              // the pages, which anyone may load; nil: one line of text
	Now      func() time.Time   // time.Now
	Log      *slog.Logger       // slog.Default
	Version  string             // of the program
	HSTS     bool               // the certificate is one that browsers trust
	// Provider gives the OpenID provider that users may sign in with; nil: none.
	Provider func(context.Context) (*access.Provider, error)
}

// Server is the console.
type Server struct {
	d     Deps
	guard *session.Guard
	api   huma.API
	mux   *http.ServeMux
	once  *onceOnly
}

// New makes a server. It fails when a dependency is missing, or an operation
// declares no permission.
func New(d Deps) (*Server, error) {
	if d.Access == nil || d.Store == nil {
		return nil, errors.New("a console needs its users and a log store")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	s := &Server{d: d, mux: http.NewServeMux(), once: newOnceOnly(d.Now)}
	open := []string{"/"}
	if d.Web != nil {
		err := fs.WalkDir(d.Web, ".", func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				open = append(open, "/"+path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		s.mux.Handle("GET /", http.FileServerFS(d.Web))
	} else {
		s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("Mirrorwall's console. Its API is under /api/v1, described by /api/openapi.json.\n")) // the caller has gone
		})
	}
	large := map[string]int64{configPath + "/candidate": maxConfigBody}
	if err := s.registerXML(&open, large); err != nil {
		return nil, err
	}
	s.guard = session.New(d.Access, session.Options{Log: d.Log, HSTS: d.HSTS, Open: open, MaxBodies: large, Provider: d.Provider})
	s.guard.Routes(s.mux)
	return s, s.register()
}

// Handler gives the console's routes, behind their guard.
func (s *Server) Handler() http.Handler {
	inner := s.guard.Handler(s.once.handler(s.mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", rand.Text())
		inner.ServeHTTP(w, r)
	})
}

// Serve answers on ln, by TLS only, until ctx ends; then it lets calls finish
// for up to five seconds. It closes ln. cert is Certificate.Get's.
func (s *Server) Serve(ctx context.Context, ln net.Listener, cert *Certificate) error {
	srv := &http.Server{
		Handler:           s.Handler(),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.Get},
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * maxBudget,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.d.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(ln, "", "") }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if srv.Shutdown(stop) != nil {
		_ = srv.Close() // what did not finish in time is cut off
	}
	<-done
	return nil
}
