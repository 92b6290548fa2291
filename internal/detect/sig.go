package detect

import "github.com/mirrorwall/mirrorwall/internal/proto"

// kind says which part of the engine runs a rule.
type kind uint8

const (
	kindPacket kind = iota // packets and streams
	kindIP                 // addresses alone: once a flow and direction
	kindTx                 // transactions
	kindFrame              // frames of a protocol
)

// flowState is what the flow keyword asks for.
type flowState uint8

const (
	flowEstablished flowState = 1 << iota
	flowNotEstablished
	flowStateless
)

// sig is the engine's part of a Signature.
type sig struct {
	id            uint32 // place in the order of evaluation
	kind          kind
	l4            l4Kind
	flowState     flowState
	flowDir       proto.DirMask // what the flow keyword says
	dirs          proto.DirMask // where the rule can match
	both          bool          // <>
	transactional bool          // =>
	needPacket    bool
	needStream    bool
	onPacket      bool // payload tests run on packets
	onStream      bool // payload tests run on stream chunks
	absolute      bool // payload tests count from the start
	smallOnly     bool // holds for packets of at most smallBytes of payload
	onDecodeEvent bool
	onStreamEvent bool
	eachTime      bool    // matches anew whenever the state of its hook is inspected
	onSide        bool    // asks for nothing but the protocol: one packet a direction
	classes       []class // of packets that it can match
	appMask       uint64  // protocols by registry index, 0 for any or none
	ends          ends

	tests      []packetTest
	payload    []op
	views      []bufTest
	tx         []bufTest
	frames     []bufTest // all of one frame, some behind transforms
	txTests    []txTest
	base64     []op
	actions    []action
	bits       bitUse
	suppressed []suppression // by a threshold file
	limit      threshold
	fast       fastPattern
	key        plainKey
	payloadBuf *buffer
}

// bufTest is the tests on one buffer.
type bufTest struct {
	buf      *buffer
	ops      []op
	absolute bool          // counts from the buffer's start
	onAbsent bool          // hold when there is no buffer
	once     uint8         // not 0: it changes a data set, and holds from then on
	only     proto.DirMask // of a transactional rule: the side that is meant; 0: either
}

// maxOnce bounds the place of a test that is made once.
const maxOnce = 31

// onceKey marks, among the rules that matched a transaction, a test that has
// held and must not be made again while its rule waits for the rest.
func (s *sig) onceKey(t *bufTest, d Dir) uint32 {
	return 1<<31 | s.id<<6 | uint32(t.once)<<1 | uint32(d)
}

// txTest is a test on a transaction, with an answer for each protocol.
type txTest struct {
	name  string
	event bool // may change without progress
	// growing: the hook of a state in which a buffer grows, a body's.
	growing bool
	by      []txTestImpl
}

type txTestImpl struct {
	dirs     proto.DirMask
	progress uint8
	open     bool // a "no" is not final before the transaction is complete
	test     proto.TxTest
}

// fastPattern is what the prefilter looks for.
type fastPattern struct {
	buf     *buffer // nil: none
	bytes   []byte
	nocase  bool
	kind    fastKind
	limit   int  // payload: the pattern ends here at the latest; 0: anywhere
	rare    bool // few rules have it near the start
	ops     int  // the content's place in its group
	explain string
}

// fastKind says how the pattern lies in its buffer.
type fastKind uint8

const (
	fastAnywhere fastKind = iota
	fastExact
	fastSuffix
	fastPrefix
)
