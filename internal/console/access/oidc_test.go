package access

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// issuer is an OpenID provider whose answers a test changes.
type issuer struct {
	*httptest.Server
	key       *rsa.PrivateKey
	claims    map[string]any
	challenge string // of the sign-in under way; its verifier must fit
}

func newIssuer(t *testing.T) *issuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	is := &issuer{key: key}
	b64 := base64.RawURLEncoding.EncodeToString
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": is.URL, "authorization_endpoint": is.URL + "/a",
			"token_endpoint": is.URL + "/t", "jwks_uri": is.URL + "/k", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/k", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig",
			"kid": "1", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("/t", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if b64(sum[:]) != is.challenge {
			http.Error(w, "PKCE", http.StatusBadRequest)
			return
		}
		body, _ := json.Marshal(is.claims)
		text := b64([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + b64(body)
		h := sha256.Sum256([]byte(text))
		sig, _ := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, h[:])
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": text + "." + b64(sig)})
	})
	is.Server = httptest.NewServer(mux)
	t.Cleanup(is.Close)
	return is
}

func TestOIDC(t *testing.T) {
	f, _ := ready(t)
	is := newIssuer(t)
	p, err := f.NewProvider(f.ctx, ProviderConfig{Issuer: is.URL, ClientID: "mw", RedirectURL: "https://console.example/cb",
		Roles: []GroupRole{{"soc-lead", Responder}, {"soc", Analyst}}})
	f.must(err)
	// sign does a whole sign-in; change spoils a part of it.
	sign := func(change func(q url.Values, r *OIDCRequest)) (User, error) {
		u, browser, err := p.Begin(f.ctx)
		f.must(err)
		parsed, err := url.Parse(u)
		f.must(err)
		q := parsed.Query()
		is.challenge = q.Get("code_challenge")
		is.claims = map[string]any{"iss": is.URL, "aud": "mw", "sub": "s1", "exp": f.time.Unix() + 60, "iat": f.time.Unix(),
			"nonce": q.Get("nonce"), "preferred_username": "alice", "groups": []string{"soc", "x"}}
		r := OIDCRequest{State: q.Get("state"), Code: "c", Browser: browser, Address: f.home}
		if change != nil {
			change(q, &r)
		}
		_, user, err := p.Finish(f.ctx, r)
		if err == nil {
			_, _, again := p.Finish(f.ctx, r)
			f.want(again, Unauthenticated) // a state works once
		}
		return user, err
	}
	u, err := sign(nil)
	f.must(err)
	if u.Role != Analyst || u.Name == "alice" || u.Issuer != is.URL {
		t.Errorf("%+v", u) // never joined to the local alice
	}
	again, err := sign(func(url.Values, *OIDCRequest) { is.claims["groups"] = []string{"soc", "soc-lead"} })
	f.must(err)
	if again.ID != u.ID || again.Role != Responder {
		t.Errorf("%+v", again)
	}
	other, err := sign(func(url.Values, *OIDCRequest) { is.claims["sub"] = "S1" })
	f.must(err)
	if other.ID == u.ID {
		t.Error("two subjects, one user")
	}
	for name, c := range map[string]struct {
		kind   Kind
		change func(url.Values, *OIDCRequest)
	}{
		"state":    {Unauthenticated, func(_ url.Values, r *OIDCRequest) { r.State += "x" }},
		"browser":  {Unauthenticated, func(_ url.Values, r *OIDCRequest) { r.Browser = "" }},
		"nonce":    {Unauthenticated, func(url.Values, *OIDCRequest) { is.claims["nonce"] = "x" }},
		"issuer":   {Unauthenticated, func(url.Values, *OIDCRequest) { is.claims["iss"] = is.URL + "/" }},
		"audience": {Unauthenticated, func(url.Values, *OIDCRequest) { is.claims["aud"] = "other" }},
		"expired":  {Unauthenticated, func(url.Values, *OIDCRequest) { is.claims["exp"] = f.time.Unix() - 1 }},
		"PKCE":     {Unauthenticated, func(url.Values, *OIDCRequest) { is.challenge = "x" }},
		"late":     {Unauthenticated, func(url.Values, *OIDCRequest) { f.time = f.time.Add(oidcLife) }},
		"group":    {Forbidden, func(url.Values, *OIDCRequest) { is.claims["groups"] = []string{"SOC"} }},
	} {
		if _, err := sign(c.change); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
