package flow

// Counters are totals since the table was made, except where marked as gauge.
type Counters struct {
	Flows           uint64 // flows made
	Active          uint64 // gauge: live flows
	FlowsTCP        uint64
	FlowsUDP        uint64
	FlowsICMP       uint64
	FlowsOther      uint64
	Evicted         uint64 // ended early because MaxFlows was reached
	Reused          uint64 // ended early because a new session took the tuple
	EndTimeout      uint64 // ends by reason; EndForced includes the two above
	EndForced       uint64
	EndShutdown     uint64
	Duplicates      uint64 // packets with FlagDup
	Sessions        uint64 // TCP sessions begun, by handshake or pick-up
	Midstream       uint64 // of them picked up in mid-stream
	Async           uint64 // sessions found to be one-sided
	Ignored         uint64 // TCP flows without handshake, pick-up being off
	SYN             uint64
	SYNACK          uint64
	RST             uint64
	Segments        uint64 // segments buffered
	Overlaps        uint64 // segments that overlapped buffered ones
	OverlapsDiffer  uint64 // of them with other bytes
	Retransmissions uint64 // segments wholly delivered before
	Gaps            uint64
	GapBytes        uint64
	DepthReached    uint64 // directions that went past Config.Depth
	LimitHits       uint64 // deliveries forced by MaxSegments or MaxStreamBytes
	MemcapDrops     uint64 // segments dropped: ReassemblyMemory
	MemoryInUse     uint64 // gauge: bytes of reassembly buffers held
	UnackedForced   uint64 // deliveries forced by UnackedLimit
	InvalidPackets  uint64 // TCP packets that the session refused
	ChecksumDrops   uint64 // TCP packets ignored for a wrong checksum
	Events          uint64
}
