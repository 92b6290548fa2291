package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// parseDetectionEvent reads an event of protocol detection. It is raised once
// for a flow.
func parseDetectionEvent(b *builder, name string) error {
	ev, ok := proto.DetectionEventByName(name)
	switch {
	case ok:
	case name == "applayer_no_tls_after_starttls", name == "applayer_unexpected_protocol":
		return refuse("app-layer-event: "+name+" is not raised here", "")
	default:
		return refuse(fmt.Sprintf("app-layer-event: want protocol.event, got %q", name), "")
	}
	sid := b.r.SID
	b.needFlow = true
	b.packetTest(func(c *ctx) bool {
		return c.s != nil && c.s.Events.Has(ev) && c.f != nil && (c.fs == nil || !slices.Contains(c.fs.once, sid)) &&
			(ev != proto.EventWrongDirection || c.f.Flags&flow.FlagMidstream == 0)
	})
	b.after(func(c *ctx) {
		if fs := c.state(); fs != nil {
			fs.once = append(fs.once, sid)
		}
	})
	return nil
}

// appMode is the second word of app-layer-protocol: whose protocol is meant.
type appMode uint8

const (
	appDirection appMode = iota // the packet's own direction; what no word means
	appToServer
	appToClient
	appEither
	appFinal
	appOriginal
)

func appModeByName(s string) (appMode, bool) {
	switch s {
	case "direction":
		return appDirection, true
	case "to_server", "toserver":
		return appToServer, true
	case "to_client", "toclient":
		return appToClient, true
	case "either":
		return appEither, true
	case "final":
		return appFinal, true
	case "original":
		return appOriginal, true
	}
	return 0, false
}

// appTest is one app-layer-protocol.
type appTest struct {
	want    *proto.Descriptor // nil: "failed"
	unknown bool              // "unknown"
	mode    appMode
	neg     bool
}

// parseAppProtocol reads "[!]name[,mode]".
func parseAppProtocol(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	name, neg := strings.CutPrefix(a[0], "!")
	name = strings.ToLower(strings.TrimSpace(name))
	t := appTest{neg: neg || opt.Neg, unknown: name == "unknown"}
	if len(a) > 1 {
		var ok bool
		if t.mode, ok = appModeByName(strings.ToLower(a[1])); !ok {
			return refuse(fmt.Sprintf("unknown mode %q", a[1]), "to_server, to_client, either, final or original")
		}
	}
	if name != "failed" && name != "unknown" {
		i, ok := b.c.cfg.Registry.ByName(name)
		switch {
		case ok:
			t.want = b.c.cfg.Registry.Descriptors[i]
		case slices.Contains(foreignProtos(), name):
			return needProto(name)
		default:
			return refuse(fmt.Sprintf("unknown protocol %q", name), "")
		}
	}
	if t.unknown && t.neg {
		return refuse("unknown can't be negated", "")
	}
	b.needFlow = true
	b.appTests++
	b.packetTest(t.holds)
	return nil
}

// holds looks at what protocol detection has said. What it has not decided is
// "unknown" and nothing else: !http does not hold of it.
func (t *appTest) holds(c *ctx) bool {
	if c.s == nil {
		return false
	}
	switch t.mode {
	case appToServer:
		return t.side(c.s, toServer)
	case appToClient:
		return t.side(c.s, toClient)
	case appDirection:
		return t.side(c.s, c.dir)
	case appOriginal:
		return t.is(c.s.Original, c.s.Original != nil)
	case appFinal:
		return t.is(c.s.Proto, c.s.Proto != nil || c.s.Failed[0] && c.s.Failed[1])
	}
	ts, known := c.s.Decided(toServer)
	tc, too := c.s.Decided(toClient)
	switch {
	case t.unknown || !known && !too:
		return t.unknown && (!known || !too)
	case known && ts == t.want, too && tc == t.want:
		return !t.neg
	}
	return t.neg
}

func (t *appTest) side(s *proto.Session, d Dir) bool {
	p, known := s.Decided(d)
	return t.is(p, known)
}

// is compares with one protocol; known: detection has decided, nil is failed.
func (t *appTest) is(p *proto.Descriptor, known bool) bool {
	if t.unknown || !known {
		return t.unknown && !known
	}
	return (p == t.want) != t.neg
}
