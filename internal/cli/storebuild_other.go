//go:build !duckdb

package cli

// embeddedStore says that this build has the embedded log store.
const embeddedStore = false
