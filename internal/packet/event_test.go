package packet

import (
	"slices"
	"strings"
	"testing"
)

func TestEventNames(t *testing.T) {
	for e := range Event(NumEvents) {
		got, ok := EventByName(e.String())
		if !ok || got != e {
			t.Errorf("%d %q: want itself, got %d, %v", e, e, got, ok)
		}
	}
	if _, ok := EventByName("decoder.ipv4.trunc_pkt"); ok {
		t.Error("the prefix is no part of a name")
	}
	if s := Event(NumEvents).String(); s != "unknown" {
		t.Errorf("beyond the list: want unknown, got %q", s)
	}
}

func TestEventSet(t *testing.T) {
	var s EventSet
	in := []Event{0, 63, 64, NumEvents - 1}
	for _, e := range in {
		s.Add(e)
	}
	if got := slices.Collect(s.All); !slices.Equal(got, in) {
		t.Errorf("want %v, got %v", in, got)
	}
	if s.Has(1) || !s.Has(64) || s.Empty() {
		t.Error("Has or Empty is wrong")
	}
}

// patch returns b with the byte at i set.
func patch(b []byte, i int, v byte) []byte {
	b = slices.Clone(b)
	b[i] = v
	return b
}

// eventCase is a frame and the event that it raises. "!" marks those after
// which nothing of the packet may be trusted.
type eventCase struct {
	event string
	link  LinkType
	frame []byte
}

func e4(b []byte) []byte                      { return ether(etherIPv4, b) }
func e6(b []byte) []byte                      { return ether(etherIPv6, b) }
func v4(proto uint8, b []byte) []byte         { return e4(ip4(addrA, addrB, proto, b)) }
func v6(nh uint8, b []byte) []byte            { return e6(ip6(nh, b)) }
func greTo(f, proto uint16, b ...byte) []byte { return v4(ProtoGRE, cat(u16(f, proto), b)) }

// ext is an IPv6 options header, the last of its packet.
func ext(o ...byte) []byte { return cat([]byte{nhNone, byte((len(o) - 6) / 8)}, o) }

// linkEvents are those of the link layers.
func linkEvents() []eventCase {
	whole := ip4(addrA, addrB, ProtoESP, make([]byte, 8))
	pppoe := func(typ uint16, code byte, b ...byte) []byte {
		return ether(typ, cat([]byte{0x11, code, 0, 1}, u16(uint16(len(b))), b))
	}
	label := func(l uint32, b ...byte) []byte { return ether(etherMPLS, cat(u32(l<<12|0x100), b)) }
	arp := func(i int, v byte) []byte {
		return ether(etherARP, patch(cat(u16(1, etherIPv4), []byte{6, 4}, u16(1), make([]byte, 20)), i, v))
	}
	return []eventCase{
		{"!ethernet.pkt_too_small", 1, make([]byte, 13)},
		{"ethernet.unknown_ethertype", 1, ether(0x88cc, make([]byte, 46))},
		{"!ipraw.invalid_ip_version", LinkRaw, make([]byte, 40)},
		{"!ltnull.pkt_too_small", LinkNull, make([]byte, 3)},
		{"!ltnull.unsupported_type", LinkNull, make([]byte, 30)},
		{"!sll.pkt_too_small", LinkSLL, make([]byte, 15)},
		{"!sll2.pkt_too_small", LinkSLL2, make([]byte, 19)},
		{"!vlan.header_too_small", 1, ether(etherVLAN, make([]byte, 3))},
		{"vlan.too_many_layers", 1, ether(etherVLAN, tag(1, etherVLAN, tag(2, etherVLAN, tag(3, etherVLAN, tag(4, etherIPv4, whole)))))},
		{"vlan.unknown_type", 1, ether(etherVLAN, tag(1, 0x88cc, make([]byte, 8)))},
		{"vntag.unknown_type", 1, ether(etherVNTag, cat(make([]byte, 4), u16(0x88cc)))},
		{"!vntag.header_too_small", 1, ether(etherVNTag, make([]byte, 5))},
		{"!ieee8021ah.header_too_small", 1, ether(etherPBB, make([]byte, 17))},
		{"!mpls.header_too_small", 1, ether(etherMPLS, make([]byte, 3))},
		{"!mpls.pkt_too_small", 1, label(77)},
		{"mpls.bad_label_router_alert", 1, label(1, whole...)},
		{"mpls.bad_label_implicit_null", 1, label(3, whole...)},
		{"mpls.bad_label_reserved", 1, label(9, whole...)},
		{"mpls.unknown_payload_type", 1, label(77, 0xf0)},
		{"!ppp.pkt_too_small", LinkPPP, []byte{0xff}},
		{"!ppp.ip4_pkt_too_small", LinkPPP, []byte{0, 0x21, 0x45}},
		{"!ppp.ip6_pkt_too_small", LinkPPP, []byte{0, 0x57, 0x60}},
		{"!ppp.vju_pkt_too_small", LinkPPP, []byte{0, 0x2f, 0x45}},
		{"ppp.unsup_proto", LinkPPP, []byte{0xc0, 0x21, 1, 1, 0, 4}},
		{"!ppp.wrong_type", LinkPPP, []byte{0, 0xf0, 1}},
		{"!pppoe.pkt_too_small", 1, ether(etherPPPoES, make([]byte, 5))},
		{"!pppoe.wrong_code", 1, pppoe(etherPPPoED, 0x42)},
		{"pppoe.malformed_tags", 1, pppoe(etherPPPoED, 0x09, 1, 1, 0, 9)},
		{"!arp.pkt_too_small", 1, ether(etherARP, make([]byte, 7))},
		{"!arp.unsupported_hardware", 1, arp(1, 6)},
		{"!arp.unsupported_protocol", 1, arp(3, 6)},
		{"!arp.invalid_hardware_size", 1, arp(4, 5)},
		{"!arp.invalid_protocol_size", 1, arp(5, 16)},
		{"!arp.unsupported_opcode", 1, arp(7, 99)},
		{"!arp.invalid_pkt", 1, ether(etherARP, cat(u16(1, etherIPv4), make([]byte, 10)))},
		{"!too_many_layers", 1, ether(etherMPLS, make([]byte, 4*(maxLabels+1)))},
	}
}

// ipEvents are those of IP headers.
func ipEvents() []eventCase {
	whole := ip4(addrA, addrB, ProtoESP, make([]byte, 8))
	opt4 := func(o ...byte) []byte { return e4(ip4opt(addrA, addrB, ProtoESP, 1, 0, o, make([]byte, 8))) }
	fh := []byte{nhNone, 0, 0, 0, 0, 0, 0, 1}
	return []eventCase{
		{"!ipv4.pkt_too_small", 1, e4(make([]byte, 19))},
		{"!ipv4.wrong_ip_version", 1, e4(patch(whole, 0, 0x55))},
		{"!ipv4.hlen_too_small", 1, e4(patch(whole, 0, 0x44))},
		{"!ipv4.iplen_smaller_than_hlen", 1, e4(patch(whole, 3, 19))},
		{"!ipv4.trunc_pkt", 1, e4(patch(whole, 3, 29))},
		{"!ipv4.icmpv6", 1, v4(ProtoICMPv6, make([]byte, 8))},
		{"ipv4.opt_pad_required", 1, opt4(1, 1, 1, 0)},
		{"ipv4.opt_eol_required", 1, opt4(1, 1, 1, 1, 1, 1, 1, 148)},
		{"ipv4.opt_invalid_len", 1, opt4(148, 9, 0, 0, 0, 0, 0, 0)},
		{"ipv4.opt_malformed", 1, opt4(7, 7, 3, 0, 0, 0, 0, 0)},
		{"ipv4.opt_duplicate", 1, opt4(148, 4, 0, 0, 148, 4, 0, 0)},
		{"ipv4.opt_unknown", 1, opt4(99, 4, 0, 0, 0, 0, 0, 0)},
		{"!ipv6.pkt_too_small", 1, e6(make([]byte, 39))},
		{"!ipv6.wrong_ip_version", 1, e6(make([]byte, 40))},
		{"!ipv6.trunc_pkt", 1, e6(patch(ip6(nhNone, nil), 5, 1))},
		{"!ipv6.trunc_exthdr", 1, v6(nhHopByHop, []byte{nhNone, 1, 1, 4, 0, 0, 0, 0})},
		{"ipv6.exthdr_dupl_hh", 1, v6(nhHopByHop, cat(patch(ext(5, 2, 0, 0, 1, 0), 0, nhHopByHop), ext(5, 2, 0, 0, 1, 0)))},
		{"ipv6.exthdr_dupl_dh", 1, v6(nhDstOpts, cat(patch(fh, 0, nhDstOpts), patch(fh, 0, nhDstOpts), fh))},
		{"ipv6.exthdr_dupl_rh", 1, v6(nhRouting, cat(patch(fh, 0, nhRouting), fh))},
		{"ipv6.rh_type_0", 1, v6(nhRouting, fh)},
		{"ipv6.exthdr_dupl_ah", 1, v6(ProtoAH, cat([]byte{ProtoAH, 1}, make([]byte, 10), []byte{nhNone, 1}, make([]byte, 10)))},
		{"ipv6.exthdr_ah_res_not_null", 1, v6(ProtoAH, cat([]byte{nhNone, 1, 1}, make([]byte, 9)))},
		{"ipv6.exthdr_dupl_fh", 1, v6(nhFragment, cat(patch(fh, 0, nhFragment), fh))},
		{"ipv6.exthdr_useless_fh", 1, v6(nhFragment, fh)},
		{"ipv6.fh_non_zero_reserved_field", 1, v6(nhFragment, patch(fh, 1, 1))},
		{"ipv6.frag_invalid_length", 1, v6(nhFragment, cat(patch(fh, 3, 1), make([]byte, 9)))},
		{"ipv6.exthdr_invalid_optlen", 1, v6(nhDstOpts, ext(5, 9, 0, 0, 0, 0))},
		{"ipv6.hopopts_unknown_opt", 1, v6(nhHopByHop, ext(0x77, 4, 0, 0, 0, 0))},
		{"ipv6.dstopts_unknown_opt", 1, v6(nhDstOpts, ext(0x77, 4, 0, 0, 0, 0))},
		{"ipv6.hopopts_only_padding", 1, v6(nhHopByHop, ext(1, 4, 0, 0, 0, 0))},
		{"ipv6.dstopts_only_padding", 1, v6(nhDstOpts, ext(1, 4, 0, 0, 0, 0))},
		{"ipv6.zero_len_padn", 1, v6(nhDstOpts, ext(1, 0, 1, 2, 0, 0))},
		{"ipv6.data_after_none_header", 1, v6(nhNone, []byte{1})},
		{"ipv6.unknown_next_header", 1, v6(200, []byte{1})},
		{"!ipv6.icmpv4", 1, v6(ProtoICMP, make([]byte, 8))},
		{"!ipv6.ipv4_in_ipv6_too_small", 1, v6(ProtoIPIP, make([]byte, 19))},
		{"!ipv6.ipv4_in_ipv6_wrong_version", 1, v6(ProtoIPIP, make([]byte, 20))},
		{"!ipv6.ipv6_in_ipv6_too_small", 1, v6(ProtoIPv6, make([]byte, 39))},
		{"!ipv6.ipv6_in_ipv6_wrong_version", 1, v6(ProtoIPv6, make([]byte, 40))},
	}
}

// transportEvents are those of transport headers.
func transportEvents() []eventCase {
	tcpOpt := func(o ...byte) []byte { return v4(ProtoTCP, tcp4(ACK, o, nil)) }
	icmp := func(typ, code byte, b ...byte) []byte {
		return v4(ProtoICMP, cat([]byte{typ, code, 0, 0, 0, 0, 0, 0}, b))
	}
	icmp6 := func(typ, code byte, b ...byte) []byte {
		return v6(ProtoICMPv6, cat([]byte{typ, code, 0, 0, 0, 0, 0, 0}, b))
	}
	return []eventCase{
		{"!icmpv4.pkt_too_small", 1, v4(ProtoICMP, make([]byte, 7))},
		{"icmpv4.unknown_type", 1, icmp(99, 0)},
		{"icmpv4.unknown_code", 1, icmp(8, 1)},
		{"icmpv4.ipv4_trunc_pkt", 1, icmp(3, 1, 0x45)},
		{"icmpv4.ipv4_unknown_ver", 1, icmp(3, 1, make([]byte, 20)...)},
		{"!icmpv6.pkt_too_small", 1, v6(ProtoICMPv6, make([]byte, 7))},
		{"icmpv6.unknown_code", 1, icmp6(128, 1)},
		{"icmpv6.unknown_type", 1, icmp6(127, 0)},
		{"icmpv6.unassigned_type", 1, icmp6(7, 0)},
		{"icmpv6.experimentation_type", 1, icmp6(100, 0)},
		{"icmpv6.ipv6_trunc_pkt", 1, icmp6(1, 0, 0x60)},
		{"icmpv6.ipv6_unknown_version", 1, icmp6(1, 0, make([]byte, 40)...)},
		{"icmpv6.mld_message_with_invalid_hl", 1, icmp6(130, 0)},
		{"!tcp.pkt_too_small", 1, v4(ProtoTCP, make([]byte, 19))},
		{"!tcp.hlen_too_small", 1, v4(ProtoTCP, make([]byte, 20))},
		{"tcp.opt_invalid_len", 1, tcpOpt(2, 5, 0, 0, 0, 0, 0, 0)},
		{"tcp.opt_duplicate", 1, tcpOpt(2, 4, 1, 1, 2, 4, 1, 1)},
		{"!udp.hlen_too_small", 1, v4(ProtoUDP, make([]byte, 7))},
		{"!udp.pkt_too_small", 1, v4(ProtoUDP, []byte{0, 1, 0, 2, 0, 9, 0, 0})},
		{"!udp.len_invalid", 1, v4(ProtoUDP, []byte{0, 1, 0, 2, 0, 7, 0, 0})},
		{"!sctp.pkt_too_small", 1, v4(ProtoSCTP, make([]byte, 11))},
		{"!esp.pkt_too_small", 1, v4(ProtoESP, make([]byte, 7))},
	}
}

// tunnelEvents are those of tunnel headers.
func tunnelEvents() []eventCase {
	return []eventCase{
		{"!gre.pkt_too_small", 1, v4(ProtoGRE, make([]byte, 3))},
		{"!gre.wrong_version", 1, greTo(2, etherIPv4)},
		{"!gre.version0_recur", 1, greTo(greRecur, etherIPv4)},
		{"!gre.version0_flags", 1, greTo(0x80, etherIPv4)},
		{"!gre.version0_hdr_too_big", 1, greTo(greKey, etherIPv4)},
		{"!gre.version0_malformed_sre_hdr", 1, greTo(greRouting, etherIPv4, 0, 0, 0, 0, 0, 1, 0, 9)},
		{"!gre.version1_chksum", 1, greTo(greChecksum|1, etherPPP)},
		{"!gre.version1_route", 1, greTo(greRouting|1, etherPPP)},
		{"!gre.version1_ssr", 1, greTo(greStrict|1, etherPPP)},
		{"!gre.version1_recur", 1, greTo(greRecur|1, etherPPP)},
		{"!gre.version1_flags", 1, greTo(8|1, etherPPP)},
		{"!gre.version1_no_key", 1, greTo(1, etherPPP)},
		{"!gre.version1_wrong_protocol", 1, greTo(greKey|1, etherIPv4)},
		{"!gre.version1_hdr_too_big", 1, greTo(greKey|1, etherPPP)},
		{"!erspan.header_too_small", 1, greTo(greSequence, etherERSPAN, make([]byte, 11)...)},
		{"!erspan.unsupported_version", 1, greTo(greSequence, etherERSPAN, make([]byte, 12)...)},
		{"vxlan.unknown_payload_type", 1, vxlanFrame(1, ether(0x1234, make([]byte, 40)))},
		{"geneve.unknown_payload_type", 1, outerUDP(PortGENEVE, cat(u16(0, 0x1234), make([]byte, 44)))},
	}
}

// TestEvents has, for each event of the decoder, a frame that raises it.
func TestEvents(t *testing.T) {
	for _, tc := range slices.Concat(linkEvents(), ipEvents(), transportEvents(), tunnelEvents()) {
		t.Run(tc.event, func(t *testing.T) {
			name, invalid := strings.CutPrefix(tc.event, "!")
			e, ok := EventByName(name)
			if !ok {
				t.Fatal("no event of that name")
			}
			p := decodeLink(tc.link, tc.frame)
			if !p.Events.Has(e) || p.Has(FlagInvalid) != invalid {
				t.Errorf("want it and invalid %v, got %v, invalid %v", invalid, events(p), p.Has(FlagInvalid))
			}
		})
	}
}

// TestUnknownCodeQuotesNothing: what a message of unknown meaning carries is
// not taken for a quoted packet.
func TestUnknownCodeQuotesNothing(t *testing.T) {
	for want, frame := range map[string][]byte{
		"icmpv4.unknown_code": v4(ProtoICMP, cat([]byte{3, 99}, make([]byte, 26))),
		"icmpv6.unknown_code": v6(ProtoICMPv6, cat([]byte{1, 99}, make([]byte, 46))),
	} {
		var got []string
		for e := range decode(frame).Events.All {
			got = append(got, e.String())
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("want %s alone, got %v", want, got)
		}
	}
}

func TestEventsAreCounted(t *testing.T) {
	d, p := NewDecoder(DefaultConfig()), new(Packet)
	for range 3 {
		d.Decode(p, FrameInfo{Data: make([]byte, 13), Link: LinkEthernet})
	}
	if c := d.Counters; c.Events[EventEthernetPktTooSmall] != 3 || c.Invalid != 3 || c.Packets != 3 {
		t.Errorf("want 3 of each, got %d events, %d invalid, %d packets",
			c.Events[EventEthernetPktTooSmall], c.Invalid, c.Packets)
	}
}
