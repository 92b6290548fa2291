package replay

import (
	"context"
	"time"
)

// Pacer says when the next frame is due.
type Pacer struct {
	// Speed is how much faster than the capture's own clock frames are sent; 0
	// means 1. It is ignored when Rate is set.
	Speed float64
	// Rate is frames a second, whatever the capture's clock says; 0: none.
	Rate float64
	// MaxLag bounds how far behind the pace may fall before the clock waits for
	// the sender, so that a stall is not made up for in one burst; 0: never.
	MaxLag time.Duration

	began time.Time
	last  int64 // the greatest capture time so far
	due   time.Duration
	sent  float64
}

// slack is how early a frame may go: a sleep costs more than that.
const slack = 500 * time.Microsecond

// Wait returns when the frame of capture time t, in nanoseconds, is due, or
// ctx's error. Time that goes back in a capture is no time.
func (p *Pacer) Wait(ctx context.Context, t int64) error {
	if p.began.IsZero() {
		p.began, p.last = time.Now(), t
	}
	wait := time.Until(p.began.Add(p.next(t)))
	if late := -wait - p.MaxLag; p.MaxLag > 0 && late > 0 {
		p.began = p.began.Add(late)
	}
	if wait > slack {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return ctx.Err()
}

func (p *Pacer) next(t int64) time.Duration {
	if p.Rate > 0 {
		due := time.Duration(p.sent / p.Rate * float64(time.Second))
		p.sent++
		return due
	}
	speed := p.Speed
	if speed <= 0 {
		speed = 1
	}
	if t > p.last {
		p.due += time.Duration(float64(t-p.last) / speed)
		p.last = t
	}
	return p.due
}

// Restart keeps the pace over the seam between two rounds of one capture.
func (p *Pacer) Restart(t int64) { p.last = t }
