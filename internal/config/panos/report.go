package panos

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Status is what became of an element.
type Status string

// The statuses.
const (
	Supported  Status = "supported"  // means here what it meant there
	Translated Status = "translated" // became something else that does its work
	Kept       Status = "kept"       // has no effect, and is in the export as it was
	Refused    Status = "refused"    // was not taken
)

// Item is what became of one element and all below it that has no item of its
// own.
type Item struct {
	Path   string `json:"path"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// Finding is what a person should know.
type Finding struct {
	Path string `json:"path"`
	Msg  string `json:"message"`
	Hint string `json:"hint,omitempty"`
}

// Report says of each element what became of it.
type Report struct {
	Version       string    `json:"version"`
	NeedsPassword bool      `json:"needs_password"` // accounts came without a secret
	Items         []Item    `json:"items"`
	Warnings      []Finding `json:"warnings"`
}

// Count is the number of items of a status.
func (r *Report) Count(s Status) int {
	n := 0
	for _, i := range r.Items {
		if i.Status == s {
			n++
		}
	}
	return n
}

// JSON is the report as one document.
func (r *Report) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("panos: %w", err)
	}
	return append(text, '\n'), nil
}

// String is the report as a table.
func (r *Report) String() string {
	var b strings.Builder
	version := r.Version
	if version == "" {
		version = "of an unknown version"
	}
	fmt.Fprintf(&b, "PAN-OS %s: %d supported, %d translated, %d kept, %d refused\n\n", version,
		r.Count(Supported), r.Count(Translated), r.Count(Kept), r.Count(Refused))
	for _, i := range r.Items {
		fmt.Fprintf(&b, "%-10s  %s", i.Status, printable(i.Path))
		if i.Reason != "" {
			b.WriteString("  (" + printable(i.Reason) + ")")
		}
		b.WriteByte('\n')
	}
	if len(r.Warnings) > 0 {
		b.WriteByte('\n')
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s: %s\n", printable(w.Path), printable(w.Msg))
		if w.Hint != "" {
			fmt.Fprintf(&b, "         hint: %s\n", printable(w.Hint))
		}
	}
	if r.NeedsPassword {
		b.WriteString("\na password must be set for each account before a commit: no hash of the file is taken\n")
	}
	return b.String()
}

// printable keeps what a file says from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '?'
		}
		return r
	}, s)
}
