package detect

import (
	"fmt"
	"math"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// never complains about a rule that no traffic can match, and about one that
// hardly any can.
func (l *linter) never() {
	l.neverContent()
	l.neverTransport()
	l.neverNumbers()
	l.neverFlags()
	l.neverFlowbits()
	l.neverThreshold()
}

// transports is a set of what a packet may carry.
type transports uint8

const (
	overTCP transports = 1 << iota
	overUDP
	overICMP
	overICMPv6
	overSCTP
	overOther
	overAll = 1<<iota - 1
)

func transportOf(number uint8) transports {
	switch number {
	case packet.ProtoTCP:
		return overTCP
	case packet.ProtoUDP:
		return overUDP
	case packet.ProtoICMP:
		return overICMP
	case packet.ProtoICMPv6:
		return overICMPv6
	case packet.ProtoSCTP:
		return overSCTP
	}
	return overOther
}

// transports are those that the header's protocol allows.
func (k l4Kind) transports() transports {
	switch k {
	case l4TCP:
		return overTCP
	case l4UDP:
		return overUDP
	case l4ICMP:
		return overICMP | overICMPv6
	case l4ICMPv4:
		return overICMP
	case l4ICMPv6:
		return overICMPv6
	case l4SCTP:
		return overSCTP
	case l4App:
		return overTCP | overUDP
	}
	return overAll
}

// wordTransports are those in which a keyword can hold.
func wordTransports(word string) transports {
	switch word {
	case "flags", "tcp.flags", "seq", "tcp.seq", "ack", "tcp.ack", "window", "tcp.window", "tcp.mss", "tcp.wscale",
		"tcp.hdr", "tcpv4-csum", "tcpv6-csum", "stream_size":
		return overTCP
	case "udp.hdr", "udpv4-csum", "udpv6-csum":
		return overUDP
	case "itype", "icode", "icmp_id", "icmp_seq":
		return overICMP | overICMPv6
	case "icmpv4.hdr", "icmpv4-csum":
		return overICMP
	case "icmpv6.hdr", "icmpv6-csum", "icmpv6.mtu":
		return overICMPv6
	}
	return overAll
}

// appTransports are those that a protocol of mask runs over.
func (l *linter) appTransports(mask uint64) (t transports) {
	for _, i := range apps(mask) {
		d := l.rs.cfg.Registry.Descriptors[i]
		if d.TCP {
			t |= overTCP
		}
		if d.UDP {
			t |= overUDP
		}
	}
	return t
}

// neverTransport looks for words of one transport protocol in rules for
// another, and for ports where there are none.
func (l *linter) neverTransport() {
	left := l.s.l4.transports()
	if l.s.appMask != 0 {
		if left &= l.appTransports(l.s.appMask); left == 0 {
			l.add(LintNeverHeader, protoPos(l.r, 0), fmt.Sprintf("never matches: no protocol of its buffers runs over %s", l.r.Proto),
				"name the protocol itself in the header")
			return
		}
	}
	for i := range l.opts {
		o := &l.opts[i]
		may := wordTransports(o.Name)
		if o.Name == "ip_proto" && l.s.key.hasIPProto {
			may = transportOf(l.s.key.ipProto)
		}
		if left &= may; left == 0 {
			l.add(LintNeverHeader, o.Pos, fmt.Sprintf("never matches: %s can't hold in a packet of %s and the words before it", o.Name, l.r.Proto),
				"change the header's protocol, or remove it")
			return
		}
	}
	if left&(overTCP|overUDP|overSCTP) != 0 || l.s.both {
		return
	}
	for _, p := range []struct {
		set *rule.PortSet
		at  rule.Pos
	}{{l.s.ends.sp, l.r.SrcPorts.Root.Pos}, {l.s.ends.dp, l.r.DstPorts.Root.Pos}} {
		if p.set != nil && !p.set.Contains(0) {
			l.add(LintNeverHeader, p.at, "never matches: packets of "+l.r.Proto+" have no ports", "write any")
			return
		}
	}
}

// fieldMax is the greatest value of a header field, by keyword.
func fieldMax(word string) (uint64, bool) {
	switch word {
	case "ttl", "tos", "itype", "icode", "ip_proto":
		return math.MaxUint8, true
	case "id", "window", "tcp.window", "icmp_id", "icmp_seq", "tcp.mss", "dsize":
		return math.MaxUint16, true
	case "tcp.wscale":
		return math.MaxUint8, true
	case "fragoffset":
		return 1<<13 - 1, true
	case "seq", "tcp.seq", "ack", "tcp.ack":
		return math.MaxUint32, true
	}
	return 0, false
}

// neverNumbers looks for comparisons of one header field that don't go
// together.
func (l *linter) neverNumbers() {
	left := map[string]sizeTest{}
	for i := range l.opts {
		o := &l.opts[i]
		most, ok := fieldMax(o.Name)
		if !ok || o.Neg {
			continue
		}
		t, err := parseSize(strings.Trim(o.Value, "\" "))
		if err != nil || t.not {
			continue
		}
		old, ok := left[o.Name]
		if !ok {
			old = sizeTest{high: most}
		}
		old.low, old.high = max(old.low, t.low), min(old.high, t.high)
		if old.low > old.high {
			l.add(LintNeverHeader, o.Pos, fmt.Sprintf("never matches: no %s is %s, of 0 to %d, and what the rule asks for before", o.Name, o.Value, most),
				"check the number and the sign")
			return
		}
		left[o.Name] = old
	}
}

// neverFlags tries all combinations of TCP flags.
func (l *linter) neverFlags() {
	var tests []flagTest
	var last *rule.Option
	for i := range l.opts {
		o := &l.opts[i]
		if o.Name != "flags" && o.Name != "tcp.flags" {
			continue
		}
		if t, err := tcpFlags(o); err == nil {
			tests, last = append(tests, t), o
		}
	}
	if last == nil {
		return
	}
	some, other := false, false
	for v := range 1 << 8 {
		ok := true
		for _, t := range tests {
			ok = ok && t.holds(uint8(v))
		}
		some = some || ok
		other = other || ok && v&(packet.SYN|packet.ACK) != packet.SYN
	}
	switch {
	case !some:
		l.add(LintNeverFlags, last.Pos, "never matches: no packet has these flags together", "flags:S+ asks for a flag whatever the others are")
	case !other && l.s.flowState&flowEstablished != 0:
		l.add(LintEstablishedSYN, last.Pos, "a connection is not established when its first packet comes",
			"only a stray SYN inside a connection matches; write flow:stateless or not_established")
	}
}

// neverFlowbits looks for a bit that must be set and must not.
func (l *linter) neverFlowbits() {
	asked := map[string]string{}
	for i := range l.opts {
		o := &l.opts[i]
		cmd, names := flowbitsOf(o)
		if cmd != "isset" && cmd != "isnotset" || len(names) != 1 {
			continue
		}
		if old, ok := asked[names[0]]; ok && old != cmd {
			l.add(LintNeverFlowbit, o.Pos, fmt.Sprintf("never matches: %q must be set and not set", names[0]), "keep one of them")
			return
		}
		asked[names[0]] = cmd
	}
}

// neverThreshold looks for counts of one flow that a rule which is evaluated
// once for each of its directions can't reach.
func (l *linter) neverThreshold() {
	t := &l.s.limit
	if t.track != trackFlow || l.s.kind != kindIP && !l.s.onSide {
		return
	}
	most := uint32(0)
	for d := range 2 {
		if l.s.dirs.Has(Dir(d)) {
			most++
		}
	}
	need := t.count
	switch t.kind {
	case limitThreshold, limitBoth:
	case limitDetection:
		need++
	default:
		return
	}
	if need > most {
		name := "threshold"
		if t.kind == limitDetection {
			name = "detection_filter"
		}
		l.add(LintNeverThreshold, optionPos(l.r, name), fmt.Sprintf("never alerts: the rule matches once a flow and direction, its flow must count %d", need),
			"track by_src or by_dst")
	}
}
