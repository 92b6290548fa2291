package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// withoutAliases takes aliases and merge keys out of a document, each with a
// complaint: a few aliases of aliases are a gigabyte.
func (k *Checker) withoutAliases(root *yaml.Node) {
	for open := []*yaml.Node{root}; len(open) > 0; {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if n.Kind == yaml.AliasNode {
			k.complain(n, "write the value out", "aliases are not taken")
			n.Kind, n.Tag, n.Value, n.Alias = yaml.ScalarNode, "!!null", "", nil
		}
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Tag == "!!merge" {
					k.complain(n.Content[i], "write the keys out", "merge keys are not taken")
					n.Content = slices.Delete(n.Content, i, i+2)
					i -= 2
				}
			}
		}
		for _, c := range slices.Backward(n.Content) {
			open = append(open, c)
		}
	}
}

// walk holds a document against the type that it will be decoded into and
// complains about what would not fit: unknown keys, keys written twice, values
// of another kind. It returns false when n as a whole has no value.
func (k *Checker) walk(n *yaml.Node, t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[yaml.Node](), isNull(n):
	case reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]()):
		return k.walkOwn(n, t)
	case t.Kind() == reflect.Slice:
		return k.walkList(n, t)
	case t.Kind() == reflect.Struct:
		return k.walkStruct(n, t)
	case t.Kind() == reflect.Map:
		if !k.isMapping(n) {
			return false
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k.walk(n.Content[i+1], t.Elem())
		}
		k.unique(n)
	default:
		if n.Kind != yaml.ScalarNode || n.Decode(reflect.New(t).Interface()) != nil {
			k.complain(n, "", "want %s, got %s", plainKind(t), k.found(n))
			return false
		}
	}
	return true
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// walkOwn lets a type that decodes itself try.
func (k *Checker) walkOwn(n *yaml.Node, t reflect.Type) bool {
	own, ok := reflect.New(t).Interface().(yaml.Unmarshaler)
	if !ok {
		panic("BUG: " + t.String() + " decodes itself no longer")
	}
	var te *yaml.TypeError
	switch err := own.UnmarshalYAML(n); {
	case errors.As(err, &te):
		k.complain(n, "", "%s", strings.Join(te.Errors, "; "))
	case err != nil:
		k.complain(n, "", "%v", err)
	default:
		return true
	}
	return false
}

// walkList takes items without a value out of the list, as yaml's decoder does:
// an index means the same item to both.
func (k *Checker) walkList(n *yaml.Node, t reflect.Type) bool {
	if n.Kind != yaml.SequenceNode {
		k.complain(n, "", "want a list, one item a line after a dash, got %s", k.found(n))
		return false
	}
	var kept []*yaml.Node
	for _, c := range n.Content {
		switch {
		case isNull(c):
			k.complain(c, "", "want a value, got nothing")
		case k.walk(c, t.Elem()):
			kept = append(kept, c)
		}
	}
	if len(kept) < len(n.Content) {
		k.pruned[n], n.Content = true, kept
	}
	return true
}

func (k *Checker) walkStruct(n *yaml.Node, t reflect.Type) bool {
	if !k.isMapping(n) {
		return false
	}
	if t == reflect.TypeFor[policy.HTTPFormat]() && !k.secret {
		// Its headers have tokens in them.
		k.secret = true
		defer func() { k.secret = false }()
	}
	fields := map[string]reflect.Type{}
	fieldsOf(t, fields)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if ft, ok := fields[key.Value]; ok {
			k.walk(n.Content[i+1], ft)
			continue
		}
		// What stands behind a key that nobody knows may be a secret.
		k.complainMasked(key, key, meant(key.Value, slices.Sorted(maps.Keys(fields))), "unknown key %q", key.Value)
	}
	k.unique(n)
	return true
}

// fieldsOf collects the keys of a struct, with those of structs that it has
// inline.
func fieldsOf(t reflect.Type, into map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		switch name, opt, _ := strings.Cut(f.Tag.Get("yaml"), ","); {
		case name != "":
			into[name] = f.Type
		case opt == "inline":
			fieldsOf(f.Type, into)
		}
	}
}

func (k *Checker) isMapping(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		k.complain(n, "", "want keys and values, got %s", k.found(n))
		return false
	}
	return true
}

// unique complains about keys written twice and keeps the first of each:
// yaml's decoder would give up on the whole.
func (k *Checker) unique(n *yaml.Node) {
	seen := map[string]int{}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if line, ok := seen[key.Value]; ok {
			k.complainMasked(key, key, "", "key %q is written twice, first in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		kept = append(kept, key, n.Content[i+1])
	}
	n.Content = kept
}

// plainKind says what a Go type stands for in YAML.
func plainKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	}
	return "a number"
}

// found says what a node is; short text is quoted, unless it may be a secret.
func (k *Checker) found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	if k.secret || len(n.Value) > 40 || strings.Contains(n.Value, "\n") {
		return "text"
	}
	return fmt.Sprintf("%q", n.Value)
}
