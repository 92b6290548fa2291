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
	case "rtp":
		return isRTP
	case "rtcp":
		return isRTCP
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

// isRTP tells the fixed header of RTP (RFC 3550 §5.1): version 2 and a payload
// type of the audio and video profile (RFC 3551 §6) or a dynamic one.
func isRTP(b []byte, size int) bool {
	if size < 13 || len(b) < 12 || b[0]>>6 != 2 {
		return false
	}
	pt := b[1] & 0x7f
	return pt < 35 || pt >= 96
}

// isRTCP tells a compound RTCP packet (RFC 3550 §6.1): reports whose lengths
// lead from one to the next, up to the end of the datagram.
func isRTCP(b []byte, size int) bool {
	n, at := 0, 0
	for at < size && at+4 <= len(b) {
		if b[at]>>6 != 2 || b[at+1] < 200 || b[at+1] > 207 {
			return false
		}
		at += 4 + 4*(int(b[at+2])<<8|int(b[at+3]))
		n++
	}
	return at == size || at < size && n >= 2
}
