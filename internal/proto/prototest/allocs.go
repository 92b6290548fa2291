package prototest

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Allocs plays every case on a warm parser and wants no allocation.
func Allocs(t *testing.T, d *proto.Descriptor, cases []Case) {
	t.Helper()
	for i := range cases {
		c := &cases[i]
		p := d.New(&c.Config)
		flow := func() {
			p.Reset()
			for _, s := range c.Script {
				if p.Data(s.Dir, s.Bytes).Stop {
					break
				}
			}
			p.Close(proto.ToServer)
			p.Close(proto.ToClient)
			p.Free(len(p.Txs()))
		}
		if n := testing.AllocsPerRun(20, flow); n != 0 {
			t.Errorf("%s: %v allocations", c.Name, n)
		}
	}
}
