package policy

import (
	"sync"
	"testing"
	"time"
)

// TestHits: counts by rule, from several workers, with the first and the last;
// rules of the same name go on with them in the next policy.
func TestHits(t *testing.T) {
	compile := func(names ...string) *Policy {
		doc := &Document{}
		for _, n := range names {
			doc.Rules = append(doc.Rules, Rule{Name: n, Action: "allow"})
		}
		p, problems := Compile(doc, Env{})
		for _, x := range problems {
			if !x.Warning {
				t.Fatal(x)
			}
		}
		return p
	}
	p := compile("a", "b")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				d := Decision{rule: &p.rules[1]}
				d.Hit(int64(1 + i*4 + w))
			}
		})
	}
	wg.Wait()
	d := Decision{rule: &p.interzone}
	d.Hit(int64(time.Second))
	(&Decision{}).Hit(1) // no rule, no count
	next := compile("b", "c")
	next.Inherit(p)
	d = Decision{rule: &p.rules[1]}
	d.Hit(int64(time.Minute)) // by a worker that has the old one still
	want := []Hits{{Rule: "b", Count: 4001, Last: time.Unix(60, 0).UTC()}, {Rule: "c"}, {Rule: "intrazone-default"},
		{Rule: "interzone-default", Count: 1, First: time.Unix(1, 0).UTC(), Last: time.Unix(1, 0).UTC()}}
	for i, got := range next.Hits() {
		if i == 0 {
			if got.First.IsZero() || got.First.After(time.Unix(0, 4000)) {
				t.Errorf("first %v", got.First)
			}
			got.First = time.Time{}
		}
		if got != want[i] {
			t.Errorf("%+v, want %+v", got, want[i])
		}
	}
	next.Inherit(nil)
}

// TestLogStart: a setting without effect is told once, at the first of them.
func TestLogStart(t *testing.T) {
	doc := &Document{Rules: []Rule{{Name: "a", Action: "allow"}, {Name: "b", Action: "deny", LogStart: true}, {Name: "c", Action: "deny", LogStart: true}}}
	_, problems := Compile(doc, Env{})
	n := 0
	for _, p := range problems {
		if p.Msg == "log_start of 2 rules has no effect: a record is written when a flow ends" && p.Warning && len(p.Path) == 3 && p.Path[1] == 1 {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%+v", problems)
	}
}
