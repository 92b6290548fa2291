package filter

import (
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// node is a part of the typed tree: and, or, not, *leaf.
type node interface {
	match(e *record.Entry, now time.Time) bool
	sql(w *writer) clause
}

type and []node

func (n and) match(e *record.Entry, now time.Time) bool {
	for _, x := range n {
		if !x.match(e, now) {
			return false
		}
	}
	return true
}

type or []node

func (n or) match(e *record.Entry, now time.Time) bool {
	for _, x := range n {
		if x.match(e, now) {
			return true
		}
	}
	return false
}

type not struct{ x node }

func (n not) match(e *record.Entry, now time.Time) bool { return !n.x.match(e, now) }

// leaf is a test of one field. Negations stand outside of it.
type leaf struct {
	field *record.Field
	test  comparison
}

func (l *leaf) match(e *record.Entry, now time.Time) bool { return l.test.match(l.field, e, now) }

// comparison is an operator with its typed value.
type comparison interface {
	match(f *record.Field, e *record.Entry, now time.Time) bool
	// sql is the condition on a column that is never NULL: an absent value is
	// the zero of the column's type.
	sql(w *writer, column string) clause
}
