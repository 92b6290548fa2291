package policy

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// addrTable finds the class of an address: the rules that name it on one side.
type addrTable struct {
	table   bart.Table[uint32]
	classes *classes
}

// of returns the rules of an address; those that name none at all where no
// network fits.
func (t *addrTable) of(a netip.Addr) ruleSet {
	id, _ := t.table.Lookup(a)
	return t.classes.at(id)
}

// addresses reads the objects of the name space of addresses into c.addr.
func (c *compiler) addresses() {
	for i, a := range c.doc.Addresses {
		path := at("addresses", i)
		n := c.addr.add(&c.problems, "address", a.Name, path)
		if n < 0 {
			continue
		}
		ps, err := c.addressOf(&a, path)
		if err != nil {
			c.errorf(path, "network: takes 10.0.0.0/8 or 192.0.2.1, range: 10.0.0.1-10.0.0.9, fqdn: a name", "address %q: %v", a.Name, err)
		}
		c.prefixes[n] = ps
		if len(a.Tags) > 0 {
			c.tagged(n, a.Tags)
		}
	}
	for i, l := range c.doc.ExternalLists {
		path := at("external_lists", i)
		if !slices.Contains([]string{"ip", "domain", "url"}, l.Type) {
			c.errorf(below(path, "type"), "type: is ip, domain or url", "external list %q: type %q", l.Name, l.Type)
		}
		if l.Type != "ip" {
			continue // a URL category
		}
		if n := c.addr.add(&c.problems, "external list", l.Name, path); n >= 0 {
			c.prefixes[n] = c.listNetworks(&l, path)
		}
	}
	for i, a := range slices.SortedFunc(maps.Keys(c.env.Registered), netip.Addr.Compare) {
		n := c.addr.put("registered address", fmt.Sprintf("\x00registered %d", i), nil)
		c.prefixes[n] = []netip.Prefix{netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())}
		c.tagged(n, c.env.Registered[a])
	}
	c.addressGroups()
	c.addr.sort(&c.problems)
}

// tagged files an object under its set of tags: conditions are asked of each
// set once.
func (c *compiler) tagged(n int, tags []string) {
	tags = slices.Compact(slices.Sorted(slices.Values(tags)))
	key := strings.Join(tags, "\x00")
	s := c.tagSets[key]
	if s == nil {
		s = &tagSet{tags: tags}
		c.tagSets[key] = s
	}
	s.nodes = append(s.nodes, n)
}

// tagSet is the addresses that carry exactly these tags.
type tagSet struct {
	tags  []string
	nodes []int
}

func (c *compiler) addressOf(a *Address, path []any) ([]netip.Prefix, error) {
	kinds := 0
	for _, s := range [...]string{a.Network, a.Range, a.FQDN} {
		if s != "" {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return nil, fmt.Errorf("want one of network, range and fqdn, got %d", kinds)
	case a.Network != "":
		p, err := parseNetwork(a.Network)
		if err != nil {
			return nil, err
		}
		return []netip.Prefix{p}, nil
	case a.Range != "":
		return parseRange(a.Range)
	}
	var out []netip.Prefix
	if c.env.FQDN != nil {
		for _, ip := range c.env.FQDN(a.FQDN) {
			out = append(out, netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
		}
	}
	if len(out) == 0 {
		c.warnf(below(path, "fqdn"), "rules that name it don't fit until its addresses are known", "address %q: no address of %s is known", a.Name, a.FQDN)
	}
	return out, nil
}

// listNetworks reads what is known of an external list; lines that are no
// networks are counted, not refused: the list is not the owner's.
func (c *compiler) listNetworks(l *ExternalList, path []any) []netip.Prefix {
	if c.env.Lists == nil {
		return nil
	}
	var out []netip.Prefix
	bad := 0
	for _, line := range c.env.Lists(l.Name) {
		ps, err := parseRange(line)
		if err != nil {
			p, err := parseNetwork(line)
			if err != nil {
				bad++
				continue
			}
			ps = []netip.Prefix{p}
		}
		out = append(out, ps...)
	}
	if bad > 0 {
		c.warnf(path, "they are left out", "external list %q: %d lines are no addresses", l.Name, bad)
	}
	return c.except(l, path, out)
}

// maxExceptions bounds the holes of one list.
const maxExceptions = 1000

func (c *compiler) except(l *ExternalList, path []any, all []netip.Prefix) []netip.Prefix {
	if len(l.Exceptions) > maxExceptions {
		c.errorf(below(path, "exceptions"), "take them out of the list itself", "external list %q: %d exceptions, want at most %d", l.Name, len(l.Exceptions), maxExceptions)
		return all
	}
	for i, e := range l.Exceptions {
		hole, err := parseNetwork(e)
		if err != nil {
			c.errorf(below(path, "exceptions", i), "", "external list %q: %v", l.Name, err)
			continue
		}
		var next []netip.Prefix
		for _, p := range all {
			next = append(next, without(p, hole)...)
		}
		all = next
	}
	return all
}

func (c *compiler) addressGroups() {
	first := len(c.addr.nodes)
	for i, g := range c.doc.AddressGroups {
		path := at("address_groups", i)
		n := c.addr.add(&c.problems, "address group", g.Name, path)
		if n < 0 {
			continue
		}
		c.addr.nodes[n].group = true
		if (len(g.Members) > 0) == (g.Filter != "") {
			c.errorf(path, "members: lists addresses, filter: chooses them by tag", "address group %q: want members or a filter, and one of the two", g.Name)
		}
	}
	if first == len(c.addr.nodes) {
		return
	}
	for i, g := range c.doc.AddressGroups {
		n, ok := c.addr.byName[g.Name]
		if !ok || n < first || !slices.Equal(c.addr.nodes[n].path, at("address_groups", i)) {
			continue
		}
		for j, m := range g.Members {
			if k := c.address(m, at("address_groups", i, "members", j), false); k >= 0 {
				c.addr.nodes[n].members = append(c.addr.nodes[n].members, k)
			}
		}
		if g.Filter != "" {
			c.filterMembers(n, g.Filter, at("address_groups", i, "filter"))
		}
	}
}

func (c *compiler) filterMembers(n int, filter string, path []any) {
	e, err := parseTagFilter(filter)
	if err != nil {
		c.errorf(path, "a filter looks like 'web' and ('prod' or 'test')", "address group %q: %v", c.addr.nodes[n].name, err)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(c.tagSets)) {
		if s := c.tagSets[key]; e.holds(s.tags) {
			c.addr.nodes[n].members = append(c.addr.nodes[n].members, s.nodes...)
		}
	}
}

// address finds what a rule or a group calls an address: an object, a region
// (rules alone), or an address as it is. -1: told and left out.
func (c *compiler) address(name string, path []any, region bool) int {
	if n, ok := c.addr.byName[name]; ok {
		return n
	}
	if region && isRegion(name) {
		if c.env.Region == nil {
			c.warnf(path, "region_file: names a database in MaxMind's format", "region %s: there is no database of regions, the rule doesn't fit by it", name)
		}
		n := c.addr.put("region", name, nil)
		c.regions[name] = n
		return n
	}
	ps, err := parseRange(name)
	if err != nil {
		var p netip.Prefix
		if p, err = parseNetwork(name); err == nil {
			ps = []netip.Prefix{p}
		}
	}
	if err != nil {
		what := "address"
		if strings.Contains(name, "/") {
			what = "network"
		}
		c.errorf(path, c.meant(name, c.addr.names), "no %s %q: no object, group, region or list has the name, and it is no address itself", what, name)
		return -1
	}
	n := c.addr.put("address", name, nil)
	c.prefixes[n] = ps
	return n
}

// isRegion: ISO 3166's two letters.
func isRegion(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// addrTable builds the table of one side: any are the rules that name no
// address there, neg those that mean all but what they name. The graph must be
// spread.
func (c *compiler) addrTable(side int, any, neg ruleSet) *addrTable {
	own := map[netip.Prefix][]int{}
	for i := range c.addr.nodes {
		if c.addr.nodes[i].rules[side] == nil {
			continue
		}
		for _, p := range c.prefixes[i] {
			own[p] = append(own[p], i)
		}
	}
	// The widest go first, so that each finds its next wider one complete.
	order := slices.SortedFunc(maps.Keys(own), func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(a.Bits(), b.Bits()), a.Addr().Compare(b.Addr()))
	})
	t := &addrTable{classes: newClasses(c.p.words)}
	set := make(ruleSet, c.p.words)
	t.classes.of(set) // class 0: named by none
	for _, p := range order {
		wider, _ := t.table.LookupPrefix(p)
		copy(set, t.classes.at(wider))
		for _, n := range own[p] {
			set.join(c.addr.nodes[n].rules[side])
		}
		t.table.Insert(p, t.classes.of(set))
	}
	for i := range t.classes.all {
		w := i % c.p.words
		t.classes.all[i] = ((t.classes.all[i] ^ neg[w]) | any[w]) & c.live[w]
	}
	t.classes.seal()
	return t
}

// region is what a region's name does to the class of an address in it.
type region struct{ set, clear ruleSet }

// regionSets makes the sets of one side. A rule that means all but a region
// loses its bit there.
func (c *compiler) regionSets(side int, neg ruleSet) map[string]region {
	if c.env.Region == nil {
		return nil
	}
	var out map[string]region
	for name, n := range c.regions {
		s := c.addr.nodes[n].rules[side]
		if s == nil {
			continue
		}
		r := region{make(ruleSet, c.p.words), make(ruleSet, c.p.words)}
		for i, w := range s {
			r.set[i], r.clear[i] = w&^neg[i]&c.live[i], w&neg[i]
		}
		if out == nil {
			out = map[string]region{}
		}
		out[name] = r
	}
	return out
}

// class is the rules of an address on one side, its region included; scratch is
// the caller's.
func (p *Policy) class(side int, a netip.Addr, scratch *ruleSet) ruleSet {
	s := p.addrs[side].of(a)
	if p.regions[side] == nil {
		return s
	}
	r, ok := p.regions[side][p.region(a)]
	if !ok {
		return s
	}
	if len(*scratch) != len(s) {
		*scratch = make(ruleSet, len(s))
	}
	for i, w := range s {
		(*scratch)[i] = (w | r.set[i]) &^ r.clear[i]
	}
	return *scratch
}

// ip is short for the address that tables know.
func ip(a packet.Addr) netip.Addr { return a.Netip() }
