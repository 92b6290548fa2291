// Package jsonx appends JSON to byte slices: what the EVE encoders are made of.
//
// Every function appends to dst and returns it, allocating nothing when dst
// has room. Objects are written as fields: each Field function writes a comma
// first unless dst ends with '{' or '['.
package jsonx

import (
	"strconv"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// Comma appends a comma unless dst ends with an opening bracket.
func Comma(dst []byte) []byte {
	if n := len(dst); n == 0 || dst[n-1] == '{' || dst[n-1] == '[' {
		return dst
	}
	return append(dst, ',')
}

// Key appends a separator when needed, then "name":. The name is not escaped:
// it must be a constant of the program.
func Key(dst []byte, name string) []byte {
	dst = append(Comma(dst), '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// String appends a field with a string value.
func String[T string | []byte](dst []byte, name string, v T) []byte {
	return AppendString(Key(dst, name), v)
}

// StringNotEmpty is String for values that are left out when empty.
func StringNotEmpty[T string | []byte](dst []byte, name string, v T) []byte {
	if len(v) == 0 {
		return dst
	}
	return AppendString(Key(dst, name), v)
}

// Uint appends a field with an unsigned value.
func Uint(dst []byte, name string, v uint64) []byte {
	return strconv.AppendUint(Key(dst, name), v, 10)
}

// Int appends a field with a signed value.
func Int(dst []byte, name string, v int64) []byte {
	return strconv.AppendInt(Key(dst, name), v, 10)
}

// Bool appends a field with a truth value.
func Bool(dst []byte, name string, v bool) []byte {
	return strconv.AppendBool(Key(dst, name), v)
}

// Hex appends a field with v in lower-case hexadecimal digits.
func Hex(dst []byte, name string, v []byte) []byte {
	dst = append(Key(dst, name), '"')
	for _, c := range v {
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return append(dst, '"')
}

// AppendString appends v as a JSON string. A value that is not UTF-8 is written
// as printable ASCII with every other byte as \xHH, as Suricata does, so that a
// record is always valid JSON and no byte is lost.
func AppendString[T string | []byte](dst []byte, v T) []byte {
	if !valid(v) {
		return appendBinary(dst, v)
	}
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < 0x20 || c == '"' || c == '\\' || c == 0x7f {
			dst = append(dst, v[start:i]...)
			dst = appendEscape(dst, c)
			start = i + 1
		}
	}
	dst = append(dst, v[start:]...)
	return append(dst, '"')
}

// AppendPrintable appends v as a JSON string with every byte that is not
// printable ASCII as a dot: EVE's payload_printable, line ends kept.
func AppendPrintable(dst, v []byte) []byte {
	dst = append(dst, '"')
	for _, c := range v {
		switch {
		case c == '\r' || c == '\n' || c == '"' || c == '\\':
			dst = appendEscape(dst, c)
		case c < 0x20 || c >= 0x7f:
			dst = append(dst, '.')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func valid[T string | []byte](v T) bool {
	for i := 0; i < len(v); i++ {
		if v[i] >= utf8.RuneSelf {
			return utf8.ValidString(string(v[i:]))
		}
	}
	return true
}

func appendBinary[T string | []byte](dst []byte, v T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			dst = appendEscape(dst, c)
		case c < 0x20 || c >= 0x7f:
			dst = append(dst, '\\', '\\', 'x', upper[c>>4], upper[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

const upper = "0123456789ABCDEF"

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
