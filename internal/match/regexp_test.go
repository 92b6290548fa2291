package match

import "testing"

func TestRegexp(t *testing.T) {
	r, err := CompileRegexp(`id=(?<id>\d+)&name=(\w*)`, Caseless)
	if err != nil {
		t.Fatal(err)
	}
	var sc Scratch
	b := []byte("/x?ID=12&NAME=bob&id=3&name=")
	if start, end, ok := r.Find(b, 0, &sc); start != 3 || end != 17 || !ok {
		t.Errorf("Find: got %d %d %v", start, end, ok)
	}
	if start, end, ok := r.Find(b, 4, &sc); start != 18 || end != 28 || !ok {
		t.Errorf("Find from 4: got %d %d %v", start, end, ok)
	}
	if _, _, ok := r.Find(b, 19, &sc); ok {
		t.Error("Find from 19: got a match")
	}
	if _, _, ok := r.Find(b, 99, &sc); ok {
		t.Error("Find behind the end: got a match")
	}
	groups := r.FindSubmatch(b, 0, &sc)
	if id := groups[2*r.Group("id"):]; string(b[id[0]:id[1]]) != "12" || r.NumGroups() != 2 {
		t.Errorf("FindSubmatch: got %v", groups)
	}
	if r.FindSubmatch([]byte("nothing"), 0, &sc) != nil {
		t.Error("FindSubmatch: got a match in nothing")
	}
	if _, err := CompileRegexp("(", 0); err == nil {
		t.Error("CompileRegexp: want an error")
	}
}
