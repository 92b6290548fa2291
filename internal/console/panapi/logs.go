package panapi

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// Bounds of log queries.
const (
	maxLogs     = 5000 // rows of one
	maxQueries  = 64   // remembered
	queryLife   = 5 * time.Minute
	queryBudget = time.Minute
)

// queries are the log queries that were asked for.
type queries struct {
	mu   sync.Mutex
	last uint64
	all  map[uint64]*query
}

type query struct {
	owner   string
	log     string
	asked   time.Time
	cancel  context.CancelFunc
	done    chan struct{}
	rows    []store.Row
	partial bool
	err     error
}

// take adds a query; the oldest go.
func (s *queries) take(j *query) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[uint64]*query{}
	}
	for id, old := range s.all {
		if id+2*maxQueries <= s.last+2 || j.asked.Sub(old.asked) > queryLife {
			old.cancel()
			delete(s.all, id)
		}
	}
	if s.last == 0 {
		s.last = 1
	} else {
		s.last += 2
	}
	s.all[s.last] = j
	return s.last
}

func (s *queries) get(id uint64) *query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[id]
}

// job tells of a query as of any job.
func (s *queries) job(id uint64) (*reply, error) {
	j := s.get(id)
	if j == nil {
		return nil, refuse(codeMissing, "job %d not found", id)
	}
	return &reply{result: j.status(id, j.finished())}, nil
}

func (j *query) finished() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

func (j *query) status(id uint64, finished bool) string {
	at := j.asked.UTC().Format(timeForm)
	status, result, progress := "ACT", "PEND", "0"
	if finished {
		if status, result, progress = "FIN", "OK", "100"; j.err != nil {
			result = "FAIL"
		}
	}
	return "<job>" + el("tenq", at) + el("tdeq", at) + el("tlast", at) + el("id", fmt.Sprint(id)) + el("type", "Log") + el("status", status) +
		el("result", result) + el("progress", progress) + "</job>"
}

func (h *Handler) log(q *request) (*reply, error) {
	switch q.Form.Get("action") {
	case "":
		return h.ask(q)
	case "get":
		return h.fetch(q)
	case "finish":
		j, _, err := h.query(q)
		if err == nil {
			j.cancel()
		}
		return done("query job finished"), err
	}
	return nil, refuse(codeUnknown, "want no action, action=get or action=finish")
}

func number(q *request, name string, most int) (int, error) {
	text := q.Form.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, refuse(codeInvalid, "%s= wants a number from 0 to %d", name, most)
	}
	return n, nil
}

func (h *Handler) ask(q *request) (*reply, error) {
	log := q.Form.Get("log-type")
	if len(record.Columns(log)) == 0 || !knownLog(log) {
		return nil, refuse(codeInvalid, "log-type=%s: want one of %s", short(log), strings.Join(store.Logs(), ", "))
	}
	n, err := number(q, "nlogs", maxLogs)
	if err != nil {
		return nil, err
	}
	skip, err := number(q, "skip", store.MaxPage-maxLogs)
	if err != nil {
		return nil, err
	}
	if d := q.Form.Get("dir"); d != "" && d != "backward" {
		return nil, refuse(codeInvalid, "dir=%s: the newest come first (backward)", short(d))
	}
	if n == 0 {
		n = 20
	}
	ask := store.Query{Logs: []string{log}, Now: h.d.Now()}
	if text := strings.TrimSpace(q.Form.Get("query")); text != "" {
		if ask.Filter, err = filter.Parse(text); err != nil {
			return nil, err
		}
	}
	if err := ask.Check(ask.Now); err != nil {
		return nil, err
	}
	// The job outlives the call that asks for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.Context()), queryBudget)
	j := &query{owner: q.id.Name, log: log, asked: h.d.Now(), cancel: cancel, done: make(chan struct{})}
	id := h.q.take(j)
	go func() {
		defer close(j.done)
		defer cancel()
		res, err := h.d.Store.Find(ctx, ask, store.Page{Limit: n + skip})
		if j.err = err; err == nil {
			j.rows, j.partial = res.Rows[min(skip, len(res.Rows)):], !res.Complete
		}
	}()
	return &reply{code: codeJob, result: fmt.Sprintf("<msg><line>query job enqueued with jobid %d</line></msg><job>%d</job>", id, id)}, nil
}

func knownLog(log string) bool {
	for _, l := range store.Logs() {
		if l == log {
			return true
		}
	}
	return false
}

func (h *Handler) query(q *request) (*query, uint64, error) {
	id, err := strconv.ParseUint(q.Form.Get("job-id"), 10, 64)
	if err != nil {
		return nil, 0, refuse(codeInvalid, "want job-id=")
	}
	j := h.q.get(id)
	if j == nil || j.owner != q.id.Name {
		return nil, 0, refuse(codeMissing, "job %d not found", id)
	}
	return j, id, nil
}

func (h *Handler) fetch(q *request) (*reply, error) {
	j, id, err := h.query(q)
	if err != nil {
		return nil, err
	}
	if !j.finished() {
		return &reply{result: j.status(id, false) + "<log><logs count=\"0\" progress=\"0\"/></log>"}, nil
	}
	if j.err != nil {
		return nil, j.err
	}
	var b strings.Builder
	columns := logColumns(j.log)
	for _, r := range j.rows {
		if err := writeEntry(&b, r, columns); err != nil {
			return nil, err
		}
	}
	progress := 100
	if j.partial {
		progress = 99 // the time was over before everything was looked at
	}
	return &reply{result: fmt.Sprintf("%s<log><logs count=\"%d\" progress=\"%d\">%s</logs></log>", j.status(id, true), len(j.rows), progress, b.String())}, nil
}

// logColumns are the fields of a log that have a name in PAN-OS.
func logColumns(log string) []record.Field {
	var out []record.Field
	for _, f := range record.Columns(log) {
		if f.PAN != "" {
			out = append(out, f)
		}
	}
	return out
}

func writeEntry(b *strings.Builder, r store.Row, columns []record.Field) error {
	e, err := r.Entry()
	if err != nil {
		return err
	}
	b.WriteString(`<entry logid="` + escape(r.ID) + `">`)
	b.WriteString(el("type", strings.ToUpper(r.Log)) + el("time_generated", e.Time.UTC().Format(timeForm)))
	for i := range columns {
		f := &columns[i]
		text := strings.Join(store.Values(f, e), ",")
		if f.Kind == record.KindTime {
			if t := f.Time(e); !t.IsZero() {
				text = t.UTC().Format(timeForm)
			}
		}
		if text != "" {
			b.WriteString(el(f.PAN, text))
		}
	}
	b.WriteString("</entry>")
	return nil
}
