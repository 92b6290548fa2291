package quic

import (
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

const (
	// maxLive bounds the transactions that wait to be freed.
	maxLive = 64
	// maxPlain bounds the transactions of a direction that hold no hello.
	maxPlain = 16
	// maxKeys bounds how often keys are derived for a flow: once, and again
	// after a Retry, another version, or a new connection on the same ports.
	maxKeys = 8
	// maxSpare bounds the transactions kept between flows.
	maxSpare = 4
)

// Handshake message types (RFC 8446 §4).
const (
	msgClientHello = 1
	msgServerHello = 2
)

// side is one direction of the flow.
type side struct {
	crypto stream
	done   bool  // its hello is read, or can't be
	plain  uint8 // transactions without a hello
}

// parser follows one flow.
type parser struct {
	keys    keys
	derived uint8
	sides   [2]side
	mem     scratch
	nextID  uint64
	txs     []proto.Tx
	spare   []*tx
}

var _ proto.Parser = (*parser)(nil)

// Data implements proto.Parser: one datagram, in which packets may stand one
// behind the other (RFC 9000 §12.2).
func (p *parser) Data(d proto.Dir, b []byte) proto.Progress {
	n := len(b)
	if len(b) > 0 && b[0]&longForm == 0 {
		if h, ok := readPublic(b); ok && d == proto.ToServer {
			p.google(d, &h)
		}
		return proto.Progress{Used: n}
	}
	var last version
	for len(b) > 0 && b[0]&longForm != 0 {
		h, ok := readLong(b)
		if !ok {
			p.event(d, last, evErrorOnHeader)
			break
		}
		last = h.version
		p.packet(d, &h, b)
		b = b[min(h.size(), len(b)):]
	}
	return proto.Progress{Used: n}
}

// packet takes one packet with a long header.
func (p *parser) packet(d proto.Dir, h *header, b []byte) {
	switch {
	case h.version.open():
		p.google(d, h)
	case h.kind == kindInitial:
		p.initial(d, h, b)
	case h.kind == kindRetry, h.kind == kindNegotiation, p.sides[d].plain == 0:
		p.plain(d, h.version)
	}
}

// initial opens an Initial packet and reads what of the hello is in it.
func (p *parser) initial(d proto.Dir, h *header, b []byte) {
	s := &p.sides[d]
	frames, opened := p.open(d, h, b)
	switch {
	case s.done:
		return
	case !opened:
		p.sealed(d, h)
		return
	}
	switch s.crypto.frames(frames) {
	case badFrame:
		p.event(d, h.version, evErrorOnData)
		return
	case tooLong:
		p.event(d, h.version, evCryptoTooLong)
		s.done = true
		return
	}
	typ, body, whole := s.crypto.message()
	if !whole {
		p.plain(d, h.version)
		return
	}
	s.done = true
	t := p.add(d, h.version)
	if t == nil {
		return
	}
	if !t.hello(typ, body) {
		t.Events.Add(evErrorOnData)
	}
}

// open opens an Initial packet with the keys of the connection. A client's
// packet that they don't open may begin another attempt, whose keys come from
// its own connection id: after a Retry, with another version, or anew. So
// neither needs to be seen.
func (p *parser) open(d proto.Dir, h *header, b []byte) (frames []byte, ok bool) {
	if k := p.keys.side(d); k != nil && p.keys.version == h.version {
		if frames, ok = k.open(&p.mem, h, b); ok {
			return frames, true
		}
	}
	if d != proto.ToServer || h.cut || p.keys.of(h) || p.derived == maxKeys {
		return nil, false
	}
	p.derived++
	fresh, ok := newKeys(h)
	if !ok {
		return nil, false
	}
	k := fresh.side(d)
	if k == nil {
		return nil, false
	}
	if frames, ok = k.open(&p.mem, h, b); ok {
		p.keys = fresh
		for i := range p.sides {
			p.sides[i].crypto.reset()
			p.sides[i].done = false
		}
	}
	return frames, ok
}

// sealed notes an Initial packet that stays shut. That is no event where the
// keys were never to be had: a version that is not read, the server's side
// alone, a packet cut by the mirror.
func (p *parser) sealed(d proto.Dir, h *header) {
	if h.cut || h.version.salt() == "" || d == proto.ToClient && p.keys.secret == nil {
		p.plain(d, h.version)
		return
	}
	p.event(d, h.version, evFailedDecrypt)
}

// plain makes a transaction that tells the version alone.
func (p *parser) plain(d proto.Dir, v version) *tx {
	s := &p.sides[d]
	if s.done || s.plain == maxPlain {
		return nil
	}
	s.plain++
	return p.add(d, v)
}

func (p *parser) event(d proto.Dir, v version, e uint8) {
	if t := p.plain(d, v); t != nil {
		t.Events.Add(e)
	}
}

// add makes a transaction of one packet; nil when too many wait.
func (p *parser) add(d proto.Dir, v version) *tx {
	if len(p.txs) == maxLive {
		return nil
	}
	var t *tx
	if n := len(p.spare); n > 0 {
		t = p.spare[n-1]
		p.spare = p.spare[:n-1]
	} else {
		t = &tx{}
	}
	t.ID = p.nextID
	p.nextID++
	t.begin(d, v)
	p.txs = append(p.txs, t)
	return t
}

// Gap implements proto.Parser; datagrams have none.
func (p *parser) Gap(proto.Dir, int) bool { return true }

// Close implements proto.Parser: every transaction was whole when it was made.
func (p *parser) Close(proto.Dir) {}

// Txs implements proto.Parser.
func (p *parser) Txs() []proto.Tx { return p.txs }

// Free implements proto.Parser.
func (p *parser) Free(n int) {
	for _, x := range p.txs[:n] {
		if t, ok := x.(*tx); ok && len(p.spare) < maxSpare {
			t.reset()
			p.spare = append(p.spare, t)
		}
	}
	left := copy(p.txs, p.txs[n:])
	clear(p.txs[left:])
	p.txs = p.txs[:left]
}

// Reset implements proto.Parser.
func (p *parser) Reset() {
	p.Free(len(p.txs))
	p.keys, p.derived, p.nextID = keys{}, 0, 0
	p.mem.trim()
	for i := range p.sides {
		s := &p.sides[i]
		s.crypto.reset()
		s.done, s.plain = false, 0
	}
}

// hello reads a handshake message into the transaction; false when it is not
// the hello of its side.
func (t *tx) hello(typ byte, body []byte) bool {
	if t.dir == proto.ToServer {
		c, ok := tlshello.ViewClient(body, false)
		if typ != msgClientHello || !ok {
			return false
		}
		t.client(&c)
		return true
	}
	s, ok := tlshello.ViewServer(body)
	if typ != msgServerHello || !ok {
		return false
	}
	t.exts = append(t.exts, s.Exts...)
	t.ja3 = tlshello.AppendJA3S(t.ja3, &s)
	t.ja3Hash = tlshello.AppendMD5(t.ja3Hash, t.ja3)
	return true
}

// client keeps what a ClientHello says.
func (t *tx) client(c *tlshello.Client) {
	t.exts = append(t.exts, c.Exts...)
	t.sni = append(t.sni, c.SNI...)
	if name, _, ok := tlshello.NextName(c.ALPN); ok {
		t.alpn = append(t.alpn, name...)
	}
	t.ja3 = tlshello.AppendJA3(t.ja3, c)
	t.ja3Hash = tlshello.AppendMD5(t.ja3Hash, t.ja3)
	t.ja4 = tlshello.AppendJA4(t.ja4, c, 'q')
	t.ja4EVE = tlshello.AppendJA4Suricata(t.ja4EVE, c, 'q')
}
