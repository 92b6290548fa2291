// Package store keeps the records of the bus and finds them again.
//
// Store is the contract; package storetest holds every implementation to it.
// There is one so far: DuckDB in the process (package duckdb, under the build tag
// of that name). Queries name
// log types, a span of time and a filter of package filter, and answer with how
// much of what they asked about was looked at.
//
// An Ingester carries records from a bus.Source into a Store; a Hub hands on to
// those who follow what was just kept.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
)

// Block is the readable records of one block of the bus.
type Block struct {
	Origin bus.Origin
	// Entries are in the order of the bus. Entry.Log is one of the store's log
	// types; Entry.Raw is the EVE line, borrowed until Append returns.
	Entries []*record.Entry
}

// Row is a record that was found.
type Row struct {
	ID  string // names the row in this store for ever; opaque
	Log string
	Raw []byte // the EVE line, byte for byte as it was appended; the caller's
}

// Entry reads the row's record.
func (r Row) Entry() (*record.Entry, error) {
	e, err := record.ParseEVE(r.Raw)
	if err != nil {
		return nil, err
	}
	e.Log = r.Log
	return e, nil
}

// Query says which records.
type Query struct {
	Logs     []string       // log types; none: all
	Filter   *filter.Filter // nil: every record
	From, To time.Time      // half open, by the record's time; zero: unbounded
	// Now is what relative times in Filter refer to; zero: the store's clock.
	Now time.Time
}

// Coverage says how much of what a query asked about its answer speaks for. A
// query ends early when its context does, or when it has found what it wanted.
type Coverage struct {
	// Complete is true when every record that matches was considered, or, for
	// Find, when no other record could have changed the page.
	Complete bool
	// Share of the records within the query's log types and span that were
	// looked at or could be ruled out, 0 to 1.
	Share float64
	// From is the time down to which an incomplete answer is exact: stores look
	// at the newest records first.
	From time.Time
	Took time.Duration
}

// Page asks for a part of a list, newest first.
type Page struct {
	Limit int    // rows; 1 to MaxPage
	After string // Result.Next of the page before; empty: the newest
}

// MaxPage bounds Page.Limit.
const MaxPage = 10_000

// Result is a page of rows, newest first; rows of the same time are in an order
// that does not change.
type Result struct {
	Rows []Row
	Next string // for Page.After; empty: there is no more
	Coverage
}

// Histogram counts records by time.
type Histogram struct {
	Start time.Time     // of the first bucket
	Step  time.Duration // of each
	// Series has one count for each bucket, for each value of the field that was
	// asked for; one series with an empty Value when none was.
	Series []Series
	Coverage
}

// Series is a row of a histogram.
type Series struct {
	Value  string
	Counts []uint64
}

// Measure is what Top orders by.
type Measure string

// Measures.
const (
	ByCount    Measure = "count"    // records
	ByBytes    Measure = "bytes"    // sum of the field bytes
	ByPackets  Measure = "packets"  // sum of the field packets
	BySessions Measure = "sessions" // distinct flows
)

// Grouping asks for the values of a field.
type Grouping struct {
	Field string  // by any of its names in the field catalogue
	By    Measure // empty: ByCount
	Limit int     // 1 to MaxGroups
	// Prefix keeps only values that begin with it, without regard to case;
	// for completion.
	Prefix string
}

// MaxGroups bounds Grouping.Limit and MaxBuckets the buckets of a histogram.
const (
	MaxGroups  = 10_000
	MaxBuckets = 10_000
)

// Group is one value of a field; for a list, one of its elements.
type Group struct {
	Value    string // as the field's values are written in a filter
	Count    uint64
	Bytes    uint64
	Packets  uint64
	Sessions uint64 // only when asked for by BySessions
}

// Top is a ranking, the largest first; equal ones by value.
type Top struct {
	Groups []Group
	// Values is how many different values there are: len(Groups) is less when
	// Limit cut them off.
	Values uint64
	Coverage
}

// LogUsage is what the store holds of one log type.
type LogUsage struct {
	Log            string
	Rows           uint64
	Bytes          uint64 // on disk, roll-ups and indexes included, as far as the engine tells
	Oldest, Newest time.Time
	Partitions     int
}

// Limit bounds what is kept of one log type; zero fields don't.
type Limit struct {
	Age   time.Duration
	Bytes uint64
}

// Retention is the limits, by log type. A partition goes as a whole, the one
// whose newest record is oldest first.
type Retention map[string]Limit

// Store keeps records and answers queries. All methods may be called from
// several goroutines. Errors that come from the question are *QueryError; a
// context that ends is no error of a query that can answer in part.
type Store interface {
	// Append keeps the entries of blocks durably: when it returns nil they
	// survive the death of the process and of the machine. Blocks of one
	// Origin.Sensor and Origin.Spool must come in the order of their Start; a
	// block that is held already is passed over, so that appending again after
	// an error, or a restart, doubles nothing. It returns how many entries were
	// new. ErrFull says that there is no room; nothing was kept.
	Append(ctx context.Context, blocks []Block) (kept int, err error)
	// Find gives a page of records, newest first.
	Find(ctx context.Context, q Query, p Page) (*Result, error)
	// Scan gives every record that matches, newest first, without a limit, until
	// f returns an error, which it returns. The row is f's until it returns.
	Scan(ctx context.Context, q Query, f func(Row) error) (Coverage, error)
	// Histogram counts by time in buckets of step, from q.From to q.To (or the
	// bounds of what is kept), by field (empty: all together; at most its 16
	// commonest values, the rest under the Value "other").
	Histogram(ctx context.Context, q Query, step time.Duration, field string) (*Histogram, error)
	// Top ranks the values of a field.
	Top(ctx context.Context, q Query, g Grouping) (*Top, error)
	// Usage tells what is kept, one for each log type, sorted by name.
	Usage(ctx context.Context) ([]LogUsage, error)
	// Maintain seals what is finished and removes what Retention no longer keeps
	// at now. The store's owner calls it every minute or so; it takes turns with
	// Append where it must.
	Maintain(ctx context.Context, now time.Time) error
	// Close ends all queries and releases the store.
	Close() error
}

// ErrFull says that a store has no room left.
var ErrFull = errors.New("the log store is full")

// QueryError is what is wrong with a question.
type QueryError struct {
	Msg  string
	Hint string
}

// Error is the message; the hint is for those who print it.
func (e *QueryError) Error() string { return e.Msg }

// Bad makes a *QueryError.
func Bad(hint, format string, args ...any) error {
	return &QueryError{Msg: fmt.Sprintf(format, args...), Hint: hint}
}
