package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/tags"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
)

// webServer is the console's API on its socket.
type webServer struct {
	access   *access.Store
	server   *console.Server
	cert     *console.Certificate
	listener net.Listener
}

// openServer opens the users, the configurations and the socket of a console that
// has a store.
func openServer(c *consoleHalf) (*webServer, error) {
	w := &webServer{}
	if err := w.open(c); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *webServer) open(c *consoleHalf) (err error) {
	cfg := c.cfg
	dir := cfg.ConsoleState()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err, "console: state: names a folder that this user can write")
	}
	if w.cert, err = certificate(cfg, dir); err != nil {
		return err
	}
	key, err := access.LoadKey(filepath.Join(dir, "secret.key"))
	if err != nil {
		return fail(err, "the key seals second factors; chmod 600 it")
	}
	w.access, err = access.Open(context.Background(), filepath.Join(dir, "console.db"), access.Options{
		Key: key, Idle: time.Duration(cfg.Console.Session.Idle), Absolute: time.Duration(cfg.Console.Session.Absolute),
	})
	if err != nil {
		return fail(err, "console: state: names the folder of users and sessions")
	}
	var configs *lifecycle.Manager
	var registry *tags.Registry
	if c.from != nil {
		if c.configs, err = openConfigurations(cfg, c.log, c.from.start, c.from.supervised, w.access, c.push); err != nil {
			return err
		}
		configs = c.configs.Manager
		registry, err = tags.Open(filepath.Join(dir, "tags.json"), time.Now, func(all map[string][]string) error {
			return writeJSON(generationFile(cfg, "tags.json"), all)
		})
		if err != nil {
			return fail(err, "console: state: has the file; what is in it can be registered again")
		}
		c.configs.tags = registry
		if err := configs.Tick(context.Background()); err != nil { // what a start before could not do
			return fail(err, stateHint)
		}
	}
	if w.listener, err = net.Listen("tcp", cfg.Console.Listen); err != nil {
		return fail(err, "console: listen: names another address, or is empty for none")
	}
	w.server, err = console.New(console.Deps{
		Access: w.access, Store: c.store, Hub: c.hub, Config: configs, XML: filepath.Join(dir, "xml"), Tags: registry, Evidence: evidence.NewReader(filepath.Join(cfg.State, "evidence")), Log: c.log,
		Version: version, HSTS: cfg.Console.Cert != "", Provider: provider(cfg, w.access),
	})
	return err
}

func certificate(cfg *config.Config, dir string) (*console.Certificate, error) {
	if cfg.Console.Cert == "" {
		c, err := console.OwnCertificate(dir, time.Now())
		if err != nil {
			return nil, fail(err, "console: state: names a folder that this user can write")
		}
		return c, nil
	}
	c, err := console.LoadCertificate(cfg.Console.Cert, cfg.Console.Key)
	if err != nil {
		return nil, fail(err, "console: cert: and key: name PEM files that fit each other")
	}
	return c, nil
}

// provider gives the OpenID provider once it answers: the console starts
// without it, and asks again at the next sign-in.
func provider(cfg *config.Config, users *access.Store) func(context.Context) (*access.Provider, error) {
	o := cfg.Console.OIDC
	if o.Issuer == "" {
		return nil
	}
	var mu sync.Mutex
	var have *access.Provider
	return func(ctx context.Context) (*access.Provider, error) {
		mu.Lock()
		defer mu.Unlock()
		if have != nil {
			return have, nil
		}
		secret := os.Getenv(o.SecretEnv)
		if o.SecretFile != "" {
			text, err := os.ReadFile(o.SecretFile)
			if err != nil {
				return nil, err
			}
			secret = strings.TrimSpace(string(text))
		}
		c := access.ProviderConfig{Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: secret, RedirectURL: o.RedirectURL, GroupsClaim: o.GroupsClaim, Scopes: o.Scopes}
		for _, r := range o.Roles {
			c.Roles = append(c.Roles, access.GroupRole{Group: r.Group, Role: access.Role(r.Role)})
		}
		// Not the caller's context: the provider is used long after the call.
		p, err := users.NewProvider(context.WithoutCancel(ctx), c)
		if err == nil {
			have = p
		}
		return p, err
	}
}

// announce tells where the console is, how to know its certificate, and, until
// there is a superuser, how to make one.
func (w *webServer) announce(ctx context.Context, log *slog.Logger) error {
	log.Info("console", "address", "https://"+w.listener.Addr().String(), "fingerprint", w.cert.Fingerprint())
	need, err := w.access.NeedsSetup(ctx)
	if err != nil || !need {
		return err
	}
	token, err := w.access.BeginSetup(ctx, false)
	if err != nil {
		return err
	}
	log.Warn("the console has no superuser yet; make one within 30 minutes, or restart the console for another token",
		"run", fmt.Sprintf("mirrorwall login NAME --setup %s --console https://%s --fingerprint %s", token, w.listener.Addr(), w.cert.Fingerprint()))
	return nil
}

func (w *webServer) run(ctx context.Context) error { return w.server.Serve(ctx, w.listener, w.cert) }

// close releases what Serve did not.
func (w *webServer) close() error {
	var errs []error
	if w.listener != nil {
		if err := w.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if w.access != nil {
		errs = append(errs, w.access.Close())
	}
	return errors.Join(errs...)
}

// checkRoles looks at the roles that OpenID groups are given.
func checkRoles(c *config.Config, k *config.Checker) {
	for i, r := range c.Console.OIDC.Roles {
		if r.Role != "" && !access.Role(r.Role).Valid() {
			k.Add(config.At("console", "oidc", "roles", i, "role"), "", "console: oidc: roles: want one of %s, got %q", roleNames(), r.Role)
		}
	}
}
