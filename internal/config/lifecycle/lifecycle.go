// Package lifecycle keeps a console's configurations the way people know from a
// firewall: a candidate that is edited, a running one that was committed, and
// the versions that ran before.
//
// Texts are kept byte for byte. A commit checks everything first, then changes
// one file: whoever is killed at any time finds the old configuration running or
// the new one, whole. It owns a folder, one Manager at a time. It knows neither
// sensors nor users: Options.Publish hands a committed configuration on, and
// authors are names.
package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
	"github.com/mirrorwall/mirrorwall/internal/config"
)

// Options are a Manager's settings; zero fields mean the default.
type Options struct {
	Dir string // made when it is missing
	// First is the text of the configuration file: version 1 when the folder is
	// new, and another version when it has changed, until somebody commits here.
	First []byte
	// Force makes First run though somebody has committed here.
	Force bool
	Check []config.Check // what the rooms that use a configuration judge
	// Ready gives a reason why nothing may be committed now, such as that no
	// administrator has set a password; nil: there never is one.
	Ready func(context.Context) error
	// Publish hands a committed configuration to those who run it; what only the
	// file says they have read themselves. An error does not undo the commit: Tick
	// tries again. nil: nobody runs it.
	Publish func(context.Context, Generation) error
	Keep    int // versions; 100, at least 2
	Now     func() time.Time

	step func(string) error // before each change of the disk, for tests
}

// Generation is a committed configuration.
type Generation struct {
	Version
	Text []byte
}

// Version is a configuration that runs or ran.
type Version struct {
	Number  uint64    `json:"number"`
	Time    time.Time `json:"time"`
	Author  string    `json:"author"`
	Comment string    `json:"comment,omitempty"`
	// Only is the author whose changes alone were committed; empty: all.
	Only string `json:"only,omitempty"`
	// Back is the version that a rollback restored; 0: it is none.
	Back uint64 `json:"back,omitempty"`
	// File says that it was read from the configuration file.
	File bool `json:"file,omitempty"`
}

// Kind says what sort of refusal an Error is.
type Kind int

// Kinds of refusals.
const (
	Conflict Kind = iota // not possible as things stand
	Invalid              // the input is wrong
	Missing              // no such version, job or saved configuration
)

// Error says why something can't be done now.
type Error struct {
	Msg, Fix string
	Kind     Kind
}

func (e *Error) Error() string { return e.Msg }

// Hint says what to do about it.
func (e *Error) Hint() string { return e.Fix }

func refuse(fix, format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...), fix, Conflict}
}

func invalid(fix, format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...), fix, Invalid}
}

func missing(fix, format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...), fix, Missing}
}

// Bounds of what is kept.
const (
	maxText  = 64 << 20
	maxSaved = 100
	maxEdits = 10_000
	maxName  = 63
)

// Manager keeps configurations. All methods may be called from several
// goroutines.
type Manager struct {
	opt  Options
	lock *os.File

	mu        sync.Mutex
	state     state
	candidate []byte
	running   []byte
	published bool // the running configuration has been handed on
	jobs      jobs
	reports   map[string]Report
}

// Open opens the folder. It is an error when another Manager has it.
func Open(o Options) (*Manager, error) {
	if o.Keep <= 0 {
		o.Keep = 100
	}
	o.Keep = max(o.Keep, 2) // what runs, and what an unconfirmed commit goes back to
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.step == nil {
		o.step = func(string) error { return nil }
	}
	m := &Manager{opt: o, reports: map[string]Report{}}
	if err := m.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("configurations: %w", err), m.unlock())
	}
	m.jobs.start(m)
	return m, nil
}

func (m *Manager) open() error {
	for _, d := range []string{"versions", "saved"} {
		if err := os.MkdirAll(m.path(d), 0o700); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(m.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	m.lock = f
	if err := filelock.Lock(f); err != nil {
		return fmt.Errorf("%s: %w", m.opt.Dir, err)
	}
	return m.load()
}

func (m *Manager) unlock() error {
	if m.lock == nil {
		return nil
	}
	return m.lock.Close()
}

// Close ends the job at work, gives up those that wait, and releases the folder.
func (m *Manager) Close() error {
	m.jobs.stop()
	return m.unlock()
}

// Candidate is the text that is being edited, and whether it differs from the
// running one. The caller must not change it.
func (m *Manager) Candidate() (text []byte, changed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.candidate, string(m.candidate) != string(m.running)
}

// Running is the committed configuration and its version. The caller must not
// change the text.
func (m *Manager) Running() ([]byte, Version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running, m.state.version(m.state.Running)
}

// SetCandidate replaces the candidate: what author changed by it is theirs until
// it is committed. The text may be wrong; Validate says how, and Commit refuses
// it. It must be YAML, or nothing could be told of it.
func (m *Manager) SetCandidate(author string, text []byte) error {
	if len(text) > maxText {
		return invalid("", "a configuration of %d bytes; at most %d are taken", len(text), maxText)
	}
	if _, err := sections(text); err != nil {
		if _, errs, _ := config.Examine("candidate", text); len(errs) > 0 {
			return errs // they know the place
		}
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.edit(author, text)
}

// TakeFile makes text, which the configuration file has now, the running version,
// unless somebody has committed here: from then on the file does not count. It
// reports whether text runs. What nobody has edited of the candidate follows.
func (m *Manager) TakeFile(text []byte) (runs bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.takeFile(text)
}

// Managed reports whether somebody has committed here, so that the file does not
// count any more.
func (m *Manager) Managed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Managed
}

// takeFile is TakeFile's work; the caller holds mu.
func (m *Manager) takeFile(text []byte) (bool, error) {
	if string(text) == string(m.running) {
		return true, nil
	}
	if m.state.Managed {
		return false, nil
	}
	return true, m.replace(text)
}

// replace makes text of the file run; the caller holds mu.
func (m *Manager) replace(text []byte) error {
	if _, err := sections(text); err != nil {
		return err
	}
	if string(m.candidate) == string(m.running) {
		if err := m.write("candidate.yaml", text); err != nil {
			return err
		}
		m.candidate = slices.Clone(text)
	}
	return m.commit(Version{Author: "system", Comment: "read from the configuration file", File: true}, text, nil)
}

// edit is SetCandidate's work; the caller holds mu.
func (m *Manager) edit(author string, text []byte) error {
	if l := m.state.lockOf(ConfigLock); l != nil && l.Author != author {
		return refuse("they, or a superuser, can release it", "%s holds the configuration lock since %s", l.Author, l.Time.UTC().Format(time.RFC3339))
	}
	touched, err := changedSections(m.candidate, text)
	if err != nil {
		return err
	}
	next := m.state.clone()
	for _, s := range touched {
		if e := (Edit{author, s}); !slices.Contains(next.Edits, e) {
			next.Edits = append(next.Edits, e)
		}
	}
	if string(text) == string(m.running) {
		next.Edits = nil
	}
	if len(next.Edits) > maxEdits {
		return refuse("commit, or revert", "more than %d changed sections wait", maxEdits)
	}
	if err := m.write("candidate.yaml", text); err != nil {
		return err
	}
	m.candidate = slices.Clone(text)
	return m.save(next)
}

// Revert makes the candidate what runs.
func (m *Manager) Revert(author string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.edit(author, m.running)
}

// Validate tells what is wrong with the candidate and what is hardly meant.
func (m *Manager) Validate() (errs, warnings config.Errors) {
	text, _ := m.Candidate()
	_, errs, warnings = config.Examine("candidate", text, m.opt.Check...)
	return errs, warnings
}

// Diff tells where the candidate differs from what runs.
func (m *Manager) Diff() ([]config.Change, error) {
	m.mu.Lock()
	a, b := m.running, m.candidate
	m.mu.Unlock()
	return config.Diff(a, b)
}

// Edits are the sections that differ, by who changed them.
func (m *Manager) Edits() []Edit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.state.Edits)
}

// History is the versions kept, the newest first.
func (m *Manager) History() []Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.Clone(m.state.Versions)
	slices.Reverse(out)
	return out
}

// Text is a version's.
func (m *Manager) Text(number uint64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.version(number).Number == 0 {
		return nil, missing("the history lists those that are kept", "no version %d", number)
	}
	return m.read(versionFile(number))
}

// Restore makes the candidate what a version was; a commit runs it.
func (m *Manager) Restore(author string, number uint64) error {
	text, err := m.Text(number)
	if err != nil {
		return err
	}
	return m.SetCandidate(author, text)
}

// Save keeps the candidate under a name.
func (m *Manager) Save(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	names, err := m.saved()
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) && len(names) >= maxSaved {
		return refuse("save over one of them", "%d configurations are saved, the most there can be", maxSaved)
	}
	return m.write("saved/"+name+".yaml", m.candidate)
}

// Load makes the candidate what was saved under a name.
func (m *Manager) Load(author, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	text, err := m.read("saved/" + name + ".yaml")
	if errors.Is(err, os.ErrNotExist) {
		return missing("", "nothing is saved as %q", name)
	}
	if err != nil {
		return err
	}
	return m.edit(author, text)
}

// Saved lists the names of saved configurations.
func (m *Manager) Saved() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saved()
}

func checkName(name string) error {
	ok := name != "" && len(name) <= maxName && name[0] != '.' && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
	if !ok {
		return invalid("letters, digits, dot, dash and underscore, at most 63", "%q is no name for a configuration", name)
	}
	return nil
}

// Report is what a sensor says of a generation.
type Report struct {
	Sensor string `json:"sensor"`
	Number uint64 `json:"number" doc:"the version that it runs; 0: what its configuration file says"`
	// Refused is a version that it does not run, and Error says why.
	Refused uint64    `json:"refused,omitempty"`
	Error   string    `json:"error,omitempty" doc:"why it does not run the version refused"`
	Waits   []string  `json:"waits,omitempty" doc:"sections of the version that take effect when it is restarted"`
	Time    time.Time `json:"time" doc:"since when"`
}

// maxReports bounds the sensors that are remembered.
const maxReports = 10_000

// Report notes what a sensor runs, and why not the newest. A report without a time
// is of now.
func (m *Manager) Report(r Report) {
	if r.Time.IsZero() {
		r.Time = m.opt.Now()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.reports[r.Sensor]; known || len(m.reports) < maxReports {
		m.reports[r.Sensor] = r
	}
}

// Reports are the sensors' last, by name.
func (m *Manager) Reports() []Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Report, 0, len(m.reports))
	for _, r := range m.reports {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Report) int { return cmp.Compare(a.Sensor, b.Sensor) })
	return out
}

// Tick does what time demands: an unconfirmed commit is rolled back, and a
// generation that could not be handed on is tried again. Its owner calls it
// every second or so.
func (m *Manager) Tick(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.state.Confirm; c != nil && !m.opt.Now().Before(c.By) {
		text, err := m.read(versionFile(c.Back))
		if err != nil {
			return err
		}
		v := Version{Author: "system", Comment: fmt.Sprintf("version %d was not confirmed", m.state.Running), Back: c.Back}
		if err := m.commit(v, text, nil); err != nil {
			return err
		}
	}
	return m.publish(ctx)
}

// publish hands the running configuration on, once; the caller holds mu.
func (m *Manager) publish(ctx context.Context) error {
	if m.published || m.opt.Publish == nil || !m.state.Managed {
		return nil
	}
	err := m.opt.Publish(ctx, Generation{m.state.version(m.state.Running), m.running})
	m.published = err == nil
	return err
}
