// Package asn1 walks DER and definite-length BER, one element at a time.
//
// It owns the tag and length rules (X.690 §8.1) and the few primitive types
// that protocols print: object identifiers and times. It never copies, never
// recurses, never looks inside an element that is not asked for, and answers
// hostile input with ok == false.
package asn1

import "strconv"

// Class is the class of a tag.
type Class uint8

// Tag classes (X.690 §8.1.2.2).
const (
	Universal Class = iota
	Application
	Context
	Private
)

// Universal tag numbers that the callers meet.
const (
	Boolean         = 1
	Integer         = 2
	BitString       = 3
	OctetString     = 4
	Null            = 5
	OID             = 6
	Enumerated      = 10
	UTF8String      = 12
	Sequence        = 16
	Set             = 17
	NumericString   = 18
	PrintableString = 19
	TeletexString   = 20
	IA5String       = 22
	UTCTime         = 23
	GeneralizedTime = 24
	VisibleString   = 26
	UniversalString = 28
	BMPString       = 30
)

// Element is one tag, length and value; Body and Raw are slices of the input.
type Element struct {
	Class       Class
	Constructed bool
	Tag         uint32
	Body        []byte // the value
	Raw         []byte // tag and length included
}

// Is reports whether e is the universal type tag, constructed exactly when
// that type is.
func (e *Element) Is(tag uint32) bool {
	constructed := tag == Sequence || tag == Set
	return e.Class == Universal && e.Tag == tag && e.Constructed == constructed
}

// IsContext reports whether e carries the context-specific tag n.
func (e *Element) IsContext(n uint32) bool { return e.Class == Context && e.Tag == n }

// maxTag bounds multi-byte tag numbers; X.509 and LDAP use none above 30.
const maxTag = 1 << 21

// Next splits the first element off b. ok is false when b does not start with
// a whole element; an indefinite length is refused.
func Next(b []byte) (e Element, rest []byte, ok bool) {
	if len(b) < 2 {
		return e, nil, false
	}
	e.Class = Class(b[0] >> 6)
	e.Constructed = b[0]&0x20 != 0
	e.Tag = uint32(b[0] & 0x1f)
	i := 1
	if e.Tag == 0x1f {
		if e.Tag, i, ok = longTag(b); !ok {
			return e, nil, false
		}
	}
	n, i, ok := length(b, i)
	if !ok || n > len(b)-i {
		return e, nil, false
	}
	e.Body, e.Raw = b[i:i+n:i+n], b[:i+n:i+n]
	return e, b[i+n:], true
}

// longTag reads a tag number of 31 or more from b[1:] (X.690 §8.1.2.4).
func longTag(b []byte) (tag uint32, next int, ok bool) {
	for i := 1; i < len(b); i++ {
		tag = tag<<7 | uint32(b[i]&0x7f)
		if tag >= maxTag {
			return 0, 0, false
		}
		if b[i]&0x80 == 0 {
			return tag, i + 1, true
		}
	}
	return 0, 0, false
}

// length reads a definite length at b[i:] of at most four bytes.
func length(b []byte, i int) (n, next int, ok bool) {
	if i >= len(b) {
		return 0, 0, false
	}
	c := b[i]
	if c < 0x80 {
		return int(c), i + 1, true
	}
	size := int(c & 0x7f)
	if size == 0 || size > 4 || size > len(b)-i-1 {
		return 0, 0, false
	}
	var v uint64
	for _, c := range b[i+1 : i+1+size] {
		v = v<<8 | uint64(c)
	}
	if v > 1<<30 {
		return 0, 0, false
	}
	return int(v), i + 1 + size, true
}

// Expect is Next for an element that must be the universal type tag.
func Expect(b []byte, tag uint32) (body, rest []byte, ok bool) {
	e, rest, ok := Next(b)
	if !ok || !e.Is(tag) {
		return nil, nil, false
	}
	return e.Body, rest, true
}

// AppendOID appends an object identifier's value in dotted decimals. Arcs that
// don't fit 64 bits end it early.
func AppendOID(dst, body []byte) []byte {
	first := true
	var arc uint64
	for _, c := range body {
		if arc >= 1<<56 {
			return dst
		}
		arc = arc<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if first {
			top := min(arc/40, 2)
			dst = strconv.AppendUint(dst, top, 10)
			arc -= top * 40
			first = false
		}
		dst = append(dst, '.')
		dst = strconv.AppendUint(dst, arc, 10)
		arc = 0
	}
	return dst
}

// Time reads a UTCTime or GeneralizedTime (RFC 5280 §4.1.2.5) as seconds since
// 1970; years before that are negative. Both the Z and the offset forms are
// read, seconds may be left out, fractions are ignored.
func Time(e *Element) (unix int64, ok bool) {
	b := e.Body
	var year int
	switch {
	case e.Is(UTCTime):
		yy, ok := digits(b, 2)
		if !ok {
			return 0, false
		}
		year, b = 1900+yy, b[2:]
		if yy < 50 {
			year += 100
		}
	case e.Is(GeneralizedTime):
		if year, ok = digits(b, 4); !ok {
			return 0, false
		}
		b = b[4:]
	default:
		return 0, false
	}
	return clock(year, b)
}

// clock reads MMDDhhmm[ss[.f]] and the zone after the year.
func clock(year int, b []byte) (unix int64, ok bool) {
	var f [5]int // month, day, hour, minute, second
	for i := range f {
		v, ok := digits(b, 2)
		if !ok {
			if i == 4 {
				break
			}
			return 0, false
		}
		f[i], b = v, b[2:]
	}
	if f[0] < 1 || f[0] > 12 || f[1] < 1 || f[1] > 31 || f[2] > 23 || f[3] > 59 || f[4] > 60 {
		return 0, false
	}
	if len(b) > 0 && (b[0] == '.' || b[0] == ',') {
		for b = b[1:]; len(b) > 0 && b[0] >= '0' && b[0] <= '9'; {
			b = b[1:]
		}
	}
	unix = Days(year, f[0], f[1])*86400 + int64(f[2])*3600 + int64(f[3])*60 + int64(f[4])
	shift, ok := zone(b)
	return unix - shift, ok
}

// zone reads Z, +hhmm, -hhmm or nothing, as seconds east of Greenwich.
func zone(b []byte) (shift int64, ok bool) {
	if len(b) == 0 || len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) != 5 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, ok1 := digits(b[1:], 2)
	m, ok2 := digits(b[3:], 2)
	shift = int64(h)*3600 + int64(m)*60
	if b[0] == '-' {
		shift = -shift
	}
	return shift, ok1 && ok2 && h < 24 && m < 60
}

func digits(b []byte, n int) (v int, ok bool) {
	if len(b) < n {
		return 0, false
	}
	for _, c := range b[:n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// Days counts the days from 1970-01-01 to a date of the Gregorian calendar;
// a day past the month's end runs on into the next.
func Days(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	yoe := year - era*400
	doy := (153*(month-3)+2)/5 + day - 1
	return int64(era)*146097 + int64(yoe)*365 + int64(yoe/4-yoe/100+doy) - 719468
}

// AppendDate appends unix as "2006-01-02T15:04:05", EVE's form of a
// certificate's validity.
func AppendDate(dst []byte, unix int64) []byte {
	days := unix / 86400
	secs := unix % 86400
	if secs < 0 {
		days, secs = days-1, secs+86400
	}
	y, m, d := civil(days)
	dst = padded(dst, y, 4)
	dst = padded(append(dst, '-'), m, 2)
	dst = padded(append(dst, '-'), d, 2)
	dst = padded(append(dst, 'T'), int(secs/3600), 2)
	dst = padded(append(dst, ':'), int(secs/60%60), 2)
	return padded(append(dst, ':'), int(secs%60), 2)
}

// civil is the inverse of Days.
func civil(days int64) (year, month, day int) {
	z := days + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	year = int(yoe + era*400)
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, day
}

func padded(dst []byte, v, width int) []byte {
	var tmp [20]byte
	s := strconv.AppendInt(tmp[:0], int64(max(v, 0)), 10)
	for n := len(s); n < width; n++ {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}
