// Package respond acts on records: match lists choose them, actions deliver
// them, one folder an action.
//
// It reads the bus with one cursor for each match list, so that what was
// accepted there is delivered at least once, however often the process dies
// between. A delivery is retried with growing, jittered pauses; one that can't
// be delivered goes to the dead letters, with its reason, and is never dropped
// unseen.
package respond

import (
	"context"
	"fmt"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
)

// Delivery is one record for one action. ID is the same for every attempt and
// after a restart: receivers drop what they have seen.
type Delivery struct {
	ID        string
	MatchList string
	Attempt   int // from 1
	Entry     *record.Entry
}

// Action delivers. Deliver is called again after an error unless that is
// Permanent. It must end when ctx does.
type Action interface {
	Deliver(ctx context.Context, d *Delivery) error
}

// Descriptor is one kind of action: what the list of actions holds.
type Descriptor struct {
	// Name is the word in the configuration ("webhook").
	Name string
	// New makes an action from its configuration; decode fills a struct of the
	// action's own strictly, unknown keys being errors. What is wrong with values
	// is told at once: SettingErrors, joined.
	New func(decode func(any) error) (Action, error)
}

// SettingError is a setting of an action that can't be used. An action's New
// joins one for each.
type SettingError struct {
	Key string // as in the configuration
	Err error
}

func (e *SettingError) Error() string { return e.Key + ": " + e.Err.Error() }
func (e *SettingError) Unwrap() error { return e.Err }

// permanent marks an error that another attempt can't cure.
type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

// Permanent wraps err so that the delivery goes to the dead letters at once.
func Permanent(err error) error { return &permanent{err} }

// later is an error that names the pause before the next attempt.
type later struct {
	err   error
	pause time.Duration
}

func (l *later) Error() string { return l.err.Error() }
func (l *later) Unwrap() error { return l.err }

// Later wraps err with the pause that the receiver asked for.
func Later(err error, pause time.Duration) error { return &later{err, pause} }

// MatchList chooses records of one log type by a filter and names what to do
// with them (PAN-OS: log forwarding profile match list).
type MatchList struct {
	Name   string
	Log    string         // log type; "" means every type
	Filter *filter.Filter // nil: every record
	// Accept narrows the list to records that it takes, too; nil: it takes all.
	Accept func(*record.Entry) bool
	Action Action
}

func (m *MatchList) matches(e *record.Entry, now time.Time) bool {
	return (m.Log == "" || m.Log == e.Log) && (m.Accept == nil || m.Accept(e)) && (m.Filter == nil || m.Filter.Match(e, now))
}

// Options bound the retries. Zero fields mean the default.
type Options struct {
	Attempts int           // tries before a delivery is dead; 8
	First    time.Duration // pause after the first failure, doubled each time; 1 s
	Longest  time.Duration // no pause is longer; 1 min
	Timeout  time.Duration // of one attempt; 10 s
	// Rand jitters the pauses: a number in [0,1). Nil means math/rand/v2.
	Rand func() float64
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
}

// Outcome is what became of one attempt, for logs, metrics and the demo. The
// Delivery is borrowed: it changes with the next attempt.
type Outcome struct {
	Delivery *Delivery
	Err      error // nil: delivered
	Dead     bool  // given up; it is among the dead letters
	Took     time.Duration
}

// String says what happened in one line.
func (o Outcome) String() string {
	switch {
	case o.Err == nil:
		return fmt.Sprintf("%s: delivered at attempt %d", o.Delivery.MatchList, o.Delivery.Attempt)
	case o.Dead:
		return fmt.Sprintf("%s: dead after attempt %d: %v", o.Delivery.MatchList, o.Delivery.Attempt, o.Err)
	}
	return fmt.Sprintf("%s: attempt %d: %v", o.Delivery.MatchList, o.Delivery.Attempt, o.Err)
}
