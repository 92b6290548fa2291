package capture

import (
	"context"
	"time"
)

// Deadline lets a context interrupt a blocking read of a source through the
// read deadline of its file or socket. It costs nothing while the context
// stays the same from call to call, which is how sources are read. It belongs
// to the goroutine that reads.
type Deadline struct {
	ctx  context.Context
	conn deadliner
	stop func() bool
}

// deadliner is a net.Conn or an *os.File.
type deadliner interface{ SetReadDeadline(time.Time) error }

// Watch makes the end of ctx end reads of conn with os.ErrDeadlineExceeded.
// What cannot be polled (regular files) refuses deadlines and is left alone.
func (d *Deadline) Watch(ctx context.Context, conn deadliner) {
	if d.ctx == ctx {
		return
	}
	if d.stop != nil && !d.stop() {
		d.Clear()
	}
	d.ctx, d.conn = ctx, conn
	d.stop = context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
}

// Clear lifts an expired deadline. An interrupt of an earlier context may
// still be on its way when the next one is watched, so a reader whose deadline
// expired although its context lives clears it and reads again.
func (d *Deadline) Clear() {
	if d.conn != nil {
		_ = d.conn.SetReadDeadline(time.Time{})
	}
}

// Stop ends the watch.
func (d *Deadline) Stop() {
	if d.stop != nil {
		d.stop()
	}
}
