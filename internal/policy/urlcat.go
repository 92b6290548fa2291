package policy

import (
	"bytes"
	"strings"
)

// hostNode is a node of the tree of host names, by label from the end.
type hostNode struct {
	next  map[string]*hostNode
	star  *hostNode // "*" as a label inside
	here  ruleSet   // the name itself
	below ruleSet   // "*." in front: one label more, or several
}

// Bounds of a host name and of its search.
const (
	maxLabels    = 32
	maxHostNodes = 256
)

// urlCategories reads custom categories and lists of hosts into c.cats.
func (c *compiler) urlCategories() {
	for i, u := range c.doc.URLCategories {
		path := at("url_categories", i)
		n := c.cats.add(&c.problems, "URL category", u.Name, path)
		if n < 0 {
			continue
		}
		if len(u.List) == 0 {
			c.errorf(path, "list: holds hosts such as example.com and *.example.com", "URL category %q is empty", u.Name)
		}
		c.hosts[n] = c.hostList(u.Name, u.List, path)
	}
	for i, l := range c.doc.ExternalLists {
		if l.Type != "domain" && l.Type != "url" {
			continue
		}
		n := c.cats.add(&c.problems, "external list", l.Name, at("external_lists", i))
		if n >= 0 && c.env.Lists != nil {
			c.hosts[n] = c.hostList(l.Name, c.env.Lists(l.Name), at("external_lists", i))
		}
	}
}

// hostList keeps the hosts of a category. An entry with a path is left out: a
// flow is judged by its host alone.
func (c *compiler) hostList(name string, list []string, path []any) (out []string) {
	paths, bad := 0, 0
	for _, e := range list {
		e = strings.ToLower(strings.TrimSpace(e))
		if _, rest, ok := strings.Cut(e, "://"); ok {
			e = rest
		}
		host, rest, _ := strings.Cut(e, "/")
		switch {
		case strings.Trim(rest, "*") != "":
			paths++
		case host == "" || strings.Count(host, ".") >= maxLabels || strings.ContainsAny(host, " \t^"):
			bad++
		default:
			out = append(out, strings.Trim(host, "."))
		}
	}
	if paths > 0 {
		c.warnf(path, "a flow is judged by its host; name the host alone", "URL category %q: %d entries with a path fit nothing", name, paths)
	}
	if bad > 0 {
		c.warnf(path, "they are left out", "URL category %q: %d entries are no hosts", name, bad)
	}
	return out
}

// category finds a URL category. One that nobody defined fits nothing: the
// vendor's own categories are not here.
func (c *compiler) category(name string, path []any) int {
	if n, ok := c.cats.byName[name]; ok {
		return n
	}
	c.warnf(path, "url_categories: and external lists of domains define categories", "no URL category %q is defined here: the rule doesn't fit by it", name)
	return c.cats.put("URL category", name, nil)
}

// hostTree builds the tree; nil when no rule names a category that has hosts.
func (c *compiler) hostTree() *hostNode {
	root := &hostNode{}
	any := false
	for n, hosts := range c.hosts {
		rules := c.cats.nodes[n].rules[source]
		if rules == nil {
			continue
		}
		for _, h := range hosts {
			any = true
			root.insert(h, rules)
		}
	}
	if !any {
		return nil
	}
	return root
}

func (t *hostNode) insert(host string, rules ruleSet) {
	rest, deep := strings.CutPrefix(host, "*.")
	if host == "*" {
		rest, deep = "", true
	}
	for rest != "" {
		i := strings.LastIndexByte(rest, '.')
		label := rest[i+1:]
		rest = rest[:max(i, 0)]
		t = t.child(label)
	}
	s := &t.here
	if deep {
		s = &t.below
	}
	if *s == nil {
		*s = make(ruleSet, len(rules))
	}
	s.join(rules)
}

func (t *hostNode) child(label string) *hostNode {
	if label == "*" {
		if t.star == nil {
			t.star = &hostNode{}
		}
		return t.star
	}
	n := t.next[label]
	if n == nil {
		if t.next == nil {
			t.next = map[string]*hostNode{}
		}
		n = &hostNode{}
		t.next[label] = n
	}
	return n
}

// find joins to s the rules whose categories hold a host, in lower case. left
// bounds the nodes that are looked at.
func (t *hostNode) find(host []byte, s ruleSet, left *int) {
	for *left--; *left > 0; *left-- {
		if len(host) == 0 {
			if t.here != nil {
				s.join(t.here)
			}
			return
		}
		if t.below != nil {
			s.join(t.below)
		}
		i := bytes.LastIndexByte(host, '.')
		label := host[i+1:]
		host = host[:max(i, 0)]
		if t.star != nil {
			t.star.find(host, s, left)
		}
		next := t.next[string(label)]
		if next == nil {
			return
		}
		t = next
	}
}

// hostRules are the rules that fit a host; scratch is the caller's.
func (p *Policy) hostRules(host []byte, scratch *ruleSet) ruleSet {
	if p.hosts == nil || len(host) == 0 {
		return p.anyHost
	}
	if len(*scratch) != p.words {
		*scratch = make(ruleSet, p.words)
	}
	copy(*scratch, p.anyHost)
	left := maxHostNodes
	p.hosts.find(host, *scratch, &left)
	return *scratch
}
