package tags

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRegistry: tags come and end, all changes of a call or none, and outlive a
// restart; what could not be published is published later.
func TestRegistry(t *testing.T) {
	now, down, told := time.Unix(1e9, 0), false, []string{}
	path := filepath.Join(t.TempDir(), "tags.json")
	open := func() *Registry {
		r, err := Open(path, func() time.Time { return now }, func(m map[string][]string) error {
			if down {
				return errors.New("down")
			}
			told = append(told, fmt.Sprint(m))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := open()
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.2")
	if err := r.Apply([]Change{{Address: a, Tag: "quarantine", For: time.Minute}, {Address: b, Tag: "web"}, {Address: a, Tag: "prod"}}); err != nil {
		t.Fatal(err)
	}
	const both = "map[10.0.0.1:[prod quarantine] 10.0.0.2:[web]]"
	if got := fmt.Sprint(r.Tags()); got != both {
		t.Error(got)
	}
	var bad *Error
	for _, c := range []Change{{Tag: "x"}, {Address: a}, {Address: a, Tag: "it's"}, {Address: a, Tag: strings.Repeat("x", 128)}} {
		if err := r.Apply([]Change{{Address: a, Tag: "new"}, c}); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	r = open()
	if got := fmt.Sprint(r.Tags()); got != both {
		t.Errorf("after a restart: %s", got)
	}
	down, now = true, now.Add(time.Minute)
	if r.Sweep() == nil {
		t.Error("the end was not told, and nothing said so")
	}
	down = false
	for range 2 {
		if err := r.Sweep(); err != nil {
			t.Error(err)
		}
	}
	if err := r.Apply([]Change{{Address: b, Tag: "web", Remove: true}}); err != nil {
		t.Error(err)
	}
	if want := "[" + both + " map[10.0.0.1:[prod] 10.0.0.2:[web]] map[10.0.0.1:[prod]]]"; fmt.Sprint(told) != want {
		t.Errorf("told %v\nwant %s", told, want)
	}
	var many []Change
	for i := range MaxTags + 1 {
		many = append(many, Change{Address: a, Tag: fmt.Sprint(i)})
	}
	if err := r.Apply(many); !errors.As(err, &bad) {
		t.Error(err)
	}
}
