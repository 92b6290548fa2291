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
		{name: "app-layer-protocol", arg: argNeeded, parse: parseAppProtocol},
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
	b.packetTest(func(c *ctx) bool { return c.fs != nil && c.fs.events.has(ev) })
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

func hintFor(name string, known []string) string {
	if n := nearest(name, slices.Clone(known)); n != "" {
		return fmt.Sprintf("did you mean %s?", n)
	}
	return ""
}
