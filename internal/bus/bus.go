// Package bus carries records from the sensor to those who use them, at least
// once and in order.
//
// The contract is Source and Sink; package bustest holds every implementation to
// it. There are two: the spool in this package, and NATS JetStream in package
// nats, which ships the spool's blocks as they are. Each record has an ID that
// stays the same however often and by whichever way it is delivered.
//
// It owns the spool: a directory of segments with compressed, checksummed
// blocks, and one cursor for each reader. On one machine the spool directory is
// the bus. What is appended survives a kill of the process at once (the bytes
// are with the kernel) and a loss of power after the next sync; a reader that
// dies sees again what it had not acknowledged. The spool is bounded: when it
// is full the oldest segment goes, and what no reader had acknowledged is
// counted as lost, with its cause.
package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Options bound a spool. Zero fields mean the default.
type Options struct {
	SegmentBytes int64         // a segment is closed at this size; 16 MiB
	MaxBytes     int64         // all segments together; 1 GiB
	MaxAge       time.Duration // looked at when a segment is closed; 0: no limit
	// BlockBytes bounds the records in one block, before compression, so that a
	// block fits into a message of a bus: more are several blocks, a record
	// beyond it is a block of its own; 512 KiB.
	BlockBytes int
	// Sensor names the origin in the ID of records; "local".
	Sensor string
	// SyncEvery is how often appended blocks are forced to the disk; 1 s. Append
	// does not wait for it. A negative value syncs every block before its Append
	// returns.
	SyncEvery time.Duration
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time

	sync syncer // nil means (*os.File).Sync
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 16 << 20
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	// Two segments at least, so that there is one to remove.
	o.SegmentBytes = min(o.SegmentBytes, o.MaxBytes/2)
	if o.SyncEvery == 0 {
		o.SyncEvery = time.Second
	}
	if o.BlockBytes <= 0 {
		o.BlockBytes = 512 << 10
	}
	if o.Sensor == "" {
		o.Sensor = "local"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.sync == nil {
		o.sync = (*os.File).Sync
	}
	return o
}

// Position is a place between two blocks: what stands before it is done.
type Position struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// String prints segment:offset.
func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Segment, p.Offset) }

// Batch is one block: records in the order of their append. The memory is the
// reader's until its next call.
type Batch struct {
	Records [][]byte
	// Origin is where the block was first appended, the same at each delivery.
	Origin Origin
	// End is the position behind the block in the source it was read from: what
	// Ack takes.
	End Position
}

// ID identifies the i-th record of the batch.
func (b Batch) ID(i int) ID { return ID{b.Origin, i} }

// Origin is the place of a block in the spool of the sensor that wrote it.
type Origin struct {
	Sensor string // Options.Sensor
	// Spool is the spool's identity: positions begin anew when the folder of a
	// sensor is made anew, and must not be taken for the old ones.
	Spool string
	Start Position
}

// ID identifies a record for ever: what was seen with the same ID is the same
// record.
type ID struct {
	Origin
	Index int // in the block
}

// String prints sensor/spool/segment/offset/index.
func (i ID) String() string {
	return fmt.Sprintf("%s/%s/%d/%d/%d", i.Sensor, i.Spool, i.Start.Segment, i.Start.Offset, i.Index)
}

// Sink takes records: several goroutines may append. The records of one call
// stay together and in order. After an error none of them is kept.
type Sink interface {
	Append(records ...[]byte) error
}

// Source hands out records in the order of each sensor's appends, at least once:
// what was not acknowledged comes again, with the same ID, to the next source of
// the same name. Sources of other names are not concerned. It belongs to one
// goroutine.
type Source interface {
	// Next waits for the next block. It returns ctx's error when that ends, and
	// ErrClosed when there will be none; a block that is damaged is skipped and
	// counted.
	Next(ctx context.Context) (Batch, error)
	// Ack says that everything before end is done; it will not come again once
	// Ack has returned nil.
	Ack(end Position) error
	// Close releases the source; what it has acknowledged stays so.
	Close() error
}

// Counters are a spool's totals since it was opened.
type Counters struct {
	Blocks, Records, Bytes uint64 // appended
	// LostFull and LostAge are segments removed before every reader had
	// acknowledged them, because the spool was full or they were too old.
	LostFull, LostAge uint64
	// Damaged are blocks skipped for a wrong checksum, and ends of segments given
	// up because no block could be found in them.
	Damaged     uint64
	WriteErrors uint64 // appends that failed; their records are lost
	// SyncErrors are attempts to force blocks to the disk that failed; the next
	// one tries again. A loss of power may take what they were about.
	SyncErrors uint64
}

// Bounds of what is read back.
const (
	maxBlock   = 64 << 20
	maxRaw     = maxBlock - 1<<20 // zstd may add a little to what it can't pack
	maxRecords = 1 << 20
)

// ErrClosed says that the spool was closed.
var ErrClosed = errors.New("spool is closed")
