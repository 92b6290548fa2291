package dns

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// maxEVE bounds one object: 64 KiB on the wire may print as megabytes.
const maxEVE = 128 << 10

// flagName is EVE's name of a header flag.
func flagName(f uint16) string {
	switch f {
	case flagQR:
		return "qr"
	case flagAA:
		return "aa"
	case flagTC:
		return "tc"
	case flagRD:
		return "rd"
	case flagRA:
		return "ra"
	case flagZ:
		return "z"
	case flagAD:
		return "ad"
	case flagCD:
		return "cd"
	}
	return ""
}

// appendEVE writes the dns object, version 3. Alerts hold the same object
// without the grouped answers.
func appendEVE(dst []byte, tx proto.Tx, which proto.LogBit) []byte {
	t, ok := tx.(*Tx)
	if !ok {
		return append(dst, "{}"...)
	}
	w := writer{t: t, limit: len(dst) + maxEVE}
	dst = append(dst, `{"version":3`...)
	dst = jsonx.String(dst, "type", typeWord(t))
	dst = jsonx.Uint(dst, "tx_id", t.ID)
	dst = jsonx.Uint(dst, "id", uint64(t.head.id))
	dst = append(jsonx.Key(dst, "flags"), '"')
	dst = append(strconv.AppendUint(dst, uint64(t.head.flags), 16), '"')
	for f := uint16(flagQR); f >= flagZ; f >>= 1 {
		if s := flagName(f); s != "" && t.head.flags&f != 0 {
			dst = jsonx.Bool(dst, s, true)
		}
	}
	dst = jsonx.Uint(dst, "opcode", uint64(t.head.opcode()))
	dst = append(jsonx.Key(dst, "rcode"), '"')
	dst = append(appendRcode(dst, t.head.rcode()), '"')
	dst = w.questions(dst, false)
	dst = w.list(dst, "answers", secAnswer)
	if which != proto.LogAlert {
		dst = w.grouped(dst)
	}
	dst = w.list(dst, "authorities", secAuthority)
	dst = w.list(dst, "additionals", secAdditional)
	return append(dst, '}')
}

func typeWord(t *Tx) string {
	if t.isResponse() {
		return "response"
	}
	return "request"
}

// writer prints one transaction; limit is where dst is long enough.
type writer struct {
	t     *Tx
	limit int
}

func (w *writer) full(dst []byte) bool { return len(dst) > w.limit }

// questions writes the question section; small asks for the types' names in
// small letters, as mdns records have them.
func (w *writer) questions(dst []byte, small bool) []byte {
	rs := w.t.section(secQuery)
	if len(rs) == 0 {
		return dst
	}
	dst = append(jsonx.Key(dst, "queries"), '[')
	for i := range rs {
		if w.full(dst) {
			break
		}
		dst = append(jsonx.Comma(dst), '{')
		dst = w.name(dst, "rrname", rs[i].name)
		dst = append(jsonx.Key(dst, "rrtype"), '"')
		from := len(dst)
		dst = appendType(dst, rs[i].typ)
		if small {
			lower(dst[from:])
		}
		dst = append(dst, '"', '}')
	}
	return append(dst, ']')
}

// name writes a name's field and says when it was cut.
func (w *writer) name(dst []byte, key string, n name) []byte {
	dst = appendText(jsonx.Key(dst, key), w.t.bytes(n.span))
	if n.flags&nameTruncated == 0 {
		return dst
	}
	switch key {
	case "rrname":
		return jsonx.Bool(dst, "rrname_truncated", true)
	case "mname":
		return jsonx.Bool(dst, "mname_truncated", true)
	}
	return dst
}

// list writes a section's records; an empty OPT is no record to speak of.
func (w *writer) list(dst []byte, key string, section int) []byte {
	mark := len(dst)
	dst = append(jsonx.Key(dst, key), '[')
	empty := len(dst)
	rs := w.t.section(section)
	for i := range rs {
		r := &rs[i]
		if w.full(dst) {
			break
		}
		if r.typ == typeOPT && r.data.len == 0 && section == secAdditional {
			continue
		}
		if r.typ != typeTXT {
			dst = w.record(dst, section, r, nil)
			continue
		}
		for txt := range w.t.strings(r) {
			dst = w.record(dst, section, r, txt)
		}
	}
	if len(dst) == empty {
		return dst[:mark]
	}
	return append(dst, ']')
}

// record writes one record; the fields are those that EVE's schema allows in
// the section. txt is one string of a TXT record.
func (w *writer) record(dst []byte, section int, r *record, txt []byte) []byte {
	dst = append(jsonx.Comma(dst), '{')
	dst = appendText(jsonx.Key(dst, "rrname"), w.t.bytes(r.name.span))
	if section == secAuthority && r.name.flags&nameTruncated != 0 {
		dst = jsonx.Bool(dst, "rrname_truncated", true)
	}
	dst = append(jsonx.Key(dst, "rrtype"), '"')
	dst = append(appendType(dst, r.typ), '"')
	dst = jsonx.Uint(dst, "ttl", uint64(r.ttl))
	switch {
	case isText(r.typ):
		dst = w.text(jsonx.Key(dst, "rdata"), r, txt)
		if section == secAuthority && r.target.flags&nameTruncated != 0 {
			dst = jsonx.Bool(dst, "rdata_truncated", true)
		}
	case r.data.len == 0:
	case r.typ == typeSOA && section != secAdditional:
		dst = w.soa(jsonx.Key(dst, "soa"), r)
	case r.typ == typeSRV && section == secAnswer:
		dst = w.srv(jsonx.Key(dst, "srv"), r)
	case r.typ == typeSSHFP && section == secAnswer:
		dst = w.sshfp(jsonx.Key(dst, "sshfp"), r)
	case r.typ == typeOPT && section == secAdditional:
		dst = w.options(jsonx.Key(dst, "opt"), r)
	}
	return append(dst, '}')
}

// isText: the data is one string in EVE.
func isText(typ uint16) bool {
	switch typ {
	case typeA, typeAAAA, typeCNAME, typeNS, typePTR, typeMX, typeTXT, typeNULL:
		return true
	}
	return false
}

// text writes the data of a type that isText names.
func (w *writer) text(dst []byte, r *record, txt []byte) []byte {
	switch r.typ {
	case typeA, typeAAAA:
		return appendAddr(dst, w.t.bytes(r.data))
	case typeTXT:
		return appendText(dst, txt)
	case typeNULL:
		return appendText(dst, w.t.bytes(r.data))
	}
	return appendText(dst, w.t.bytes(r.target.span))
}

func (w *writer) soa(dst []byte, r *record) []byte {
	num := w.t.mem[r.nums:]
	dst = append(dst, '{')
	dst = w.name(dst, "mname", r.target)
	dst = w.name(dst, "rname", r.rname)
	for i := range 5 {
		dst = jsonx.Uint(dst, soaField(i), uint64(binary.BigEndian.Uint32(num[4*i:])))
	}
	return append(dst, '}')
}

// soaField names SOA's numbers in wire order (RFC 1035 §3.3.13).
func soaField(i int) string { return word("serial refresh retry expire minimum", i) }

func (w *writer) srv(dst []byte, r *record) []byte {
	b, be := w.t.bytes(r.data), binary.BigEndian
	dst = jsonx.Uint(append(dst, '{'), "priority", uint64(be.Uint16(b)))
	dst = jsonx.Uint(dst, "weight", uint64(be.Uint16(b[2:])))
	dst = jsonx.Uint(dst, "port", uint64(be.Uint16(b[4:])))
	return append(w.name(dst, "name", r.target), '}')
}

func (w *writer) sshfp(dst []byte, r *record) []byte {
	b := w.t.bytes(r.data)
	dst = append(jsonx.Key(append(dst, '{'), "fingerprint"), '"')
	for i := range b[2:] {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = hex.AppendEncode(dst, b[2+i:3+i])
	}
	dst = jsonx.Uint(append(dst, '"'), "algo", uint64(b[0]))
	return append(jsonx.Uint(dst, "type", uint64(b[1])), '}')
}

func (w *writer) options(dst []byte, r *record) []byte {
	dst = append(dst, '[')
	for b := w.t.bytes(r.data); len(b) >= 4 && !w.full(dst); {
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		dst = jsonx.Uint(append(jsonx.Comma(dst), '{'), "code", uint64(binary.BigEndian.Uint16(b)))
		dst = append(jsonx.Hex(dst, "data", b[4:n]), '}')
		b = b[n:]
	}
	return append(dst, ']')
}

// groups are the types of EVE's grouped answers.
const groups = "A AAAA CNAME MX NS NULL PTR SOA SRV SSHFP TXT"

// groupType is the type of the i-th word of groups.
func groupType(i int) uint16 {
	return [...]uint16{typeA, typeAAAA, typeCNAME, typeMX, typeNS, typeNULL, typePTR,
		typeSOA, typeSRV, typeSSHFP, typeTXT}[i]
}

// grouped writes the answers' data by type.
func (w *writer) grouped(dst []byte) []byte {
	mark := len(dst)
	dst = append(jsonx.Key(dst, "grouped"), '{')
	empty := len(dst)
	for i := range 11 {
		dst = w.group(dst, word(groups, i), groupType(i))
	}
	if len(dst) == empty {
		return dst[:mark]
	}
	return append(dst, '}')
}

func (w *writer) group(dst []byte, key string, typ uint16) []byte {
	mark := len(dst)
	dst = append(jsonx.Key(dst, key), '[')
	empty := len(dst)
	rs := w.t.section(secAnswer)
	for i := range rs {
		if r := &rs[i]; r.typ == typ && !w.full(dst) {
			dst = w.member(dst, r)
		}
	}
	if len(dst) == empty {
		return dst[:mark]
	}
	return append(dst, ']')
}

// member writes one answer's data into a group.
func (w *writer) member(dst []byte, r *record) []byte {
	switch {
	case r.typ == typeTXT:
		for txt := range w.t.strings(r) {
			dst = appendText(jsonx.Comma(dst), txt)
		}
	case isText(r.typ):
		dst = w.text(jsonx.Comma(dst), r, nil)
	case r.data.len == 0:
	case r.typ == typeSOA:
		dst = w.soa(jsonx.Comma(dst), r)
	case r.typ == typeSRV:
		dst = w.srv(jsonx.Comma(dst), r)
	case r.typ == typeSSHFP:
		dst = w.sshfp(jsonx.Comma(dst), r)
	}
	return dst
}

// strings yields a TXT record's strings; a last one that is cut short is left
// out.
func (t *Tx) strings(r *record) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		b := t.bytes(r.data)
		for len(b) > 0 {
			n := 1 + int(b[0])
			if n > len(b) || !yield(b[1:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// appendAddr writes an address as Suricata prints it: IPv6 in full. Data of
// another length is no address and prints as nothing.
func appendAddr(dst, b []byte) []byte {
	dst = append(dst, '"')
	switch len(b) {
	case 4:
		for i, c := range b {
			if i > 0 {
				dst = append(dst, '.')
			}
			dst = strconv.AppendUint(dst, uint64(c), 10)
		}
	case 16:
		for i := 0; i < 16; i += 2 {
			if i > 0 {
				dst = append(dst, ':')
			}
			dst = hex.AppendEncode(dst, b[i:i+2])
		}
	}
	return append(dst, '"')
}

// appendText writes wire bytes as a JSON string. Where they aren't UTF-8 every
// byte above ASCII becomes \xhh, as Suricata does for names and data.
func appendText(dst, b []byte) []byte {
	ok := utf8.Valid(b)
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0')
			dst = hex.AppendEncode(dst, []byte{c})
		case c >= utf8.RuneSelf && !ok:
			dst = append(dst, '\\', '\\', 'x')
			dst = hex.AppendEncode(dst, []byte{c})
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
