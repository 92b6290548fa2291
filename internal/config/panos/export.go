package panos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// Export writes a policy as a device configuration. With an original, what is
// the same in it and in doc keeps its bytes, and so does all that the policy
// does not speak of; without one (nil) the file holds the policy alone. What
// PAN-OS has no element for is in a processing instruction, which Import reads.
func Export(doc *policy.Document, original *Tree) ([]byte, error) {
	e := &encoder{doc: doc, device: "localhost.localdomain", vsys: "vsys1"}
	if original == nil {
		c, err := e.whole()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		b.WriteString("<?xml version=\"1.0\"?>\n")
		c.version = "10.1.0"
		c.write(&b, 0)
		b.WriteByte('\n')
		return b.Bytes(), nil
	}
	res, im, err := read(original)
	if err != nil {
		return nil, err
	}
	if reflect.DeepEqual(&res.Policy, doc) {
		return slices.Clone(original.src), nil
	}
	e.shared = im.shared
	device := original.Config.Kid("devices").Kid("entry")
	if device != nil {
		e.device = device.Attr("name")
		if v := device.At("vsys", "entry"); v != nil {
			e.vsys = v.Attr("name")
		}
	}
	before := &encoder{doc: &res.Policy, shared: e.shared, device: e.device, vsys: e.vsys}
	from, err := before.whole()
	if err != nil {
		return nil, err
	}
	to, err := e.whole()
	if err != nil {
		return nil, err
	}
	m := merger{src: original.src}
	c := original.Config
	m.out.Write(m.src[:c.start])
	m.merge(c, from, to, 0)
	m.out.Write(m.src[c.end:])
	return m.out.Bytes(), nil
}

// whole is the configuration with its extension: what does not come back when
// the elements are read.
func (e *encoder) whole() (*elem, error) {
	c := e.config()
	var b bytes.Buffer
	c.write(&b, 0)
	t, err := Parse(&b)
	if err != nil {
		return nil, fmt.Errorf("panos: export: %w", err)
	}
	back, _, err := read(t)
	if err != nil {
		return nil, fmt.Errorf("panos: export: %w", err)
	}
	lost, err := missing(e.doc, &back.Policy)
	if err != nil || lost == nil {
		return c, err
	}
	c.kids = append([]*elem{{name: extensionName, text: string(lost)}}, c.kids...)
	return c, nil
}

// nameOf is the field Name of an entry of a document's list, or none.
func nameOf(v reflect.Value) (string, bool) {
	if v.Kind() != reflect.Struct {
		return "", false
	}
	f := v.FieldByName("Name")
	return f.String(), f.IsValid()
}

// missing are the parts of doc that back has not, as JSON: of lists of named
// things the entries, of all else the whole; nil when nothing is missing.
func missing(doc, back *policy.Document) ([]byte, error) {
	out := map[string]any{}
	each(doc, back, func(name string, a, b reflect.Value) {
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			return
		}
		if a.Kind() != reflect.Slice || a.Len() != b.Len() || a.Len() == 0 {
			out[name] = a.Interface()
			return
		}
		byName := map[string]reflect.Value{}
		for i := range b.Len() {
			if n, ok := nameOf(b.Index(i)); ok {
				byName[n] = b.Index(i)
			}
		}
		part := reflect.MakeSlice(a.Type(), 0, 0)
		for i := range a.Len() {
			n, ok := nameOf(a.Index(i))
			v, found := byName[n]
			if !ok || !found {
				out[name] = a.Interface()
				return
			}
			if !reflect.DeepEqual(a.Index(i).Interface(), v.Interface()) {
				part = reflect.Append(part, a.Index(i))
			}
		}
		if part.Len() > 0 {
			out[name] = part.Interface()
		}
	})
	if len(out) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("panos: export: %w", err)
	}
	return bytes.ReplaceAll(text, []byte("?"), []byte(`\u003f`)), nil
}

// each walks the fields of two documents, those of Profiles one by one.
func each(a, b *policy.Document, f func(name string, a, b reflect.Value)) {
	var walk func(prefix string, a, b reflect.Value)
	walk = func(prefix string, a, b reflect.Value) {
		for i := range a.NumField() {
			name := a.Type().Field(i).Name
			if name == "Profiles" {
				walk("Profiles.", a.Field(i), b.Field(i))
				continue
			}
			f(prefix+name, a.Field(i), b.Field(i))
		}
	}
	walk("", reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
}

// extension puts in what an export of ours had no element for: an entry in the
// place of the one with its name.
func (im *importer) extension() {
	if im.ext == nil {
		return
	}
	const path = "/config/?mirrorwall"
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(im.ext.Text), &parts); err != nil {
		im.warn(path, "the extension can't be read: "+err.Error(), "it is written by `mirrorwall config export`")
		im.item(path, Refused, "not an extension of ours")
		return
	}
	im.item(path, Supported, "what PAN-OS has no element for")
	each(im.doc, im.doc, func(name string, to, _ reflect.Value) {
		raw, ok := parts[name]
		if !ok {
			return
		}
		v := reflect.New(to.Type())
		if err := json.Unmarshal(raw, v.Interface()); err != nil {
			im.warn(path, name+": "+err.Error(), "")
			return
		}
		place(to, v.Elem())
	})
}

// place sets a field, or replaces the entries of a list by name. Entries with
// names that the list has not make the whole list.
func place(to, from reflect.Value) {
	at := map[string]int{}
	if to.Kind() == reflect.Slice {
		for i := range to.Len() {
			if n, ok := nameOf(to.Index(i)); ok {
				at[n] = i
			}
		}
		known := from.Len() > 0
		for i := range from.Len() {
			n, ok := nameOf(from.Index(i))
			_, have := at[n]
			known = known && ok && have
		}
		if known && from.Len() <= to.Len() {
			for i := range from.Len() {
				n, _ := nameOf(from.Index(i))
				to.Index(at[n]).Set(from.Index(i))
			}
			return
		}
	}
	to.Set(from)
}
