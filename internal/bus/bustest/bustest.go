// Package bustest holds implementations of the bus to its contract.
//
// Run runs every promise of bus.Source and bus.Sink as a test of its own over a
// Fixture that the implementation makes. There is no time in any of them: what
// does not come ends with the test's timeout.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/bus"
)

// Fixture is one empty bus.
type Fixture struct {
	Sink bus.Sink
	// Open opens the source of that name; a second call comes after the first
	// source was closed or, as when its process is killed, abandoned.
	Open func(name string) (bus.Source, error)
	// AppendDamaged puts a block with these records onto the bus and damages it.
	AppendDamaged func(record []byte)
	// Damaged counts the damaged blocks that src skipped.
	Damaged func(src bus.Source) uint64
}

// Run tests the bus that fresh makes, a new one for each promise; what it opens
// is closed by the test's cleanup.
func Run(t *testing.T, fresh func(t *testing.T) Fixture) {
	for name, f := range map[string]func(*testing.T, Fixture){
		"records come in the order of their append":            order,
		"what was not acknowledged comes again to the next":    redelivery,
		"a record keeps its id, and no other has it":           identities,
		"sources of different names do not concern each other": independent,
		"a damaged block is skipped and counted":               damaged,
		"Next ends with its context and loses nothing":         cancelled,
		"a large append comes whole":                           large,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) { f(t, fresh(t)) })
	}
}

// got is a record as a source gave it.
type got struct {
	text string
	id   bus.ID
	end  bus.Position
}

func (f Fixture) fill(t *testing.T, from, n int) {
	t.Helper()
	for i := range n {
		if err := f.Sink.Append(fmt.Appendf(nil, "%04d-a", from+i), fmt.Appendf(nil, "%04d-b", from+i)); err != nil {
			t.Fatal(err)
		}
	}
}

func (f Fixture) open(t *testing.T, name string) bus.Source {
	t.Helper()
	src, err := f.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() }) // a second time for those that were closed
	return src
}

// take reads blocks until there are n records.
func take(t *testing.T, src bus.Source, n int) (out []got) {
	t.Helper()
	for len(out) < n {
		b, err := src.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range b.Records {
			out = append(out, got{string(r), b.ID(i), b.End})
		}
	}
	if len(out) != n {
		t.Fatalf("%d records, want %d: %v", len(out), n, out)
	}
	return out
}

func inOrder(t *testing.T, all []got, from int) {
	t.Helper()
	for i, g := range all {
		if want := fmt.Sprintf("%04d-%c", from+i/2, 'a'+rune(i%2)); g.text != want {
			t.Fatalf("record %d is %s, want %s", i, g.text, want)
		}
	}
}

func order(t *testing.T, f Fixture) {
	src := f.open(t, "r")
	for i := range 4 {
		f.fill(t, i*20, 20)
		inOrder(t, take(t, src, 40), i*20)
	}
}

func redelivery(t *testing.T, f Fixture) {
	f.fill(t, 0, 20)
	first := take(t, f.open(t, "r"), 40) // abandoned, nothing acknowledged
	src := f.open(t, "r")
	again := take(t, src, 40)
	for i := range first {
		if first[i].id != again[i].id || first[i].text != again[i].text {
			t.Fatalf("record %d was %v, is %v", i, first[i], again[i])
		}
	}
	if err := src.Ack(again[13].end); err != nil { // the 7th block
		t.Fatal(err)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	src = f.open(t, "r")
	inOrder(t, take(t, src, 26), 7)
	f.fill(t, 20, 3)
	inOrder(t, take(t, src, 6), 20)
}

func identities(t *testing.T, f Fixture) {
	f.fill(t, 0, 50)
	seen := map[bus.ID]string{}
	for _, name := range []string{"one", "two"} {
		for _, g := range take(t, f.open(t, name), 100) {
			if was, ok := seen[g.id]; ok != (name == "two") || ok && was != g.text {
				t.Fatalf("%s has id %v, which was %q", g.text, g.id, was)
			}
			seen[g.id] = g.text
			if g.id.Sensor == "" || g.id.Spool == "" {
				t.Fatalf("%s has id %v", g.text, g.id)
			}
		}
	}
}

func independent(t *testing.T, f Fixture) {
	f.fill(t, 0, 10)
	one := f.open(t, "one")
	all := take(t, one, 20)
	if err := one.Ack(all[19].end); err != nil {
		t.Fatal(err)
	}
	inOrder(t, take(t, f.open(t, "two"), 20), 0)
	f.fill(t, 10, 1)
	inOrder(t, take(t, f.open(t, "one"), 2), 10)
}

func damaged(t *testing.T, f Fixture) {
	f.fill(t, 0, 3)
	f.AppendDamaged([]byte("this record is lost"))
	f.fill(t, 3, 3)
	src := f.open(t, "r")
	inOrder(t, take(t, src, 12), 0)
	if n := f.Damaged(src); n != 1 {
		t.Fatalf("%d counted, want 1", n)
	}
}

func cancelled(t *testing.T, f Fixture) {
	src := f.open(t, "r")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	f.fill(t, 0, 5)
	inOrder(t, take(t, src, 10), 0)
}

func large(t *testing.T, f Fixture) {
	const n = 3000
	records := make([][]byte, n)
	for i := range records {
		records[i] = append(fmt.Appendf(nil, "%08d", i), make([]byte, 1000)...)
	}
	if err := f.Sink.Append(records...); err != nil {
		t.Fatal(err)
	}
	seen := map[bus.ID]bool{}
	for i, g := range take(t, f.open(t, "r"), n) {
		if g.text != string(records[i]) || seen[g.id] {
			t.Fatalf("record %d is %.8s, id %v", i, g.text, g.id)
		}
		seen[g.id] = true
	}
}
