package rulesource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
)

// Store is the folder of the rules that came from sources:
//
//	current              the number of the generation in force
//	generations/000007/  manifest.json, and SOURCE/… with the files to load
//	blobs/SHA256         what the publishers sent, shared by generations
//
// A generation is complete before it has its name, and current changes by a
// rename: who reads finds a whole set at any moment, also after a crash.
//
// Its files are readable for all users: the service may be another one than
// who updates.
type Store struct{ dir string }

// keep is how many generations stay: the one in force and those that a
// rollback leads to.
const keep = 3

// NewStore is the store in a folder, which need not exist.
func NewStore(dir string) *Store { return &Store{dir} }

// Manifest describes one generation.
type Manifest struct {
	Generation int       `json:"generation"`
	Previous   int       `json:"previous,omitempty"` // in force before it
	Created    time.Time `json:"created"`
	Hash       string    `json:"hash"` // of names and contents of the files
	Forced     bool      `json:"forced,omitempty"`
	Sources    []Entry   `json:"sources"`
}

// Entry is one source in a generation.
type Entry struct {
	Name string `json:"name"`
	State
	Changed time.Time `json:"changed"` // when its content was new
	Checked time.Time `json:"checked"` // when its publisher was last asked with success
	Counts  Counts    `json:"counts"`
	Files   []string  `json:"files"`
}

// Source returns the entry of a source, nil without one.
func (m *Manifest) Source(name string) *Entry {
	if m == nil {
		return nil
	}
	for i := range m.Sources {
		if m.Sources[i].Name == name {
			return &m.Sources[i]
		}
	}
	return nil
}

// maxManifest bounds what is read of a manifest.
const maxManifest = 16 << 20

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// Generations is the folder in which the files of all generations are.
func (s *Store) Generations() string { return s.path("generations") }

func (s *Store) generation(n int, elem ...string) string {
	return s.path(append([]string{"generations", fmt.Sprintf("%06d", n)}, elem...)...)
}

func (s *Store) blob(sum string) string { return s.path("blobs", sum) }

// Current is the manifest in force, nil when there is none yet.
func (s *Store) Current() (*Manifest, error) {
	text, err := readBounded(s.path("current"), 64)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.broken(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 1 {
		return nil, s.broken(errors.New("current: no number of a generation"))
	}
	return s.manifest(n)
}

func (s *Store) manifest(n int) (*Manifest, error) {
	text, err := readBounded(s.generation(n, "manifest.json"), maxManifest)
	m := &Manifest{}
	if err == nil {
		err = json.Unmarshal(text, m)
	}
	if err == nil && (m.Generation != n || slices.ContainsFunc(m.Sources, func(e Entry) bool { return !e.valid() })) {
		err = fmt.Errorf("generation %d: manifest.json does not describe it", n)
	}
	if err != nil {
		return nil, s.broken(err)
	}
	return m, nil
}

// valid reports whether names are such as this package writes.
func (e *Entry) valid() bool {
	for _, f := range e.Files {
		if _, err := memberName(f); err != nil {
			return false
		}
	}
	return validName(e.Name) && digestOf(e.Blob, 64) != ""
}

func (s *Store) broken(err error) error {
	return hinted("it must be readable by the user that runs this; remove the folder and run mirrorwall rules update to build it anew",
		"rules store %s: %w", s.dir, err)
}

// Paths are the files to load of one source in a generation.
func (s *Store) Paths(m *Manifest, source string) []string {
	var out []string
	if e := m.Source(source); e != nil {
		for _, f := range e.Files {
			out = append(out, s.generation(m.Generation, e.Name, filepath.FromSlash(f)))
		}
	}
	return out
}

// Sets reads the files of a generation, nothing for nil.
func (s *Store) Sets(m *Manifest) ([]Set, error) {
	var out []Set
	if m == nil {
		return nil, nil
	}
	for _, e := range m.Sources {
		set := Set{Source: e.Name}
		for i, p := range s.Paths(m, e.Name) {
			text, err := readBounded(p, maxUnpacked)
			if err != nil {
				return nil, s.broken(err)
			}
			set.Files = append(set.Files, File{e.Files[i], text})
		}
		out = append(out, set)
	}
	return out, nil
}

// content reads what a source brought last, and sees that it is still that.
func (s *Store) content(e *Entry) ([]byte, error) {
	b, err := readBounded(s.blob(e.Blob), maxUnpacked)
	if err != nil {
		return nil, s.broken(err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != e.Blob {
		return nil, s.broken(fmt.Errorf("blobs/%s: damaged", e.Blob))
	}
	return b, nil
}

// Lock makes this process the only one that changes the store until the
// returned function is called.
func (s *Store) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(s.path("generations"), 0o755); err != nil {
		return nil, s.unwritable(err)
	}
	if err := os.MkdirAll(s.path("blobs"), 0o755); err != nil {
		return nil, s.unwritable(err)
	}
	f, err := os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, s.unwritable(err)
	}
	unlock = func() { _ = f.Close() } // nothing was written to it
	if err := filelock.Lock(f); err != nil {
		unlock()
		return nil, hinted("another rules update or rollback is at work: wait for it", "rules store %s: %w", s.dir, err)
	}
	return unlock, nil
}

func (s *Store) unwritable(err error) error {
	return hinted("state: of the configuration names the folder; it must be writable", "rules store: %w", err)
}

// hashOf names a set by its content.
func hashOf(sets []Set) string {
	h := sha256.New()
	for _, set := range sets {
		for _, f := range set.Files {
			fmt.Fprintf(h, "%q %q %d\n", set.Source, f.Name, len(f.Text))
			h.Write(f.Text)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// add writes a new generation and puts it in force; m.Generation is set.
func (s *Store) add(m *Manifest, sets []Set) error {
	m.Generation = s.newest() + 1
	tmp, err := os.MkdirTemp(s.path("generations"), ".new-")
	if err != nil {
		return s.unwritable(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // gone already when all went well
	for _, set := range sets {
		for _, f := range set.Files {
			name := filepath.Join(tmp, set.Source, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return s.unwritable(err)
			}
			if err := writeFile(name, f.Text); err != nil {
				return s.unwritable(err)
			}
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	err = errors.Join(writeFile(filepath.Join(tmp, "manifest.json"), text), os.Chmod(tmp, 0o755))
	if err == nil {
		err = os.Rename(tmp, s.generation(m.Generation))
	}
	if err == nil {
		err = syncFolder(s.path("generations"))
	}
	if err != nil {
		return s.unwritable(err)
	}
	return s.activate(m.Generation)
}

func (s *Store) activate(n int) error {
	if err := s.replace(s.path("current"), fmt.Appendf(nil, "%d\n", n)); err != nil {
		return s.unwritable(err)
	}
	return nil
}

// refresh rewrites the manifest of the generation in force.
func (s *Store) refresh(m *Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = s.replace(s.generation(m.Generation, "manifest.json"), text)
	}
	if err != nil {
		return s.unwritable(err)
	}
	return nil
}

// replace writes a file in one step.
func (s *Store) replace(name string, text []byte) error {
	tmp := name + ".tmp"
	if err := writeFile(tmp, text); err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// keepBlob stores what a source brought.
func (s *Store) keepBlob(sum string, content []byte) error {
	if err := s.replace(s.blob(sum), content); err != nil {
		return s.unwritable(err)
	}
	return nil
}

// writeFile writes a file through to the disk.
func writeFile(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncFolder makes renames in a folder last.
func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) {
		err = nil // not every file system can
	}
	return errors.Join(err, d.Close())
}

// numbers are the generations that are there, the newest first.
func (s *Store) numbers() []int {
	dirs, err := os.ReadDir(s.path("generations"))
	if err != nil {
		return nil // none yet; who writes will say what is wrong
	}
	var out []int
	for _, d := range dirs {
		if n, err := strconv.Atoi(d.Name()); err == nil && n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

func (s *Store) newest() int {
	if all := s.numbers(); len(all) > 0 {
		return all[0]
	}
	return 0
}

// Rollback puts the generation in force that was so before the current one.
func (s *Store) Rollback() (from, to *Manifest, err error) {
	if from, err = s.Current(); err != nil {
		return nil, nil, err
	}
	if from == nil {
		return nil, nil, hinted("mirrorwall rules update makes the first", "no rules from sources yet")
	}
	if from.Previous == 0 || !slices.Contains(s.numbers(), from.Previous) {
		return nil, nil, hinted(fmt.Sprintf("%d are kept", keep), "generation %d is the oldest that is kept", from.Generation)
	}
	if to, err = s.manifest(from.Previous); err != nil {
		return nil, nil, err
	}
	return from, to, s.activate(to.Generation)
}

// sweep removes what no rollback leads to, and what a crash left.
func (s *Store) sweep(cur *Manifest) error {
	wanted, blobs := map[int]bool{}, map[string]bool{}
	for m := cur; m != nil && len(wanted) < keep; {
		wanted[m.Generation] = true
		for _, e := range m.Sources {
			blobs[e.Blob] = true
		}
		if m.Previous == 0 {
			break
		}
		next, err := s.manifest(m.Previous)
		if err != nil {
			break // removed earlier
		}
		m = next
	}
	var errs []error
	dirs, err := os.ReadDir(s.path("generations"))
	errs = append(errs, err)
	for _, d := range dirs {
		if n, err := strconv.Atoi(d.Name()); err != nil || !wanted[n] {
			errs = append(errs, os.RemoveAll(s.path("generations", d.Name())))
		}
	}
	files, err := os.ReadDir(s.path("blobs"))
	errs = append(errs, err)
	for _, f := range files {
		if !blobs[f.Name()] {
			errs = append(errs, os.Remove(s.blob(f.Name())))
		}
	}
	return errors.Join(errs...)
}
