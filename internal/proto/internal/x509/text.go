package x509

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mirrorwall/mirrorwall/internal/proto/internal/asn1"
)

// appendType appends the short name of an attribute type, or its identifier in
// dots when it has none.
func appendType(dst, id []byte) []byte {
	if len(id) == 3 && id[0] == 0x55 && id[1] == 4 {
		if s := x520(id[2]); s != "" {
			return append(dst, s...)
		}
	}
	switch string(id) {
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01": // 1.2.840.113549.1.9.1
		return append(dst, "emailAddress"...)
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02":
		return append(dst, "unstructuredName"...)
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08":
		return append(dst, "unstructuredAddress"...)
	case "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19": // 0.9.2342.19200300.100.1.25
		return append(dst, "DC"...)
	case "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01":
		return append(dst, "UID"...)
	case "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01": // 1.3.6.1.4.1.311.60.2.1
		return append(dst, "jurisdictionL"...)
	case "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02":
		return append(dst, "jurisdictionST"...)
	case "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03":
		return append(dst, "jurisdictionC"...)
	}
	return asn1.AppendOID(dst, id)
}

// x520 names the attribute types of X.520 below 2.5.4.
func x520(n byte) string {
	switch n {
	case 3:
		return "CN"
	case 4:
		return "SN"
	case 5:
		return "serialNumber"
	case 6:
		return "C"
	case 7:
		return "L"
	case 8:
		return "ST"
	case 9:
		return "street"
	case 10:
		return "O"
	case 11:
		return "OU"
	case 12:
		return "title"
	case 13:
		return "description"
	case 15:
		return "businessCategory"
	case 17:
		return "postalCode"
	case 41:
		return "name"
	case 42:
		return "GN"
	case 43:
		return "initials"
	case 44:
		return "generationQualifier"
	case 46:
		return "dnQualifier"
	case 65:
		return "pseudonym"
	case 97:
		return "organizationIdentifier"
	}
	return ""
}

func appendUTF16(dst, b []byte) []byte {
	for ; len(b) >= 2; b = b[2:] {
		r := rune(b[0])<<8 | rune(b[1])
		if utf16.IsSurrogate(r) && len(b) >= 4 {
			if pair := utf16.DecodeRune(r, rune(b[2])<<8|rune(b[3])); pair != utf8.RuneError {
				r, b = pair, b[2:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func appendUTF32(dst, b []byte) []byte {
	for ; len(b) >= 4; b = b[4:] {
		r := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		if r > utf8.MaxRune {
			r = utf8.RuneError
		}
		dst = utf8.AppendRune(dst, rune(r))
	}
	return dst
}

// appendHash appends '#' and the element in hex, a type without text.
func appendHash(dst []byte, e *asn1.Element) []byte {
	dst = append(dst, '#')
	for _, c := range e.Raw[:min(len(e.Raw), maxText/4)] {
		dst = append(dst, lower[c>>4], lower[c&15])
	}
	return dst
}

const (
	lower = "0123456789abcdef"
	upper = "0123456789ABCDEF"
)

// AppendHex appends b as hex pairs with colons between them, EVE's form of
// serial numbers (upper case) and fingerprints (lower case).
func AppendHex(dst, b []byte, upperCase bool) []byte {
	hex := lower
	if upperCase {
		hex = upper
	}
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return dst
}
