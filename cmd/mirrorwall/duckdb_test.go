//go:build duckdb

package main

// embeddedStore is the condition [store] of scripts.
const embeddedStore = true
