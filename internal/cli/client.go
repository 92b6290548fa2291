package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/console"
)

// profile is how a console is reached: what login keeps for later commands.
type profile struct {
	Console     string `json:"console"`
	Fingerprint string `json:"fingerprint,omitempty"` // of a self-signed certificate
	CA          string `json:"ca,omitempty"`          // file of trusted certificates
	Token       string `json:"token,omitempty"`
}

// consoleFlags are those of every command that talks to a console. What is not
// given comes from the environment, then from the profile.
type consoleFlags struct{ given profile }

func (f *consoleFlags) register(c *cobra.Command) {
	fl := c.PersistentFlags()
	fl.StringVar(&f.given.Console, "console", "", "`URL` of the console (MIRRORWALL_CONSOLE; https://127.0.0.1:8443)")
	fl.StringVar(&f.given.Fingerprint, "fingerprint", "", "SHA-256 of its certificate, as it prints it in `HEX` (MIRRORWALL_FINGERPRINT)")
	fl.StringVar(&f.given.CA, "ca", "", "PEM `file` of certificates to trust (MIRRORWALL_CA)")
}

// profilePath is the file that login writes.
func profilePath() (string, error) {
	if p := os.Getenv("MIRRORWALL_PROFILE"); p != "" {
		return p, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fail(err, "set MIRRORWALL_PROFILE to a file")
	}
	return filepath.Join(dir, "mirrorwall", "console.json"), nil
}

func loadProfile() (p profile, err error) {
	path, err := profilePath()
	if err != nil {
		return p, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fail(fmt.Errorf("%s: %w", path, err), "mirrorwall login writes it anew")
	}
	return p, nil
}

func (p *profile) save() (path string, err error) {
	if path, err = profilePath(); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	// Another file takes the name, so that the token is never readable by others.
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(text, '\n'), 0o600); err != nil {
		return "", err
	}
	return path, os.Rename(tmp, path)
}

// client calls a console.
type client struct {
	profile
	http   *http.Client
	cookie *http.Cookie // of a session, in place of the token
}

// client makes the client that the flags ask for.
func (f *consoleFlags) client() (*client, error) {
	kept, err := loadProfile()
	if err != nil {
		return nil, err
	}
	p := profile{
		Console:     cmp.Or(f.given.Console, os.Getenv("MIRRORWALL_CONSOLE"), kept.Console, "https://127.0.0.1:8443"),
		Fingerprint: cmp.Or(f.given.Fingerprint, os.Getenv("MIRRORWALL_FINGERPRINT")),
		CA:          cmp.Or(f.given.CA, os.Getenv("MIRRORWALL_CA")),
		Token:       os.Getenv("MIRRORWALL_TOKEN"),
	}
	if p.Console = strings.TrimRight(p.Console, "/"); p.Console == kept.Console {
		// A token and a pin are for the console that gave them, no other.
		p.Token = cmp.Or(p.Token, kept.Token)
		if p.Fingerprint == "" && p.CA == "" {
			p.Fingerprint, p.CA = kept.Fingerprint, kept.CA
		}
	}
	if u, err := url.Parse(p.Console); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, &failure{err: fmt.Errorf("--console: want https://HOST:PORT, got %q", p.Console), hint: "a console answers by TLS only", code: exitUsage}
	}
	t, err := p.tls()
	if err != nil {
		return nil, err
	}
	return &client{profile: p, http: &http.Client{Transport: &http.Transport{TLSClientConfig: t, Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second}}}, nil
}

func (p *profile) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.CA != "" {
		pem, err := os.ReadFile(p.CA)
		if err != nil {
			return nil, fail(err, "--ca names a PEM file, such as console.crt in the console's state folder")
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fail(fmt.Errorf("%s: no certificate in it", p.CA), "--ca names a PEM file")
		}
	}
	if p.Fingerprint == "" {
		return t, nil
	}
	want, err := hex.DecodeString(strings.ReplaceAll(p.Fingerprint, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, &failure{err: fmt.Errorf("--fingerprint: want 64 hexadecimal digits, got %q", p.Fingerprint), hint: "the console prints it when it starts", code: exitUsage}
	}
	// The pin replaces the chain and the name: it is the certificate itself.
	t.InsecureSkipVerify = true
	t.VerifyConnection = func(s tls.ConnectionState) error {
		if got := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(got[:], want) {
			return fmt.Errorf("the certificate's fingerprint is %x, not the one given", got)
		}
		return nil
	}
	return t, nil
}

// call asks the console; in and out are JSON, nil for none. A problem of the
// console becomes a failure with its hint.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	res, err := c.open(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close() // only read
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 256<<20)).Decode(out); err != nil {
		return fmt.Errorf("%s: %w", c.Console, err)
	}
	return nil
}

// open is call for an answer that is read bit by bit; close its Body.
func (c *client) open(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Console+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case c.cookie != nil:
		r.AddCookie(c.cookie)
	case c.Token != "":
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close() // only read
	return nil, problemOf(res)
}

func (c *client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var bad *tls.CertificateVerificationError
	hint := "is the console running? mirrorwall doctor; another address: --console"
	if errors.As(err, &bad) || strings.Contains(err.Error(), "fingerprint") {
		hint = "--fingerprint trusts the certificate whose fingerprint the console prints when it starts; --ca FILE trusts an authority"
	}
	return fail(err, hint)
}

// problemOf makes a failure of an answer that is one.
func problemOf(res *http.Response) error {
	p := console.Problem{}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // what there is of it
	if json.Unmarshal(text, &p) != nil || p.Detail == "" {
		p.Detail = res.Status
	}
	code, hint := exitFailed, p.Hint
	switch {
	case res.StatusCode == http.StatusUnprocessableEntity:
		code = exitUsage
	case res.StatusCode == http.StatusUnauthorized && hint == "":
		hint = "mirrorwall login"
	}
	return &failure{err: errors.New(p.Detail), hint: hint, code: code}
}
