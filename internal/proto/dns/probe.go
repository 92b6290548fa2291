package dns

import (
	"bytes"
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// probe accepts a datagram that is a message, or a stream that begins with a
// length and a message. A port says nothing here: the header's counts, the
// first name, and its type and class must fit.
func probe(_ proto.Dir, b []byte) proto.Verdict {
	d := checkDatagram(b)
	if d == proto.Accept {
		return proto.Accept
	}
	return max(d, checkStream(b))
}

func probeMDNS(_ proto.Dir, b []byte) proto.Verdict {
	if checkDatagram(b) != proto.Accept {
		return proto.Reject
	}
	top := topLabel(b)
	if bytes.EqualFold(top, []byte("local")) || bytes.EqualFold(top, []byte("arpa")) {
		return proto.Accept
	}
	return proto.Reject
}

// checkDatagram judges a whole datagram; one shorter than a header may be the
// start of a stream.
func checkDatagram(b []byte) proto.Verdict {
	if len(b) < headerLen {
		return proto.NeedMore
	}
	if v := check(b, len(b)); v != proto.NeedMore {
		return v
	}
	return proto.Reject
}

// checkStream judges the first bytes of a stream (RFC 1035 §4.2.2). Messages of
// no length are passed over, two at most.
func checkStream(b []byte) proto.Verdict {
	for range 2 {
		if len(b) >= 2 && b[0]|b[1] == 0 {
			b = b[2:]
		}
	}
	if len(b) < 2 {
		return proto.NeedMore
	}
	size := int(binary.BigEndian.Uint16(b))
	if size < headerLen {
		return proto.Reject
	}
	b = b[2:]
	if len(b) >= size {
		b = b[:size]
	}
	if len(b) < headerLen {
		return proto.NeedMore
	}
	v := check(b, size)
	if v == proto.NeedMore && len(b) == size {
		return proto.Reject
	}
	return v
}

// check judges the header and first record of a message of size bytes of which
// b is the start, headerLen bytes at least.
func check(b []byte, size int) proto.Verdict {
	h := viewHeader(b)
	if !h.valid(size) {
		return proto.Reject
	}
	if size == headerLen {
		return bareError(h)
	}
	pos, v := skipName(b, headerLen)
	if v == proto.NeedMore && len(b) > headerLen+MaxName {
		// So many well-formed labels are no accident, and the question may end
		// beyond what probes are shown.
		return proto.Accept
	}
	if v != proto.Accept {
		return v
	}
	if pos+4 > len(b) {
		return proto.NeedMore
	}
	typ, class := binary.BigEndian.Uint16(b[pos:]), binary.BigEndian.Uint16(b[pos+2:])
	if netBIOS(b[headerLen:pos], typ) {
		return proto.Reject
	}
	if typ == 0 || !knownClass(class) && typ != typeOPT {
		return proto.Reject
	}
	if h.qd > 0 {
		return proto.Accept
	}
	if pos+10 > len(b) {
		return proto.NeedMore
	}
	if pos+10+int(binary.BigEndian.Uint16(b[pos+8:])) > size {
		return proto.Reject
	}
	return proto.Accept
}

// bareError accepts the header that some servers send alone for an error.
func bareError(h header) proto.Verdict {
	if c := h.rcode(); c == 0 || c > 5 || h.opcode() > 6 {
		return proto.Reject
	}
	return proto.Accept
}

// skipName finds the end of the name at pos. A message's first name has nothing
// to point at, so a pointer is refused.
func skipName(b []byte, pos int) (int, proto.Verdict) {
	for range maxSteps {
		if pos >= len(b) {
			return 0, proto.NeedMore
		}
		c := int(b[pos])
		switch {
		case c == 0:
			return pos + 1, proto.Accept
		case c >= 0xc0 && pos > headerLen:
			return pos + 2, proto.Accept
		case c >= 0x40:
			return 0, proto.Reject
		}
		pos += 1 + c
	}
	return 0, proto.Reject
}

// topLabel returns the last label of a checked message's first name.
func topLabel(b []byte) (label []byte) {
	for pos := headerLen; pos < len(b); {
		c := int(b[pos])
		if c == 0 || c >= 0x40 || pos+1+c > len(b) {
			break
		}
		label = b[pos+1 : pos+1+c]
		pos += 1 + c
	}
	return label
}

// netBIOS recognises names of RFC 1002 §4.2, which else look like DNS: 32
// letters from A to P, type NB or NBSTAT.
func netBIOS(name []byte, typ uint16) bool {
	if typ != 0x20 && typ != 0x21 || len(name) < 33 || name[0] != 32 {
		return false
	}
	for _, c := range name[1:33] {
		if c < 'A' || c > 'P' {
			return false
		}
	}
	return true
}

// knownClass takes IN, CH, HS, NONE and ANY; the top bit is mDNS's
// (RFC 6762 §18.12).
func knownClass(c uint16) bool {
	switch c &^ 0x8000 {
	case 1, 3, 4, 254, 255:
		return true
	}
	return false
}
