package appid

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/apps"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

func load(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load(apps.FS)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// message returns an example's bytes.
func message(t *testing.T, hexText, text string) []byte {
	t.Helper()
	b, _, err := parseHex(hexText, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, text...)
}

// TestExamples shows every example of the catalogue to the whole catalogue: it
// must find the application that owns the example, cut anywhere.
func TestExamples(t *testing.T) {
	c := load(t)
	n := 0
	for _, app := range c.Apps() {
		for i := range app.match.First {
			f := &app.match.First[i]
			if len(f.Examples) == 0 {
				t.Errorf("%s: first[%d]: no example", app.Name, i)
			}
			for j := range f.Examples {
				testExample(t, c, app, f, &f.Examples[j])
				n++
			}
		}
	}
	if n < 200 {
		t.Errorf("want at least 200 examples, got %d", n)
	}
}

func testExample(t *testing.T, c *Catalogue, app *App, f *firstBytes, e *example) {
	t.Helper()
	b, reply := message(t, e.Hex, e.Text), message(t, e.Reply, "")
	p, err := compilePattern(app, f)
	if err != nil {
		t.Fatal(err)
	}
	proto, cuts := uint8(packet.ProtoTCP), []int{len(b), 1, 7}
	if f.Transport == "udp" {
		proto, cuts = packet.ProtoUDP, cuts[:1]
	}
	for _, d := range []Dir{packet.ToServer, packet.ToClient} {
		if p.from >= 0 && Dir(p.from) != d {
			continue
		}
		for _, cut := range cuts {
			if len(b)-maxFirst > maxRounds*cut {
				continue // longer than what is looked at in such small pieces
			}
			var s State
			c.Begin(&s, proto, 40000, e.Port)
			for i := range p.repeat {
				if p.serial > 0 {
					b[p.serial+1] = i
				}
				for rest := b; len(rest) > 0; {
					n := min(cut, len(rest))
					c.Bytes(&s, d, rest[:n])
					rest = rest[n:]
				}
				c.Bytes(&s, d.Opposite(), reply)
			}
			if f.Refines != "" {
				c.Decoder(&s, f.Refines)
			}
			v := c.Verdict(&s, &Facts{Payload: [2]uint64{100, 100}})
			if v.Name != app.Name {
				t.Errorf("%s: %q dir %d cut %d: got %s", app.Name, b[:min(len(b), 32)], d, cut, v.Name)
			}
		}
	}
}

// TestEntries holds the manners of the catalogue's text.
func TestEntries(t *testing.T) {
	categories := map[string]bool{
		"business-systems": true, "collaboration": true, "networking": true,
		"general-internet": true, "media": true,
	}
	technologies := map[string]bool{
		"client-server": true, "browser-based": true, "network-protocol": true, "peer-to-peer": true,
	}
	seen := map[string]string{}
	for _, a := range load(t).Apps() {
		if !categories[a.Category] || !technologies[a.Technology] {
			t.Errorf("%s: category %q, technology %q", a.Name, a.Category, a.Technology)
		}
		if !strings.HasSuffix(a.Description, ".") || len(a.Description) > 120 || seen[a.Description] != "" {
			t.Errorf("%s: want one short sentence of its own, got %q", a.Name, a.Description)
		}
		seen[a.Description] = a.Name
		if how(a) == "" {
			t.Errorf("%s: nothing tells it", a.Name)
		}
		switch a.Name {
		case Incomplete, InsufficientData, UnknownTCP, UnknownUDP, NotApplicable:
			t.Errorf("%s: a sentinel is no application", a.Name)
		}
	}
}
