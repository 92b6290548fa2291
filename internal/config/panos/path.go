package panos

import (
	"fmt"
	"strings"
)

// Step is one step of a Path: a child by its name, and of several the one whose
// attribute name, or whose text, is as given.
type Step struct {
	Name  string // "*" is any
	Entry string // of [@name='…']
	Text  string // of [text()='…']
	named bool   // Entry counts, also when it is empty
}

// Path leads from <config> to elements: the part of XPath that clients of the XML
// API use, such as /config/shared/address/entry[@name='a'].
type Path []Step

// PathError is what is wrong with a path, and where.
type PathError struct {
	Offset int // byte of the path
	Msg    string
}

func (e *PathError) Error() string { return fmt.Sprintf("xpath: byte %d: %s", e.Offset, e.Msg) }

// Hint shows what a path looks like.
func (e *PathError) Hint() string {
	return "such as /config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
}

const maxPath = 4096

// ParsePath reads a path. Errors are of type *PathError.
func ParsePath(s string) (Path, error) {
	if len(s) > maxPath {
		return nil, &PathError{0, fmt.Sprintf("want at most %d bytes, got %d", maxPath, len(s))}
	}
	var out Path
	for at := 0; at < len(s); {
		if s[at] != '/' {
			return nil, &PathError{at, "want /"}
		}
		step, next, err := parseStep(s, at+1)
		if err != nil {
			return nil, err
		}
		if out, at = append(out, step), next; len(out) > MaxDepth {
			return nil, &PathError{at, fmt.Sprintf("want at most %d steps", MaxDepth)}
		}
	}
	if len(out) == 0 || out[0].Name != "config" || out[0].named || out[0].Text != "" {
		return nil, &PathError{0, "want a path that begins with /config"}
	}
	return out, nil
}

func parseStep(s string, at int) (st Step, next int, err error) {
	end := at
	for end < len(s) && s[end] != '/' && s[end] != '[' {
		end++
	}
	if st.Name = s[at:end]; st.Name != "*" && !xmlName(st.Name) {
		return st, end, &PathError{at, fmt.Sprintf("want the name of an element, got %q", st.Name)}
	}
	for end < len(s) && s[end] == '[' {
		if end, err = st.predicate(s, end+1); err != nil {
			return st, end, err
		}
	}
	return st, end, nil
}

func (st *Step) predicate(s string, at int) (next int, err error) {
	rest := s[at:]
	what := ""
	for _, w := range []string{"@name", "text()"} {
		if strings.HasPrefix(rest, w) {
			what = w
		}
	}
	if what == "" {
		return at, &PathError{at, "want @name='…' or text()='…'"}
	}
	rest = strings.TrimLeft(rest[len(what):], " ")
	if !strings.HasPrefix(rest, "=") {
		return at, &PathError{len(s) - len(rest), "want ="}
	}
	rest = strings.TrimLeft(rest[1:], " ")
	if rest == "" || rest[0] != '\'' && rest[0] != '"' {
		return at, &PathError{len(s) - len(rest), "want a value in quotes"}
	}
	value, after, ok := strings.Cut(rest[1:], rest[:1])
	if !ok {
		return at, &PathError{len(s) - len(rest), "the quote is not closed"}
	}
	after = strings.TrimLeft(after, " ")
	if !strings.HasPrefix(after, "]") {
		return at, &PathError{len(s) - len(after), "want ]"}
	}
	if what == "@name" {
		st.Entry, st.named = value, true
	} else {
		st.Text = value
	}
	return len(s) - len(after) + 1, nil
}

func (st *Step) fits(n *Node) bool {
	return n.Name != extensionName && (st.Name == "*" || st.Name == n.Name) && (!st.named || n.Attr("name") == st.Entry) && (st.Text == "" || n.Text == st.Text)
}

// one says whether a step can only mean one element, so that it can be made.
func (st *Step) one() bool { return st.Name != "*" && (st.Name != "entry" || st.named) }

// Select gives the elements that a path leads to, in the order of the file.
func (t *Tree) Select(p Path) []*Node {
	if len(p) == 0 || !p[0].fits(t.Config) {
		return nil
	}
	found := []*Node{t.Config}
	for _, st := range p[1:] {
		var next []*Node
		for _, n := range found {
			for _, k := range n.Kids {
				if st.fits(k) {
					next = append(next, k)
				}
			}
		}
		found = next
	}
	return found
}

// Raw is an element's bytes; the caller must not change them.
func (t *Tree) Raw(n *Node) []byte { return t.src[n.start:n.end] }

// ParseElement reads one element, or several beside each other: they are the
// children of what it gives. The bounds of Parse hold.
func ParseElement(text string) (*Tree, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("panos: want at most %d MiB", MaxBytes>>20)
	}
	t := &Tree{src: []byte("<config>" + text + "</config>")}
	p := newParser(t)
	root, err := p.run()
	if err != nil {
		return nil, err
	}
	t.Config = root
	return t, nil
}
