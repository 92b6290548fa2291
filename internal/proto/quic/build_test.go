package quic

import (
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// The connection ids of the cases.
const (
	id1     = "\x83\x94\xc8\xf0\x3e\x51\x57\x08" // of RFC 9001, appendix A
	id2     = "retry-id"
	idMine  = "mine"
	idYours = "yours"
)

func vec(lenBytes int, parts ...string) string {
	body := ""
	for _, p := range parts {
		body += p
	}
	n := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	return string(n[4-lenBytes:]) + body
}

func ext(typ uint16, body string) string {
	return string(binary.BigEndian.AppendUint16(nil, typ)) + vec(2, body)
}

// clientHello is a ClientHello for a host name.
func clientHello(name string) string {
	exts := ext(0, vec(2, "\x00"+vec(2, name))) + ext(16, vec(2, vec(1, "h3"))) +
		ext(10, vec(2, "\x00\x1d\x00\x17")) + ext(13, vec(2, "\x04\x03\x08\x04")) +
		ext(43, vec(1, "\x0a\x0a\x03\x04")) + ext(51, vec(2, "\x00\x1d"+vec(2, string(make([]byte, 32))))) +
		ext(57, "\x01\x02\x67\x10") + ext(0x4469, "")
	return "\x01" + vec(3, "\x03\x03", string(make([]byte, 32)), vec(1), vec(2, "\x13\x01\x13\x02\x13\x03"),
		vec(1, "\x00"), vec(2, exts))
}

func serverHello() string {
	return "\x02" + vec(3, "\x03\x03", string(make([]byte, 32)), vec(1), "\x13\x01\x00",
		vec(2, ext(43, "\x03\x04")+ext(51, "\x00\x1d"+vec(2, string(make([]byte, 32))))))
}

// number writes a variable-length integer in four bytes.
func number(n int) string {
	return string(binary.BigEndian.AppendUint32(nil, 0x80000000|uint32(n)))
}

func crypto(offset int, b string) string { return "\x06" + number(offset) + number(len(b)) + b }

// packet is what a test puts on the wire.
type packet struct {
	version version
	dir     proto.Dir
	key     string // the connection id that the keys come from
	dcid    string
	frames  string
	token   string
	size    int // padded to, 0: as it is
}

func longHead(first byte, v version, dcid, scid string) string {
	return string([]byte{first}) + string(binary.BigEndian.AppendUint32(nil, uint32(v))) + vec(1, dcid) + vec(1, scid)
}

// seal makes an Initial packet with packet number 1 in two bytes.
func (p packet) seal(t testing.TB) []byte {
	k, ok := newKeys(&header{version: p.version, dcid: []byte(p.key)})
	if !ok {
		t.Fatalf("no keys for %x", p.version)
	}
	s := k.side(p.dir)
	first := byte(0xc1)
	if p.version == version2 {
		first = 0xd1
	}
	head := longHead(first, p.version, p.dcid, idMine) + vec(1, p.token)
	frames := p.frames + string(make([]byte, max(0, p.size-len(head)-4-2-16-len(p.frames))))
	b := append([]byte(head+number(2+len(frames)+16)), 0, 1)
	at := len(b) - 2
	nonce := slices.Clone(s.iv)
	nonce[11] ^= 1
	b = s.aead.Seal(b, nonce, []byte(frames), b)
	var mask [aes.BlockSize]byte
	s.hp.Encrypt(mask[:], b[at+4:at+20])
	b[0] ^= mask[0] & 0x0f
	b[at] ^= mask[1]
	b[at+1] ^= mask[2]
	return b
}

// first is a client's first datagram.
func first(t testing.TB, v version, dcid, frames string) []byte {
	return packet{version: v, dir: proto.ToServer, key: dcid, dcid: dcid, frames: frames, size: minDatagram}.seal(t)
}

// answer is a server's Initial.
func answer(t testing.TB, v version, key, frames string) []byte {
	return packet{version: v, dir: proto.ToClient, key: key, dcid: idMine, frames: frames}.seal(t)
}

func handshake(v version) string {
	return longHead(0xe1, v, idMine, idYours) + number(60) + string(make([]byte, 60))
}

// chlo is a message of Google's versions with three tags.
func chlo(name string) string {
	le := func(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	ua := "Agent/1"
	return "CHLO" + le(3) + "PAD\x00" + le(4) + "SNI\x00" + le(4+len(name)) + "UAID" + le(4+len(name)+len(ua)) +
		"----" + name + ua
}

const hash12 = "............"

// public is a first packet of Q043 and before.
func public(v, frames string) string {
	return "\x0d" + "12345678" + v + "\x01" + hash12 + frames
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
