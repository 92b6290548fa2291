package cli

import (
	"fmt"
	"io"
	"math"

	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// openEvidence opens the folder of --evidence and has cfg keep captures there:
// every one, since the traffic of files ends.
func (f *inspectFlags) openEvidence(cfg *sensor.Config) (io.Closer, error) {
	if f.evidence == "" {
		return io.NopCloser(nil), nil
	}
	store, err := evidence.OpenStore(f.evidence, evidence.StoreOptions{MaxBytes: math.MaxInt64, Wait: true})
	if err != nil {
		return nil, fail(err, "--evidence names a folder for pcap files; it is made if it is not there")
	}
	cfg.Evidence = &sensor.Evidence{Sink: store}
	return store, nil
}

// warnEvidence tells of alerts whose packets were not kept.
func (a *app) warnEvidence(w *sensor.Worker) {
	c := w.Evidence()
	if n := c.LostFlow + c.LostOpen; n > 0 {
		fmt.Fprintf(a.err, "warning: the packets of %d alerts were not kept: %d because their flow had enough captures, %d because too many were open\n", n, c.LostFlow, c.LostOpen)
	}
	if c.Truncated > 0 {
		fmt.Fprintf(a.err, "warning: %d captures begin late: their flow's first packets were too long ago\n", c.Truncated)
	}
}
