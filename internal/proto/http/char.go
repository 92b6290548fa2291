package http

// Character classes and case-blind comparison; all ASCII.

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isBlank is libhtp's LWS: space and tab.
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// isFold reports whether c at the start of a line continues the header before.
func isFold(c byte) bool { return c == ' ' || c == '\t' || c == 0 }

// isToken is tchar of RFC 9110 §5.6.2.
func isToken(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', isDigit(c):
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func hexVal(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// equalFold compares without regard to ASCII case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

// equalLoose is equalFold that skips NULs in b; s is lower case. Servers in C
// end strings at NUL, others drop it: both readings find the word.
func equalLoose(b []byte, s string) bool {
	i := 0
	for _, c := range b {
		if c == 0 {
			continue
		}
		if i == len(s) || lower(c) != s[i] {
			return false
		}
		i++
	}
	return i == len(s)
}

// containsLoose reports whether b holds s (lower case) somewhere, without
// regard to case or NULs. It is linear for words without repeated prefixes,
// which is all that it is asked for.
func containsLoose(b []byte, s string) bool {
	i := 0
	for _, c := range b {
		if c == 0 {
			continue
		}
		switch c = lower(c); {
		case c == s[i]:
			i++
		case c == s[0]:
			i = 1
		default:
			i = 0
		}
		if i == len(s) {
			return true
		}
	}
	return false
}

// trimLeft drops leading white space and NULs.
func trimLeft(b []byte) []byte {
	for len(b) > 0 && (isSpace(b[0]) || b[0] == 0) {
		b = b[1:]
	}
	return b
}

// trimSpace drops white space and NULs at both ends.
func trimSpace(b []byte) []byte {
	b = trimLeft(b)
	for n := len(b); n > 0 && (isSpace(b[n-1]) || b[n-1] == 0); n-- {
		b = b[:n-1]
	}
	return b
}

// chomp drops CR and LF at the end.
func chomp(b []byte) []byte {
	for n := len(b); n > 0 && (b[n-1] == '\r' || b[n-1] == '\n'); n-- {
		b = b[:n-1]
	}
	return b
}

// parseUint reads decimal digits at the start of b and returns how many there
// were; a value beyond 2^62 saturates.
func parseUint(b []byte) (v uint64, n int) {
	const limit = 1 << 62
	for n < len(b) && isDigit(b[n]) {
		if v < limit/16 {
			v = v*10 + uint64(b[n]-'0')
		} else {
			v = limit
		}
		n++
	}
	return v, n
}
