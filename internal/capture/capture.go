// Package capture is where frames come from. Each source is a folder below it.
//
// A source owns the memory of its frames and lends it until the next
// ReadBatch. It never transmits: nothing in this tree writes to a captured
// network.
package capture

import (
	"context"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Frame is one captured frame. Data is borrowed until the next ReadBatch.
type Frame struct {
	Data    []byte
	WireLen int   // length on the wire, >= len(Data)
	Time    int64 // nanoseconds since the epoch
	Link    packet.LinkType
	// Outer is set by sources that receive datagrams rather than frames (udp):
	// Data then starts at the tunnel header, and Mirror's outer fields are
	// known from the socket.
	Outer Outer
}

// Outer is what a datagram socket knows of the headers that the kernel ate.
type Outer struct {
	Encap            packet.Encap // EncapVXLAN or EncapGENEVE; EncapNone: Data is a whole frame
	Src, Dst         packet.Addr
	SrcPort, DstPort uint16
}

// Batch is a reusable set of frames; ReadBatch sets N.
type Batch struct {
	Frames []Frame
	N      int
}

// Counters are totals since Open; a reader may snapshot them at any time.
type Counters struct {
	Frames      uint64
	Bytes       uint64
	KernelDrops uint64 // lost before we could read them
	Truncated   uint64 // frames longer than the buffer or the snap length
	Malformed   uint64 // records or datagrams that carry no frame
}

// Source yields frames in the order of arrival.
type Source interface {
	// ReadBatch fills b with at least one frame, or returns io.EOF at the end
	// of a finite source, or ctx's error. The frames are lent until the next
	// call. Errors name the source and the place (file offset, address).
	ReadBatch(ctx context.Context, b *Batch) error
	// Counters returns the totals so far; safe from another goroutine.
	Counters() Counters
	Close() error
}
