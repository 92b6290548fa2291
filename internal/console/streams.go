package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

const (
	beat     = 15 * time.Second // between signs of life of a live view
	maxView  = 5 * time.Minute  // a live view ends, so that a revoked session stops seeing
	patience = 30 * time.Second // for a reader that takes nothing
)

type (
	exportIn struct {
		Asked
		Format string `query:"format" enum:"csv,jsonl" default:"csv"`
	}
	followIn struct {
		Asked
		History int `query:"history" minimum:"0" maximum:"1000" default:"20" doc:"records of before, first"`
	}
	captureIn struct {
		ID string `path:"id" maxLength:"64"`
	}
)

func (s *Server) registerStreams() {
	add(s, [2]string{http.MethodGet, "/api/v1/logs/export"}, "logs-export",
		"All records that match, streamed; a connection that is cut off tells of an incomplete export", s.export)
	add(s, [2]string{http.MethodGet, "/api/v1/evidence"}, "evidence-export",
		"The packets of all threats that match, as one pcap file; trailers say how many captures it holds and how many are gone; audited", s.exportPackets)
	add(s, [2]string{http.MethodGet, "/api/v1/logs/follow"}, "logs-follow",
		"History, then live, as server-sent events row and lost; ends after five minutes", s.follow)
	add(s, [2]string{http.MethodGet, "/api/v1/evidence/{id}"}, "evidence-hits", "Which rules a capture is about, and the bytes they found",
		func(_ context.Context, in *captureIn) (*Out[*evidence.File], error) {
			id, err := s.capture(in.ID)
			if err != nil {
				return nil, err
			}
			f, err := s.d.Evidence.Hits(id)
			return &Out[*evidence.File]{f}, err
		})
	add(s, [2]string{http.MethodGet, "/api/v1/evidence/{id}/pcap"}, "evidence-pcap", "The packets of a capture, as the mirror sent them; audited", s.pcap)
}

// Trailers of an export of packets.
const (
	trailerCaptures = "Mirrorwall-Captures"
	trailerMissing  = "Mirrorwall-Captures-Missing"
)

// maxCaptures bounds the captures of one export.
const maxCaptures = 100_000

// exportPackets streams the packets of all threats that match. What has expired is
// told behind the packets, in trailers.
func (s *Server) exportPackets(ctx context.Context, in *Asked) (*huma.StreamResponse, error) {
	if len(in.Log) > 0 && !slices.Equal(in.Log, []string{"threat"}) {
		return nil, store.Bad("log=threat, or none", "only threats have packets")
	}
	in.Log = []string{"threat"}
	q, err := s.query(in)
	if err != nil {
		return nil, err
	}
	if s.d.Evidence == nil {
		return nil, &access.Error{Kind: access.NotFound, Msg: "this console keeps no captures"}
	}
	if err := s.d.Access.Record(ctx, me(ctx), access.Event{Action: "evidence.export", Object: "threat", Detail: in.Filter}); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "application/vnd.tcpdump.pcap")
		c.SetHeader("Content-Disposition", `attachment; filename="threats.pcap"`)
		c.SetHeader("Trailer", trailerCaptures+", "+trailerMissing)
		j := s.d.Evidence.Join(streamTo(c))
		seen := map[string]bool{}
		cov, err := s.d.Store.Scan(c.Context(), q, func(r store.Row) error {
			e, err := r.Entry()
			if err != nil || e.PcapID == "" || seen[e.PcapID] {
				return err
			}
			if seen[e.PcapID] = true; len(seen) > maxCaptures {
				return fmt.Errorf("more than %d captures", maxCaptures)
			}
			id, err := evidence.ParseID(e.PcapID)
			if err != nil {
				return err
			}
			return j.Add(id)
		})
		if err != nil || !cov.Complete {
			s.d.Log.Warn("export of packets was cut off", "error", err, "share", cov.Share)
			panic(http.ErrAbortHandler) // a part must not look like the whole
		}
		c.SetHeader(trailerCaptures, strconv.Itoa(j.Added))
		c.SetHeader(trailerMissing, strconv.Itoa(j.Missing+j.Other))
	}}, nil
}

func (s *Server) capture(text string) (id evidence.ID, err error) {
	if id, err = evidence.ParseID(text); err != nil {
		return id, &Problem{Type: "about:blank", Title: "invalid", Status: http.StatusUnprocessableEntity, Detail: "that is no capture's id"}
	}
	if s.d.Evidence == nil {
		return id, &Problem{Type: "about:blank", Title: "not found", Status: http.StatusNotFound, Detail: "this console keeps no captures"}
	}
	return id, nil
}

func (s *Server) pcap(ctx context.Context, in *captureIn) (*huma.StreamResponse, error) {
	id, err := s.capture(in.ID)
	if err != nil {
		return nil, err
	}
	f, err := s.d.Evidence.Open(id)
	if err != nil {
		return nil, err
	}
	if err := s.d.Access.Record(ctx, me(ctx), access.Event{Action: "evidence.download", Object: id.String()}); err != nil {
		_ = f.Close() // only read
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer f.Close()
		c.SetHeader("Content-Type", "application/vnd.tcpdump.pcap")
		c.SetHeader("Content-Disposition", `attachment; filename="`+id.String()+`.pcap"`)
		w := streamTo(c)
		if _, err := io.Copy(w, f); err != nil {
			panic(http.ErrAbortHandler) // half a file must not look whole
		}
	}}, nil
}

// stream writes with a deadline for each write, in place of one for the answer.
type stream struct {
	io.Writer
	rc *http.ResponseController
}

func streamTo(c huma.Context) stream {
	_, w := humago.Unwrap(c)
	s := stream{w, http.NewResponseController(w)}
	_ = s.rc.SetReadDeadline(time.Time{}) // not every writer has one
	return s
}

// Write is io.Writer's.
func (s stream) Write(p []byte) (int, error) {
	_ = s.rc.SetWriteDeadline(time.Now().Add(patience)) // not every writer has one
	return s.Writer.Write(p)
}

func (s *Server) export(_ context.Context, in *exportIn) (*huma.StreamResponse, error) {
	q, err := s.query(&in.Asked)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		w, done := streamTo(c), func() error { return nil }
		put := func(r store.Row) error {
			_, err := w.Write(append(slices.Clone(r.Raw), '\n'))
			return err
		}
		c.SetHeader("Content-Type", "application/jsonl")
		if in.Format == "csv" {
			c.SetHeader("Content-Type", "text/csv; charset=utf-8")
			put, done = CSV(w)
		}
		c.SetHeader("Content-Disposition", `attachment; filename="logs.`+in.Format+`"`)
		cov, err := s.d.Store.Scan(c.Context(), q, put)
		if err == nil {
			err = done()
		}
		if err != nil || !cov.Complete {
			s.d.Log.Warn("export was cut off", "error", err, "share", cov.Share)
			panic(http.ErrAbortHandler) // a part must not look like the whole
		}
	}}, nil
}

// CSV writes rows with a column for each field that a record can say, their
// header first; lists with semicolons. done writes what is left.
func CSV(w io.Writer) (put func(store.Row) error, done func() error) {
	out := csv.NewWriter(w)
	fields := slices.DeleteFunc(record.Fields(), func(f record.Field) bool { return f.Inert || f.Either != nil })
	line := []string{"log"}
	for _, f := range fields {
		line = append(line, f.Name)
	}
	first := out.Write(line)
	put = func(r store.Row) error {
		e, err := r.Entry()
		if err != nil || first != nil {
			return fmt.Errorf("row %s: %w", r.ID, err)
		}
		line = append(line[:0], r.Log)
		for i := range fields {
			line = append(line, inert(strings.Join(store.Values(&fields[i], e), ";")))
		}
		return out.Write(line)
	}
	return put, func() error { out.Flush(); return out.Error() }
}

// inert keeps spreadsheets from taking a text that came from the network for a formula.
func inert(v string) string {
	if v != "" && strings.IndexByte("=+-@\t\r", v[0]) >= 0 {
		return "'" + v
	}
	return v
}

func (s *Server) follow(ctx context.Context, in *followIn) (*huma.StreamResponse, error) {
	q, err := s.query(&in.Asked)
	if err != nil {
		return nil, err
	}
	if s.d.Hub == nil {
		return nil, store.Bad("query it instead", "this console's logs cannot be followed")
	}
	f, err := s.d.Hub.Follow(q, 0)
	if err != nil {
		return nil, err
	}
	var rows []store.Row
	if in.History > 0 {
		ctx, cancel := budget(ctx, &in.Asked)
		defer cancel()
		r, err := s.d.Store.Find(ctx, q, store.Page{Limit: in.History})
		if err != nil {
			f.Close()
			return nil, err
		}
		rows = r.Rows
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		defer f.Close()
		c.SetHeader("Content-Type", "text/event-stream")
		live(c, f, rows)
	}}, nil
}

// live sends history, oldest first, then what f gets, until the caller goes.
func live(c huma.Context, f *store.Follower, history []store.Row) {
	w := streamTo(c)
	send := func(event string, v any) bool {
		data, err := json.Marshal(v)
		if err == nil {
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data)
		}
		return err == nil && w.rc.Flush() == nil
	}
	// What was kept while history was read is in both.
	held := map[string]int{}
	for _, r := range slices.Backward(history) {
		held[string(r.Raw)]++
		if !send("row", LogRow{r.ID, r.Log, r.Raw}) {
			return
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxView)
	defer cancel()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var lost uint64
	for {
		ok := true
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			ok = send("alive", struct{}{})
		case r, open := <-f.C:
			if !open {
				return
			}
			if held[string(r.Raw)] > 0 {
				held[string(r.Raw)]--
				continue
			}
			ok = send("row", LogRow{"", r.Log, r.Raw})
		}
		if n := f.Lost(); ok && n != lost {
			lost, ok = n, send("lost", map[string]uint64{"total": n})
		}
		if !ok {
			return
		}
	}
}
