package record_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// TestEvent: what is written is read back, under the fields of its log.
func TestEvent(t *testing.T) {
	for _, log := range []string{"auth", "config", "response", "system"} {
		in := record.Event{
			Log: log, Time: time.Date(2026, 3, 1, 10, 0, 0, 7000, time.UTC), Address: netip.MustParseAddr("::ffff:192.0.2.7"), Severity: record.High,
			Admin: "a\"b", Client: "c", Command: "d", Path: "e", Result: "f", ID: "g", Object: "h", Module: "i", Description: "j\n\x00ü",
		}
		e, err := record.ParseEVE(record.AppendEvent(nil, &in))
		if err != nil {
			t.Fatal(err)
		}
		got := record.Event{Log: e.Log, Time: e.Time, Address: e.Src, Severity: e.Severity, Admin: e.Admin, Client: e.Client, Command: e.Command, Path: e.Path,
			Result: e.Result, ID: e.EventID, Object: e.Object, Module: e.Module, Description: e.Description}
		in.Address = in.Address.Unmap()
		if log != "system" {
			in.Severity = 0
		}
		if got != in {
			t.Errorf("%s: got %+v, want %+v", log, got, in)
		}
	}
}
