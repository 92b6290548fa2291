package traffic

import (
	"net/netip"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Conv is a TCP conversation. Its methods send what the ends say, cut into
// segments and acknowledged, and keep the sequence numbers.
type Conv struct {
	link
	seq  [2]uint32
	owed [2]int // segments received and not yet acknowledged, by sender
	mss  int
	ts   uint32    // offset of the timestamp clock
	sent [2]uint32 // last timestamp sent, by sender: what the peer echoes
}

// TCP begins a conversation with a handshake.
func (s *Scene) TCP(client, server netip.AddrPort) *Conv {
	c := s.conv(client, server)
	c.dir = packet.ToServer
	c.segment(packet.ToServer, packet.SYN, nil)
	c.segment(packet.ToClient, packet.SYN|packet.ACK, nil)
	c.segment(packet.ToServer, packet.ACK, nil)
	return c
}

// Refused is a connection attempt that the server resets.
func (s *Scene) Refused(client, server netip.AddrPort) {
	c := s.conv(client, server)
	c.segment(packet.ToServer, packet.SYN, nil)
	c.seq[packet.ToClient] = 0 // RFC 9293 §3.5.2: no sequence number yet
	c.segment(packet.ToClient, packet.RST|packet.ACK, nil)
	c.done()
}

func (s *Scene) conv(client, server netip.AddrPort) *Conv {
	c := &Conv{link: s.link(client, server), mss: mss4, ts: s.rng.Uint32()}
	c.seq = [2]uint32{s.rng.Uint32(), s.rng.Uint32()}
	if client.Addr().Is6() {
		c.mss = mss6
	}
	return c
}

// Client sends bytes to the server.
func (c *Conv) Client(b []byte) { c.say(packet.ToServer, b) }

// Server sends bytes to the client.
func (c *Conv) Server(b []byte) { c.say(packet.ToClient, b) }

// say cuts b into segments; the other end acknowledges every second.
func (c *Conv) say(dir packet.Dir, b []byte) {
	for len(b) > 0 {
		n := min(len(b), c.mss)
		flags := uint8(packet.ACK)
		if n == len(b) {
			flags |= packet.PSH
		}
		c.segment(dir, flags, b[:n])
		b = b[n:]
		if c.owed[dir] >= 2 {
			c.segment(dir.Opposite(), packet.ACK, nil)
		}
	}
}

// segment sends one segment with the numbers as they stand.
func (c *Conv) segment(dir packet.Dir, flags uint8, b []byte) {
	back := dir.Opposite()
	if len(b) > 0 || flags&(packet.SYN|packet.FIN) != 0 {
		c.turn(dir)
	} else {
		c.t += int64(3_000 + c.sc.rng.IntN(20_000)) // a bare ACK needs no thought
	}
	h := TCP{Seq: c.seq[dir], Flags: flags, Window: 502, Options: c.options(dir, flags)}
	if flags&packet.ACK != 0 {
		h.Ack = c.seq[back]
		c.owed[back] = 0
	}
	if flags&packet.SYN != 0 {
		h.Window = 64240
	}
	c.put(dir, packet.ProtoTCP, h.Append(nil, c.end[dir], c.end[back], b))
	c.seq[dir] += uint32(len(b))
	if flags&(packet.SYN|packet.FIN) != 0 {
		c.seq[dir]++
	}
	if len(b) > 0 {
		c.owed[dir]++
	}
}

// options are those of Linux: MSS, SACK permitted, timestamps and window scale
// in a SYN, timestamps after it, none in a reset.
func (c *Conv) options(dir packet.Dir, flags uint8) []byte {
	if flags&packet.RST != 0 {
		return nil
	}
	var o []byte
	if flags&packet.SYN != 0 {
		o = append(o, 2, 4)
		o = be.AppendUint16(o, uint16(c.mss+12))
		o = append(o, 4, 2, 8, 10)
	} else {
		o = append(o, 1, 1, 8, 10)
	}
	// One clock stands for both ends. RFC 7323 §4.1: echo what came last.
	c.sent[dir] = c.ts + uint32(c.t/1e6)
	o = be.AppendUint32(o, c.sent[dir])
	o = be.AppendUint32(o, c.sent[dir.Opposite()])
	if flags&packet.SYN != 0 {
		o = append(o, 1, 3, 3, 7)
	}
	return o
}

// Close ends the conversation, the client first.
func (c *Conv) Close() { c.close(packet.ToServer) }

// CloseServer ends the conversation, the server first.
func (c *Conv) CloseServer() { c.close(packet.ToClient) }

func (c *Conv) close(first packet.Dir) {
	c.segment(first, packet.FIN|packet.ACK, nil)
	c.segment(first.Opposite(), packet.FIN|packet.ACK, nil)
	c.segment(first, packet.ACK, nil)
	c.done()
}

// Reset ends the conversation rudely.
func (c *Conv) Reset(dir packet.Dir) {
	c.segment(dir, packet.RST|packet.ACK, nil)
	c.done()
}
