package dns

import (
	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// appendMDNS writes the mdns object; records and alerts hold the same. The
// schema knows PTR and TXT data in answers and additionals, and no other.
func appendMDNS(dst []byte, tx proto.Tx, _ proto.LogBit) []byte {
	t, ok := tx.(*Tx)
	if !ok {
		return append(dst, "{}"...)
	}
	w := writer{t: t, limit: len(dst) + maxEVE}
	dst = jsonx.String(append(dst, '{'), "type", typeWord(t))
	dst = jsonx.Uint(dst, "id", uint64(t.head.id))
	if t.head.flags&(flagAA|flagTC|flagRD|flagRA|flagZ|flagAD|flagCD) != 0 {
		dst = append(jsonx.Key(dst, "flags"), '[')
		for f := uint16(flagAA); f >= flagCD; f >>= 1 {
			if t.head.flags&f != 0 {
				dst = jsonx.AppendString(jsonx.Comma(dst), flagName(f))
			}
		}
		dst = append(dst, ']')
	}
	dst = jsonx.Uint(dst, "opcode", uint64(t.head.opcode()))
	dst = jsonx.Uint(dst, "rcode", uint64(t.head.rcode()))
	dst = w.questions(dst, true)
	dst = w.mdnsList(dst, "answers", secAnswer)
	dst = w.mdnsList(dst, "authorities", secAuthority)
	dst = w.mdnsList(dst, "additionals", secAdditional)
	return append(dst, '}')
}

func (w *writer) mdnsList(dst []byte, key string, section int) []byte {
	mark := len(dst)
	dst = append(jsonx.Key(dst, key), '[')
	empty := len(dst)
	rs := w.t.section(section)
	for i := range rs {
		r := &rs[i]
		if w.full(dst) {
			break
		}
		if r.typ == typeOPT {
			continue
		}
		dst = w.name(append(jsonx.Comma(dst), '{'), "rrname", r.name)
		if section != secAuthority {
			dst = w.mdnsData(dst, r)
		}
		dst = append(dst, '}')
	}
	if len(dst) == empty {
		return dst[:mark]
	}
	return append(dst, ']')
}

func (w *writer) mdnsData(dst []byte, r *record) []byte {
	switch {
	case r.data.len == 0:
	case r.typ == typePTR:
		return appendText(jsonx.Key(dst, "ptr"), w.t.bytes(r.target.span))
	case r.typ == typeTXT:
		dst = append(jsonx.Key(dst, "txt"), '[')
		for txt := range w.t.strings(r) {
			dst = appendText(jsonx.Comma(dst), txt)
		}
		return append(dst, ']')
	}
	return dst
}

func lower(b []byte) {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
}
