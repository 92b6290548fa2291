package quic

import (
	"encoding/binary"
	"strconv"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

// Extensions whose values are written (IANA).
const (
	extSNI      = 0
	extSigAlgs  = 13
	extALPN     = 16
	extVersions = 43
)

// maxValues bounds the values written of one extension.
const maxValues = 64

// appendEVE appends the quic object.
func appendEVE(dst []byte, x proto.Tx, _ proto.LogBit) []byte {
	t, ok := x.(*tx)
	if !ok {
		return append(dst, "{}"...)
	}
	dst = append(dst, '{')
	dst = append(jsonx.Key(dst, "version"), '"')
	dst = append(appendVersion(dst, t), '"')
	dst = jsonx.StringNotEmpty(dst, "sni", t.sni)
	dst = jsonx.StringNotEmpty(dst, "ua", t.ua)
	if len(t.cyu) > 0 {
		dst = append(jsonx.Key(dst, "cyu"), "[{"...)
		dst = jsonx.String(dst, "hash", t.cyuHash)
		dst = append(jsonx.String(dst, "string", t.cyu), "}]"...)
	}
	if len(t.ja3) > 0 {
		key := "ja3"
		if t.dir == proto.ToClient {
			key = "ja3s"
		}
		dst = append(jsonx.Key(dst, key), '{')
		dst = jsonx.String(dst, "hash", t.ja3Hash)
		dst = append(jsonx.String(dst, "string", t.ja3), '}')
	}
	dst = jsonx.StringNotEmpty(dst, "ja4", t.ja4EVE)
	return append(appendExtensions(dst, t), '}')
}

// appendVersion appends the version as Suricata writes it: Google's as text,
// "v2", others as a hexadecimal number.
func appendVersion(dst []byte, t *tx) []byte {
	switch {
	case t.version.google():
		return append(dst, t.wire[:]...)
	case t.version == version2:
		return append(dst, "v2"...)
	}
	return strconv.AppendUint(dst, uint64(t.version), 16)
}

func appendExtensions(dst []byte, t *tx) []byte {
	if len(t.exts) < 4 {
		return dst
	}
	dst = append(jsonx.Key(dst, "extensions"), '[')
	for b := t.exts; len(b) >= 4; {
		typ, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			break
		}
		dst = append(jsonx.Comma(dst), '{')
		dst = jsonx.StringNotEmpty(dst, "name", extensionName(typ))
		dst = jsonx.Uint(dst, "type", uint64(typ))
		dst = append(appendValues(dst, t, typ, b[4:4+n]), '}')
		b = b[4+n:]
	}
	return append(dst, ']')
}

// appendValues appends the values of the extensions that tell most.
func appendValues(dst []byte, t *tx, typ uint16, b []byte) []byte {
	mark := len(dst)
	dst = append(jsonx.Key(dst, "values"), '[')
	empty := len(dst)
	switch typ {
	case extSNI:
		if len(t.sni) > 0 {
			dst = jsonx.AppendString(dst, t.sni)
		}
	case extALPN:
		if len(b) > 2 {
			dst = appendNames(dst, b[2:])
		}
	case extSigAlgs:
		dst = appendNumbers(dst, b[min(len(b), 2):])
	case extVersions:
		if t.dir == proto.ToServer {
			b = b[min(len(b), 1):] // the list's length; a server names one
		}
		dst = appendVersions(dst, b)
	}
	if len(dst) == empty {
		return dst[:mark]
	}
	return append(dst, ']')
}

func appendNames(dst, list []byte) []byte {
	for range maxValues {
		name, rest, ok := tlshello.NextName(list)
		if !ok {
			break
		}
		dst = jsonx.AppendString(jsonx.Comma(dst), name)
		list = rest
	}
	return dst
}

func appendNumbers(dst, b []byte) []byte {
	for n := 0; len(b) >= 2 && n < maxValues; n, b = n+1, b[2:] {
		dst = append(jsonx.Comma(dst), '"')
		dst = strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(b)), 10)
		dst = append(dst, '"')
	}
	return dst
}

// appendVersions writes the versions of TLS as Suricata does.
func appendVersions(dst, b []byte) []byte {
	for n := 0; len(b) >= 2 && n < maxValues; n, b = n+1, b[2:] {
		v := binary.BigEndian.Uint16(b)
		dst = append(jsonx.Comma(dst), '"')
		if v >= tlshello.TLS10 && v <= tlshello.TLS13 {
			dst = append(append(dst, "Tls1"...), '0'+byte(v-tlshello.TLS10))
		} else {
			dst = strconv.AppendUint(append(dst, "TlsVersion("...), uint64(v), 10)
			dst = append(dst, " / 0x"...)
			for shift := 12; shift >= 0; shift -= 4 {
				dst = append(dst, "0123456789abcdef"[v>>shift&15])
			}
			dst = append(dst, ')')
		}
		dst = append(dst, '"')
	}
	return dst
}

// extensionName is IANA's name of an extension; "" for those that Suricata
// writes by number alone.
func extensionName(typ uint16) string {
	switch typ {
	case extSNI:
		return "server_name"
	case 1:
		return "max_fragment_length"
	case 5:
		return "status_request"
	case 10:
		return "supported_groups"
	case 11:
		return "ec_point_formats"
	case extSigAlgs:
		return "signature_algorithms"
	case extALPN:
		return "alpn"
	case 18:
		return "signed_certificate_timestamp"
	case 21:
		return "padding"
	case 22:
		return "encrypt_then_mac"
	case 23:
		return "extended_master_secret"
	case 27:
		return "compress_certificate"
	case 28:
		return "record_size_limit"
	case 34:
		return "delegated_credentials"
	case 35:
		return "session_ticket"
	case 41:
		return "pre_shared_key"
	case 42:
		return "early_data"
	case extVersions:
		return "supported_versions"
	case 44:
		return "cookie"
	case 45:
		return "psk_key_exchange_modes"
	case 50:
		return "signature_algorithms_cert"
	case 51:
		return "key_share"
	case 57:
		return "quic_transport_parameters"
	case 0xff01:
		return "renegotiation_info"
	}
	return ""
}
