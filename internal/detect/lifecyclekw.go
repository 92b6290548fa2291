package detect

import (
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// tcpPhase is a set of what tcp.session names.
type tcpPhase uint8

const (
	phaseSetup tcpPhase = 1 << iota
	phaseEstablished
	phaseClosing
)

// parseTCPSession reads a list of setup, established and closing.
func parseTCPSession(b *builder, opt *rule.Option) error {
	var want tcpPhase
	for _, w := range splitArgs(opt.Value) {
		switch strings.ToLower(w) {
		case "setup":
			want |= phaseSetup
		case "established":
			want |= phaseEstablished
		case "closing":
			want |= phaseClosing
		default:
			return refuse(fmt.Sprintf("want setup, established or closing, got %q", w), "tcp.session:setup,established")
		}
	}
	b.packetTest(func(c *ctx) bool { return c.tcpPhase()&want != 0 })
	return nil
}

// tcpPhase tells where the session of the packet stands. A packet that begins to
// close an established session is of both phases.
func (c *ctx) tcpPhase() (ph tcpPhase) {
	if c.p.Proto != packet.ProtoTCP || c.f == nil || c.f.TCP == nil {
		return 0
	}
	switch c.f.TCP.State {
	case flow.TCPFINWait1, flow.TCPFINWait2, flow.TCPTimeWait, flow.TCPLastACK, flow.TCPCloseWait, flow.TCPClosing:
		ph = phaseClosing
	}
	if c.established() {
		return ph | phaseEstablished
	}
	if ph == 0 {
		ph = phaseSetup
	}
	return ph
}
