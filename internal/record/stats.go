package record

import (
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
)

// Stat is one counter under its dotted EVE name ("decoder.pkts").
type Stat struct {
	Name  string
	Value uint64
}

// Stats appends the object "stats" from counters sorted by name. Names are
// constants of the program, so they are not escaped.
func (e *Encoder) Stats(uptimeSeconds uint64, stats []Stat) {
	b := append(jsonx.Key(e.Buf, "stats"), '{')
	b = jsonx.Uint(b, "uptime", uptimeSeconds)
	var open []string
	for _, s := range stats {
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
