package traffic

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// segment is what the tests decode a frame into, on their own: the builders
// are not to be their own witness.
type segment struct {
	frame             Frame
	srcMAC, dstMAC    MAC
	src, dst          netip.AddrPort
	proto, ttl, flags uint8
	seq, ack          uint32
	payload           []byte
	frameLength       int
}

// onesComplement sums 16-bit words with end-around carry, the way RFC 1071
// describes it; a message with a right checksum sums to 0xffff.
func onesComplement(parts ...[]byte) uint16 {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if len(all)%2 == 1 {
		all = append(all, 0)
	}
	var s uint32
	for i := 0; i < len(all); i += 2 {
		s += uint32(all[i])<<8 | uint32(all[i+1])
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func decode(t testing.TB, f Frame) segment {
	t.Helper()
	d := f.Data
	s := segment{frame: f, dstMAC: MAC(d), srcMAC: MAC(d[6:]), frameLength: len(d)}
	ip := d[14:]
	var l4, pseudo []byte
	switch typ := binary.BigEndian.Uint16(d[12:]); typ {
	case 0x0800:
		if ip[0] != 0x45 || int(binary.BigEndian.Uint16(ip[2:])) != len(ip) || onesComplement(ip[:20]) != 0xffff {
			t.Fatalf("IPv4 header: % x of %d bytes", ip[:20], len(ip))
		}
		s.ttl, s.proto, l4 = ip[8], ip[9], ip[20:]
		s.src, s.dst = at(netip.AddrFrom4([4]byte(ip[12:])), 0), at(netip.AddrFrom4([4]byte(ip[16:])), 0)
		pseudo = append([]byte{0, s.proto, byte(len(l4) >> 8), byte(len(l4))}, ip[12:20]...)
	case 0x86dd:
		if ip[0]>>4 != 6 || int(binary.BigEndian.Uint16(ip[4:])) != len(ip)-40 {
			t.Fatalf("IPv6 header: % x of %d bytes", ip[:40], len(ip))
		}
		s.ttl, s.proto, l4 = ip[7], ip[6], ip[40:]
		s.src, s.dst = at(netip.AddrFrom16([16]byte(ip[8:])), 0), at(netip.AddrFrom16([16]byte(ip[24:])), 0)
		pseudo = append([]byte{0, s.proto, byte(len(l4) >> 8), byte(len(l4))}, ip[8:40]...)
	default:
		t.Fatalf("EtherType %#x", typ)
	}
	if s.proto == 1 {
		pseudo = nil
	}
	if onesComplement(pseudo, l4) != 0xffff {
		t.Fatalf("checksum of protocol %d: % x", s.proto, l4[:8])
	}
	s.transport(t, l4)
	return s
}

func (s *segment) transport(t testing.TB, l4 []byte) {
	t.Helper()
	ports := func() {
		s.src = at(s.src.Addr(), binary.BigEndian.Uint16(l4))
		s.dst = at(s.dst.Addr(), binary.BigEndian.Uint16(l4[2:]))
	}
	switch s.proto {
	case 6:
		ports()
		s.seq, s.ack = binary.BigEndian.Uint32(l4[4:]), binary.BigEndian.Uint32(l4[8:])
		s.flags = l4[13]
		s.payload = l4[l4[12]>>4*4:]
	case 17:
		ports()
		if int(binary.BigEndian.Uint16(l4[4:])) != len(l4) {
			t.Fatalf("UDP length %d of %d", binary.BigEndian.Uint16(l4[4:]), len(l4))
		}
		s.payload = l4[8:]
	case 1, 58:
		s.payload = l4[8:]
	default:
		t.Fatalf("protocol %d", s.proto)
	}
}

// pair is the way from one end to the other.
type pair struct{ src, dst netip.AddrPort }

func (p pair) back() pair { return pair{p.dst, p.src} }

// streams reassembles all TCP streams and checks the numbers on the way: no
// gap, no overlap, no acknowledgement of what was never sent, nothing after
// the end.
func streams(t testing.TB, fs []Frame) map[pair][]byte {
	t.Helper()
	next := map[pair]uint32{} // the sequence number to come
	started, ended := map[pair]bool{}, map[pair]bool{}
	out := map[pair][]byte{}
	for i, f := range fs {
		s := decode(t, f)
		if s.proto != 6 {
			continue
		}
		p := pair{s.src, s.dst}
		if s.flags&2 != 0 {
			next[p], started[p] = s.seq, true
		}
		if !started[p] && s.flags&4 == 0 {
			t.Fatalf("frame %d: %v: segment before SYN", i, p)
		}
		if started[p] && s.seq != next[p] {
			t.Fatalf("frame %d: %v: sequence number: want %d, got %d", i, p, next[p], s.seq)
		}
		if s.flags&16 != 0 && s.ack != next[p.back()] {
			t.Fatalf("frame %d: %v: acknowledges %d of %d", i, p, s.ack, next[p.back()])
		}
		if ended[p] && len(s.payload) > 0 {
			t.Fatalf("frame %d: %v: data after FIN", i, p)
		}
		out[p] = append(out[p], s.payload...)
		next[p] += uint32(len(s.payload)) + uint32(s.flags&1) + uint32(s.flags>>1&1)
		ended[p] = s.flags&1 != 0
	}
	return out
}
