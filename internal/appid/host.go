package appid

import (
	"bytes"
	"fmt"
	"strings"
)

// hostTable finds the application of a host name: the longest rule that is the
// name or a whole-label suffix of it. It anchors at the end only: a name that
// merely begins like a known one is somebody else's.
type hostTable struct {
	suffix map[string]*App // the name itself and all below it
	exact  map[string]*App
	aws    map[string]*App // service label below awsZones
}

func (t *hostTable) init() {
	t.suffix, t.exact, t.aws = map[string]*App{}, map[string]*App{}, map[string]*App{}
}

func (t *hostTable) add(rule string, app *App) error {
	m, name := t.suffix, rule
	if n, ok := strings.CutPrefix(rule, "="); ok {
		m, name = t.exact, n
	}
	if name == "" || len(name) > maxHost || name != strings.ToLower(name) || strings.ContainsAny(name, " /*:") {
		return fmt.Errorf("hosts: want a lower-case host name, got %q", rule)
	}
	if other := m[name]; other != nil && other != app {
		return fmt.Errorf("hosts: %s belongs to %s", rule, other.Name)
	}
	m[name] = app
	return nil
}

// find returns the application of a lower-case name, or nil. It looks at most
// once for each label.
func (t *hostTable) find(name []byte) *App {
	if a := t.exact[string(name)]; a != nil {
		return a
	}
	for rest := name; len(rest) > 0; {
		if isAWSZone(rest) {
			if a := t.awsService(name[:len(name)-len(rest)]); a != nil {
				return a
			}
		}
		if a := t.suffix[string(rest)]; a != nil {
			return a
		}
		dot := bytes.IndexByte(rest, '.')
		if dot < 0 {
			return nil
		}
		rest = rest[dot+1:]
	}
	return nil
}

// isAWSZone names the zones in which the label of a service stands before the
// region, wherever AWS has put it.
func isAWSZone(zone []byte) bool {
	switch string(zone) {
	case "amazonaws.com", "amazonaws.com.cn", "api.aws":
		return true
	}
	return false
}

// awsService looks for a service label from the right: bucket.s3.eu-west-1.
func (t *hostTable) awsService(labels []byte) *App {
	labels = bytes.TrimSuffix(labels, []byte("."))
	for len(labels) > 0 {
		dot := bytes.LastIndexByte(labels, '.')
		if a := t.aws[string(labels[dot+1:])]; a != nil {
			return a
		}
		if dot < 0 {
			return nil
		}
		labels = labels[:dot]
	}
	return nil
}
