package tls

import "github.com/mirrorwall/mirrorwall/internal/proto"

// The frames: for every record its header, what is behind it, and both; and
// the inside of alerts and heartbeats once more under their own names.
const (
	framePDU = iota
	frameHeader
	frameData
	frameAlert
	frameHeartbeat
	frameV2Header
	frameV2PDU
)

func frameNames() []string {
	return []string{
		framePDU: "pdu", frameHeader: "hdr", frameData: "data", frameAlert: "alert",
		frameHeartbeat: "heartbeat", frameV2Header: "ssl2.hdr", frameV2PDU: "ssl2.pdu",
	}
}

// SetFrames tells the parser who wants its frames; nil is nobody.
func (p *parser) SetFrames(f *proto.Frames) { p.frames = f }

// tellFrames tells of the record that has begun; behind its header are behind
// bytes of what Data was given.
func (p *parser) tellFrames(d proto.Dir, s *side, behind int) {
	if p.frames == nil || s.stop {
		return
	}
	id := p.tx.ID
	p.frames.AddTx(d, frameHeader, behind+recordHeader, recordHeader, id)
	p.frames.AddTx(d, framePDU, behind+recordHeader, recordHeader+s.length, id)
	p.frames.AddTx(d, frameData, behind, s.length, id)
	switch s.kind {
	case recordAlert:
		p.frames.AddTx(d, frameAlert, behind, s.length, id)
	case recordHeartbeat:
		p.frames.AddTx(d, frameHeartbeat, behind, s.length, id)
	}
}

// tellV2Frames is tellFrames for a record in SSLv2 framing, whose header has
// size bytes.
func (p *parser) tellV2Frames(d proto.Dir, s *side, size, behind int) {
	if p.frames == nil || s.stop {
		return
	}
	p.frames.AddTx(d, frameV2Header, behind+size, size, p.tx.ID)
	p.frames.AddTx(d, frameV2PDU, behind+size, size+s.length, p.tx.ID)
}
