// Package proto holds the contract between application protocols and the rest.
//
// A protocol is one folder below this one. It exports one Descriptor: how to
// recognise it, its parser, the buffers and keywords that it offers to rules,
// and its EVE object. internal/proto/all lists the descriptors; nothing is
// registered by init.
//
// Traffic is never an error here: a parser sets events on its transactions and
// counts; it never panics on input, keeps everything bounded, and runs in time
// linear in its input however that is cut.
package proto

import "github.com/mirrorwall/mirrorwall/internal/packet"

// Dir is the direction inside a flow; see packet.Dir.
type Dir = packet.Dir

// Directions.
const (
	ToServer = packet.ToServer
	ToClient = packet.ToClient
)

// DirMask is a set of directions.
type DirMask uint8

// Direction sets.
const (
	MaskServer DirMask = 1 << packet.ToServer
	MaskClient DirMask = 1 << packet.ToClient
	MaskBoth           = MaskServer | MaskClient
)

// Has reports whether d is in the set.
func (m DirMask) Has(d Dir) bool { return m&(1<<d) != 0 }

// Verdict is what a probe says of the first bytes of a direction.
type Verdict uint8

// Probe verdicts.
const (
	Reject   Verdict = iota // not this protocol
	NeedMore                // cannot tell yet
	Accept                  // this protocol
)

// Descriptor is one protocol: everything the other rooms know of it.
type Descriptor struct {
	// Name is EVE's app_proto and the rule header's protocol ("http").
	Name string
	// Aliases are other rule header spellings ("http1").
	Aliases []string
	// TCP and UDP say which transports carry it.
	TCP, UDP bool
	// Ports orders probing: a descriptor whose list holds the server's port is
	// asked first. A port alone never decides.
	Ports []uint16
	// First names the side that has to speak first; 0: either may.
	First DirMask
	// Probe looks at the first bytes of one direction (TCP: the stream so far,
	// never more than MaxProbe; UDP: one datagram). It must be cheap and pure.
	Probe func(d Dir, b []byte) Verdict
	// Late: the protocol may begin in the middle of another one that has no
	// parser here (STARTTLS). Its Probe is asked again at later chunks.
	Late bool
	// New makes a parser. One parser serves one flow at a time; Reset makes it
	// ready for the next.
	New func(*Config) Parser
	// Buffers are the sticky buffers; the index in this slice is the id that
	// Tx.Buffer takes.
	Buffers []Buffer
	// Keywords are this protocol's keywords that are not plain buffers.
	Keywords []Keyword
	// States names each direction's progress values in order, for rule hooks
	// ("request_started" …); the last one is complete.
	States [2][]string
	// Frames names the units of the wire format that the parser tells of, for
	// frame:<Name>.<frame>; the index is what Frames.Add takes. Its parser has
	// SetFrames(*Frames).
	Frames []string
	// Events are the names for app-layer-event:<Name>.<event>; the index is
	// the id in TxBase.Events.
	Events []string
	// EVE is the event_type of its own record and the name of the object in it;
	// empty when it has none.
	EVE string
	// AppendEVE appends the inside of the EVE object, braces included, for what
	// is logged of tx: which is a bit of TxBase.LogReady (a protocol that logs
	// requests and responses apart uses two), or LogAlert for the object inside
	// an alert. It allocates nothing.
	AppendEVE func(dst []byte, tx Tx, which LogBit) []byte
	// Identify tells the application classifier what tx shows of the peer; nil
	// when the protocol names nothing. It fills what it knows and leaves the
	// rest; the bytes are borrowed until the parser's next call.
	Identify func(tx Tx, id *Identity)
	// AppendAlert, when set, replaces AppendEVE for LogAlert: dns in alerts has
	// another shape than in dns records.
	AppendAlert func(dst []byte, tx Tx) []byte
}

// Identity is what a transaction shows of who is talking.
type Identity struct {
	Hostname    []byte // SNI, Host header, DNS question: as sent, not verified
	ALPN        []byte // the server's choice, else the client's first offer
	JA4         []byte // client fingerprint
	UserAgent   []byte
	Server      []byte // server software
	ContentType []byte
	Path        []byte // request target, normalised
	CertNames   [][]byte
}

// MaxProbe bounds the bytes of one direction that are offered to probes.
const MaxProbe = 4096

// Config is what the user may set of parsers; zero fields mean the default of
// the named Suricata setting.
type Config struct {
	HTTPBodyLimit       int  // response-body-limit / request-body-limit, 100 KiB
	HTTPDecompressDepth int  // response-body-decompress-layer-limit, 2
	HTTPLZMA            bool // lzma-enabled
	FileHashes          bool // compute MD5, SHA-1 besides SHA-256; may change between two packets
	// Set returns a raw --set value by its Suricata name, "" when unset; for
	// the settings that only one protocol knows.
	Set func(key string) string
}

// Progress is a parser's answer to Data.
type Progress struct {
	Used int // bytes consumed, <= len(b); the rest is offered again with what follows
	// Need, with Used < len(b), is how many bytes it wants before it is called
	// again. If they never come it is not: Close finds what was offered.
	Need int
	Stop bool // the parser gives up on this direction: no more calls for it
	// Full: it holds as many transactions as it may. What it left is offered
	// again when some were freed; a datagram is lost.
	Full bool
	// Encrypted: payload from here on is ciphertext in both directions.
	Encrypted bool
	// Upgrade names the protocol that follows in both directions of a stream
	// (CONNECT, STARTTLS, h2c); "" for none. "?", or a name that is not in the
	// registry, probes anew. This parser is not called again but for Close.
	Upgrade string
}

// Parser parses one flow. Bytes are borrowed until the call returns; under
// -tags invariants they are overwritten afterwards. For UDP every call is one
// whole datagram and Used is ignored.
type Parser interface {
	// Data offers the unconsumed bytes of one direction, oldest first.
	Data(d Dir, b []byte) Progress
	// Gap says that n bytes are missing; it returns false when the parser can't
	// find its way again in that direction.
	Gap(d Dir, n int) bool
	// Close says that direction d has ended; open transactions complete.
	Close(d Dir)
	// Txs returns the live transactions, oldest first; the slice is borrowed
	// until the next call of any method.
	Txs() []Tx
	// Free removes the oldest n transactions; their memory is used again.
	Free(n int)
	// Reset forgets the flow.
	Reset()
}

// LogBit marks one record of a transaction that is ready to be written.
type LogBit uint8

// Log bits. A protocol with one record a transaction uses LogTx; one that logs
// sides apart uses LogRequest and LogResponse.
const (
	LogTx LogBit = 1 << iota
	LogRequest
	LogResponse
	// LogAlert asks AppendEVE for the object inside an alert or fileinfo.
	LogAlert

	// LogAll are the records of a transaction.
	LogAll = LogTx | LogRequest | LogResponse
)

// Tx is one transaction: a request and its response, a handshake, a message.
type Tx interface {
	// Base returns the common part, the same pointer for the Tx's life.
	Base() *TxBase
	// Buffer returns instance i of the descriptor's buffer id. ok is false when
	// there is no such instance (yet): detection asks again when Progress has
	// moved on. Borrowed until the parser's next call.
	Buffer(id uint8, i int) (b []byte, ok bool)
}

// TxBase is the part of a transaction that other rooms use. A parser embeds it
// in its transaction type.
type TxBase struct {
	ID uint64 // 0-based in the flow (EVE tx_id)
	// Progress counts up by direction through Descriptor.States; a direction is
	// complete at the last state.
	Progress [2]uint8
	// Done: both directions complete, or no more will come.
	Done bool
	// Only names the one direction that the transaction lives in (a DNS message
	// by itself); 0 means both. Detection leaves the other one alone.
	Only DirMask
	// LogReady and Logged are sets of LogBit: what may be written, what was.
	LogReady, Logged LogBit
	// Events is a set of the descriptor's events, EventsLogged what was reported.
	Events, EventsLogged EventBits
	// Files are the files this transaction carries, at most MaxFiles.
	Files []*File
	// Detect is detection's own state for this transaction.
	Detect DetectState
}

// EventBits is a set of up to 128 application events.
type EventBits [2]uint64

// Add puts event e into the set.
func (s *EventBits) Add(e uint8) { s[e>>6] |= 1 << (e & 63) }

// Has reports whether e is in the set.
func (s *EventBits) Has(e uint8) bool { return s[e>>6]&(1<<(e&63)) != 0 }

// Empty reports whether the set holds nothing.
func (s *EventBits) Empty() bool { return s[0]|s[1] == 0 }

// DetectState belongs to package detect: which rules are still candidates for
// the transaction and which have matched. Reset keeps the capacity.
type DetectState struct {
	// Seen is 1 + the progress that detection has inspected, by direction.
	Seen [2]uint8
	// Scanned counts, by direction and buffer id (< 64), what prefilter scans
	// are done.
	Scanned [2]uint64
	// Candidates wait for later progress; Matched have alerted on this
	// transaction. Both hold internal rule ids.
	Candidates [2][]uint32
	Matched    []uint32
	// BodySeen is how far a growing buffer (file.data) was inspected.
	BodySeen [2]uint64
}

// Reset clears the state and keeps the memory.
func (s *DetectState) Reset() {
	c0, c1, m := s.Candidates[0][:0], s.Candidates[1][:0], s.Matched[:0]
	*s = DetectState{Matched: m}
	s.Candidates[0], s.Candidates[1] = c0, c1
}

// ResetBase clears the common part for the next transaction, keeping memory.
func (t *TxBase) ResetBase() {
	f, d := t.Files[:0], t.Detect
	d.Reset()
	*t = TxBase{Files: f, Detect: d}
}

// Buffer describes one sticky buffer.
type Buffer struct {
	Name    string   // "http.uri"
	Aliases []string // sticky spellings with the same meaning ("http_request_line")
	// Modifier is the old content modifier that means this buffer ("http_uri"):
	// written after a content, attaching backwards. "" when there is none.
	Modifier string
	// PCRE is the regular expression modifier letter for the buffer ('U'), or 0.
	PCRE byte
	Dir  DirMask
	// Progress is the least progress of that direction at which the buffer is
	// whole, or for Stream buffers, may be read.
	Progress uint8
	// Multi: may have several instances; all tests on it must hold in one.
	Multi bool
	// Stream: grows while the transaction is open (bodies, file.data); detection
	// looks again when it has grown.
	Stream bool
	// SameAs names the buffer that holds the same bytes at the same times in
	// this direction, so that one search serves both; "" for none.
	SameAs string
	// NoMPM keeps it from being chosen as fast pattern by default.
	NoMPM bool
	// Priority orders buffers for the default fast pattern; higher wins, as in
	// Suricata's registrations. 0 means 2 (most of the HTTP buffers).
	Priority int
	// Check refuses contents that can never match (upper case in http.host …);
	// nil means none.
	Check func(content []byte, nocase bool) error
}

// Keyword is a test on a transaction that is not a content of a buffer.
type Keyword struct {
	Name    string
	Aliases []string
	Dir     DirMask
	// Progress is the least progress at which the answer is final.
	Progress uint8
	// Parse reads the value (may be empty). Errors are short nouns; the caller
	// adds the position.
	Parse func(value string) (TxTest, error)
}

// TxTest answers a keyword for one transaction.
type TxTest func(tx Tx, d Dir) bool

// MaxFiles bounds the files of one transaction.
const MaxFiles = 64
