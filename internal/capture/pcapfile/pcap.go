package pcapfile

import (
	"encoding/binary"
	"math/bits"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Classic pcap, draft-ietf-opsawg-pcap §4 and §5:
//
//	file header, 24 bytes: magic, major, minor, 2 × reserved, snaplen, link
//	record, 16 bytes: seconds, fraction, captured length, wire length, data
//
// The byte order and the unit of the fraction follow from the magic.
const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d
	// magicModified marks Kuznetzov's patched tcpdump: the record header has
	// eight bytes more (interface, protocol, packet type).
	magicModified = 0xa1b2cd34

	pcapHeaderLen     = 24
	pcapRecordLen     = 16
	modifiedRecordLen = 24
)

type pcapState struct {
	link   packet.LinkType
	unit   int64 // nanoseconds a unit of the fraction
	record int   // bytes of a record header
}

// u16 and u32 read in the file's byte order.
func (s *Source) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if s.swap {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (s *Source) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if s.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// readable reports whether packet.Decode knows the link type.
func readable(l packet.LinkType) bool {
	switch l {
	case packet.LinkNull, packet.LinkEthernet, packet.LinkPPP, packet.LinkRawBSD,
		packet.LinkRaw, packet.LinkLoop, packet.LinkSLL, packet.LinkIPv4,
		packet.LinkIPv6, packet.LinkSLL2:
		return true
	}
	return false
}

func (s *Source) pcapHeader(m [4]byte) error {
	s.pcap = pcapState{unit: 1000, record: pcapRecordLen}
	if !s.pcapMagic(binary.LittleEndian.Uint32(m[:])) {
		s.swap = true
		if !s.pcapMagic(binary.BigEndian.Uint32(m[:])) {
			return s.complain(ErrFormat, "not a capture file: starts with % x", m)
		}
	}
	if err := s.need(pcapHeaderLen, false, "file header"); err != nil {
		return err
	}
	h := s.buf[s.r:]
	if major := s.u16(h[4:]); major != 2 {
		return s.complain(ErrFormat, "pcap version: want 2, got %d", major)
	}
	// The upper half of the link field tells the length of the FCS.
	s.pcap.link = packet.LinkType(s.u32(h[20:]))
	if !readable(s.pcap.link) {
		return s.complain(ErrFormat, "link type %d: not supported", s.pcap.link)
	}
	s.r += pcapHeaderLen
	return nil
}

func (s *Source) pcapMagic(m uint32) bool {
	switch m {
	case magicMicro:
	case magicNano:
		s.pcap.unit = 1
	case magicModified:
		s.pcap.record = modifiedRecordLen
	default:
		return false
	}
	return true
}

// pcapNext parses the record at r. The snapshot length of the file header is
// not held against it: writers in the field get it wrong.
func (s *Source) pcapNext(f *capture.Frame, lent bool) error {
	head := s.pcap.record
	if err := s.need(head, lent, "record header"); err != nil {
		return err
	}
	h := s.buf[s.r:]
	n := s.u32(h[8:])
	if n > MaxFrameBytes {
		return s.complain(ErrCorrupt, "record length: want at most %d, got %d", MaxFrameBytes, n)
	}
	if err := s.need(head+int(n), lent, "record"); err != nil {
		return err
	}
	h = s.buf[s.r:] // need may have moved it
	t := int64(s.u32(h))*1e9 + int64(s.u32(h[4:]))*s.pcap.unit
	s.lend(f, head, int(n), s.u32(h[12:]), t, s.pcap.link)
	s.r += head + int(n)
	return nil
}
