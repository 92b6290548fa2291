package record

import (
	"net/netip"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
)

// Event is a record of what people or Mirrorwall itself did, for the logs auth,
// config, response and system. It must hold no secret.
type Event struct {
	Log      string // one of them
	Time     time.Time
	Address  netip.Addr // where a person called from; the zero Addr: none
	Severity Severity   // of the log system

	Admin, Client, Command, Path, Result string
	ID, Object, Module, Description      string
}

// AppendEvent appends the event as a line that ParseEVE reads. These lines are
// for log stores and match lists; eve.json, whose schema is closed, has none.
func AppendEvent(b []byte, e *Event) []byte {
	b = append(jsonx.Key(append(b, '{'), "timestamp"), '"')
	b = append(e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000-0700"), '"')
	b = jsonx.String(b, "event_type", e.Log)
	if e.Address.IsValid() {
		b = jsonx.String(b, "src_ip", e.Address.Unmap().WithZone("").String())
	}
	b = append(jsonx.Key(b, "mirrorwall"), '{')
	for _, f := range [...]struct{ name, value string }{
		{"admin", e.Admin}, {"client", e.Client}, {"cmd", e.Command}, {"path", e.Path}, {"result", e.Result},
		{"eventid", e.ID}, {"object", e.Object}, {"module", e.Module}, {"description", e.Description},
	} {
		b = jsonx.StringNotEmpty(b, f.name, f.value)
	}
	if e.Log == "system" {
		b = jsonx.String(b, "severity", e.Severity.String())
	}
	return append(b, '}', '}')
}
