package record

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// CommunityIDLen is the length of a version 1 community id.
const CommunityIDLen = len("1:") + 28

// CommunityID computes the community id (version 1, seed 0) of a flow, as the
// specification of Corelight's community-id-spec describes: SHA-1 over seed,
// the two ends in order, protocol, padding and ports. For ICMP pass type and
// its counterpart as ports.
func CommunityID(src, dst packet.Addr, srcPort, dstPort uint16, proto uint8) (id [CommunityIDLen]byte) {
	a, b := addrBytes(&src), addrBytes(&dst)
	if c := bytes.Compare(a, b); c > 0 || c == 0 && srcPort > dstPort {
		a, b, srcPort, dstPort = b, a, dstPort, srcPort
	}
	var buf [2 + 16 + 16 + 2 + 4]byte
	in := append(append(buf[:2], a...), b...)
	in = append(in, proto, 0)
	switch proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoICMP, packet.ProtoICMPv6:
		in = binary.BigEndian.AppendUint16(in, srcPort)
		in = binary.BigEndian.AppendUint16(in, dstPort)
	}
	sum := sha1.Sum(in)
	id[0], id[1] = '1', ':'
	base64.StdEncoding.Encode(id[2:], sum[:])
	return id
}

func addrBytes(a *packet.Addr) []byte {
	if a.Is4() {
		return a[12:]
	}
	return a[:]
}
