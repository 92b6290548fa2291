package evidence

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ID names a capture: packet time and flow of what fired, and which of the flow's
// captures it is. Its text is also where the Store keeps it.
type ID struct {
	Time int64 // nanoseconds since the epoch; the text has the hour only
	Flow uint64
	N    int
}

const hourForm = "2006010215"

// IsZero reports whether there is no capture.
func (id ID) IsZero() bool { return id.N == 0 }

// String prints HOUR-FLOW-N, the hour in UTC and the flow in hexadecimal; "" for
// the zero ID.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s-%016x-%d", id.hour(), id.Flow, id.N)
}

func (id ID) hour() string { return time.Unix(0, id.Time).UTC().Format(hourForm) }

// ParseID reads what String prints, and nothing else: no ID leads out of a
// Store's folder.
func ParseID(s string) (ID, error) {
	bad := fmt.Errorf("evidence: want an ID such as 2026010115-00c0ffee00c0ffee-1, got %q", s)
	part := strings.Split(s, "-")
	if len(part) != 3 {
		return ID{}, bad
	}
	hour, err1 := time.Parse(hourForm, part[0])
	flow, err2 := strconv.ParseUint(part[1], 16, 64)
	n, err3 := strconv.ParseUint(part[2], 10, 31)
	if err1 != nil || err2 != nil || err3 != nil {
		return ID{}, bad
	}
	id := ID{Time: hour.UnixNano(), Flow: flow, N: int(n)}
	if id.String() != s {
		return ID{}, bad
	}
	return id, nil
}
