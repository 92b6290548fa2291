package demo

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/replay"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// Player mirrors scenario traffic to a sensor.
type Player struct {
	Seed   uint64
	Speed  float64 // 1: real time
	Ledger *Ledger
	Once   bool // end when every attack was played to its end

	sent atomic.Uint64
}

// Sent is the number of datagrams sent so far.
func (p *Player) Sent() uint64 { return p.sent.Load() }

// maxLag is what a sensor's default socket buffer takes in one burst.
const maxLag = 20 * time.Millisecond

// Run plays to the sensor at to until ctx ends, which is no error, or all is played.
func (p *Player) Run(ctx context.Context, to netip.AddrPort) error {
	vnis := map[netip.Addr]uint32{}
	for _, h := range traffic.Fleet() {
		vnis[h.Addr] = h.VNI
	}
	s := replay.NewSender(to)
	pace := replay.Pacer{Speed: p.Speed, MaxLag: maxLag}
	var err error
	for f := range traffic.Mix(p.Seed, time.Now()) {
		if pace.Wait(ctx, f.Time) != nil {
			break
		}
		p.Ledger.Note(&f)
		if err = s.Send(f.Data, vnis[f.ENI]); err != nil {
			break
		}
		p.sent.Store(s.C.Frames)
		if p.Once && f.Last && p.Ledger.Whole() {
			break
		}
	}
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	return err
}
