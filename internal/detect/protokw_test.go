package detect

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// TestDetectionEvent checks that an event of protocol detection is raised once
// for a flow, and that a stream without a start has no wrong side to begin.
func TestDetectionEvent(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert ip any any -> any any", `app-layer-event:applayer_proto_detection_skipped`)+
		ruleOf(2, "alert ip any any -> any any", `app-layer-event:applayer_detect_protocol_only_one_direction`)+
		ruleOf(3, "alert ip any any -> any any", `app-layer-event:applayer_wrong_direction_first_data`)+
		ruleOf(4, "alert ip any any -> any any", `app-layer-event:applayer_mismatch_protocol_both_directions`)).app(0)
	r.want(r.send(toServer, "x"))
	r.s.Events = 1 << proto.EventOneDirection
	r.want(r.send(toServer, "x"), 2)
	r.s.Events |= 1<<proto.EventSkipped | 1<<proto.EventMismatch
	r.want(r.send(toClient, "x"), 1, 4)
	r.want(r.send(toServer, "x"))
	r.f.Flags |= flow.FlagMidstream
	r.s.Events |= 1 << proto.EventWrongDirection
	r.want(r.send(toServer, "x"))
	r.f.Flags &^= flow.FlagMidstream
	r.want(r.send(toServer, "x"), 3)
}

// TestAppProtocol goes through what app-layer-protocol says of the four ways
// that the directions of a flow can be known.
func TestAppProtocol(t *testing.T) {
	other := &proto.Descriptor{Name: "other"}
	var text strings.Builder
	values := []string{
		1: "fake", 2: "fake1,to_server", 3: "fake,to_client", 4: "fake,final", 5: "fake,either", 6: "!fake",
		7: "!fake,final", 8: "!fake,either", 9: "failed", 10: "failed,final", 11: "!failed", 12: "unknown",
		13: "fake,original", 14: "!fake,original",
	}
	for sid, v := range values[1:] {
		text.WriteString(ruleOf(sid+1, "alert tcp any any -> any any", "flow:established; app-layer-protocol:"+v))
	}
	for _, c := range []struct {
		name     string
		ts, tc   int // 0 nothing yet, 1 fake, 2 other, 3 failed
		final    int
		original int
		ts1, tc1 []uint32
	}{
		{"nothing", 0, 0, 0, 0, []uint32{12}, []uint32{12}},
		{"one side", 1, 0, 1, 0, []uint32{1, 2, 4, 5, 11}, []uint32{2, 4, 5, 12}},
		{"both", 1, 1, 1, 0, []uint32{1, 2, 3, 4, 5, 11}, []uint32{1, 2, 3, 4, 5, 11}},
		{"two protocols", 1, 2, 2, 0, []uint32{1, 2, 5, 7, 11}, []uint32{2, 5, 6, 7, 11}},
		{"one failed", 1, 3, 1, 0, []uint32{1, 2, 4, 5, 11}, []uint32{2, 4, 5, 6, 9}},
		{"failed", 3, 3, 3, 0, []uint32{6, 7, 8, 9, 10}, []uint32{6, 7, 8, 9, 10}},
		{"failed, not both", 3, 0, 0, 0, []uint32{12}, []uint32{12}},
		{"changed", 2, 2, 2, 1, []uint32{6, 7, 8, 11, 13}, []uint32{6, 7, 8, 11, 13}},
		{"changed to it", 1, 1, 1, 2, []uint32{1, 2, 3, 4, 5, 11, 14}, []uint32{1, 2, 3, 4, 5, 11, 14}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, text.String()).app(0)
			of := []*proto.Descriptor{nil, r.rs.cfg.Registry.Descriptors[0], other, nil}
			r.s.By = [2]*proto.Descriptor{of[c.ts], of[c.tc]}
			r.s.Failed = [2]bool{c.ts == 3, c.tc == 3}
			r.s.Proto, r.s.Original = of[c.final], of[c.original]
			r.want(r.send(toServer, "x"), c.ts1...)
			r.want(r.send(toClient, "x"), c.tc1...)
		})
	}
	if _, rep := compileText(t, ruleOf(1, "alert tcp any any -> any any", "app-layer-protocol:!unknown")); rep.Refused != 1 {
		t.Error("!unknown: want it refused")
	}
}

// TestAppProtocolOnce checks that a rule on nothing but the protocol is put to
// one packet of each direction: the first behind the one that decided, and so
// again when the protocol has changed.
func TestAppProtocolOnce(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert tcp any any -> any any", "app-layer-protocol:fake,final")+
		ruleOf(2, "alert tcp any any -> any any", "flow:to_client; app-layer-protocol:fake,final")+
		ruleOf(3, "alert tcp any 1 -> any any", "app-layer-protocol:fake,final")).app(0)
	fake := r.rs.cfg.Registry.Descriptors[0]
	r.s.Proto = fake
	r.s.By = [2]*proto.Descriptor{}
	r.want(r.send(toServer, "x"))
	r.s.By[toServer] = fake
	r.want(r.send(toClient, "x"))
	r.want(r.send(toClient, "x"))
	r.want(r.send(toServer, "x"), 1)
	r.want(r.send(toServer, "x"))
	r.s.By[toClient] = fake
	r.want(r.send(toServer, "x"))
	r.want(r.send(toClient, "x"), 1, 2)
	r.want(r.send(toClient, "x"))
	r.s.Changes++
	r.want(r.send(toServer, "x"))
	r.want(r.send(toServer, "x"), 1)
	r.want(r.send(toServer, "x"))
}
