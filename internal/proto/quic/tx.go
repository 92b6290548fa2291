package quic

import (
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// tx is one packet: its version, and the hello that it made whole.
type tx struct {
	proto.TxBase
	dir     proto.Dir
	version version
	wire    [4]byte // the version as it was sent

	sni, ua, alpn []byte
	exts          []byte // the hello's extensions, whole ones only
	ja3, ja3Hash  []byte // of the server's hello: JA3S
	ja4           []byte // by its definition
	ja4EVE        []byte // by Suricata: what EVE and rules compare with
	cyu, cyuHash  []byte
}

// Base implements proto.Tx.
func (t *tx) Base() *proto.TxBase { return &t.TxBase }

// begin makes t the transaction of a packet.
func (t *tx) begin(d proto.Dir, v version) {
	t.dir, t.version = d, v
	binary.BigEndian.PutUint32(t.wire[:], uint32(v))
	t.Only = 1 << d
	t.Progress = [2]uint8{stateComplete, stateComplete}
	t.Done, t.LogReady = true, proto.LogRequest
	if d == proto.ToClient {
		t.LogReady = proto.LogResponse
	}
}

func (t *tx) reset() {
	t.ResetBase()
	if cap(t.exts)+cap(t.ja3)+cap(t.sni)+cap(t.cyu) > keepTx {
		*t = tx{TxBase: t.TxBase}
		return
	}
	*t = tx{
		TxBase: t.TxBase,
		sni:    t.sni[:0], ua: t.ua[:0], alpn: t.alpn[:0], exts: t.exts[:0],
		ja3: t.ja3[:0], ja3Hash: t.ja3Hash[:0], ja4: t.ja4[:0], ja4EVE: t.ja4EVE[:0],
		cyu: t.cyu[:0], cyuHash: t.cyuHash[:0],
	}
}

// Buffer implements proto.Tx.
func (t *tx) Buffer(id uint8, i int) (b []byte, ok bool) {
	if i != 0 {
		return nil, false
	}
	client := t.dir == proto.ToServer
	switch {
	case id == bufSNI:
		b = t.sni
	case id == bufUA:
		b = t.ua
	case id == bufVersion:
		b = t.wire[:]
	case id == bufCYUHash:
		b = t.cyuHash
	case id == bufCYUString:
		b = t.cyu
	case id == bufJA3Hash && client, id == bufJA3SHash && !client:
		b = t.ja3Hash
	case id == bufJA3String && client, id == bufJA3SString && !client:
		b = t.ja3
	case id == bufJA4:
		b = t.ja4EVE
	}
	return b, len(b) > 0
}

// SNI is the host name that the client asked for; empty without one. Like all
// accessors it borrows, until the parser's next call.
func SNI(x proto.Tx) []byte {
	if t, ok := x.(*tx); ok {
		return t.sni
	}
	return nil
}

// JA4 is the client's fingerprint by FoxIO's definition; empty before its
// hello.
func JA4(x proto.Tx) []byte {
	if t, ok := x.(*tx); ok {
		return t.ja4
	}
	return nil
}
