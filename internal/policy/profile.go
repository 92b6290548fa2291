package policy

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Verdicts, as records say them.
const (
	VerdictAllow = "allow"
	VerdictAlert = "alert"
	VerdictDeny  = "would-deny"
	VerdictReset = "would-reset"
)

// Threat is an alert as profiles see it; borrowed.
type Threat struct {
	ID       uint32
	Name     string
	Category string // of the signature
	CVEs     []string
	// Severity is on PAN-OS's scale: 0 informational to 4 critical.
	Severity uint8
	// ToServer: the threat travels to the server, which is the host attacked.
	ToServer bool
	// Own is the verdict of the signature's own action, "alert" or worse.
	Own            string
	Client, Server packet.Addr
}

func severityNames() []string {
	return []string{"informational", "low", "medium", "high", "critical"}
}

// profile is a compiled severity profile.
type profile struct {
	rules      []profileRule
	exceptions map[uint32]exception
}

type profileRule struct {
	severities       uint8 // bits
	categories, cves []string
	toServer, toOwn  bool // hosts that it is about: server, client
	threat           string
	action           string
}

type exception struct {
	action string
	addrs  []netip.Prefix // empty: all
}

// actionsOfProfiles are the words of SeverityRule.Action.
func actionsOfProfiles() []string {
	return []string{"default", "allow", "alert", "drop", "reset-client", "reset-server", "reset-both", "block-ip"}
}

// action decides what a threat means; "allow" where no rule speaks of it, which
// is how the predefined default leaves out low and informational.
func (p *profile) action(t *Threat) string {
	if e, ok := p.exceptions[t.ID]; ok && e.covers(t) {
		return e.action
	}
	for i := range p.rules {
		if p.rules[i].fits(t) {
			return p.rules[i].action
		}
	}
	return "allow"
}

func (e *exception) covers(t *Threat) bool {
	if len(e.addrs) == 0 {
		return true
	}
	c, s := ip(t.Client), ip(t.Server)
	return slices.ContainsFunc(e.addrs, func(p netip.Prefix) bool { return p.Contains(c) || p.Contains(s) })
}

func (r *profileRule) fits(t *Threat) bool {
	if r.severities>>t.Severity&1 == 0 || t.ToServer && !r.toServer || !t.ToServer && !r.toOwn {
		return false
	}
	if len(r.categories) > 0 && !slices.ContainsFunc(r.categories, func(c string) bool { return strings.EqualFold(c, t.Category) }) {
		return false
	}
	if len(r.cves) > 0 && !r.names(t.CVEs) {
		return false
	}
	return r.threat == "" || strings.Contains(strings.ToLower(t.Name), r.threat)
}

// names reports whether one of cves is the rule's. Signatures write them with
// underscores: CVE_2021_44228.
func (r *profileRule) names(cves []string) bool {
	for _, have := range cves {
		for _, want := range r.cves {
			if sameCVE(have, want) {
				return true
			}
		}
	}
	return false
}

func sameCVE(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && x|0x20 != y|0x20 && !(strings.IndexByte("-_", x) >= 0 && strings.IndexByte("-_", y) >= 0) {
			return false
		}
	}
	return true
}

// verdictOf turns an action into what an inline firewall would have done. There
// is no reset without TCP.
func verdictOf(action string, proto uint8) string {
	switch action {
	case "allow":
		return VerdictAllow
	case "alert":
		return VerdictAlert
	case "reset-client", "reset-server", "reset-both":
		if proto == packet.ProtoTCP {
			return VerdictReset
		}
	}
	return VerdictDeny
}

// Threat is the verdict of an alert on a flow that d judged. A denied flow's
// alerts carry the flow's verdict: inline, the threat would not have come far.
// On an allowed flow the profile of the rule decides; where it has none, or says
// "default", the signature's own action holds.
func (d *Decision) Threat(t *Threat, proto uint8) string {
	if d.rule == nil {
		return t.Own
	}
	if d.rule.verdict != VerdictAllow {
		return d.Verdict(proto)
	}
	p := d.rule.vulnerability
	if isSpyware(t.Category) {
		p = d.rule.spyware
	}
	if p == nil {
		return t.Own
	}
	if a := p.action(t); a != "default" {
		return verdictOf(a, proto)
	}
	return t.Own
}

// isSpyware tells the classes that a spyware profile speaks for: what malware
// says once it is in. The rest is a vulnerability profile's.
func isSpyware(category string) bool {
	for _, w := range [...]string{"trojan", "malware", "command and control", "spyware", "coin mining", "domain observed"} {
		if containsFold(category, w) {
			return true
		}
	}
	return false
}

// containsFold looks for an ASCII word in lower case, without memory.
func containsFold(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// predefined are the profiles that exist without being written.
func predefined() map[string]*profile {
	rule := func(severities uint8, action string) profileRule {
		return profileRule{severities: severities, toServer: true, toOwn: true, action: action}
	}
	const all, worse, minor = 0b11111, 0b11100, 0b00011
	return map[string]*profile{
		"default":    {rules: []profileRule{rule(worse, "default")}},
		"strict":     {rules: []profileRule{rule(worse, "reset-both"), rule(minor, "default")}},
		"alert-only": {rules: []profileRule{rule(all, "alert")}},
	}
}

// severityProfiles compiles one kind, over the predefined ones.
func (c *compiler) severityProfiles(kind string, list []SeverityProfile) map[string]*profile {
	out := predefined()
	own := map[string]bool{}
	for i, sp := range list {
		path := at("profiles", kind, i)
		if own[sp.Name] || sp.Name == "" {
			c.errorf(below(path, "name"), "each profile of a kind has a name of its own", "%s profile %q: the name is taken or empty", kind, sp.Name)
			continue
		}
		own[sp.Name] = true
		p := &profile{exceptions: map[uint32]exception{}}
		for j := range sp.Rules {
			p.rules = append(p.rules, c.profileRule(&sp.Rules[j], below(path, "rules", j)))
		}
		for j, e := range sp.Exceptions {
			p.exceptions[e.ID] = c.exception(&e, below(path, "exceptions", j))
		}
		out[sp.Name] = p
	}
	return out
}

func (c *compiler) oneOf(path []any, what, got string, words []string) {
	if !slices.Contains(words, got) {
		c.errorf(path, "one of "+strings.Join(words, ", "), "%s %q", what, got)
	}
}

func (c *compiler) profileRule(r *SeverityRule, path []any) profileRule {
	out := profileRule{categories: r.Categories, cves: r.CVEs, threat: strings.ToLower(r.Threat), action: r.Action}
	c.oneOf(below(path, "action"), "action", r.Action, actionsOfProfiles())
	if isAny(r.Categories) {
		out.categories = nil
	}
	if isAny(r.CVEs) {
		out.cves = nil
	}
	if out.threat == "any" {
		out.threat = ""
	}
	switch r.Host {
	case "", "any":
		out.toServer, out.toOwn = true, true
	case "server":
		out.toServer = true
	case "client":
		out.toOwn = true
	default:
		c.errorf(below(path, "host"), "host: is any, client or server", "host %q", r.Host)
	}
	if isAny(r.Severities) {
		out.severities = 0b11111
		return out
	}
	for i, s := range r.Severities {
		n := slices.Index(severityNames(), s)
		if n < 0 {
			c.errorf(below(path, "severities", i), "one of "+strings.Join(severityNames(), ", "), "severity %q", s)
			continue
		}
		out.severities |= 1 << n
	}
	return out
}

func (c *compiler) exception(e *ThreatException, path []any) exception {
	out := exception{action: e.Action}
	c.oneOf(below(path, "action"), "action", e.Action, actionsOfProfiles())
	for i, a := range e.Addresses {
		p, err := parseNetwork(a)
		if err != nil {
			c.errorf(below(path, "addresses", i), "", "exception: %v", err)
			continue
		}
		out.addrs = append(out.addrs, p)
	}
	return out
}

// isAny: nothing, or the word.
func isAny(list []string) bool {
	return len(list) == 0 || len(list) == 1 && strings.EqualFold(list[0], "any")
}

// profiles compiles the profiles and their groups.
func (c *compiler) profiles() {
	p := &c.doc.Profiles
	c.profs = map[string]map[string]*profile{
		"vulnerability": c.severityProfiles("vulnerability", p.Vulnerability),
		"spyware":       c.severityProfiles("spyware", p.Spyware),
		"virus":         c.severityProfiles("virus", p.Virus),
	}
	c.profileNames = map[string]map[string]bool{"url": {"default": true}, "file": {"basic file blocking": true, "strict file blocking": true}, "data": {}}
	for _, x := range p.URL {
		c.profileNames["url"][x.Name] = true
	}
	for _, x := range p.File {
		c.profileNames["file"][x.Name] = true
	}
	for _, x := range p.Data {
		c.profileNames["data"][x.Name] = true
	}
	for kind, m := range c.profs {
		c.profileNames[kind] = map[string]bool{}
		for n := range m {
			c.profileNames[kind][n] = true
		}
	}
	c.profGroups = map[string]ProfileSet{}
	for i, g := range c.doc.ProfileGroups {
		if _, taken := c.profGroups[g.Name]; taken || g.Name == "" {
			c.errorf(at("profile_groups", i, "name"), "each group has a name of its own", "profile group %q: the name is taken or empty", g.Name)
		}
		c.profileSet(&g.ProfileSet, at("profile_groups", i))
		c.profGroups[g.Name] = g.ProfileSet
	}
}

// profileSet checks the names of a set.
func (c *compiler) profileSet(s *ProfileSet, path []any) {
	for _, x := range [...]struct{ kind, name string }{
		{"vulnerability", s.Vulnerability}, {"spyware", s.Spyware}, {"virus", s.Virus},
		{"url", s.URL}, {"file", s.File}, {"data", s.Data},
	} {
		if x.name != "" && !c.profileNames[x.kind][x.name] {
			hint := c.meant(x.name, func() []string {
				var out []string
				for n := range c.profileNames[x.kind] {
					out = append(out, n)
				}
				return out
			})
			c.errorf(below(path, x.kind), hint, "no %s profile %q", x.kind, x.name)
		}
	}
}
