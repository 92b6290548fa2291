package traffic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// QUIC version 1 (RFC 9000). Initial packets are sealed with keys that anyone
// can derive (RFC 9001 §5.2), so these are real; what follows is noise, as it
// is for every observer.

const (
	// datagram is the least size of one that carries an Initial (RFC 9000
	// §14.1), and of all full ones here.
	datagram = 1200
	// initialOver is what an Initial adds to its frames: header, with two
	// connection ids of 8 bytes, packet number and tag.
	initialOver = 1 + 4 + 9 + 9 + 1 + 2 + 4 + 16
)

// initialKeys protect the Initial packets of one side.
type initialKeys struct {
	aead   cipher.AEAD
	iv, hp []byte
}

// newInitialKeys derives the keys from the client's first destination
// connection id. The label is "client in" or "server in".
func newInitialKeys(dcid []byte, label string) (k initialKeys, err error) {
	salt := []byte{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
		0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}
	secret, err := hkdf.Extract(sha256.New, dcid, salt)
	if err != nil {
		return k, err
	}
	if secret, err = expandLabel(secret, label, 32); err != nil {
		return k, err
	}
	key, err := expandLabel(secret, "quic key", 16)
	if err != nil {
		return k, err
	}
	if k.iv, err = expandLabel(secret, "quic iv", 12); err != nil {
		return k, err
	}
	if k.hp, err = expandLabel(secret, "quic hp", 16); err != nil {
		return k, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return k, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
func expandLabel(secret []byte, label string, n int) ([]byte, error) {
	info := v8(be.AppendUint16(nil, uint16(n)), []byte("tls13 "+label))
	return hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
}

// varint2 is a two-byte variable-length integer (RFC 9000 §16).
func varint2(b []byte, v int) []byte { return be.AppendUint16(b, 0x4000|uint16(v)) }

// longHeader begins a long header packet (RFC 9000 §17.2).
func longHeader(first byte, dcid, scid []byte) []byte {
	return v8(v8([]byte{first, 0, 0, 0, 1}, dcid), scid)
}

// initial seals an Initial packet with a 4-byte packet number of 0.
func (k initialKeys) initial(dcid, scid, frames []byte) ([]byte, error) {
	h := append(longHeader(0xc3, dcid, scid), 0) // no token
	h = varint2(h, 4+len(frames)+k.aead.Overhead())
	at := len(h)
	h = append(h, 0, 0, 0, 0)
	// The nonce is the IV with the packet number, 0, mixed in.
	p := k.aead.Seal(h, k.iv, frames, h)
	block, err := aes.NewCipher(k.hp)
	if err != nil {
		return nil, err
	}
	// Header protection, RFC 9001 §5.4.
	var mask [16]byte
	block.Encrypt(mask[:], p[at+4:at+20])
	p[0] ^= mask[0] & 0x0f
	for i := range 4 {
		p[at+i] ^= mask[1+i]
	}
	return p, nil
}

// cryptoFrame appends a CRYPTO frame of handshake bytes and pads b to n bytes.
func cryptoFrame(b, hs []byte, n int) []byte {
	b = append(varint2(append(b, 0x06, 0), len(hs)), hs...)
	return append(b, make([]byte, max(0, n-len(b)))...)
}

// quic plays one connection: handshake, then datagrams of the sizes given.
// Were the keys not to be had, the datagrams after the handshake would stand
// alone, as in a capture that began late.
func (u *UDP) quic(sni string, down []int) {
	s := u.sc
	dcid, scid, server := s.bytes(8), s.bytes(8), s.bytes(8)
	p := browser()
	p.order = []uint16{extSNI, extGroups, extALPN, extSigs, extKeyShare, extPSKModes, extVersions, extQUIC}
	t := session{sni: sni, alpn: []string{"h3"}, version: tls13, client: p}
	hello := cryptoFrame(nil, s.hello(t, nil), datagram-initialOver)
	reply := cryptoFrame([]byte{0x02, 0, 0, 0, 0}, s.serverHello(t), 0) // ACK of packet 0
	ck, err1 := newInitialKeys(dcid, "client in")
	sk, err2 := newInitialKeys(dcid, "server in")
	if err1 == nil && err2 == nil {
		if b, err := ck.initial(dcid, scid, hello); err == nil {
			u.Client(b)
		}
		if b, err := sk.initial(scid, server, reply); err == nil {
			u.Server(s.handshake(b, scid, server, datagram-len(b)))
		}
	}
	u.Server(s.handshake(nil, scid, server, datagram))
	u.Client(s.handshake(nil, server, scid, 90))
	for _, n := range down {
		u.Client(s.short(server, 60))
		for ; n > 0; n -= datagram {
			u.Server(s.short(scid, min(n, datagram)))
		}
	}
}

// handshake appends a Handshake packet of n bytes in all; its content is noise.
func (s *Scene) handshake(b, dcid, scid []byte, n int) []byte {
	h := longHeader(0xe0|byte(s.rng.IntN(4)), dcid, scid)
	body := max(n-len(h)-2, 40)
	return append(append(b, varint2(h, body)...), s.bytes(body)...)
}

// short is a 1-RTT packet (RFC 9000 §17.3.1).
func (s *Scene) short(dcid []byte, n int) []byte {
	b := append([]byte{0x40 | byte(s.rng.IntN(64))}, dcid...)
	return append(b, s.bytes(max(n, 24))...)
}

func http3(s *Scene) {
	from := host(5, 15)
	name := pick(s, "www.google.com", "www.youtube.com", "www.cloudflare.com", "fonts.gstatic.com")
	to := s.resolve(from, name)
	s.UDP(s.client(from), at(to, 443)).quic(name, []int{6000, 2500})
}
