package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/appid"
)

// App is an application as a Policy numbers it; see Policy.App.
type App uint32

// Applications that every policy knows.
const (
	// AppPending: the flow's application is not known yet, and may still be.
	AppPending App = iota
	appIncomplete
	appInsufficient
	appUnknownTCP
	appUnknownUDP
	appNotApplicable
	firstApp
)

// sentinels are the names from appIncomplete on.
func sentinels() []string {
	return []string{appid.Incomplete, appid.InsufficientData, appid.UnknownTCP, appid.UnknownUDP, appid.NotApplicable}
}

// appInfo is what a policy keeps of an application.
type appInfo struct {
	ports [3][]portRange // default ports by protoIndex
	class uint32
	// anywhere: it has no default ports, so that none is a wrong one.
	anywhere bool
}

// isDefault reports whether a flow runs on a default port of its application.
func (a *appInfo) isDefault(proto uint8, port uint16) bool {
	if a.anywhere {
		return true
	}
	i := protoIndex(proto)
	return i >= 0 && inRanges(a.ports[i], port)
}

// defaultPorts reads a catalogue's "tcp/443".
func defaultPorts(a *appid.App) (out appInfo) {
	out.anywhere = len(a.Ports) == 0
	for _, s := range a.Ports {
		t, num, _ := strings.Cut(s, "/")
		proto, ok := protoOf(t)
		rs, err := parsePorts(num)
		if i := protoIndex(proto); ok && err == nil && i >= 0 {
			out.ports[i] = append(out.ports[i], rs...)
		}
	}
	return out
}

// applications reads the name space of applications into c.apps. The leaves
// are the sentinels and the catalogue's, numbered as App, then the filters.
func (c *compiler) applications() {
	c.apps.put("", "\x00pending", nil)
	for _, n := range sentinels() {
		c.apps.put("application", n, nil)
	}
	c.p.apps = make([]appInfo, firstApp)
	if c.env.Apps != nil {
		for _, a := range c.env.Apps.Apps() {
			c.apps.put("application", a.Name, nil)
			c.p.apps = append(c.p.apps, defaultPorts(a))
		}
	}
	c.numApps = len(c.apps.nodes)
	for i, f := range c.doc.ApplicationFilters {
		n := c.apps.add(&c.problems, "application filter", f.Name, at("application_filters", i))
		if n < 0 {
			continue
		}
		c.apps.nodes[n].group = true
		c.apps.nodes[n].members = c.filtered(&f, at("application_filters", i))
	}
	c.groups(c.apps, "application group", "application_groups", c.doc.ApplicationGroups, c.application)
	c.apps.sort(&c.problems)
}

func (c *compiler) application(name string, path []any) int {
	if n, ok := c.apps.byName[name]; ok && n > 0 {
		return n
	}
	hint := c.meant(name, c.apps.names)
	if hint == "" {
		hint = "apps/*.yaml hold the catalogue; an application_filter chooses by category, technology and risk"
	}
	c.errorf(path, hint, "no application %q", name)
	return -1
}

// filtered lists the applications that a filter chooses.
func (c *compiler) filtered(f *ApplicationFilter, path []any) (out []int) {
	for i, r := range f.Risks {
		if r < 1 || r > 5 {
			c.errorf(below(path, "risks", i), "risks go from 1 to 5", "application filter %q: risk %s", f.Name, strconv.Itoa(r))
		}
	}
	if len(f.Tags) > 0 {
		c.warnf(below(path, "tags"), "applications of the catalogue carry no tags", "application filter %q: its tags are not looked at", f.Name)
	}
	if len(f.Categories)+len(f.Subcategories)+len(f.Technologies)+len(f.Risks)+len(f.Tags) == 0 {
		c.errorf(path, "set categories, subcategories, technologies or risks", "application filter %q is empty", f.Name)
		return nil
	}
	if c.env.Apps == nil {
		return nil
	}
	fits := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	for i, a := range c.env.Apps.Apps() {
		if fits(f.Categories, a.Category) && fits(f.Subcategories, a.Subcategory) && fits(f.Technologies, a.Technology) &&
			(len(f.Risks) == 0 || slices.Contains(f.Risks, int(a.Risk))) {
			out = append(out, int(firstApp)+i)
		}
	}
	if len(out) == 0 {
		c.warnf(path, "the words are those of apps/*.yaml", "application filter %q chooses no application", f.Name)
	}
	return out
}

// appClasses builds the sets of rules by application; any are the rules that
// name none. A flow that never showed its application fits a rule that names
// some if the rule allows: an inline firewall would have let it pass that far.
func (c *compiler) appClasses(any ruleSet) {
	cl := newClasses(c.p.words)
	set := make(ruleSet, c.p.words)
	for i := range c.p.apps {
		copy(set, any)
		set.join(orEmpty(c.apps.nodes[i].rules[source], c.p.words))
		switch App(i) {
		case AppPending:
			for w := range set {
				set[w] = ^uint64(0)
			}
		case appIncomplete, appInsufficient:
			set.join(c.allows)
		}
		c.p.apps[i].class = cl.of(set)
	}
	for i := range c.p.apps[:firstApp] {
		c.p.apps[i].anywhere = App(i) == appNotApplicable
	}
	cl.seal()
	c.p.appSets = cl
}

func orEmpty(s ruleSet, words int) ruleSet {
	if s == nil {
		return make(ruleSet, words)
	}
	return s
}

// defaultUses are the default ports that rules with application-default fit,
// as long as the application is not known.
func (c *compiler) defaultUses(byDefault ruleSet, anyApp ruleSet) (out []portUse) {
	for i := int(firstApp); i < len(c.p.apps); i++ {
		a := &c.p.apps[i]
		rules := make(ruleSet, c.p.words)
		empty := true
		for w, s := range orEmpty(c.apps.nodes[i].rules[source], c.p.words) {
			rules[w] = (s | anyApp[w]) & byDefault[w]
			empty = empty && rules[w] == 0
		}
		if empty {
			continue
		}
		for p, proto := range [...]string{"tcp", "udp", "sctp"} {
			number, _ := protoOf(proto)
			ports := a.ports[p]
			if a.anywhere {
				ports = []portRange{{0, 65535}}
			}
			if len(ports) > 0 {
				out = append(out, portUse{number, ports, rules})
			}
		}
	}
	return out
}

// App numbers an application for Flow.App, by its name in the catalogue or a
// sentinel. A name that the policy's catalogue has not is not-applicable.
func (p *Policy) App(name string) App {
	if a, ok := p.appByName[name]; ok {
		return a
	}
	return appNotApplicable
}
