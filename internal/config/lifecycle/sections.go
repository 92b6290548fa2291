package lifecycle

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// section is a key of the document, or of policy, with its lines.
type section struct {
	name     string
	from, to int // bytes of the text
}

// sections cuts a document at its top keys, and policy: at its own, so that who
// changed what can be told, and put together, without writing the rest anew. What
// stands between two keys belongs to the first. A document in flow style, with
// other ends of lines than \n, or one key twice, is one section "".
func sections(text []byte) ([]section, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, invalid("mirrorwall config check tells where", "this is no YAML: %v", err)
	}
	whole := []section{{"", 0, len(text)}}
	// The library counts these as ends of lines; nothing else here does.
	if bytes.ContainsAny(text, "\r\u0085\u2028\u2029") {
		return whole, nil
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode || doc.Content[0].Style&yaml.FlowStyle != 0 {
		return whole, nil
	}
	lines := lineStarts(text)
	var keys []section
	seen := map[string]bool{}
	add := func(name string, n *yaml.Node) {
		// A line that is not there makes two keys of one, which is whole.
		keys = append(keys, section{name: name, from: lines[min(max(n.Line, 1), len(lines))-1]})
		seen[name] = true
	}
	top := doc.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		k, v := top[i], top[i+1]
		add(k.Value, k)
		if k.Value != "policy" || v.Kind != yaml.MappingNode || v.Style&yaml.FlowStyle != 0 {
			continue
		}
		for j := 0; j+1 < len(v.Content); j += 2 {
			add("policy."+v.Content[j].Value, v.Content[j])
		}
	}
	if len(seen) < len(keys) {
		return whole, nil
	}
	for i := range keys {
		if keys[i].to = len(text); i+1 < len(keys) {
			keys[i].to = keys[i+1].from
		}
		if keys[i].to < keys[i].from || i > 0 && keys[i].from == keys[i-1].from {
			return whole, nil // two keys on a line
		}
	}
	if len(keys) == 0 {
		return whole, nil
	}
	return append([]section{{"", 0, keys[0].from}}, keys...), nil
}

func lineStarts(text []byte) []int {
	out := []int{0}
	for i, c := range text {
		if c == '\n' {
			out = append(out, i+1)
		}
	}
	return out
}

func byName(text []byte) (map[string][]byte, []string, error) {
	list, err := sections(text)
	if err != nil {
		return nil, nil, err
	}
	out, order := map[string][]byte{}, []string{}
	for _, s := range list {
		out[s.name] = text[s.from:s.to]
		order = append(order, s.name)
	}
	return out, order, nil
}

// changedSections names the sections that differ, sorted.
func changedSections(a, b []byte) ([]string, error) {
	x, _, err := byName(a)
	if err != nil {
		return nil, err
	}
	y, _, err := byName(b)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for name := range maps.Keys(x) {
		if other, ok := y[name]; !ok || !bytes.Equal(other, x[name]) {
			out[name] = true
		}
	}
	for name := range maps.Keys(y) {
		if _, ok := x[name]; !ok {
			out[name] = true
		}
	}
	return slices.Sorted(maps.Keys(out)), nil
}

// only gives the running document with the candidate's text in the sections that
// author alone has changed.
func only(author string, running, candidate []byte, edits []Edit) ([]byte, error) {
	mine, theirs := map[string]bool{}, map[string]string{}
	for _, e := range edits {
		if e.Author == author {
			mine[e.Section] = true
		} else {
			theirs[e.Section] = e.Author
		}
	}
	if len(mine) == 0 {
		return nil, refuse("commit without --only for everybody's", "%s has changed nothing since the last commit", author)
	}
	for _, s := range slices.Sorted(maps.Keys(mine)) {
		if other := theirs[s]; other != "" {
			return nil, refuse("commit everything, or agree with them", "%s has changed %s too: the changes can't be told apart", other, sectionName(s))
		}
	}
	old, _, err := byName(running)
	if err != nil {
		return nil, err
	}
	next, order, err := byName(candidate)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, name := range order { // in the candidate's order
		switch {
		case mine[name]:
			out = append(out, next[name]...)
		default:
			out = append(out, old[name]...) // new ones of others: nothing
		}
	}
	// Those that others have removed stay; those that author removed go.
	_, had, err := byName(running)
	if err != nil {
		return nil, err
	}
	for _, name := range had {
		if _, there := next[name]; !there && !mine[name] {
			return nil, refuse("commit everything", "%s has removed %s: the changes can't be told apart", theirs[name], sectionName(name))
		}
	}
	return out, nil
}

func sectionName(s string) string {
	if s == "" {
		return "the document as a whole"
	}
	return fmt.Sprintf("%s:", s)
}

// ReplaceKey gives the document with another text for a top key, "key: …" and the
// lines below it; at the end when the document does not have it. Everything else
// keeps its bytes.
func ReplaceKey(text []byte, key string, value []byte) ([]byte, error) {
	list, err := sections(text)
	if err != nil {
		return nil, err
	}
	if len(value) > 0 && value[len(value)-1] != '\n' {
		value = append(slices.Clone(value), '\n')
	}
	if len(list) == 1 && len(bytes.TrimSpace(text)) > 0 {
		return nil, invalid("write the document as lines of key: value", "this document can't be changed in part")
	}
	from, to := len(text), len(text)
	for _, s := range list {
		if s.name == key {
			from, to = s.from, s.to
		} else if strings.HasPrefix(s.name, key+".") && from < len(text) {
			to = s.to
		}
	}
	head := text[:from]
	if len(head) > 0 && head[len(head)-1] != '\n' {
		head = append(slices.Clone(head), '\n')
	}
	return slices.Concat(head, value, text[to:]), nil
}
