package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// salt is what a version mixes into its Initial secrets; "" when it is not
// known here.
func (v version) salt() string {
	n := v & 0xff
	switch {
	case v == version1, v>>8 == draft>>8 && (n == 33 || n == 34):
		// RFC 9001 §5.2
		return "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
	case v == version2:
		// RFC 9369 §3.3.1
		return "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
	case v>>8 == draft>>8 && n >= 29 && n <= 32:
		// draft-ietf-quic-tls-29 §5.2
		return "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
	case v>>8 == draft>>8 && n >= 23 && n <= 28, v>>8 == facebook>>8 && n >= 2:
		// draft-ietf-quic-tls-23 §5.2
		return "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
	case v>>8 == draft>>8 && n == 22, v>>8 == facebook>>8 && n == 1:
		// draft-ietf-quic-tls-22 §5.2
		return "\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
	}
	return ""
}

// sideKeys open the Initial packets of one direction.
type sideKeys struct {
	aead cipher.AEAD
	hp   cipher.Block
	iv   []byte
}

// keys are those of one connection attempt.
type keys struct {
	version version
	dcid    [maxID]byte
	ndcid   uint8
	secret  []byte
	sides   [2]*sideKeys // made when they are first asked for
}

// of reports whether the keys are those of a version and connection id.
func (k *keys) of(h *header) bool {
	return k.secret != nil && k.version == h.version && string(k.dcid[:k.ndcid]) == string(h.dcid)
}

// newKeys begins the keys for a client's Initial packet (RFC 9001 §5.2); ok is
// false for a version without a salt here.
func newKeys(h *header) (k keys, ok bool) {
	salt := h.version.salt()
	if salt == "" || len(h.dcid) > maxID {
		return k, false
	}
	k.version, k.ndcid = h.version, uint8(copy(k.dcid[:], h.dcid))
	secret, err := hkdf.Extract(sha256.New, h.dcid, []byte(salt))
	k.secret = secret
	return k, err == nil
}

// side returns the keys of one direction, nil when they can't be made.
func (k *keys) side(d proto.Dir) *sideKeys {
	if k.sides[d] != nil || k.secret == nil {
		return k.sides[d]
	}
	label, prefix := "client in", "quic "
	if d == proto.ToClient {
		label = "server in"
	}
	if k.version == version2 {
		prefix = "quicv2 " // RFC 9369 §3.3.2
	}
	secret := expandLabel(k.secret, label, sha256.Size)
	s := &sideKeys{iv: expandLabel(secret, prefix+"iv", 12)}
	block, err1 := aes.NewCipher(expandLabel(secret, prefix+"key", 16))
	hp, err2 := aes.NewCipher(expandLabel(secret, prefix+"hp", 16))
	if err1 != nil || err2 != nil {
		return nil
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil
	}
	s.aead, s.hp = aead, hp
	k.sides[d] = s
	return s
}

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
func expandLabel(secret []byte, label string, n int) []byte {
	info := string([]byte{byte(n >> 8), byte(n), byte(6 + len(label))}) + "tls13 " + label + "\x00"
	b, err := hkdf.Expand(sha256.New, secret, info, n)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return b
}

// scratch is the memory in which one packet is opened.
type scratch struct {
	head, plain []byte
	mask        [aes.BlockSize]byte
	nonce       [12]byte
}

// keepScratch bounds what a scratch holds on to between flows.
const keepScratch = 4 << 10

func (s *scratch) trim() {
	if cap(s.head)+cap(s.plain) > keepScratch {
		*s = scratch{}
	}
}

// open takes the protection off an Initial packet (RFC 9001 §5.3, §5.4) and
// returns its frames, which borrow from m; ok is false when the packet is not
// what these keys sealed. b begins at the packet's first byte. The packet number
// is taken as written: nobody sends as many Initial packets as it takes to
// shorten it.
func (k *sideKeys) open(m *scratch, h *header, b []byte) (frames []byte, ok bool) {
	if h.cut || h.length < minSealed {
		return nil, false
	}
	b = b[:h.size()]
	k.hp.Encrypt(m.mask[:], b[h.at+4:h.at+minSealed])
	first := b[0] ^ m.mask[0]&0x0f
	n := 1 + int(first&3)
	m.head = append(m.head[:0], b[:h.at+n]...)
	m.head[0] = first
	number := [4]byte{}
	for i := range n {
		m.head[h.at+i] ^= m.mask[1+i]
		number[4-n+i] = m.head[h.at+i]
	}
	copy(m.nonce[:], k.iv)
	tail := binary.BigEndian.Uint32(m.nonce[8:]) ^ binary.BigEndian.Uint32(number[:])
	binary.BigEndian.PutUint32(m.nonce[8:], tail)
	frames, err := k.aead.Open(m.plain[:0], m.nonce[:], b[h.at+n:], m.head)
	if err != nil {
		return nil, false
	}
	m.plain = frames
	return frames, true
}
