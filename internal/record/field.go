package record

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Kind of a field's values: it decides the operators and how a value is read.
type FieldKind uint8

// Field kinds.
const (
	KindText FieldKind = iota
	KindNumber
	KindAddr
	KindSeverity
	KindTime
	KindList // several texts; "has" and "eq" ask for one of them
)

// Field is one column of the logs under all its names.
type Field struct {
	Name    string
	Aliases []string
	Kind    FieldKind
	Doc     string // what it holds, one line
	EVE     string // its path in an EVE line
	PAN     string // the PAN-OS column or template variable
	// Logs are the log types whose records may say it; nil: all.
	Logs []string
	// Either names the two fields that a test looks at when it may be either
	// end's; the getter is the first's.
	Either []string
	// Inert fields are known because PAN-OS has them; no record says them, and
	// they read as absent.
	Inert bool

	// One getter, of the field's kind. An absent value is zero.
	Text   func(*Entry) string
	Number func(*Entry) uint64
	Addr   func(*Entry) netip.Addr
	Sev    func(*Entry) Severity
	Time   func(*Entry) time.Time
	List   func(*Entry) []string
}

// In reports whether records of a log type may say the field.
func (f *Field) In(log string) bool {
	return !f.Inert && (f.Logs == nil || slices.Contains(f.Logs, log))
}

// Column is the name of the field's column in a log store, "" when it has none:
// a field of either end is two columns, the log type is the table.
func (f *Field) Column() string {
	if f.Inert || f.Either != nil || f.Name == "type" {
		return ""
	}
	return strings.NewReplacer(".", "_", "-", "_").Replace(f.Name)
}

// Columns are the fields that a log store keeps of a log type, in the order of
// the catalogue.
func Columns(log string) []Field {
	return slices.DeleteFunc(Fields(), func(f Field) bool { return f.Column() == "" || !f.In(log) })
}

// Fields is the field catalogue: it drives the filter language, templates,
// stores, completion and documentation.
func Fields() []Field {
	return slices.Concat(addressFields(), threatFields(), contentFields(), trafficFields(), eventFields(), inertFields())
}
