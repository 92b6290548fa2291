package lifecycle

import "testing"

// TestFile: what the configuration file says runs until somebody commits; then
// only Force brings it back.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, nil)
	const second, third = "version: 1\nstate: two\n", "version: 1\nstate: three\n"
	if ok, err := m.TakeFile([]byte(second)); !ok || err != nil || m.Managed() {
		t.Fatal(ok, err)
	}
	runs(t, m, second, 2)
	if text, changed := m.Candidate(); changed || string(text) != second {
		t.Errorf("the candidate did not follow: %q", text)
	}
	set(t, m, "anna", third)
	if ok, err := m.TakeFile([]byte(first)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if text, changed := m.Candidate(); !changed || string(text) != third || len(m.Edits()) != 1 {
		t.Errorf("an edited candidate was lost: %q", text)
	}
	if j := commit(t, m, "anna", CommitOptions{}); j.State != Done || !m.Managed() {
		t.Fatalf("%+v", j)
	}
	if ok, err := m.TakeFile([]byte(second)); ok || err != nil {
		t.Error(ok, err)
	}
	runs(t, m, third, 4)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t, dir, func(o *Options) { o.First = []byte(second) })
	runs(t, m, third, 4)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open(t, dir, func(o *Options) { o.First, o.Force = []byte(second), true })
	runs(t, m, second, 5)
	if h := m.History(); !h[0].File || h[1].File || !m.Managed() {
		t.Errorf("%+v", h)
	}
}
