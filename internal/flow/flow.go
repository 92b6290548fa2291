// Package flow keeps the table of flows and puts TCP streams together.
//
// A Table belongs to one worker: no locks, no allocation per packet in steady
// state, packet time is the only clock. Mid-stream and one-sided flows are
// normal life here: a mirror starts late and may show one direction only.
package flow

import "github.com/mirrorwall/mirrorwall/internal/packet"

// Dir is the direction inside a flow; see packet.Dir.
type Dir = packet.Dir

// Directions.
const (
	ToServer = packet.ToServer
	ToClient = packet.ToClient
)

// Key identifies a flow whichever way its packets travel: Lo is the smaller
// (address, port) end. Tenant keeps overlapping address ranges apart.
type Key struct {
	Lo, Hi         packet.Addr
	LoPort, HiPort uint16
	Tenant         uint32
	VLAN           uint32 // up to two ids folded, 0 when vlan tracking is off
	Proto          uint8
	Depth          uint8 // recursion level (tunnel depth), 0 when tracking is off
}

// State is a flow's life cycle, in EVE's words.
type State uint8

// Flow states.
const (
	StateNew State = iota
	StateEstablished
	StateClosed
	StateBypassed
)

// String returns EVE's spelling.
func (s State) String() string {
	return [...]string{"new", "established", "closed", "bypassed"}[s]
}

// Reason says why a flow ended.
type Reason uint8

// Reasons of a flow's end, in EVE's words.
const (
	ReasonNone     Reason = iota
	ReasonTimeout         // idle longer than its state allows
	ReasonForced          // evicted: a bound was hit, or the tuple was used anew
	ReasonShutdown        // the capture ended
)

// String returns EVE's spelling.
func (r Reason) String() string {
	return [...]string{"", "timeout", "forced", "shutdown"}[r]
}

// FlowFlags are facts gathered over a flow's life.
type FlowFlags uint32

// Flow flags.
const (
	// FlagMidstream: the first packet seen was not the start.
	FlagMidstream FlowFlags = 1 << iota
	// FlagOneSided: only one direction has been seen with payload.
	FlagOneSided
	// FlagGap: bytes are missing in a stream.
	FlagGap
	// FlagTruncated: a packet was cut by the capture or the mirror.
	FlagTruncated
	// FlagDup: duplicate copies were seen and ignored.
	FlagDup
	// FlagSwapped: client and server were exchanged after the first packet.
	FlagSwapped
	// FlagNoInspect: a pass rule or a policy ended inspection.
	FlagNoInspect
	// FlagBypass: a rule asks for Table.Bypass.
	FlagBypass
	// FlagNoPayloadInspect: payload is encrypted; stop scanning it.
	FlagNoPayloadInspect
	// FlagAlerted: a signature matched.
	FlagAlerted
	// FlagDepth: a stream went past the reassembly depth.
	FlagDepth
	// FlagOverlap: retransmitted bytes differed from the first copy.
	FlagOverlap
)

// Flow is one flow, owned by its Table. Pointers are good until Sink.End
// returns for it; afterwards the memory is used again. What every packet
// touches stands first, in three cache lines.
type Flow struct {
	Key  Key
	Last int64   // packet time, nanoseconds
	TCP  *Stream // nil unless TCP

	Flags     FlowFlags
	State     State
	Reason    Reason
	IPVersion uint8
	clientHi  bool // the client is Key.Hi

	LastDir [2]int64
	Pkts    [2]uint64 // by Dir
	Bytes   [2]uint64 // of whole frames, see Table.Track
	Payload [2]uint64 // transport payload bytes by Dir, retransmissions included
	MinTTL  [2]uint8
	MaxTTL  [2]uint8
	index   uint32 // place in the table's slab, 0 when not in use

	// Attachments of later rooms; the table never looks inside. Sink.End
	// must clear and recycle them.
	App    any // *proto.Session
	Detect any // *detect.FlowState
	AppID  any // *appid.State
	Owner  any // the sensor's own state

	// Client and Server as known now; Client sent the first packet unless
	// FlagSwapped.
	Client, Server         packet.Addr
	ClientPort, ServerPort uint16
	Alerts                 uint32

	Hash uint64
	// ID is EVE's flow_id: stable for the flow, repeatable for a capture,
	// below 2^53 so that every JSON reader keeps it whole.
	ID     uint64
	Start  int64 // packet time, nanoseconds
	VLAN   [3]uint16
	VLANs  uint8
	ICMP   [4]uint8      // type, code of the request; type, code of the response
	Mirror packet.Mirror // of the first packet
}

// SPI is the security parameters index of an ESP flow (RFC 4303 §2.1), which
// stands in the key's ports.
func (f *Flow) SPI() uint32 { return uint32(f.Key.LoPort)<<16 | uint32(f.Key.HiPort) }

// DirOf tells which way p travels in f.
func (f *Flow) DirOf(p *packet.Packet) Dir {
	if p.Src == f.Client && p.SrcPort == f.ClientPort {
		return ToServer
	}
	return ToClient
}

// Sink is who uses the bytes of a flow: the sensor's worker. Calls come from
// inside Table.Track, Table.Expire and Table.Flush, in stream order; it must
// not call the table back. Slices are borrowed. Data that an ACK releases comes
// while that ACK is tracked, so its direction is mostly against the packet's.
type Sink interface {
	// Begin is called when a flow is made, with its first packet.
	Begin(f *Flow, p *packet.Packet)
	// Data hands over the next bytes of one direction of a TCP stream. off is
	// the stream offset of b[0] (0 = first byte after the SYN, or the first
	// byte seen in mid-stream).
	Data(f *Flow, d Dir, b []byte, off uint64)
	// Gap says that n bytes of direction d will never come.
	Gap(f *Flow, d Dir, n int)
	// Close says that direction d sends no more (FIN, RST, or the flow's end).
	Close(f *Flow, d Dir)
	// Event reports a stream anomaly of the packet being tracked.
	Event(f *Flow, e Event)
	// Last says that f ends and that nothing of direction d is left to deliver.
	// It comes once for each direction of every flow, ToServer first; what is
	// left of ToClient is delivered after Last for ToServer.
	Last(f *Flow, d Dir)
	// End is the last call for f: log it and recycle the attachments.
	End(f *Flow)
}
