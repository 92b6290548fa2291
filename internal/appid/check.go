package appid

// checkNamed returns a structural test of a message by the name that the
// catalogue uses, or nil. b is the beginning of the message, size its whole
// length.
func checkNamed(name string) func(b []byte, size int) bool {
	switch name {
	case "ber":
		return isBER
	case "printable":
		return isPrintable
	case "log":
		return isLog
	case "collectd":
		return isCollectd
	case "netflow5":
		return isNetFlow5
	}
	return nil
}

// isBER tells an ASN.1 value whose definite length is that of the message
// (X.690 §8.1.3).
func isBER(b []byte, size int) bool {
	if len(b) < 2 {
		return false
	}
	n := int(b[1])
	if n < 0x80 {
		return n+2 == size
	}
	n &= 0x7f
	if n < 1 || n > 4 || len(b) < 2+n {
		return false
	}
	v := 0
	for _, c := range b[2 : 2+n] {
		v = v<<8 | int(c)
	}
	return v+2+n == size
}

// isPrintable tells text: printable ASCII, tabs and line ends.
func isPrintable(b []byte, _ int) bool {
	for _, c := range b {
		if c != '\t' && c != '\r' && c != '\n' && (c < ' ' || c > '~') {
			return false
		}
	}
	return len(b) > 0
}

// isLog tells a line of a log: text that may be UTF-8 and end with a NUL.
func isLog(b []byte, _ int) bool {
	for i, c := range b {
		if c == 0 && i == len(b)-1 {
			return true
		}
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}

// isCollectd tells a message of collectd's binary protocol: parts of type,
// length and value, the first one the host name, ended by a NUL.
func isCollectd(b []byte, size int) bool {
	if len(b) < 8 {
		return false
	}
	end := int(b[2])<<8 | int(b[3])
	if end < 6 || end+4 > len(b) || b[end-1] != 0 || !isPrintable(b[4:end-1], 0) {
		return false
	}
	next := int(b[end+2])<<8 | int(b[end+3])
	return b[end] == 0 && next >= 5 && end+next <= size
}

// isNetFlow5 tells a NetFlow version 5 export: a header of 24 bytes and as many
// records of 48 bytes as it says.
func isNetFlow5(b []byte, size int) bool {
	if len(b) < 4 {
		return false
	}
	n := int(b[2])<<8 | int(b[3])
	return n >= 1 && n <= 30 && size == 24+48*n
}
