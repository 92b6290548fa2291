package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

const policyText = `version: 1
policy:
  zones: [{name: web, networks: [10.1.0.0/16]}]
  addresses:
    - {name: db, network: 10.2.0.5}
    - {name: unused, network: 10.2.0.6}
  profile_groups: [{name: g, vulnerability: strict}]
  log_forwarding:
    - name: siem
      match:
        - {name: a, log: threat, filter: ( severity geq high )}
        - {name: b, log: wildfire, filter: ( whatever eq x )}
        - {name: c, log: traffic, filter: All Logs}
  rules:
    - {name: r1, from: [web], destination: [db], action: allow, log_end: false, log_forwarding: siem}
    - {name: r2, destination: [bd], action: deny}
`

// TestPolicyPlaces: what Compile says of the policy is told where it stands, and
// warnings do not make it wrong.
func TestPolicyPlaces(t *testing.T) {
	check := CheckPolicy(policy.Env{})
	_, errs, _ := Examine("f.yaml", []byte(policyText), check)
	want := `f.yaml:16:32: policy: no address "bd": no object, group, region or list has the name, and it is no address itself
	    - {name: r2, destination: [bd], action: deny}
	                               ^`
	if got, _, _ := strings.Cut(errs.Error(), "\n\thint:"); got != want || len(errs) != 1 {
		t.Errorf("got:\n%s\nwant:\n%s", errs.Error(), want)
	}
	c, errs, warnings := Examine("f.yaml", []byte(strings.Replace(policyText, "[bd]", "[db]", 1)), check)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if r := c.Policy.Rules[0]; r.LogEnd == nil || *r.LogEnd || c.Policy.ProfileGroups[0].Vulnerability != "strict" {
		t.Errorf("decoded %+v", c.Policy)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.Error())
	}
	for _, part := range []string{`f.yaml:6:`, "f.yaml:12:26: policy: log forwarding \"siem\": b: no record of a flow comes in log wildfire"} {
		if !slices.ContainsFunc(got, func(w string) bool { return strings.HasPrefix(w, part) }) {
			t.Errorf("no warning %s in %q", part, got)
		}
	}
}

// TestPolicyStrict: keys and values of the policy are held to their types, at any
// depth, and what follows from a wrong one is not told.
func TestPolicyStrict(t *testing.T) {
	_, errs, _ := Examine("f.yaml", []byte(`version: 1
policy:
  profile_groups: [{name: g, vulnerabilty: strict}]
  profiles:
    url: [{name: u, actions: {block: gambling}}]
  http_servers:
    - name: h
      servers: []
      formats: {threat: {headers: {Authorization: [s3cr3t]}}}
  external_lists: [{name: l, type: ip, url: [s3cr3t]}]
  log_forwarding: [{name: f, match: [{name: m, log: thread, filter: ( severity gek high )}]}]
  rules:
    - {name: r, destination: nowhere, action: allow}
`), CheckPolicy(policy.Env{}))
	var got []string
	for _, e := range errs {
		got = append(got, e.Error())
	}
	want := []string{
		`f.yaml:3:30: unknown key "vulnerabilty"`,
		`f.yaml:5:38: want a list, one item a line after a dash, got "gambling"`,
		`f.yaml:9:51: want text, got a list`,
		`f.yaml:10:45: want text, got a list`,
		`f.yaml:11:53: policy: log forwarding "f": m: log: want one of dns, file, system, threat, tls, traffic, url, got "thread"`,
		`f.yaml:11:80: policy: log forwarding "f": m: filter: want an operator, got "gek"`,
		`f.yaml:13:30: want a list, one item a line after a dash, got "nowhere"`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if strings.Contains(errs.Error(), "s3cr3t") {
		t.Errorf("a secret is shown:\n%v", errs)
	}
}

// TestReservedHints: what stands in the policy is not looked for elsewhere.
func TestReservedHints(t *testing.T) {
	_, errs, _ := Examine("f.yaml", []byte("version: 1\naddresses: []\nusers: []\n"))
	for i, want := range []string{"write policy: with addresses: below it", "the console keeps them"} {
		if i >= len(errs) || !strings.Contains(errs[i].Hint, want) {
			t.Errorf("no hint %q in %v", want, errs)
		}
	}
}
