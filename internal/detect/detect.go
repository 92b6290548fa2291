// Package detect compiles rules to an immutable Ruleset and finds their matches
// in packets, streams and transactions.
//
// It owns the general keywords, the prefilter, the state that rules keep in
// flows (flowbits, pending stream bytes) and across them (thresholds, xbits).
// Semantics follow Suricata 8. It never decides what happens after a match,
// never writes a record, and never keeps a caller's bytes past a call without
// copying them.
//
// A Ruleset is shared by all workers; an Engine belongs to one. The packet path
// allocates nothing in the steady state and every buffer of it is bounded.
package detect

import (
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Dir is the direction inside a flow; see packet.Dir.
type Dir = packet.Dir

// Directions.
const (
	toServer = packet.ToServer
	toClient = packet.ToClient
)

// Config is what compilation needs besides the rules.
type Config struct {
	// Registry is the set of protocols; their buffers and keywords become part
	// of the rule language.
	Registry *proto.Registry
	// Vars are the address and port variables; the zero value means
	// DefaultVars.
	Vars Vars
	// Classes maps classtypes; nil means DefaultClasses.
	Classes ClassTable
	// Budget bounds what one rule may cost.
	Budget Budget
	// Thresholds are the threshold files, in order.
	Thresholds []ThresholdFile
	// ReadFile reads a file that a rule names, a list of values or hashes; the
	// name counts from the folder of rulesFile. kept says that the file is one
	// that Datasets.Save writes. nil refuses the rules that name files.
	ReadFile func(rulesFile, name string, kept bool) ([]byte, error)
	// Datasets hold the values of dataset and datarep, across reloads; nil: of
	// this ruleset alone.
	Datasets *Datasets
	// Reputation reads the lists that iprep asks; it is called when a rule does.
	// nil, and a nil list, refuse such rules.
	Reputation func() (*Reputation, error)
	// PublicSuffix returns the public suffix of a host name ("co.uk"), for the
	// transforms domain and tld; nil refuses the rules that have them.
	PublicSuffix func(host string) string
	// MaxAlerts bounds the matches of one packet (packet-alert-max); 0 means
	// 15. What is beyond is counted.
	MaxAlerts int
	// ChunkSize is how many new stream bytes are inspected at a time
	// (stream.reassembly.toserver-chunk-size); 0 means 2,560.
	ChunkSize int
	// PacketDirOnly inspects transactions and streams only in the packet's own
	// direction, as Suricata times it. The sensor must then keep transactions
	// until Inspected says so and inspect once more in each direction when the
	// flow ends.
	PacketDirOnly bool
}

// Source says where a match was found.
type Source uint8

// Sources of a match.
const (
	SourcePacket Source = iota
	SourceStream
	SourceTx
	SourceFrame
)

// String returns the name used in records.
func (s Source) String() string { return [...]string{"packet", "stream", "tx", "frame"}[s] }

// maxSpans bounds the evidence of one match.
const maxSpans = 8

// Span is a matched byte range of a buffer, for evidence.
type Span struct {
	Buffer string // the buffer's name; constant memory
	Offset int
	Len    int
	// Bytes are the first of them, at most maxSpanBytes, where the engine keeps
	// them (Engine.KeepBytes); of a transformed buffer, what the rule saw.
	Bytes []byte
}

// maxSpanBytes bounds what is kept of one range.
const maxSpanBytes = 64

// Match is one signature hit. It is valid until the Engine's next Inspect.
type Match struct {
	Sig    *Signature
	Source Source
	// Action is the signature's, or what a rate_filter made of it.
	Action rule.Action
	// Dir is the direction that matched: with ToClient, the rule's source is the
	// flow's server, whichever way the packet at hand travels. The source of a
	// transactional rule (=>) is the client, whichever side was late.
	Dir Dir
	// Tx is the transaction that matched, or nil.
	Tx proto.Tx
	// Frame is the frame that matched, or nil.
	Frame *FrameMatch
	// Spans are the first matched ranges, at most eight.
	Spans []Span
	// Context is what the rule's expressions captured for the alert.
	Context []Var
}

// Signature is one compiled rule. It is immutable.
type Signature struct {
	SID, GID, Rev uint32
	Msg           string
	Action        rule.Action
	// Priority is 1 (most urgent) to 255, from the rule or its class; EVE calls
	// it severity.
	Priority  int
	Classtype string
	// Category is the class's description, EVE's alert.category.
	Category string
	// References are (type, value) in order; Metadata (key, value).
	References [][2]string
	Metadata   [][2]string
	// Target says which end is the victim: "src_ip", "dest_ip" or "".
	Target string
	// NoAlert: the rule only sets state.
	NoAlert bool
	// Rule is the rule's head and text; its Options are left out.
	Rule *rule.Rule

	sig
}

// Inspected reports whether detection is done with tx: every rule that could
// match in either direction has been decided, as far as its progress goes.
func Inspected(tx proto.Tx) bool {
	b := tx.Base()
	return inspected(b, toServer) && inspected(b, toClient)
}

func inspected(b *proto.TxBase, d Dir) bool {
	return b.Detect.Seen[d] > b.Progress[d] || b.Only != 0 && !b.Only.Has(d)
}
