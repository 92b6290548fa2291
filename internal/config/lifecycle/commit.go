package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
)

// CommitOptions say how to commit.
type CommitOptions struct {
	Comment string
	// Only commits what this author alone has changed; empty: everything.
	Only string
	// Confirm undoes the commit unless Confirm is called within so long; zero: it
	// stays.
	Confirm time.Duration
	// Warn lets warnings hinder it.
	Warn bool
}

// JobState is how far a job is.
type JobState string

// States of a job, in their order.
const (
	Queued    JobState = "queued"
	Working   JobState = "working"
	Done      JobState = "done"
	Failed    JobState = "failed"
	Cancelled JobState = "cancelled"
)

// Job is a commit that was asked for.
type Job struct {
	ID       uint64    `json:"id"`
	Author   string    `json:"author"`
	State    JobState  `json:"state"`
	Progress int       `json:"progress"` // percent
	Version  uint64    `json:"version,omitempty"`
	Message  string    `json:"message,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	Asked    time.Time `json:"asked"`
	Ended    time.Time `json:"ended,omitzero"`
	opt      CommitOptions
	errs     config.Errors
}

// Errors are what was wrong with the configuration, each at its place.
func (j *Job) Errors() config.Errors { return j.errs }

// Bounds of jobs.
const (
	maxQueue = 100
	maxJobs  = 1000 // remembered
)

// jobs is the queue of commits: one works at a time.
type jobs struct {
	mu     sync.Mutex
	all    []*Job // by id
	wake   chan struct{}
	cancel context.CancelFunc // of the job at work
	end    context.CancelFunc
	ended  chan struct{}
}

func (q *jobs) start(m *Manager) {
	ctx, end := context.WithCancel(context.Background())
	q.end, q.wake, q.ended = end, make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(q.ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
			}
			for j, jctx := q.next(ctx); j != nil; j, jctx = q.next(ctx) {
				q.finish(m, j, m.work(jctx, j))
			}
		}
	}()
}

func (q *jobs) stop() {
	q.end()
	<-q.ended
}

// next takes the oldest job that waits.
func (q *jobs) next(ctx context.Context) (*Job, context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.all {
		if j.State == Queued && ctx.Err() == nil {
			j.State, j.Progress = Working, 5
			ctx, q.cancel = context.WithCancel(ctx)
			return j, ctx
		}
	}
	return nil, nil
}

func (q *jobs) finish(m *Manager, j *Job, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cancel()
	j.Ended, j.Progress = m.opt.Now(), 100
	switch {
	case err == nil:
		j.State = Done
	case errors.Is(err, context.Canceled):
		j.State, j.Message = Cancelled, "cancelled; what ran before runs"
	default:
		j.State, j.Message = Failed, err.Error()
	}
}

// progress is told of a job at work.
func (q *jobs) progress(j *Job, percent int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.Progress = percent
}

// Commit asks for a commit. The job that it gives is a copy; Job tells how it
// goes on.
func (m *Manager) Commit(author string, o CommitOptions) (Job, error) {
	m.mu.Lock()
	l := m.state.lockOf(CommitLock)
	m.mu.Unlock()
	if l != nil && l.Author != author {
		return Job{}, refuse("they, or a superuser, can release it", "%s holds the commit lock since %s", l.Author, l.Time.UTC().Format(time.RFC3339))
	}
	q := &m.jobs
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, id := 0, uint64(1)
	for _, j := range q.all {
		if j.State == Queued {
			waiting++
		}
		id = j.ID + 1
	}
	if waiting >= maxQueue {
		return Job{}, refuse("wait for them", "%d commits wait", waiting)
	}
	j := &Job{ID: id, Author: author, State: Queued, Asked: m.opt.Now(), opt: o}
	if q.all = append(q.all, j); len(q.all) > maxJobs {
		q.all = slices.Delete(q.all, 0, len(q.all)-maxJobs)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return *j, nil
}

// Jobs are the commits that are remembered, the newest first.
func (m *Manager) Jobs() []Job {
	q := &m.jobs
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Job, 0, len(q.all))
	for _, j := range slices.Backward(q.all) {
		out = append(out, *j)
	}
	return out
}

// Job is one of them.
func (m *Manager) Job(id uint64) (Job, error) {
	for _, j := range m.Jobs() {
		if j.ID == id {
			return j, nil
		}
	}
	return Job{}, missing("", "no job %d", id)
}

// Cancel ends a job that waits, or one at work that has not changed anything.
func (m *Manager) Cancel(id uint64) error {
	q := &m.jobs
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.all {
		switch {
		case j.ID != id:
			continue
		case j.State == Queued:
			j.State, j.Ended, j.Progress = Cancelled, m.opt.Now(), 100
		case j.State == Working:
			q.cancel()
		default:
			return refuse("", "job %d has ended", id)
		}
		return nil
	}
	return missing("", "no job %d", id)
}

// work is a commit: everything is checked before anything changes.
func (m *Manager) work(ctx context.Context, j *Job) error {
	if m.opt.Ready != nil {
		if err := m.opt.Ready(ctx); err != nil {
			return err
		}
	}
	m.mu.Lock()
	text, edits, running := m.candidate, slices.Clone(m.state.Edits), m.running
	m.mu.Unlock()
	if j.opt.Only != "" {
		var err error
		if text, err = only(j.opt.Only, running, text, edits); err != nil {
			return err
		}
	}
	m.jobs.progress(j, 20)
	_, errs, warnings := config.Examine("candidate", text, m.opt.Check...)
	m.jobs.mu.Lock()
	j.errs = errs
	for _, w := range warnings {
		j.Warnings = append(j.Warnings, w.Error())
	}
	m.jobs.mu.Unlock()
	if len(errs) > 0 {
		return errs
	}
	if j.opt.Warn && len(warnings) > 0 {
		return fmt.Errorf("%d warnings: %w", len(warnings), warnings)
	}
	m.jobs.progress(j, 80)
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if string(running) != string(m.running) {
		return refuse("commit again", "another version was committed in the meantime")
	}
	var c *confirm
	if j.opt.Confirm > 0 {
		c = &confirm{m.opt.Now().Add(j.opt.Confirm), m.state.Running}
	}
	v := Version{Author: j.Author, Comment: j.opt.Comment, Only: j.opt.Only}
	if err := m.commit(v, text, c); err != nil {
		return err
	}
	m.jobs.mu.Lock()
	j.Version = m.state.Running
	m.jobs.mu.Unlock()
	// A generation that could not be handed on is no failure: Tick tries again.
	if err := m.publish(context.WithoutCancel(ctx)); err != nil {
		m.jobs.mu.Lock()
		j.Message = fmt.Sprintf("committed, not handed on yet: %v", err)
		m.jobs.mu.Unlock()
	}
	return nil
}

// commit makes text the running version; the caller holds mu. The replacement of
// state.json is the moment at which it happens.
func (m *Manager) commit(v Version, text []byte, c *confirm) error {
	next := m.state.clone()
	v.Time, v.Number = m.opt.Now(), 1
	if n := len(next.Versions); n > 0 {
		v.Number = next.Versions[n-1].Number + 1
	}
	if err := m.write(versionFile(v.Number), text); err != nil {
		return err
	}
	next.Running, next.Confirm = v.Number, c
	next.Versions, next.Managed = append(next.Versions, v), next.Managed || !v.File
	next.Edits = slices.DeleteFunc(next.Edits, func(e Edit) bool { return v.Back == 0 && !v.File && (v.Only == "" || e.Author == v.Only) })
	if extra := len(next.Versions) - m.opt.Keep; extra > 0 {
		// The one that an unconfirmed commit goes back to is among the newest.
		next.Versions = slices.Delete(next.Versions, 0, extra)
	}
	if err := m.save(next); err != nil {
		return err
	}
	m.running, m.published = text, false
	_ = m.clear() // what is left the next Open removes
	return nil
}

// Confirm keeps a commit that would be undone.
func (m *Manager) Confirm() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Confirm == nil {
		return refuse("", "no commit waits to be confirmed")
	}
	next := m.state.clone()
	next.Confirm = nil
	return m.save(next)
}

// Unconfirmed is when the last commit is undone; zero: it stays.
func (m *Manager) Unconfirmed() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Confirm == nil {
		return time.Time{}
	}
	return m.state.Confirm.By
}
