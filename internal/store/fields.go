package store

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Logs lists the log types of a store, sorted.
func Logs() []string {
	return []string{"auth", "config", "dns", "file", "response", "system", "threat", "tls", "traffic", "tunnel", "url"}
}

// Check completes a query: no log types become all of them, no Now becomes now.
// It refuses log types that no store has, and spans that end before they begin.
func (q *Query) Check(now time.Time) error {
	if len(q.Logs) == 0 {
		q.Logs = Logs()
	}
	for _, l := range q.Logs {
		if !slices.Contains(Logs(), l) {
			hint := "log types: " + strings.Join(Logs(), ", ")
			if near := rule.Nearest(l, Logs()); near != "" {
				hint = "did you mean " + near + "?"
			}
			return Bad(hint, "unknown log type %q", l)
		}
	}
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		return Bad("from comes before to", "the span ends (%s) before it begins (%s)", q.To.Format(time.RFC3339), q.From.Format(time.RFC3339))
	}
	if q.Now.IsZero() {
		q.Now = now
	}
	return nil
}

// FieldNamed finds a field by any of its names.
func FieldNamed(name string) (record.Field, error) {
	var names []string
	low := strings.ToLower(name)
	for _, f := range record.Fields() {
		if f.Name == low || f.PAN == low || slices.Contains(f.Aliases, low) {
			return f, nil
		}
		names = append(names, f.Name)
	}
	hint := "fields are listed in docs/fields.md"
	if near := rule.Nearest(low, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return record.Field{}, Bad(hint, "unknown field %q", name)
}

// Values writes an entry's values of a field as a filter would: none when it is
// absent from a list, both ends for "addr" and "port".
func Values(f *record.Field, e *record.Entry) []string {
	if f.Either != nil {
		var out []string
		for _, name := range f.Either {
			if end, err := FieldNamed(name); err == nil {
				out = append(out, Values(&end, e)...)
			}
		}
		return out
	}
	switch f.Kind {
	case record.KindAddr:
		if a := f.Addr(e); a.IsValid() {
			return []string{a.Unmap().String()}
		}
		return nil
	case record.KindNumber:
		return []string{strconv.FormatUint(f.Number(e), 10)}
	case record.KindSeverity:
		return []string{f.Sev(e).String()}
	case record.KindTime:
		return []string{f.Time(e).UTC().Format(time.RFC3339Nano)}
	case record.KindList:
		return f.List(e)
	}
	return []string{f.Text(e)}
}

// AddrValue writes an address column of 16 bytes as a filter would.
func AddrValue(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return ""
	}
	return a.Unmap().String()
}
