package panos

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// EditError says why a change of a configuration is not possible.
type EditError struct {
	Missing bool // what it is about is not there
	Msg     string
}

func (e *EditError) Error() string { return e.Msg }

// splice replaces bytes of a file.
type splice struct {
	from, to int
	text     string
}

// apply gives the file with the splices, which must not overlap; those at one
// place follow each other in their order.
func (t *Tree) apply(list ...splice) []byte {
	slices.SortStableFunc(list, func(a, b splice) int { return cmp.Compare(a.from, b.from) })
	var out bytes.Buffer
	at := 0
	for _, s := range list {
		out.Write(t.src[at:s.from])
		out.WriteString(s.text)
		at = s.to
	}
	out.Write(t.src[at:])
	return out.Bytes()
}

// into puts text behind an element's last child.
func (t *Tree) into(n *Node, text string) splice {
	if n.inner == n.end { // <a/>
		return splice{n.end - 2, n.end, ">" + text + "</" + n.Name + ">"}
	}
	return splice{n.innerEnd, n.innerEnd, text}
}

func tag(st *Step) (open, end string) {
	if !st.named {
		return "<" + st.Name + ">", "</" + st.Name + ">"
	}
	return "<" + st.Name + " name=\"" + escape(st.Entry) + "\">", "</" + st.Name + ">"
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

// Set merges elements into the one that a path leads to, which is made when it is
// missing: the XML API's action set. The result is the new file.
func (t *Tree) Set(p Path, elements string) ([]byte, error) {
	frag, err := ParseElement(elements)
	if err != nil {
		return nil, err
	}
	if !p[0].fits(t.Config) {
		return nil, &EditError{true, "the path begins with something else than this configuration"}
	}
	n, i := t.Config, 1
	for ; i < len(p); i++ {
		st := &p[i]
		if !st.one() {
			return nil, &EditError{Msg: fmt.Sprintf("step %d of the path may mean several elements", i+1)}
		}
		k := slices.IndexFunc(n.Kids, st.fits)
		if k < 0 {
			break
		}
		n = n.Kids[k]
	}
	if i == len(p) {
		return t.apply(t.union(n, frag, frag.Config)...), nil
	}
	open, end := "", ""
	for _, st := range p[i:] {
		if !st.one() {
			return nil, &EditError{Msg: "the path ends in something that may mean several elements"}
		}
		a, b := tag(&st)
		open, end = open+a, b+end
		if st.Text != "" {
			open += escape(st.Text)
		}
	}
	return t.apply(t.into(n, open+elements+end)), nil
}

// union adds the children of f to n: entries and elements that are there are
// merged, members only once, texts replaced.
func (t *Tree) union(n *Node, frag *Tree, f *Node) []splice {
	type id struct{ name, entry, text string }
	of := func(k *Node) id {
		i := id{name: k.Name}
		switch k.Name {
		case "entry":
			i.entry = k.Attr("name")
		case "member":
			i.text = k.Text
		}
		return i
	}
	have := map[id]*Node{}
	for _, k := range n.Kids {
		have[of(k)] = k
	}
	var out []splice
	var fresh strings.Builder
	for _, k := range f.Kids {
		old := have[of(k)]
		switch {
		case old == nil:
			fresh.Write(frag.Raw(k))
		case k.Name == "member":
		case len(k.Kids) == 0 && k.Text == "" && k.Name == "entry":
		case len(k.Kids) > 0 && old.Text == "":
			out = append(out, t.union(old, frag, k)...)
		default:
			out = append(out, splice{old.start, old.end, string(frag.Raw(k))})
		}
	}
	if fresh.Len() > 0 {
		out = append(out, t.into(n, fresh.String()))
	}
	return out
}

// Replace puts an element in the place of the one that a path leads to, or makes
// it: the XML API's action edit.
func (t *Tree) Replace(p Path, element string) ([]byte, error) {
	frag, err := ParseElement(element)
	if err != nil {
		return nil, err
	}
	last := p[len(p)-1]
	if len(frag.Config.Kids) != 1 || !last.fits(frag.Config.Kids[0]) {
		return nil, &EditError{Msg: "edit wants one element, the one that the path ends in"}
	}
	if len(p) == 1 {
		return nil, &EditError{Msg: "the configuration as a whole is loaded, not edited"}
	}
	found := t.Select(p)
	switch len(found) {
	case 0:
		return t.Set(p[:len(p)-1], element)
	case 1:
		return t.apply(splice{found[0].start, found[0].end, element}), nil
	}
	return nil, &EditError{Msg: "the path means several elements"}
}

// Remove takes out what a path leads to: the XML API's action delete.
func (t *Tree) Remove(p Path) ([]byte, error) {
	found := t.Select(p)
	if len(found) == 0 {
		return nil, &EditError{true, "No such node"}
	}
	if len(p) == 1 {
		return nil, &EditError{Msg: "the configuration as a whole is not deleted"}
	}
	var out []splice
	for _, n := range found {
		out = append(out, splice{t.lead(n), n.end, ""})
	}
	return t.apply(out...), nil
}

// lead is where the white space before an element begins.
func (t *Tree) lead(n *Node) int {
	at := n.start
	for at > 0 && (t.src[at-1] == ' ' || t.src[at-1] == '\t') {
		at--
	}
	if at > 0 && t.src[at-1] == '\n' {
		at--
	}
	return at
}

// Rename gives an entry another name.
func (t *Tree) Rename(p Path, name string) ([]byte, error) {
	n, err := t.entry(p)
	if err != nil {
		return nil, err
	}
	open := "<" + n.Name
	for _, a := range n.Attrs {
		if a.Name.Space == "" && a.Name.Local == "name" {
			a.Value = name
		}
		key := a.Name.Local
		if a.Name.Space != "" {
			key = a.Name.Space + ":" + key
		}
		open += " " + key + "=\"" + escape(a.Value) + "\""
	}
	if n.inner == n.end {
		return t.apply(splice{n.start, n.end, open + "/>"}), nil
	}
	return t.apply(splice{n.start, n.inner, open + ">"}), nil
}

// Move puts an entry before or after the sibling dst, to the top or the bottom.
func (t *Tree) Move(p Path, where, dst string) ([]byte, error) {
	n, err := t.entry(p)
	if err != nil {
		return nil, err
	}
	siblings := slices.DeleteFunc(t.Select(append(slices.Clone(p[:len(p)-1]), Step{Name: "entry"})), func(k *Node) bool { return k == n })
	if len(siblings) == 0 {
		return slices.Clone(t.src), nil
	}
	at := 0
	switch where {
	case "top":
		at = t.lead(siblings[0])
	case "bottom":
		at = siblings[len(siblings)-1].end
	case "before", "after":
		i := slices.IndexFunc(siblings, func(k *Node) bool { return k.Attr("name") == dst })
		if i < 0 {
			return nil, &EditError{true, fmt.Sprintf("no entry %q beside it", dst)}
		}
		if at = siblings[i].end; where == "before" {
			at = t.lead(siblings[i])
		}
	default:
		return nil, &EditError{Msg: "want where= top, bottom, before or after"}
	}
	from := t.lead(n)
	text := string(t.src[from:n.end])
	return t.apply(splice{at, at, text}, splice{from, n.end, ""}), nil
}

func (t *Tree) entry(p Path) (*Node, error) {
	found := t.Select(p)
	switch {
	case len(found) == 0:
		return nil, &EditError{true, "No such node"}
	case len(found) > 1 || found[0].Name != "entry":
		return nil, &EditError{Msg: "want a path to one entry"}
	}
	return found[0], nil
}
