package panapi

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/config/panos"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/tags"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

const password = "plum Tractor vivid 49"

type fixture struct {
	tb      testing.TB
	h       *Handler
	access  *access.Store
	configs *lifecycle.Manager
	store   store.Store
	log     bytes.Buffer
	key     string
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	dir := tb.TempDir()
	f := &fixture{tb: tb}
	var ticks atomic.Int64 // no two keys are of one moment
	clock := func() time.Time {
		return storetest.Start().Add(time.Hour + time.Duration(ticks.Add(1))*time.Microsecond)
	}
	var err error
	f.access, err = access.Open(context.Background(), filepath.Join(dir, "x.db"), access.Options{Key: make([]byte, 32), Hash: access.Params{Memory: 8, Time: 1, Threads: 1}, Now: clock})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.access.Close() })
	token, err := f.access.BeginSetup(context.Background(), false)
	if err == nil {
		err = f.access.CompleteSetup(context.Background(), token, "root", password, address(&http.Request{}))
	}
	if err != nil {
		tb.Fatal(err)
	}
	f.configs, err = lifecycle.Open(lifecycle.Options{Dir: filepath.Join(dir, "config"), First: []byte("# ours\nversion: 1\nstate: here # as it is\n"),
		Check: []config.Check{}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.configs.Close() })
	mem := storetest.NewMemory(nil)
	if _, err := mem.Append(context.Background(), storetest.NewGenerator(1).Blocks(tb, "s", 0, 4, 200, time.Second)); err != nil {
		tb.Fatal(err)
	}
	f.store = mem
	registry, err := tags.Open(filepath.Join(dir, "tags.json"), clock, nil)
	if err != nil {
		tb.Fatal(err)
	}
	f.h, err = New(Deps{Tags: registry, Access: f.access, Config: f.configs, Store: mem, Dir: filepath.Join(dir, "xml"), Version: "test", Now: clock, Log: slog.New(slog.NewTextHandler(&f.log, nil))})
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func (f *fixture) do(r *http.Request) *httptest.ResponseRecorder {
	r.RemoteAddr = "192.0.2.7:1000"
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	if ok := xml.Unmarshal(w.Body.Bytes(), new(struct{ XMLName xml.Name })) == nil; !ok {
		f.tb.Errorf("no XML: %s", w.Body)
	}
	return w
}

// call asks with the pairs, and wants a part of the answer.
func (f *fixture) call(want string, pairs ...string) string {
	f.tb.Helper()
	form := url.Values{}
	if f.key != "" {
		form.Set("key", f.key)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, "https://console.example/api/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	got := f.do(r).Body.String()
	if !strings.Contains(got, want) {
		f.tb.Errorf("%v: %s\nwant %s", pairs, got, want)
	}
	return got
}

var keyPattern = regexp.MustCompile("<key>(.*)</key>")

func (f *fixture) login(name string) *fixture {
	f.tb.Helper()
	f.key = ""
	f.key = keyPattern.FindStringSubmatch(f.call("<key>", "type", "keygen", "user", name, "password", password))[1]
	return f
}

func TestKeys(t *testing.T) {
	f := newFixture(t)
	if w := f.do(httptest.NewRequest("GET", "/api/?type=version", nil)); w.Code != 403 || !strings.Contains(w.Body.String(), `code="403"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.key = "mw_x_y"
	f.call("403", "type", "op", "cmd", "<show><system><info/></system></show>")
	f.key = ""
	f.call("403", "type", "keygen", "user", "root", "password", "wrong wrong wrong")
	f.login("root")
	first := f.key
	f.call("<sw-version>"+Level, "type", "version")
	r := httptest.NewRequest("GET", "/api/?type=op&cmd="+url.QueryEscape("<show><system><info></info></system></show>"), nil)
	r.Header.Set("X-PAN-KEY", f.key)
	if got := f.do(r).Body.String(); !strings.Contains(got, "<hostname>mirrorwall") {
		t.Error(got)
	}
	// A client that asks for a key each time does not use up the user's tokens.
	for range maxKeys {
		f.login("root")
	}
	f.call("<sw-version>", "type", "version")
	f.key = first
	f.call("403", "type", "version")
	f.key = ""
	for i := 0; ; i++ {
		if strings.Contains(f.call("403", "type", "keygen", "user", "root", "password", "wrong wrong wrong"), "many") {
			break
		}
		if i == 50 {
			t.Fatal("passwords can be guessed")
		}
	}
	for _, secret := range []string{password, first, "wrong wrong"} {
		if strings.Contains(f.log.String(), secret) {
			t.Error("the log holds a secret")
		}
	}
}

// TestPermissions holds each call to the permission of its table.
func TestPermissions(t *testing.T) {
	f := newFixture(t)
	for _, role := range access.Roles() {
		if role.Role == access.Superuser {
			continue
		}
		if _, err := f.access.CreateUser(t.Context(), access.System(), string(role.Role), role.Role, password); err != nil {
			t.Fatal(err)
		}
		f.login(string(role.Role))
		test := func(need access.Permission, pairs ...string) {
			denied := strings.Contains(f.call("<response", pairs...), "permission")
			if may := need == "" || slices.Contains(role.Permissions, need); may == denied {
				t.Errorf("%s, %v: denied %v", role.Role, pairs, denied)
			}
		}
		for name, a := range types() {
			test(a.need, "type", name)
		}
		for name, a := range actions() {
			test(a.need, "type", "config", "action", name)
		}
		for name, a := range ops() {
			words := strings.Fields(name)
			cmd := ""
			for _, w := range words {
				cmd += "<" + w + ">"
			}
			for _, w := range slices.Backward(words) {
				cmd += "</" + w + ">"
			}
			test(a.need, "type", "op", "cmd", cmd)
		}
	}
}

const device = `<config version="10.1.0">
  <!-- kept -->
  <devices><entry name="localhost.localdomain"><network><virtual-router><entry name="vr"/></virtual-router></network>
    <vsys><entry name="vsys1">
      <address><entry name="web"><ip-netmask>192.0.2.1</ip-netmask></entry></address>
      <rulebase><security><rules>
        <entry name="first"><from><member>any</member></from><to><member>any</member></to><source><member>web</member></source><destination><member>any</member></destination><application><member>any</member></application><service><member>any</member></service><action>allow</action></entry>
      </rules></security></rulebase>
    </entry></vsys>
  </entry></devices>
</config>`

func (f *fixture) upload(name, text, want string) {
	f.tb.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("file", name)
	if err == nil {
		_, err = io.WriteString(part, text)
	}
	if err != nil || m.Close() != nil {
		f.tb.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/api/?type=import&category=configuration&key="+url.QueryEscape(f.key), &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	if got := f.do(r).Body.String(); !strings.Contains(got, want) {
		f.tb.Errorf("%s: %s\nwant %s", name, got, want)
	}
}

// commit asks for a commit and polls its job as clients do.
func (f *fixture) commit() string {
	f.tb.Helper()
	id := regexp.MustCompile("<job>([0-9]+)</job>").FindStringSubmatch(f.call("enqueued", "type", "commit", "cmd", "<commit><description>by API</description></commit>"))
	for {
		got := f.call("<type>Commit", "type", "op", "cmd", "<show><jobs><id>"+id[1]+"</id></jobs></show>")
		if strings.Contains(got, "<status>FIN") {
			return got
		}
		time.Sleep(time.Millisecond)
	}
}

// TestConfiguration is what a client does with a firewall: import, load, look,
// change, commit, look again.
func TestConfiguration(t *testing.T) {
	f := newFixture(t).login("root")
	f.call("There are no changes to commit", "type", "commit", "cmd", "<commit/>")
	f.upload("mirror.xml", device, "mirror.xml saved")
	f.upload("../x.xml", device, "x.xml saved") // the folder of a name does not count
	f.upload(".hidden", device, "no name")
	f.upload("a.xml", "<!DOCTYPE a><config/>", `code="18"`)
	f.upload("a.xml", `<config><panorama/></config>`, "Panorama")
	f.call("does not exist", "type", "op", "cmd", "<load><config><from>no.xml</from></config></load>")
	f.call("Config loaded from mirror.xml", "type", "op", "cmd", "<load><config><from>mirror.xml</from></config></load>")
	const rules = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/rulebase/security/rules"
	f.call("yes", "type", "op", "cmd", "<check><pending-changes/></check>")
	f.call(`<entry name="first">`, "type", "config", "action", "get", "xpath", rules+"/entry[@name='first']")
	f.call("No such node", "type", "config", "action", "show", "xpath", rules+"/entry[@name='first']")
	if got := f.commit(); !strings.Contains(got, "<result>OK") || !strings.Contains(got, "<user>root") {
		t.Error(got)
	}
	text, _ := f.configs.Running()
	if !strings.Contains(string(text), "state: here # as it is\n") || !strings.Contains(string(text), "name: first") {
		t.Errorf("the YAML is %s", text)
	}
	r := httptest.NewRequest("GET", "/api/?type=export&category=configuration&key="+url.QueryEscape(f.key), nil)
	if got := f.do(r).Body.String(); got != device {
		t.Errorf("the export differs:\n%s", got)
	}

	const second = "<from><member>any</member></from><to><member>any</member></to><source><member>any</member></source><destination><member>web</member></destination><application><member>any</member></application><service><member>any</member></service><action>deny</action>"
	f.call("command succeeded", "type", "config", "action", "set", "xpath", rules+"/entry[@name='second']", "element", second)
	f.call("command succeeded", "type", "config", "action", "move", "xpath", rules+"/entry[@name='second']", "where", "top")
	f.call("command succeeded", "type", "config", "action", "edit", "xpath", rules+"/entry[@name='first']/action", "element", "<action>drop</action>")
	f.call("command succeeded", "type", "config", "action", "rename", "xpath", rules+"/entry[@name='first']", "newname", "last")
	f.call(`code="6"`, "type", "config", "action", "delete", "xpath", "rules")
	f.call(`code="7"`, "type", "config", "action", "delete", "xpath", rules+"/entry[@name='none']")
	f.call(`code="18"`, "type", "config", "action", "set", "xpath", rules, "element", "<a>")
	f.call("Configuration is valid", "type", "op", "cmd", "<validate><full/></validate>")
	if got := f.commit(); !strings.Contains(got, "<result>OK") {
		t.Error(got)
	}
	doc, err := panos.Policy(first(f.configs.Running()))
	if err != nil || len(doc.Rules) != 2 || doc.Rules[0].Name != "second" || doc.Rules[1].Name != "last" || doc.Rules[1].Action != "drop" {
		t.Fatalf("%+v, %v", doc, err)
	}
	for _, kept := range []string{"<!-- kept -->", `<entry name="vr"/>`, `<entry name="second">`} {
		f.call(kept, "type", "op", "cmd", "<show><config><running/></config></show>")
	}
	f.call("command succeeded", "type", "config", "action", "delete", "xpath", rules+"/entry[@name='last']")
	f.call("Config reverted", "type", "op", "cmd", "<revert><config/></revert>")
	f.call("no", "type", "op", "cmd", "<check><pending-changes/></check>")
	f.call(`<entry name="last">`, "type", "config", "action", "get", "xpath", rules)

	// What is changed elsewhere is seen here.
	if err := f.configs.SetCandidate("anna", []byte(strings.Replace(string(first(f.configs.Running())), "action: drop", "action: allow", 1))); err != nil {
		t.Fatal(err)
	}
	f.call("<action>allow</action>", "type", "config", "action", "get", "xpath", rules+"/entry[@name='last']/action")
	f.call("lock", "type", "op", "cmd", "<request><commit-lock><add><comment>mine</comment></add></commit-lock></request>")
	f.call("is not answered", "type", "op", "cmd", "<request><restart><system/></restart></request>")
	f.call("no payload", "type", "user-id", "cmd", "<uid-message/>")
	const register = `<uid-message><type>update</type><payload><register><entry ip="10.0.0.1"><tag><member timeout="60">quarantine</member><member>web</member></tag></entry></register></payload></uid-message>`
	f.call("uid-response", "type", "user-id", "cmd", register)
	f.call(`<entry ip="10.0.0.1"><tag><member>quarantine</member><member>web</member></tag></entry><count>1</count>`, "type", "op", "cmd", "<show><object><registered-ip><all/></registered-ip></object></show>")
	f.call("uid-response", "type", "user-id", "cmd", strings.NewReplacer("register>", "unregister>", ` timeout="60"`, "").Replace(register))
	f.call("<count>0</count>", "type", "op", "cmd", "<show><object><registered-ip><all/></registered-ip></object></show>")
	f.call("no address", "type", "user-id", "cmd", strings.Replace(register, "10.0.0.1", "ten", 1))
	f.call("no quotes", "type", "user-id", "cmd", strings.Replace(register, ">web<", ">w'eb<", 1))
	f.call("not answered here", "type", "user-id", "cmd", strings.ReplaceAll(register, "register>", "login>"))
}

func first[A, B any](a A, _ B) A { return a }

// TestLogs holds the rows of a query through the API to those of the store.
func TestLogs(t *testing.T) {
	f := newFixture(t).login("root")
	logid := regexp.MustCompile(`logid="([^"]*)"`)
	rows := 0
	for _, log := range []string{"traffic", "threat"} {
		for _, text := range storetest.Filters() {
			id := regexp.MustCompile("<job>([0-9]+)</job>").FindStringSubmatch(f.call("", "type", "log", "log-type", log, "nlogs", "5000", "query", text))
			if id == nil {
				t.Errorf("%s %s: refused", log, text)
				continue
			}
			got := ""
			for !strings.Contains(got, "FIN") {
				got = f.call("<response", "type", "log", "action", "get", "job-id", id[1])
			}
			q := store.Query{Logs: []string{log}, Now: f.h.d.Now()}
			if text != "" {
				q.Filter = first(filter.Parse(text))
			}
			res, err := f.store.Find(t.Context(), q, store.Page{Limit: 5000})
			if err != nil {
				t.Fatal(err)
			}
			var want, have []string
			for _, r := range res.Rows {
				want = append(want, r.ID)
			}
			for _, m := range logid.FindAllStringSubmatch(got, -1) {
				have = append(have, m[1])
			}
			if !slices.Equal(want, have) || !strings.Contains(got, fmt.Sprintf(`count="%d"`, len(want))) {
				t.Errorf("%s %s: %d rows, want %d", log, text, len(have), len(want))
			}
			rows += len(have)
		}
	}
	if rows == 0 {
		t.Error("no filter found anything")
	}
	f.call("filter:12: want an operator", "type", "log", "log-type", "traffic", "query", "( addr.src inn 10.0.0.0/8 )")
	f.call("want one of", "type", "log", "log-type", "gtp")
	f.call("wants a number", "type", "log", "log-type", "traffic", "nlogs", "many")
	got := f.call("enqueued", "type", "log", "log-type", "traffic")
	id := regexp.MustCompile("<job>([0-9]+)</job>").FindStringSubmatch(got)[1]
	if _, err := f.access.CreateUser(t.Context(), access.System(), "anna", access.Analyst, password); err != nil {
		t.Fatal(err)
	}
	f.login("anna")
	f.call("not found", "type", "log", "action", "get", "job-id", id) // another's
}

// TestDocs holds docs/xmlapi.md to the tables.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(recordtest.Root(t), "docs", "xmlapi.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for name, a := range ops() {
		want = append(want, fmt.Sprintf("| `op` | `%s` | %s |", name, need(a)))
	}
	for name, a := range actions() {
		want = append(want, fmt.Sprintf("| `config` | `%s` | %s |", name, need(a)))
	}
	for name, a := range types() {
		if name != "op" && name != "config" {
			want = append(want, fmt.Sprintf("| `%s` | | %s |", name, need(a)))
		}
	}
	for _, line := range want {
		if !strings.Contains(string(text), line) {
			t.Errorf("docs/xmlapi.md lacks\n%s", line)
		}
	}
	if n := strings.Count(string(text), "\n| `"); n != len(want)+2 { // and the head, and keygen
		t.Errorf("docs/xmlapi.md has %d lines, want %d", n, len(want)+2)
	}
}

func need(a answer) string {
	if a.need == "" {
		return "a key"
	}
	return "`" + string(a.need) + "`"
}

func FuzzRequest(f *testing.F) {
	f.Add("config", "set", "/config/shared/address", "<entry name='a'/>", "")
	f.Add("op", "", "", "", "<show><jobs><id>3</id></jobs></show>")
	f.Add("log", "get", "", "", "( addr in 1.1.1.1 )")
	fix := newFixture(f).login("root")
	f.Fuzz(func(t *testing.T, kind, action, xpath, element, cmd string) {
		if kind == "keygen" || strings.Contains(cmd, "lock") {
			return
		}
		form := url.Values{"key": {fix.key}, "type": {kind}, "action": {action}, "xpath": {xpath}, "element": {element}, "cmd": {cmd}, "query": {cmd}, "log-type": {"traffic"}, "job-id": {element}}
		r := httptest.NewRequest(http.MethodPost, "/api/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		fix.h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s\n%s", w.Code, w.Body, fix.log.String())
		}
	})
}
