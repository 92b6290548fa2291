package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/respond"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// journal keeps what the console itself has to tell in the log store: sign-ins
// and changes from the audit log (auth, config), deliveries (response), its own
// start and end (system). It waits for nobody: what finds no room in its queue is
// counted as lost. The audit log stays the proof; this is for finding.
type journal struct {
	store  store.Store
	hub    *store.Hub
	access *access.Store // nil: nobody signs in here
	log    *slog.Logger
	queue  chan record.Event
	lost   atomic.Uint64

	boot    string         // tells the events of this process from others'
	events  int64          // blocks appended
	pending []record.Event // taken from the queue and not yet kept
	spool   string         // of the audit log
	seq     int64          // the last entry of it that is kept
}

// Bounds of a journal.
const (
	journalQueue   = 4096
	journalEvery   = time.Second
	journalHistory = 100_000 // audit entries that a start looks back at
)

// journalSensor is the origin of the blocks; no sensor can have this name.
const journalSensor = "console:"

func newJournal(st store.Store, hub *store.Hub, users *access.Store, log *slog.Logger) *journal {
	return &journal{store: st, hub: hub, access: users, log: log, queue: make(chan record.Event, journalQueue), boot: "events-" + rand.Text()}
}

// put queues an event.
func (j *journal) put(e record.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	select {
	case j.queue <- e:
	default:
		j.lost.Add(1)
	}
}

func (j *journal) system(severity record.Severity, id, text string) {
	j.put(record.Event{Log: "system", Severity: severity, ID: id, Module: "console", Description: text})
}

// outcome tells of an attempt to deliver.
func (j *journal) outcome(o respond.Outcome) {
	d := o.Delivery
	e := record.Event{Log: "response", ID: "delivered", Object: d.MatchList, Path: d.ID, Result: "done", Description: eventText(d.Entry)}
	if o.Err != nil {
		e.ID, e.Result, e.Description = "failed", "failed", e.Description+": "+o.Err.Error()
	}
	if o.Dead {
		e.ID = "given-up"
	}
	j.put(e)
}

func eventText(e *record.Entry) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%s %s, attempt for %s > %s", e.Log, e.ThreatName, e.Src, e.Dst)
}

// run keeps until ctx ends, and what is queued by then.
func (j *journal) run(ctx context.Context) error {
	t := time.NewTicker(journalEvery)
	defer t.Stop()
	for {
		last := false
		select {
		case <-ctx.Done():
			last = true
		case <-t.C:
		}
		// What is under way at the end is done: it is one batch.
		if err := j.flush(context.WithoutCancel(ctx)); err != nil {
			j.log.Warn("log store: events of the console wait", "events", len(j.pending), "err", err)
		}
		if last {
			return nil
		}
	}
}

func (j *journal) flush(ctx context.Context) error {
	return errors.Join(j.flushEvents(ctx), j.flushAudit(ctx))
}

func (j *journal) flushEvents(ctx context.Context) error {
	for len(j.pending) < journalQueue && len(j.queue) > 0 {
		j.pending = append(j.pending, <-j.queue)
	}
	if len(j.pending) == 0 {
		return nil
	}
	err := j.append(ctx, []store.Block{j.block(j.boot, j.events, j.pending)})
	if err == nil {
		j.pending = j.pending[:0]
		j.events++
	}
	return err
}

func (j *journal) block(spool string, at int64, events []record.Event) store.Block {
	b := store.Block{Origin: bus.Origin{Sensor: journalSensor, Spool: spool, Start: bus.Position{Segment: 1, Offset: at}}}
	for i := range events {
		e, err := record.ParseEVE(record.AppendEvent(nil, &events[i]))
		if err != nil {
			j.log.Error("BUG: an event of the console can't be read", "err", err)
			continue
		}
		b.Entries = append(b.Entries, e)
	}
	return b
}

func (j *journal) append(ctx context.Context, blocks []store.Block) error {
	if _, err := j.store.Append(ctx, blocks); err != nil {
		return err
	}
	if j.hub != nil {
		j.hub.Publish(blocks, time.Now())
	}
	return nil
}

// flushAudit keeps what the audit log has beyond the last that is kept. The
// number of an entry is its place on the bus, so that the store passes over what
// it has from earlier lives.
func (j *journal) flushAudit(ctx context.Context) error {
	if j.access == nil {
		return nil
	}
	if j.spool == "" {
		first, err := j.access.Audit(ctx, access.System(), 2, 1)
		if err != nil || len(first) == 0 {
			return err
		}
		j.spool = "audit-" + first[0].Hash[:16]
	}
	var fresh []access.Entry
	for before := int64(0); len(fresh) < journalHistory; {
		page, err := j.access.Audit(ctx, access.System(), before, 1000)
		if err != nil {
			return err
		}
		done := len(page) < 1000
		for _, e := range page {
			if done = done || e.Seq <= j.seq; e.Seq > j.seq {
				fresh = append(fresh, e)
			}
		}
		if done {
			break
		}
		before = page[len(page)-1].Seq
	}
	if len(fresh) == 0 {
		return nil
	}
	slices.Reverse(fresh)
	blocks := make([]store.Block, len(fresh))
	for i := range fresh {
		blocks[i] = j.block(j.spool, fresh[i].Seq, []record.Event{auditEvent(&fresh[i])})
	}
	if err := j.append(ctx, blocks); err != nil {
		return err
	}
	j.seq = fresh[len(fresh)-1].Seq
	return nil
}

// auditEvent is an entry of the audit log as a record: of the log auth when it
// is about someone's own way in, else of config.
func auditEvent(e *access.Entry) record.Event {
	out := record.Event{Log: "config", Time: e.Time, Admin: e.Actor, Client: e.Via, Command: e.Action, Path: e.Object, Result: e.Outcome, Description: e.Detail}
	out.Address, _ = netip.ParseAddr(e.Address) // absent: none
	for _, p := range []string{"login", "logout", "session.", "setup.", "user.confirm", "user.password.change", "user.recovery.", "user.totp."} {
		if strings.HasPrefix(e.Action, p) {
			out.Log, out.ID = "auth", "auth-success"
		}
	}
	if out.Log == "auth" && e.Outcome == "refused" {
		out.ID = "auth-fail"
	}
	return out
}
