package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

// TestForwarding: records of the rules that name a log forwarding profile reach
// its HTTP server in the profile's own format, those of other rules do not.
func TestForwarding(t *testing.T) {
	type call struct{ line, auth, header, body string }
	calls := make(chan call, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		user, password, _ := r.BasicAuth()
		calls <- call{r.Method + " " + r.URL.String(), user + ":" + password, r.Header.Get("X-Rule"), string(b)}
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOOK_PASSWORD", "hunter2")
	text := fmt.Sprintf(`version: 1
state: %s
console: {listen: ''}
policy:
  http_servers:
    - name: ticket system
      servers:
        - {name: down, address: 127.0.0.1, port: 1, protocol: HTTP}
        - {name: s1, address: %s, port: %s, protocol: HTTP, method: PUT, username: u, password_env: HOOK_PASSWORD}
      formats:
        threat:
          url: /incident/$threatid?v=$severity
          headers: {X-Rule: "$rule", content-type: application/json}
          params: {who: "$src & co"}
          payload: '{"src":"$src","rule":"$rule"}'
    - {name: broken, servers: [{name: s, address: a.example}], formats: {threat: {payload: "{$nonsense}"}}}
  log_forwarding:
    - name: default
      match:
        - {name: high ones, log: threat, filter: "( severity geq high )", http: [ticket system]}
        - {name: nowhere, log: threat, http: [broken, none]}
        - {name: auth, log: auth, http: [ticket system]}
    - {name: unused, match: [{name: all, log: threat, filter: All Logs, http: [ticket system]}]}
  rules:
    - {name: "in, \"bound\"", action: allow, log_forwarding: default}
    - {name: other, action: deny}
`, filepath.Join(t.TempDir(), "state"), u.Hostname(), u.Port())
	_, errs, warnings := config.Examine("mirrorwall.yaml", []byte(text), checkForwarding)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	said := fmt.Sprint(warnings)
	for _, want := range []string{`HTTP server "broken": payload: template:1:2: unknown variable`, `HTTP server "none": there is none`} {
		if !strings.Contains(said, want) {
			t.Errorf("no warning %s in\n%s", want, said)
		}
	}
	cfg, err := config.Parse("mirrorwall.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConsole(cfg, quiet(), storetest.NewMemory(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.forwards) != 1 || !wantsConsole(cfg) {
		t.Errorf("%d lists", len(c.forwards))
	}
	spool, err := bus.Open(spoolFolder(cfg), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	line := func(rule string, severity int) []byte {
		return fmt.Appendf(nil, `{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"alert","src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":80,"proto":"TCP",`+
			`"alert":{"action":"allowed","gid":1,"signature_id":9100001,"rev":1,"signature":"x","category":"","severity":%d},"mirrorwall":{"rule":%q,"verdict":"allow"}}`, severity, rule)
	}
	if err := spool.Append(line("other", 1), line(`in, "bound"`, 3), line(`in, "bound"`, 1)); err != nil {
		t.Fatal(err)
	}
	end := run(t, c)
	got := <-calls
	end()
	if len(calls) > 0 {
		t.Errorf("another call: %+v", <-calls)
	}
	for what, ok := range map[string]bool{
		"line": strings.HasPrefix(got.line, "PUT /incident/9100001?") && strings.Contains(got.line, "v=") && strings.Contains(got.line, "who=10.0.0.1+%26+co"),
		"auth": got.auth == "u:hunter2", "header": got.header == `in, "bound"`, "body": got.body == `{"src":"10.0.0.1","rule":"in, \"bound\""}`,
	} {
		if !ok {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if forwardsDiffer([]byte(text), []byte(strings.Replace(text, "name: other, action: deny", "name: other, action: drop", 1))) {
		t.Error("another action forwards nothing differently")
	}
	if !forwardsDiffer([]byte(text), []byte(strings.Replace(text, "name: other,", "name: other, log_forwarding: default,", 1))) {
		t.Error("another rule that forwards is not seen")
	}
}

// run runs a console until the function that it gives is called.
func run(t *testing.T, c *consoleHalf) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
