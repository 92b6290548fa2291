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
	case "gnutella2":
		return isGnutella2
	case "thrift":
		return isThrift
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

// isGnutella2 tells a datagram of Gnutella2 (g2.doxu.org, "UDP Transceiver"):
// GND, flags of which two are known, a sequence, part and count. An
// acknowledgement has count 0 and nothing more; the first part of a message that is
// not deflated begins with a packet of the network.
func isGnutella2(b []byte, size int) bool {
	if len(b) < 8 || string(b[:3]) != "GND" || b[3]&0x0c != 0 {
		return false
	}
	part, count := b[6], b[7]
	if count == 0 {
		return size == 8
	}
	if part == 0 || part > count || size == 8 {
		return false
	}
	return part > 1 || b[3]&1 != 0 || isG2Packet(b[8:], size-8, count == 1)
}

// isG2Packet tells a packet of Gnutella2 ("Packet Structure"): a control byte
// with the sizes of length and name, a little-endian length, and a name in
// capitals. all: the packet fills size.
func isG2Packet(b []byte, size int, all bool) bool {
	if len(b) == 0 {
		return false
	}
	lengths, name := int(b[0]>>6), int(b[0]>>3&7)+1
	if len(b) < 1+lengths+name {
		return false
	}
	n := 0
	for i, c := range b[1 : 1+lengths] {
		n |= int(c) << (8 * i)
	}
	for _, c := range b[1+lengths : 1+lengths+name] {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return !all || 1+lengths+name+n == size
}

// isThrift tells a message of Thrift's compact protocol (the project's
// "Thrift compact protocol encoding"): protocol 0x82, version 1 and a message
// type, a sequence number, and the name of the method.
func isThrift(b []byte, size int) bool {
	if len(b) < 4 || b[0] != 0x82 || b[1]&0x1f != 1 || b[1]>>5 < 1 || b[1]>>5 > 4 {
		return false
	}
	at := 2
	for at < min(len(b), 7) && b[at]&0x80 != 0 {
		at++ // the sequence number, of at most 5 bytes
	}
	at++
	if at >= len(b) {
		return false
	}
	n := int(b[at])
	at++
	if n == 0 || n > 64 || at+n > len(b) || at+n >= size {
		return false
	}
	for _, c := range b[at : at+n] {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != ':' && c != '.' {
			return false
		}
	}
	return true
}
