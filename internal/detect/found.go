package detect

// foundBy is how a rule becomes a candidate: what is looked up for every
// packet, chunk or transaction before the rule is evaluated at all.
type foundBy uint8

const (
	foundPattern foundBy = iota
	foundAddress         // the address table
	foundFlow            // nothing: every flow and direction
	foundDecode          // a decoder event
	foundStream          // a stream event
	foundSide            // one packet of a direction whose protocol is known
	foundTxTest          // nothing: every transaction, but only keywords are tested
	foundTx              // nothing: every transaction
	foundChunk           // nothing: every chunk of a stream
	foundFrame           // nothing: every such frame
	foundFlags           // TCP flags
	foundPort            // the destination port
	foundPacket          // nothing: every packet
)

// found says how s is found; groupPacket and groupTx file it so.
func (s *Signature) found() foundBy {
	switch {
	case s.fast.buf != nil:
		return foundPattern
	case s.kind == kindIP && s.ends.src == nil && s.ends.dst == nil:
		return foundFlow
	case s.kind == kindIP:
		return foundAddress
	case s.onDecodeEvent:
		return foundDecode
	case s.onStreamEvent:
		return foundStream
	case s.kind == kindTx && len(s.tx) == 0 && len(s.payload) == 0:
		return foundTxTest
	case s.kind == kindTx:
		return foundTx
	case s.kind == kindFrame:
		return foundFrame
	case s.onSide:
		return foundSide
	case len(s.payload) > 0 && !s.onPacket:
		return foundChunk
	case s.key.hasFlags:
		return foundFlags
	case fewPorts(s.ends.dp) != nil && !s.both && !s.onStream:
		return foundPort
	}
	return foundPacket
}

// costly reports a rule that is evaluated again and again for nothing.
func (f foundBy) costly() bool {
	switch f {
	case foundTx, foundChunk, foundFrame, foundPacket:
		return true
	}
	return false
}

// String says what must be there before the rule is evaluated.
func (f foundBy) String() string {
	switch f {
	case foundPattern:
		return "the fast pattern"
	case foundAddress:
		return "the address table"
	case foundFlow:
		return "evaluated for every flow and direction"
	case foundDecode:
		return "a decoder event on the packet"
	case foundStream:
		return "a stream event on the packet"
	case foundSide:
		return "the protocol, once a flow and direction"
	case foundTxTest, foundTx:
		return "evaluated for every transaction of its protocols"
	case foundChunk:
		return "evaluated for every chunk of a stream"
	case foundFrame:
		return "evaluated for every such frame"
	case foundFlags:
		return "the packet's TCP flags"
	case foundPort:
		return "the destination port"
	}
	return "evaluated for every packet of its kind"
}
