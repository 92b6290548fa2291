package console

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/session"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

const password = "plum Tractor vivid 49"

type fixture struct {
	tb  testing.TB
	s   *Server
	h   http.Handler
	acc *access.Store
	hub *store.Hub
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	dir := tb.TempDir()
	acc, err := access.Open(context.Background(), filepath.Join(dir, "x.db"),
		access.Options{Key: make([]byte, 32), Hash: access.Params{Memory: 8, Time: 1, Threads: 1}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { acc.Close() })
	ev, err := evidence.OpenStore(filepath.Join(dir, "evidence"), evidence.StoreOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ev.Close() })
	mem := storetest.NewMemory(nil)
	if _, err := mem.Append(context.Background(), storetest.NewGenerator(1).Blocks(tb, "s", 0, 2, 200, time.Second)); err != nil {
		tb.Fatal(err)
	}
	f := &fixture{tb: tb, acc: acc, hub: store.NewHub()}
	configs, err := lifecycle.Open(lifecycle.Options{Dir: filepath.Join(dir, "config"), First: []byte("version: 1\n")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { configs.Close() })
	if f.s, err = New(Deps{Access: acc, Store: mem, Hub: f.hub, Evidence: ev.Reader, Config: configs}); err != nil {
		tb.Fatal(err)
	}
	f.h = f.s.Handler()
	return f
}

func (f *fixture) setup() *fixture {
	f.tb.Helper()
	token, err := f.acc.BeginSetup(context.Background(), false)
	if err != nil {
		f.tb.Fatal(err)
	}
	f.do(204, "", "POST /api/v1/setup", `{"token":"`+token+`","name":"root","password":"`+password+`"}`)
	return f
}

// login gives the cookie of a user of that role, who is made when need be.
func (f *fixture) login(role access.Role) string {
	f.tb.Helper()
	name := string(role)
	if _, err := f.acc.CreateUser(context.Background(), access.System(), name, role, password); err != nil {
		f.tb.Fatal(err)
	}
	w := f.do(200, "", "POST /api/v1/login", `{"name":"`+name+`","password":"`+password+`"}`)
	return w.Result().Cookies()[0].Value
}

// do calls and wants a status; 0 takes any.
func (f *fixture) do(want int, cookie, call, body string, header ...string) *httptest.ResponseRecorder {
	f.tb.Helper()
	method, path, _ := strings.Cut(call, " ")
	r := httptest.NewRequest(method, "https://console.example"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: session.Cookie, Value: cookie})
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	if want != 0 && w.Code != want {
		f.tb.Fatalf("%s: %d %s, want %d", call, w.Code, w.Body, want)
	}
	if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
		f.tb.Errorf("%s: %d as %q: %s", call, w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	return w
}

// calls lists the operations of the OpenAPI document as they are called, by id.
func (f *fixture) calls(cookie string) map[string]string {
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(f.do(200, cookie, "GET /api/openapi.json", "").Body.Bytes(), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		f.tb.Fatal(doc.OpenAPI, err)
	}
	out := map[string]string{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			out[op.OperationID] = strings.ToUpper(method) + " " + strings.NewReplacer("{id}", "99999", "{number}", "99999", "{name}", "x", "{kind}", "config").Replace(path)
		}
	}
	return out
}

func TestEveryRoute(t *testing.T) {
	f := newFixture(t)
	f.do(200, "", "GET /", "")
	f.do(403, "", "POST /api/v1/login", `{"name":"root","password":"x"}`)
	f.do(403, "", "GET /api/v1/logs", "")
	f.setup()
	calls := f.calls(f.login(access.Superuser))
	if len(calls) != len(permissions()) {
		t.Errorf("%d operations, %d with a permission", len(calls), len(permissions()))
	}
	for _, call := range calls {
		f.do(401, "", call, "{}")
		f.do(401, strings.Repeat("a", 52), call, "{}")
		f.do(401, "", call, "{}", "Authorization", "Bearer mw_x_y")
	}
	f.do(401, "", "GET /api/openapi.json", "")
	f.do(200, "", "GET /", "")
	for _, role := range access.Roles() {
		if role.Role == access.Superuser {
			continue
		}
		cookie := f.login(role.Role)
		for id, p := range permissions() {
			if id == "logs-follow" || id == "sessions-revoke" {
				continue // does not end; takes the session
			}
			code := f.do(0, cookie, calls[id], "{}").Code
			allowed := p == signedIn
			for _, have := range role.Permissions {
				allowed = allowed || have == p
			}
			if allowed == (code == 403) || code == 401 || code >= 500 {
				t.Errorf("%s, %s: %d, allowed %v", role.Role, calls[id], code, allowed)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	f := newFixture(t).setup()
	c := f.login(access.Superuser)
	f.do(403, c, "POST /api/v1/users", "{}", "Sec-Fetch-Site", "cross-site")
	f.do(403, c, "DELETE /api/v1/users/1", "", "Origin", "https://evil.example")
	for _, id := range []string{"..%2f..%2fx.db", "%2e%2e", "2026030109-1-..%2f1", "..%5cx"} {
		f.do(422, c, "GET /api/v1/evidence/"+id+"/pcap", "")
		f.do(422, c, "GET /api/v1/evidence/"+id, "")
	}
	f.do(422, c, "POST /api/v1/users", `{"name":"x"}`)
	f.do(400, c, "POST /api/v1/users", `{`)
	if w := f.do(0, c, "POST /api/v1/users", `{"name":"`+strings.Repeat("x", 2<<20)+`"}`); w.Code < 400 || w.Code >= 500 {
		t.Errorf("two megabytes: %d", w.Code)
	}
	for q, want := range map[string]string{
		"filter=" + url.QueryEscape("( addr.src inn 10.0.0.0/8 )"): `"position":11`,
		"log=trafic": "did you mean traffic", "last=soon": "no span", "limit=0": "limit", "log=traffic&log=threat": "commas between", "nonsense=1": "nonsense", "cursor=x": "",
	} {
		if w := f.do(422, c, "GET /api/v1/logs?"+q, ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s", q, w.Body)
		}
	}
	for i := 0; ; i++ {
		if f.do(0, "", "POST /api/v1/login", `{"name":"root","password":"wrong wrong wrong"}`).Code == 429 {
			break
		}
		if i == 50 {
			t.Fatal("passwords can be guessed")
		}
	}
}

func TestLogs(t *testing.T) {
	f := newFixture(t).setup()
	c := f.login(access.Analyst)
	seen, cursor := map[string]bool{}, ""
	for {
		var p LogPage
		if err := json.Unmarshal(f.do(200, c, "GET /api/v1/logs?log=traffic&limit=50&cursor="+cursor, "").Body.Bytes(), &p); err != nil || !p.Coverage.Complete {
			t.Fatal(p.Coverage, err)
		}
		for _, r := range p.Rows {
			if seen[r.ID] || r.Log != "traffic" || len(r.Record) < 100 {
				t.Fatalf("row %+v", r)
			}
			seen[r.ID] = true
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	lines := strings.Count(f.do(200, c, "GET /api/v1/logs/export?log=traffic&format=jsonl", "").Body.String(), "\n")
	rows := strings.Count(f.do(200, c, "GET /api/v1/logs/export?log=traffic&format=csv", "").Body.String(), "\n") - 1
	var h LogHistogram
	if err := json.Unmarshal(f.do(200, c, "GET /api/v1/logs/histogram?log=traffic&step=1m", "").Body.Bytes(), &h); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, n := range h.Series[0].Counts {
		sum += n
	}
	if len(seen) < 100 || lines != len(seen) || rows != len(seen) || sum != uint64(len(seen)) {
		t.Errorf("pages %d, JSON lines %d, CSV %d, histogram %d", len(seen), lines, rows, sum)
	}
	var top LogTop
	if err := json.Unmarshal(f.do(200, c, "GET /api/v1/logs/top?log=traffic&field=addr.src&limit=3", "").Body.Bytes(), &top); err != nil || len(top.Groups) != 3 {
		t.Errorf("%+v %v", top, err)
	}
	if inert("=1+1") != "'=1+1" {
		t.Error("a formula")
	}
}

func TestTokenAndAudit(t *testing.T) {
	f := newFixture(t).setup()
	c := f.login(access.Superuser)
	var made MadeToken
	body, _ := json.Marshal(TokenRequest{Name: "ci", Scopes: []string{"logs.read"}, Expires: time.Now().Add(time.Hour)})
	if err := json.Unmarshal(f.do(200, c, "POST /api/v1/tokens", string(body)).Body.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	f.do(200, "", "GET /api/v1/logs?limit=1", "", "Authorization", "Bearer "+made.Text)
	f.do(403, "", "GET /api/v1/users", "", "Authorization", "Bearer "+made.Text)
	f.do(204, c, "DELETE /api/v1/tokens/"+made.ID, "")
	f.do(401, "", "GET /api/v1/logs?limit=1", "", "Authorization", "Bearer "+made.Text)
	f.do(200, c, "POST /api/v1/audit/verify", "")
	if w := f.do(200, c, "GET /api/v1/audit?limit=5", ""); !strings.Contains(w.Body.String(), "token") {
		t.Error(w.Body)
	}
}

func TestServe(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	cert, err := OwnCertificate(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OwnCertificate(dir, time.Now()); err != nil || again.Fingerprint() != cert.Fingerprint() || len(cert.Fingerprint()) != 64 {
		t.Fatal("another certificate", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.s.Serve(ctx, ln, cert) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	res, err := client.Get("https://" + ln.Addr().String() + "/api/v1/logs")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 403 || res.Header.Get("X-Request-Id") == "" {
		t.Error(res.Status, res.Header)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func FuzzQuery(f *testing.F) {
	for _, q := range []string{"filter=( addr in 10.0.0.0/8 )", "log=traffic&limit=1", "last=-1h", "filter=%zz", "from=x&to=2026-01-01T00:00:00Z"} {
		f.Add(q)
	}
	x := newFixture(f).setup()
	c := x.login(access.Analyst)
	f.Fuzz(func(t *testing.T, q string) {
		y := *x
		y.tb = t
		if code := y.do(0, c, "GET /api/v1/logs?"+url.PathEscape(q), "").Code; code >= 500 {
			t.Fatalf("%q: %d", q, code)
		}
	})
}
