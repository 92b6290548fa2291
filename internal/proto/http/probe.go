package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// probe recognises HTTP/1 from the first bytes of one direction: a method and
// a blank from the client, "HTTP/" and a digit from the server.
func probe(d proto.Dir, b []byte) proto.Verdict {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	if len(b) == 0 {
		return proto.NeedMore
	}
	if d == proto.ToClient {
		return probeStatus(b)
	}
	for len(b) > 1 && isBlank(b[0]) {
		b = b[1:]
	}
	return probeRequest(b)
}

func probeStatus(b []byte) proto.Verdict {
	const want = "HTTP/"
	n := min(len(b), len(want))
	if !equalFold(b[:n], want[:n]) {
		return proto.Reject
	}
	if len(b) <= len(want) {
		return proto.NeedMore
	}
	if isDigit(b[len(want)]) {
		return proto.Accept
	}
	return proto.Reject
}

// maxMethod bounds a method's name while probing.
const maxMethod = 24

func probeRequest(b []byte) proto.Verdict {
	n := 0
	for n < len(b) && n < maxMethod && isToken(b[n]) {
		n++
	}
	if n == 0 || n == maxMethod {
		return proto.Reject
	}
	if n == len(b) {
		if methodPrefix(b) || n < 8 && isUpperToken(b) {
			return proto.NeedMore
		}
		return proto.Reject
	}
	if b[n] != ' ' && b[n] != '\t' {
		return proto.Reject
	}
	switch m := b[:n]; {
	case string(m) == "PRI": // RFC 9113 §3.4
		return proto.Reject
	case !isMethod(m) || shared(m):
		return probeLine(b)
	}
	return proto.Accept
}

// shared names the methods that other line protocols (SIP, RTSP, ICAP) use too.
func shared(m []byte) bool {
	switch string(m) {
	case "OPTIONS", "UPDATE", "NOTIFY", "SUBSCRIBE":
		return true
	}
	return false
}

// probeLine decides by the whole request line.
func probeLine(b []byte) proto.Verdict {
	eol := bytes.IndexByte(b, '\n')
	if eol < 0 {
		if len(b) >= proto.MaxProbe {
			return proto.Reject
		}
		return proto.NeedMore
	}
	line := bytes.TrimRight(b[:eol], " \t\r")
	i := bytes.LastIndexByte(line, ' ')
	if i > 0 && len(line)-i > 6 && equalFold(line[i+1:i+6], "HTTP/") {
		return proto.Accept
	}
	return proto.Reject
}

func isUpperToken(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return true
}

// isMethod reports whether m is a method of RFC 9110, WebDAV or UPnP.
func isMethod(m []byte) bool {
	switch string(m) {
	case "GET", "PUT", "POST", "HEAD", "TRACE", "OPTIONS", "CONNECT", "DELETE",
		"PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK",
		"UNLOCK", "VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN",
		"UPDATE", "LABEL", "REPORT", "MKWORKSPACE", "MKACTIVITY",
		"BASELINE-CONTROL", "MERGE", "SEARCH", "BIND", "ACL", "NOTIFY",
		"SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH", "PURGE", "BPROPFIND",
		"BITS_POST", "CCM_POST", "RPC_IN_DATA", "RPC_OUT_DATA", "INVALID":
		return true
	}
	return false
}

// methodPrefix reports whether b begins one of the longer methods.
func methodPrefix(b []byte) bool {
	for _, m := range [...]string{"PROPPATCH", "VERSION-CONTROL", "UNCHECKOUT",
		"MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "SUBSCRIBE",
		"UNSUBSCRIBE", "M-SEARCH", "BPROPFIND", "BITS_POST", "CCM_POST",
		"RPC_IN_DATA", "RPC_OUT_DATA", "PROPFIND", "CHECKOUT"} {
		if len(b) <= len(m) && string(b) == m[:len(b)] {
			return true
		}
	}
	return false
}
