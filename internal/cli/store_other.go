//go:build !duckdb

package cli

import (
	"log/slog"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// openStore opens the log store of a configuration; this build has none.
func openStore(cfg *config.Config, _ *slog.Logger) (store.Store, error) {
	return nil, &noStoreError{cfg.Store.Engine}
}
