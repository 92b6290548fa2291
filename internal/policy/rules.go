package policy

// rule compiles one security rule into the sets.
func (c *compiler) rule(i int) {
	r := &c.doc.Rules[i]
	path := at("rules", i)
	info := &c.p.rules[i]
	*info = ruleInfo{name: r.Name, action: r.Action, logEnd: r.LogEnd == nil || *r.LogEnd, forward: r.LogForwarding, hits: &counter{}}
	if r.Name == "" {
		c.errorf(path, "name: is what records call it", "rule without a name")
	}
	c.oneOf(below(path, "action"), "action", r.Action, actions())
	info.verdict = verdictOf(r.Action, 6)
	if !r.Disabled {
		c.live.add(i)
	}
	if r.Action == "allow" {
		c.allows.add(i)
	}
	if !isAny(r.SourceUser) {
		c.warnf(below(path, "source_user"), "a mirror shows no users", "rule %q: source_user is not looked at", r.Name)
	}
	c.ruleZones(i, r, path)
	c.ruleAddresses(i, r, path)
	c.ruleServices(i, r, path)
	c.ruleApps(i, r, path)
	c.ruleHosts(i, r, path)
	c.ruleProfiles(r, info, path)
	c.forward(r.LogForwarding, path)
	if r.Schedule != "" {
		info.schedule = c.scheds[r.Schedule]
		info.checked = true
		c.schedUsed[r.Schedule] = true
		if info.schedule == nil {
			c.errorf(below(path, "schedule"), c.meant(r.Schedule, func() []string {
				var out []string
				for n := range c.scheds {
					out = append(out, n)
				}
				return out
			}), "no schedule %q", r.Schedule)
		}
	}
}

func (c *compiler) ruleZones(i int, r *Rule, path []any) {
	p := c.p
	if p.from == nil {
		for range p.zones {
			p.from, p.to = append(p.from, make(ruleSet, p.words)), append(p.to, make(ruleSet, p.words))
		}
		p.kinds = [2]ruleSet{make(ruleSet, p.words), make(ruleSet, p.words)}
	}
	if isAny(r.From) {
		c.any.from.add(i)
	} else {
		c.zoneList(r.From, below(path, "from"), func(z int) { p.from[z].add(i) })
	}
	to := r.To
	if r.Type == "intrazone" && !isAny(to) {
		c.warnf(below(path, "to"), "from: alone says the zone of both ends", "rule %q: to is not looked at in an intrazone rule", r.Name)
		to = nil
	}
	if isAny(to) {
		c.any.to.add(i)
	} else {
		c.zoneList(to, below(path, "to"), func(z int) { p.to[z].add(i) })
	}
	const inter, intra = 0, 1
	switch r.Type {
	case "", "universal":
		p.kinds[inter].add(i)
		p.kinds[intra].add(i)
	case "intrazone":
		p.kinds[intra].add(i)
	case "interzone":
		p.kinds[inter].add(i)
	default:
		c.errorf(below(path, "type"), "type: is universal, intrazone or interzone", "rule %q: type %q", r.Name, r.Type)
	}
}

// zoneList resolves the zones of a list.
func (c *compiler) zoneList(list []string, path []any, f func(int)) {
	if isAny(list) {
		return
	}
	for j, name := range list {
		z := c.zone[name]
		if z == 0 {
			c.errorf(below(path, j), c.meant(name, func() []string { return c.p.zones[1:] }), "no zone %q", name)
			continue
		}
		c.zoneUsed[name] = true
		f(z)
	}
}

func (c *compiler) ruleAddresses(i int, r *Rule, path []any) {
	for side, x := range [numSides]struct {
		key  string
		list []string
		neg  bool
		any  ruleSet
	}{
		{"source", r.Source, r.NegateSource, c.any.src},
		{"destination", r.Destination, r.NegateDestination, c.any.dst},
	} {
		if isAny(x.list) {
			if x.neg {
				c.warnf(below(path, "negate_"+x.key), "negate turns a list of addresses around", "rule %q: there is no %s to negate; negate is not looked at", r.Name, x.key)
			}
			x.any.add(i)
			continue
		}
		if x.neg {
			c.neg[side].add(i)
		}
		for j, name := range x.list {
			if n := c.address(name, below(path, x.key, j), true); n >= 0 {
				c.addr.refer(n, side, i, c.p.words)
				c.refs[i].addr[side] = append(c.refs[i].addr[side], n)
			}
		}
	}
}

func (c *compiler) ruleServices(i int, r *Rule, path []any) {
	if isAny(r.Service) {
		c.any.svc.add(i)
		return
	}
	for j, name := range r.Service {
		if name == "application-default" {
			c.p.byDefault.add(i)
			if len(r.Service) > 1 {
				c.errorf(below(path, "service", j), "application-default stands alone", "rule %q: application-default beside other services", r.Name)
			}
			continue
		}
		n, ok := c.svc.byName[name]
		if !ok {
			c.errorf(below(path, "service", j), c.meant(name, c.svc.names), "no service %q", name)
			continue
		}
		c.svc.refer(n, source, i, c.p.words)
		c.refs[i].svc = append(c.refs[i].svc, n)
		c.sourcePorts(i, n)
	}
}

// sourcePorts has the rule's services looked at one by one where one of them
// names source ports, of which the sets know nothing.
func (c *compiler) sourcePorts(i, n int) {
	if !c.sourced {
		return
	}
	all := c.leaves(n, nil, map[int]bool{})
	info := &c.p.rules[i]
	named := false
	for _, s := range all {
		named = named || s.from != nil
	}
	if !named && info.services == nil {
		return
	}
	info.checked = true
	if info.services == nil {
		for _, earlier := range c.refs[i].svc[:len(c.refs[i].svc)-1] {
			info.services = append(info.services, c.leaves(earlier, nil, map[int]bool{})...)
		}
	}
	info.services = append(info.services, all...)
}

// leaves lists the services of an object or a group.
func (c *compiler) leaves(n int, out []*service, seen map[int]bool) []*service {
	if seen[n] {
		return out
	}
	seen[n] = true
	if s := c.service[n]; s != nil {
		out = append(out, s)
	}
	for _, m := range c.svc.nodes[n].members {
		out = c.leaves(m, out, seen)
	}
	return out
}

func (c *compiler) ruleApps(i int, r *Rule, path []any) {
	if isAny(r.Application) {
		c.any.app.add(i)
		return
	}
	c.p.rules[i].namesApps = true
	for j, name := range r.Application {
		if n := c.application(name, below(path, "application", j)); n >= 0 {
			c.apps.refer(n, source, i, c.p.words)
			c.refs[i].apps = append(c.refs[i].apps, n)
		}
	}
}

func (c *compiler) ruleHosts(i int, r *Rule, path []any) {
	if isAny(r.URLCategory) {
		c.any.host.add(i)
		return
	}
	for j, name := range r.URLCategory {
		n := c.category(name, below(path, "url_category", j))
		c.cats.refer(n, source, i, c.p.words)
		c.refs[i].cats = append(c.refs[i].cats, n)
	}
}

func (c *compiler) ruleProfiles(r *Rule, info *ruleInfo, path []any) {
	set := r.Profiles
	if r.ProfileGroup != "" {
		g, ok := c.profGroups[r.ProfileGroup]
		if !ok {
			c.errorf(below(path, "profile_group"), c.meant(r.ProfileGroup, func() []string {
				var out []string
				for n := range c.profGroups {
					out = append(out, n)
				}
				return out
			}), "no profile group %q", r.ProfileGroup)
		}
		if set != (ProfileSet{}) {
			c.warnf(below(path, "profiles"), "a rule has profiles or a group of them", "rule %q: its profiles are not looked at, its profile_group holds", r.Name)
		}
		set = g
	}
	c.profileSet(&r.Profiles, below(path, "profiles"))
	info.vulnerability = c.profs["vulnerability"][set.Vulnerability]
	info.spyware = c.profs["spyware"][set.Spyware]
}
