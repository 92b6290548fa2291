package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Checker collects what is wrong with one document, each complaint with its
// place. It belongs to one goroutine.
type Checker struct {
	name  string
	lines []string
	root  *yaml.Node
	errs  Errors
	// warnings are sorted apart: the document holds with them.
	warnings Errors
	// secret: what is being decoded may be a secret.
	secret bool
	// pruned are the lists that had items without a value.
	pruned map[*yaml.Node]bool
}

// Check looks at a decoded document for what this package can't know. Values
// that were complained about already keep their defaults.
type Check func(c *Config, k *Checker)

// At is a path of keys and indexes from the top of the document.
func At(path ...any) []any { return path }

// Add complains about the value at path, or about what stands nearest above
// it: a default has no place of its own. hint may be empty.
func (k *Checker) Add(path []any, hint, format string, args ...any) {
	key, n, _ := k.find(path)
	if isSecret(path) {
		k.complainMasked(key, n, hint, format, args...)
		return
	}
	k.complain(n, hint, format, args...)
}

// Warn is Add for what is no error.
func (k *Checker) Warn(path []any, hint, format string, args ...any) {
	before := len(k.errs)
	k.Add(path, hint, format, args...)
	k.warnings = append(k.warnings, k.errs[before:]...)
	k.errs = k.errs[:before]
}

// Broken reports whether something in the section key has been complained about
// already: who looks at the whole of it would complain of what follows from that.
func (k *Checker) Broken(key string) bool {
	first, last := 0, len(k.lines)+1
	for i := 0; i+1 < len(k.root.Content); i += 2 {
		switch n := k.root.Content[i]; {
		case n.Value == key:
			first = n.Line
		case first > 0:
			last = min(last, n.Line)
		}
	}
	return first > 0 && slices.ContainsFunc(k.errs, func(e *rule.Error) bool { return e.Pos.Line >= first && e.Pos.Line < max(last, first+1) })
}

// AddAt complains about the byte at offset of the text at path. Where the text
// does not stand in the file as it is (quotes with escapes, folded lines) its
// start is the place, and the message names the offset.
func (k *Checker) AddAt(path []any, offset int, hint, format string, args ...any) {
	_, n, _ := k.find(path)
	line, col, ok := k.locate(n, offset)
	if !ok {
		k.Add(path, hint, "%s (at its character %d)", fmt.Sprintf(format, args...), offset+1)
		return
	}
	text := ""
	if !isSecret(path) {
		text = withoutSettings(k.line(line), col)
	}
	k.put(line, col, text, hint, fmt.Sprintf(format, args...))
}

// Has reports whether the document itself has something at path.
func (k *Checker) Has(path []any) bool {
	_, _, ok := k.find(path)
	return ok
}

// Decode decodes what stands at path and complains about what does not fit.
// complete is false when it did.
func (k *Checker) Decode(path []any, into any) (complete bool) {
	_, n, ok := k.find(path)
	if !ok || isNull(n) {
		return true
	}
	before := len(k.errs)
	k.secret = isSecret(path)
	defer func() { k.secret = false }()
	k.walk(n, reflect.TypeOf(into))
	if err := n.Decode(into); err != nil && len(k.errs) == before {
		k.Add(path, "", "%v", err)
	}
	return len(k.errs) == before
}

// isSecret reports whether the text at path may be a secret: an action's
// settings have tokens in them, as have formats of HTTP servers, and publishers of
// rules and lists put access codes into their URLs. Neither it nor its line is
// shown.
func isSecret(path []any) bool {
	switch {
	case len(path) > 2 && path[0] == "respond":
		return path[2] == "with"
	case len(path) == 2 && path[0] == "store":
		return path[1] == "url"
	case len(path) > 2 && path[0] == "rules":
		return path[1] == "sources"
	case len(path) > 3 && path[0] == "policy":
		return path[1] == "external_lists" && path[3] == "url" || path[1] == "http_servers" && path[3] == "formats"
	}
	return false
}

// find returns the value at path and its key; ok is false when the document
// ends above it, and the value is then the last one on the way.
func (k *Checker) find(path []any) (key, n *yaml.Node, ok bool) {
	n = k.root
	key = n
	for _, step := range path {
		var next *yaml.Node
		switch step := step.(type) {
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
				key = next
			}
		case string:
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == step {
					key, next = n.Content[i], n.Content[i+1]
				}
			}
		}
		if next == nil {
			return key, n, false
		}
		n = next
	}
	return key, n, true
}

// complain complains about a node and shows its line.
func (k *Checker) complain(n *yaml.Node, hint, format string, args ...any) {
	text := k.line(n.Line)
	col := byteColumn(text, n.Column)
	text = withoutSettings(text, col)
	if k.secret {
		text = ""
	}
	k.put(n.Line, col, text, hint, fmt.Sprintf(format, args...))
}

// withoutSettings cuts off an action's settings, and addresses, that stand in
// one line with what is complained about; a line that begins with them is not
// shown at all.
func withoutSettings(line string, col int) string {
	for _, key := range []string{"with:", "url:"} {
		i := strings.Index(line, key)
		switch {
		case i < 0:
			continue
		case i < col-1:
			return ""
		}
		line = line[:i] + key + " ..."
	}
	return line
}

// complainMasked complains about n and shows nothing of its line but the key.
func (k *Checker) complainMasked(key, n *yaml.Node, hint, format string, args ...any) {
	text := k.line(n.Line)
	col := byteColumn(text, n.Column)
	shown := ""
	if key.Line == n.Line && key.Kind == yaml.ScalarNode && key.Column <= n.Column {
		shown = strings.Repeat(" ", byteColumn(text, key.Column)-1) + key.Value + ": ..."
	}
	k.put(n.Line, col, shown, hint, fmt.Sprintf(format, args...))
}

func (k *Checker) put(line, col int, text, hint, msg string) {
	k.errs = append(k.errs, &rule.Error{
		Pos: rule.Pos{File: k.name, Line: max(line, 1), Column: max(col, 1)}, Msg: msg, Hint: hint, Line: text,
	})
}

// line is a line of the document, counted from 1.
func (k *Checker) line(n int) string {
	if n < 1 || n > len(k.lines) {
		return ""
	}
	return strings.TrimSuffix(k.lines[n-1], "\r")
}

// byteColumn turns YAML's column, in characters, into one in bytes.
func byteColumn(line string, column int) int {
	n := 1
	for i := range line {
		if n == column {
			return i + 1
		}
		n++
	}
	return len(line) + 1
}

// locate finds the place of a byte of a scalar's text.
func (k *Checker) locate(n *yaml.Node, off int) (line, col int, ok bool) {
	if n.Kind != yaml.ScalarNode || off < 0 || off > len(n.Value) {
		return 0, 0, false
	}
	if n.Style&yaml.LiteralStyle != 0 {
		row := strings.Count(n.Value[:off], "\n")
		start := strings.LastIndexByte(n.Value[:off], '\n') + 1
		text, _, _ := strings.Cut(n.Value[start:], "\n")
		src := k.line(n.Line + 1 + row)
		return n.Line + 1 + row, len(src) - len(text) + off - start + 1, strings.HasSuffix(src, text)
	}
	src := k.line(n.Line)
	col = byteColumn(src, n.Column)
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		col++
	}
	return n.Line, col + off, strings.HasPrefix(src[min(len(src), col-1):], n.Value)
}

// sorted returns complaints in the order of the file, each once.
func sorted(errs Errors) Errors {
	slices.SortStableFunc(errs, func(a, b *rule.Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return slices.CompactFunc(errs, func(a, b *rule.Error) bool { return a.Pos == b.Pos && a.Msg == b.Msg })
}
