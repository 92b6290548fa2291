package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	const base = `version: 1
sensor: {workers: 2}
policy:
  rules:
    - {name: web, action: allow, application: [ssl, web-browsing]}
    - {name: dns, action: allow}
    - {name: rest, action: deny}
`
	for name, tt := range map[string]struct {
		b    string
		want []Change
	}{
		"written otherwise": {"# a comment\npolicy:\n  rules:\n    - name: \"web\"\n      application: [ ssl, \"web-browsing\" ]\n      action: 'allow'\n" +
			"    - {action: allow, name: dns}\n    - {name: rest, action: deny}\nsensor:\n  workers: 2\nversion: 1\n", nil},
		"values": {"version: 1\nsensor: {workers: \"2\"}\npolicy:\n  rules:\n    - {name: web, action: deny, application: [web-browsing, ssl]}\n    - {name: dns, action: allow}\n    - {name: rest, action: deny}\n",
			[]Change{
				{"sensor.workers", "2", `"2"`},
				{"policy.rules[web].action", "allow", "deny"},
				{"policy.rules[web].application", "[ssl, web-browsing]", "[web-browsing, ssl]"},
			}},
		"items": {"version: 1\npolicy:\n  rules:\n    - {name: rest, action: deny}\n    - {name: web, action: allow, application: [ssl, web-browsing]}\n    - {name: new, action: deny, log_end: false}\n",
			[]Change{
				{"sensor", "{workers: 2}", ""},
				{"policy.rules[dns]", "{name: dns, action: allow}", ""},
				{"policy.rules[new]", "", "{name: new, action: deny, log_end: false}"},
				{"policy.rules", "order web, rest", "order rest, web"},
			}},
		"same name twice": {"version: 1\nsensor: {workers: 2}\npolicy:\n  rules: [{name: web}, {name: web}]\n",
			[]Change{{"policy.rules", "[{name: web, action: allow, application: [ssl, web-browsing]}, {name: dns, action: allow}, {name: rest, action: deny}]", "[{name: web}, {name: web}]"}}},
	} {
		got, err := Diff([]byte(base), []byte(tt.b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
	if _, err := Diff([]byte("version: 1"), nil); err == nil {
		t.Error("an empty document passes")
	}
}

// FuzzDiff: a document never differs from itself, and what is told of a against
// b is told of b against a.
func FuzzDiff(f *testing.F) {
	f.Add([]byte("version: 1\nrespond: [{name: a}, {name: b}]"), []byte("version: 2\nrespond: [{name: b}, {name: a}]"))
	f.Add([]byte("a: [1, 2]"), []byte("a: {b: c}"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, text := range [][]byte{a, b} { // what Diff is promised
			if _, errs, _ := Examine("f", text); len(errs) > 0 {
				return
			}
		}
		if same, err := Diff(a, a); err != nil || len(same) > 0 {
			t.Fatalf("differs from itself: %v, %v", same, err)
		}
		there, err := Diff(a, b)
		back, err2 := Diff(b, a)
		if err != nil || err2 != nil || len(there) != len(back) {
			t.Fatalf("%v, %v\n%v, %v", there, err, back, err2)
		}
	})
}
