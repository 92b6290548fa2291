package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// maxBudget bounds the time of one query.
const maxBudget = time.Minute

// Asked is what all questions about logs have in common.
type Asked struct {
	Log     []string  `query:"log" maxItems:"32" doc:"log types, with commas between; none: all"`
	Filter  string    `query:"filter" maxLength:"16384" doc:"in the filter language"`
	From    time.Time `query:"from" doc:"records from this time on"`
	To      time.Time `query:"to" doc:"records before this time"`
	Last    string    `query:"last" maxLength:"16" doc:"in place of from: a span until now, such as 90m or 24h"`
	Seconds int       `query:"seconds" minimum:"1" maximum:"60" default:"10" doc:"time budget; what was not looked at by then is missing, and coverage says so"`
}

func (s *Server) query(a *Asked) (q store.Query, err error) {
	q = store.Query{Logs: a.Log, From: a.From, To: a.To, Now: s.d.Now()}
	if a.Filter != "" {
		if q.Filter, err = filter.Parse(a.Filter); err != nil {
			return q, err
		}
	}
	if a.Last != "" {
		d, err := time.ParseDuration(a.Last)
		if err != nil || d <= 0 {
			return q, store.Bad("90m, 24h", "%q is no span of time", a.Last)
		}
		q.From = q.Now.Add(-d)
	}
	return q, q.Check(q.Now)
}

func budget(ctx context.Context, a *Asked) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(a.Seconds)*time.Second)
}

// Coverage says how much of what was asked about the answer speaks for.
type Coverage struct {
	Complete bool      `json:"complete"`
	Share    float64   `json:"share" doc:"of the records in question that were looked at, 0 to 1"`
	From     time.Time `json:"from" doc:"down to here an incomplete answer is exact"`
	TookMS   int64     `json:"took_ms"`
}

func coverage(c store.Coverage) Coverage {
	return Coverage{c.Complete, c.Share, c.From, c.Took.Milliseconds()}
}

// LogRow is a record that was found.
type LogRow struct {
	ID     string          `json:"id,omitempty"`
	Log    string          `json:"log"`
	Record json.RawMessage `json:"record" doc:"the EVE record"`
}

// LogPage is a page of records, newest first.
type LogPage struct {
	Rows     []LogRow `json:"rows"`
	Next     string   `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
	Coverage Coverage `json:"coverage"`
}

// LogHistogram counts records by time.
type LogHistogram struct {
	Start       time.Time   `json:"start"`
	StepSeconds int64       `json:"step_seconds"`
	Series      []LogSeries `json:"series"`
	Coverage    Coverage    `json:"coverage"`
}

// LogSeries is the counts of one value.
type LogSeries struct {
	Value  string   `json:"value"`
	Counts []uint64 `json:"counts"`
}

// LogTop is a ranking of a field's values.
type LogTop struct {
	Groups   []LogGroup `json:"groups"`
	Values   uint64     `json:"values" doc:"how many different values there are"`
	Coverage Coverage   `json:"coverage"`
}

// LogGroup is one value of a ranking.
type LogGroup struct {
	Value    string `json:"value"`
	Count    uint64 `json:"count"`
	Bytes    uint64 `json:"bytes"`
	Packets  uint64 `json:"packets"`
	Sessions uint64 `json:"sessions"`
}

// LogField is a field of the catalogue.
type LogField struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
	PAN     string   `json:"pan,omitempty"`
	EVE     string   `json:"eve,omitempty"`
	Doc     string   `json:"doc"`
	Logs    []string `json:"logs,omitempty" doc:"log types that may say it; absent: all"`
	// Operators that a test of the field may have.
	Operators []string `json:"operators"`
	Inert     bool     `json:"inert,omitempty" doc:"known from PAN-OS, said by no record"`
}

// FilterCheck is what is to be said of a filter that is being written.
type FilterCheck struct {
	Valid    bool     `json:"valid"`
	Error    string   `json:"error,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Position int      `json:"position" doc:"byte of the error, from 0"`
	Warnings []string `json:"warnings,omitempty" doc:"why it may not be what was meant"`
	// What may stand at its end.
	Want    string   `json:"want" enum:"field,operator,value,join"`
	Field   string   `json:"field,omitempty" doc:"that the operator or value is for"`
	From    int      `json:"from" doc:"byte where the word begins that options complete"`
	Options []string `json:"options,omitempty"`
}

type (
	findIn struct {
		Asked
		Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"100"`
		Cursor string `query:"cursor" maxLength:"256"`
	}
	histogramIn struct {
		Asked
		Step  string `query:"step" default:"1m" maxLength:"16"`
		Field string `query:"field" maxLength:"64"`
	}
	checkIn struct {
		Filter string `query:"filter" maxLength:"16384"`
	}
	topIn struct {
		Asked
		Field  string `query:"field" required:"true" maxLength:"64"`
		By     string `query:"by" enum:"count,bytes,packets,sessions" default:"count"`
		Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"10"`
		Prefix string `query:"prefix" maxLength:"256" doc:"only values that begin so, for completion"`
	}
)

func (s *Server) registerLogs() {
	add(s, [2]string{http.MethodGet, "/api/v1/logs"}, "logs-query", "Records, newest first", s.find)
	add(s, [2]string{http.MethodGet, "/api/v1/logs/histogram"}, "logs-histogram", "Counts by time", s.histogram)
	add(s, [2]string{http.MethodGet, "/api/v1/logs/top"}, "logs-top", "Values of a field, ranked", s.top)
	add(s, [2]string{http.MethodGet, "/api/v1/logs/fields"}, "logs-fields", "The fields of the filter language",
		func(context.Context, *struct{}) (*Out[[]LogField], error) {
			var out []LogField
			for _, f := range record.Fields() {
				out = append(out, LogField{f.Name, f.Aliases, f.PAN, f.EVE, f.Doc, f.Logs, filter.Operators(f.Kind), f.Inert})
			}
			return &Out[[]LogField]{out}, nil
		})
	add(s, [2]string{http.MethodGet, "/api/v1/logs/check"}, "logs-check", "What is wrong with a filter, and what may follow",
		func(_ context.Context, in *checkIn) (*Out[FilterCheck], error) {
			return &Out[FilterCheck]{checkFilter(in.Filter)}, nil
		})
}

func checkFilter(text string) FilterCheck {
	c := filter.Complete(text)
	out := FilterCheck{Want: c.Want, Field: c.Field, From: c.From, Options: c.Options}
	f, err := filter.Parse(text)
	var wrong *filter.Error
	if errors.As(err, &wrong) {
		out.Error, out.Hint, out.Position = wrong.Msg, wrong.Hint, wrong.Offset
		return out
	}
	out.Valid, out.Warnings = true, f.Warnings()
	return out
}

func (s *Server) find(ctx context.Context, in *findIn) (*Out[LogPage], error) {
	q, err := s.query(&in.Asked)
	if err != nil {
		return nil, err
	}
	ctx, cancel := budget(ctx, &in.Asked)
	defer cancel()
	r, err := s.d.Store.Find(ctx, q, store.Page{Limit: in.Limit, After: in.Cursor})
	if err != nil {
		return nil, err
	}
	p := LogPage{Rows: make([]LogRow, 0, len(r.Rows)), Next: r.Next, Coverage: coverage(r.Coverage)}
	for _, row := range r.Rows {
		p.Rows = append(p.Rows, LogRow{row.ID, row.Log, row.Raw})
	}
	return &Out[LogPage]{p}, nil
}

func (s *Server) histogram(ctx context.Context, in *histogramIn) (*Out[LogHistogram], error) {
	q, err := s.query(&in.Asked)
	if err != nil {
		return nil, err
	}
	step, err := time.ParseDuration(in.Step)
	if err != nil {
		return nil, store.Bad("60s, 1h", "%q is no span of time", in.Step)
	}
	ctx, cancel := budget(ctx, &in.Asked)
	defer cancel()
	h, err := s.d.Store.Histogram(ctx, q, step, in.Field)
	if err != nil {
		return nil, err
	}
	out := LogHistogram{Start: h.Start, StepSeconds: int64(h.Step / time.Second), Coverage: coverage(h.Coverage)}
	for _, x := range h.Series {
		out.Series = append(out.Series, LogSeries(x))
	}
	return &Out[LogHistogram]{out}, nil
}

func (s *Server) top(ctx context.Context, in *topIn) (*Out[LogTop], error) {
	q, err := s.query(&in.Asked)
	if err != nil {
		return nil, err
	}
	ctx, cancel := budget(ctx, &in.Asked)
	defer cancel()
	t, err := s.d.Store.Top(ctx, q, store.Grouping{Field: in.Field, By: store.Measure(in.By), Limit: in.Limit, Prefix: in.Prefix})
	if err != nil {
		return nil, err
	}
	out := LogTop{Values: t.Values, Coverage: coverage(t.Coverage)}
	for _, g := range t.Groups {
		out.Groups = append(out.Groups, LogGroup(g))
	}
	return &Out[LogTop]{out}, nil
}
