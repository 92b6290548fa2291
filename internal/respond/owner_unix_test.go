//go:build unix

package respond

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReplayDeadOwner: what root began, the service's user can go on with; also
// a list that already belongs to root.
func TestReplayDeadOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	const user, group = 12345, 12346
	for _, before := range []bool{false, true} {
		dir := graveyard(t, "l")
		path := filepath.Join(dir, replayedName)
		err := os.Chown(dir, user, group)
		if before {
			err = errors.Join(err, os.WriteFile(path, nil, 0o600))
		}
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
			t.Skipf("this root can't give files away: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		take := list("l", actionFunc(func(context.Context, *Delivery) error { return nil }))
		if sum, err := ReplayDead(context.Background(), dir, []*MatchList{take}, nil, Options{}, nil); err != nil || sum.Delivered != 2 {
			t.Fatalf("%+v, %v", sum, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != user || st.Gid != group {
			t.Errorf("there before: %v: belongs to %d:%d", before, st.Uid, st.Gid)
		}
	}
}
