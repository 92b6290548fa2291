package evidence

import (
	"encoding/binary"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Frame is one packet as the sensor was given it. Data is borrowed.
type Frame struct {
	Time    int64 // nanoseconds since the epoch
	WireLen int
	Link    packet.LinkType
	Outer   packet.Outer // as in packet.FrameInfo: Data may begin at the tunnel header
	Data    []byte
}

// ring is a block of memory with the newest packets of a worker, of all flows in
// the order of their coming. A place in it is the number of bytes written before:
// it is never used twice, so that a place tells by itself whether its packet has
// been overwritten.
type ring struct {
	buf  []byte
	head uint64
}

// A packet in the ring stands behind its head: the place of the flow's packet
// before it, plus one, and what Frame has besides the data.
const frameHead = 8 + 8 + 4 + 4 + 2 + 1 + 1 + 16 + 16 + 2 + 2

// maxFrame is as long as the longest datagram that a sensor receives.
const maxFrame = 9216

// add writes f with a pointer to the packet at prev-1 (0: there is none) and
// returns the place of f plus one. Longer frames are cut.
func (r *ring) add(prev uint64, f *Frame) uint64 {
	data := f.Data[:min(len(f.Data), maxFrame)]
	need := uint64(frameHead + len(data))
	size := uint64(len(r.buf))
	if left := size - r.head%size; left < need {
		r.head += left
	}
	at := r.head
	r.head += need
	b := r.buf[at%size:][:need]
	le := binary.LittleEndian
	le.PutUint64(b, prev)
	le.PutUint64(b[8:], uint64(f.Time))
	le.PutUint32(b[16:], uint32(len(data)))
	le.PutUint32(b[20:], uint32(f.WireLen))
	le.PutUint16(b[24:], uint16(f.Link))
	b[26] = byte(f.Outer.Encap)
	copy(b[28:], f.Outer.Src[:])
	copy(b[44:], f.Outer.Dst[:])
	le.PutUint16(b[60:], f.Outer.SrcPort)
	le.PutUint16(b[62:], f.Outer.DstPort)
	copy(b[frameHead:], data)
	return at + 1
}

// get reads the packet at place-1 into f, whose Data borrows the ring until the
// next add. prev is the flow's packet before it; ok is false when there is none, or
// when it has been overwritten.
func (r *ring) get(place uint64, f *Frame) (prev uint64, ok bool) {
	size := uint64(len(r.buf))
	if place == 0 || r.head-(place-1) > size {
		return 0, false
	}
	b := r.buf[(place-1)%size:]
	le := binary.LittleEndian
	n := le.Uint32(b[16:])
	*f = Frame{
		Time: int64(le.Uint64(b[8:])), WireLen: int(le.Uint32(b[20:])), Link: packet.LinkType(le.Uint16(b[24:])),
		Outer: packet.Outer{
			Encap: packet.Encap(b[26]), Src: packet.Addr(b[28:44]), Dst: packet.Addr(b[44:60]),
			SrcPort: le.Uint16(b[60:]), DstPort: le.Uint16(b[62:]),
		},
		Data: b[frameHead : frameHead+n],
	}
	return le.Uint64(b), true
}
