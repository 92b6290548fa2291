package policy

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"github.com/mirrorwall/mirrorwall/internal/appid"
)

// Env is what a policy needs of the world around it. All of it may be left out;
// what then fits nothing is told.
type Env struct {
	// Apps is the catalogue that rules name applications of.
	Apps *appid.Catalogue
	// Region gives an address its two-letter region, "" when unknown. The packet
	// path calls it: it must be fast and safe for concurrent use.
	Region func(netip.Addr) string
	// Lists returns the entries of an external list, comments taken out.
	Lists func(name string) []string
	// FQDN returns the addresses of a name, as last resolved.
	FQDN func(name string) []netip.Addr
	// Registered are addresses that carry tags for a while.
	Registered map[netip.Addr][]string
}

// maxRules bounds a policy: each set of rules takes a bit for each.
const maxRules = 65536

// Policy is a compiled document; immutable, shared by all workers.
type Policy struct {
	words     int
	rules     []ruleInfo
	judges    bool // there is something to judge by
	intrazone ruleInfo
	interzone ruleInfo

	zones   []string // zones[0] is "": no zone
	zoneNet bart.Table[int32]
	zoneVNI vniTable
	assets  assetTable

	from, to []ruleSet // by zone
	kinds    [2]ruleSet
	addrs    [numSides]*addrTable
	regions  [numSides]map[string]region
	region   func(netip.Addr) string

	ports        portTable // the application known
	pendingPorts portTable // not known yet
	byDefault    ruleSet   // service: application-default
	none         ruleSet
	apps         []appInfo
	appSets      *classes
	appByName    map[string]App
	hosts        *hostNode
	anyHost      ruleSet
}

// ruleInfo is what is left of a rule for judging.
type ruleInfo struct {
	name, action, verdict string
	forward               string
	logEnd                bool
	namesApps             bool // it names applications
	checked               bool // schedule or services hold more than the sets say
	schedule              *schedule
	services              []*service // with source ports; nil: the sets say all
	hits                  *counter
	vulnerability         *profile
	spyware               *profile
}

// compiler is the state of one Compile.
type compiler struct {
	problems
	doc *Document
	env Env
	p   *Policy

	addr, svc, apps, cats *graph
	prefixes              map[int][]netip.Prefix // of nodes of addr
	tagSets               map[string]*tagSet
	regions               map[string]int
	service               map[int]*service
	sourced               bool // a service names source ports
	numApps               int  // nodes of apps that are applications
	hosts                 map[int][]string
	zone                  map[string]int
	zonePath              [][]any
	zoneUsed              map[string]bool
	scheds                map[string]*schedule
	schedUsed             map[string]bool
	profs                 map[string]map[string]*profile
	profileNames          map[string]map[string]bool
	profGroups            map[string]ProfileSet
	forwards              map[string]bool

	live   ruleSet // not disabled
	allows ruleSet
	any    struct{ from, to, src, dst, app, svc, host ruleSet }
	neg    [numSides]ruleSet
	refs   []ruleRefs
}

// ruleRefs are the nodes that a rule names, for the lints.
type ruleRefs struct {
	addr      [numSides][]int
	svc, apps []int
	cats      []int
}

// Compile checks a document and makes it fit to judge flows. The policy is nil
// when a problem is more than a warning. Work and memory grow with the size of
// the document and, by a bit for each rule, with its number of rules.
func Compile(doc *Document, env Env) (*Policy, []Problem) {
	c := &compiler{doc: doc, env: env}
	if len(doc.Rules) > maxRules {
		c.errorf(at("rules"), "groups make few rules of many", "%d rules, want at most %d", len(doc.Rules), maxRules)
		return nil, c.all()
	}
	c.begin()
	c.assets()
	c.zones()
	c.addresses()
	c.services()
	c.applications()
	c.urlCategories()
	c.schedules()
	c.profiles()
	c.forwarding()
	for i := range doc.Rules {
		c.rule(i)
	}
	c.defaults()
	c.others()
	c.tables()
	c.lints()
	if slices.ContainsFunc(c.list, func(p Problem) bool { return !p.Warning }) {
		return nil, c.all()
	}
	return c.p, c.all()
}

func (c *compiler) begin() {
	n := len(c.doc.Rules)
	w := wordsFor(n)
	c.p = &Policy{words: w, rules: make([]ruleInfo, n), zones: []string{""}, region: c.env.Region, appByName: map[string]App{}}
	c.addr, c.svc, c.apps, c.cats = newGraph(), newGraph(), newGraph(), newGraph()
	c.prefixes, c.tagSets, c.regions = map[int][]netip.Prefix{}, map[string]*tagSet{}, map[string]int{}
	c.service, c.hosts = map[int]*service{}, map[int][]string{}
	c.zone, c.zoneUsed, c.forwards = map[string]int{}, map[string]bool{}, map[string]bool{}
	c.refs = make([]ruleRefs, n)
	for _, s := range []*ruleSet{
		&c.live, &c.allows, &c.any.from, &c.any.to, &c.any.src, &c.any.dst, &c.any.app, &c.any.svc, &c.any.host,
		&c.neg[source], &c.neg[destination], &c.p.byDefault, &c.p.none,
	} {
		*s = make(ruleSet, w)
	}
}

func (c *compiler) forwarding() {
	for i, f := range c.doc.LogForwarding {
		if c.forwards[f.Name] || f.Name == "" {
			c.errorf(at("log_forwarding", i, "name"), "each profile has a name of its own", "log forwarding %q: the name is taken or empty", f.Name)
		}
		c.forwards[f.Name] = true
	}
}

// forward checks the name of a log forwarding profile.
func (c *compiler) forward(name string, path []any) {
	if name == "" || c.forwards[name] {
		return
	}
	c.errorf(below(path, "log_forwarding"), c.meant(name, func() []string {
		var out []string
		for n := range c.forwards {
			out = append(out, n)
		}
		return out
	}), "no log forwarding %q", name)
}

// actions are the words of Rule.Action.
func actions() []string {
	return []string{"allow", "deny", "drop", "reset-client", "reset-server", "reset-both"}
}

func (c *compiler) defaults() {
	for _, d := range [...]struct {
		name, key, action string
		in                *DefaultRule
		out               *ruleInfo
	}{
		{"intrazone-default", "intrazone_default", "allow", &c.doc.Intrazone, &c.p.intrazone},
		{"interzone-default", "interzone_default", "deny", &c.doc.Interzone, &c.p.interzone},
	} {
		if d.in.Action != "" {
			d.action = d.in.Action
			c.oneOf(at(d.key, "action"), "action", d.action, actions())
		}
		c.forward(d.in.LogForwarding, at(d.key))
		*d.out = ruleInfo{name: d.name, action: d.action, verdict: verdictOf(d.action, 6), logEnd: d.in.LogEnd, forward: d.in.LogForwarding, hits: &counter{}}
	}
	c.p.judges = len(c.doc.Rules) > 0 || c.doc.Intrazone != (DefaultRule{}) || c.doc.Interzone != (DefaultRule{})
}

// others checks what names objects beside the security rules.
func (c *compiler) others() {
	for i, t := range c.doc.TunnelInspection {
		path := at("tunnel_inspection", i)
		for side, list := range [numSides][]string{t.Source, t.Destination} {
			if isAny(list) {
				continue
			}
			for j, name := range list {
				if n := c.address(name, below(path, [...]string{"source", "destination"}[side], j), true); n >= 0 {
					c.addr.nodes[n].used = true
				}
			}
		}
		for j, v := range t.VNIs {
			if _, ok := parseVNIs(v); !ok {
				c.errorf(below(path, "vnis", j), vniHint, "tunnel inspection %q: vni %q", t.Name, v)
			}
		}
		c.zoneList(t.From, below(path, "from"), func(int) {})
		c.zoneList(t.To, below(path, "to"), func(int) {})
	}
}

// tables makes what Evaluate reads.
func (c *compiler) tables() {
	p := c.p
	for _, g := range []*graph{c.addr, c.svc, c.apps, c.cats} {
		// Names found in rules came after the order was made; they are objects.
		known := len(g.order)
		for i := known; i < len(g.nodes); i++ {
			g.order = append(g.order, i)
		}
		g.spread(p.words)
	}
	for side, any := range [numSides]ruleSet{c.any.src, c.any.dst} {
		p.addrs[side] = c.addrTable(side, any, c.neg[side])
		p.regions[side] = c.regionSets(side, c.neg[side])
	}
	var uses []portUse
	for n, s := range c.service {
		uses = append(uses, portUse{s.proto, s.ports, c.svc.nodes[n].rules[source]})
	}
	p.ports = c.portTable(uses, c.any.svc)
	p.pendingPorts = p.ports
	if defaults := c.defaultUses(p.byDefault, c.any.app); len(defaults) > 0 {
		p.pendingPorts = c.portTable(append(uses, defaults...), c.any.svc)
	}
	c.appClasses(c.any.app)
	for i := 1; i < c.numApps; i++ {
		p.appByName[c.apps.nodes[i].name] = App(i)
	}
	p.hosts, p.anyHost = c.hostTree(), c.any.host
	for z := range p.from {
		p.from[z].join(c.any.from)
		p.to[z].join(c.any.to)
	}
}
