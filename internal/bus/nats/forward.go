package nats

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mirrorwall/mirrorwall/internal/bus"
)

// groupBytes is how much goes into one message: beyond it a round trip costs
// little, and servers take 1 MiB by default.
const groupBytes = 512 << 10

// Forwarder ships a spool to the bus.
type Forwarder struct {
	c *Conn
	r *bus.Reader

	sent, resent, acked, bytes, refused atomic.Uint64
}

// ForwardCounters are a Forwarder's totals.
type ForwardCounters struct {
	Sent   uint64 // messages, each attempt
	Resent uint64 // attempts after one that had no answer
	Acked  uint64 // messages that the server has stored
	Bytes  uint64 // of blocks stored
	// Refused are messages that no server will ever take, because a block is
	// beyond its limit: lost to the bus.
	Refused uint64
}

// NewForwarder reads the spool under the cursor name, which no one else may use.
// Close it.
func (c *Conn) NewForwarder(spool *bus.Spool, cursor string) (*Forwarder, error) {
	r, err := spool.Reader(cursor)
	if err != nil {
		return nil, err
	}
	return &Forwarder{c: c, r: r}, nil
}

// Close releases the cursor, which stays.
func (f *Forwarder) Close() error { return f.r.Close() }

// Counters returns the totals so far.
func (f *Forwarder) Counters() ForwardCounters {
	return ForwardCounters{
		Sent: f.sent.Load(), Resent: f.resent.Load(), Acked: f.acked.Load(),
		Bytes: f.bytes.Load(), Refused: f.refused.Load(),
	}
}

// Run ships until ctx ends, whose error it returns, or the spool was closed and
// everything has been stored: nil. Other errors are the spool's. One message is
// under way at a time, which keeps the order, and the spool's cursor moves only
// after the server has said that it stored the message on its replicas.
func (f *Forwarder) Run(ctx context.Context) error {
	for {
		b, err := f.r.NextBlocks(ctx, groupBytes)
		if errors.Is(err, bus.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if !isWord(b.Origin.Sensor) {
			return &Error{fmt.Sprintf("sensor: want letters, digits, - and _, got %q", b.Origin.Sensor), "give the sensor another name:"}
		}
		if err := f.ship(ctx, b); err != nil {
			return err
		}
		if err := f.r.Ack(b.End); err != nil {
			return err
		}
	}
}

// ship repeats until the message is stored.
func (f *Forwarder) ship(ctx context.Context, b bus.Blocks) error {
	msg := &natsgo.Msg{
		Subject: f.c.subject(b.Origin.Sensor),
		Header:  natsgo.Header{jetstream.MsgIDHeader: {messageID(b.Origin, b.End.Offset)}},
		Data:    b.Data,
	}
	for attempt := 0; ; attempt++ {
		f.sent.Add(1)
		if attempt > 0 {
			f.resent.Add(1)
		}
		wait, cancel := context.WithTimeout(ctx, f.c.opt.Wait)
		_, err := f.c.js.PublishMsg(wait, msg, jetstream.WithExpectStream(f.c.stream()), jetstream.WithRetryAttempts(0))
		cancel()
		switch {
		case err == nil:
			f.acked.Add(1)
			f.bytes.Add(uint64(len(b.Data)))
			return nil
		case errors.Is(err, natsgo.ErrMaxPayload):
			f.refused.Add(1)
			return nil
		case errors.Is(err, natsgo.ErrConnectionClosed):
			return err
		}
		if !f.c.sleep(ctx, attempt+1) {
			return ctx.Err()
		}
	}
}

// messageID names the blocks from a position up to an offset in its segment:
// other blocks have another one, in whatever groups they are sent again.
func messageID(o bus.Origin, end int64) string {
	return fmt.Sprintf("%s/%s/%d/%d-%d", o.Sensor, o.Spool, o.Start.Segment, o.Start.Offset, end)
}
