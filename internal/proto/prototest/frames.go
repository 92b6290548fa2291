package prototest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// runFrames checks that a case shows the same frames, and the same bytes in
// each, however its segments are cut.
func runFrames(t *testing.T, d *proto.Descriptor, c *Case) {
	whole := steps(c.Script)
	want := framesOf(t, d, c, whole)
	if c.UDP {
		return
	}
	for _, n := range pick([]int{1, 3, 7, 1000}) {
		if diff := cmp.Diff(want, framesOf(t, d, c, cut(whole, n))); diff != "" {
			t.Errorf("frames differ in pieces of %d (-whole +cut):\n%s", n, diff)
		}
	}
}

// framesOf plays a script and returns the frames of each direction.
func framesOf(t *testing.T, d *proto.Descriptor, c *Case, script []step) (out [2][]string) {
	k := newKit(t, d, c)
	var all proto.FrameSet
	for kind := range d.Frames {
		all.Add(uint8(kind))
	}
	k.pool.Frames = []proto.FrameSet{all}
	s := k.pool.Get(c.UDP, 0, clientPort)
	take := func() {
		if s.Frames() == nil {
			return
		}
		for _, dir := range [2]proto.Dir{proto.ToServer, proto.ToClient} {
			for i, f, b := s.Frames().Next(dir, 0); i >= 0; i, f, b = s.Frames().Next(dir, i+1) {
				out[dir] = append(out[dir], fmt.Sprintf("%s at %d length %d: %q", d.Frames[f.Type], f.Offset, len(b), b))
			}
			if lost := s.Frames().Sweep(dir); lost > 0 {
				t.Errorf("%d frames lost", lost)
			}
		}
	}
	for _, st := range script {
		s.Data(st.dir, st.b)
		if k.p != nil && k.p.upgrade != "" {
			break
		}
		take()
		k.settle(nil, s, 0)
	}
	s.Close(proto.ToServer)
	s.Close(proto.ToClient)
	take()
	k.pool.Put(s)
	for dir := range out {
		slices.Sort(out[dir])
	}
	return out
}
