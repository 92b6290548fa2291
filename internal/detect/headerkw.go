package detect

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func headerKeywords() []keyword {
	num := func(name string, get func(p *packet.Packet) (uint64, bool), aliases ...string) keyword {
		return keyword{name: name, aliases: aliases, parse: parseHeaderNumber(get)}
	}
	tcp := func(get func(t *packet.TCP) uint64) func(p *packet.Packet) (uint64, bool) {
		return func(p *packet.Packet) (uint64, bool) { return get(&p.TCP), p.Proto == packet.ProtoTCP }
	}
	return []keyword{
		num("ttl", func(p *packet.Packet) (uint64, bool) { return uint64(p.TTL), p.IPVersion != 0 }),
		num("tos", func(p *packet.Packet) (uint64, bool) { return uint64(p.TOS), p.IPVersion == 4 }),
		num("id", func(p *packet.Packet) (uint64, bool) { return uint64(p.IPID), p.IPVersion == 4 }),
		num("fragoffset", func(p *packet.Packet) (uint64, bool) { return uint64(p.FragOff / 8), p.IPVersion != 0 }),
		num("seq", tcp(func(t *packet.TCP) uint64 { return uint64(t.Seq) }), "tcp.seq"),
		num("ack", tcp(func(t *packet.TCP) uint64 { return uint64(t.Ack) }), "tcp.ack"),
		num("window", tcp(func(t *packet.TCP) uint64 { return uint64(t.Window) }), "tcp.window"),
		num("tcp.mss", func(p *packet.Packet) (uint64, bool) {
			return uint64(p.TCP.MSS), p.Proto == packet.ProtoTCP && p.TCP.MSS != 0
		}),
		num("tcp.wscale", func(p *packet.Packet) (uint64, bool) {
			return uint64(p.TCP.WScale), p.Proto == packet.ProtoTCP && p.TCP.HasWScale
		}),
		num("itype", func(p *packet.Packet) (uint64, bool) { return uint64(p.ICMPType), isICMP(p) }),
		num("icode", func(p *packet.Packet) (uint64, bool) { return uint64(p.ICMPCode), isICMP(p) }),
		num("icmp_id", func(p *packet.Packet) (uint64, bool) { return echoField(p, 4) }),
		num("icmp_seq", func(p *packet.Packet) (uint64, bool) { return echoField(p, 6) }),
		num("icmpv6.mtu", func(p *packet.Packet) (uint64, bool) {
			if p.Proto != packet.ProtoICMPv6 || p.ICMPType != 2 || len(p.L4) < 8 {
				return 0, false
			}
			return uint64(binary.BigEndian.Uint32(p.L4[4:])), true
		}),
		num("dsize", func(p *packet.Packet) (uint64, bool) { return uint64(p.PayloadLen), true }),
		num("vlan.layers", func(p *packet.Packet) (uint64, bool) { return uint64(p.VLANs), true }),
		{name: "vlan.id", parse: parseVLAN},
		{name: "tcp.flags", aliases: []string{"flags"}, parse: parseTCPFlags},
		{name: "fragbits", parse: parseFragbits},
		{name: "ipopts", parse: parseIPOpts},
		{name: "ip_proto", parse: parseIPProto},
		{name: "sameip", arg: argNone, parse: func(b *builder, _ *rule.Option) error {
			b.packetTest(func(c *ctx) bool { return c.p.Src == c.p.Dst })
			return nil
		}},
		{name: "l3_proto", parse: parseL3},
		{name: "ipv4-csum", parse: parseChecksum(4, 0, (*packet.Packet).L3SumValid)},
		{name: "tcpv4-csum", parse: parseChecksum(4, packet.ProtoTCP, (*packet.Packet).L4SumValid)},
		{name: "tcpv6-csum", parse: parseChecksum(6, packet.ProtoTCP, (*packet.Packet).L4SumValid)},
		{name: "udpv4-csum", parse: parseChecksum(4, packet.ProtoUDP, (*packet.Packet).L4SumValid)},
		{name: "udpv6-csum", parse: parseChecksum(6, packet.ProtoUDP, (*packet.Packet).L4SumValid)},
		{name: "icmpv4-csum", parse: parseChecksum(4, packet.ProtoICMP, (*packet.Packet).L4SumValid)},
		{name: "icmpv6-csum", parse: parseChecksum(6, packet.ProtoICMPv6, (*packet.Packet).L4SumValid)},
	}
}

func isICMP(p *packet.Packet) bool {
	return p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6
}

// hasPayload reports a payload that is not ciphertext.
func (c *ctx) hasPayload() bool {
	return c.p.PayloadLen > 0 && (c.f == nil || c.f.Flags&flow.FlagNoPayloadInspect == 0)
}

// echoField reads id (4) or sequence number (6) of the messages that have one.
func echoField(p *packet.Packet, off int) (uint64, bool) {
	if len(p.L4) < 8 {
		return 0, false
	}
	switch p.Proto {
	case packet.ProtoICMP:
		switch p.ICMPType {
		case 0, 8, 13, 14, 15, 16, 17, 18:
			return uint64(binary.BigEndian.Uint16(p.L4[off:])), true
		}
	case packet.ProtoICMPv6:
		switch p.ICMPType {
		case 128, 129:
			return uint64(binary.BigEndian.Uint16(p.L4[off:])), true
		}
	}
	return 0, false
}

func parseHeaderNumber(get func(p *packet.Packet) (uint64, bool)) func(*builder, *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		v := strings.Trim(strings.TrimSpace(opt.Value), "\"")
		if opt.Neg && !strings.HasPrefix(v, "!") {
			v = "!" + v
		}
		t, err := parseSize(v)
		if err != nil {
			return err
		}
		if opt.Name == "dsize" && (t.not || !t.holds(0)) {
			// The rule wants a payload, and one that may be inspected; "not n"
			// means a payload of another size, not none.
			b.packetTest((*ctx).hasPayload)
		}
		if opt.Name == "dsize" && !t.not && t.high <= smallBytes {
			b.s.smallOnly = true
		}
		b.packetTest(func(c *ctx) bool {
			n, ok := get(c.p)
			return ok && t.holds(n)
		})
		return nil
	}
}

func parseVLAN(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	v := a[0]
	if opt.Neg && !strings.HasPrefix(v, "!") {
		v = "!" + v
	}
	t, err := parseSize(v)
	if err != nil {
		return err
	}
	if len(a) == 1 || a[1] == "any" {
		b.packetTest(func(c *ctx) bool {
			for _, id := range c.p.VLAN[:c.p.VLANs] {
				if t.holds(uint64(id)) {
					return true
				}
			}
			return false
		})
		return nil
	}
	layer := slices.Index([]string{"-3", "-2", "-1", "0", "1", "2"}, a[1]) - 3
	if a[1] == "all" {
		b.packetTest(func(c *ctx) bool {
			for _, id := range c.p.VLAN[:c.p.VLANs] {
				if !t.holds(uint64(id)) {
					return false
				}
			}
			return c.p.VLANs > 0
		})
		return nil
	}
	if layer < -3 || len(a) > 2 {
		return refuse(fmt.Sprintf("vlan.id: want id, layer -3 to 2, any or all, got %q", opt.Value), "")
	}
	b.packetTest(func(c *ctx) bool {
		i := layer
		if i < 0 {
			i += int(c.p.VLANs)
		}
		return i >= 0 && i < int(c.p.VLANs) && t.holds(uint64(c.p.VLAN[i]))
	})
	return nil
}

// flagTest is the modifier of flags and fragbits.
type flagTest struct {
	want, mask uint8
	op         byte // 0: exactly, '+': all of them, '*': any of them, '!': not all
}

func (t flagTest) holds(v uint8) bool {
	v &= t.mask
	switch t.op {
	case '+':
		return v&t.want == t.want
	case '*':
		return v&t.want != 0
	case '!':
		return v&t.want != t.want
	}
	return v == t.want
}

// bitsOf reads flag letters.
func bitsOf(s string, letters map[byte]uint8) (bits uint8, err error) {
	for i := range len(s) {
		bit, ok := letters[s[i]]
		if !ok {
			return 0, refuse(fmt.Sprintf("unknown flag %q", s[i:i+1]), "")
		}
		bits |= bit
	}
	return bits, nil
}

// cutModifier takes + * or ! off either end.
func cutModifier(s string) (string, byte) {
	if s != "" && strings.IndexByte("+*!", s[0]) >= 0 {
		return strings.TrimSpace(s[1:]), s[0]
	}
	if n := len(s); n > 0 && strings.IndexByte("+*!", s[n-1]) >= 0 {
		return strings.TrimSpace(s[:n-1]), s[n-1]
	}
	return s, 0
}

// tcpFlags reads what a flags option asks for.
func tcpFlags(opt *rule.Option) (flagTest, error) {
	letters := map[byte]uint8{'F': packet.FIN, 'S': packet.SYN, 'R': packet.RST, 'P': packet.PSH,
		'A': packet.ACK, 'U': packet.URG, 'E': packet.ECE, 'C': packet.CWR, '2': packet.ECE,
		'1': packet.CWR, '0': 0}
	value := opt.Value
	if opt.Neg && !strings.HasPrefix(value, "!") {
		value = "!" + value
	}
	flags, ignore, _ := strings.Cut(strings.ToUpper(strings.ReplaceAll(value, " ", "")), ",")
	flags, mod := cutModifier(flags)
	want, err := bitsOf(flags, letters)
	if err != nil {
		return flagTest{}, err
	}
	skip, err := bitsOf(ignore, letters)
	if err != nil {
		return flagTest{}, err
	}
	return flagTest{want: want, mask: ^skip, op: mod}, nil
}

func parseTCPFlags(b *builder, opt *rule.Option) error {
	t, err := tcpFlags(opt)
	if err != nil {
		return err
	}
	b.s.key.flags, b.s.key.hasFlags = t, true
	b.packetTest(func(c *ctx) bool { return c.p.Proto == packet.ProtoTCP && t.holds(c.p.TCP.Flags) })
	return nil
}

func parseFragbits(b *builder, opt *rule.Option) error {
	value := opt.Value
	if opt.Neg && !strings.HasPrefix(value, "!") {
		value = "!" + value
	}
	s, mod := cutModifier(strings.ToUpper(strings.TrimSpace(value)))
	want, err := bitsOf(s, map[byte]uint8{'M': 1, 'D': 2, 'R': 4})
	if err != nil {
		return err
	}
	t := flagTest{want: want, mask: 7, op: mod}
	b.packetTest(func(c *ctx) bool {
		if c.p.IPVersion != 4 || len(c.p.IP) < 8 {
			return false
		}
		return t.holds(c.p.IP[6] >> 5)
	})
	return nil
}

func parseIPOpts(b *builder, opt *rule.Option) error {
	kinds := map[string]uint8{"rr": 7, "eol": 0, "nop": 1, "ts": 68, "sec": 130, "esec": 133,
		"lsrr": 131, "ssrr": 137, "satid": 136, "cipso": 134, "rtralt": 148, "qs": 25}
	name := strings.ToLower(strings.TrimSpace(opt.Value))
	kind, ok := kinds[name]
	if !ok && name != "any" {
		return refuse(fmt.Sprintf("ipopts: unknown option %q", opt.Value), "")
	}
	b.packetTest(func(c *ctx) bool { return hasIPOption(c.p, kind, name == "any") })
	return nil
}

func hasIPOption(p *packet.Packet, kind uint8, anyKind bool) bool {
	if p.IPVersion != 4 || len(p.IP) <= 20 {
		return false
	}
	if anyKind {
		return true
	}
	for o := p.IP[20:]; len(o) > 0; {
		if o[0] == kind {
			return true
		}
		switch {
		case o[0] == 0:
			return false
		case o[0] == 1:
			o = o[1:]
		case len(o) < 2 || o[1] < 2 || int(o[1]) > len(o):
			return false
		default:
			o = o[o[1]:]
		}
	}
	return false
}

// protoNumbers names the IP protocols of ip_proto.
func protoNumbers() map[string]uint64 {
	return map[string]uint64{"icmp": 1, "igmp": 2, "ipip": 4, "ipv4": 4, "tcp": 6, "egp": 8, "igp": 9,
		"udp": 17, "ipv6": 41, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58,
		"eigrp": 88, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115, "sctp": 132}
}

func parseIPProto(b *builder, opt *rule.Option) error {
	v := strings.TrimSpace(opt.Value)
	if opt.Neg && !strings.HasPrefix(v, "!") {
		v = "!" + v
	}
	bare := strings.TrimLeft(v, "!<>= ")
	if n, ok := protoNumbers()[strings.ToLower(bare)]; ok {
		v = strings.TrimSuffix(v, bare) + fmt.Sprint(n)
	}
	t, err := parseSize(v)
	if err != nil {
		return err
	}
	if n, ok := t.exactly(); ok && n < 256 {
		b.s.key.ipProto, b.s.key.hasIPProto = uint8(n), true
	}
	b.packetTest(func(c *ctx) bool { return c.p.IPVersion != 0 && t.holds(uint64(c.p.Proto)) })
	return nil
}

func parseL3(b *builder, opt *rule.Option) error {
	var version uint8
	switch strings.ToLower(strings.TrimSpace(opt.Value)) {
	case "ipv4", "ip4":
		version = 4
	case "ipv6", "ip6":
		version = 6
	default:
		return refuse(fmt.Sprintf("l3_proto: want ipv4 or ipv6, got %q", opt.Value), "")
	}
	b.test(func(c *ctx) bool { return c.p.IPVersion == version })
	return nil
}

// parseChecksum reads "valid" or "invalid". The sum is taken here: whether the
// decoder verifies it is a setting, and what a rule means must not hang on it.
func parseChecksum(version, proto uint8, valid func(*packet.Packet) bool) func(*builder, *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		var bad bool
		switch strings.Trim(strings.ToLower(strings.TrimSpace(opt.Value)), "\"") {
		case "valid":
		case "invalid":
			bad = true
		default:
			return refuse(fmt.Sprintf("want valid or invalid, got %q", opt.Value), "")
		}
		b.packetTest(func(c *ctx) bool {
			p := c.p
			return p.IPVersion == version && (proto == 0 || p.Proto == proto) && valid(p) != bad
		})
		return nil
	}
}

// packetView is a sticky buffer that shows a part of the packet.
type packetView struct {
	name string
	view func(c *ctx, dst []byte) []byte
}

func packetViews() []packetView {
	l4 := func(proto uint8, n func(p *packet.Packet) int) func(*ctx, []byte) []byte {
		return func(c *ctx, _ []byte) []byte {
			if c.p.Proto != proto {
				return nil
			}
			return c.p.L4[:min(n(c.p), len(c.p.L4))]
		}
	}
	fixed := func(n int) func(*packet.Packet) int { return func(*packet.Packet) int { return n } }
	ip := func(version uint8) func(*ctx, []byte) []byte {
		return func(c *ctx, _ []byte) []byte {
			if c.p.IPVersion != version {
				return nil
			}
			return c.p.IP
		}
	}
	return []packetView{
		{"tcp.hdr", l4(packet.ProtoTCP, func(p *packet.Packet) int { return int(p.TCP.HeaderLen) })},
		{"udp.hdr", l4(packet.ProtoUDP, fixed(8))},
		{"icmpv4.hdr", l4(packet.ProtoICMP, icmpHeaderLen)},
		{"icmpv6.hdr", l4(packet.ProtoICMPv6, fixed(8))},
		{"ipv4.hdr", ip(4)},
		{"ipv6.hdr", ip(6)},
		{"ip.src", func(c *ctx, dst []byte) []byte { return appendAddr(dst, c.src) }},
		{"ip.dst", func(c *ctx, dst []byte) []byte { return appendAddr(dst, c.dst) }},
	}
}

// icmpHeaderLen is the header's length: router advertisements (RFC 1256) and
// timestamps (RFC 792) go on behind the eight bytes of the others.
func icmpHeaderLen(p *packet.Packet) int {
	switch {
	case p.ICMPType == 9 && len(p.L4) >= 8:
		return 8 + int(p.L4[4])*int(p.L4[5])*4
	case p.ICMPType == 13 || p.ICMPType == 14:
		return 20
	case p.ICMPType == 17 || p.ICMPType == 18:
		return 12
	}
	return 8
}

func appendAddr(dst []byte, a packet.Addr) []byte {
	if a.Is4() {
		return append(dst, a[12:]...)
	}
	return append(dst, a[:]...)
}
