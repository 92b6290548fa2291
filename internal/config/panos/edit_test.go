package panos

import (
	"errors"
	"strings"
	"testing"
)

const small = `<config version="10.1.0">
  <shared>
    <address>
      <entry name="a"><ip-netmask>192.0.2.1</ip-netmask></entry>
      <entry name="b"><fqdn>b.example</fqdn><tag><member>x</member></tag></entry>
      <entry name="c"/>
    </address>
    <tag/>
  </shared>
</config>`

// TestEdit changes one thing by its path; all other bytes stay.
func TestEdit(t *testing.T) {
	const at = "/config/shared/address/entry[@name='"
	set := func(path, text string) func(*Tree) ([]byte, error) {
		return func(t *Tree) ([]byte, error) {
			p, err := ParsePath(path)
			return must(err, func() ([]byte, error) { return t.Set(p, text) })
		}
	}
	edit := func(path, text string) func(*Tree) ([]byte, error) {
		return func(t *Tree) ([]byte, error) {
			p, err := ParsePath(path)
			return must(err, func() ([]byte, error) { return t.Replace(p, text) })
		}
	}
	remove := func(path string) func(*Tree) ([]byte, error) {
		return func(t *Tree) ([]byte, error) {
			p, err := ParsePath(path)
			return must(err, func() ([]byte, error) { return t.Remove(p) })
		}
	}
	move := func(path, where, dst string) func(*Tree) ([]byte, error) {
		return func(t *Tree) ([]byte, error) {
			p, err := ParsePath(path)
			return must(err, func() ([]byte, error) { return t.Move(p, where, dst) })
		}
	}
	rename := func(path, name string) func(*Tree) ([]byte, error) {
		return func(t *Tree) ([]byte, error) {
			p, err := ParsePath(path)
			return must(err, func() ([]byte, error) { return t.Rename(p, name) })
		}
	}
	const a, b, c = `<entry name="a"><ip-netmask>192.0.2.1</ip-netmask></entry>`, `<entry name="b"><fqdn>b.example</fqdn><tag><member>x</member></tag></entry>`, `<entry name="c"/>`
	for name, tt := range map[string]struct {
		do       func(*Tree) ([]byte, error)
		old, now string // of small; now "!…" is a part of the error
	}{
		"set a text":          {set(at+"a']", "<ip-netmask>192.0.2.9</ip-netmask>"), "192.0.2.1<", "192.0.2.9<"},
		"set in an empty one": {set(at+"c']", "<fqdn>c.example</fqdn>"), c, `<entry name="c"><fqdn>c.example</fqdn></entry>`},
		"set a member":        {set(at+"b']/tag", "<member>x</member><member>y</member>"), "<member>x</member>", "<member>x</member><member>y</member>"},
		"set an entry":        {set("/config/shared/address", `<entry name="b"><tag><member>z</member></tag></entry>`), "<member>x</member>", "<member>x</member><member>z</member>"},
		"set makes the path":  {set(`/config/shared/service/entry[@name="s&1"]/protocol`, "<tcp><port>1</port></tcp>"), "<tag/>\n  ", "<tag/>\n  " + `<service><entry name="s&amp;1"><protocol><tcp><port>1</port></tcp></protocol></entry></service>`},
		"edit":                {edit(at+"a']", `<entry name="a"><fqdn>a.example</fqdn></entry>`), a, `<entry name="a"><fqdn>a.example</fqdn></entry>`},
		"edit makes it":       {edit("/config/shared/tag/entry[@name='t']", `<entry name="t"/>`), "<tag/>", `<tag><entry name="t"/></tag>`},
		"edit of another":     {edit(at+"a']", `<entry name="z"/>`), "", "!the one that the path ends in"},
		"delete":              {remove(at + "b']"), "\n      " + b, ""},
		"delete a member":     {remove(at + "b']/tag/member[text()='x']"), "<member>x</member>", ""},
		"delete nothing":      {remove(at + "z']"), "", "!No such node"},
		"delete everything":   {remove("/config"), "", "!not deleted"},
		"rename":              {rename(at+"a']", "a<2"), `name="a"`, `name="a&lt;2"`},
		"rename an empty one": {rename(at+"c']", "d"), `name="c"`, `name="d"`},
		"to the top":          {move(at+"c']", "top", ""), a + "\n      " + b + "\n      " + c, c + "\n      " + a + "\n      " + b},
		"before":              {move(at+"c']", "before", "b"), b + "\n      " + c, c + "\n      " + b},
		"after":               {move(at+"a']", "after", "b"), a + "\n      " + b, b + "\n      " + a},
		"before nothing":      {move(at+"a']", "before", "z"), "", "!no entry"},
		"several":             {set("/config/shared/address/entry", "<x/>"), "", "!several"},
		"no path":             {remove("/config/a[@name=b]"), "", "!byte 16: want a value in quotes"},
		"another root":        {remove("/rules"), "", "!begins with /config"},
		"an entity":           {set("/config/shared", "<a>&x;</a>"), "", "!entity"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := tt.do(parsed(t, small))
			if want, bad := strings.CutPrefix(tt.now, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(small, tt.old, tt.now, 1); string(out) != want || !strings.Contains(small, tt.old) {
				t.Errorf("got\n%s\nwant\n%s", out, want)
			}
		})
	}
}

func must(err error, f func() ([]byte, error)) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return f()
}

func FuzzEdit(f *testing.F) {
	f.Add("/config/shared/address/entry[@name='a']", "<fqdn>x</fqdn>", small)
	f.Add("/config/*/tag", `<entry name="t"/>`, small)
	f.Add("/config/a[text()=\"x\"]/b", "", "<config/>")
	f.Fuzz(func(t *testing.T, path, element, file string) {
		p, err := ParsePath(path)
		var pe *PathError
		if err != nil {
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(path) {
				t.Errorf("%v", err)
			}
			return
		}
		tree, err := Parse(strings.NewReader(file))
		if err != nil {
			return
		}
		for name, do := range map[string]func() ([]byte, error){
			"set": func() ([]byte, error) { return tree.Set(p, element) }, "edit": func() ([]byte, error) { return tree.Replace(p, element) },
			"remove": func() ([]byte, error) { return tree.Remove(p) }, "rename": func() ([]byte, error) { return tree.Rename(p, element) },
			"move": func() ([]byte, error) { return tree.Move(p, "top", "") },
		} {
			if out, err := do(); err == nil {
				if _, err := Parse(strings.NewReader(string(out))); err != nil && !strings.Contains(err.Error(), "deep") {
					t.Errorf("%s gives a file that can't be read: %v\n%q", name, err, out)
				}
			}
		}
	})
}
