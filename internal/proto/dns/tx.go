package dns

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Tx is one message. It owns a copy of the message with the decoded names
// behind it.
type Tx struct {
	proto.TxBase

	dir     proto.Dir // which way the message went
	head    header
	mem     []byte // the message, then its names
	size    int    // of the message
	records []record
	ends    [sections]int // where each section ends in records
	memo    [memoSize]memo
	steps   int // labels and pointers read for names; a test holds them to the bytes
}

var _ proto.Tx = (*Tx)(nil)

// Base implements proto.Tx.
func (t *Tx) Base() *proto.TxBase { return &t.TxBase }

// Buffer implements proto.Tx: instance i of a list of names. The root's name is
// an empty instance.
func (t *Tx) Buffer(id uint8, i int) (b []byte, ok bool) {
	switch id {
	case bufQuery:
		if t.isResponse() {
			return nil, false
		}
		return t.nameAt(secQuery, i)
	case bufQueries, bufAnswers, bufAuthorities, bufAdditionals:
		return t.nameAt(int(id), i)
	case bufResponse:
		return t.responseName(i)
	}
	return nil, false
}

func (t *Tx) isResponse() bool { return t.head.flags&flagQR != 0 }

// section returns the records of one section.
func (t *Tx) section(s int) []record {
	from := 0
	if s > 0 {
		from = t.ends[s-1]
	}
	return t.records[from:t.ends[s]]
}

func (t *Tx) bytes(s span) []byte { return t.mem[s.off : s.off+s.len] }

func (t *Tx) nameAt(s, i int) ([]byte, bool) {
	rs := t.section(s)
	if uint(i) >= uint(len(rs)) {
		return nil, false
	}
	return t.bytes(rs[i].name.span), true
}

// responseName returns instance i of dns.response.rrname: of a response, every
// question's name, then of every record the name and the name in its data.
// Records without one give an empty instance, so that i finds its place at
// once.
func (t *Tx) responseName(i int) ([]byte, bool) {
	if !t.isResponse() || i < 0 {
		return nil, false
	}
	nq := t.ends[secQuery]
	if i < nq {
		return t.nameAt(secQuery, i)
	}
	at := nq + (i-nq)/2
	if at >= len(t.records) {
		return nil, false
	}
	r := &t.records[at]
	if (i-nq)%2 == 0 {
		return t.bytes(r.name.span), true
	}
	if r.typ == typeSRV {
		return nil, true
	}
	return t.bytes(r.target.span), true
}

// QueryName returns the first question's name, nil when tx isn't of this
// package or asks nothing. Borrowed until the parser's next call.
func QueryName(tx proto.Tx) []byte {
	t, ok := tx.(*Tx)
	if !ok {
		return nil
	}
	b, _ := t.nameAt(secQuery, 0)
	return b
}

// IsResponse reports whether tx is a response.
func IsResponse(tx proto.Tx) bool {
	t, ok := tx.(*Tx)
	return ok && t.isResponse()
}
