package record

import (
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
)

// Stat is one counter under its dotted EVE name ("decoder.pkts").
type Stat struct {
	Name  string
	Value uint64
	// Ours: EVE's schema, which is closed, has no such counter. It is kept for
	// the metrics and left out of stats records.
	Ours bool
}

// Stats appends the object "stats" from counters sorted by name. Names are
// constants of the program, so they are not escaped.
func (e *Encoder) Stats(uptimeSeconds uint64, stats []Stat) {
	b := append(jsonx.Key(e.Buf, "stats"), '{')
	b = jsonx.Uint(b, "uptime", uptimeSeconds)
	var open []string
	for _, s := range stats {
		if s.Ours {
			continue
		}
		path := strings.Split(s.Name, ".")
		dirs, leaf := path[:len(path)-1], path[len(path)-1]
		same := 0
		for same < len(open) && same < len(dirs) && open[same] == dirs[same] {
			same++
		}
		for range open[same:] {
			b = append(b, '}')
		}
		for _, d := range dirs[same:] {
			b = append(jsonx.Key(b, d), '{')
		}
		open = dirs
		b = jsonx.Uint(b, leaf, s.Value)
	}
	for range open {
		b = append(b, '}')
	}
	e.Buf = append(b, '}')
}
