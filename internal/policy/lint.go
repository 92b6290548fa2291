package policy

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
)

// shadowBudget bounds the work of looking for rules that are never reached: set
// operations and comparisons. 10,000 rules take some four million.
const shadowBudget = 40_000_000

// shadowTries is how many earlier rules are compared with one rule.
const shadowTries = 4

// lints warns of what is no error and hardly meant.
func (c *compiler) lints() {
	c.duplicateRules()
	c.addr.unused(&c.problems)
	c.svc.unused(&c.problems)
	c.apps.unused(&c.problems)
	c.cats.unused(&c.problems)
	for i, s := range c.doc.Schedules {
		if !c.schedUsed[s.Name] {
			c.warnf(at("schedules", i), "delete it, or name it in a rule", "schedule %q is not used", s.Name)
		}
	}
	c.forwardLint()
	c.startLint()
	c.openLint()
	if !slices.ContainsFunc(c.list, func(p Problem) bool { return !p.Warning }) {
		c.shadowLint()
	}
}

func (c *compiler) duplicateRules() {
	first := map[string]int{}
	for i, r := range c.doc.Rules {
		if j, taken := first[r.Name]; taken && r.Name != "" {
			c.errorf(at("rules", i, "name"), "records name the rule: each has a name of its own", "rule %q: rule %d has the name already", r.Name, j+1)
			continue
		}
		first[r.Name] = i
	}
}

// startLint tells that log_start is kept and changes nothing: once, for an
// imported policy may have it everywhere.
func (c *compiler) startLint() {
	first, n := -1, 0
	for i := range c.doc.Rules {
		if c.doc.Rules[i].LogStart && !c.doc.Rules[i].Disabled {
			if n++; first < 0 {
				first = i
			}
		}
	}
	if n > 0 {
		c.warnf(at("rules", first, "log_start"), "sensor: flow_interval: writes a record while a flow lasts",
			"log_start of %d rules has no effect: a record is written when a flow ends", n)
	}
}

// forwardLint tells of rules whose records go nowhere.
func (c *compiler) forwardLint() {
	var without []int
	with := 0
	for i, r := range c.doc.Rules {
		switch {
		case r.Disabled:
		case r.LogForwarding == "":
			without = append(without, i)
		default:
			with++
		}
	}
	switch {
	case len(without) == 0:
	case with == 0:
		c.warnf(at("rules"), "log_forwarding: of a rule names a profile of log_forwarding:", "no rule forwards its records: nothing leaves this machine by the policy")
	default:
		for _, i := range without {
			c.warnf(at("rules", i), "log_forwarding: names the profile", "rule %q forwards no records, others do", c.doc.Rules[i].Name)
		}
	}
}

// openLint tells of a rule that allows everything before others.
func (c *compiler) openLint() {
	for i := range c.doc.Rules {
		r := &c.doc.Rules[i]
		if r.Disabled || r.Action != "allow" || r.Schedule != "" || r.Type == "intrazone" || r.Type == "interzone" || !c.anyAll(i) {
			continue
		}
		for j := i + 1; j < len(c.doc.Rules); j++ {
			if !c.doc.Rules[j].Disabled {
				c.warnf(at("rules", i), "move it to the end, or name what it is for", "rule %q allows everything before other rules", r.Name)
				return
			}
		}
	}
}

func (c *compiler) anyAll(i int) bool {
	for _, s := range []ruleSet{c.any.from, c.any.to, c.any.src, c.any.dst, c.any.app, c.any.svc, c.any.host} {
		if !s.has(i) {
			return false
		}
	}
	return true
}

// shadowLint warns of rules that are never reached since one earlier rule takes
// all that they would. Rules that only several others cover together are not
// found.
func (c *compiler) shadowLint() {
	left := shadowBudget
	may := make(ruleSet, c.p.words)
	for j := range c.doc.Rules {
		if !c.live.has(j) {
			continue
		}
		if left <= 0 {
			c.warnf(at("rules", j), "rules before it were looked at", "the search for rules that are never reached ended here: too much work")
			return
		}
		c.candidates(j, may, &left)
		tries := 0
		for i := first(may); i >= 0 && tries < shadowTries; i = first(may) {
			may.remove(i)
			tries++
			if c.covers(i, j, &left) {
				c.warnf(at("rules", j), fmt.Sprintf("delete it, or move it before rule %q", c.doc.Rules[i].Name),
					"rule %q is never reached: rule %q before it takes all that it would", c.doc.Rules[j].Name, c.doc.Rules[i].Name)
				break
			}
		}
	}
}

func first(s ruleSet) int {
	for i, w := range s {
		if w != 0 {
			return i<<6 | bits.TrailingZeros64(w)
		}
	}
	return -1
}

// candidates fills may with the rules before j that fit a flow of rule j's.
func (c *compiler) candidates(j int, may ruleSet, left *int) {
	p := c.p
	copy(may, c.live)
	narrow := func(s ruleSet) {
		*left -= len(s)
		for w := range may {
			may[w] &= s[w]
		}
	}
	for side := range numSides {
		any := [numSides]ruleSet{c.any.src, c.any.dst}[side]
		if a, ok := c.witness(j, side); ok {
			narrow(p.addrs[side].of(a))
		} else {
			narrow(union(any, c.neg[side]))
		}
	}
	zoneSet := func(any ruleSet, sets []ruleSet) {
		for z := 1; z < len(sets); z++ {
			if !any.has(j) && sets[z].has(j) {
				narrow(sets[z])
				return
			}
		}
		narrow(any)
	}
	zoneSet(c.any.from, p.from)
	zoneSet(c.any.to, p.to)
	for k := range p.kinds {
		if p.kinds[k].has(j) {
			narrow(p.kinds[k])
		}
	}
	switch {
	case p.byDefault.has(j):
		narrow(union(c.any.svc, p.byDefault))
	case c.any.svc.has(j):
		narrow(c.any.svc)
	}
	if c.any.app.has(j) {
		narrow(c.any.app)
	}
	if c.any.host.has(j) {
		narrow(c.any.host)
	}
	for w := range may {
		switch {
		case w > j>>6:
			may[w] = 0
		case w == j>>6:
			may[w] &= 1<<(j&63) - 1
		}
	}
}

func union(a, b ruleSet) ruleSet {
	out := slices.Clone(a)
	out.join(b)
	return out
}

// witness returns an address that rule j names on one side.
func (c *compiler) witness(j, side int) (netip.Addr, bool) {
	if c.neg[side].has(j) {
		return netip.Addr{}, false
	}
	for _, n := range c.refs[j].addr[side] {
		for range 16 { // groups in groups
			if ps := c.prefixes[n]; len(ps) > 0 {
				return ps[0].Addr(), true
			}
			if len(c.addr.nodes[n].members) == 0 {
				break
			}
			n = c.addr.nodes[n].members[0]
		}
	}
	return netip.Addr{}, false
}

// covers reports whether rule i takes every flow that rule j would.
func (c *compiler) covers(i, j int, left *int) bool {
	a, b := &c.p.rules[i], &c.p.rules[j]
	if a.checked && (a.schedule != nil && a.schedule != b.schedule || a.services != nil) {
		return false
	}
	for k := range c.p.kinds {
		if c.p.kinds[k].has(j) && !c.p.kinds[k].has(i) {
			return false
		}
	}
	return c.coversZones(i, j) && c.coversSide(i, j, source, c.any.src, left) && c.coversSide(i, j, destination, c.any.dst, left) &&
		c.coversService(i, j, left) && coversNodes(c.apps, c.any.app, c.refs[j].apps, i, j, left) &&
		coversNodes(c.cats, c.any.host, c.refs[j].cats, i, j, left)
}

func (c *compiler) coversZones(i, j int) bool {
	for _, x := range [...]struct {
		any  ruleSet
		sets []ruleSet
	}{{c.any.from, c.p.from}, {c.any.to, c.p.to}} {
		if x.any.has(i) {
			continue
		}
		if x.any.has(j) {
			return false
		}
		for _, s := range x.sets {
			if s.has(j) && !s.has(i) {
				return false
			}
		}
	}
	return true
}

// coversSide: each network of j must be in one of i's.
func (c *compiler) coversSide(i, j, side int, any ruleSet, left *int) bool {
	if any.has(i) {
		return true
	}
	if any.has(j) || c.neg[side].has(j) || c.neg[side].has(i) {
		return false
	}
	var inside func(n int) bool
	inside = func(n int) bool {
		if *left--; *left <= 0 {
			return false
		}
		if s := c.addr.nodes[n].rules[side]; s != nil && s.has(i) {
			return true
		}
		ps, members := c.prefixes[n], c.addr.nodes[n].members
		if len(ps)+len(members) == 0 {
			return false // a region, or nothing known of it
		}
		for _, p := range ps {
			*left--
			// A network's rules are in the class of every narrower one.
			w, ok := c.p.addrs[side].table.LookupPrefix(p)
			if !ok || !c.p.addrs[side].classes.at(w).has(i) {
				return false
			}
		}
		return !slices.ContainsFunc(members, func(m int) bool { return !inside(m) })
	}
	return !slices.ContainsFunc(c.refs[j].addr[side], func(n int) bool { return !inside(n) })
}

func (c *compiler) coversService(i, j int, left *int) bool {
	if c.any.svc.has(i) {
		return true
	}
	if c.any.svc.has(j) {
		return false
	}
	if c.p.byDefault.has(i) || c.p.byDefault.has(j) {
		return c.p.byDefault.has(i) && c.p.byDefault.has(j)
	}
	for _, n := range c.refs[j].svc {
		if c.svc.nodes[n].rules[source].has(i) {
			continue
		}
		*left -= len(c.svc.nodes[n].members)
		for _, s := range c.leaves(n, nil, map[int]bool{}) {
			for _, r := range s.ports {
				*left -= int(r.last-r.first) + 1
				if *left <= 0 {
					return false
				}
				for port := int(r.first); port <= int(r.last); port++ {
					if !c.p.ports.of(s.proto, uint16(port)).has(i) {
						return false
					}
				}
			}
		}
	}
	return true
}

// coversNodes: each application or category of j must be i's as well.
func coversNodes(g *graph, any ruleSet, refs []int, i, j int, left *int) bool {
	if any.has(i) {
		return true
	}
	if any.has(j) {
		return false
	}
	var inside func(n int) bool
	inside = func(n int) bool {
		if *left--; *left <= 0 {
			return false
		}
		if s := g.nodes[n].rules[source]; s != nil && s.has(i) {
			return true
		}
		return len(g.nodes[n].members) > 0 && !slices.ContainsFunc(g.nodes[n].members, func(m int) bool { return !inside(m) })
	}
	return !slices.ContainsFunc(refs, func(n int) bool { return !inside(n) })
}
