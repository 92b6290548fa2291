package config

import (
	"net/netip"
	"net/url"
	"path/filepath"
	"time"
)

// Console is the web console and its API.
type Console struct {
	// Listen is the address of the pages and the API, always TLS; empty: no console.
	Listen string `yaml:"listen"`
	// Cert and Key are files in PEM; both empty: the console makes its own.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// State is the folder of users, sessions and configurations; empty: the folder
	// console of the document's State.
	State   string  `yaml:"state"`
	Session Session `yaml:"session"`
	OIDC    OIDC    `yaml:"oidc"`
}

// Session bounds how long a browser stays signed in.
type Session struct {
	Idle     Duration `yaml:"idle"`     // without a call
	Absolute Duration `yaml:"absolute"` // in any case
}

// OIDC is an OpenID provider that users sign in with.
type OIDC struct {
	Issuer   string `yaml:"issuer"` // exactly as its tokens name it; empty: none
	ClientID string `yaml:"client_id"`
	// SecretFile and SecretEnv say where the client's secret is; neither: a public
	// client.
	SecretFile  string   `yaml:"secret_file"`
	SecretEnv   string   `yaml:"secret_env"`
	RedirectURL string   `yaml:"redirect_url"` // of the console's callback
	GroupsClaim string   `yaml:"groups_claim"`
	Scopes      []string `yaml:"scopes"`
	// Roles are asked in this order; who is in none of the groups may not sign in.
	Roles []GroupRole `yaml:"roles"`
}

// GroupRole gives the users of a provider's group a role.
type GroupRole struct {
	Group string `yaml:"group"`
	Role  string `yaml:"role"`
}

// ConsoleState is the folder of the console's state.
func (c *Config) ConsoleState() string {
	if c.Console.State != "" {
		return c.Console.State
	}
	return filepath.Join(c.State, "console")
}

func defaultConsole() Console {
	return Console{
		Listen:  "127.0.0.1:8443",
		Session: Session{Idle: Duration(30 * time.Minute), Absolute: Duration(12 * time.Hour)},
		OIDC:    OIDC{GroupsClaim: "groups"},
	}
}

func (c *Config) validateConsole(k *Checker) {
	v := &c.Console
	if v.Listen != "" {
		if _, err := netip.ParseAddrPort(v.Listen); err != nil {
			k.Add(At("console", "listen"), "", "console: listen: want ADDRESS:PORT, got %q", v.Listen)
		}
	}
	if (v.Cert == "") != (v.Key == "") {
		k.Add(At("console"), "without both the console makes its own certificate", "console: want cert and key, or neither")
	}
	if s := v.Session; s.Idle <= 0 || s.Absolute < s.Idle {
		k.Add(At("console", "session"), "", "console: session: want idle above 0s, and absolute of at least idle")
	}
	v.OIDC.validate(k)
}

func (o *OIDC) validate(k *Checker) {
	path := func(key ...any) []any { return append(At("console", "oidc"), key...) }
	if o.Issuer == "" {
		if o.ClientID != "" || len(o.Roles) > 0 {
			k.Add(path(), "", "console: oidc: want an issuer")
		}
		return
	}
	for _, f := range []struct{ key, value string }{{"issuer", o.Issuer}, {"redirect_url", o.RedirectURL}} {
		if u, err := url.Parse(f.value); err != nil || u.Scheme != "https" || u.Host == "" {
			k.Add(path(f.key), "", "console: oidc: %s: want an address with https://, got %q", f.key, f.value)
		}
	}
	if o.ClientID == "" {
		k.Add(path(), "", "console: oidc: want a client_id")
	}
	if o.SecretFile != "" && o.SecretEnv != "" {
		k.Add(path("secret_env"), "", "console: oidc: want secret_file or secret_env, not both")
	}
	if len(o.Roles) == 0 {
		k.Add(path(), "roles: [{group: NAME, role: analyst}]", "console: oidc: without roles nobody may sign in")
	}
	for i, r := range o.Roles {
		if r.Group == "" || r.Role == "" {
			k.Add(path("roles", i), "", "console: oidc: roles: want a group and a role")
		}
	}
}
