package detect

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// setType is the kind of values in a set: how they stand in files, and what of
// a buffer can be one.
type setType uint8

const (
	setNoType setType = iota
	setString
	setMD5
	setSHA256
	setIPv4
	setIP
)

func setTypeByName(name string) (setType, bool) {
	t, ok := map[string]setType{"string": setString, "md5": setMD5, "sha256": setSHA256, "ipv4": setIPv4, "ip": setIP}[name]
	return t, ok
}

// String returns the name in rules.
func (t setType) String() string {
	return [...]string{"no type", "string", "md5", "sha256", "ipv4", "ip"}[t]
}

// fits reports whether n bytes of a buffer can be in the set. Addresses are 4
// or 16 bytes, as ip.src and ip.dst have them.
func (t setType) fits(n int) bool {
	switch t {
	case setMD5:
		return n == 16
	case setSHA256:
		return n == 32
	case setIPv4:
		return n == 4
	case setIP:
		return n == 4 || n == 16
	}
	return n > 0
}

// line reads one line of a file: a value, perhaps with a number.
func (t setType) line(line string) (v []byte, rep uint16, numbered bool, err error) {
	text, num, numbered := strings.Cut(line, ",")
	if numbered {
		n, err := strconv.ParseUint(strings.TrimSpace(num), 10, 16)
		if err != nil {
			return nil, 0, true, fmt.Errorf("want a number from 0 to 65535, got %q", num)
		}
		rep = uint16(n)
	}
	v, err = t.value(strings.TrimSpace(text))
	return v, rep, numbered, err
}

// value reads a value as it stands in a file.
func (t setType) value(s string) ([]byte, error) {
	switch t {
	case setMD5, setSHA256:
		v, err := hex.DecodeString(s)
		if err != nil || !t.fits(len(v)) {
			return nil, fmt.Errorf("want %s in hexadecimal, got %q", t, s)
		}
		return v, nil
	case setIPv4, setIP:
		a, err := netip.ParseAddr(s)
		if a = a.Unmap(); err != nil || t == setIPv4 && !a.Is4() {
			return nil, fmt.Errorf("want an address of type %s, got %q", t, s)
		}
		return a.AsSlice(), nil
	}
	v, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(v) == 0 {
		return nil, fmt.Errorf("want base64, got %q", s)
	}
	return v, nil
}

// append prints a value as it stands in a file.
func (t setType) append(dst, v []byte) []byte {
	switch t {
	case setMD5, setSHA256:
		return hex.AppendEncode(dst, v)
	case setIPv4, setIP:
		if a, ok := netip.AddrFromSlice(v); ok {
			return a.AppendTo(dst)
		}
	}
	return base64.StdEncoding.AppendEncode(dst, v)
}
