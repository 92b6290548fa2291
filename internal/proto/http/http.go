// Package http parses HTTP/1 (RFC 9110, RFC 9112, and what browsers and servers
// accept beyond them).
//
// It owns the transactions of one flow: request and response matching, framing,
// content codings, multipart uploads, the files inside, and the buffers,
// keywords, events and EVE object that rules and records see. Its tolerance is
// that of real endpoints: where they disagree it reads the message as the
// laxest of them would and sets an event.
//
// It never refuses traffic, never keeps borrowed bytes past a call, and keeps
// credentials out of records.
package http

import (
	"sync"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Progress values of either direction, in order: each says that the named part
// is whole, but for body, which says that body bytes may be read.
const (
	progStarted  = iota // the first byte was seen
	progLine            // start line whole
	progHeaders         // header block whole
	progBody            // body bytes are there
	progTrailer         // body whole
	progComplete        // message whole, or ended
)

// Descriptor describes HTTP/1 to the other rooms.
func Descriptor() *proto.Descriptor {
	shared := &pool{}
	return &proto.Descriptor{
		Name:    "http",
		Aliases: []string{"http1"},
		TCP:     true,
		Ports:   []uint16{80, 8080, 8000, 8008, 8081, 8888, 3128, 5985, 2375},
		Probe:   probe,
		New:     func(c *proto.Config) proto.Parser { return newParser(c, shared) },
		Buffers: buffers(),
		Keywords: []proto.Keyword{{
			Name: "urilen", Dir: proto.MaskServer, Progress: progLine, Parse: parseURILen,
		}},
		States: [2][]string{
			{"request_started", "request_line", "request_headers", "request_body", "request_trailer", "request_complete"},
			{"response_started", "response_line", "response_headers", "response_body", "response_trailer", "response_complete"},
		},
		Frames:    []string{frameRequest: "request", frameResponse: "response"},
		Events:    eventNames(),
		EVE:       "http",
		AppendEVE: appendEVE,
		Identify:  identify,
	}
}

// The frames: a message from its start line to the end of its body.
const (
	frameRequest = iota
	frameResponse
)

// frameOf is the frame of d's messages.
func frameOf(d proto.Dir) uint8 {
	if d == proto.ToServer {
		return frameRequest
	}
	return frameResponse
}

// SetFrames tells the parser who wants its frames; nil is nobody.
func (p *parser) SetFrames(f *proto.Frames) { p.frames = f }

// pool shares content decoders, and transactions with the memory of their
// headers and bodies, between the workers' parsers: they are large, and few
// flows need one at a time.
type pool struct {
	p sync.Pool // of decoders

	mu   sync.Mutex // held for a few instructions, twice a transaction
	txs  []*tx
	kept int // bytes that txs hold on to
}

// maxPooled bounds the memory of the transactions that wait for use, in bytes.
const maxPooled = 8 << 20

// tx returns an empty transaction.
func (pl *pool) tx() *tx {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	n := len(pl.txs)
	if n == 0 {
		return &tx{}
	}
	t := pl.txs[n-1]
	pl.txs[n-1], pl.txs = nil, pl.txs[:n-1]
	pl.kept -= t.size()
	return t
}

// put takes t back, which was reset.
func (pl *pool) put(t *tx) {
	n := t.size()
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.kept+n <= maxPooled {
		pl.kept += n
		pl.txs = append(pl.txs, t)
	}
}
