package dns

import "encoding/binary"

// Header flag bits, RFC 1035 §4.1.1 and RFC 4035 §3.
const (
	flagQR = 0x8000
	flagAA = 0x0400
	flagTC = 0x0200
	flagRD = 0x0100
	flagRA = 0x0080
	flagZ  = 0x0040
	flagAD = 0x0020
	flagCD = 0x0010
)

const headerLen = 12

// header is the fixed start of a message.
//
//	 0        2        4        6        8        10
//	+--------+--------+--------+--------+--------+--------+
//	|   id   |  flags |  qd    |   an   |   ns   |   ar   |
//	+--------+--------+--------+--------+--------+--------+
type header struct {
	id, flags      uint16
	qd, an, ns, ar uint16
}

// viewHeader reads the header; b holds at least headerLen bytes.
func viewHeader(b []byte) header {
	_ = b[headerLen-1]
	be := binary.BigEndian
	return header{
		id: be.Uint16(b), flags: be.Uint16(b[2:]), qd: be.Uint16(b[4:]),
		an: be.Uint16(b[6:]), ns: be.Uint16(b[8:]), ar: be.Uint16(b[10:]),
	}
}

// valid says whether a message of size bytes can have such a header: two bytes
// a record at least, a question in every request, nothing behind a header that
// counts nothing (a server's format error).
func (h *header) valid(size int) bool {
	n := int(h.qd) + int(h.an) + int(h.ns) + int(h.ar)
	switch {
	case 2*n > size:
		return false
	case n == 0 && size != headerLen:
		return false
	case h.flags&flagQR == 0 && h.qd == 0:
		return false
	}
	return true
}

func (h *header) opcode() uint8 { return uint8(h.flags>>11) & 15 }
func (h *header) rcode() uint8  { return uint8(h.flags & 15) }

// Sections of a message, in wire order.
const (
	secQuery = iota
	secAnswer
	secAuthority
	secAdditional
	sections
)

// record is one question or resource record; all spans are into Tx.mem.
type record struct {
	name, target name // target: the name in the data, SOA's mname
	rname        name // SOA only
	data         span // the raw data
	nums         uint32
	ttl          uint32
	typ, class   uint16
}

// load takes a copy of the message and parses it. ok is false when the header
// can't be one; everything else is told by events.
func (t *Tx) load(msg []byte) (ok bool) {
	t.mem = append(t.mem[:0], msg...)
	t.size = len(msg)
	t.memo = [memoSize]memo{}
	t.steps = 0
	t.records = t.records[:0]
	t.ends = [sections]int{}
	t.head = header{}
	if len(msg) < headerLen {
		return false
	}
	t.head = viewHeader(msg)
	if !t.head.valid(len(msg)) {
		return false
	}
	t.readSections()
	if t.head.flags&flagZ != 0 {
		t.Events.Add(evZFlag)
	}
	if t.head.opcode() >= 7 {
		t.Events.Add(evOpcode)
	}
	return true
}

// readSections parses as far as it goes: what was read stays, so that a
// message cut by the mirror still shows its names.
func (t *Tx) readSections() {
	counts := [sections]uint16{t.head.qd, t.head.an, t.head.ns, t.head.ar}
	broken := [sections]uint8{evMalformed, evMalformed, evAuthorities, evAdditionals}
	pos, ok := headerLen, true
	for s, n := range counts {
		for i := 0; ok && i < int(n); i++ {
			if len(t.records) == maxRecords {
				t.Events.Add(evFlooded)
				ok = false
				break
			}
			if pos, ok = t.readRecord(s, pos); !ok {
				t.Events.Add(broken[s])
			}
		}
		t.ends[s] = len(t.records)
	}
}

// readRecord reads one question or record at pos.
//
//	name | type 2 | class 2 | ttl 4 | length 2 | data     (a question ends
//	                                                       with the class)
func (t *Tx) readRecord(section, pos int) (next int, ok bool) {
	n, pos, ok := t.readName(pos, t.size)
	if !ok || pos+4 > t.size {
		return 0, false
	}
	t.noteFlags(n.flags)
	msg, be := t.mem[:t.size], binary.BigEndian
	r := record{name: n, typ: be.Uint16(msg[pos:]), class: be.Uint16(msg[pos+2:])}
	pos += 4
	if section != secQuery {
		if pos+6 > t.size {
			return 0, false
		}
		r.ttl = be.Uint32(msg[pos:])
		size := int(be.Uint16(msg[pos+4:]))
		pos += 6
		if pos+size > t.size {
			return 0, false
		}
		r.data = span{uint32(pos), uint32(size)}
		if !t.readData(&r) {
			return 0, false
		}
		pos += size
	}
	t.records = append(t.records, r)
	return pos, true
}

// readData decodes the names inside a record's data and checks the layout of
// the types that are printed. Data may be empty whatever the type: RFC 2136
// §2.5 deletes records so.
func (t *Tx) readData(r *record) (ok bool) {
	pos, size := int(r.data.off), int(r.data.len)
	end := pos + size
	if size == 0 {
		return true
	}
	skip := 0
	switch r.typ {
	case typeCNAME, typeNS, typePTR:
	case typeMX:
		skip = 2
	case typeSRV:
		skip = 6
	case typeSOA:
		return t.readSOA(r, pos, end)
	case typeSSHFP:
		return size >= 2
	case typeOPT:
		return validOptions(t.mem[pos:end])
	case typeTXT:
		return int(t.mem[pos]) < size
	default:
		return true
	}
	if size < skip {
		return false
	}
	r.target, _, ok = t.readName(pos+skip, end)
	t.noteFlags(r.target.flags)
	return ok
}

func (t *Tx) readSOA(r *record, pos, end int) (ok bool) {
	if r.target, pos, ok = t.readName(pos, end); !ok {
		return false
	}
	if r.rname, pos, ok = t.readName(pos, end); !ok {
		return false
	}
	t.noteFlags(r.target.flags | r.rname.flags)
	r.nums = uint32(pos)
	return pos+20 <= end
}

// validOptions reports whether EDNS options fill b exactly (RFC 6891 §6.1.2).
func validOptions(b []byte) bool {
	for len(b) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	return len(b) == 0
}

func (t *Tx) noteFlags(f nameFlags) {
	if f == 0 {
		return
	}
	if f&nameTruncated != 0 {
		t.Events.Add(evNameTooLong)
	}
	if f&nameLoop != 0 {
		t.Events.Add(evInfiniteLoop)
	}
	if f&nameTooManyLabels != 0 {
		t.Events.Add(evTooManyLabels)
	}
}
