package flow

// TCPState is the state of a session as a watcher of both sides names it.
type TCPState uint8

// TCP states.
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
	// StreamTimestamps: both sides sent timestamps (RFC 7323).
	StreamTimestamps
	// StreamIgnored: not tracked; no bytes are delivered.
	StreamIgnored
	// StreamRST: a valid reset closed the session.
	StreamRST
)

// Stream is the TCP part of a flow: session state and both directions'
// reassembly. It lives as long as its Flow.
type Stream struct {
	State TCPState
	Flags StreamFlags
	// TCPFlags are all flag bits seen, by direction (EVE: tcp_flags_ts,
	// tcp_flags_tc).
	TCPFlags [2]uint8

	half [2]half
}

// half is what is known of one sender's bytes.
type half struct {
	isn     uint32
	nextSeq uint32
	app     uint64
	regions uint8
}

// Established reports whether the session got past its handshake or was picked
// up in mid-stream; it stays true when the session closes.
func (s *Stream) Established() bool { return s.State >= TCPEstablished }

// Size is the sequence space direction d has used, the SYN included, as
// Suricata's stream_size counts.
func (s *Stream) Size(d Dir) uint64 { return uint64(s.half[d].nextSeq - s.half[d].isn) }

// ISN is the initial sequence number of direction d, or for a stream picked up
// later the one before the first byte seen.
func (s *Stream) ISN(d Dir) uint32 { return s.half[d].isn }

// NextSeq is the sequence number that direction d is expected to use next.
func (s *Stream) NextSeq(d Dir) uint32 { return s.half[d].nextSeq }

// AppOffset is the number of bytes of direction d given to the sink, gaps
// included.
func (s *Stream) AppOffset(d Dir) uint64 { return s.half[d].app }

// MaxRegions is the most separate pieces the buffer of direction d held at
// once, at least 1 (EVE: ts_max_regions, tc_max_regions).
func (s *Stream) MaxRegions(d Dir) int { return max(1, int(s.half[d].regions)) }

// AllFlags is the union of both directions' flag bits (EVE: tcp_flags).
func (s *Stream) AllFlags() uint8 { return s.TCPFlags[0] | s.TCPFlags[1] }
