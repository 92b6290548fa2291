package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/panapi"
)

// ConfigText is a configuration.
type ConfigText struct {
	Text string `json:"text" doc:"YAML, kept byte for byte"`
	ETag string `json:"etag,omitempty" doc:"names this text; If-Match of a change refuses to overwrite another"`
}

// ConfigStatus is where the configurations stand.
type ConfigStatus struct {
	Running lifecycle.Version  `json:"running"`
	Managed bool               `json:"managed" doc:"somebody has committed here: the configuration file does not count any more"`
	Changed bool               `json:"changed" doc:"the candidate is not what runs"`
	ETag    string             `json:"etag" doc:"of the candidate"`
	Edits   []lifecycle.Edit   `json:"edits" doc:"sections of the candidate that wait for a commit"`
	Locks   []lifecycle.Lock   `json:"locks"`
	Confirm time.Time          `json:"confirm,omitzero" doc:"when the last commit is undone unless it is confirmed"`
	Sensors []lifecycle.Report `json:"sensors"`
}

// ConfigValidation is what is wrong with the candidate, and what is hardly meant.
type ConfigValidation struct {
	Errors   []config.Complaint `json:"errors"`
	Warnings []config.Complaint `json:"warnings"`
}

// CommitRequest asks for a commit.
type CommitRequest struct {
	Comment string `json:"comment,omitempty" maxLength:"1024"`
	Mine    bool   `json:"mine,omitempty" doc:"only what the caller alone has changed"`
	Confirm int    `json:"confirm_seconds,omitempty" minimum:"0" maximum:"86400" doc:"undo it unless it is confirmed within so many seconds; 0: it stays"`
	Strict  bool   `json:"strict,omitempty" doc:"warnings hinder it"`
}

// CommitJob is a commit that was asked for.
type CommitJob struct {
	lifecycle.Job
	Errors []config.Complaint `json:"errors,omitempty" doc:"what was wrong with the candidate"`
}

// Comment is a line for people.
type Comment struct {
	Comment string `json:"comment,omitempty" maxLength:"1024"`
}

// ConfigMatch is the condition of a change.
type ConfigMatch struct {
	IfMatch string `header:"If-Match" maxLength:"128" doc:"ETag of the candidate that the change is meant for; none: whatever it is"`
}

type (
	editIn struct {
		ConfigMatch
		Body ConfigText
	}
	diffIn struct {
		From uint64 `query:"from" doc:"version; none: the running one"`
		To   uint64 `query:"to" doc:"version; none: the candidate"`
	}
	versionIn struct {
		Number uint64 `path:"number" minimum:"1"`
	}
	jobIn struct {
		ID uint64 `path:"id" minimum:"1"`
	}
	nameIn struct {
		Name string `path:"name" maxLength:"63"`
	}
	lockIn struct {
		Kind string `path:"kind" enum:"config,commit"`
		Body Comment
	}
	unlockIn struct {
		Kind string `path:"kind" enum:"config,commit"`
	}
)

// maxConfigBody bounds a configuration as JSON carries it: escapes at most double
// the text that package lifecycle takes.
const maxConfigBody = 128 << 20

const configPath = "/api/v1/config"

// registerXML puts the PAN-OS XML API beside the REST API. It asks for its key by
// itself: the guard lets its paths pass.
func (s *Server) registerXML(open *[]string, large map[string]int64) error {
	if s.d.XML == "" || s.d.Config == nil {
		return nil
	}
	h, err := panapi.New(panapi.Deps{Access: s.d.Access, Config: s.d.Config, Store: s.d.Store, Tags: s.d.Tags, Dir: s.d.XML, Now: s.d.Now, Log: s.d.Log, Version: s.d.Version})
	if err != nil {
		return err
	}
	for _, path := range []string{"/api", "/api/"} {
		s.mux.Handle(path+map[string]string{"/api/": "{$}"}[path], h)
		*open, large[path] = append(*open, path), panapi.MaxBody
	}
	return nil
}

func etag(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// configs gives the manager, or says that there is none.
func (s *Server) configs() (*lifecycle.Manager, error) {
	if s.d.Config == nil {
		return nil, &access.Error{Kind: access.NotFound, Msg: "this console keeps no configurations"}
	}
	return s.d.Config, nil
}

// addConfig registers an operation on configurations.
func addConfig[I, O any](s *Server, call [2]string, id, summary string, h func(context.Context, *lifecycle.Manager, *I) (O, error), with ...func(*huma.Operation)) {
	add(s, call, id, summary, func(ctx context.Context, in *I) (*Out[O], error) {
		m, err := s.configs()
		if err != nil {
			return nil, err
		}
		out, err := h(ctx, m, in)
		return &Out[O]{out}, err
	}, with...)
}

// changeConfig registers an operation that changes something: it is put on the
// audit log, and answers with what is so then.
func changeConfig[I any](s *Server, call [2]string, id, summary string, h func(context.Context, *lifecycle.Manager, *I) (object string, err error), with ...func(*huma.Operation)) {
	addConfig(s, call, id, summary, func(ctx context.Context, m *lifecycle.Manager, in *I) (ConfigStatus, error) {
		object, err := h(ctx, m, in)
		if err == nil {
			err = s.audit(ctx, id, object, "")
		}
		return configStatus(m), err
	}, with...)
}

// audit notes config-commit as config.commit.
func (s *Server) audit(ctx context.Context, operation, object, detail string) error {
	return s.d.Access.Record(ctx, me(ctx), access.Event{Action: "config." + operation[len("config-"):], Object: object, Detail: detail})
}

func configStatus(m *lifecycle.Manager) ConfigStatus {
	_, running := m.Running()
	text, changed := m.Candidate()
	st := ConfigStatus{Running: running, Managed: m.Managed(), Changed: changed, ETag: etag(text), Edits: m.Edits(), Locks: m.Locks(), Confirm: m.Unconfirmed(), Sensors: m.Reports()}
	if st.Edits == nil {
		st.Edits = []lifecycle.Edit{}
	}
	if st.Locks == nil {
		st.Locks = []lifecycle.Lock{}
	}
	return st
}

func (s *Server) registerConfig() {
	const base = configPath
	addConfig(s, [2]string{http.MethodGet, base}, "config-status", "What runs, what waits, who holds locks, what the sensors say", func(_ context.Context, m *lifecycle.Manager, _ *struct{}) (ConfigStatus, error) {
		return configStatus(m), nil
	})
	addConfig(s, [2]string{http.MethodGet, base + "/candidate"}, "config-candidate", "The configuration that is edited", func(_ context.Context, m *lifecycle.Manager, _ *struct{}) (ConfigText, error) {
		text, _ := m.Candidate()
		return ConfigText{string(text), etag(text)}, nil
	})
	changeConfig(s, [2]string{http.MethodPut, base + "/candidate"}, "config-edit", "Replace the candidate; it may be wrong, a commit refuses it then", func(ctx context.Context, m *lifecycle.Manager, in *editIn) (string, error) {
		if have, _ := m.Candidate(); in.IfMatch != "" && in.IfMatch != etag(have) {
			return "", &Problem{Type: "about:blank", Title: "conflict", Status: http.StatusPreconditionFailed,
				Detail: "the candidate has changed in the meantime", Hint: "read it again, and make the change anew"}
		}
		return "candidate", m.SetCandidate(me(ctx).Name, []byte(in.Body.Text))
	}, func(o *huma.Operation) { o.MaxBodyBytes = maxConfigBody })
	changeConfig(s, [2]string{http.MethodPost, base + "/candidate/revert"}, "config-revert", "Make the candidate what runs", func(ctx context.Context, m *lifecycle.Manager, _ *struct{}) (string, error) {
		return "candidate", m.Revert(me(ctx).Name)
	})
	addConfig(s, [2]string{http.MethodPost, base + "/candidate/validate"}, "config-validate", "Say what is wrong with the candidate, and what is hardly meant", func(_ context.Context, m *lifecycle.Manager, _ *struct{}) (ConfigValidation, error) {
		errs, warnings := m.Validate()
		return ConfigValidation{errs.Complaints("error"), warnings.Complaints("warning")}, nil
	})
	addConfig(s, [2]string{http.MethodGet, base + "/diff"}, "config-diff", "Say where two configurations differ in what they say", configDiff)
	s.registerVersions(base)
	s.registerCommit(base)
	changeConfig(s, [2]string{http.MethodPut, base + "/locks/{kind}"}, "config-lock", "Keep others from editing the candidate, or from committing", func(ctx context.Context, m *lifecycle.Manager, in *lockIn) (string, error) {
		return in.Kind, m.Lock(lifecycle.LockKind(in.Kind), me(ctx).Name, in.Body.Comment)
	})
	changeConfig(s, [2]string{http.MethodDelete, base + "/locks/{kind}"}, "config-unlock", "Release a lock: one's own, or with users.admin anyone's", func(ctx context.Context, m *lifecycle.Manager, in *unlockIn) (string, error) {
		return in.Kind, m.Unlock(lifecycle.LockKind(in.Kind), me(ctx).Name, me(ctx).Allows(access.UsersAdmin))
	})
}

func configDiff(_ context.Context, m *lifecycle.Manager, in *diffIn) ([]config.Change, error) {
	from, _ := m.Running()
	to, _ := m.Candidate()
	var err error
	if in.From != 0 {
		if from, err = m.Text(in.From); err != nil {
			return nil, err
		}
	}
	if in.To != 0 {
		if to, err = m.Text(in.To); err != nil {
			return nil, err
		}
	}
	changes, err := config.Diff(from, to)
	if err != nil {
		return nil, &lifecycle.Error{Msg: err.Error(), Fix: "validate the candidate"}
	}
	if changes == nil {
		changes = []config.Change{}
	}
	return changes, nil
}

func (s *Server) registerVersions(base string) {
	versions, saved := base+"/versions", base+"/saved"
	addConfig(s, [2]string{http.MethodGet, versions}, "config-versions", "Versions that run or ran, the newest first", func(_ context.Context, m *lifecycle.Manager, _ *struct{}) ([]lifecycle.Version, error) {
		return m.History(), nil
	})
	addConfig(s, [2]string{http.MethodGet, versions + "/{number}"}, "config-version", "The text of a version", func(_ context.Context, m *lifecycle.Manager, in *versionIn) (ConfigText, error) {
		text, err := m.Text(in.Number)
		return ConfigText{string(text), etag(text)}, err
	})
	changeConfig(s, [2]string{http.MethodPost, versions + "/{number}/restore"}, "config-restore", "Make the candidate what a version was; a commit runs it", func(ctx context.Context, m *lifecycle.Manager, in *versionIn) (string, error) {
		return fmt.Sprintf("version %d", in.Number), m.Restore(me(ctx).Name, in.Number)
	})
	addConfig(s, [2]string{http.MethodGet, saved}, "config-saved", "Names of saved configurations", func(_ context.Context, m *lifecycle.Manager, _ *struct{}) ([]string, error) {
		return m.Saved()
	})
	changeConfig(s, [2]string{http.MethodPut, saved + "/{name}"}, "config-save", "Keep the candidate under a name", func(_ context.Context, m *lifecycle.Manager, in *nameIn) (string, error) {
		return in.Name, m.Save(in.Name)
	})
	changeConfig(s, [2]string{http.MethodPost, saved + "/{name}/load"}, "config-load", "Make the candidate what was saved", func(ctx context.Context, m *lifecycle.Manager, in *nameIn) (string, error) {
		return in.Name, m.Load(me(ctx).Name, in.Name)
	})
}

func (s *Server) registerCommit(base string) {
	jobs := base + "/jobs"
	addConfig(s, [2]string{http.MethodPost, base + "/commit"}, "config-commit", "Make the candidate run: a job, of which jobs tell", func(ctx context.Context, m *lifecycle.Manager, in *Out[CommitRequest]) (CommitJob, error) {
		o := lifecycle.CommitOptions{Comment: in.Body.Comment, Warn: in.Body.Strict, Confirm: time.Duration(in.Body.Confirm) * time.Second}
		if in.Body.Mine {
			o.Only = me(ctx).Name
		}
		j, err := m.Commit(me(ctx).Name, o)
		if err == nil {
			err = s.audit(ctx, "config-commit", fmt.Sprintf("job %d", j.ID), in.Body.Comment)
		}
		return commitJob(j), err
	}, func(o *huma.Operation) { o.DefaultStatus = http.StatusAccepted })
	changeConfig(s, [2]string{http.MethodPost, base + "/confirm"}, "config-confirm", "Keep a commit that would be undone", func(_ context.Context, m *lifecycle.Manager, _ *struct{}) (string, error) {
		_, v := m.Running()
		return fmt.Sprintf("version %d", v.Number), m.Confirm()
	})
	addConfig(s, [2]string{http.MethodGet, jobs}, "config-jobs", "Commits that were asked for, the newest first", func(_ context.Context, m *lifecycle.Manager, _ *struct{}) ([]CommitJob, error) {
		out := []CommitJob{}
		for _, j := range m.Jobs() {
			out = append(out, commitJob(j))
		}
		return out, nil
	})
	addConfig(s, [2]string{http.MethodGet, jobs + "/{id}"}, "config-job", "How far a commit is", func(_ context.Context, m *lifecycle.Manager, in *jobIn) (CommitJob, error) {
		j, err := m.Job(in.ID)
		return commitJob(j), err
	})
	changeConfig(s, [2]string{http.MethodDelete, jobs + "/{id}"}, "config-cancel", "Cancel a commit that has not changed anything yet", func(_ context.Context, m *lifecycle.Manager, in *jobIn) (string, error) {
		return fmt.Sprintf("job %d", in.ID), m.Cancel(in.ID)
	})
}

func commitJob(j lifecycle.Job) CommitJob {
	out := CommitJob{Job: j}
	if errs := j.Errors(); len(errs) > 0 {
		out.Errors = errs.Complaints("error")
	}
	return out
}
