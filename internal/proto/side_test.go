package proto

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSides checks what is said of each direction, however its first bytes are
// cut.
func TestSides(t *testing.T) {
	type side struct {
		Name  string
		Known bool
	}
	big := string(make([]byte, maxUnanswered))
	for _, tt := range []struct {
		name   string
		do     []act
		want   [2]side
		events []DetectionEvent
	}{
		{"both", []act{data(0, "one\n"), data(1, "one\n")}, [2]side{{"one", true}, {"one", true}}, nil},
		{"one only yet", []act{data(0, "one\n")}, [2]side{{"one", true}, {}}, nil},
		{"cannot tell yet", []act{data(0, "one\n"), data(1, "0")}, [2]side{{"one", true}, {}}, nil},
		{"two protocols", []act{data(0, "one\n"), data(1, "two\n")},
			[2]side{{"one", true}, {"two", true}}, []DetectionEvent{EventMismatch}},
		{"two protocols, the server's first", []act{data(1, "two\n"), data(0, "one\n")},
			[2]side{{"one", true}, {"two", true}}, []DetectionEvent{EventMismatch}},
		{"the other late", []act{data(0, "x"), data(1, "two\n")},
			[2]side{{"", true}, {"two", true}}, []DetectionEvent{EventOneDirection}},
		{"the other unknown", []act{data(0, "one\n"), data(1, "x"), data(1, "one\n")},
			[2]side{{"one", true}, {"", true}}, []DetectionEvent{EventOneDirection}},
		{"held, then another", []act{data(1, "0"), data(0, "one\n"), data(1, "w")}, [2]side{{"one", true}, {}}, nil},
		{"neither", []act{data(0, "x"), data(1, "x")}, [2]side{{"", true}, {"", true}}, nil},
		{"neither yet", []act{data(0, "x")}, [2]side{}, nil},
		{"no answer", []act{data(0, "x"), data(0, big), data(0, "x")},
			[2]side{{"", true}, {"", true}}, []DetectionEvent{EventSkipped}},
		{"an answer", []act{data(0, "x"), data(1, "0"), data(0, big), data(0, "x")}, [2]side{}, nil},
		{"behind a hole", []act{data(0, "one\n"), gap(1, 5), data(1, "two\n")}, [2]side{{"one", true}, {"one", true}}, nil},
		{"changed", []act{data(0, "up two\n"), data(1, "x"), {do: "settle"}}, [2]side{{}, {"", true}}, []DetectionEvent{EventOneDirection}},
		{"change asked for, no bytes yet", []act{data(0, "up two\n"), {do: "settle"}}, [2]side{{"one", true}, {}}, nil},
		{"wrong side first", []act{data(1, "later\n"), data(0, "later\n")},
			[2]side{{"later", true}, {"later", true}}, []DetectionEvent{EventWrongDirection}},
		{"right side first", []act{data(0, "later\n"), data(1, "later\n")}, [2]side{{"later", true}, {"later", true}}, nil},
		{"the wrong side alone", []act{data(1, "later\n")}, [2]side{{}, {"later", true}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var calls []string
			p := world(&calls)
			one := p.Registry.Descriptors[0]
			p = NewPool(NewRegistry(append(p.Registry.Descriptors, &Descriptor{
				Name: "later", TCP: true, First: MaskServer, New: one.New,
				Probe: func(_ Dir, b []byte) Verdict {
					if b[0] == 'l' {
						return Accept
					}
					return Reject
				},
			})), nil)
			s := p.Get(false, 0, 0)
			for _, a := range tt.do {
				a.on(s)
			}
			var got [2]side
			for d := range got {
				desc, known := s.Decided(Dir(d))
				got[d].Known = known
				if desc != nil {
					got[d].Name = desc.Name
				}
			}
			var events []DetectionEvent
			for e := range s.Events.All {
				events = append(events, e)
				if again, ok := DetectionEventByName(e.String()); !ok || again != e {
					t.Errorf("%s: not found by name", e)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.events, events); diff != "" {
				t.Error(diff)
			}
		})
	}
}
