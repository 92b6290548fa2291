package quic

// Frame types that an Initial packet may hold (RFC 9000 §12.4).
const (
	framePadding = 0x00
	framePing    = 0x01
	frameAck     = 0x02
	frameAckECN  = 0x03
	frameCrypto  = 0x06
	frameClose   = 0x1c
)

// maxCrypto bounds the handshake bytes of one direction that are put in order;
// a hello with post-quantum keys has some 2,000.
const maxCrypto = 16 << 10

// keepCrypto bounds the memory that a stream holds on to between flows.
const keepCrypto = 4 << 10

// keepTx bounds the memory of what was read of a hello that a transaction holds
// on to.
const keepTx = 4 << 10

// stream is the CRYPTO stream of one direction, put in order. Frames come in
// any order and size, and may overlap; the first copy of a byte counts.
type stream struct {
	buf  []byte
	have []uint64 // bit i: buf[i] is there
	n    int      // bytes in order from the start
}

func (s *stream) reset() {
	if cap(s.buf) > keepCrypto {
		*s = stream{}
		return
	}
	clear(s.have)
	*s = stream{buf: s.buf[:0], have: s.have[:0]}
}

// add files bytes at an offset; false when they lie beyond the bound. The work
// is linear in b.
func (s *stream) add(offset uint64, b []byte) bool {
	if offset > maxCrypto || len(b) > maxCrypto-int(offset) {
		return false
	}
	at, end := int(offset), int(offset)+len(b)
	if end > len(s.buf) {
		s.buf = append(s.buf, make([]byte, end-len(s.buf))...)
	}
	for len(s.have)*64 < len(s.buf) {
		s.have = append(s.have, 0)
	}
	for i, c := range b {
		if word, bit := &s.have[(at+i)/64], uint64(1)<<((at+i)%64); *word&bit == 0 {
			*word |= bit
			s.buf[at+i] = c
		}
	}
	for s.n < len(s.buf) && s.have[s.n/64]&(1<<(s.n%64)) != 0 {
		s.n++
	}
	return true
}

// message returns the handshake message that the stream begins with, without
// its header, once it is whole; whole is false while bytes are missing.
func (s *stream) message() (typ byte, body []byte, whole bool) {
	if s.n < 4 {
		return 0, nil, false
	}
	n := int(s.buf[1])<<16 | int(s.buf[2])<<8 | int(s.buf[3])
	if s.n < 4+n {
		return s.buf[0], nil, false
	}
	return s.buf[0], s.buf[4 : 4+n], true
}

// fault is what may be wrong with the frames of a packet.
type fault uint8

const (
	noFault fault = iota
	badFrame
	tooLong
)

// frames files the CRYPTO frames of an Initial packet (RFC 9000 §19.6).
func (s *stream) frames(b []byte) fault {
	for len(b) > 0 {
		typ := b[0]
		b = b[1:]
		var ok bool
		switch typ {
		case framePadding, framePing:
			continue
		case frameAck, frameAckECN:
			b, ok = skipAck(b, typ == frameAckECN)
		case frameCrypto:
			var offset, n uint64
			if offset, b, ok = varint(b); !ok {
				return badFrame
			}
			n, b, ok = varint(b)
			if ok = ok && n <= uint64(len(b)); ok {
				if !s.add(offset, b[:n]) {
					return tooLong
				}
				b = b[n:]
			}
		case frameClose:
			return noFault // nothing of use behind it
		}
		if !ok {
			return badFrame
		}
	}
	return noFault
}

// skipAck steps over an ACK frame (RFC 9000 §19.3).
func skipAck(b []byte, ecn bool) (rest []byte, ok bool) {
	var ranges uint64
	if _, b, ok = varint(b); !ok {
		return nil, false
	}
	if _, b, ok = varint(b); !ok {
		return nil, false
	}
	if ranges, b, ok = varint(b); !ok || ranges > uint64(len(b)) {
		return nil, false
	}
	n := 1 + 2*ranges
	if ecn {
		n += 3
	}
	for range n {
		if _, b, ok = varint(b); !ok {
			return nil, false
		}
	}
	return b, true
}
