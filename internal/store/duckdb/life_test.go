//go:build duckdb

package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("DUCKDB_TEST_VICTIM"); dir != "" {
		victim(dir)
	}
	os.Exit(m.Run())
}

const perBlock = 40

// numbered is block n of a sensor whose records count on in flow_id.
func numbered(n int) store.Block {
	b := store.Block{Origin: bus.Origin{Sensor: "s", Spool: "x", Start: bus.Position{Segment: 1, Offset: int64(n)}}}
	for i := range perBlock {
		at := storetest.Start().Add(time.Duration(n) * time.Minute)
		e, err := record.ParseEVE(fmt.Appendf(nil, `{"timestamp":"%s","flow_id":%d,"event_type":"%s","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","proto":"TCP"}`,
			at.Format(eveTime), n*perBlock+i+1, []string{"flow", "dns"}[i%2]))
		if err != nil {
			panic(err)
		}
		b.Entries = append(b.Entries, e)
	}
	return b
}

// victim appends and seals until it is killed, and tells what was kept.
func victim(dir string) {
	s, err := Open(Options{Dir: dir, MinFree: 1, SealRows: 500, Memory: 128 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	first, _ := strconv.Atoi(os.Getenv("DUCKDB_TEST_FIRST"))
	go func() {
		for {
			if err := s.Maintain(context.Background(), storetest.Start()); err != nil {
				fmt.Println("maintain:", err)
				os.Exit(1)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	for n := first; ; n += 2 {
		if _, err := s.Append(context.Background(), []store.Block{numbered(n), numbered(n + 1)}); err != nil {
			fmt.Println("append:", err)
			os.Exit(1)
		}
		fmt.Println("kept", n+2)
	}
}

// TestKill: whoever is killed while it appends and seals has, when it comes
// back, every record that it said it keeps, once.
func TestKill(t *testing.T) {
	dir, acked := t.TempDir(), 0
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		// What is sent again begins before what was acknowledged, as the bus does.
		acked = max(acked, killed(t, dir, max(0, acked-3), time.Duration(50+rnd.IntN(400))*time.Millisecond))
	}
	s := open(t, dir, nil, nil)
	defer s.Close()
	var ids []int
	_, err := s.Scan(t.Context(), store.Query{}, func(r store.Row) error {
		e, err := r.Entry()
		if err == nil {
			ids = append(ids, int(e.FlowID))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	for i, id := range ids {
		if id != i+1 {
			t.Fatalf("record %d is at the place of %d: lost or doubled", id, i+1)
		}
	}
	if len(ids) < acked*perBlock || acked == 0 {
		t.Errorf("%d records of %d that were acknowledged", len(ids), acked*perBlock)
	}
	u := must(s.Usage(t.Context()))
	if u[0].Rows+u[1].Rows != uint64(len(ids)) {
		t.Errorf("usage %+v, want %d rows", u, len(ids))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func killed(t *testing.T, dir string, first int, after time.Duration) (acked int) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), "DUCKDB_TEST_VICTIM="+dir, "DUCKDB_TEST_FIRST="+strconv.Itoa(first))
	out := must(c.StdoutPipe())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var once *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if once == nil { // it lives
			once = time.AfterFunc(after, func() { _ = c.Process.Kill() }) // gone already: the wait tells
		}
		n, ok := strings.CutPrefix(lines.Text(), "kept ")
		if !ok {
			t.Fatal(lines.Text())
		}
		acked = must(strconv.Atoi(n))
	}
	_ = c.Wait() // killed
	return acked
}

// TestOldColumns: parts that were written before a field was in the catalogue
// answer as if it were absent.
func TestOldColumns(t *testing.T) {
	dir := t.TempDir()
	now := func() time.Time { return storetest.Start().Add(5 * time.Hour) }
	m := storetest.NewMemory(nil)
	m.Now = now
	g := storetest.NewGenerator(1)
	s := open(t, dir, nil, now)
	for _, log := range store.Logs() {
		s.cols[log] = slices.DeleteFunc(s.cols[log], func(c column) bool { return c.name == "app" || c.name == "risk_of_app" })
	}
	older := func(blocks []store.Block) {
		for _, b := range blocks {
			for _, e := range b.Entries {
				e.App, e.AppRisk = "", 0
			}
		}
		for _, x := range []store.Store{s, m} {
			must(x.Append(t.Context(), blocks))
		}
	}
	older(g.Blocks(t, "a", 0, 4, 100, 10*time.Second))
	if err := s.Maintain(t.Context(), now()); err != nil {
		t.Fatal(err)
	}
	older(g.Blocks(t, "a", 4, 4, 100, 10*time.Second)) // stays hot
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, nil, now)
	defer s.Close()
	blocks := g.Blocks(t, "a", 8, 4, 100, 10*time.Second)
	for _, x := range []store.Store{s, m} {
		must(x.Append(t.Context(), blocks))
	}
	for range 2 {
		for _, text := range []string{"app eq ssl", "app neq ssl", "risk-of-app lt 3", ""} {
			q := store.Query{Filter: must(filter.Parse(text))}
			for _, field := range []string{"app", "addr.src"} {
				got, want := must(s.Top(t.Context(), q, store.Grouping{Field: field, Limit: 9})), must(m.Top(t.Context(), q, store.Grouping{Field: field, Limit: 9}))
				if !slices.Equal(got.Groups, want.Groups) {
					t.Errorf("%q by %s: got %+v, want %+v", text, field, got.Groups, want.Groups)
				}
			}
		}
		if err := s.Maintain(t.Context(), now()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOrphans: what a death may leave behind is cleared away.
func TestOrphans(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil, nil)
	must(s.Append(t.Context(), []store.Block{numbered(0)}))
	if _, err := s.db.Exec("CREATE TABLE p999(a INTEGER)"); err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(dir, "sealed", "traffic-20260301T09-7.parquet")
	if err := errors.Join(os.WriteFile(orphan, []byte("half"), 0o600), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, nil, nil)
	defer s.Close()
	if _, err := os.Stat(orphan); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	if _, err := s.db.Exec("SELECT * FROM p999"); err == nil {
		t.Error("the table is there")
	}
	if u := must(s.Usage(t.Context())); len(u) != 2 || u[0].Rows+u[1].Rows != perBlock {
		t.Errorf("usage %+v", u)
	}
}

func TestFull(t *testing.T) {
	s := must(Open(Options{Dir: t.TempDir(), MinFree: 1 << 62, Log: slog.New(slog.DiscardHandler)}))
	defer s.Close()
	if n, err := s.Append(t.Context(), []store.Block{numbered(0)}); n != 0 || !errors.Is(err, store.ErrFull) {
		t.Errorf("%d kept, %v; want ErrFull", n, err)
	}
}

// TestShut: the engine reads and writes nothing outside of its folder, and
// nothing can change that.
func TestShut(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(outside, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, t.TempDir(), nil, nil)
	defer s.Close()
	for _, q := range []string{
		"SELECT * FROM read_csv('" + outside + "')", "COPY (SELECT 1) TO '" + outside + "'", "ATTACH '" + outside + ".db'", "INSTALL httpfs", "LOAD httpfs",
		"SET enable_external_access = true",
	} {
		if _, err := s.db.Exec(q); err == nil {
			t.Errorf("%s is done", q)
		}
	}
}

// TestRandomFilters holds the two back ends of the filter language together.
func TestRandomFilters(t *testing.T) {
	now := func() time.Time { return storetest.Start().Add(5 * time.Hour) }
	s, m := open(t, t.TempDir(), nil, now), storetest.NewMemory(nil)
	defer s.Close()
	m.Now = now
	blocks := storetest.NewGenerator(7).Blocks(t, "a", 0, 6, 100, 4*time.Second)
	var all []*record.Entry
	for i, b := range blocks {
		for _, x := range []store.Store{s, m} {
			must(x.Append(t.Context(), []store.Block{b}))
		}
		all = append(all, b.Entries...)
		if i == 3 {
			if err := s.Maintain(t.Context(), now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	some := 0
	for range 150 {
		f := randomFilter(rnd, all, 2)
		parsed, err := filter.Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		q := store.Query{Filter: parsed}
		got, want := must(s.Find(t.Context(), q, store.Page{Limit: 1000})), must(m.Find(t.Context(), q, store.Page{Limit: 1000}))
		if a, b := lines(got), lines(want); !slices.Equal(a, b) {
			t.Fatalf("%s: %d rows, want %d", f, len(a), len(b))
		}
		if n := len(want.Rows); n > 0 && n < len(all) {
			some++
		}
	}
	if some < 50 {
		t.Errorf("only %d filters tell records apart", some)
	}
}

func lines(r *store.Result) (out []string) {
	for _, x := range r.Rows {
		out = append(out, string(x.Raw))
	}
	slices.Sort(out)
	return out
}

// randomFilter asks for values that some record has, mostly.
func randomFilter(rnd *rand.Rand, all []*record.Entry, depth int) string {
	if depth > 0 && rnd.IntN(3) > 0 {
		a, b := randomFilter(rnd, all, depth-1), randomFilter(rnd, all, depth-1)
		return []string{"( " + a + " and " + b + " )", "( " + a + " or " + b + " )", "not ( " + a + " )"}[rnd.IntN(3)]
	}
	fields := record.Fields()
	f := fields[rnd.IntN(len(fields))]
	value := "x"
	for range 20 {
		if vs := store.Values(&f, all[rnd.IntN(len(all))]); len(vs) > 0 && vs[0] != "" {
			value = vs[rnd.IntN(len(vs))]
			break
		}
	}
	ops := map[record.FieldKind][]string{
		record.KindText: {"eq", "neq", "contains", "startswith", "in", "notin", "matches"}, record.KindNumber: {"eq", "neq", "geq", "leq", "gt", "lt", "in", "notin"},
		record.KindAddr: {"in", "notin", "eq", "neq"}, record.KindSeverity: {"eq", "neq", "geq", "leq", "gt", "lt"}, record.KindTime: {"geq", "leq", "gt", "lt", "eq", "neq"},
		record.KindList: {"has", "eq", "neq", "contains"},
	}[f.Kind]
	op := ops[rnd.IntN(len(ops))]
	switch f.Kind {
	case record.KindNumber:
		if _, err := strconv.ParseUint(value, 10, 64); err != nil {
			value = "7"
		}
	case record.KindAddr:
		if value == "x" {
			value = "10.0.0.1"
		}
		if rnd.IntN(2) == 0 {
			value += "/" + strconv.Itoa(rnd.IntN(33))
		}
	case record.KindTime:
		if f.Name == "start" && strings.HasPrefix(value, "0001") {
			value = "2026-03-01T10:00:00Z"
		}
	case record.KindText, record.KindList:
		value = strings.Map(func(r rune) rune {
			if r == '"' || r < ' ' {
				return -1
			}
			return r
		}, value)
		switch rnd.IntN(4) {
		case 0:
			value = strings.ToUpper(value)
		case 1:
			value = value[:(len(value)+1)/2]
		}
		if op == "matches" {
			value = "(?i)^" + strings.NewReplacer("(", ".", ")", ".", "*", ".", "+", ".", "?", ".", "[", ".", "\\", ".").Replace(value)
		}
	}
	return fmt.Sprintf(`%s %s "%s"`, f.Name, op, value)
}

// TestLayouts: a store of the first layout is brought to this one, and answers.
func TestLayouts(t *testing.T) {
	dir := t.TempDir()
	now := func() time.Time { return storetest.Start().Add(5 * time.Hour) }
	s := open(t, dir, nil, now)
	m := storetest.NewMemory(nil)
	m.Now = now
	blocks := storetest.NewGenerator(5).Blocks(t, "a", 0, 8, 200, time.Second)
	for _, x := range []store.Store{s, m} {
		must(x.Append(t.Context(), blocks))
	}
	if err := s.Maintain(t.Context(), now()); err != nil {
		t.Fatal(err)
	}
	ranks := 0
	if err := s.db.QueryRow("SELECT count(*) FROM rank_number").Scan(&ranks); err != nil || ranks == 0 {
		t.Fatalf("%d values are counted, %v", ranks, err)
	}
	// What the first layout did not have.
	for _, q := range []string{"ALTER TABLE part DROP COLUMN ranked", "DROP TABLE rank_addr", "DROP TABLE rank_number", "DROP TABLE rank_text", "DELETE FROM schema_version WHERE version > 1"} {
		if _, err := s.db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, nil, now)
	defer s.Close()
	more := storetest.NewGenerator(6).Blocks(t, "b", 0, 8, 200, time.Second)
	for _, x := range []store.Store{s, m} {
		must(x.Append(t.Context(), more))
	}
	if err := s.Maintain(t.Context(), now()); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"port.dst", "addr.src", "hostname"} {
		for _, by := range []store.Measure{store.ByCount, store.ByBytes} {
			g := store.Grouping{Field: field, By: by, Limit: 5}
			got, want := must(s.Top(t.Context(), store.Query{}, g)), must(m.Top(t.Context(), store.Query{}, g))
			if !slices.Equal(got.Groups, want.Groups) || got.Values != want.Values {
				t.Errorf("%s by %s: got %+v, want %+v", field, by, got.Groups, want.Groups)
			}
		}
	}
}
