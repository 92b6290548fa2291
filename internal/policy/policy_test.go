package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/policy"
)

func catalogue(tb testing.TB) *appid.Catalogue {
	tb.Helper()
	c, err := appid.Load(os.DirFS("../../apps"))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func document(tb testing.TB, text string) *policy.Document {
	tb.Helper()
	d := &policy.Document{}
	if err := yaml.Unmarshal([]byte(text), d); err != nil {
		tb.Fatal(err)
	}
	return d
}

func compile(tb testing.TB, text string, env policy.Env) *policy.Policy {
	tb.Helper()
	if env.Apps == nil {
		env.Apps = catalogue(tb)
	}
	p, problems := policy.Compile(document(tb, text), env)
	for _, q := range problems {
		if !q.Warning {
			tb.Fatalf("%v: %s", q.Path, q.Msg)
		}
	}
	return p
}

// flow makes a flow of "10.0.0.1:1000 > 10.1.0.1:443 tcp app".
func flow(tb testing.TB, p *policy.Policy, text string) *policy.Flow {
	tb.Helper()
	w := strings.Fields(text)
	c, s := netip.MustParseAddrPort(w[0]), netip.MustParseAddrPort(w[2])
	f := &policy.Flow{
		Client: packet.AddrFrom(c.Addr()), Server: packet.AddrFrom(s.Addr()), ClientPort: c.Port(), ServerPort: s.Port(),
		Proto: map[string]uint8{"tcp": 6, "udp": 17, "icmp": 1}[w[3]],
		Time:  time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).UnixNano(), // a Monday
	}
	if len(w) > 4 && w[4] != "pending" {
		f.App = p.App(w[4])
	}
	if len(w) > 5 {
		f.Host = []byte(w[5])
	}
	return f
}

const office = `
zones:
  - {name: inside, networks: [10.0.0.0/8]}
  - {name: dmz, networks: [10.9.0.0/16]}
  - {name: servers, networks: [192.168.0.0/16]}
  - {name: outside, networks: [0.0.0.0/0]}
addresses:
  - {name: web1, network: 192.168.1.1, tags: [web, prod]}
  - {name: web2, network: 192.168.1.2, tags: [web]}
  - {name: pool, range: 192.168.2.5-192.168.2.9}
address_groups:
  - {name: webs, filter: "'web' and not 'prod'"}
  - {name: all-webs, members: [webs, web1]}
services:
  - {name: alt-http, protocol: tcp, ports: "8000-8005,81"}
  - {name: from-low, protocol: udp, ports: "5000", source_ports: "1-1023"}
schedules:
  - {name: work, times: ["monday 08:00-17:00"]}
  - {name: sunday, times: ["sunday 00:00-23:59"]}
url_categories:
  - {name: bad, list: ["*.evil.example", "www.*.example", bad.test/]}
rules:
  - {name: off, action: drop, disabled: true}
  - {name: never-now, action: drop, schedule: sunday}
  - {name: bad-hosts, action: reset-both, url_category: [bad]}
  - {name: webs, to: [servers], destination: [all-webs], application: [web-browsing, ssl], service: [application-default], action: allow}
  - {name: not-pool, source: [10.3.0.0/16], destination: [pool], negate_destination: true, to: [servers], action: drop}
  - {name: alt, service: [alt-http], action: allow, schedule: work}
  - {name: low, service: [from-low], action: deny}
  - {name: within, type: intrazone, from: [servers], action: reset-client}
  - {name: ssh, application: [ssh], action: deny}
  - {name: country, destination: [NZ], action: drop}
`

func TestEvaluate(t *testing.T) {
	p := compile(t, office, policy.Env{Region: func(a netip.Addr) string {
		if a == netip.MustParseAddr("203.0.113.7") {
			return "NZ"
		}
		return ""
	}})
	for _, c := range []struct{ flow, rule, verdict string }{
		{"10.0.0.1:1000 > 192.168.1.1:80 tcp web-browsing", "webs", "allow"},
		{"10.0.0.1:1000 > 192.168.1.1:8081 tcp web-browsing", "interzone-default", "would-deny"},
		{"10.0.0.1:1000 > 192.168.1.2:443 tcp ssl", "webs", "allow"},
		{"10.0.0.1:1000 > 192.168.1.3:443 tcp ssl", "interzone-default", "would-deny"},
		{"10.0.0.1:1000 > 192.168.1.2:443 tcp pending", "pending", ""},
		{"10.0.0.1:1000 > 192.168.1.2:4430 tcp pending", "pending", ""}, // ssh on every port may follow
		{"10.0.0.1:1000 > 192.168.1.2:443 tcp incomplete", "webs", "allow"},
		{"10.0.0.1:1000 > 192.168.1.2:4430 tcp incomplete", "interzone-default", "would-deny"},
		{"10.3.0.1:1000 > 192.168.2.6:22 tcp ssh", "ssh", "would-deny"},
		{"10.3.0.1:1000 > 192.168.2.10:22 tcp ssh", "not-pool", "would-deny"},
		{"10.0.0.1:1000 > 192.168.9.1:8003 tcp unknown-tcp", "alt", "allow"},
		{"10.0.0.1:1000 > 192.168.9.1:81 tcp unknown-tcp", "alt", "allow"},
		{"10.0.0.1:1000 > 192.168.9.1:82 tcp unknown-tcp", "interzone-default", "would-deny"},
		{"10.0.0.1:2000 > 192.168.9.1:5000 udp unknown-udp", "interzone-default", "would-deny"},
		{"10.0.0.1:100 > 192.168.9.1:5000 udp unknown-udp", "low", "would-deny"},
		{"192.168.0.1:1 > 192.168.0.2:22 tcp unknown-tcp", "within", "would-reset"},
		{"192.168.0.1:1 > 192.168.0.2:22 udp unknown-udp", "within", "would-deny"}, // no reset without TCP
		{"10.0.0.1:1 > 10.9.0.1:99 tcp unknown-tcp", "intrazone-default", "allow"}, // inside comes before dmz
		{"10.0.0.1:0 > 8.8.8.8:0 icmp ping", "interzone-default", "would-deny"},
		{"10.0.0.1:1 > 203.0.113.7:99 tcp unknown-tcp", "country", "would-deny"},
		{"10.0.0.1:1 > 8.8.8.8:443 tcp ssl www.evil.example", "bad-hosts", "would-reset"},
		{"10.0.0.1:1 > 8.8.8.8:443 tcp ssl evil.example", "interzone-default", "would-deny"},
		{"10.0.0.1:1 > 8.8.8.8:443 tcp ssl www.shop.example", "bad-hosts", "would-reset"},
		{"10.0.0.1:1 > 8.8.8.8:443 tcp ssl bad.test", "bad-hosts", "would-reset"},
		{"10.0.0.1:1 > 8.8.8.8:443 tcp ssl a.bad.test", "interzone-default", "would-deny"},
	} {
		f := flow(t, p, c.flow)
		d := p.Evaluate(f)
		rule := d.Rule()
		if d.Pending {
			rule = "pending"
		}
		if rule != c.rule || d.Verdict(f.Proto) != c.verdict {
			t.Errorf("%s: %s, %q; want %s, %q", c.flow, rule, d.Verdict(f.Proto), c.rule, c.verdict)
		}
	}
}

// TestOracle plays random flows against random policies and wants what a walk
// over the rules as they are written finds.
func TestOracle(t *testing.T) {
	cat := catalogue(t)
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		doc := randomDocument(rng, 1+rng.IntN(150))
		p, problems := policy.Compile(doc, policy.Env{Apps: cat})
		if p == nil {
			t.Fatal(problems)
		}
		decided := 0
		for range 300 {
			f := &policy.Flow{
				Client: packet.AddrFrom(randomAddr(rng)), Server: packet.AddrFrom(randomAddr(rng)),
				ServerPort: uint16(rng.IntN(12)), Proto: []uint8{6, 17}[rng.IntN(2)],
			}
			app := []string{"ssl", "dns", "ssh", "unknown-tcp"}[rng.IntN(4)]
			f.App = p.App(app)
			want := oracle(doc, cat, f, app)
			d := p.Evaluate(f)
			if got := d.Rule(); got != want {
				t.Fatalf("seed %d: %v > %v:%d %d %s: %s, want %s", seed, f.Client.Netip(), f.Server.Netip(), f.ServerPort, f.Proto, app, got, want)
			}
			if !strings.HasSuffix(want, "-default") {
				decided++
			}
		}
		if decided == 0 && len(doc.Rules) > 50 {
			t.Errorf("seed %d: no rule ever fitted", seed)
		}
	}
}

func randomAddr(rng *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(rng.IntN(3)), byte(rng.IntN(3)), byte(rng.IntN(3))})
}

func some(rng *rand.Rand, words ...string) (out []string) {
	for range rng.IntN(3) {
		out = append(out, words[rng.IntN(len(words))])
	}
	return out
}

func randomDocument(rng *rand.Rand, rules int) *policy.Document {
	doc := &policy.Document{
		Zones:    []policy.Zone{{Name: "a", Networks: []string{"10.0.0.0/16"}}, {Name: "b", Networks: []string{"10.1.0.0/16"}}},
		Services: []policy.Service{{Name: "few", Protocol: "tcp", Ports: "0-3,9"}, {Name: "mid", Protocol: "udp", Ports: "2-7"}, {Name: "one", Protocol: "tcp", Ports: "5"}},
	}
	nets := []string{"10.0.1.0/24", "10.1.0.0/16", "10.2.2.2", "10.0.0.0/8", "10.1.1.0-10.1.2.1", "0.0.0.0/0"}
	for i := range rules {
		doc.Rules = append(doc.Rules, policy.Rule{
			Name: fmt.Sprint("r", i), Type: []string{"", "universal", "intrazone", "interzone"}[rng.IntN(4)],
			From: some(rng, "a", "b"), Source: some(rng, nets...), NegateSource: rng.IntN(4) == 0,
			Destination: some(rng, nets...), NegateDestination: rng.IntN(4) == 0,
			Service: some(rng, "few", "mid", "one"), Application: some(rng, "ssl", "dns", "ssh"),
			Action: []string{"allow", "deny"}[rng.IntN(2)], Disabled: rng.IntN(6) == 0,
		})
		if r := &doc.Rules[i]; r.Type != "intrazone" {
			r.To = some(rng, "a", "b")
		}
	}
	return doc
}

func oracle(doc *policy.Document, cat *appid.Catalogue, f *policy.Flow, app string) string {
	zone := func(a netip.Addr) string {
		for _, z := range doc.Zones {
			if netip.MustParsePrefix(z.Networks[0]).Contains(a) {
				return z.Name
			}
		}
		return ""
	}
	listed := func(list []string, neg bool, a netip.Addr) bool {
		if len(list) == 0 {
			return true
		}
		for _, s := range list {
			lo, hi, ok := strings.Cut(s, "-")
			switch {
			case ok && !a.Less(netip.MustParseAddr(lo)) && !netip.MustParseAddr(hi).Less(a):
				return !neg
			case strings.Contains(s, "/") && netip.MustParsePrefix(s).Contains(a), s == a.String():
				return !neg
			}
		}
		return neg
	}
	word := func(list []string, w string) bool {
		return len(list) == 0 || strings.Contains(" "+strings.Join(list, " ")+" ", " "+w+" ")
	}
	c, s := f.Client.Netip(), f.Server.Netip()
	zf, zt := zone(c), zone(s)
	svc := func(list []string) bool {
		if len(list) == 0 {
			return true
		}
		for _, n := range list {
			p := f.ServerPort
			if n == "few" && f.Proto == 6 && (p <= 3 || p == 9) || n == "mid" && f.Proto == 17 && p >= 2 && p <= 7 || n == "one" && f.Proto == 6 && p == 5 {
				return true
			}
		}
		return false
	}
	for _, r := range doc.Rules {
		kind := r.Type == "" || r.Type == "universal" || (r.Type == "intrazone") == (zf == zt)
		if !r.Disabled && kind && word(r.From, zf) && word(r.To, zt) && listed(r.Source, r.NegateSource, c) &&
			listed(r.Destination, r.NegateDestination, s) && svc(r.Service) && word(r.Application, app) {
			return r.Name
		}
	}
	if zf == zt {
		return "intrazone-default"
	}
	return "interzone-default"
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{`addresses: [{name: a, network: 10.0.0.0/33}]`, `[addresses 0] address "a": want an address or a network`},
		{`addresses: [{name: a, range: 10.0.0.9-10.0.0.1}]`, `ends before it begins`},
		{`addresses: [{name: a, network: 10.0.0.1}, {name: a, network: 10.0.0.2}]`, `[addresses 1 name] address "a": the name belongs to a address already`},
		{`addresses: [{name: a, network: 10.0.0.1, fqdn: x}]`, `want one of network, range and fqdn, got 2`},
		{`address_groups: [{name: g, members: [h]}, {name: h, members: [g]}]`, `[address_groups 1 members] group "g" is a member of itself, by way of "h"`},
		{`address_groups: [{name: g}]`, `want members or a filter`},
		{`address_groups: [{name: g, filter: "'a' und 'b'"}]`, `want and, or, or the end, got "und"`},
		{`service_groups: [{name: g, members: []}]`, `service group "g" is empty`},
		{`services: [{name: s, protocol: tcp, ports: "70000"}]`, `[services 0 ports] service "s": want a port`},
		{`services: [{name: s, protocol: icmp, ports: "1"}]`, `protocol "icmp"`},
		{`schedules: [{name: s, times: ["someday 08:00-09:00"]}]`, `want a weekday or daily`},
		{`schedules: [{name: s, times: ["monday 18:00-09:00"]}]`, `end before they begin`},
		{`{addresses: [{name: webserver, network: 10.0.0.1}], rules: [{name: r, source: [webservr], action: allow}]}`, `[rules 0 source 0] no address "webservr"`},
		{`rules: [{name: r, from: [nowhere], action: allow}]`, `[rules 0 from 0] no zone "nowhere"`},
		{`rules: [{name: r, action: permit}]`, `[rules 0 action] action "permit"`},
		{`rules: [{name: r, application: [web-brwsing], action: allow}]`, `no application "web-brwsing"`},
		{`rules: [{name: r, action: allow}, {name: r, action: deny}]`, `rule 1 has the name already`},
		{`rules: [{name: r, action: allow, profiles: {vulnerability: strictt}}]`, `no vulnerability profile "strictt"`},
		{`rules: [{name: r, action: allow, log_forwarding: x}]`, `no log forwarding "x"`},
		{`rules: [{name: r, action: allow, schedule: x}]`, `no schedule "x"`},
		{`rules: [{name: r, action: allow, service: [application-default, any]}]`, `application-default beside other services`},
		{`zones: [{name: z, vnis: ["9-1"]}]`, `vni "9-1"`},
		{`assets: [{eni: e}]`, `asset without address and VNI`},
		// Warnings.
		{`addresses: [{name: a, network: 10.0.0.1}]`, `address "a" is not used`},
		{`rules: [{name: r, action: allow}, {name: s, action: deny}]`, `rule "s" is never reached: rule "r" before it`},
		{`rules: [{name: r, action: allow}, {name: s, action: deny}]`, `rule "r" allows everything before other rules`},
		{`rules: [{name: r, source: [10.0.0.0/8], service: [service-http], action: allow}, {name: s, source: [10.1.0.0/16, 10.2.2.2], service: [service-http], action: deny}]`, `rule "s" is never reached`},
		{`rules: [{name: r, url_category: [malware], action: deny}]`, `no URL category "malware" is defined here`},
		{`{log_forwarding: [{name: f}], rules: [{name: r, action: deny, log_forwarding: f}, {name: s, source: [10.0.0.1], action: deny}]}`, `rule "s" forwards no records`},
	} {
		_, problems := policy.Compile(document(t, c.doc), policy.Env{Apps: catalogue(t)})
		found := false
		for _, q := range problems {
			found = found || strings.Contains(fmt.Sprint(q.Path, " ", q.Msg), c.want)
		}
		if !found {
			t.Errorf("%s:\n got %+v\nwant %s", c.doc, problems, c.want)
		}
	}
	_, problems := policy.Compile(document(t, `rules: [{name: r, source: [10.0.0.0/16], action: allow}, {name: s, source: [10.0.0.0/8], action: deny}]`), policy.Env{})
	for _, q := range problems {
		if strings.Contains(q.Msg, "never reached") {
			t.Errorf("a wider rule is not shadowed by a narrower one: %s", q.Msg)
		}
	}
	_, problems = policy.Compile(document(t, `{addresses: [{name: webserver, network: 10.0.0.1}], rules: [{name: r, source: [webservr], action: allow}]}`), policy.Env{})
	if len(problems) == 0 || problems[0].Hint != `did you mean "webserver"?` {
		t.Errorf("no hint: %+v", problems)
	}
}

func TestAssets(t *testing.T) {
	p := compile(t, `
assets:
  - {vni: "7", eni: eni-vni}
  - {address: 10.0.0.0/8, eni: eni-wide, vpc: vpc-a}
  - {address: 10.0.0.1, eni: eni-addr}
  - {vni: 5-6, address: 10.0.0.0/16, eni: eni-both, tags: [edge]}
zones:
  - {name: by-tag, tags: [edge]}
  - {name: by-vni, vnis: ["7"]}
  - {name: by-vpc, vpcs: [vpc-a]}
`, policy.Env{})
	for _, c := range []struct {
		vni             uint32
		has             bool
		addr, eni, zone string
	}{
		{0, false, "10.0.0.1", "eni-addr", ""},
		{5, true, "10.0.0.1", "eni-both", "by-tag"},
		{7, true, "10.9.0.1", "eni-wide", "by-vni"},
		{0, false, "10.9.0.1", "eni-wide", "by-vpc"},
		{7, true, "192.0.2.1", "eni-vni", "by-vni"},
		{8, true, "192.0.2.1", "", ""},
	} {
		a := packet.AddrFrom(netip.MustParseAddr(c.addr))
		eni := ""
		if info := p.Asset(c.vni, c.has, a); info != nil {
			eni = info.ENI
		}
		if zone := p.Zone(a, c.vni, c.has); eni != c.eni || zone != c.zone {
			t.Errorf("VNI %d, %s: %q in %q, want %q in %q", c.vni, c.addr, eni, zone, c.eni, c.zone)
		}
	}
	if p.Judges() {
		t.Error("a policy without rules judges")
	}
}

func TestThreat(t *testing.T) {
	p := compile(t, `
profiles:
  vulnerability:
    - {name: mine, rules: [{name: high, severities: [high], action: reset-server}, {name: rest, action: alert}], exceptions: [{id: 9, action: drop}]}
rules:
  - {name: none, source: [10.0.0.1], action: allow}
  - {name: default, source: [10.0.0.2], action: allow, profiles: {vulnerability: default, spyware: strict}}
  - {name: strict, source: [10.0.0.3], action: allow, profiles: {vulnerability: strict}}
  - {name: alert, source: [10.0.0.4], action: allow, profiles: {vulnerability: alert-only}}
  - {name: mine, source: [10.0.0.5], action: allow, profiles: {vulnerability: mine}}
  - {name: no, source: [10.0.0.6], action: deny, profiles: {vulnerability: strict}}
`, policy.Env{})
	for _, c := range []struct {
		host     int
		severity uint8
		proto    uint8
		threat   policy.Threat
		want     string
	}{
		{1, 4, 6, policy.Threat{Own: "alert"}, "alert"},
		{1, 4, 6, policy.Threat{Own: "would-deny"}, "would-deny"},
		{2, 4, 6, policy.Threat{Own: "would-deny"}, "would-deny"},
		{2, 1, 6, policy.Threat{Own: "would-deny"}, "allow"}, // default leaves out low
		{2, 2, 6, policy.Threat{Own: "alert", Category: "A Network Trojan was detected"}, "would-reset"},
		{3, 2, 6, policy.Threat{Own: "alert"}, "would-reset"},
		{3, 2, 17, policy.Threat{Own: "alert"}, "would-deny"},
		{3, 1, 6, policy.Threat{Own: "alert"}, "alert"},
		{4, 4, 6, policy.Threat{Own: "would-deny"}, "alert"},
		{5, 3, 6, policy.Threat{Own: "alert"}, "would-reset"},
		{5, 2, 6, policy.Threat{Own: "alert"}, "alert"},
		{5, 2, 6, policy.Threat{Own: "alert", ID: 9}, "would-deny"},
		{6, 0, 6, policy.Threat{Own: "alert"}, "would-deny"},
	} {
		f := flow(t, p, fmt.Sprintf("10.0.0.%d:1 > 10.1.0.1:80 tcp web-browsing", c.host))
		d := p.Evaluate(f)
		c.threat.Severity = c.severity
		if got := d.Threat(&c.threat, c.proto); got != c.want {
			t.Errorf("rule %s, severity %d, %+v: %s, want %s", d.Rule(), c.severity, c.threat, got, c.want)
		}
	}
}

func FuzzTagFilter(f *testing.F) {
	f.Add("'web' and ('prod' or not 'test')")
	f.Add("((a")
	f.Fuzz(func(t *testing.T, s string) {
		doc := &policy.Document{
			Addresses:     []policy.Address{{Name: "a", Network: "10.0.0.1", Tags: []string{"web"}}},
			AddressGroups: []policy.AddressGroup{{Name: "g", Filter: s}},
			Schedules:     []policy.Schedule{{Name: "s", Times: []string{s}}},
			Services:      []policy.Service{{Name: "s", Protocol: "tcp", Ports: s}},
			Rules:         []policy.Rule{{Name: "r", Source: []string{"g", s}, Action: "allow", Schedule: "s", URLCategory: []string{s}}},
		}
		if p, problems := policy.Compile(doc, policy.Env{}); p == nil && len(problems) == 0 {
			t.Error("refused without a reason")
		}
	})
}

func TestExternalLists(t *testing.T) {
	doc := document(t, `
external_lists:
  - {name: bad, type: ip, url: "https://lists.example/bad", exceptions: [10.0.0.128/25, 10.0.0.7]}
rules:
  - {name: r, source: [bad], action: drop}
`)
	p, problems := policy.Compile(doc, policy.Env{Lists: func(string) []string { return []string{"10.0.0.0/24", "192.0.2.1-192.0.2.3", "junk"} }})
	if p == nil || !strings.Contains(fmt.Sprint(problems), "1 lines are no addresses") {
		t.Fatal(problems)
	}
	for addr, in := range map[string]bool{"10.0.0.6": true, "10.0.0.7": false, "10.0.0.8": true, "10.0.0.127": true, "10.0.0.128": false, "192.0.2.3": true, "192.0.2.4": false} {
		f := flow(t, p, addr+":1 > 10.1.0.1:80 tcp unknown-tcp")
		if d := p.Evaluate(f); (d.Rule() == "r") != in {
			t.Errorf("%s: %s", addr, d.Rule())
		}
	}
}

// big is a policy of many rules over many objects, each rule of its own.
func big(rules, objects int) *policy.Document {
	doc := &policy.Document{Zones: []policy.Zone{{Name: "in", Networks: []string{"10.0.0.0/8"}}, {Name: "out", Networks: []string{"0.0.0.0/0"}}}}
	for i := range objects {
		doc.Addresses = append(doc.Addresses, policy.Address{Name: fmt.Sprint("a", i), Network: fmt.Sprintf("10.%d.%d.%d/32", i>>14&63, i>>7&127, i&127)})
	}
	for i := range rules / 10 {
		doc.Services = append(doc.Services, policy.Service{Name: fmt.Sprint("s", i), Protocol: "tcp", Ports: fmt.Sprint(1000+i, ",", 30000+i, "-", 30010+i)})
	}
	per := objects / rules
	for i := range rules {
		r := policy.Rule{Name: fmt.Sprint("r", i), From: []string{"in"}, Service: []string{fmt.Sprint("s", i/10)}, Action: "allow"}
		for k := range max(per/2, 1) {
			r.Source = append(r.Source, fmt.Sprint("a", (i*per+k)%objects))
			r.Destination = append(r.Destination, fmt.Sprint("a", (i*per+per/2+k)%objects))
		}
		if i%3 == 0 {
			r.Application = []string{"ssl", "web-browsing"}
		}
		doc.Rules = append(doc.Rules, r)
	}
	return doc
}

func TestAllocation(t *testing.T) {
	p := compile(t, office, policy.Env{Region: func(netip.Addr) string { return "NZ" }})
	f := flow(t, p, "10.0.0.1:1 > 8.8.8.8:443 tcp ssl www.evil.example")
	p.Evaluate(f)
	if n := testing.AllocsPerRun(100, func() { p.Evaluate(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestBig: what compiles in no time stays so. The shadow lint must not be what
// grows with the square of the rules; the bound on it is work, not time.
func TestBig(t *testing.T) {
	doc := big(10_000, 10_000)
	p, problems := policy.Compile(doc, policy.Env{Apps: catalogue(t)})
	if p == nil {
		t.Fatal(problems[0])
	}
	for _, q := range problems {
		if strings.Contains(q.Msg, "too much work") {
			t.Error(q.Msg)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	doc, cat := big(10_000, 10_000), catalogue(b)
	for b.Loop() {
		policy.Compile(doc, policy.Env{Apps: cat})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p, problems := policy.Compile(big(1_000, 10_000), policy.Env{Apps: catalogue(b)})
	if p == nil {
		b.Fatal(problems[0])
	}
	rng := rand.New(rand.NewPCG(1, 2))
	flows := make([]policy.Flow, 1024)
	decided := 0
	for i := range flows {
		r := rng.IntN(1000)
		obj := func(k int) netip.Addr {
			return netip.AddrFrom4([4]byte{10, byte(k >> 14 & 63), byte(k >> 7 & 127), byte(k & 127)})
		}
		flows[i] = policy.Flow{
			Client: packet.AddrFrom(obj(r*10 + rng.IntN(5))), Server: packet.AddrFrom(obj(r*10 + 5 + rng.IntN(5))),
			ClientPort: 40000, ServerPort: uint16(1000 + r/10), Proto: 6, App: p.App("ssl"),
		}
		if i%4 == 0 {
			flows[i].ServerPort = 1
		}
		if d := p.Evaluate(&flows[i]); !strings.HasSuffix(d.Rule(), "default") {
			decided++
		}
	}
	if decided < 500 {
		b.Fatalf("%d of %d flows fit a rule", decided, len(flows))
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		p.Evaluate(&flows[i&1023])
		i++
	}
}
