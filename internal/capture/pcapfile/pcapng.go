package pcapfile

import (
	"math"
	"math/bits"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// pcapng, draft-ietf-opsawg-pcapng §3.1. Every block is
//
//	type (4), total length (4), body, total length again (4)
//
// padded to 4 bytes. A section header resets byte order and interfaces.
const (
	blockInterface = 0x00000001 // §4.2
	blockPacketOld = 0x00000002 // appendix A, obsolete
	blockSimple    = 0x00000003 // §4.4
	blockEnhanced  = 0x00000006 // §4.3
	blockSection   = 0x0a0d0d0a // §4.1, a palindrome

	ngSectionMin   = 28
	ngInterfaceMin = 20
	ngPacketHead   = 28 // of blockEnhanced and blockPacketOld, before the data
	ngSimpleHead   = 12
	ngTrailer      = 4

	optEnd      = 0
	optTSResol  = 9
	optTSOffset = 14

	// maxSeconds is what fits an int64 of nanoseconds, with room to add.
	maxSeconds = math.MaxInt64/1_000_000_000 - 1

	// maxInterfaces bounds what a section makes us remember.
	maxInterfaces = 4096
	// maxBlockBytes bounds the blocks that are read whole: a frame and its
	// options. Others are skipped at any length.
	maxBlockBytes = bufferBytes
)

var ngMagic = [4]byte{0x0a, 0x0d, 0x0d, 0x0a}

type ngState struct{ ifaces []ngInterface }

// ngInterface is what an interface description block said.
type ngInterface struct {
	link    packet.LinkType
	snapLen uint32
	perSec  uint64 // timestamp units a second
	offset  int64  // seconds to add
}

// nanos converts a timestamp to nanoseconds since the epoch, saturating.
func (i *ngInterface) nanos(ts uint64) int64 {
	sec, frac := ts/i.perSec, ts%i.perSec
	if sec > maxSeconds {
		return math.MaxInt64
	}
	hi, lo := bits.Mul64(frac, 1e9)
	ns, _ := bits.Div64(hi, lo, i.perSec) // hi < perSec because frac < perSec
	if i.offset > maxSeconds || i.offset < -maxSeconds {
		return math.MaxInt64
	}
	t := int64(sec) + i.offset
	if t > maxSeconds {
		return math.MaxInt64
	}
	return t*1e9 + int64(ns)
}

// ngSection reads a section header block and forgets the last section.
func (s *Source) ngSection(lent bool) error {
	if err := s.need(ngSectionMin, lent, "section header"); err != nil {
		return err
	}
	h := s.buf[s.r:]
	switch [4]byte(h[8:]) {
	case [4]byte{0x4d, 0x3c, 0x2b, 0x1a}:
		s.swap = false
	case [4]byte{0x1a, 0x2b, 0x3c, 0x4d}:
		s.swap = true
	default:
		return s.complain(ErrFormat, "byte-order magic: got % x", h[8:12])
	}
	if major := s.u16(h[12:]); major != 1 {
		return s.complain(ErrFormat, "pcapng version: want 1, got %d", major)
	}
	n := s.u32(h[4:])
	if n < ngSectionMin || n%4 != 0 {
		return s.complain(ErrCorrupt, "section header length: got %d", n)
	}
	s.ng.ifaces = s.ng.ifaces[:0]
	return s.skip(int64(n), lent, "section header")
}

// ngNext reads blocks up to and with the next packet.
func (s *Source) ngNext(f *capture.Frame, lent bool) error {
	for {
		if err := s.need(12, lent, "block header"); err != nil {
			return err
		}
		h := s.buf[s.r:]
		typ, n := s.u32(h), s.u32(h[4:])
		if typ == blockSection {
			if err := s.ngSection(lent); err != nil {
				return err
			}
			continue
		}
		if n < 12 || n%4 != 0 {
			return s.complain(ErrCorrupt, "block length: got %d", n)
		}
		done, err := s.ngBlock(f, typ, n, lent)
		if done || err != nil {
			return err
		}
	}
}

// ngBlock reads the block at r and reports whether it filled f.
func (s *Source) ngBlock(f *capture.Frame, typ, n uint32, lent bool) (bool, error) {
	switch typ {
	case blockInterface, blockEnhanced, blockPacketOld, blockSimple:
	default:
		return false, s.skip(int64(n), lent, "block")
	}
	if n > maxBlockBytes {
		return false, s.complain(ErrCorrupt, "block length: want at most %d, got %d", maxBlockBytes, n)
	}
	if err := s.need(int(n), lent, "block"); err != nil {
		return false, err
	}
	b := s.buf[s.r : s.r+int(n)]
	if got := s.u32(b[n-ngTrailer:]); got != n {
		return false, s.complain(ErrCorrupt, "block length at its end: want %d, got %d", n, got)
	}
	var done bool
	var err error
	switch typ {
	case blockInterface:
		err = s.ngIface(b)
	case blockSimple:
		done, err = s.ngSimple(f, b)
	default:
		done, err = s.ngPacket(f, b, typ)
	}
	if err == nil {
		s.r += int(n)
	}
	return done, err
}

// ngIface reads an interface description block.
func (s *Source) ngIface(b []byte) error {
	if len(b) < ngInterfaceMin {
		return s.complain(ErrCorrupt, "interface block: want %d bytes, got %d", ngInterfaceMin, len(b))
	}
	if len(s.ng.ifaces) == maxInterfaces {
		return s.complain(ErrCorrupt, "more than %d interfaces", maxInterfaces)
	}
	i := ngInterface{link: packet.LinkType(s.u16(b[8:])), snapLen: s.u32(b[12:]), perSec: 1e6}
	for opts := b[16 : len(b)-ngTrailer]; len(opts) >= 4; {
		code, n := s.u16(opts), int(s.u16(opts[2:]))
		if code == optEnd || len(opts) < 4+n {
			break
		}
		val := opts[4 : 4+n]
		switch {
		case code == optTSResol && n >= 1:
			i.perSec = perSecond(val[0])
		case code == optTSOffset && n >= 8:
			i.offset = s.i64(val)
		}
		opts = opts[min(4+(n+3)&^3, len(opts)):]
	}
	if i.perSec == 0 {
		return s.complain(ErrFormat, "time resolution: not supported")
	}
	s.ng.ifaces = append(s.ng.ifaces, i)
	return nil
}

// i64 reads a 64-bit integer, whose halves follow the file's byte order too.
func (s *Source) i64(b []byte) int64 {
	a, z := uint64(s.u32(b)), uint64(s.u32(b[4:]))
	if s.swap {
		return int64(a<<32 | z)
	}
	return int64(z<<32 | a)
}

// perSecond decodes if_tsresol: a power of ten, or of two when the top bit is
// set; 0 when it does not fit 64 bits.
func perSecond(v byte) uint64 {
	n := v & 0x7f
	switch {
	case v&0x80 != 0 && n <= 63:
		return 1 << n
	case v&0x80 != 0 || n > 19:
		return 0
	}
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// iface finds an interface; one with a link type that is not read counts its
// packets as malformed and skips them, so that the others can be seen.
func (s *Source) iface(n int) (*ngInterface, bool, error) {
	if n >= len(s.ng.ifaces) {
		return nil, false, s.complain(ErrCorrupt, "packet of interface %d: the section has %d", n, len(s.ng.ifaces))
	}
	i := &s.ng.ifaces[n]
	if !readable(i.link) {
		s.bad.Add(1)
		return nil, false, nil
	}
	return i, true, nil
}

// ngPacket reads an enhanced packet block, or its obsolete forerunner, which
// differs in the width of the interface number only.
func (s *Source) ngPacket(f *capture.Frame, b []byte, typ uint32) (bool, error) {
	if len(b) < ngPacketHead+ngTrailer {
		return false, s.complain(ErrCorrupt, "packet block: want %d bytes, got %d", ngPacketHead+ngTrailer, len(b))
	}
	num := int(s.u32(b[8:]))
	if typ == blockPacketOld {
		num = int(s.u16(b[8:]))
	}
	n := s.u32(b[20:])
	if room := len(b) - ngPacketHead - ngTrailer; n > MaxFrameBytes || int(n) > room {
		return false, s.complain(ErrCorrupt, "packet length: want at most %d, got %d", min(room, MaxFrameBytes), n)
	}
	i, ok, err := s.iface(num)
	if !ok {
		return false, err
	}
	ts := uint64(s.u32(b[12:]))<<32 | uint64(s.u32(b[16:]))
	s.lend(f, ngPacketHead, int(n), s.u32(b[24:]), i.nanos(ts), i.link)
	return true, nil
}

// ngSimple reads a simple packet block: interface 0, and no time of its own,
// so it takes that of the packet before it.
func (s *Source) ngSimple(f *capture.Frame, b []byte) (bool, error) {
	if len(b) < ngSimpleHead+ngTrailer {
		return false, s.complain(ErrCorrupt, "packet block: want %d bytes, got %d", ngSimpleHead+ngTrailer, len(b))
	}
	i, ok, err := s.iface(0)
	if !ok {
		return false, err
	}
	wire := s.u32(b[8:])
	n := min(wire, uint32(len(b)-ngSimpleHead-ngTrailer), MaxFrameBytes)
	if i.snapLen != 0 {
		n = min(n, i.snapLen)
	}
	s.lend(f, ngSimpleHead, int(n), wire, s.lastTime, i.link)
	return true, nil
}
