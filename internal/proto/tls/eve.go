package tls

import (
	"strconv"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/asn1"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/x509"
)

// appendEVE appends the tls object in the extended form of Suricata 8.
func appendEVE(dst []byte, x proto.Tx, _ proto.LogBit) []byte {
	t := x.(*tx)
	dst = append(dst, '{')
	dst = jsonx.StringNotEmpty(dst, "from_proto", t.origin)
	server := &t.certs[proto.ToClient]
	dst = appendCert(dst, server)
	if t.resumed() {
		dst = jsonx.Bool(dst, "session_resumed", true)
	}
	dst = jsonx.StringNotEmpty(dst, "sni", t.sni)
	dst = appendVersion(append(jsonx.Key(dst, "version"), '"'), t.version())
	dst = append(dst, '"')
	dst = appendPrint(dst, "ja3", t.ja3Hash, t.ja3)
	dst = appendPrint(dst, "ja3s", t.ja3sHash, t.ja3s)
	dst = jsonx.StringNotEmpty(dst, "ja4", t.ja4EVE)
	dst = appendALPN(dst, "client_alpns", &t.client)
	dst = appendALPN(dst, "server_alpns", &t.server)
	if c := &t.certs[proto.ToServer]; c.count > 0 {
		dst = append(jsonx.Key(dst, "client"), '{')
		dst = append(appendCert(dst, c), '}')
	}
	return append(dst, '}')
}

// appendCert appends the fields of one side's certificate.
func appendCert(dst []byte, c *chain) []byte {
	dst = jsonx.StringNotEmpty(dst, "subject", c.leaf.Subject)
	dst = jsonx.StringNotEmpty(dst, "issuerdn", c.leaf.Issuer)
	if n := c.leaf.Names(); n > 0 {
		dst = append(jsonx.Key(dst, "subjectaltname"), '[')
		for i := range n {
			dst = jsonx.AppendString(jsonx.Comma(dst), c.leaf.Name(i))
		}
		dst = append(dst, ']')
	}
	dst = jsonx.StringNotEmpty(dst, "serial", c.leaf.Serial)
	dst = jsonx.StringNotEmpty(dst, "fingerprint", c.fingerprint)
	if c.leaf.Dated {
		dst = appendDate(dst, "notbefore", c.leaf.NotBefore)
		dst = appendDate(dst, "notafter", c.leaf.NotAfter)
	}
	return dst
}

func appendDate(dst []byte, key string, unix int64) []byte {
	dst = append(jsonx.Key(dst, key), '"')
	return append(asn1.AppendDate(dst, unix), '"')
}

func appendPrint(dst []byte, key string, hash, s []byte) []byte {
	if len(s) == 0 {
		return dst
	}
	dst = append(jsonx.Key(dst, key), '{')
	dst = jsonx.String(dst, "hash", hash)
	return append(jsonx.String(dst, "string", s), '}')
}

func appendALPN(dst []byte, key string, h *hello) []byte {
	name, rest, ok := tlshello.NextName(h.alpn)
	if !ok {
		return dst
	}
	dst = append(jsonx.Key(dst, key), '[')
	for ; ok; name, rest, ok = tlshello.NextName(rest) {
		dst = jsonx.AppendString(jsonx.Comma(dst), name)
	}
	return append(dst, ']')
}

// appendVersion appends Suricata's name of a protocol version.
func appendVersion(dst []byte, v uint16) []byte {
	switch {
	case v == 0:
		return append(dst, "UNDETERMINED"...)
	case v == tlshello.SSL20:
		return append(dst, "SSLv2"...)
	case v == tlshello.SSL30:
		return append(dst, "SSLv3"...)
	case v == tlshello.TLS10:
		return append(dst, "TLSv1"...)
	case v > tlshello.TLS10 && v <= tlshello.TLS13:
		return append(append(dst, "TLS 1."...), '0'+byte(v-tlshello.TLS10))
	case v == 0x7f01:
		return append(dst, "TLS 1.3 draft-<16"...)
	case v>>8 == 0x7f:
		return strconv.AppendUint(append(dst, "TLS 1.3 draft-"...), uint64(v&0xff), 10)
	case v>>8 == 0xfb:
		dst = strconv.AppendUint(append(dst, "TLS 1.3 draft-"...), uint64(v&0xff), 10)
		return append(dst, "-fb"...)
	}
	dst = append(dst, "0x"...)
	hex := [2]byte{byte(v >> 8), byte(v)}
	for _, c := range hex {
		dst = x509.AppendHex(dst, []byte{c}, false)
	}
	return dst
}
