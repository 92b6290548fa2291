package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func eventKeywords() []keyword {
	return []keyword{
		{name: "decode-event", parse: parseDecodeEvent},
		{name: "stream-event", parse: parseStreamEvent},
		{name: "engine-event", parse: parseDecodeEvent},
		{name: "app-layer-event", parse: parseAppEvent},
		{name: "app-layer-protocol", parse: parseAppProtocol},
	}
}

func parseDecodeEvent(b *builder, opt *rule.Option) error {
	name := strings.ToLower(strings.TrimSpace(opt.Value))
	ev, ok := packet.EventByName(name)
	if !ok {
		return refuse(fmt.Sprintf("unknown decoder event %q", name), "")
	}
	b.s.onDecodeEvent = true
	b.packetTest(func(c *ctx) bool { return c.p.Events.Has(ev) })
	return nil
}

func parseStreamEvent(b *builder, opt *rule.Option) error {
	name := strings.ToLower(strings.TrimSpace(opt.Value))
	ev, ok := flow.EventByName(name)
	if !ok {
		return refuse(fmt.Sprintf("unknown stream event %q", name), "")
	}
	b.s.onStreamEvent = true
	b.packetTest(func(c *ctx) bool { return c.e.events.has(ev) })
	return nil
}

// parseAppEvent reads "protocol.event", or one of the events that say how
// finding the protocol went.
func parseAppEvent(b *builder, opt *rule.Option) error {
	v := strings.ToLower(strings.TrimSpace(opt.Value))
	name, event, ok := strings.Cut(v, ".")
	if !ok {
		return parseDetectionEvent(b, v)
	}
	i, known := b.c.cfg.Registry.ByName(name)
	if !known {
		if slices.Contains(foreignProtos(), name) {
			return needProto(name)
		}
		return refuse(fmt.Sprintf("unknown protocol %q", name), "")
	}
	d := b.c.cfg.Registry.Descriptors[i]
	id := slices.IndexFunc(d.Events, func(e string) bool { return strings.EqualFold(e, event) })
	if id < 0 {
		return refuse(fmt.Sprintf("%s has no event %q", d.Name, event), hintFor(event, d.Events))
	}
	t := txTest{name: "app-layer-event", event: true}
	t.by = make([]txTestImpl, len(b.c.cfg.Registry.Descriptors))
	t.by[i] = txTestImpl{dirs: proto.MaskBoth, test: func(tx proto.Tx, _ Dir) bool {
		return tx.Base().Events.Has(uint8(id))
	}}
	b.addTxTest(t)
	return nil
}

// parseDetectionEvent reads an event of protocol detection, which TCP flows
// have. It is raised once for a flow.
func parseDetectionEvent(b *builder, name string) error {
	var test func(s *proto.Session) bool
	switch name {
	case "applayer_detect_protocol_only_one_direction":
		test = func(s *proto.Session) bool { return s.Proto != nil && s.Failed[0] != s.Failed[1] }
	case "applayer_proto_detection_skipped":
		test = func(s *proto.Session) bool { return s.Proto == nil && s.Failed[0] && s.Failed[1] }
	case "applayer_mismatch_protocol_both_directions", "applayer_wrong_direction_first_data",
		"applayer_no_tls_after_starttls", "applayer_unexpected_protocol":
		return refuse("app-layer-event: "+name+" is not raised here", "")
	default:
		return refuse(fmt.Sprintf("app-layer-event: want protocol.event, got %q", name), "")
	}
	sid := b.r.SID
	b.needFlow = true
	b.packetTest(func(c *ctx) bool {
		return c.s != nil && c.f != nil && c.f.TCP != nil && test(c.s) && (c.fs == nil || !slices.Contains(c.fs.once, sid))
	})
	b.after(func(c *ctx) {
		if fs := c.state(); fs != nil {
			fs.once = append(fs.once, sid)
		}
	})
	return nil
}

// parseAppProtocol reads "[!]name[,mode]".
func parseAppProtocol(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	name, neg := strings.CutPrefix(a[0], "!")
	neg = neg || opt.Neg
	name = strings.ToLower(strings.TrimSpace(name))
	mode := "either"
	if len(a) > 1 {
		mode = a[1]
	}
	if !slices.Contains([]string{"final", "original", "either", "to_server", "to_client", "toserver", "toclient"}, mode) {
		return refuse(fmt.Sprintf("app-layer-protocol: unknown mode %q", mode), "")
	}
	b.needFlow = true
	if name == "failed" || name == "unknown" {
		b.packetTest(func(c *ctx) bool {
			if c.s == nil {
				return false
			}
			failed := c.s.Proto == nil && c.s.Failed[0] && c.s.Failed[1]
			if name == "unknown" {
				return (c.s.Proto == nil && !failed) != neg
			}
			return failed != neg
		})
		return nil
	}
	i, ok := b.c.cfg.Registry.ByName(name)
	if !ok {
		if slices.Contains(foreignProtos(), name) {
			return needProto(name)
		}
		return refuse(fmt.Sprintf("unknown protocol %q", name), "")
	}
	want := b.c.cfg.Registry.Descriptors[i]
	b.packetTest(func(c *ctx) bool {
		if c.s == nil || c.s.Proto == nil {
			return false
		}
		is := c.s.Proto == want
		if mode == "original" || mode == "either" && c.s.Original != nil {
			is = c.s.Original == want || mode == "either" && is
		}
		return is != neg
	})
	return nil
}

func hintFor(name string, known []string) string {
	if n := nearest(name, slices.Clone(known)); n != "" {
		return fmt.Sprintf("did you mean %s?", n)
	}
	return ""
}
