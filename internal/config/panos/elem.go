package panos

import (
	"bytes"
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// elem is an element that is to be written.
type elem struct {
	name, entry, uuid string // entry is the attribute name of an <entry>
	version           string
	text              string
	kids              []*elem
	// whole: the children's names are ours, not the original's, so that what has
	// changed in it replaces all of it.
	whole bool
}

func el(name string, kids ...*elem) *elem { return (&elem{name: name}).add(kids...) }

func entry(name string, kids ...*elem) *elem {
	return (&elem{name: "entry", entry: name}).add(kids...)
}

// add appends what is there.
func (e *elem) add(kids ...*elem) *elem {
	for _, k := range kids {
		if k != nil {
			e.kids = append(e.kids, k)
		}
	}
	return e
}

// some is nil when the element has no children.
func (e *elem) some() *elem {
	if len(e.kids) == 0 {
		return nil
	}
	return e
}

// replaced marks an element whose children can't be told apart by name.
func (e *elem) replaced() *elem {
	if e != nil {
		e.whole = true
	}
	return e
}

func text(name, value string) *elem {
	if value == "" {
		return nil
	}
	return &elem{name: name, text: value}
}

func number(name string, n int) *elem {
	if n == 0 {
		return nil
	}
	return text(name, strconv.Itoa(n))
}

func yes(name string, on bool) *elem {
	if !on {
		return nil
	}
	return text(name, "yes")
}

func members(name string, list []string) *elem {
	e := el(name)
	for _, m := range list {
		e.kids = append(e.kids, &elem{name: "member", text: m})
	}
	return e.some()
}

func anyMembers(name string, list []string) *elem {
	if len(list) == 0 {
		list = []string{"any"}
	}
	return members(name, list)
}

func anyText(name, value string) *elem {
	if value == "" {
		value = "any"
	}
	return text(name, value)
}

func values(name string, m map[string]string) *elem {
	e := el(name)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e.add(entry(k, text("value", m[k])))
	}
	return e.some()
}

func (e *elem) equal(o *elem) bool {
	if e == nil || o == nil {
		return e == o
	}
	return e.name == o.name && e.entry == o.entry && e.uuid == o.uuid && e.text == o.text &&
		slices.EqualFunc(e.kids, o.kids, (*elem).equal)
}

// key names a child among its siblings.
func key(name, entry string) string {
	if name == "entry" {
		return "entry " + entry
	}
	return name
}

// write appends the element, its children one to a line.
func (e *elem) write(b *bytes.Buffer, depth int) {
	if e.name == extensionName {
		b.WriteString("<" + extensionName + " " + e.text + "?>")
		return
	}
	b.WriteString("<" + e.name)
	attr := func(name, value string) {
		b.WriteString(" " + name + `="`)
		_ = xml.EscapeText(b, []byte(value)) // a buffer takes all
		b.WriteByte('"')
	}
	if e.version != "" {
		attr("version", e.version)
	}
	if e.name == "entry" {
		attr("name", e.entry)
	}
	if e.uuid != "" {
		attr("uuid", e.uuid)
	}
	if len(e.kids) == 0 && e.text == "" {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	_ = xml.EscapeText(b, []byte(e.text))
	for _, k := range e.kids {
		indent(b, depth+1)
		k.write(b, depth+1)
	}
	if len(e.kids) > 0 {
		indent(b, depth)
	}
	b.WriteString("</" + e.name + ">")
}

func indent(b *bytes.Buffer, depth int) {
	b.WriteByte('\n')
	b.WriteString(strings.Repeat("  ", depth))
}
