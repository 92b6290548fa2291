package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Change is one place at which two documents differ.
type Change struct {
	// Path names the place: policy.rules[web].action. An item of a list goes by
	// its name, where it has one.
	Path string `json:"path"`
	// Old and New are what the documents say there, in YAML's flow form; one is
	// empty where the other document alone has the place. Where the items of a
	// list stand in another order, they are the names in order.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Diff tells where two documents that Parse takes differ in what they say, in
// the order of the first, then what the second adds. Comments, the order of keys
// and ways of writing the same value are no differences; the order of a list is.
// It takes time linear in the size of the documents.
func Diff(a, b []byte) ([]Change, error) {
	var docs [2]yaml.Node
	for i, text := range [][]byte{a, b} {
		if err := yaml.Unmarshal(text, &docs[i]); err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		if len(docs[i].Content) == 0 {
			return nil, fmt.Errorf("document %d is empty", i+1)
		}
	}
	d := &differ{}
	d.nodes("", docs[0].Content[0], docs[1].Content[0])
	return d.out, nil
}

type differ struct{ out []Change }

func (d *differ) put(path, before, after string) {
	d.out = append(d.out, Change{Path: path, Old: before, New: after})
}

// nodes compares what two documents have at the same place; nil is nothing.
func (d *differ) nodes(path string, a, b *yaml.Node) {
	switch {
	case a == nil:
		d.put(path, "", inline(b))
	case b == nil:
		d.put(path, inline(a), "")
	case a.Kind == yaml.MappingNode && b.Kind == yaml.MappingNode:
		x, y := pairs(a), pairs(b)
		d.items(x, y, func(key string) string { return strings.TrimPrefix(path+"."+key, ".") })
	case a.Kind == yaml.SequenceNode && b.Kind == yaml.SequenceNode:
		d.lists(path, a, b)
	case a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || a.Value != b.Value:
		d.put(path, inline(a), inline(b))
	}
}

// keyed are the parts of a mapping or a list by key, with the keys in order.
type keyed struct {
	keys []string
	node map[string]*yaml.Node
}

func pairs(n *yaml.Node) keyed {
	k := keyed{node: make(map[string]*yaml.Node, len(n.Content)/2)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k.keys = append(k.keys, n.Content[i].Value)
		k.node[n.Content[i].Value] = n.Content[i+1]
	}
	return k
}

// named are the items of a list by name; ok is false where one has none, or two
// have the same.
func named(n *yaml.Node) (k keyed, ok bool) {
	k.node = make(map[string]*yaml.Node, len(n.Content))
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			return k, false
		}
		name := pairs(item).node["name"]
		if name == nil || k.node[name.Value] != nil {
			return k, false
		}
		k.keys = append(k.keys, name.Value)
		k.node[name.Value] = item
	}
	return k, true
}

func (d *differ) items(x, y keyed, path func(key string) string) {
	for _, key := range x.keys {
		d.nodes(path(key), x.node[key], y.node[key])
	}
	for _, key := range y.keys {
		if x.node[key] == nil {
			d.nodes(path(key), nil, y.node[key])
		}
	}
}

// lists compares lists of named items item by item, others as a whole.
func (d *differ) lists(path string, a, b *yaml.Node) {
	x, ok := named(a)
	y, ok2 := named(b)
	if !ok || !ok2 {
		if before, after := inline(a), inline(b); before != after {
			d.put(path, before, after)
		}
		return
	}
	d.items(x, y, func(key string) string { return path + "[" + key + "]" })
	common := func(in, other keyed) []string {
		return slices.DeleteFunc(slices.Clone(in.keys), func(k string) bool { return other.node[k] == nil })
	}
	before, after := common(x, y), common(y, x)
	if from, to, moved := changed(before, after); moved {
		d.put(path, "order "+strings.Join(before[from:to], ", "), "order "+strings.Join(after[from:to], ", "))
	}
}

// changed is the part of two orders of the same names that differs.
func changed(a, b []string) (from, to int, ok bool) {
	for from < len(a) && a[from] == b[from] {
		from++
	}
	for to = len(a); to > from && a[to-1] == b[to-1]; to-- {
	}
	return from, to, from < to
}

// inline writes a node in one line, without its comments, scalars by their values:
// the same for two nodes that say the same in the same order.
func inline(n *yaml.Node) string {
	var b strings.Builder
	writeInline(&b, n)
	return b.String()
}

func writeInline(b *strings.Builder, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		k := pairs(n)
		slices.SortStableFunc(k.keys, func(x, y string) int { // a name first, then the rest
			return cmp.Or(-cmp.Compare(b2i(x == "name"), b2i(y == "name")), cmp.Compare(x, y))
		})
		for i, key := range k.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(key + ": ")
			writeInline(b, k.node[key])
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteString(", ")
			}
			writeInline(b, item)
		}
		b.WriteByte(']')
	default:
		text, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Value: n.Value})
		if one := strings.TrimSuffix(string(text), "\n"); err == nil && !strings.Contains(one, "\n") {
			b.WriteString(one)
			return
		}
		fmt.Fprintf(b, "%q", n.Value)
	}
}

func b2i(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
