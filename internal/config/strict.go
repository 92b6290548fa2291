package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// unknownKeys walks a document beside the type it will be decoded into and
// collects the keys that the type does not have, with their lines and the
// nearest known key. Types that decode themselves check themselves.
func unknownKeys(n *yaml.Node, into any) *yaml.TypeError {
	var errs []string
	walkKeys(n, reflect.TypeOf(into), &errs)
	if len(errs) == 0 {
		return nil
	}
	return &yaml.TypeError{Errors: errs}
}

// aliasLine is the line of the first alias in a document, 0 without one.
func aliasLine(root *yaml.Node) int {
	for open := []*yaml.Node{root}; len(open) > 0; {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if n.Kind == yaml.AliasNode {
			return n.Line
		}
		for _, c := range slices.Backward(n.Content) {
			open = append(open, c)
		}
	}
	return 0
}

func walkKeys(n *yaml.Node, t reflect.Type, errs *[]string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[yaml.Node]():
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			walkKeys(c, t.Elem(), errs)
		}
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		walkStruct(n, t, errs)
	}
}

func walkStruct(n *yaml.Node, t reflect.Type, errs *[]string) {
	fields := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" {
			fields[name] = f.Type
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		ft, ok := fields[k.Value]
		if !ok {
			msg := fmt.Sprintf("line %d: unknown key %q", k.Line, k.Value)
			if near := rule.Nearest(k.Value, names); near != "" {
				msg += fmt.Sprintf("; did you mean %q?", near)
			}
			*errs = append(*errs, msg)
			continue
		}
		walkKeys(n.Content[i+1], ft, errs)
	}
}
