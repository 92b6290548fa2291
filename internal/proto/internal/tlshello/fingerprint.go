package tlshello

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
)

const hex = "0123456789abcdef"

// AppendJA3 appends the JA3 string of a hello: version, ciphers, extensions,
// groups and point formats in decimals, reserved values left out (Salesforce's
// definition of 2017).
func AppendJA3(dst []byte, c *Client) []byte {
	dst = strconv.AppendUint(dst, uint64(c.Version), 10)
	dst = appendList(append(dst, ','), c.Ciphers)
	dst = appendExts(append(dst, ','), c.Exts)
	dst = appendList(append(dst, ','), c.Groups)
	dst = append(dst, ',')
	for i, f := range c.PointFormats {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = strconv.AppendUint(dst, uint64(f), 10)
	}
	return dst
}

// AppendJA3S appends the JA3S string: version, cipher, extensions.
func AppendJA3S(dst []byte, s *Server) []byte {
	dst = strconv.AppendUint(dst, uint64(s.Version), 10)
	dst = strconv.AppendUint(append(dst, ','), uint64(s.Cipher), 10)
	return appendExts(append(dst, ','), s.Exts)
}

// AppendMD5 appends the lower-case hex MD5 of s: the JA3 and HASSH hash.
func AppendMD5(dst, s []byte) []byte {
	sum := md5.Sum(s)
	for _, c := range sum {
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return dst
}

// appendList appends 16 bit values with dashes between them.
func appendList(dst, b []byte) []byte {
	start := len(dst)
	for ; len(b) >= 2; b = b[2:] {
		dst = appendDash(dst, start, binary.BigEndian.Uint16(b))
	}
	return dst
}

// appendExts is appendList for the types in an extensions block.
func appendExts(dst, b []byte) []byte {
	start := len(dst)
	for len(b) >= 4 {
		dst = appendDash(dst, start, binary.BigEndian.Uint16(b))
		b = nextExt(b)
	}
	return dst
}

func appendDash(dst []byte, start int, v uint16) []byte {
	if Grease(v) {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, '-')
	}
	return strconv.AppendUint(dst, uint64(v), 10)
}

// nextExt steps over one extension of a block of whole extensions.
func nextExt(b []byte) []byte {
	return b[min(len(b), 4+int(binary.BigEndian.Uint16(b[2:]))):]
}

// JA4Len is the length of a JA4 fingerprint in bytes.
const JA4Len = 36

// AppendJA4 appends the JA4 fingerprint of a hello (FoxIO's definition):
// transport is 't' for TCP, 'q' for QUIC, 'd' for DTLS.
func AppendJA4(dst []byte, c *Client, transport byte) []byte {
	return appendJA4(dst, c, transport, false)
}

// AppendJA4Suricata is AppendJA4 as Suricata 8 computes it, for EVE and rules:
// the two differ for hellos without signature algorithms, where the definition
// leaves the underscore before them out of the hash and Suricata does not.
func AppendJA4Suricata(dst []byte, c *Client, transport byte) []byte {
	return appendJA4(dst, c, transport, len(c.SigAlgs) == 0)
}

func appendJA4(dst []byte, c *Client, transport byte, underscore bool) []byte {
	dst = append(dst, transport)
	dst = appendJA4Version(dst, c)
	if c.HasSNI {
		dst = append(dst, 'd')
	} else {
		dst = append(dst, 'i')
	}
	var room [256]uint16
	values := room[:0]
	for b := c.Ciphers; len(b) >= 2; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); !Grease(v) {
			values = append(values, v)
		}
	}
	dst = appendCount(dst, len(values))
	nexts := 0
	for b := c.Exts; len(b) >= 4; b = nextExt(b) {
		if !Grease(binary.BigEndian.Uint16(b)) {
			nexts++
		}
	}
	dst = appendCount(dst, nexts)
	dst = append(appendJA4ALPN(dst, c.ALPN), '_')
	dst = append(appendJA4Hash(dst, values, nil, false), '_')
	values = values[:0]
	for b := c.Exts; len(b) >= 4; b = nextExt(b) {
		v := binary.BigEndian.Uint16(b)
		if !Grease(v) && v != extSNI && v != extALPN {
			values = append(values, v)
		}
	}
	return appendJA4Hash(dst, values, c.SigAlgs, underscore)
}

// appendJA4Version appends the highest version offered.
func appendJA4Version(dst []byte, c *Client) []byte {
	best := uint16(0)
	for b := c.SupportedVersions; len(b) >= 2; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); !Grease(v) {
			best = newer(best, v)
		}
	}
	if best == 0 {
		best = c.Version
	}
	switch best {
	case TLS13:
		return append(dst, "13"...)
	case TLS12:
		return append(dst, "12"...)
	case TLS11:
		return append(dst, "11"...)
	case TLS10:
		return append(dst, "10"...)
	case SSL30:
		return append(dst, "s3"...)
	case SSL20:
		return append(dst, "s2"...)
	case 0xfeff:
		return append(dst, "d1"...)
	case 0xfefd:
		return append(dst, "d2"...)
	case 0xfefc:
		return append(dst, "d3"...)
	}
	return append(dst, "00"...)
}

// newer is the later of two versions; those of DTLS count downwards.
func newer(a, b uint16) uint16 {
	if a == 0 {
		return b
	}
	if a>>8 == 0xfe && b>>8 == 0xfe {
		return min(a, b)
	}
	return max(a, b)
}

func appendCount(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, '0'+byte(n/10), '0'+byte(n%10))
}

// appendJA4ALPN appends the first and last character of the first protocol, or
// the first and last hex digit of a name that is not alphanumeric there.
func appendJA4ALPN(dst, list []byte) []byte {
	name, _, ok := NextName(list)
	if !ok || len(name) == 0 {
		return append(dst, '0', '0')
	}
	first, last := name[0], name[len(name)-1]
	if alphanumeric(first) && alphanumeric(last) {
		return append(dst, first, last)
	}
	return append(dst, hex[first>>4], hex[last&15])
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// appendJA4Hash appends the first twelve hex digits of the SHA-256 of values,
// sorted, and behind an underscore the list tail in its own order; underscore
// puts it there without a tail.
func appendJA4Hash(dst []byte, values []uint16, tail []byte, underscore bool) []byte {
	if len(values) == 0 {
		return append(dst, "000000000000"...)
	}
	slices.Sort(values)
	var room [2048]byte
	s := room[:0]
	for i, v := range values {
		if i > 0 {
			s = append(s, ',')
		}
		s = appendHex16(s, v)
	}
	sep := byte('_')
	for ; len(tail) >= 2; tail = tail[2:] {
		v := binary.BigEndian.Uint16(tail)
		if Grease(v) {
			continue
		}
		s = appendHex16(append(s, sep), v)
		sep = ','
	}
	if underscore {
		s = append(s, '_')
	}
	sum := sha256.Sum256(s)
	for _, c := range sum[:6] {
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return dst
}

func appendHex16(dst []byte, v uint16) []byte {
	return append(dst, hex[v>>12], hex[v>>8&15], hex[v>>4&15], hex[v&15])
}
