//go:build duckdb

package cli

import (
	"log/slog"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/duckdb"
)

// openStore opens the log store of a configuration.
func openStore(cfg *config.Config, log *slog.Logger) (store.Store, error) {
	if cfg.Store.Engine != "duckdb" {
		return nil, &noStoreError{cfg.Store.Engine}
	}
	keep := store.Retention{}
	for _, l := range store.Logs() {
		k := cfg.Store.Retention.Of(l)
		keep[l] = store.Limit{Age: time.Duration(k.Age), Bytes: uint64(k.Bytes)}
	}
	st, err := duckdb.Open(duckdb.Options{Dir: cfg.StorePath(), Retention: keep, Memory: uint64(cfg.Store.Memory), Log: log})
	if err != nil {
		hint := stateHint
		if cfg.Store.Path != "" {
			hint = "store: path: names the folder; it must be writable"
		}
		return nil, withHint(err, hint)
	}
	return st, nil
}
