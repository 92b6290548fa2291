package detect

import (
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// packetTest is a test on the packet or its flow.
type packetTest func(c *ctx) bool

func flowKeywords() []keyword {
	pkts := func(f *flow.Flow) [2]uint64 { return f.Pkts }
	octets := func(f *flow.Flow) [2]uint64 { return f.Bytes }
	return []keyword{
		{name: "flow", parse: parseFlow},
		{name: "bypass", arg: argNone, parse: func(b *builder, _ *rule.Option) error {
			b.after(func(c *ctx) {
				if c.f != nil {
					c.f.Flags |= flow.FlagBypass
				}
			})
			return nil
		}},
		{name: "stream_size", parse: parseStreamSize},
		{name: "flow.age", parse: parseFlowAge},
		{name: "flow.pkts", parse: parseFlowCount(pkts, 0)},
		{name: "flow.pkts_toserver", parse: parseFlowCount(pkts, proto.MaskServer)},
		{name: "flow.pkts_toclient", parse: parseFlowCount(pkts, proto.MaskClient)},
		{name: "flow.bytes", parse: parseFlowCount(octets, 0)},
		{name: "flow.bytes_toserver", parse: parseFlowCount(octets, proto.MaskServer)},
		{name: "flow.bytes_toclient", parse: parseFlowCount(octets, proto.MaskClient)},
	}
}

func parseFlow(b *builder, opt *rule.Option) error {
	s := b.s
	for _, w := range splitArgs(opt.Value) {
		switch strings.ToLower(w) {
		case "established":
			s.flowState |= flowEstablished
		case "not_established":
			s.flowState |= flowNotEstablished
		case "stateless":
			s.flowState |= flowStateless
		case "to_server", "from_client":
			s.flowDir |= proto.MaskServer
		case "to_client", "from_server":
			s.flowDir |= proto.MaskClient
		case "only_stream":
			s.needStream = true
		case "no_stream":
			s.needPacket = true
		case "only_frag":
			b.test(func(c *ctx) bool { return c.p.Has(packet.FlagReassembled) || c.p.Has(packet.FlagFragment) })
		case "no_frag":
			b.test(func(c *ctx) bool { return !c.p.Has(packet.FlagReassembled) && !c.p.Has(packet.FlagFragment) })
		default:
			return refuse(fmt.Sprintf("want established, to_server …, got %q", w), "")
		}
	}
	if s.flowState == flowEstablished|flowNotEstablished {
		return refuse("established and not_established", "")
	}
	if s.flowDir == proto.MaskBoth {
		return refuse("to_server and to_client", "leave the direction out to match both")
	}
	b.needFlow = true
	return nil
}

// established tells whether both ends had spoken when the packet came, or what
// the mirror shows of them says as much. A packet itself is not part of what it
// establishes, be it the last of a handshake or the first that is seen; bytes of
// the stream and transactions are, since they may be looked at but once.
func (c *ctx) established() bool {
	f := c.f
	if f.TCP == nil {
		return f.State != flow.StateNew
	}
	late := c.txNow != nil || c.stream != nil || c.p.Has(packet.FlagFlowEnd)
	return f.TCP.Established() && (late || !f.TCP.JustEstablished())
}

func parseStreamSize(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	if len(a) != 3 {
		return refuse("want side, operator, size", "")
	}
	t, err := parseSize(strings.TrimPrefix(a[1], "=") + a[2])
	if err != nil {
		return err
	}
	side := strings.ToLower(a[0])
	switch side {
	case "server", "client", "both", "either":
	default:
		return refuse(fmt.Sprintf("want server, client, both or either, got %q", a[0]), "")
	}
	b.s.needPacket = true
	b.needFlow = true
	b.test(func(c *ctx) bool {
		if c.f == nil || c.f.TCP == nil {
			return false
		}
		cl, sv := t.holds(c.f.TCP.Size(toServer)), t.holds(c.f.TCP.Size(toClient))
		switch side {
		case "client":
			return cl
		case "server":
			return sv
		case "both":
			return cl && sv
		}
		return cl || sv
	})
	return nil
}

func parseFlowAge(b *builder, opt *rule.Option) error {
	t, err := parseSize(opt.Value)
	if err != nil {
		return err
	}
	b.needFlow = true
	b.test(func(c *ctx) bool {
		return c.f != nil && t.holds(uint64(max(0, c.f.Last-c.f.Start)/1e9))
	})
	return nil
}

// parseFlowCount reads a comparison, or, with no direction fixed, a direction
// (toserver, toclient, both, either) and a comparison.
func parseFlowCount(get func(*flow.Flow) [2]uint64, m proto.DirMask) func(*builder, *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		value, mask, either := opt.Value, m, false
		if m == 0 {
			a := splitArgs(value)
			if len(a) != 2 {
				return refuse("want direction, size", "directions are toserver, toclient, both, either")
			}
			value = a[1]
			switch a[0] {
			case "toserver":
				mask = proto.MaskServer
			case "toclient":
				mask = proto.MaskClient
			case "both":
				mask = proto.MaskBoth
			case "either":
				mask, either = proto.MaskBoth, true
			default:
				return refuse(fmt.Sprintf("want toserver, toclient, both or either, got %q", a[0]), "")
			}
		}
		t, err := parseSize(value)
		if err != nil {
			return err
		}
		b.needFlow = true
		b.test(func(c *ctx) bool {
			if c.f == nil {
				return false
			}
			n := get(c.f)
			s, cl := t.holds(n[toServer]), t.holds(n[toClient])
			switch {
			case either:
				return s || cl
			case mask == proto.MaskBoth:
				return s && cl
			case mask == proto.MaskServer:
				return s
			}
			return cl
		})
		return nil
	}
}
