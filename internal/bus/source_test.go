package bus_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/bus/bustest"
)

// TestSource holds the spool to the contract of the bus, read by the process
// that writes it.
func TestSource(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Fixture {
		s, f := fixture(t, t.TempDir())
		f.Open = func(name string) (bus.Source, error) { return s.Reader(name) }
		f.Damaged = func(bus.Source) uint64 { return s.Counters().Damaged }
		return f
	})
}

// TestFolderSource holds the spool to the contract of the bus, read by another
// process.
func TestFolderSource(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Fixture {
		dir := t.TempDir()
		_, f := fixture(t, dir)
		folder, err := bus.Follow(dir, bus.FolderOptions{Sensor: "s1"})
		if err != nil {
			t.Fatal(err)
		}
		f.Open = func(name string) (bus.Source, error) { return folder.Reader(name) }
		f.Damaged = func(bus.Source) uint64 { return folder.Damaged() }
		return f
	})
}

func fixture(t *testing.T, dir string) (*bus.Spool, bustest.Fixture) {
	t.Helper()
	s := openSpool(t, dir)
	return s, bustest.Fixture{Sink: s, AppendDamaged: func(record []byte) {
		if err := s.Append(record); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "0000000000000001.seg")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-1] ^= 1
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(b[len(b)-1:], int64(len(b)-1)); err != nil {
			t.Fatal(err)
		}
	}}
}

func openSpool(t *testing.T, dir string) *bus.Spool {
	t.Helper()
	s, err := bus.Open(dir, bus.Options{Sensor: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func origin(t *testing.T, s *bus.Spool, name string) bus.Origin {
	t.Helper()
	r, err := s.Reader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Ack(b.End); err != nil {
		t.Fatal(err)
	}
	return b.Origin
}

// TestIdentity: a spool keeps its identity; after a reboot, when a copy of what
// the disk lost may be elsewhere, it gives no position twice; an empty folder is
// another spool.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	put := func() {
		t.Helper()
		if err := s.Append([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	put()
	first := origin(t, s, "r")
	s.Close()

	s = openSpool(t, dir)
	put()
	if o := origin(t, s, "r"); o.Spool != first.Spool || o.Start.Segment != first.Start.Segment || o.Start == first.Start {
		t.Errorf("opened again: %v after %v", o, first)
	}
	s.Close()

	path := filepath.Join(dir, "identity")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), `"boot":"`) + len(`"boot":"`)
	if err := os.WriteFile(path, append(b[:at:at], `another"}`...), 0o640); err != nil {
		t.Fatal(err)
	}
	s = openSpool(t, dir)
	put()
	if o := origin(t, s, "r"); o.Spool != first.Spool || o.Start.Segment < first.Start.Segment+1000 {
		t.Errorf("after a reboot: %v after %v", o, first)
	}

	if s = openSpool(t, t.TempDir()); true {
		put()
	}
	if o := origin(t, s, "r"); o.Spool == first.Spool {
		t.Errorf("another folder has the same identity %v", o)
	}
}

// TestNextBlocks: what is shipped unpacks to what was appended, in groups that
// keep to the limit and to their segment.
func TestNextBlocks(t *testing.T) {
	s, err := bus.Open(t.TempDir(), bus.Options{SegmentBytes: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	const n, limit = 300, 200
	for i := range n {
		if err := s.Append([]byte{byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader("r")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	u, err := bus.NewUnpacker()
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	next, groups := 0, 0
	for {
		b, err := r.NextBlocks(t.Context(), limit)
		if err != nil {
			break // ErrClosed; the count below tells
		}
		groups++
		start := b.Origin.Start
		if len(b.Data) > limit || b.End != (bus.Position{Segment: start.Segment, Offset: start.Offset + int64(len(b.Data))}) {
			t.Fatalf("%d bytes from %v to %v", len(b.Data), start, b.End)
		}
		for data := b.Data; len(data) > 0; next++ {
			records, k, err := u.Unpack(data)
			if err != nil || len(records) != 1 || records[0][0] != byte(next) || records[0][1] != byte(next>>8) {
				t.Fatalf("block %d: %v, %v", next, records, err)
			}
			data = data[k:]
		}
	}
	if next != n || groups >= n/2 {
		t.Fatalf("%d of %d records in %d groups", next, n, groups)
	}
}
