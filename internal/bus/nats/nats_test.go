package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/bus/bustest"
)

// start runs a server; opt may say more than where it keeps its files.
func start(t *testing.T, opt *server.Options) *server.Server {
	t.Helper()
	opt.Host, opt.JetStream, opt.NoLog, opt.NoSigs = "127.0.0.1", true, true, true
	if opt.Port == 0 {
		opt.Port = server.RANDOM_PORT
	}
	if opt.StoreDir == "" {
		opt.StoreDir = t.TempDir()
	}
	s, err := server.NewServer(opt)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	for !s.ReadyForConnections(time.Second) {
		if t.Context().Err() != nil {
			t.Fatal("the server does not start")
		}
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// quick are options for tests: no failure is waited for long.
func quick(urls ...string) Options {
	return Options{URLs: urls, MaxBytes: 64 << 20, Wait: time.Second, Backoff: 5 * time.Millisecond}
}

func connect(t *testing.T, opt Options) *Conn {
	t.Helper()
	c, err := Connect(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// until repeats f until it returns nil; the test's timeout ends it.
func until(t *testing.T, f func() error) {
	t.Helper()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func ready(t *testing.T, opt Options) *Conn {
	t.Helper()
	c := connect(t, opt)
	until(t, func() error { return c.Setup(t.Context()) })
	return c
}

func spool(t *testing.T, dir, sensor string) *bus.Spool {
	t.Helper()
	s, err := bus.Open(dir, bus.Options{Sensor: sensor})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// forward ships s until the test ends or stop is called.
func forward(t *testing.T, c *Conn, s *bus.Spool) (f *Forwarder, stop func()) {
	t.Helper()
	f, err := c.NewForwarder(s, "bus")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := f.Run(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, natsgo.ErrConnectionClosed) {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		_ = f.Close()
	})
	t.Cleanup(stop)
	return f, stop
}

// TestSource holds the bus to its contract.
func TestSource(t *testing.T) {
	srv := start(t, &server.Options{})
	n := 0
	bustest.Run(t, func(t *testing.T) bustest.Fixture {
		n++
		opt := quick(srv.ClientURL())
		opt.Prefix = fmt.Sprintf("t%d", n)
		c := ready(t, opt)
		s := spool(t, t.TempDir(), "s1")
		f, _ := forward(t, c, s)
		return bustest.Fixture{
			Sink: s,
			Open: func(name string) (bus.Source, error) { return c.Source(t.Context(), name) },
			AppendDamaged: func(record []byte) {
				until(t, func() error { return behind(s, f) })
				msg := damage(t, c, record)
				if _, err := c.js.PublishMsg(t.Context(), msg); err != nil {
					t.Fatal(err)
				}
			},
			Damaged: func(src bus.Source) uint64 { return src.(*Source).Counters().Damaged },
		}
	})
}

// behind is an error while the forwarder has something to do.
func behind(s *bus.Spool, f *Forwarder) error {
	if low, _ := s.Lowest(); low != s.End() {
		return fmt.Errorf("%v of %v is stored, %+v", low, s.End(), f.Counters())
	}
	return nil
}

// damage is a message with one bit of its block flipped.
func damage(t *testing.T, c *Conn, record []byte) *natsgo.Msg {
	t.Helper()
	s := spool(t, t.TempDir(), "s1")
	if err := s.Append(record); err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader("r")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.NextBlocks(t.Context(), groupBytes)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Clone(b.Data)
	data[len(data)-1] ^= 1
	return &natsgo.Msg{
		Subject: c.subject("s1"), Data: data,
		Header: natsgo.Header{jetstream.MsgIDHeader: {messageID(b.Origin, b.End.Offset)}},
	}
}

// TestStoredTwice: what the server forgot to have is handed out once all the same,
// also by a source that was opened in between.
func TestStoredTwice(t *testing.T) {
	srv := start(t, &server.Options{})
	c := ready(t, quick(srv.ClientURL()))
	dir := t.TempDir()
	s := spool(t, dir, "s1")
	f, stop := forward(t, c, s)
	for i := range 10 {
		if err := s.Append(fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, func() error { return behind(s, f) })
	stop()
	read := func(src *Source, n int) (out string, end bus.Position) {
		t.Helper()
		for range n {
			b, err := src.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			out, end = out+string(b.Records[0]), b.End
		}
		return out, end
	}
	src, err := c.Source(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	got, end := read(src, 6)
	if err := src.Ack(end); err != nil || got != "012345" {
		t.Fatal(got, err)
	}
	// The spool's cursor is lost, and the groups are others: other message ids.
	r, err := s.Reader("bus")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Ack(bus.Position{}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := s.Append([]byte("A")); err != nil {
		t.Fatal(err)
	}
	f, _ = forward(t, c, s)
	until(t, func() error { return behind(s, f) })
	other, err := c.Source(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if got, end = read(other, 5); got != "6789A" {
		t.Fatalf("got %s, %+v", got, other.Counters())
	}
	if n := other.Counters().Duplicates; n == 0 {
		t.Fatal("no block was there twice: the test tests nothing")
	}
	if err := src.Ack(end); err == nil {
		t.Error("two sources of one name may both acknowledge")
	}
	if err := other.Ack(end); err != nil {
		t.Error(err)
	}
}

// TestOutage: the spool bridges the time before the first server is there and
// after it went, and the source goes on by itself.
func TestOutage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	opt := server.Options{Port: port, StoreDir: t.TempDir()}
	c := connect(t, quick(fmt.Sprintf("nats://127.0.0.1:%d", port)))
	s := spool(t, t.TempDir(), "s1")
	f, _ := forward(t, c, s)
	put := func(text string) {
		t.Helper()
		if err := s.Append([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	put("a")
	until(t, func() error {
		if f.Counters().Resent == 0 {
			return errors.New("not tried again")
		}
		return nil
	})
	one := opt
	srv := start(t, &one)
	until(t, func() error { return c.Setup(t.Context()) })
	until(t, func() error { return behind(s, f) })
	srv.Shutdown()
	srv.WaitForShutdown()
	put("b")
	two := opt
	start(t, &two)
	until(t, func() error { return behind(s, f) })
	var src *Source
	until(t, func() error {
		src, err = c.Source(t.Context(), "r")
		return err
	})
	for _, want := range []string{"a", "b"} {
		b, err := src.Next(t.Context())
		if err != nil || string(b.Records[0]) != want {
			t.Fatalf("got %q, %v", b.Records, err)
		}
	}
	if c.Reconnects() == 0 || !c.Connected() {
		t.Errorf("%d reconnects, connected %v", c.Reconnects(), c.Connected())
	}
}

// TestGenerations: the configuration goes down, and what sensors say comes up.
func TestGenerations(t *testing.T) {
	srv := start(t, &server.Options{})
	c := ready(t, quick(srv.ClientURL()))
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan Generation)
	done := make(chan error)
	go func() {
		done <- c.Watch(ctx, func(g Generation) { got <- g })
	}()
	for _, g := range []Generation{{1, []byte("one")}, {7, bytes.Repeat([]byte("seven "), 1<<20)}} {
		if err := c.Publish(ctx, g); err != nil {
			t.Fatal(err)
		}
		if w := <-got; w.Number != g.Number || !bytes.Equal(w.Data, g.Data) {
			t.Fatalf("got %d with %d bytes", w.Number, len(w.Data))
		}
	}
	for _, c2 := range []struct {
		g    Generation
		want string
	}{
		{Generation{7, []byte("other")}, "another content"},
		{Generation{1, []byte("one")}, "generation 7 is the current one"},
		{Generation{0, nil}, "above 0"},
		{Generation{8, random(2 << 20)}, "compressed"},
	} {
		if err := c.Publish(ctx, c2.g); err == nil || !strings.Contains(err.Error(), c2.want) {
			t.Errorf("generation %d: got %v, want %q", c2.g.Number, err, c2.want)
		}
	}
	if err := c.Publish(ctx, Generation{7, bytes.Repeat([]byte("seven "), 1<<20)}); err != nil {
		t.Errorf("again: %v", err)
	}
	refusal := Report{Running: 1, Refused: 7, Reason: "policy: rule 3: no such zone"}
	for name, r := range map[string]Report{"s1": {Running: 7}, "s2": {}, "s3": refusal} {
		if err := c.Report(ctx, name, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Report(ctx, "s2", Report{Running: 7}); err != nil {
		t.Fatal(err)
	}
	all, err := c.Reports(ctx)
	if err != nil || len(all) != 3 || all["s2"].Running != 7 || all["s3"] != refusal {
		t.Fatalf("got %+v, %v", all, err)
	}
	if err := c.Report(ctx, "a.b", Report{}); err == nil {
		t.Error("a sensor's name with a dot was taken")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	x := uint64(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}
