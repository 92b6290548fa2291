package tls

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

// maxALPN bounds the protocol names kept of one list.
const maxALPN = 32

// hello is what both sides' hellos have in common.
type hello struct {
	seen    bool
	version uint16 // offered first, or chosen; the record's until then
	random  []byte
	session []byte
	alpn    []byte // lengths and names, at most maxALPN
}

func (h *hello) reset() {
	*h = hello{random: h.random[:0], session: h.session[:0], alpn: h.alpn[:0]}
}

func (h *hello) hello(version uint16, random, session, alpn []byte) {
	h.seen, h.version = true, version
	h.random = append(h.random[:0], random...)
	h.session = append(h.session[:0], session...)
	h.alpn = h.alpn[:0]
	for range maxALPN {
		name, rest, ok := tlshello.NextName(alpn)
		if !ok {
			break
		}
		h.alpn = append(h.alpn, alpn[:1+len(name)]...)
		alpn = rest
	}
}

// name is protocol name i of the list.
func (h *hello) name(i int) ([]byte, bool) {
	list := h.alpn
	for {
		name, rest, ok := tlshello.NextName(list)
		if !ok || i < 0 {
			return nil, false
		}
		if i == 0 {
			return name, true
		}
		i--
		list = rest
	}
}

// tx is the one transaction of a flow: the handshake.
type tx struct {
	proto.TxBase
	client, server hello
	certs          [2]chain // by the direction that they travel in
	sni            []byte
	ech            bool
	ticket         bool // the client showed a session ticket
	changed        bool // the server changed to ciphertext, nothing lost before
	cipher         uint16
	wantsCert      bool // the server asked for the client's certificate
	clientKey      bool
	serverKey      bool

	ja3, ja3Hash, ja3s, ja3sHash []byte

	ja4    []byte // by its definition
	ja4EVE []byte // by Suricata: what EVE and rules compare with

	now    int64  // packet time, seconds since 1970
	origin string // the protocol that was upgraded
}

// Base implements proto.Tx.
func (t *tx) Base() *proto.TxBase { return &t.TxBase }

func (t *tx) reset() {
	t.ResetBase()
	t.client.reset()
	t.server.reset()
	t.certs[0].reset()
	t.certs[1].reset()
	*t = tx{
		TxBase: t.TxBase, client: t.client, server: t.server, certs: t.certs,
		sni: t.sni[:0], ja3: t.ja3[:0], ja3Hash: t.ja3Hash[:0],
		ja3s: t.ja3s[:0], ja3sHash: t.ja3sHash[:0], ja4: t.ja4[:0], ja4EVE: t.ja4EVE[:0],
	}
}

// advance moves a direction's progress forward, never back.
func (t *tx) advance(d proto.Dir, to uint8) {
	t.Progress[d] = max(t.Progress[d], to)
}

// recordVersion notes the version of a record for a side whose hello has not
// been seen.
func (t *tx) recordVersion(d proto.Dir, v uint16) {
	h := t.side(d)
	if !h.seen {
		h.version = v
	}
}

func (t *tx) side(d proto.Dir) *hello {
	if d == proto.ToServer {
		return &t.client
	}
	return &t.server
}

func (t *tx) helloSeen() bool { return t.client.seen || t.server.seen }

// logWhenDone lets the record be written when nothing more will come of what
// is in it: the server's flight is over and no client certificate is awaited,
// or both handshakes are over, or the flow is.
func (t *tx) logWhenDone() {
	server := t.Progress[proto.ToClient]
	flight := server >= serverHelloDone && server < serverHandshakeDone && t.client.seen &&
		(!t.wantsCert || t.certs[proto.ToServer].seen)
	over := t.Progress[proto.ToServer] >= clientHandshakeDone && server >= serverHandshakeDone
	if t.helloSeen() && (flight || over) {
		t.LogReady |= proto.LogTx
	}
}

// resumed reports whether the session was resumed: no certificate was sent,
// and the server agreed to the client's session id or ticket (RFC 5246 §7.3,
// RFC 5077). TLS 1.3 does not show it.
func (t *tx) resumed() bool {
	if !t.server.seen || t.certs[proto.ToClient].seen ||
		t.server.version < tlshello.SSL30 || t.server.version >= tlshello.TLS13 {
		return false
	}
	same := len(t.client.session) > 0 && bytes.Equal(t.client.session, t.server.session)
	return same || t.ticket && t.changed
}

// version is the one that was chosen, while the server is silent the one that
// the client wants.
func (t *tx) version() uint16 {
	if t.server.version != 0 {
		return t.server.version
	}
	return t.client.version
}

// SNI is the host name that the client asked for; empty without one. Like all
// accessors it borrows, until the parser's next call.
func SNI(t proto.Tx) []byte {
	if t, ok := t.(*tx); ok {
		return t.sni
	}
	return nil
}

// ALPN is the first protocol name that the client offers, and the one that the
// server chose.
func ALPN(t proto.Tx) (client, server []byte) {
	if t, ok := t.(*tx); ok {
		client, _ = t.client.name(0)
		server, _ = t.server.name(0)
	}
	return client, server
}

// JA4 is the client's fingerprint by FoxIO's definition, which EVE's tls.ja4
// leaves in one case (tlshello.AppendJA4Suricata); empty before its hello.
func JA4(t proto.Tx) []byte {
	if t, ok := t.(*tx); ok {
		return t.ja4
	}
	return nil
}

// ECH reports whether the client offered encrypted_client_hello, or greased
// it: SNI is then the provider's public name.
func ECH(t proto.Tx) bool {
	x, ok := t.(*tx)
	return ok && x.ech
}

// CertSubjectCN is the last common name of the server certificate's subject.
func CertSubjectCN(t proto.Tx) []byte {
	if t, ok := t.(*tx); ok {
		return t.certs[proto.ToClient].leaf.CommonName()
	}
	return nil
}

// SAN is alternative name i of the server's certificate.
func SAN(t proto.Tx, i int) (name []byte, ok bool) {
	if t, isTLS := t.(*tx); isTLS {
		if c := &t.certs[proto.ToClient].leaf; i >= 0 && i < c.Names() {
			return c.Name(i), true
		}
	}
	return nil, false
}

// Version is the negotiated version as it stands in the hello (0x0303); while
// the server is silent the one that the client wants; 0 for neither.
func Version(t proto.Tx) uint16 {
	if t, ok := t.(*tx); ok {
		return t.version()
	}
	return 0
}
