package dns

import (
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// transport says how messages are framed.
type transport uint8

const (
	unknown transport = iota
	datagrams
	streams
)

// maxSpare and maxSpareBytes bound the memory kept between flows.
const (
	maxSpare      = 16
	maxSpareBytes = 8 << 10
)

// parser is one flow's DNS.
type parser struct {
	peers     bool      // multicast: nobody is the server
	first     transport // what a fresh flow has
	transport transport
	lost      [2]bool
	bad       [2]uint8
	nextID    uint64
	txs       []proto.Tx
	spare     []*Tx
	frames    *proto.Frames
}

var _ proto.Parser = (*parser)(nil)

// SetTransport tells the parser whether it gets datagrams, once after Reset.
// Without it the first bytes decide, which a sender may choose so that they
// fit both ways.
func (p *parser) SetTransport(udp bool) {
	p.transport = streams
	if udp {
		p.transport = datagrams
	}
}

// framePDU is one message, without the length that it has over TCP.
const framePDU = 0

func frameNames() []string { return []string{framePDU: "pdu"} }

// SetFrames tells the parser who wants its frames; nil is nobody.
func (p *parser) SetFrames(f *proto.Frames) { p.frames = f }

// Data implements proto.Parser.
func (p *parser) Data(d proto.Dir, b []byte) proto.Progress {
	if p.transport == unknown && !p.decide(b) {
		return proto.Progress{Need: len(b) + 1}
	}
	if p.transport == streams {
		return p.stream(d, b)
	}
	full := len(p.txs) >= maxLive
	if !full {
		p.frames.AddTx(d, framePDU, len(b), len(b), p.nextID)
		p.message(d, b)
	}
	return proto.Progress{Used: len(b), Full: full}
}

// decide finds out how messages are framed; false asks for more.
func (p *parser) decide(b []byte) bool {
	s := checkStream(b)
	switch {
	case s == proto.Accept && (len(b) < headerLen || checkDatagram(b) != proto.Accept):
		p.transport = streams
	case checkDatagram(b) == proto.Accept:
		p.transport = datagrams
	case s == proto.NeedMore:
		return false
	default:
		p.transport = streams
	}
	return true
}

// stream reads the length-prefixed messages of a TCP stream, as many as are
// whole.
func (p *parser) stream(d proto.Dir, b []byte) proto.Progress {
	used := 0
	if p.lost[d] {
		n, found := findMessage(b)
		if !found {
			return proto.Progress{Used: n, Need: len(b) - n + 1}
		}
		used, p.lost[d] = n, false
	}
	for {
		rest := b[used:]
		if len(rest) < 2 {
			return proto.Progress{Used: used, Need: 2}
		}
		size := 2 + int(binary.BigEndian.Uint16(rest))
		if len(rest) < size {
			return proto.Progress{Used: used, Need: size}
		}
		if len(p.txs) >= maxLive {
			return proto.Progress{Used: used, Full: true}
		}
		used += size
		p.frames.AddTx(d, framePDU, len(rest)-2, size-2, p.nextID)
		if size == 2 || p.message(d, rest[2:size]) {
			continue
		}
		if p.bad[d] == maxBad {
			return proto.Progress{Used: used, Stop: true}
		}
	}
}

// findMessage looks for the start of a message behind a hole. found is false
// when there is none; the first n bytes can't hold one.
func findMessage(b []byte) (n int, found bool) {
	for n = range b {
		switch checkStream(b[n:]) {
		case proto.Accept:
			return n, true
		case proto.NeedMore:
			return n, false
		}
	}
	return len(b), false
}

// message makes a transaction of one message; false says that it was broken.
// A datagram whose header can't be one is no event: after detection any junk
// may share the port, and Suricata passes it too.
func (p *parser) message(d proto.Dir, msg []byte) (ok bool) {
	t := p.get()
	ok = t.load(msg)
	if !ok && p.transport == datagrams {
		p.put(t)
		return false
	}
	if !ok {
		t.Events.Add(evMalformed)
	}
	t.ID = p.nextID
	p.nextID++
	t.dir = d
	t.Progress[d] = stateComplete
	t.Done = true
	t.Only = 1 << d
	p.judge(t, ok)
	p.txs = append(p.txs, t)
	if ok = !t.Events.Has(evMalformed); ok {
		p.bad[d] = 0
	} else {
		p.bad[d]++
	}
	return ok
}

// judge sets what is logged of t and the events of its direction. A message
// that names nothing, broken or a server's bare error, makes no record.
func (p *parser) judge(t *Tx, header bool) {
	if !header {
		return
	}
	response := t.isResponse()
	if !p.peers && response != (t.dir == proto.ToClient) {
		if response {
			t.Events.Add(evNotRequest)
		} else {
			t.Events.Add(evNotResponse)
		}
	}
	if len(t.records) == 0 {
		return
	}
	// The side that sent it, not the flag, names the record's addresses.
	t.LogReady = proto.LogRequest
	if t.dir == proto.ToClient {
		t.LogReady = proto.LogResponse
	}
}

// Gap implements proto.Parser: the next message is looked for behind the hole.
func (p *parser) Gap(d proto.Dir, _ int) bool {
	p.lost[d] = true
	return true
}

// Close implements proto.Parser; no message waits for another.
func (p *parser) Close(proto.Dir) {}

// Txs implements proto.Parser.
func (p *parser) Txs() []proto.Tx { return p.txs }

// Free implements proto.Parser.
func (p *parser) Free(n int) {
	for _, tx := range p.txs[:n] {
		p.put(tx.(*Tx))
	}
	left := copy(p.txs, p.txs[n:])
	clear(p.txs[left:])
	p.txs = p.txs[:left]
}

// Reset implements proto.Parser.
func (p *parser) Reset() {
	p.Free(len(p.txs))
	*p = parser{
		peers: p.peers, first: p.first, transport: p.first,
		txs: p.txs, spare: p.spare,
	}
}

func (p *parser) get() *Tx {
	n := len(p.spare)
	if n == 0 {
		return &Tx{}
	}
	t := p.spare[n-1]
	p.spare[n-1] = nil
	p.spare = p.spare[:n-1]
	return t
}

// put keeps a transaction's memory for the next, unless it is large.
func (p *parser) put(t *Tx) {
	if len(p.spare) == maxSpare {
		return
	}
	t.ResetBase()
	if cap(t.mem) > maxSpareBytes {
		t.mem = nil
	}
	if cap(t.records) > maxSpareBytes/64 {
		t.records = nil
	}
	p.spare = append(p.spare, t)
}
