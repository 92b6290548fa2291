package packet

import (
	"slices"
	"testing"
)

// Every cut of every frame decodes as far as it goes, and never lies.
func TestTruncated(t *testing.T) {
	frames := map[string][]byte{
		"tcp":    ether(etherIPv4, ip4(addrA, addrB, ProtoTCP, tcp4(ACK, []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, counted(40)))),
		"opts":   ether(etherIPv4, ip4opt(addrA, addrB, ProtoTCP, 1, 0, []byte{148, 4, 0, 0, 1, 1, 1, 0}, tcp4(ACK, nil, counted(40)))),
		"udp6":   ether(etherIPv6, ip6(nhHopByHop, cat([]byte{ProtoUDP, 0, 5, 2, 0, 0, 1, 0}, udpTo(53, counted(30))))),
		"mirror": vxlanFrame(5, tcpFrame(100)),
		"icmp":   ether(etherIPv4, ip4(addrA, addrB, ProtoICMP, cat([]byte{3, 1, 0, 0, 0, 0, 0, 0}, ip4(addrB, addrA, ProtoTCP, make([]byte, 8))))),
		"gre":    ether(etherIPv4, ip4(outerA, outerB, ProtoGRE, cat(u16(greSequence, etherERSPAN), make([]byte, 4), u32(0x10000001, 0), tcpFrame(9)))),
		"sctp":   ether(etherIPv4, ip4(addrA, addrB, ProtoSCTP, make([]byte, 20))),
	}
	for name, frame := range frames {
		t.Run(name, func(t *testing.T) {
			d, p := NewDecoder(Config{VXLAN: true, VerifyChecksums: true}), new(Packet)
			for n := range frame {
				d.Decode(p, FrameInfo{Data: slices.Clone(frame[:n]), WireLen: len(frame), Link: LinkEthernet})
				if p.Has(FlagInvalid) || p.Flags&(FlagBadL3Sum|FlagBadL4Sum) != 0 || !p.Has(FlagTruncated) {
					t.Fatalf("cut at %d: want truncated and no more, got flags %#x events %v", n, p.Flags, events(p))
				}
				if len(p.Payload) > p.PayloadLen {
					t.Fatalf("cut at %d: payload of %d in a claim of %d", n, len(p.Payload), p.PayloadLen)
				}
			}
		})
	}
}

func TestTruncatedPayload(t *testing.T) {
	frame := tcpFrame(100)
	p := new(Packet)
	NewDecoder(DefaultConfig()).Decode(p, FrameInfo{Data: frame[:len(frame)-60], WireLen: len(frame), Link: LinkEthernet})
	if len(p.Payload) != 40 || p.PayloadLen != 100 || p.Flags != FlagTruncated || p.DstPort != 80 {
		t.Errorf("want 40 of 100 bytes, got %d of %d, flags %#x", len(p.Payload), p.PayloadLen, p.Flags)
	}
}

// A frame that was captured whole and claims more is a lie; one that came
// through a mirror may have been cut by it.
func TestTruncatedOrLying(t *testing.T) {
	frame := tcpFrame(100)
	cut := frame[:len(frame)-60]
	p := decode(cut)
	if !p.Has(FlagInvalid) || !p.Events.Has(EventIPv4TruncPkt) || p.IPVersion != 0 {
		t.Errorf("bare: want ipv4.trunc_pkt, got flags %#x events %v", p.Flags, events(p))
	}
	p = decode(vxlanFrame(5, cut))
	if p.Flags != FlagTruncated || len(events(p)) != 0 || len(p.Payload) != 40 || p.PayloadLen != 100 {
		t.Errorf("mirrored: want truncated, got flags %#x events %v payload %d", p.Flags, events(p), len(p.Payload))
	}
	six := ether(etherIPv6, udp6("hello, world"))
	if p := decode(six[:len(six)-5]); !p.Has(FlagInvalid) || !p.Events.Has(EventIPv6TruncPkt) {
		t.Errorf("ipv6: want ipv6.trunc_pkt, got flags %#x events %v", p.Flags, events(p))
	}
}
