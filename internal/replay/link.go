package replay

import (
	"encoding/binary"
	"fmt"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// LinkError says that a capture holds frames that no mirror sends.
type LinkError struct{ Link packet.LinkType }

func (e *LinkError) Error() string {
	return fmt.Sprintf("link type %d: want Ethernet, raw IP, Linux cooked or loopback", e.Link)
}

// Hint says what to do.
func (e *LinkError) Hint() string {
	return "mirrorwall inspect reads it as it is; a mirror carries Ethernet only"
}

const (
	nullLen = 4
	sllLen  = 16
	sll2Len = 20
)

// appendEthernet appends the frame as Ethernet: captures without Ethernet
// headers get a made-up one, with locally administered addresses.
func appendEthernet(b, frame []byte, link packet.LinkType) ([]byte, error) {
	ip := frame
	switch link {
	case packet.LinkEthernet:
		return append(b, frame...), nil
	case packet.LinkRaw, packet.LinkRawBSD, packet.LinkIPv4, packet.LinkIPv6:
	case packet.LinkNull, packet.LinkLoop:
		ip = frame[min(nullLen, len(frame)):]
	case packet.LinkSLL:
		return appendCooked(b, frame, 14, sllLen), nil
	case packet.LinkSLL2:
		return appendCooked(b, frame, 0, sll2Len), nil
	default:
		return nil, &LinkError{link}
	}
	typ := uint16(0x0800)
	if len(ip) > 0 && ip[0]>>4 == 6 {
		typ = 0x86dd
	}
	return append(appendHeader(b, typ), ip...), nil
}

// appendCooked takes the EtherType from its place in a cooked header.
func appendCooked(b, frame []byte, at, header int) []byte {
	if len(frame) < header {
		return b
	}
	return append(appendHeader(b, binary.BigEndian.Uint16(frame[at:])), frame[header:]...)
}

func appendHeader(b []byte, etherType uint16) []byte {
	b = append(b, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1)
	return binary.BigEndian.AppendUint16(b, etherType)
}
