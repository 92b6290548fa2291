package tls

import (
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

// Record types (RFC 8446 §5.1, RFC 6520).
const (
	recordCCS       = 20
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
	recordHeartbeat = 24
)

const (
	recordHeader = 5
	// maxRecord is 2^14 and the 2,048 bytes that compression and a cipher may
	// add (RFC 5246 §6.2.3).
	maxRecord = 1<<14 + 2048
	// maxEmpty is how many empty records in a row are taken for an attack.
	maxEmpty = 255
	// keepBuffer bounds what a side's reassembly memory may hold on to between
	// flows.
	keepBuffer = 32 << 10
)

// framing is how a side cuts its stream.
type framing uint8

const (
	undecided framing = iota // before the first record, and after an SSLv2 hello
	records                  // SSLv3 and later
	sslv2                    // SSLv2 to the end
)

// side is one direction of the connection.
type side struct {
	framing framing
	hdr     [recordHeader]byte // a record header cut apart
	nhdr    uint8
	kind    byte   // type of the current record
	version uint16 // of the last record header
	left    int    // bytes of the current record still to come
	length  int    // of the current record
	empty   int    // empty records in a row

	first  [3]byte // first bytes of an alert or heartbeat
	nfirst uint8

	secret bool // this side's payload is ciphertext from here on
	stop   bool
	holes  bool // bytes are missing

	msg message
	v2  v2record
	// heartbeat is the record length of a heartbeat request that waits for
	// its response from the other side; 0 is none.
	heartbeat int
}

// parser follows one flow.
type parser struct {
	tx    tx
	list  [1]proto.Tx
	live  bool // tx is in use and not freed
	freed bool
	sides [2]side
	// retry: the server has asked for another ClientHello, so that plain
	// handshake messages follow its ChangeCipherSpec.
	retry  bool
	frames *proto.Frames
}

var _ proto.Parser = (*parser)(nil)

func newParser(*proto.Config) proto.Parser {
	p := &parser{}
	p.list[0] = &p.tx
	return p
}

// SetTime tells the parser the packets' clock, in seconds since 1970; the
// keywords tls_cert_expired and tls_cert_valid compare with it.
func (p *parser) SetTime(unix int64) { p.tx.now = unix }

// SetOrigin names the protocol that this connection was upgraded from, for
// EVE's from_proto. name is constant memory.
func (p *parser) SetOrigin(name string) { p.tx.origin = name }

// Data implements proto.Parser. It always takes everything: what must be kept
// of a record or message cut apart is kept here. Encrypted is said of the first
// bytes behind both handshakes, so that what ends them is still inspected as
// plain payload.
func (p *parser) Data(d proto.Dir, b []byte) proto.Progress {
	s := &p.sides[d]
	n, done := len(b), p.encrypted()
	p.live = p.live || n > 0 && !p.freed
	for len(b) > 0 && !s.stop {
		if s.left == 0 {
			b = b[p.header(d, s, b):]
			continue
		}
		take := min(s.left, len(b))
		p.body(d, s, b[:take])
		s.left -= take
		b = b[take:]
	}
	return proto.Progress{Used: n, Stop: s.stop, Encrypted: done}
}

func (p *parser) encrypted() bool { return p.sides[0].secret && p.sides[1].secret }

// header takes bytes of a record header and returns how many.
func (p *parser) header(d proto.Dir, s *side, b []byte) int {
	if s.nhdr == 0 && s.framing != records && !p.decide(d, s, b[0]) {
		return len(b)
	}
	if s.framing == sslv2 || s.v2.hello {
		return p.v2Header(d, s, b)
	}
	if s.nhdr == 0 && len(b) >= recordHeader {
		p.record(d, s, b[:recordHeader])
		p.tellFrames(d, s, len(b)-recordHeader)
		return recordHeader
	}
	n := copy(s.hdr[s.nhdr:], b)
	s.nhdr += uint8(n)
	if s.nhdr == recordHeader {
		s.nhdr = 0
		p.record(d, s, s.hdr[:])
		p.tellFrames(d, s, len(b)-n)
	}
	return n
}

// decide tells SSLv2 framing from TLS records by the first byte of a record.
func (p *parser) decide(d proto.Dir, s *side, c byte) bool {
	if s.framing == sslv2 {
		return true
	}
	s.v2.hello = false
	switch {
	case c >= recordCCS && c <= recordHeartbeat:
		s.framing = records
	case c&0x80 != 0 && !s.v2.seen:
		s.v2.hello, s.v2.seen = true, true
	default:
		p.fail(d, s, evInvalidTLSHeader)
		return false
	}
	return true
}

// fail sets the event and the general one, and gives up on the direction.
func (p *parser) fail(d proto.Dir, s *side, event uint8) {
	p.tx.Events.Add(event)
	p.tx.Events.Add(evInvalidSSLRecord)
	s.stop = true
	s.left = 0
}

// record begins a record.
func (p *parser) record(d proto.Dir, s *side, h []byte) {
	kind, version := h[0], uint16(h[1])<<8|uint16(h[2])
	n := int(h[3])<<8 | int(h[4])
	switch {
	case kind < recordCCS || kind > recordHeartbeat:
		p.fail(d, s, evInvalidRecordType)
		return
	case version == tlshello.SSL20 || !tlshello.KnownVersion(version):
		p.fail(d, s, evInvalidRecordVersion)
		return
	case n > maxRecord:
		p.fail(d, s, evInvalidRecordLength)
		return
	}
	s.kind, s.version, s.left, s.length, s.nfirst = kind, version, n, n, 0
	if n == 0 {
		if s.empty++; s.empty == maxEmpty {
			p.tx.Events.Add(evTooManyRecordsInPacket)
		}
		return
	}
	s.empty = 0
	p.tx.recordVersion(d, version)
	switch kind {
	case recordCCS, recordData:
		p.ciphertext(d, s)
	case recordHeartbeat:
		p.heartbeatRecord(d, s)
	}
}

// ciphertext notes ChangeCipherSpec or application data: the side's handshake
// is over. Behind a HelloRetryRequest the server's ChangeCipherSpec is only
// for show (RFC 8446 §D.4), its real hello is still to come.
func (p *parser) ciphertext(d proto.Dir, s *side) {
	if s.secret {
		return
	}
	if d == proto.ToClient {
		if p.retry {
			return
		}
		p.tx.advance(d, serverHandshakeDone)
		p.tx.changed = !s.holes
	} else {
		p.tx.advance(d, clientHandshakeDone)
	}
	s.secret = true
	p.tx.logWhenDone()
}

// body takes a piece of the current record.
func (p *parser) body(d proto.Dir, s *side, b []byte) {
	if s.framing == sslv2 || s.v2.hello {
		p.v2Body(d, s, b)
		return
	}
	switch s.kind {
	case recordHandshake:
		if !s.secret || p.retry {
			p.handshake(d, s, b)
		}
	case recordAlert, recordHeartbeat:
		if s.secret || s.nfirst == 3 {
			return
		}
		was := s.nfirst
		s.nfirst += uint8(copy(s.first[s.nfirst:], b))
		p.firstBytes(s, was)
	}
}

// firstBytes looks at an alert or plain heartbeat once enough of it is there.
func (p *parser) firstBytes(s *side, was uint8) {
	if s.kind == recordAlert {
		if was < 2 && s.nfirst >= 2 && (s.length != 2 || s.first[0] != 1 && s.first[0] != 2) {
			p.tx.Events.Add(evInvalidAlertMessage)
		}
		return
	}
	if was < 3 && s.nfirst == 3 {
		p.plainHeartbeat(s)
	}
}

// heartbeatRecord compares a response's size with its request's (RFC 6520):
// more bytes out than in is Heartbleed, CVE-2014-0160, seen through encryption
// too.
func (p *parser) heartbeatRecord(d proto.Dir, s *side) {
	p.tx.Events.Add(evHeartbeatMessage)
	other := &p.sides[1-d]
	if other.heartbeat == 0 {
		s.heartbeat = s.length
		return
	}
	if s.length > other.heartbeat {
		p.tx.Events.Add(evDataleakHeartbeatMismatch)
	}
	other.heartbeat = 0
}

// plainHeartbeat checks the payload length of a heartbeat that is not
// encrypted against its record; 16 bytes of padding are the least.
func (p *parser) plainHeartbeat(s *side) {
	n := int(s.first[1])<<8 | int(s.first[2])
	switch {
	case s.first[0] != 1 && s.first[0] != 2:
		p.tx.Events.Add(evInvalidHeartbeatMessage)
	case n+3 > s.length:
		p.tx.Events.Add(evOverflowHeartbeatMessage)
	case n+3+16 > s.length:
		p.tx.Events.Add(evInvalidHeartbeatMessage)
	}
}

// Gap implements proto.Parser: a gap inside a record is counted off, one that
// runs over its end loses the record boundaries.
func (p *parser) Gap(d proto.Dir, n int) bool {
	s := &p.sides[d]
	if s.stop {
		return false
	}
	s.holes = true
	if n > s.left || s.framing == sslv2 || s.v2.hello {
		s.stop = true
		// What follows a hello soon is ciphertext.
		s.secret = s.secret || p.tx.helloSeen()
		return false
	}
	if s.kind == recordHandshake && (!s.secret || p.retry) {
		s.msg.gap(n)
	}
	s.left -= n
	return true
}

// Close implements proto.Parser.
func (p *parser) Close(d proto.Dir) {
	p.sides[d].stop = true
	if !p.live {
		return
	}
	last := uint8(clientFinished)
	if d == proto.ToClient {
		last = serverFinished
	}
	p.tx.advance(d, last)
	p.tx.logWhenDone()
	p.tx.Done = p.sides[0].stop && p.sides[1].stop &&
		p.tx.Progress == [2]uint8{clientFinished, serverFinished}
}

// Txs implements proto.Parser.
func (p *parser) Txs() []proto.Tx {
	if !p.live {
		return nil
	}
	return p.list[:]
}

// Free implements proto.Parser.
func (p *parser) Free(n int) {
	if n > 0 && p.live {
		p.live, p.freed = false, true
	}
}

// Reset implements proto.Parser.
func (p *parser) Reset() {
	p.live, p.freed, p.retry = false, false, false
	p.tx.reset()
	for i := range p.sides {
		buf := p.sides[i].msg.buf[:0]
		if cap(buf) > keepBuffer {
			buf = nil
		}
		p.sides[i] = side{msg: message{buf: buf}}
	}
}
