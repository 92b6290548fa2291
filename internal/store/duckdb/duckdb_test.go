//go:build duckdb

package duckdb

import (
	"log/slog"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

func open(t *testing.T, dir string, r store.Retention, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Retention: r, Now: now, Memory: 256 << 20, MinFree: 1, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Engine{Open: func(t *testing.T, dir string, r store.Retention, now func() time.Time) store.Store {
		return open(t, dir, r, now)
	}, ExactUsage: true})
}
