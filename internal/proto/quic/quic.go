// Package quic reads the handshake of QUIC: versions 1 (RFC 9000) and 2 (RFC
// 9369), the drafts 22 to 34 with Meta's spellings of them, and the CHLO of
// Google's versions Q024 to Q048.
//
// An Initial packet is sealed with keys that anyone can derive from the
// connection id in it (RFC 9001 §5.2); inside are the TLS hellos. It owns these
// keys, the CRYPTO frames put in order, the transactions (one a packet until
// the hello is whole, as in Suricata 8), the quic buffers, ja3 and ja4 of QUIC,
// and the EVE object quic. Behind the hellos it reads nothing: what follows is
// ciphertext. Of other versions it tells the version alone.
package quic

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Events, by Suricata's names.
const (
	evFailedDecrypt = iota
	evErrorOnData
	evErrorOnHeader
	evCryptoTooLong
)

// Progress of a packet's direction: it is whole when it is there.
const (
	stateStarted = iota
	stateComplete
)

// Buffer ids.
const (
	bufSNI = iota
	bufUA
	bufVersion
	bufCYUHash
	bufCYUString
	bufJA3Hash
	bufJA3String
	bufJA3SHash
	bufJA3SString
	bufJA4
)

// Descriptor describes QUIC.
func Descriptor() *proto.Descriptor {
	return &proto.Descriptor{
		Name: "quic", UDP: true, Ports: []uint16{443, 80, 853, 8443},
		Probe:   probe,
		New:     func(*proto.Config) proto.Parser { return &parser{} },
		Buffers: buffers(),
		States: [2][]string{
			proto.ToServer: {"request_started", "request_complete"},
			proto.ToClient: {"response_started", "response_complete"},
		},
		Events: []string{
			evFailedDecrypt: "failed_decrypt",
			evErrorOnData:   "error_on_data",
			evErrorOnHeader: "error_on_header",
			evCryptoTooLong: "crypto_frag_too_long",
		},
		EVE: "quic", AppendEVE: appendEVE,
		Identify: identify,
	}
}

func buffers() []proto.Buffer {
	mk := func(name string, dir proto.DirMask, aliases ...string) proto.Buffer {
		return proto.Buffer{Name: name, Aliases: aliases, Dir: dir, Progress: stateComplete}
	}
	return []proto.Buffer{
		bufSNI:        mk("quic.sni", proto.MaskServer),
		bufUA:         mk("quic.ua", proto.MaskServer),
		bufVersion:    mk("quic.version", proto.MaskBoth),
		bufCYUHash:    mk("quic.cyu.hash", proto.MaskServer),
		bufCYUString:  mk("quic.cyu.string", proto.MaskServer),
		bufJA3Hash:    mk("ja3.hash", proto.MaskServer, "ja3_hash"),
		bufJA3String:  mk("ja3.string", proto.MaskServer, "ja3_string"),
		bufJA3SHash:   mk("ja3s.hash", proto.MaskClient),
		bufJA3SString: mk("ja3s.string", proto.MaskClient),
		bufJA4:        mk("ja4.hash", proto.MaskServer, "ja4_hash"),
	}
}

// probe takes a long header of a version that is in use, with lengths that fit
// the datagram, or Google's public header with a version in it. A short header
// tells nothing (RFC 8999 §5.2).
func probe(d proto.Dir, b []byte) proto.Verdict {
	if len(b) == 0 || b[0]&longForm == 0 {
		_, ok := readPublic(b)
		return verdict(ok && d == proto.ToServer)
	}
	h, ok := readLong(b)
	switch {
	case !ok || h.kind == kindUnknown || b[0]&fixedBit == 0 && h.kind != kindNegotiation:
		return proto.Reject
	case h.kind == kindNegotiation:
		return verdict(knownList(h.rest))
	case h.kind == kindInitial && !h.version.open():
		return verdict(h.length >= minSealed && (!h.cut || len(b) >= minDatagram))
	}
	return verdict(len(h.rest) >= minSealed)
}

func verdict(ok bool) proto.Verdict {
	if ok {
		return proto.Accept
	}
	return proto.Reject
}

// identify tells the application classifier what a hello shows. The server's
// choice of ALPN is encrypted, so the client's first offer counts.
func identify(x proto.Tx, id *proto.Identity) {
	if t, ok := x.(*tx); ok {
		id.Hostname, id.ALPN, id.JA4, id.UserAgent = t.sni, t.alpn, t.ja4, t.ua
	}
}
