package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

// flaky is a memory store whose first appends fail.
type flaky struct {
	*storetest.Memory
	mu    sync.Mutex
	fails []error
	kept  chan int
	got   int
}

func (f *flaky) Append(ctx context.Context, b []store.Block) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.fails) > 0 {
		err := f.fails[0]
		f.fails = f.fails[1:]
		return 0, err
	}
	n, err := f.Memory.Append(ctx, b)
	f.kept <- n
	return n, err
}

func openSpool(t *testing.T) *bus.Spool {
	t.Helper()
	s, err := bus.Open(t.TempDir(), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestIngester: what is on the bus is in the store, once, though appends fail
// and the ingester is ended and begun anew; what can't be read is counted.
func TestIngester(t *testing.T) {
	spool := openSpool(t)
	st := &flaky{Memory: storetest.NewMemory(nil), kept: make(chan int, 100), fails: []error{errors.New("no network")}}
	hub := store.NewHub()
	live, err := hub.Follow(store.Query{Logs: []string{"threat"}}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	g := storetest.NewGenerator(1)
	total := 0
	for round := range 3 {
		src, err := spool.Reader("store")
		if err != nil {
			t.Fatal(err)
		}
		in := store.NewIngester(src, st, hub, store.IngestOptions{Rows: 100, Wait: 5 * time.Millisecond, Retry: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- in.Run(ctx) }()
		for range 10 {
			if err := spool.Append(g.Line(time.Second), []byte("no record"), g.Line(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		for total += 20; st.got < total; {
			st.got += <-st.kept
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		c := in.Counters()
		if c.Kept != 20 || c.Unreadable != 10 || c.Full != 0 || round == 0 && c.Retries != 1 {
			t.Errorf("round %d: %+v", round, c)
		}
		src.Close()
	}
	threats := 0
	if _, err := st.Scan(t.Context(), store.Query{Logs: []string{"threat"}}, func(store.Row) error { threats++; return nil }); err != nil {
		t.Fatal(err)
	}
	if threats == 0 || len(live.C) != threats || live.Lost() != 0 {
		t.Errorf("%d threats kept, %d followed, %d lost", threats, len(live.C), live.Lost())
	}
}

// TestIngesterFull: a full store makes it count and go on, so that the bus is
// emptied.
func TestIngesterFull(t *testing.T) {
	spool := openSpool(t)
	st := &flaky{Memory: storetest.NewMemory(nil), kept: make(chan int, 100), fails: []error{fmt.Errorf("disk: %w", store.ErrFull)}}
	src, err := spool.Reader("store")
	if err != nil {
		t.Fatal(err)
	}
	g := storetest.NewGenerator(1)
	if err := spool.Append(g.Line(0), g.Line(0)); err != nil {
		t.Fatal(err)
	}
	in := store.NewIngester(src, st, nil, store.IngestOptions{Rows: 1, Wait: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	for in.Counters().Full != 2 {
		time.Sleep(time.Millisecond)
	}
	if !in.Full() {
		t.Error("the ingester does not say that its store is full")
	}
	if err := spool.Append(g.Line(0)); err != nil {
		t.Fatal(err)
	}
	<-st.kept
	cancel()
	if err := <-ended; err != nil || in.Full() {
		t.Errorf("ended with %v, full %v", err, in.Full())
	}
}

// TestHubSlow: a follower that does not read loses rows, and knows how many.
func TestHubSlow(t *testing.T) {
	hub := store.NewHub()
	f, err := hub.Follow(store.Query{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	hub.Publish(storetest.NewGenerator(1).Blocks(t, "a", 0, 1, 5, 0), time.Now())
	if len(f.C) != 2 || f.Lost() != 3 {
		t.Errorf("%d rows, %d lost", len(f.C), f.Lost())
	}
	f.Close()
	f.Close()
	for range store.MaxFollowers {
		if _, err := hub.Follow(store.Query{}, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := hub.Follow(store.Query{}, 1); err == nil {
		t.Error("there is no bound of followers")
	}
}
