package sensor_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// flood is one packet each of n flows, every so many nanoseconds apart.
func flood(w *sensor.Worker, n int, apart int64) (end int64) {
	one := unknownUDP()[0]
	for i := range n {
		binary.BigEndian.PutUint32(one.data[14+12:], uint32(0x0b000000+i))
		play(w, []shot{one})
		one.time += apart
	}
	return one.time
}

func active(w *sensor.Worker) int {
	for _, st := range w.Snapshot() {
		if st.Name == "flow.active" {
			return int(st.Value)
		}
	}
	return -1
}

// TestExpireKeepsUp: however many flows are begun a second, those past their
// time end as fast; and they do when nothing comes any more.
func TestExpireKeepsUp(t *testing.T) {
	cfg := config(t, nil)
	cfg.Flow.Timeouts.UDP.New = 2 * time.Second
	w := sensor.NewWorker(cfg, &sink{}, nil)
	const rate = 5000
	end := flood(w, 10*rate, 1e9/rate)
	// A flow may be idle for 2 s; its bucket and the look at it come up to a
	// second later each.
	if n := active(w); n > 4*rate {
		t.Errorf("%d flows live after 10 s, want at most %d", n, 4*rate)
	}
	for s := range int64(5) {
		w.Idle(end + s*1e9)
	}
	if n := active(w); n != 0 {
		t.Errorf("%d flows live after 5 idle seconds, want 0", n)
	}
}
