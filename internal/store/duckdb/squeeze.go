//go:build duckdb

package duckdb

import (
	"bytes"
	"net/netip"
	"strconv"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// The raw line is kept byte for byte, but not twice: where a value of the line
// is written just as its column would be, a mark stands in its place. Restoring
// needs the row's columns. Lines never contain the marks: they are control
// characters, which JSON escapes.
const (
	markFirst = 0x01 // the mark of markings()[0]
	markPlain = 0x1f // first byte of a line that is kept as it is
)

// marking is a value that a mark may stand for.
type marking struct {
	key    string // what stands before the value, quotes included
	column string
	write  func([]byte, *record.Entry) []byte
}

// markings are in the order in which the encoder writes the keys: the search
// for one begins where the one before was found. There are fewer than 30, and
// their order is part of the format of a part: new ones go to the end.
func markings() []marking {
	number := func(get func(*record.Entry) uint64) func([]byte, *record.Entry) []byte {
		return func(b []byte, e *record.Entry) []byte { return strconv.AppendUint(b, get(e), 10) }
	}
	text := func(get func(*record.Entry) string) func([]byte, *record.Entry) []byte {
		return func(b []byte, e *record.Entry) []byte { return append(b, get(e)...) }
	}
	return []marking{
		{`"timestamp":"`, timeColumn, func(b []byte, e *record.Entry) []byte { return appendTime(b, e.Time) }},
		{`"flow_id":`, "sessionid", number(func(e *record.Entry) uint64 { return e.FlowID })},
		{`"src_ip":"`, "addr_src", func(b []byte, e *record.Entry) []byte { return appendAddr(b, e.Src) }},
		{`"src_port":`, "port_src", number(func(e *record.Entry) uint64 { return uint64(e.SrcPort) })},
		{`"dest_ip":"`, "addr_dst", func(b []byte, e *record.Entry) []byte { return appendAddr(b, e.Dst) }},
		{`"dest_port":`, "port_dst", number(func(e *record.Entry) uint64 { return uint64(e.DstPort) })},
		{`"community_id":"`, "community_id", text(func(e *record.Entry) string { return e.CommunityID })},
		{`"url":"`, "misc", text(func(e *record.Entry) string { return e.URL })},
		{`"rrname":"`, "dns_query", text(func(e *record.Entry) string { return e.Query })},
		{`"sha256":"`, "filedigest", text(func(e *record.Entry) string { return e.FileDigest })},
		{`"pkts_toserver":`, "pkts_sent", number(func(e *record.Entry) uint64 { return e.PacketsSent })},
		{`"pkts_toclient":`, "pkts_received", number(func(e *record.Entry) uint64 { return e.PacketsReceived })},
		{`"bytes_toserver":`, "bytes_sent", number(func(e *record.Entry) uint64 { return e.BytesSent })},
		{`"bytes_toclient":`, "bytes_received", number(func(e *record.Entry) uint64 { return e.BytesReceived })},
		{`"start":"`, "start", func(b []byte, e *record.Entry) []byte { return appendTime(b, e.Start) }},
		// The end is the time of the record, mostly, and the age what lies between.
		{`"end":"`, timeColumn, func(b []byte, e *record.Entry) []byte { return appendTime(b, e.Time) }},
		{`"age":`, "elapsed", number(func(e *record.Entry) uint64 { return e.Elapsed })},
		{`"ja4":"`, "ja4", text(func(e *record.Entry) string { return e.JA4 })},
		{`"pcap_id":"`, "pcap_id", text(func(e *record.Entry) string { return e.PcapID })},
	}
}

const eveTime = "2006-01-02T15:04:05.000000+0000"

func appendTime(b []byte, t time.Time) []byte { return t.UTC().AppendFormat(b, eveTime) }

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	quoted := record.AppendAddr(nil, packet.Addr(a.As16()))
	return append(b, quoted[1:len(quoted)-1]...)
}

// squeeze appends the short form of e.Raw to dst.
func squeeze(dst []byte, e *record.Entry, marks []marking) []byte {
	raw, from := e.Raw, len(dst)
	if hasControl(raw) {
		return append(append(dst, markPlain), raw...)
	}
	var value [64]byte
	for i, m := range marks {
		at := bytes.Index(raw, []byte(m.key))
		if at < 0 {
			continue
		}
		at += len(m.key)
		v := m.write(value[:0], e)
		end := at + len(v)
		if len(v) == 0 || end >= len(raw) || !bytes.Equal(raw[at:end], v) {
			continue
		}
		if c := raw[end]; c != '"' && c != ',' && c != '}' { // a longer number
			continue
		}
		dst = append(append(dst, raw[:at]...), marker(i))
		raw = raw[end:]
	}
	if dst = append(dst, raw...); len(dst) == from {
		dst = append(dst, markPlain)
	}
	return dst
}

func hasControl(raw []byte) bool {
	for _, c := range raw {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' {
			return true
		}
	}
	return false
}

// marker skips the controls that may stand between lines.
func marker(i int) byte {
	m := byte(markFirst + i)
	for _, c := range []byte{'\t', '\n', '\r'} {
		if m >= c {
			m++
		}
	}
	return m
}

// restore appends the line that squeeze made short; e has the row's columns.
func restore(dst, short []byte, e *record.Entry, marks []marking) []byte {
	if len(short) > 0 && short[0] == markPlain {
		return append(dst, short[1:]...)
	}
	by := [markPlain]int{}
	for i := range marks {
		by[marker(i)] = i + 1
	}
	for _, c := range short {
		if c < markPlain && by[c] > 0 {
			dst = marks[by[c]-1].write(dst, e)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
