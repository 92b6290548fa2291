package detect

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// action changes state after a rule has matched.
type action func(c *ctx)

// nameID identifies a flowbit, flowint, xbit or hostbit in every ruleset alike,
// so that state outlives a swap of rules.
func nameID(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return h.Sum64()
}

func stateKeywords() []keyword {
	return []keyword{
		{name: "flowbits", parse: parseFlowbits},
		{name: "flowint", parse: parseFlowint},
		{name: "xbits", parse: parseXbits},
		{name: "hostbits", parse: parseHostbits},
		{name: "flowvar", parse: parseVar(scopeFlow)},
		{name: "pktvar", parse: parseVar(scopePacket)},
	}
}

// bitUse notes which bits a rule reads and writes, to order setters first.
type bitUse struct{ reads, writes []uint64 }

func (b *builder) bitID(name string) uint64 {
	id := nameID(name)
	b.c.bitNames[id] = name
	return id
}

func parseFlowbits(b *builder, opt *rule.Option) error {
	cmd, arg, _ := strings.Cut(opt.Value, ",")
	cmd, arg = strings.TrimSpace(cmd), strings.TrimSpace(arg)
	if cmd == "noalert" {
		if arg != "" {
			return refuse("flowbits: noalert takes no name", "")
		}
		b.s.NoAlert = true
		return nil
	}
	if arg == "" {
		return refuse("flowbits: want command, name", "")
	}
	var ids []uint64
	for _, n := range strings.Split(arg, "|") {
		n = strings.TrimSpace(n)
		if n == "" || strings.ContainsAny(n, " \t") {
			return refuse(fmt.Sprintf("flowbits: bad name %q", n), "")
		}
		ids = append(ids, b.bitID(n))
	}
	b.needFlow = true
	switch cmd {
	case "isset":
		b.s.bits.reads = append(b.s.bits.reads, ids...)
		b.stateTest(func(c *ctx) bool { return c.fs != nil && c.fs.anyBit(ids) })
		return nil
	case "isnotset":
		b.s.bits.reads = append(b.s.bits.reads, ids...)
		b.stateTest(func(c *ctx) bool { return c.fs == nil || !c.fs.allBits(ids) })
		return nil
	case "set", "unset", "toggle":
	default:
		return refuse(fmt.Sprintf("flowbits: want set, unset, toggle, isset, isnotset or noalert, got %q", cmd), "")
	}
	if len(ids) > 1 {
		return refuse("flowbits: several names with "+cmd, "the | is for isset and isnotset")
	}
	id := ids[0]
	b.s.bits.writes = append(b.s.bits.writes, id)
	b.after(func(c *ctx) {
		fs := c.state()
		if fs == nil {
			return
		}
		on := cmd == "set" || cmd == "toggle" && !fs.bit(id)
		fs.setBit(id, on, &c.e.Counters)
	})
	return nil
}

func parseFlowint(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	if len(a) < 2 {
		return refuse("flowint: want name, operator, value", "")
	}
	id := b.bitID(a[0])
	b.needFlow = true
	switch a[1] {
	case "isset":
		b.stateTest(func(c *ctx) bool { return c.fs != nil && c.fs.intAt(id) != nil })
		return nil
	case "isnotset", "notset":
		b.stateTest(func(c *ctx) bool { return c.fs == nil || c.fs.intAt(id) == nil })
		return nil
	}
	if len(a) != 3 {
		return refuse("flowint: want name, operator, value", "")
	}
	value, err := b.intValue(a[2])
	if err != nil {
		return err
	}
	cmpTo := func(holds func(x, y uint32) bool) {
		b.stateTest(func(c *ctx) bool {
			if c.fs == nil {
				return false
			}
			x := c.fs.intAt(id)
			y, ok := value(c)
			return x != nil && ok && holds(x.value, y)
		})
	}
	change := func(f func(x, y uint32) uint32) {
		b.after(func(c *ctx) {
			fs := c.state()
			if fs == nil {
				return
			}
			if y, ok := value(c); ok {
				fs.changeInt(id, y, f, &c.e.Counters)
			}
		})
	}
	switch a[1] {
	case "<":
		cmpTo(func(x, y uint32) bool { return x < y })
	case "<=":
		cmpTo(func(x, y uint32) bool { return x <= y })
	case ">":
		cmpTo(func(x, y uint32) bool { return x > y })
	case ">=":
		cmpTo(func(x, y uint32) bool { return x >= y })
	case "==":
		cmpTo(func(x, y uint32) bool { return x == y })
	case "!=":
		cmpTo(func(x, y uint32) bool { return x != y })
	case "=":
		change(func(_, y uint32) uint32 { return y })
	case "+":
		change(func(x, y uint32) uint32 { return x + y })
	case "-":
		change(func(x, y uint32) uint32 { return x - y })
	default:
		return refuse(fmt.Sprintf("flowint: unknown operator %q", a[1]), "")
	}
	return nil
}

func (b *builder) intValue(s string) (func(c *ctx) (uint32, bool), error) {
	if n, err := parseUint(s); err == nil && n <= 1<<32-1 {
		return func(*ctx) (uint32, bool) { return uint32(n), true }, nil
	}
	if s == "" || s[0] >= '0' && s[0] <= '9' || s[0] == '-' {
		return nil, refuse(fmt.Sprintf("flowint: want a number or a name, got %q", s), "")
	}
	id := b.bitID(s)
	return func(c *ctx) (uint32, bool) {
		if c.fs == nil {
			return 0, false
		}
		if x := c.fs.intAt(id); x != nil {
			return x.value, true
		}
		return 0, false
	}, nil
}

// parseXbits reads "set, name, track ip_src, expire 60".
func parseXbits(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	if len(a) < 2 {
		if a[0] == "noalert" {
			b.s.NoAlert = true
			return nil
		}
		return refuse("xbits: want command, name, track", "")
	}
	track, expire := trackNone, int64(30)
	for _, w := range a[2:] {
		word, arg, _ := strings.Cut(w, " ")
		arg = strings.TrimSpace(arg)
		switch word {
		case "track":
			switch arg {
			case "ip_src":
				track = trackSrc
			case "ip_dst":
				track = trackDst
			case "ip_pair":
				track = trackPair
			case "tx":
				return refuse("xbits: track tx is not supported", "use flowbits")
			default:
				return refuse(fmt.Sprintf("xbits: want track ip_src, ip_dst or ip_pair, got %q", arg), "")
			}
		case "expire":
			n, err := parseUint(arg)
			if err != nil || n == 0 || n > 1<<31 {
				return refuse(fmt.Sprintf("xbits: want expire seconds, got %q", arg), "")
			}
			expire = int64(n)
		default:
			return refuse(fmt.Sprintf("xbits: unknown option %q", w), "")
		}
	}
	if track == trackNone {
		return refuse("xbits: no track", "add track ip_src, ip_dst or ip_pair")
	}
	return b.addHostBit(a[0], a[1], track, expire)
}

// parseHostbits reads "set, name[, src|dst|both]".
func parseHostbits(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	if len(a) < 2 || len(a) > 3 {
		return refuse("hostbits: want command, name, src or dst", "")
	}
	track := trackSrc
	if len(a) == 3 {
		switch a[2] {
		case "src":
		case "dst":
			track = trackDst
		default:
			return refuse(fmt.Sprintf("hostbits: want src or dst, got %q", a[2]), "")
		}
	}
	return b.addHostBit(a[0], a[1], track, 300)
}

func (b *builder) addHostBit(cmd, name string, track trackBy, expire int64) error {
	id := b.bitID(name)
	switch cmd {
	case "isset":
		b.s.bits.reads = append(b.s.bits.reads, id)
		b.stateTest(func(c *ctx) bool { return c.e.shared.bit(c, id, track) })
	case "isnotset":
		b.s.bits.reads = append(b.s.bits.reads, id)
		b.stateTest(func(c *ctx) bool { return !c.e.shared.bit(c, id, track) })
	case "set":
		b.s.bits.writes = append(b.s.bits.writes, id)
		b.after(func(c *ctx) { c.e.shared.setBit(c, id, track, expire) })
	case "unset":
		b.s.bits.writes = append(b.s.bits.writes, id)
		b.after(func(c *ctx) { c.e.shared.setBit(c, id, track, 0) })
	case "toggle":
		b.s.bits.writes = append(b.s.bits.writes, id)
		b.after(func(c *ctx) {
			n := expire
			if c.e.shared.bit(c, id, track) {
				n = 0
			}
			c.e.shared.setBit(c, id, track, n)
		})
	default:
		return refuse(fmt.Sprintf("want set, unset, toggle, isset or isnotset, got %q", cmd), "")
	}
	return nil
}
