package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/respond"
	"github.com/mirrorwall/mirrorwall/internal/respond/webhook"
)

// forwardProblem is a match list of a log forwarding profile that sends nothing.
type forwardProblem struct {
	profile, match int // in the document
	err            error
}

// forwardLists makes the match lists of the policy: records of rules that name a
// log forwarding profile go to the HTTP servers of its match lists. What can't be
// used is left out and told; the rest works.
func forwardLists(doc *policy.Document) (out []*respond.MatchList, problems []forwardProblem) {
	rules := rulesByForwarding(doc)
	servers := map[string]*policy.HTTPServer{}
	for i := range doc.HTTPServers {
		servers[doc.HTTPServers[i].Name] = &doc.HTTPServers[i]
	}
	for i := range doc.LogForwarding {
		f := &doc.LogForwarding[i]
		for j := range f.Match {
			m := &f.Match[j]
			if rules[f.Name] == nil || !slices.Contains(record.Logs(), m.Log) {
				continue // no rule sends there, or no record comes
			}
			for _, name := range m.HTTP {
				l, err := forwardList(f.Name, m, servers[name], rules[f.Name])
				if err != nil {
					problems = append(problems, forwardProblem{i, j, fmt.Errorf("log forwarding %q: %s: HTTP server %q: %w", f.Name, m.Name, name, err)})
					continue
				}
				out = append(out, l)
			}
		}
	}
	return out, problems
}

// rulesByForwarding are the names of rules by the profile that they name.
func rulesByForwarding(doc *policy.Document) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	add := func(profile, rule string) {
		if profile == "" {
			return
		}
		if out[profile] == nil {
			out[profile] = map[string]bool{}
		}
		out[profile][rule] = true
	}
	for i := range doc.Rules {
		if r := &doc.Rules[i]; !r.Disabled {
			add(r.LogForwarding, r.Name)
		}
	}
	add(doc.Intrazone.LogForwarding, "intrazone-default")
	add(doc.Interzone.LogForwarding, "interzone-default")
	return out
}

func forwardList(profile string, m *policy.LogMatch, h *policy.HTTPServer, rules map[string]bool) (*respond.MatchList, error) {
	if h == nil {
		return nil, fmt.Errorf("there is none of that name")
	}
	l := &respond.MatchList{Name: forwardName(profile, m.Name, h.Name), Log: m.Log, Accept: func(e *record.Entry) bool { return rules[e.Rule] }}
	var err error
	if m.Filter != "" && m.Filter != allLogs {
		if l.Filter, err = filter.Parse(m.Filter); err != nil {
			return nil, err
		}
	}
	if l.Action, err = webhook.NewProfile(h, m.Log); err != nil {
		return nil, err
	}
	return l, nil
}

// allLogs is PAN-OS's filter that every record passes.
const allLogs = "All Logs"

// forwardName names a list's cursor and its dead letters: it stays the same as
// long as the three do.
func forwardName(parts ...string) string {
	text := "policy-" + strings.Join(parts, "-")
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, text)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return word[:min(len(word), 40)] + "-" + hex.EncodeToString(sum[:4])
}

// checkForwarding tells what of log forwarding sends nothing.
func checkForwarding(c *config.Config, k *config.Checker) {
	_, problems := forwardLists(&c.Policy)
	for _, p := range problems {
		k.Warn(config.At("policy", "log_forwarding", p.profile, "match", p.match), "what it would send is not sent; a list of respond: can", "policy: %v", p.err)
	}
}

// forwardsDiffer reports whether two configurations forward records differently.
func forwardsDiffer(a, b []byte) bool {
	x, errX := config.Parse("a", a)
	y, errY := config.Parse("b", b)
	if errX != nil || errY != nil {
		return true
	}
	p, q := &x.Policy, &y.Policy
	return !reflect.DeepEqual(p.HTTPServers, q.HTTPServers) || !reflect.DeepEqual(p.LogForwarding, q.LogForwarding) ||
		!reflect.DeepEqual(rulesByForwarding(p), rulesByForwarding(q))
}
