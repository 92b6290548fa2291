package respond

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/filelock"
	"github.com/mirrorwall/mirrorwall/internal/bus"
)

// graveyard is a running service's dead letters: two of each list, in turn.
func graveyard(t *testing.T, lists ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	dead, err := bus.Open(dir, bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dead.Close() })
	records := spool(t)
	if err := errors.Join(records.Append(line(1)), records.Append(line(2)), records.Close()); err != nil {
		t.Fatal(err)
	}
	refuse := actionFunc(func(context.Context, *Delivery) error { return Permanent(errors.New("no")) })
	var all []*MatchList
	for _, name := range lists {
		all = append(all, list(name, refuse))
	}
	if err := New(records, dead, all, Options{}).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func letters(t *testing.T, dir string) (out []string) {
	t.Helper()
	damaged, err := ListDead(dir, func(l *DeadLetter) error {
		out = append(out, l.MatchList)
		return nil
	})
	if err != nil || damaged != 0 {
		t.Fatalf("%d damaged, %v", damaged, err)
	}
	slices.Sort(out)
	return out
}

// TestReplayDead: each receiver is for itself. One that is down is asked once,
// one that refuses is asked for each letter, one that takes them leaves no
// letter behind.
func TestReplayDead(t *testing.T) {
	dir := graveyard(t, "down", "gone", "refuses", "takes")
	asked := map[string]int{}
	ids := map[string]bool{}
	answer := func(name string, err error) *MatchList {
		return list(name, actionFunc(func(_ context.Context, d *Delivery) error {
			asked[name]++
			if err == nil {
				ids[d.ID] = true
			}
			if d.Attempt != 2 || d.Entry.Log != "threat" {
				t.Errorf("attempt %d of a %s record", d.Attempt, d.Entry.Log)
			}
			return err
		}))
	}
	lists := []*MatchList{answer("down", errors.New("connection refused")), answer("refuses", Permanent(errors.New("no"))), answer("takes", nil)}
	missing := 0
	for round := range 2 {
		sum, err := ReplayDead(context.Background(), dir, lists, nil, Options{}, func(o Outcome) {
			if errors.Is(o.Err, ErrNoList) {
				missing++
			}
		})
		if want := (Replayed{Delivered: 2 * (1 - round), Left: 6}); err != nil || sum != want {
			t.Fatalf("round %d: %+v, %v", round, sum, err)
		}
		if got := strings.Join(letters(t, dir), " "); got != "down down gone gone refuses refuses" {
			t.Errorf("round %d: left are %s", round, got)
		}
	}
	if asked["down"] != 2 || asked["refuses"] != 4 || asked["takes"] != 2 || len(ids) != 2 || missing != 2 {
		t.Errorf("asked %v, ids %v, %d times told of a list that is gone", asked, ids, missing)
	}
	sum, err := ReplayDead(context.Background(), dir, []*MatchList{answer("down", nil), answer("refuses", nil)}, []string{"down"}, Options{}, nil)
	if err != nil || sum != (Replayed{Delivered: 2}) {
		t.Errorf("only one list: %+v, %v", sum, err)
	}
	if got := strings.Join(letters(t, dir), " "); got != "gone gone refuses refuses" {
		t.Errorf("left are %s", got)
	}
}

// TestReplayDeadAlone: two at a time would deliver everything twice.
func TestReplayDeadAlone(t *testing.T) {
	dir := graveyard(t, "l")
	second := actionFunc(func(context.Context, *Delivery) error {
		_, err := ReplayDead(context.Background(), dir, nil, nil, Options{}, nil)
		if !errors.Is(err, filelock.ErrLocked) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if sum, err := ReplayDead(context.Background(), dir, []*MatchList{list("l", second)}, nil, Options{}, nil); err != nil || sum.Delivered != 2 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// TestReplayDeadCut: what is ended in the middle goes on where it was; a mark
// that was cut off counts for nothing and spoils no other.
func TestReplayDeadCut(t *testing.T) {
	dir := graveyard(t, "l")
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	stop := list("l", actionFunc(func(ctx context.Context, _ *Delivery) error {
		if n++; n == 2 {
			cancel()
		}
		return ctx.Err()
	}))
	sum, err := ReplayDead(ctx, dir, []*MatchList{stop}, nil, Options{Timeout: time.Minute}, nil)
	if !errors.Is(err, context.Canceled) || sum.Delivered != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, replayedName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("msg_0123")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	take := list("l", actionFunc(func(context.Context, *Delivery) error { return nil }))
	if sum, err := ReplayDead(context.Background(), dir, []*MatchList{take}, nil, Options{}, nil); err != nil || sum != (Replayed{Delivered: 1}) {
		t.Errorf("%+v, %v", sum, err)
	}
	if left := letters(t, dir); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// TestReplayDeadForgets: the list of what was delivered later keeps no letters
// that the spool has dropped, unless a part of the spool can't be read.
func TestReplayDeadForgets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be replaced there")
	}
	dir := graveyard(t, "l")
	path := filepath.Join(dir, replayedName)
	replay := func() (lines int) {
		t.Helper()
		take := list("l", actionFunc(func(context.Context, *Delivery) error { return nil }))
		if _, err := ReplayDead(context.Background(), dir, []*MatchList{take}, nil, Options{}, nil); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n")
	}
	// The first is what a crash in the middle leaves.
	err := errors.Join(os.WriteFile(path+".new", []byte("half"), 0o640), os.WriteFile(path, []byte("msg_trimmed\n"), 0o640))
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		if n := replay(); n != 2 {
			t.Errorf("round %d: %d ids for 2 letters", round, n)
		}
	}
	if left := letters(t, dir); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left beside: %v", err)
	}
	// A segment before the spool's that is no segment.
	if err := os.WriteFile(filepath.Join(dir, "0000000000000000.seg"), []byte("no spool"), 0o640); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("msg_unreadable\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if n := replay(); n != 3 {
		t.Errorf("%d ids, want 3: the spool is damaged", n)
	}
}
