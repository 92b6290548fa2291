package flow

// TCPState is the state of a session as a watcher of both sides names it.
type TCPState uint8

// TCP states. Who closes first decides the branch: a client's FIN leads to
// close_wait, a server's to fin_wait1, as Suricata tells it.
const (
	TCPNone TCPState = iota
	TCPListen
	TCPSYNSent
	TCPSYNRecv
	TCPEstablished
	TCPFINWait1
	TCPFINWait2
	TCPTimeWait
	TCPLastACK
	TCPCloseWait
	TCPClosing
	TCPClosed
	tcpStateCount
)

// tcpStateNames is indexed by TCPState.
var tcpStateNames = [tcpStateCount]string{
	"none", "listen", "syn_sent", "syn_recv", "established", "fin_wait1",
	"fin_wait2", "time_wait", "last_ack", "close_wait", "closing", "closed",
}

// String returns EVE's spelling.
func (s TCPState) String() string {
	if s >= tcpStateCount {
		return ""
	}
	return tcpStateNames[s]
}

// StreamFlags are facts about one session.
type StreamFlags uint16

// Stream flags.
const (
	// StreamMidstream: picked up without the whole handshake.
	StreamMidstream StreamFlags = 1 << iota
	// StreamAsync: one direction only; its data does not wait for ACKs.
	StreamAsync
	// StreamTFO: the SYN carried data (RFC 7413).
	StreamTFO
	// StreamFourWay: the server answered SYN with SYN (split handshake).
	StreamFourWay
	// StreamSYNACKStart: the pick-up was at the SYN/ACK.
	StreamSYNACKStart
	// StreamIgnored: not tracked; no bytes are delivered.
	StreamIgnored
	// StreamRST: a reset closed the session.
	StreamRST
	// StreamRSTSuspect: the session went on after a reset.
	StreamRSTSuspect
	// StreamEstablished: the handshake was completed or taken for granted.
	StreamEstablished
	// StreamSYNAgain: the client began anew; the server has not agreed yet.
	StreamSYNAgain
	// StreamUnseen: the start was not seen; Stream.Midstream was applied.
	StreamUnseen
)

// Stream is the TCP part of a flow: session state and both directions'
// reassembly. It lives as long as its Flow.
type Stream struct {
	State TCPState
	// TCPFlags are all flag bits seen, by direction (EVE: tcp_flags_ts,
	// tcp_flags_tc).
	TCPFlags  [2]uint8
	beforeRST TCPState
	Flags     StreamFlags
	Midstream MidstreamPolicy // what was applied, if StreamUnseen
	synacks   uint8           // SYN/ACKs that differed from the first
	syns      uint8           // SYNs that differed from the first
	resetBy   Dir

	justEstablished bool

	half  [2]half
	other offer // the last SYN or SYN/ACK that differed
}

// offer is what a SYN says about its sender.
type offer struct {
	isn, window uint32
	wscale      uint8
	hasWScale   bool
}

// halfFlags are facts about one sender.
type halfFlags uint16

const (
	halfSeen   halfFlags = 1 << iota // a packet came from here
	halfSYN                          // its SYN or SYN/ACK was seen
	halfFIN                          // finSeq is known
	halfClosed                       // Sink.Close was called
	halfDepth                        // Config.Depth was reached
	halfTS                           // tsVal is known
	halfStray                        // strayEnd is known
	halfData                         // payload came from here
	halfScale                        // its SYN offered a window scale
)

// half is what is known of one sender and its bytes. Sequence numbers are as
// on the wire; offsets count from the stream's first byte and never wrap.
type half struct {
	next   uint32 // end of what was sent
	acked  uint32 // what the peer has acknowledged
	edge   uint32 // what the peer allows
	window uint32 // this sender's own window, scaled
	base   uint32 // sequence number at offset app
	tsVal  uint32
	app    uint64 // delivered or given up, urgent bytes included
	flags  halfFlags
	wscale uint8
	policy Policy // the receiver's overlap policy
	finSeq uint32

	head, tail, root uint32 // pieces buffered: list and tree
	count            int32
	bytes            int32
	regions          uint32
	maxRegions       uint32

	isn      uint32
	strayEnd uint32 // end of the last segment that was out of window
	strays   uint8  // segments out of window since the peer was last heard
	urgents  uint8
	eaten    uint64 // bytes that count in app and reach nobody: urgent ones, those past the depth
	urgent   [4]uint64
}

func (h *half) has(f halfFlags) bool { return h.flags&f != 0 }

// offset is the stream offset of seq; negative before the first byte.
func (h *half) offset(seq uint32) int64 { return int64(h.app) + int64(int32(seq-h.base)) }

// Sequence numbers compare modulo 2^32 (RFC 9293 §3.4).
func seqLess(a, b uint32) bool { return int32(a-b) < 0 }

func seqMax(a, b uint32) uint32 {
	if seqLess(a, b) {
		return b
	}
	return a
}

// Established reports whether the session got past its handshake or was picked
// up in mid-stream; it stays true when the session closes.
func (s *Stream) Established() bool { return s.Flags&StreamEstablished != 0 }

// JustEstablished reports whether it was the packet that came last that made
// Established true.
func (s *Stream) JustEstablished() bool { return s.justEstablished }

// Size is the sequence space direction d has used, the SYN included, as
// Suricata's stream_size counts.
func (s *Stream) Size(d Dir) uint64 { return uint64(s.half[d].next - s.half[d].isn) }

// ISN is the initial sequence number of direction d; for a stream picked up
// later, the one before the first byte seen.
func (s *Stream) ISN(d Dir) uint32 { return s.half[d].isn }

// NextSeq is the sequence number that direction d is expected to use next.
func (s *Stream) NextSeq(d Dir) uint32 { return s.half[d].next }

// AppOffset is the number of bytes of direction d given to the sink, gaps
// included: the off of the next Sink.Data.
func (s *Stream) AppOffset(d Dir) uint64 { return s.half[d].app - s.half[d].eaten }

// Buffered is the number of bytes of direction d that wait for an ACK or for
// earlier bytes.
func (s *Stream) Buffered(d Dir) int { return int(s.half[d].bytes) }

// MaxRegions is the most separate pieces the buffer of direction d held at
// once, at least 1 (EVE: ts_max_regions, tc_max_regions).
func (s *Stream) MaxRegions(d Dir) int { return max(1, int(s.half[d].maxRegions)) }

// AllFlags is the union of both directions' flag bits (EVE: tcp_flags).
func (s *Stream) AllFlags() uint8 { return s.TCPFlags[0] | s.TCPFlags[1] }
