package respond

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
)

// actionFunc is an action of one function.
type actionFunc func(ctx context.Context, d *Delivery) error

func (f actionFunc) Deliver(ctx context.Context, d *Delivery) error { return f(ctx, d) }

func spool(t *testing.T) *bus.Spool {
	t.Helper()
	s, err := bus.Open(t.TempDir(), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func list(name string, a Action) *MatchList {
	return &MatchList{Name: name, Filter: &filter.Filter{}, Action: a}
}

func line(n int) []byte {
	return fmt.Appendf(nil, `{"timestamp":"2026-01-01T00:00:00.000000+0000","event_type":"alert","flow_id":%d}`, n)
}

// TestFullDiskLosesNoDeadLetter: while dead letters can't be written their
// match list waits; the record comes again.
func TestFullDiskLosesNoDeadLetter(t *testing.T) {
	records, full := spool(t), spool(t)
	if err := errors.Join(full.Close(), records.Append(line(1))); err != nil {
		t.Fatal(err)
	}
	refuse := actionFunc(func(context.Context, *Delivery) error { return Permanent(errors.New("no")) })
	ctx, cancel := context.WithCancel(context.Background())
	r := New(records, full, []*MatchList{list("l", refuse)}, Options{First: time.Millisecond})
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for r.C.Stalled.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	dead := spool(t)
	if err := records.Close(); err != nil {
		t.Fatal(err)
	}
	if err := New(records, dead, []*MatchList{list("l", refuse)}, Options{}).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := dead.Counters().Records; n != 1 {
		t.Errorf("%d dead letters, want 1", n)
	}
}

// TestShutdownLeavesTheRest: a block that was begun comes again as a whole, and
// nothing is delivered after the end of the context.
func TestShutdownLeavesTheRest(t *testing.T) {
	records := spool(t)
	if err := records.Append(line(1), []byte("no EVE line"), line(2), line(3)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ids []string
	r := New(records, spool(t), []*MatchList{list("l", actionFunc(func(ctx context.Context, d *Delivery) error {
		ids = append(ids, d.ID)
		if len(ids) == 2 {
			cancel()
		}
		return ctx.Err()
	}))}, Options{})
	if err := r.Run(ctx); err != nil || len(ids) != 2 {
		t.Fatalf("%v, %d deliveries", err, len(ids))
	}
	if err := records.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(ids) != 5 || ids[0] != ids[2] || ids[1] != ids[3] || r.C.Unreadable.Load() != 2 {
		t.Errorf("deliveries %v, %d unreadable", ids, r.C.Unreadable.Load())
	}
}

// TestSlowListHoldsUpItself: another one goes on, and a list that was taken
// out of the configuration holds nothing.
func TestSlowListHoldsUpItself(t *testing.T) {
	records := spool(t)
	for _, name := range []string{"respond-gone", "console"} {
		reader, err := records.Reader(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const n = 20
	quick := 0
	r := New(records, spool(t), []*MatchList{
		list("slow", actionFunc(func(ctx context.Context, _ *Delivery) error { <-ctx.Done(); return ctx.Err() })),
		list("quick", actionFunc(func(context.Context, *Delivery) error {
			if quick++; quick == n {
				cancel()
			}
			return nil
		})),
	}, Options{})
	for i := range n {
		if err := records.Append(line(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Run(ctx); err != nil || quick != n {
		t.Errorf("%v, %d delivered by the quick list", err, quick)
	}
	names, err := records.Cursors()
	if got := strings.Join(names, " "); err != nil || got != "console respond-quick respond-slow" {
		t.Errorf("cursors %s, %v", got, err)
	}
}

// TestBadNameStartsNothing: an error at the start is told at the start.
func TestBadNameStartsNothing(t *testing.T) {
	r := New(spool(t), spool(t), []*MatchList{list("good", nil), list("bad name", nil)}, Options{})
	if err := r.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "match list bad name") {
		t.Errorf("got %v", err)
	}
}

// TestDeliveredOnce: what was delivered and acknowledged does not come again,
// and the spool may let it go.
func TestDeliveredOnce(t *testing.T) {
	records := spool(t)
	if err := errors.Join(records.Append(line(1), line(2)), records.Append(line(3)), records.Close()); err != nil {
		t.Fatal(err)
	}
	n := 0
	r := New(records, spool(t), []*MatchList{list("l", actionFunc(func(context.Context, *Delivery) error { n++; return nil }))}, Options{})
	for range 2 {
		if err := r.Run(context.Background()); err != nil || n != 3 {
			t.Errorf("%v, %d deliveries, want 3", err, n)
		}
	}
	if low, readers := records.Lowest(); !readers || low != records.End() {
		t.Errorf("acknowledged up to %v, want %v", low, records.End())
	}
}

// TestOpen: a damaged cursor is told and loses nothing; one that can't be read
// is an error with its place, and nothing stays open.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	records, err := bus.Open(dir, bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(records.Append(line(1)), os.WriteFile(filepath.Join(dir, "respond-a.cursor"), []byte("garbage"), 0o640),
		os.Mkdir(filepath.Join(dir, "respond-b.cursor"), 0o750), records.Close()); err != nil {
		t.Fatal(err)
	}
	n := 0
	count := actionFunc(func(context.Context, *Delivery) error { n++; return nil })
	r := New(records, spool(t), []*MatchList{list("a", count), list("b", count)}, Options{})
	aside, err := r.Open()
	if err == nil || !strings.Contains(err.Error(), "match list b: spool "+dir+": cursor respond-b: ") {
		t.Errorf("got %v", err)
	}
	if len(aside) != 1 || r.readers != nil {
		t.Errorf("set aside %v, %d readers open", aside, len(r.readers))
	}
	r = New(records, spool(t), []*MatchList{list("a", count)}, Options{})
	if err := os.WriteFile(filepath.Join(dir, "respond-a.cursor"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "respond-b.cursor")); err != nil {
		t.Fatal(err)
	}
	if aside, err := r.Open(); err != nil || len(aside) != 1 || filepath.Dir(aside[0]) != dir {
		t.Errorf("set aside %v, %v", aside, err)
	}
	if err := r.Run(context.Background()); err != nil || n != 1 {
		t.Errorf("%v, %d deliveries", err, n)
	}
}

func TestPause(t *testing.T) {
	half := func() float64 { return 0 }
	for _, tt := range []struct {
		first, longest time.Duration
		attempt        int
		err            error
		want           time.Duration
	}{
		{time.Second, time.Minute, 1, nil, time.Second / 2},
		{time.Second, time.Minute, 4, nil, 4 * time.Second},
		{time.Second, time.Minute, math.MaxInt, nil, time.Minute / 2},
		{100 * time.Hour, 200 * time.Hour, 60, nil, 100 * time.Hour},
		{time.Hour, time.Minute, 1, nil, time.Minute / 2},
		{time.Second, time.Minute, 1, Later(errors.New("busy"), 7*time.Second), 7 * time.Second},
		{time.Second, time.Minute, 1, Later(errors.New("busy"), time.Hour), 5 * time.Minute},
	} {
		r := New(nil, nil, nil, Options{First: tt.first, Longest: tt.longest, Rand: half})
		if got := r.pause(tt.attempt, tt.err); got != tt.want {
			t.Errorf("first %v, attempt %d, %v: %v, want %v", tt.first, tt.attempt, tt.err, got, tt.want)
		}
	}
}
