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
	aws    map[string]*App // service label below the zones of AWS
}

func (t *hostTable) init(aws map[string]*App) {
	t.suffix, t.exact, t.aws = map[string]*App{}, map[string]*App{}, aws
}

func (t *hostTable) add(rule string, app *App) error {
	m, name := t.suffix, rule
	if n, ok := strings.CutPrefix(rule, "="); ok {
		m, name = t.exact, n
	}
	if name == "" || len(name) > maxHost || name != strings.ToLower(name) ||
		strings.ContainsAny(name, " /*=") || name[0] == '.' || name[len(name)-1] == '.' {
		return fmt.Errorf("hosts: want a lower-case host name, got %q", rule)
	}
	return claim(m, "hosts", name, app)
}

// find returns the application of a lower-case name, or nil. It looks at most
// twice for each label.
func (t *hostTable) find(name []byte) *App {
	if a := t.exact[string(name)]; a != nil {
		return a
	}
	for rest := name; len(rest) > 0; {
		if isAWSZone(rest) {
			a, other := t.awsService(name[:len(name)-len(rest)])
			if a != nil || other {
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

// isAWSZone names the zones in which the label of a service stands before or
// behind the region, wherever AWS has put it.
func isAWSZone(zone []byte) bool {
	switch string(zone) {
	case "amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "on.aws":
		return true
	}
	return false
}

// awsService reads the label of the service (bucket.s3.eu-west-1.): the first
// from the right that is no region and no kind of endpoint. What stands to its
// left is the customer's choice. other is true for names of instances, whose
// application is their owner's affair.
func (t *hostTable) awsService(labels []byte) (app *App, other bool) {
	labels = bytes.TrimSuffix(labels, []byte("."))
	for len(labels) > 0 {
		dot := bytes.LastIndexByte(labels, '.')
		label := labels[dot+1:]
		switch {
		case string(label) == "compute" || string(label) == "compute-1":
			return nil, true
		case bytes.HasPrefix(label, []byte("s3-")):
			label = label[:2] // s3-eu-west-1, s3-website-…, s3-accelerate
		case isAWSPlace(label):
			labels = labels[:max(dot, 0)]
			continue
		}
		return t.aws[string(label)], false
	}
	return nil, false
}

// isAWSPlace tells a region (eu-west-1) or a kind of endpoint.
func isAWSPlace(label []byte) bool {
	switch string(label) {
	case "vpce", "dualstack", "fips", "global":
		return true
	}
	n := len(label)
	return n > 0 && label[n-1] >= '0' && label[n-1] <= '9' && bytes.Count(label, []byte("-")) >= 2
}

// hostKind names where a protocol's host name comes from.
func hostKind(name string) string {
	switch name {
	case "tls", "quic":
		return "sni"
	case "dns", "mdns", "llmnr":
		return "question"
	}
	return "host"
}

// trimHost takes the port, the root's dot and the brackets of an IPv6 address
// off a host name.
func trimHost(h []byte) []byte {
	if len(h) > 0 && h[0] == '[' {
		if end := bytes.IndexByte(h, ']'); end > 0 {
			return h[1:end]
		}
		return h
	}
	if c := bytes.IndexByte(h, ':'); c >= 0 && c == bytes.LastIndexByte(h, ':') {
		h = h[:c]
	}
	return bytes.TrimSuffix(h, []byte("."))
}

func copyLower(dst, src []byte) int {
	n := copy(dst, src)
	for i, ch := range dst[:n] {
		if ch >= 'A' && ch <= 'Z' {
			dst[i] = ch | 0x20
		}
	}
	return n
}

// maxCertNames bounds the names of a certificate that are looked up.
const maxCertNames = 64

// certificate returns the application that the names of a server's certificate
// mean, or nil. Host names count when asked for, and only when all of them that are
// known mean the same one, the first among them: a certificate of many tenants
// names nobody.
func (c *Catalogue) certificate(names [][]byte, hosts bool) *App {
	var app *App
	for i, n := range names[:min(len(names), maxCertNames)] {
		if a := c.certs[string(n)]; a != nil {
			return a
		}
		if !hosts || len(n) > maxHost {
			continue
		}
		var room [maxHost]byte
		n = bytes.TrimPrefix(n, []byte("*."))
		a := c.hosts.find(room[:copyLower(room[:], n)])
		if i == 0 {
			app = a
		}
		if a != nil && a != app {
			hosts, app = false, nil
		}
	}
	return app
}
