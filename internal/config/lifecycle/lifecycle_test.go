package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const first = "version: 1\nstate: one\n"

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func open(t *testing.T, dir string, change func(*Options)) *Manager {
	t.Helper()
	o := Options{Dir: dir, First: []byte(first)}
	if change != nil {
		change(&o)
	}
	m, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// wait gives the job once it has ended.
func wait(t *testing.T, m *Manager, j Job, err error) Job {
	t.Helper()
	for err == nil && j.Ended.IsZero() && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
		j, err = m.Job(j.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func commit(t *testing.T, m *Manager, author string, o CommitOptions) Job {
	t.Helper()
	j, err := m.Commit(author, o)
	return wait(t, m, j, err)
}

func set(t *testing.T, m *Manager, author, text string) {
	t.Helper()
	if err := m.SetCandidate(author, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func runs(t *testing.T, m *Manager, text string, number uint64) {
	t.Helper()
	if got, v := m.Running(); string(got) != text || v.Number != number {
		t.Errorf("version %d runs: %q; want %d: %q", v.Number, got, number, text)
	}
}

// TestLife: edit, validate, commit, look back, restore, and all of it again
// after a restart.
func TestLife(t *testing.T) {
	dir := t.TempDir()
	var published []uint64
	m := open(t, dir, func(o *Options) {
		o.Publish = func(_ context.Context, g Generation) error { published = append(published, g.Number); return nil }
	})
	runs(t, m, first, 1)
	const second = "# ours\nversion: 1\nstate:   two # kept as it is\n"
	set(t, m, "anna", second)
	if d, err := m.Diff(); err != nil || len(d) != 1 || d[0].Path != "state" {
		t.Errorf("diff %+v, %v", d, err)
	}
	if j := commit(t, m, "anna", CommitOptions{Comment: "to two"}); j.State != Done || j.Version != 2 {
		t.Errorf("job %+v", j)
	}
	runs(t, m, second, 2)
	set(t, m, "ben", "version: 1\nstat: three\n")
	if errs, _ := m.Validate(); len(errs) != 1 {
		t.Errorf("errors %v", errs)
	}
	if j := commit(t, m, "ben", CommitOptions{}); j.State != Failed || !strings.Contains(j.Message, "candidate:2:1") || len(j.Errors()) != 1 {
		t.Errorf("job %+v", j)
	}
	runs(t, m, second, 2)
	if err := m.SetCandidate("ben", []byte("a: [")); err == nil {
		t.Error("no YAML is taken")
	}
	if err := m.Save("wip-1"); err != nil {
		t.Fatal(err)
	}
	if err := m.Revert("ben"); err != nil {
		t.Fatal(err)
	}
	if _, changed := m.Candidate(); changed || len(m.Edits()) > 0 {
		t.Errorf("changed after a revert: %v", m.Edits())
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}

	m = open(t, dir, nil)
	runs(t, m, second, 2)
	if err := m.Load("ben", "wip-1"); err != nil {
		t.Fatal(err)
	}
	if err := m.Restore("ben", 1); err != nil {
		t.Fatal(err)
	}
	if j := commit(t, m, "ben", CommitOptions{}); j.State != Done {
		t.Errorf("job %+v", j)
	}
	runs(t, m, first, 3)
	h := m.History()
	if len(h) != 3 || h[0].Author != "ben" || h[1].Comment != "to two" || h[2].Author != "system" {
		t.Errorf("history %+v", h)
	}
	if names, err := m.Saved(); err != nil || !slices.Equal(names, []string{"wip-1"}) {
		t.Errorf("saved %v, %v", names, err)
	}
	if !slices.Equal(published, []uint64{2}) {
		t.Errorf("published %v", published)
	}
	if _, err := Open(Options{Dir: dir, First: []byte(first)}); err == nil {
		t.Error("two managers on one folder")
	}
}

func TestNames(t *testing.T) {
	m := open(t, t.TempDir(), nil)
	for _, name := range []string{"", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\x00", strings.Repeat("a", 64)} {
		if err := errors.Join(m.Save(name)); err == nil {
			t.Errorf("saved as %q", name)
		}
		if err := m.Load("a", name); err == nil {
			t.Errorf("loaded %q", name)
		}
	}
	if _, err := m.Text(7); err == nil {
		t.Error("version 7 is there")
	}
}

// TestOnly: the changes of one author, where they can be told from others'.
func TestOnly(t *testing.T) {
	const base = "version: 1\n# where\nstate: one\npolicy:\n  zones: []\n  rules: []\nhealth: {address: \"\"}\n"
	m := open(t, t.TempDir(), func(o *Options) { o.First = []byte(base) })
	anna := strings.Replace(base, "state: one", "state: two", 1)
	both := strings.Replace(anna, "  rules: []", "  rules: [] # ben was here", 1)
	set(t, m, "anna", anna)
	set(t, m, "ben", both)
	if e := m.Edits(); !slices.Equal(e, []Edit{{"anna", "state"}, {"ben", "policy.rules"}}) {
		t.Fatalf("edits %v", e)
	}
	if j := commit(t, m, "anna", CommitOptions{Only: "anna"}); j.State != Done {
		t.Fatalf("job %+v", j)
	}
	runs(t, m, anna, 2)
	if c, changed := m.Candidate(); string(c) != both || !changed {
		t.Errorf("the candidate lost something: %s", c)
	}
	if j := commit(t, m, "carl", CommitOptions{Only: "carl"}); j.State != Failed || !strings.Contains(j.Message, "carl has changed nothing") {
		t.Errorf("job %+v", j)
	}
	set(t, m, "anna", strings.Replace(both, "ben was here", "so was anna", 1))
	if j := commit(t, m, "ben", CommitOptions{Only: "ben"}); j.State != Failed || !strings.Contains(j.Message, "anna has changed policy.rules: too") {
		t.Errorf("job %+v", j)
	}
	if j := commit(t, m, "ben", CommitOptions{}); j.State != Done || len(m.Edits()) > 0 {
		t.Errorf("job %+v, edits %v", j, m.Edits())
	}
}

func TestLocks(t *testing.T) {
	m := open(t, t.TempDir(), nil)
	for _, k := range []LockKind{ConfigLock, CommitLock} {
		if err := m.Lock(k, "anna", "at work"); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.SetCandidate("ben", []byte("version: 1\n")); err == nil {
		t.Error("ben edits")
	}
	if _, err := m.Commit("ben", CommitOptions{}); err == nil {
		t.Error("ben commits")
	}
	if err := m.Unlock(ConfigLock, "ben", false); err == nil {
		t.Error("ben unlocks")
	}
	if err := errors.Join(m.Unlock(ConfigLock, "root", true), m.Unlock(CommitLock, "anna", false)); err != nil {
		t.Error(err)
	}
	if err := m.Unlock(ConfigLock, "anna", false); err == nil || len(m.Locks()) > 0 {
		t.Error("a lock that nobody holds is released")
	}
}

// TestConfirm: a commit that nobody confirms is undone, also after a restart.
func TestConfirm(t *testing.T) {
	dir, c := t.TempDir(), &clock{time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	m := open(t, dir, func(o *Options) { o.Now = c.now })
	const second = "version: 1\nstate: two\n"
	set(t, m, "anna", second)
	commit(t, m, "anna", CommitOptions{Confirm: 10 * time.Minute})
	runs(t, m, second, 2)
	if err := m.Confirm(); err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(time.Hour)
	if err := m.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	runs(t, m, second, 2)
	set(t, m, "anna", first)
	commit(t, m, "anna", CommitOptions{Confirm: 10 * time.Minute})
	runs(t, m, first, 3)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(10 * time.Minute)
	m = open(t, dir, func(o *Options) { o.Now = c.now })
	if m.Unconfirmed().IsZero() {
		t.Fatal("the restart forgot")
	}
	for range 2 {
		if err := m.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	runs(t, m, second, 4)
	if v := m.History()[0]; v.Back != 2 || v.Author != "system" {
		t.Errorf("%+v", v)
	}
}

// TestReadyAndPublish: a reason not to commit is told; a generation that can't
// be handed on is handed on later.
func TestReadyAndPublish(t *testing.T) {
	ready, down, got := errors.New("no password"), true, []uint64{}
	m := open(t, t.TempDir(), func(o *Options) {
		o.Ready = func(context.Context) error { return ready }
		o.Publish = func(_ context.Context, g Generation) error {
			if down {
				return errors.New("no sensor")
			}
			got = append(got, g.Number)
			return nil
		}
	})
	set(t, m, "anna", "version: 1\n")
	if j := commit(t, m, "anna", CommitOptions{}); j.State != Failed || j.Message != "no password" {
		t.Errorf("%+v", j)
	}
	ready = nil
	if j := commit(t, m, "anna", CommitOptions{}); j.State != Done || !strings.Contains(j.Message, "no sensor") {
		t.Errorf("%+v", j)
	}
	if err := m.Tick(t.Context()); err == nil {
		t.Error("the sensor is still away")
	}
	down = false
	for range 2 {
		if err := m.Tick(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(got, []uint64{2}) {
		t.Errorf("published %v", got)
	}
	m.Report(Report{Sensor: "b", Number: 1, Error: "refused"})
	m.Report(Report{Sensor: "a", Number: 2})
	if r := m.Reports(); len(r) != 2 || r[0].Sensor != "a" || r[1].Error != "refused" {
		t.Errorf("%+v", r)
	}
}

// TestJobs: one works, others wait and can be cancelled; so can the one at work
// until it changes something.
func TestJobs(t *testing.T) {
	enter, leave := make(chan struct{}), make(chan struct{})
	m := open(t, t.TempDir(), func(o *Options) {
		o.Ready = func(ctx context.Context) error {
			// The end of the manager, too, ends a job that nobody waits for.
			select {
			case enter <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case <-leave:
			case <-t.Context().Done():
			}
			return ctx.Err()
		}
	})
	set(t, m, "anna", "version: 1\n")
	a, err := m.Commit("anna", CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	<-enter
	b, err := m.Commit("ben", CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Cancel(b.ID), m.Cancel(a.ID)); err != nil {
		t.Fatal(err)
	}
	leave <- struct{}{}
	for _, j := range []Job{a, b} {
		if j = wait(t, m, j, nil); j.State != Cancelled {
			t.Errorf("%+v", j)
		}
	}
	if m.Cancel(a.ID) == nil || m.Cancel(99) == nil {
		t.Error("a job that is none was cancelled")
	}
	runs(t, m, first, 1)
	var full error
	for range maxQueue + 2 {
		if _, err := m.Commit("anna", CommitOptions{}); err != nil {
			full = err
		}
	}
	if full == nil {
		t.Error("the queue has no bound")
	}
	for _, j := range m.Jobs() {
		_ = m.Cancel(j.ID) // those that have ended
	}
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, func(o *Options) { o.Keep = 3 })
	for i := range 6 {
		set(t, m, "anna", fmt.Sprintf("version: 1\nstate: s%d\n", i))
		commit(t, m, "anna", CommitOptions{})
	}
	list, err := os.ReadDir(filepath.Join(dir, "versions"))
	if h := m.History(); len(h) != 3 || h[0].Number != 7 || err != nil || len(list) != 3 {
		t.Errorf("history %+v, %d files, %v", h, len(list), err)
	}
}

// TestCut: whatever step of a commit is the last, the old configuration runs or
// the new one, and the next commit works.
func TestCut(t *testing.T) {
	const second = "version: 1\nstate: two\n"
	for last := 0; ; last++ {
		dir, n, cut := t.TempDir(), -1, false
		m := open(t, dir, func(o *Options) {
			o.step = func(string) error {
				if n < 0 {
					return nil
				}
				if n++; n > last {
					cut = true
					return errors.New("cut off")
				}
				return nil
			}
		})
		set(t, m, "anna", second)
		n = 0
		j := commit(t, m, "anna", CommitOptions{})
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		m = open(t, dir, nil)
		switch got, v := m.Running(); {
		case string(got) == first && v.Number == 1 && cut:
		case string(got) == second && v.Number == 2:
		default:
			t.Fatalf("after step %d: version %d, %q", last, v.Number, got)
		}
		set(t, m, "anna", "version: 1\nstate: three\n")
		if j := commit(t, m, "anna", CommitOptions{}); j.State != Done {
			t.Fatalf("after step %d: %+v", last, j)
		}
		if !cut {
			if j.State != Done || last < 5 {
				t.Errorf("done after %d steps: %+v", last, j)
			}
			return
		}
	}
}

// FuzzSections: a text is its sections, one behind the other.
func FuzzSections(f *testing.F) {
	for _, s := range []string{first, "", "a: 1\n\n# c\nb:\n  x: 1\npolicy:\n  zones: []\n  # r\n  rules:\n  - a\n", "{a: 1, b: 2}", "a: 1\na: 2\n", "policy: {a: 1}\n", "a:\n  &x b\n", "? a\n: b\n", "a: |\n  b: 1\nc: 2", "--- \na: 1\n...\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := sections(text)
		if err != nil {
			return
		}
		var all []byte
		for _, s := range list {
			all = append(all, text[s.from:s.to]...)
		}
		if !bytes.Equal(all, text) {
			t.Fatalf("%q became %q", text, all)
		}
	})
}

// BenchmarkCommit commits 10,000 security rules.
func BenchmarkCommit(b *testing.B) {
	m, err := Open(Options{Dir: b.TempDir(), First: []byte(first)})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for i := 0; b.Loop(); i++ {
		var s strings.Builder
		fmt.Fprintf(&s, "version: 1\nstate: s%d\npolicy:\n  rules:\n", i)
		for r := range 10_000 {
			fmt.Fprintf(&s, "    - {name: rule-%d, from: [any], to: [any], source: [10.%d.%d.0/24], destination: [any], application: [ssl, web-browsing], service: [application-default], action: allow}\n", r, r/256%256, r%256)
		}
		if err := m.SetCandidate("a", []byte(s.String())); err != nil {
			b.Fatal(err)
		}
		j, err := m.Commit("a", CommitOptions{})
		for err == nil && j.Ended.IsZero() {
			time.Sleep(time.Millisecond)
			j, err = m.Job(j.ID)
		}
		if err != nil || j.State != Done {
			b.Fatal(j, err)
		}
	}
}
