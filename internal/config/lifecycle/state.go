package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// state is the file that a commit changes: what it says is so.
type state struct {
	Running uint64 `json:"running"`
	// Managed says that somebody has committed here: the file does not count.
	Managed  bool      `json:"managed,omitempty"`
	Versions []Version `json:"versions"` // the oldest first
	Edits    []Edit    `json:"edits,omitempty"`
	Locks    []Lock    `json:"locks,omitempty"`
	Confirm  *confirm  `json:"confirm,omitempty"`
}

// Edit says that an author changed a section of the candidate since the last
// commit of it.
type Edit struct {
	Author  string `json:"author"`
	Section string `json:"section"` // a key of the document, or policy.KEY
}

// confirm is a commit that is undone unless someone confirms it.
type confirm struct {
	By   time.Time `json:"by"`
	Back uint64    `json:"back"`
}

func (s *state) clone() state {
	c := *s
	c.Versions, c.Edits, c.Locks = slices.Clone(s.Versions), slices.Clone(s.Edits), slices.Clone(s.Locks)
	return c
}

// version finds one by its number; the zero Version stands for none.
func (s *state) version(number uint64) Version {
	for _, v := range s.Versions {
		if v.Number == number {
			return v
		}
	}
	return Version{}
}

// LockKind is what a lock keeps others from.
type LockKind string

// Kinds of locks.
const (
	ConfigLock LockKind = "config" // editing the candidate
	CommitLock LockKind = "commit" // committing
)

// Lock is one that is held.
type Lock struct {
	Kind    LockKind  `json:"kind"`
	Author  string    `json:"author"`
	Comment string    `json:"comment,omitempty"`
	Time    time.Time `json:"time"`
}

func (s *state) lockOf(kind LockKind) *Lock {
	for i := range s.Locks {
		if s.Locks[i].Kind == kind {
			return &s.Locks[i]
		}
	}
	return nil
}

// Lock keeps others from editing or committing until it is released.
func (m *Manager) Lock(kind LockKind, author, comment string) error {
	if kind != ConfigLock && kind != CommitLock {
		return missing("config or commit", "no lock is called %q", kind)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.state.lockOf(kind); l != nil {
		return refuse("they, or a superuser, can release it", "%s holds the %s lock since %s", l.Author, kind, l.Time.UTC().Format(time.RFC3339))
	}
	next := m.state.clone()
	next.Locks = append(next.Locks, Lock{kind, author, comment, m.opt.Now()})
	return m.save(next)
}

// Unlock releases a lock of author's; force, for superusers, anyone's.
func (m *Manager) Unlock(kind LockKind, author string, force bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.state.lockOf(kind)
	if l == nil {
		return refuse("", "nobody holds the %s lock", kind)
	}
	if l.Author != author && !force {
		return refuse("ask them, or a superuser", "%s holds the %s lock", l.Author, kind)
	}
	next := m.state.clone()
	next.Locks = slices.DeleteFunc(next.Locks, func(l Lock) bool { return l.Kind == kind })
	return m.save(next)
}

// Locks are those that are held.
func (m *Manager) Locks() []Lock {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.state.Locks)
}

func (m *Manager) path(name string) string { return filepath.Join(m.opt.Dir, filepath.FromSlash(name)) }

func versionFile(number uint64) string { return fmt.Sprintf("versions/%08d.yaml", number) }

func (m *Manager) read(name string) ([]byte, error) { return os.ReadFile(m.path(name)) }

// write replaces a file: it holds the old bytes or the new, and these are on the
// disk when it returns.
func (m *Manager) write(name string, text []byte) error {
	path := m.path(name)
	steps := []struct {
		what string
		do   func() error
	}{
		{"write", func() error { return writeSynced(path+".new", text) }},
		{"rename", func() error { return os.Rename(path+".new", path) }},
		{"sync", func() error { return syncDir(filepath.Dir(path)) }},
	}
	for _, s := range steps {
		if err := m.opt.step(s.what + " " + name); err != nil {
			return err
		}
		if err := s.do(); err != nil {
			return err
		}
	}
	return nil
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// save makes next what is so; the caller holds mu.
func (m *Manager) save(next state) error {
	text, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return err
	}
	if err := m.write("state.json", text); err != nil {
		return err
	}
	m.state = next
	return nil
}

// load reads the folder, or makes version 1 of Options.First.
func (m *Manager) load() error {
	text, err := m.read("state.json")
	if errors.Is(err, os.ErrNotExist) {
		return m.first()
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &m.state); err != nil {
		return fmt.Errorf("state.json: %w", err)
	}
	if m.running, err = m.read(versionFile(m.state.Running)); err != nil {
		return err
	}
	if m.candidate, err = m.read("candidate.yaml"); errors.Is(err, os.ErrNotExist) {
		m.candidate, err = m.running, nil
	}
	if err = errors.Join(err, m.clear()); err != nil || m.opt.First == nil || string(m.running) == string(m.opt.First) {
		return err
	}
	if m.opt.Force || !m.state.Managed {
		return m.replace(m.opt.First)
	}
	return nil
}

func (m *Manager) first() error {
	if _, err := sections(m.opt.First); err != nil {
		return err
	}
	m.candidate = m.opt.First
	return m.commit(Version{Author: "system", Comment: "read from the configuration file", File: true}, m.opt.First, nil)
}

// clear removes files of versions that the history does not have: those that
// were given up, and those of a commit that was cut off.
func (m *Manager) clear() error {
	list, err := os.ReadDir(m.path("versions"))
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, v := range m.state.Versions {
		keep[filepath.Base(versionFile(v.Number))] = true
	}
	for _, f := range list {
		if !keep[f.Name()] {
			err = errors.Join(err, os.Remove(m.path("versions/"+f.Name())))
		}
	}
	return err
}

func (m *Manager) saved() ([]string, error) {
	list, err := os.ReadDir(m.path("saved"))
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, f := range list {
		if name, ok := strings.CutSuffix(f.Name(), ".yaml"); ok {
			out = append(out, name)
		}
	}
	return out, nil
}
