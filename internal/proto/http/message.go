package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Bounds of one message's head.
const (
	maxHead        = 64 << 10 // start line and headers, and again for trailers
	maxHeaders     = 1024
	maxRepetitions = 64 // repeated headers kept, as in libhtp
)

// span is a piece of a buffer.
type span struct{ off, end int }

func (s span) of(b []byte) []byte { return b[s.off:s.end] }

// Header names that the parser itself reads.
const (
	hOther uint8 = iota
	hHost
	hUserAgent
	hReferer
	hCookie
	hSetCookie
	hAccept
	hAcceptEncoding
	hAcceptLanguage
	hConnection
	hContentLength
	hContentType
	hContentEncoding
	hContentDisposition
	hContentRange
	hTransferEncoding
	hLocation
	hServer
	hUpgrade
	hAuthorization
	numHeaderIDs
)

// headerID names a header; name may hold NULs, which do not count.
func headerID(name []byte) uint8 {
	for id, s := range [...]string{
		hHost: "host", hUserAgent: "user-agent", hReferer: "referer",
		hCookie: "cookie", hSetCookie: "set-cookie", hAccept: "accept",
		hAcceptEncoding: "accept-encoding", hAcceptLanguage: "accept-language",
		hConnection: "connection", hContentLength: "content-length",
		hContentType: "content-type", hContentEncoding: "content-encoding",
		hContentDisposition: "content-disposition", hContentRange: "content-range",
		hTransferEncoding: "transfer-encoding", hLocation: "location",
		hServer: "server", hUpgrade: "upgrade", hAuthorization: "authorization",
	} {
		if s != "" && len(name) >= len(s) && equalLoose(name, s) {
			return uint8(id)
		}
	}
	return hOther
}

// header is one occurrence of a header; spans are in message.text.
type header struct {
	name, value span
	hash        uint32 // of the name without case
	id          uint8
	whole       span   // value with its repetitions, in cache[cNorm]
	again       bool   // a repetition of an earlier one
	next        uint16 // the next occurrence, 0 when none
	last        uint16 // on a first occurrence: the last one
}

// message is one direction of a transaction.
type message struct {
	raw     []byte // start line and header lines as on the wire
	line    span   // start line in raw, without its end
	head    span   // header lines in raw, with the empty one
	text    []byte // names and values, trimmed and unfolded
	headers []header
	index   [numHeaderIDs]uint16 // 1 + the first occurrence
	repeats int

	seen   bool // any byte of it
	proto  span // protocol in raw ("HTTP/1.1")
	minor  int8 // 9 for 0.9, 10, 11, -1 when unknown
	body   body
	files  int // files opened so far in this direction
	cached uint32
	cache  [numCached][]byte
	starts []int // of each header in cache[cNorm]
}

// reset clears m and keeps its memory.
func (m *message) reset() {
	cache := m.cache
	b := m.body
	b.reset()
	*m = message{
		raw: m.raw[:0], text: m.text[:0], headers: m.headers[:0],
		starts: m.starts[:0], body: b, cache: cache,
	}
}

// resetHead forgets an interim response (100) and keeps what was counted.
func (m *message) resetHead() {
	m.raw, m.text, m.headers = m.raw[:0], m.text[:0], m.headers[:0]
	m.repeats, m.cached = 0, 0
	m.line, m.head, m.proto = span{}, span{}, span{}
	m.index = [numHeaderIDs]uint16{}
}

func hashName(b []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range b {
		if c != 0 {
			h = (h ^ uint32(lower(c))) * 16777619
		}
	}
	return h
}

// addHeader keeps a header line whose end is already cut off.
func (m *message) addHeader(tx *tx, d proto.Dir, line []byte) {
	if len(m.headers) >= maxHeaders {
		tx.Events.Add(either(d, evReqTooManyHeaders, evResTooManyHeaders))
		return
	}
	name, value := splitHeader(tx, d, line)
	h := header{hash: hashName(name), id: headerID(name)}
	first := m.find(h.id, h.hash, name)
	if first >= 0 {
		tx.Events.Add(either(d, evReqRepetition, evResRepetition))
		if m.repeats++; m.repeats > maxRepetitions {
			return
		}
		h.again = true
	}
	h.name = m.keep(name)
	h.value = m.keep(value)
	m.headers = append(m.headers, h)
	m.cached = 0
	n := uint16(len(m.headers) - 1)
	if first < 0 {
		m.headers[n].last = n
		if h.id != hOther {
			m.index[h.id] = n + 1
		}
		return
	}
	m.headers[m.headers[first].last].next = n
	m.headers[first].last = n
}

// splitHeader cuts a line at its colon. Without a colon the whole line is the
// value of a nameless header.
func splitHeader(tx *tx, d proto.Dir, line []byte) (name, value []byte) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		tx.Events.Add(either(d, evReqNoColon, evResNoColon))
		return nil, trimSpace(line)
	}
	name = trimSpace(line[:colon])
	if len(name) != colon || len(name) == 0 || !allToken(name) {
		tx.Events.Add(either(d, evReqHeaderInvalid, evResHeaderInvalid))
	}
	value = line[colon+1:]
	for len(value) > 0 && isBlank(value[0]) {
		value = value[1:]
	}
	for n := len(value); n > 0 && isSpace(value[n-1]); n-- {
		value = value[:n-1]
	}
	return name, value
}

func allToken(b []byte) bool {
	for _, c := range b {
		if !isToken(c) {
			return false
		}
	}
	return true
}

func (m *message) keep(b []byte) span {
	n := len(m.text)
	m.text = append(m.text, b...)
	return span{n, len(m.text)}
}

// find returns the first occurrence of a header, or -1. It compares at most
// maxHeaders hashes.
func (m *message) find(id uint8, hash uint32, name []byte) int {
	if id != hOther {
		return int(m.index[id]) - 1
	}
	for i := range m.headers {
		h := &m.headers[i]
		if h.hash == hash && !h.again && h.id == hOther &&
			bytes.EqualFold(h.name.of(m.text), name) {
			return i
		}
	}
	return -1
}

// has reports whether header id is there.
func (m *message) has(id uint8) bool { return m.index[id] != 0 }

// value returns header id's value, repetitions joined by ", ".
func (m *message) value(id uint8) []byte {
	if m.index[id] == 0 {
		return nil
	}
	return m.joined(int(m.index[id]) - 1)
}

// joined returns the value of the header first seen at i, repetitions joined.
// A repeated Content-Length keeps its first value, as in libhtp.
func (m *message) joined(i int) []byte {
	h := &m.headers[i]
	if h.next == 0 || h.id == hContentLength {
		return h.value.of(m.text)
	}
	b := m.all()
	return h.whole.of(b)
}

func (m *message) appendJoined(dst []byte, i int) []byte {
	h := &m.headers[i]
	dst = append(dst, h.value.of(m.text)...)
	if h.id == hContentLength {
		return dst
	}
	for n := h.next; n != 0; n = h.next {
		h = &m.headers[n]
		dst = append(dst, ", "...)
		dst = append(dst, h.value.of(m.text)...)
	}
	return dst
}
