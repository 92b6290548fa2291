package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Bounds of one flow.
const (
	maxTx         = 512 // live transactions
	maxUnanswered = 64  // requests kept while no response was ever seen
	maxOwed       = 4096
	maxKeepBytes  = 256 << 10
)

// state is where a direction stands.
type state uint8

const (
	stIdle      state = iota // before a message
	stLine                   // start line
	stHeaders                // header lines
	stBodyStart              // after an odd empty line: one more CRLF may follow
	stLength                 // body of known length
	stClose                  // body until the end
	stChunkSize              // chunk size line
	stChunkData              // chunk data
	stChunkEnd               // the line end after chunk data
	stTrailer                // trailer lines
	stFinal                  // message whole; surplus bytes may follow
	stWait                   // request side: the response decides what follows
	stSync                   // after a gap: look for a start line
	stIgnore                 // nothing more is read
)

// side is the parser of one direction.
type side struct {
	state  state
	cur    *tx
	pos    int    // start of the unread line in the message's raw
	scan   int    // how far raw was searched for the line's end
	base   int    // length of raw before trailers
	bareLF bool   // the line before ended in LF alone
	lfcr   bool   // ... and CR followed it
	eat    bool   // CR of a surplus CRLF was skipped
	pend   span   // header line that may be continued, in raw
	fold   []byte // the same, once it was continued
	has    bool   // pend or fold is set
	folded bool
	left   uint64 // body bytes to come
	loose  bool   // the length was doubtful: what follows is body too
	line   []byte // chunk size line; surplus or unsynchronised line
	skip   bool   // the line is too long: skip to its end
}

func (s *side) reset() { *s = side{fold: s.fold[:0], line: s.line[:0]} }

// parser implements proto.Parser for one flow.
type parser struct {
	cfg     settings
	pool    *pool
	side    [2]side
	live    []proto.Tx
	txs     []*tx // the same
	next    int   // index of the first transaction without a response
	nextID  uint64
	heard   bool // any response byte was seen
	upgrade string
	stop    [2]bool
	closed  [2]bool
	full    bool // no transaction was left for the next message
	owed    int  // responses to come to requests that were given up
	ranges  assembly
	scratch []byte
	kept    int // body bytes of the live transactions
	frames  *proto.Frames
	now     proto.Dir // of the bytes at hand
}

var _ proto.Parser = (*parser)(nil)

// settings are proto.Config with defaults filled in.
type settings struct {
	bodyLimit int
	depth     int
	lzma      bool
	hashes    *bool // may change between files
}

// maxDepth bounds stacked content codings whatever the configuration says.
const maxDepth = 8

func newParser(c *proto.Config, shared *pool) *parser {
	p := &parser{pool: shared, cfg: settings{bodyLimit: 100 << 10, depth: 2, hashes: new(bool)}}
	if c == nil {
		return p
	}
	if c.HTTPBodyLimit > 0 {
		p.cfg.bodyLimit = c.HTTPBodyLimit
	}
	if c.HTTPDecompressDepth > 0 {
		p.cfg.depth = min(c.HTTPDecompressDepth, maxDepth)
	}
	p.cfg.lzma = c.HTTPLZMA
	p.cfg.hashes = &c.FileHashes
	return p
}

// Data implements proto.Parser.
func (p *parser) Data(d proto.Dir, b []byte) proto.Progress {
	s := &p.side[d]
	if d == proto.ToClient && len(b) > 0 {
		p.heard = true
	}
	used := 0
	p.full, p.now = false, d
	for used < len(b) && !p.stop[d] && p.upgrade == "" && !p.full {
		was, whole := s.cur, s.state == stFinal
		n, more := p.step(d, s, b[used:])
		used += n
		if was != nil && s.cur != was {
			end := used
			if whole {
				end -= n
			}
			p.frames.End(d, frameOf(d), len(b)-end)
		}
		if !more {
			break
		}
	}
	if p.upgrade != "" {
		used += lineEnds(b[used:])
	}
	if used == len(b) && s.state == stFinal {
		p.frames.End(d, frameOf(d), 0)
		p.complete(d)
	}
	return p.progress(d, used, len(b))
}

func (p *parser) progress(d proto.Dir, used, have int) proto.Progress {
	out := proto.Progress{Used: used, Stop: p.stop[d], Upgrade: p.upgrade, Full: p.full}
	if used < have && !out.Stop && !out.Full && out.Upgrade == "" {
		out.Need = have - used + 1
	}
	if out.Stop {
		out.Used = have
	}
	p.upgrade = ""
	return out
}

// step does one thing with b and returns how much it took; more is false when
// it wants to be called again with more than what it left.
func (p *parser) step(d proto.Dir, s *side, b []byte) (n int, more bool) {
	switch s.state {
	case stIdle:
		return p.idle(d, s, b)
	case stLine, stHeaders, stTrailer:
		return p.headBytes(d, s, b), true
	case stBodyStart:
		return p.bodyStart(d, s, b), true
	case stLength:
		n = int(min(s.left, uint64(len(b))))
		s.left -= uint64(n)
		p.bodyBytes(d, s, b[:n], n)
		if s.left == 0 {
			p.bodyEnd(d, s)
		}
		return n, true
	case stClose:
		p.bodyBytes(d, s, b, len(b))
		return len(b), true
	case stChunkSize:
		return p.chunkSize(d, s, b), true
	case stChunkData:
		n = int(min(s.left, uint64(len(b))))
		s.left -= uint64(n)
		p.bodyBytes(d, s, b[:n], n)
		if s.left == 0 {
			s.state = stChunkEnd
		}
		return n, true
	case stChunkEnd:
		return p.chunkEnd(d, s, b), true
	case stFinal:
		return p.surplus(d, s, b), true
	case stWait:
		return p.waiting(s, b)
	case stSync:
		return p.sync(d, s, b), true
	}
	return len(b), true
}

// idle skips empty lines between messages and starts the next one.
func (p *parser) idle(d proto.Dir, s *side, b []byte) (int, bool) {
	n := lineEnds(b)
	if n == len(b) {
		return n, true
	}
	if !p.begin(d, s) {
		return n, false
	}
	p.frames.AddTx(d, frameOf(d), len(b)-n, -1, s.cur.ID)
	return n, true
}

// begin gives direction d a transaction for its next message. It returns false
// when there are too many to take another.
func (p *parser) begin(d proto.Dir, s *side) bool {
	t := p.take(d)
	if p.full = t == nil; p.full {
		return false
	}
	line, fold := s.line[:0], s.fold[:0]
	*s = side{state: stLine, cur: t, line: line, fold: fold}
	m := &t.msg[d]
	m.seen = true
	return true
}

// take returns the transaction that the next message of d belongs to: a new
// one, or that of the request which the response is for. nil when there are too
// many.
func (p *parser) take(d proto.Dir) *tx {
	if d == proto.ToServer {
		return p.newTx()
	}
	for p.owed == 0 && p.next < len(p.txs) {
		t := p.txs[p.next]
		p.next++
		if t.Only == 0 {
			return t
		}
	}
	t := p.newTx()
	if t == nil {
		return nil
	}
	t.Only = proto.MaskClient
	t.Progress[proto.ToServer] = progComplete
	if p.owed > 0 {
		p.owed--
		t.late = true
		return t
	}
	p.next = len(p.txs)
	t.Events.Add(evUnmatched)
	return t
}

// newTx appends a transaction, ending the oldest unanswered ones when there
// are too many.
func (p *parser) newTx() *tx {
	if len(p.txs) >= maxTx {
		p.giveUp(maxTx / 2)
		return nil
	}
	if !p.heard && len(p.txs) >= maxUnanswered {
		p.giveUp(len(p.txs) - maxUnanswered)
	}
	t := p.pool.tx()
	t.p = p
	t.ID = p.nextID
	p.nextID++
	p.txs = append(p.txs, t)
	p.live = append(p.live, t)
	return t
}

// giveUp ends the transactions up to index i that are not ended yet: their
// responses were not seen and are not waited for. Those that come yet must not
// be taken for answers to later requests.
func (p *parser) giveUp(i int) {
	for j := range p.txs[:i+1] {
		t := p.txs[j]
		if t.Done || t == p.side[0].cur || t == p.side[1].cur {
			continue
		}
		if j >= p.next && t.Only == 0 {
			t.Only = proto.MaskServer
			p.owed = min(p.owed+1, maxOwed)
		}
		t.Events.Add(evTooManyTx)
		t.Progress[proto.ToClient] = progComplete
		p.settle(t)
		p.next = max(p.next, j+1)
	}
}

// complete ends the current message of direction d.
func (p *parser) complete(d proto.Dir) {
	s := &p.side[d]
	t := s.cur
	s.state = stIdle
	s.cur = nil
	if t == nil {
		return
	}
	if d != p.now {
		p.frames.EndUsed(d, frameOf(d))
	}
	t.finish(d, false)
	p.settle(t)
}

// settle marks t done once both directions are complete.
func (p *parser) settle(t *tx) {
	if t.Progress[0] == progComplete && t.Progress[1] == progComplete {
		t.Done = true
		if !t.late { // its request's record is written
			t.LogReady |= proto.LogTx
		}
	}
}

// Close implements proto.Parser.
func (p *parser) Close(d proto.Dir) {
	s := &p.side[d]
	if s.cur != nil && s.state != stFinal {
		p.endOfStream(d, s)
	}
	if s.cur != nil {
		t := s.cur
		s.cur = nil
		t.finish(d, s.cut())
		p.settle(t)
	}
	s.state = stIgnore
	p.closed[d] = true
	for _, t := range p.txs {
		t.finish(d, false)
		if p.closed[d.Opposite()] { // a request may begin after the server's end
			t.finish(d.Opposite(), false)
		}
		p.settle(t)
	}
}

// cut reports whether the stream ended inside a framed body.
func (s *side) cut() bool {
	switch s.state {
	case stLength, stChunkData:
		return s.left > 0
	}
	return false
}

// Txs implements proto.Parser.
func (p *parser) Txs() []proto.Tx { return p.live }

// Free implements proto.Parser.
func (p *parser) Free(n int) {
	n = min(n, len(p.txs))
	for i, t := range p.txs[:n] {
		for d := range p.side {
			if s := &p.side[d]; s.cur == t {
				s.cur = nil
				s.state = stIgnore
				p.stop[d] = true
			}
		}
		p.recycle(t)
		p.live[i], p.txs[i] = nil, nil
	}
	k := copy(p.txs, p.txs[n:])
	copy(p.live, p.live[n:])
	clear(p.txs[k:])
	clear(p.live[k:])
	p.txs, p.live = p.txs[:k], p.live[:k]
	p.next = max(0, p.next-n)
}

// recycle gives t to the next that needs one, of any flow, unless it grew large.
func (p *parser) recycle(t *tx) {
	p.kept -= len(t.msg[0].body.data) + len(t.msg[1].body.data)
	t.reset(p)
	if t.size() <= maxKeepBytes {
		p.pool.put(t)
	}
}

// Reset implements proto.Parser.
func (p *parser) Reset() {
	for i, t := range p.txs {
		p.recycle(t)
		p.txs[i], p.live[i] = nil, nil
	}
	p.txs, p.live = p.txs[:0], p.live[:0]
	p.side[0].reset()
	p.side[1].reset()
	p.next, p.nextID, p.heard, p.upgrade = 0, 0, false, ""
	p.full, p.owed = false, 0
	p.stop, p.closed = [2]bool{}, [2]bool{}
	if cap(p.scratch) > maxKeepBytes/8 {
		p.scratch = nil
	}
	p.ranges = assembly{file: p.ranges.file}
}
