package detect

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// TestTCPSession checks the phases of a session as its states tell them.
func TestTCPSession(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert tcp any any -> any any", "tcp.session:setup")+
		ruleOf(2, "alert tcp any any -> any any", "tcp.session:established")+
		ruleOf(3, "alert tcp any any -> any any", "tcp.session:closing")+
		ruleOf(4, "alert tcp any any -> any any", "tcp.session:setup, closing"))
	r.f.TCP.State, r.f.TCP.Flags = flow.TCPSYNSent, 0
	r.want(r.send(toServer, ""), 1, 4)
	r.f.TCP.State, r.f.TCP.Flags = flow.TCPEstablished, flow.StreamEstablished
	r.f.Pkts = [2]uint64{5, 5}
	r.want(r.send(toClient, "x"), 2)
	r.f.TCP.State = flow.TCPCloseWait
	r.want(r.send(toServer, ""), 2, 3, 4)
	r.f.TCP.State = flow.TCPClosed
	r.want(r.send(toClient, ""), 2)
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, "x"))
}
