package policy

// sides of a flow, as rules name them.
const (
	source = iota
	destination
	numSides
)

// node is an object of a name space, or a group of them.
type node struct {
	name    string
	what    string // "address", "service group" …
	path    []any
	members []int
	group   bool
	used    bool
	state   uint8 // of the search for cycles
	rules   [numSides]ruleSet
}

// graph is one name space: objects, and groups that join them.
type graph struct {
	nodes  []node
	byName map[string]int
	order  []int // every group before its members
}

func newGraph() *graph { return &graph{byName: map[string]int{}} }

// add files an object under its name. A second one of the name is told and left
// out; the result is -1 then.
func (g *graph) add(pr *problems, what, name string, path []any) int {
	if name == "" {
		pr.errorf(path, "name: is what rules and groups call it", "%s without a name", what)
		return -1
	}
	if first, taken := g.byName[name]; taken {
		pr.errorf(below(path, "name"), "names are unique among objects of this kind and their groups",
			"%s %q: the name belongs to a %s already", what, name, g.nodes[first].what)
		return -1
	}
	return g.put(what, name, path)
}

func (g *graph) put(what, name string, path []any) int {
	i := len(g.nodes)
	g.nodes = append(g.nodes, node{name: name, what: what, path: path})
	g.byName[name] = i
	return i
}

func (g *graph) names() []string {
	out := make([]string, 0, len(g.byName))
	for n := range g.byName {
		out = append(out, n)
	}
	return out
}

// sort orders the groups before their members and takes out the links that
// close a circle.
func (g *graph) sort(pr *problems) {
	done := make([]int, 0, len(g.nodes))
	for i := range g.nodes {
		g.visit(pr, i, &done)
	}
	g.order = make([]int, len(done))
	for i, n := range done {
		g.order[len(done)-1-i] = n
	}
}

// visit states
const (
	unseen = iota
	open
	closed
)

func (g *graph) visit(pr *problems, i int, done *[]int) {
	if g.nodes[i].state != unseen {
		return
	}
	g.nodes[i].state = open
	kept := g.nodes[i].members[:0]
	for _, m := range g.nodes[i].members {
		if g.nodes[m].state == open {
			pr.errorf(below(g.nodes[i].path, "members"), "take one of the two out of the other",
				"group %q is a member of itself, by way of %q", g.nodes[m].name, g.nodes[i].name)
			continue
		}
		kept = append(kept, m)
		g.visit(pr, m, done)
	}
	g.nodes[i].members = kept
	g.nodes[i].state = closed
	*done = append(*done, i)
}

// refer notes that a rule names a node on one side.
func (g *graph) refer(n, side, rule, words int) {
	s := &g.nodes[n].rules[side]
	if *s == nil {
		*s = make(ruleSet, words)
	}
	s.add(rule)
	g.nodes[n].used = true
}

// spread hands what groups have been given to their members, down to the
// objects. The graph must be sorted.
func (g *graph) spread(words int) {
	for _, i := range g.order {
		n := &g.nodes[i]
		for _, m := range n.members {
			to := &g.nodes[m]
			to.used = to.used || n.used
			for side, s := range n.rules {
				if s == nil {
					continue
				}
				if to.rules[side] == nil {
					to.rules[side] = make(ruleSet, words)
				}
				to.rules[side].join(s)
			}
		}
	}
}

// unused warns of objects of the document that nothing names.
func (g *graph) unused(pr *problems) {
	for i := range g.nodes {
		if n := &g.nodes[i]; !n.used && n.path != nil {
			pr.warnf(n.path, "delete it, or name it in a rule", "%s %q is not used", n.what, n.name)
		}
	}
}
