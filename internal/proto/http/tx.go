package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// txBytes is roughly a transaction without what it points to.
const txBytes = 2 << 10

// tx is one request and its response.
type tx struct {
	proto.TxBase
	p   *parser
	msg [2]message

	method   span // in the request's raw
	uri      span // in the request's raw
	target   target
	norm     []byte // normalised URI
	pathLen  int    // of the path in norm
	hostName []byte // lower case, without port
	port     int    // of the request's authority, -1 when not given
	status   span   // in the response's raw
	reason   span
	code     int  // status as a number, -1 when it is none
	interim  int  // 100 responses seen
	late     bool // a response to a request that was given up
	multi    multipart
}

var _ proto.Tx = (*tx)(nil)

// Base implements proto.Tx.
func (t *tx) Base() *proto.TxBase { return &t.TxBase }

// reset clears t for the next transaction and keeps its memory.
func (t *tx) reset(p *parser) {
	for d := range t.msg {
		t.msg[d].body.release(p)
		t.msg[d].reset()
	}
	t.ResetBase()
	t.multi.reset()
	*t = tx{
		TxBase: t.TxBase, msg: t.msg, norm: t.norm[:0],
		hostName: t.hostName[:0], multi: t.multi, port: -1, code: -1,
	}
}

// size is roughly the memory that t holds on to.
func (t *tx) size() int {
	ds := &t.Detect
	n := txBytes + cap(t.norm) + cap(t.hostName) + cap(t.multi.buf) +
		4*(cap(ds.Candidates[0])+cap(ds.Candidates[1])+cap(ds.Matched)) + 8*cap(t.Files)
	for d := range t.msg {
		m := &t.msg[d]
		n += cap(m.raw) + cap(m.text) + cap(m.body.data) + 64*cap(m.headers)
		for i := range m.cache {
			n += cap(m.cache[i])
		}
	}
	return n
}

// advance raises the progress of a direction; it never goes back but for an
// interim response.
func (t *tx) advance(d proto.Dir, progress uint8) {
	t.Progress[d] = max(t.Progress[d], progress)
}

// finish completes one direction; cut says that its body was.
func (t *tx) finish(d proto.Dir, cut bool) {
	if t.Progress[d] == progComplete {
		return
	}
	m := &t.msg[d]
	m.body.finish(t, d, cut)
	t.Progress[d] = progComplete
}

// method and URI as they were sent.
func (t *tx) methodBytes() []byte { return t.method.of(t.msg[0].raw) }
func (t *tx) uriBytes() []byte    { return t.uri.of(t.msg[0].raw) }
