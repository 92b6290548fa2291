package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/session"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

// TestOnce: a write with a key happens once, and a second caller hears what the
// first heard; a secret is not told twice.
func TestOnce(t *testing.T) {
	f := newFixture(t).setup()
	c := f.login(access.Superuser)
	const call, body = "POST /api/v1/users", `{"name":"anna","role":"analyst","password":"` + password + `"}`
	first := f.do(200, c, call, body, "Idempotency-Key", "k1")
	second := f.do(200, c, call, body, "Idempotency-Key", "k1")
	if first.Body.String() != second.Body.String() || second.Header().Get("Idempotency-Replayed") != "true" || first.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("%s\n%s", first.Body, second.Body)
	}
	f.do(422, c, call, strings.Replace(body, "anna", "ben", 1), "Idempotency-Key", "k1")
	f.do(409, c, call, body) // without a key it is done again, and refused
	if w := f.do(409, c, call, body, "Idempotency-Key", "k2"); f.do(409, c, call, body, "Idempotency-Key", "k2").Body.String() != w.Body.String() {
		t.Error("a refusal is answered alike")
	}
	f.do(422, c, call, body, "Idempotency-Key", strings.Repeat("x", 256))
	token := `{"name":"x","scopes":["logs.read"],"expires":"` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`
	made := f.do(200, c, "POST /api/v1/tokens", token, "Idempotency-Key", "k3").Body.String()
	if again := f.do(409, c, "POST /api/v1/tokens", token, "Idempotency-Key", "k3").Body.String(); strings.Contains(again, "mw_") || !strings.Contains(made, "mw_") {
		t.Errorf("%s\n%s", made, again)
	}
	// Another's key is another key.
	other := f.login(access.DeviceAdmin)
	f.do(200, other, "PUT /api/v1/config/saved/a", "", "Idempotency-Key", "k1")

	// Every write of the document takes a key.
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name string }
		}
	}
	if err := json.Unmarshal(f.do(200, c, "GET /api/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			has := slices.ContainsFunc(op.Parameters, func(p struct{ Name string }) bool { return p.Name == "Idempotency-Key" })
			if has == (method == "get") {
				t.Errorf("%s %s: takes a key: %v", method, path, has)
			}
		}
	}
}

// TestOnceBounds: old keys go, by number and by age.
func TestOnceBounds(t *testing.T) {
	now := time.Unix(1e9, 0)
	o := newOnceOnly(func() time.Time { return now })
	for i := range onceMost + 100 {
		o.begin(onceKey{1, strings.Repeat("x", i%200) + string(rune('a'+i/200))}, [32]byte{})
	}
	if len(o.all) > onceMost || len(o.line) > onceMost {
		t.Errorf("%d keys", len(o.all))
	}
	now = now.Add(onceKeep + time.Second)
	o.begin(onceKey{2, "y"}, [32]byte{})
	if len(o.all) != 1 || len(o.line) != 1 {
		t.Errorf("%d keys after a day", len(o.all))
	}
}

// TestSameRows holds the API's rows to the store's, for filters of the field.
func TestSameRows(t *testing.T) {
	f := newFixture(t).setup()
	c := f.login(access.Analyst)
	rows := 0
	for _, text := range storetest.Filters() {
		var page struct {
			Rows []struct{ ID string }
		}
		got := f.do(200, c, "GET /api/v1/logs?log=traffic,threat&limit=1000&filter="+url.QueryEscape(text), "")
		if err := json.Unmarshal(got.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		q := store.Query{Logs: []string{"traffic", "threat"}, Now: time.Now()}
		if text != "" {
			var err error
			if q.Filter, err = filter.Parse(text); err != nil {
				t.Fatal(err)
			}
		}
		want, err := f.s.d.Store.Find(t.Context(), q, store.Page{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		same := len(want.Rows) == len(page.Rows)
		for i := range page.Rows {
			same = same && page.Rows[i].ID == want.Rows[i].ID
		}
		if !same {
			t.Errorf("%s: %d rows, want %d", text, len(page.Rows), len(want.Rows))
		}
		rows += len(page.Rows)
	}
	if rows == 0 {
		t.Error("no filter found anything")
	}
}

// FuzzAPI calls operations with whatever: a mistake of the caller is never one of
// the console.
func FuzzAPI(f *testing.F) {
	fix := newFixture(f).setup()
	cookie := fix.login(access.Superuser)
	all := fix.calls(cookie)
	var calls []string
	for id, call := range all {
		if id != "logs-follow" && id != "sessions-revoke" { // does not end; takes the session
			calls = append(calls, call)
		}
	}
	slices.Sort(calls)
	for i := range calls {
		f.Add(uint16(i), "limit=1", `{"name":"x"}`, "")
	}
	f.Add(uint16(0), "filter=("+url.QueryEscape("( addr in 1.1.1.1 )")+"&from=now&cursor=x", `{"text":"version: 1\n"}`, "key")
	f.Fuzz(func(t *testing.T, n uint16, query, body, key string) {
		method, path, _ := strings.Cut(calls[int(n)%len(calls)], " ")
		u := &url.URL{Scheme: "https", Host: "console.example", Path: path, RawQuery: query}
		r, err := http.NewRequest(method, u.String(), strings.NewReader(body))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.1:1"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		r.AddCookie(&http.Cookie{Name: session.Cookie, Value: cookie})
		w := httptest.NewRecorder()
		fix.h.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code >= 400 && !strings.Contains(w.Body.String(), `"detail"`) {
			t.Errorf("%s %s: %d %s", method, u, w.Code, w.Body)
		}
	})
}
