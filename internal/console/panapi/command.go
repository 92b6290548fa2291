package panapi

import (
	"fmt"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/config/panos"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
)

// command is the parameter cmd: elements within each other.
type command struct {
	name string // "show jobs id"
	text string // of the innermost
	root *panos.Node
}

func parseCommand(s string) (*command, error) {
	if len(s) > 64<<10 {
		return nil, refuse(codeMalformed, "cmd is longer than 64 KiB")
	}
	t, err := panos.ParseElement(s)
	if err != nil {
		return nil, err
	}
	if len(t.Config.Kids) != 1 {
		return nil, refuse(codeMalformed, "cmd wants one element")
	}
	c := &command{root: t.Config.Kids[0]}
	n := c.root
	names := []string{n.Name}
	for len(n.Kids) == 1 {
		n = n.Kids[0]
		names = append(names, n.Name)
	}
	c.name, c.text = strings.Join(names, " "), n.Text
	return c, nil
}

// ops are the commands of type=op.
func ops() map[string]answer {
	lock := func(kind lifecycle.LockKind) func(*Handler, *request) (*reply, error) {
		return func(h *Handler, q *request) (*reply, error) {
			return done("Successfully acquired lock."), h.d.Config.Lock(kind, q.id.Name, q.cmd.text)
		}
	}
	unlock := func(kind lifecycle.LockKind) func(*Handler, *request) (*reply, error) {
		return func(h *Handler, q *request) (*reply, error) {
			return done("Config lock released."), h.d.Config.Unlock(kind, q.id.Name, q.id.Allows(access.UsersAdmin))
		}
	}
	return map[string]answer{
		"show system info":              {access.SystemRead, (*Handler).systemInfo},
		"show clock":                    {access.SystemRead, (*Handler).clock},
		"show jobs id":                  {access.ConfigRead, (*Handler).showJob},
		"show jobs all":                 {access.ConfigRead, (*Handler).showJobs},
		"show config running":           {access.ConfigRead, (*Handler).showRunning},
		"show config candidate":         {access.ConfigRead, (*Handler).showCandidate},
		"show object registered-ip all": {access.ConfigRead, (*Handler).showTags},
		"check pending-changes":         {access.ConfigRead, (*Handler).pending},
		"validate full":                 {access.ConfigRead, (*Handler).validate},
		"load config from":              {access.ConfigEdit, (*Handler).load},
		"save config to":                {access.ConfigEdit, (*Handler).save},
		"revert config":                 {access.ConfigEdit, (*Handler).revert},
		"request config-lock add":       {access.ConfigEdit, lock(lifecycle.ConfigLock)},
		"request config-lock remove":    {access.ConfigEdit, unlock(lifecycle.ConfigLock)},
		"request commit-lock add":       {access.ConfigCommit, lock(lifecycle.CommitLock)},
		"request commit-lock remove":    {access.ConfigCommit, unlock(lifecycle.CommitLock)},
	}
}

func (h *Handler) op(q *request) (*reply, error) {
	if q.cmd == nil {
		return nil, refuse(codeCommand, "want cmd=")
	}
	a, ok := ops()[q.cmd.name]
	if !ok && q.cmd.name == "request commit-lock add comment" {
		a, ok = ops()["request commit-lock add"], true
	}
	if !ok && q.cmd.name == "request config-lock add comment" {
		a, ok = ops()["request config-lock add"], true
	}
	if !ok {
		return nil, refuse(codeCommand, "%s is not answered here; docs/xmlapi.md lists what is", short(q.cmd.name))
	}
	if err := q.allowed(a.need); err != nil {
		return nil, err
	}
	return a.do(h, q)
}

func done(line string) *reply { return &reply{result: "<msg><line>" + escape(line) + "</line></msg>"} }

func el(name, text string) string { return "<" + name + ">" + escape(text) + "</" + name + ">" }

// Times of the API.
const (
	timeForm  = "2006/01/02 15:04:05"
	clockForm = "Mon Jan _2 15:04:05 MST 2006"
)

func (h *Handler) version(*request) (*reply, error) {
	return &reply{result: el("sw-version", Level) + el("multi-vsys", "off") + el("model", "Mirrorwall") + el("serial", "unknown")}, nil
}

func (h *Handler) systemInfo(*request) (*reply, error) {
	_, running := h.d.Config.Running()
	return &reply{result: "<system>" + el("hostname", "mirrorwall") + el("model", "Mirrorwall") + el("serial", "unknown") + el("sw-version", Level) +
		el("app-version", h.d.Version) + el("time", h.d.Now().UTC().Format(clockForm)) + el("multi-vsys", "off") + el("operational-mode", "normal") +
		el("config-version", fmt.Sprint(running.Number)) + "</system>"}, nil
}

func (h *Handler) clock(*request) (*reply, error) {
	return &reply{result: escape(h.d.Now().UTC().Format(clockForm))}, nil
}

// Jobs of the API are commits, with even numbers, and log queries, with odd ones.
func commitID(id uint64) uint64 { return 2 * id }

func (h *Handler) commit(q *request) (*reply, error) {
	o := lifecycle.CommitOptions{}
	if q.cmd != nil {
		if q.cmd.root.Name != "commit" {
			return nil, refuse(codeCommand, "want cmd=<commit>…</commit>")
		}
		c := q.cmd.root
		if p := c.Kid("partial"); p != nil {
			o.Comment = p.Kid("description").String()
			for _, admin := range p.Kid("admin").Members() {
				if o.Only != "" && o.Only != admin {
					return nil, refuse(codeInvalid, "a partial commit is of one administrator's changes")
				}
				o.Only = admin
			}
		}
		if d := c.Kid("description").String(); d != "" {
			o.Comment = d
		}
	}
	if _, changed := h.d.Config.Candidate(); !changed {
		return &reply{code: codeNothing, msg: "There are no changes to commit."}, nil
	}
	j, err := h.d.Config.Commit(q.id.Name, o)
	if err != nil {
		return nil, err
	}
	id := commitID(j.ID)
	return &reply{code: codeJob, result: fmt.Sprintf("<msg><line>Commit job enqueued with jobid %d</line></msg><job>%d</job>", id, id)},
		h.audit(q, "config.commit", fmt.Sprintf("job %d", j.ID), o.Comment)
}

func (h *Handler) showJobs(*request) (*reply, error) {
	out := ""
	for _, j := range h.d.Config.Jobs() {
		out += jobXML(&j)
	}
	return &reply{result: out}, nil
}

func (h *Handler) showJob(q *request) (*reply, error) {
	var id uint64
	if _, err := fmt.Sscanf(q.cmd.text, "%d", &id); err != nil {
		return nil, refuse(codeInvalid, "want the number of a job")
	}
	if id%2 == 1 {
		return h.q.job(id)
	}
	j, err := h.d.Config.Job(id / 2)
	if err != nil {
		return nil, refuse(codeMissing, "job %d not found", id)
	}
	return &reply{result: jobXML(&j)}, nil
}

func jobXML(j *lifecycle.Job) string {
	status, result := "FIN", "OK"
	switch j.State {
	case lifecycle.Queued:
		status, result = "PEND", "PEND"
	case lifecycle.Working:
		status, result = "ACT", "PEND"
	case lifecycle.Failed, lifecycle.Cancelled:
		result = "FAIL"
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return "Still Active"
		}
		return t.UTC().Format(timeForm)
	}
	lines := func(name string, all []string) string {
		out := "<" + name + ">"
		for _, l := range all {
			out += el("line", l)
		}
		return out + "</" + name + ">"
	}
	details := []string{}
	if j.Message != "" {
		details = strings.Split(j.Message, "\n")
	} else if j.State == lifecycle.Done {
		details = []string{"Configuration committed successfully"}
	}
	return "<job>" + el("tenq", at(j.Asked)) + el("tdeq", at(j.Asked)) + el("tfin", at(j.Ended)) + el("id", fmt.Sprint(commitID(j.ID))) +
		el("user", j.Author) + el("type", "Commit") + el("status", status) + el("queued", "NO") + el("result", result) +
		el("progress", fmt.Sprint(j.Progress)) + lines("details", details) + lines("warnings", j.Warnings) + "</job>"
}

func (h *Handler) pending(*request) (*reply, error) {
	_, changed := h.d.Config.Candidate()
	return &reply{result: map[bool]string{true: "yes", false: "no"}[changed]}, nil
}

func (h *Handler) validate(*request) (*reply, error) {
	errs, warnings := h.d.Config.Validate()
	if len(errs) > 0 {
		return nil, errs
	}
	out := el("line", "Configuration is valid")
	for _, w := range warnings {
		out += el("line", "warning: "+w.Error())
	}
	return &reply{result: "<msg>" + out + "</msg>"}, nil
}
