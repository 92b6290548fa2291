package traffic

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// mss is the TCP payload of a full segment: 1500 - 20 - 20 - 12 of timestamps
// over IPv4, and 20 less over IPv6.
const (
	mss4 = 1448
	mss6 = 1428
)

// Scene collects the frames of conversations. New conversations begin at its
// clock; its random numbers follow from the seed. Not for several goroutines.
type Scene struct {
	rng    *rand.Rand
	now    int64
	frames []Frame
	port   uint16
	ipID   uint16
}

// NewScene begins a scene.
func NewScene(seed uint64, start time.Time) *Scene {
	rng := rand.New(rand.NewPCG(seed, 0x7363656e65))
	return &Scene{
		rng:  rng,
		now:  start.UnixNano(),
		port: 32768 + uint16(rng.IntN(20000)),
		ipID: uint16(rng.Uint32()),
	}
}

// Frames returns what happened, in order of time.
func (s *Scene) Frames() []Frame {
	slices.SortStableFunc(s.frames, byTime)
	return s.frames
}

// Wait moves the clock of the scene.
func (s *Scene) Wait(d time.Duration) { s.now += int64(d) }

// waitAbout is Wait with a quarter more or less.
func (s *Scene) waitAbout(d time.Duration) { s.Wait(d*3/4 + time.Duration(s.rng.Int64N(int64(d)/2+1))) }

// client gives a host an ephemeral port.
func (s *Scene) client(a netip.Addr) netip.AddrPort {
	s.port += uint16(1 + s.rng.IntN(7))
	if s.port < 32768 || s.port > 60999 {
		s.port = 32768
	}
	return netip.AddrPortFrom(a, s.port)
}

// bytes returns n random bytes: what ciphertext looks like.
func (s *Scene) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
	return b
}

// letters returns n characters of an alphabet.
func (s *Scene) letters(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[s.rng.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	hexDigits = "0123456789abcdef"
	base32    = "abcdefghijklmnopqrstuvwxyz234567"
	alnum     = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// pick chooses one of several.
func pick[T any](s *Scene, of ...T) T { return of[s.rng.IntN(len(of))] }

// link is the way between two hosts as one mirrored interface sees it.
type link struct {
	sc  *Scene
	end [2]netip.AddrPort // by packet.Dir of what they send: client, server
	own packet.Dir        // what the mirrored interface sends
	eni netip.Addr        // its primary address
	rtt time.Duration
	t   int64
	dir packet.Dir // who sent last
}

func (s *Scene) link(client, server netip.AddrPort) link {
	c, v := client.Addr(), server.Addr()
	l := link{sc: s, end: [2]netip.AddrPort{client, server}, t: s.now, rtt: 400 * time.Microsecond}
	l.eni = mirrored(c, v)
	if ours(v) && v != resolver() {
		l.own = packet.ToClient
	}
	if !ours(c) || !ours(v) {
		l.rtt = time.Duration(8+s.rng.IntN(40)) * time.Millisecond
	}
	return l
}

// turn moves the clock to the next frame of dir: a peer's answer takes a round
// trip, ours the time to think, more of the same next to nothing.
func (l *link) turn(dir packet.Dir) {
	step := int64(5_000 + l.sc.rng.IntN(40_000))
	switch {
	case dir == l.dir:
	case dir == l.own:
		step += int64(100_000 + l.sc.rng.IntN(900_000))
	default:
		step += int64(l.rtt)
	}
	l.t += step
	l.dir = dir
}

// put wraps a transport message of dir and records the frame.
func (l *link) put(dir packet.Dir, proto uint8, l4 []byte) {
	src, dst := l.end[dir].Addr(), l.end[dir.Opposite()].Addr()
	sm, dm, ttl := eniMAC(l.eni), routerMAC(), uint8(64)
	if dir != l.own {
		sm, dm = dm, sm
		ttl = 63
		if !ours(src) {
			ttl = 51
		}
	}
	typ := uint16(etherIPv4)
	if src.Is6() {
		typ = etherIPv6
	}
	l.sc.ipID++
	ip := IP{Src: src, Dst: dst, Proto: proto, TTL: ttl, ID: l.sc.ipID, DF: proto == packet.ProtoTCP}
	b := AppendEthernet(make([]byte, 0, 54+20+len(l4)), sm, dm, typ)
	l.sc.frames = append(l.sc.frames, Frame{Time: l.t, Data: ip.Append(b, l4), ENI: l.eni})
}

// Wait lets time pass within the conversation.
func (l *link) Wait(d time.Duration) { l.t += int64(d) }

// done moves the scene's clock to the end of the conversation.
func (l *link) done() { l.sc.now = max(l.sc.now, l.t) }

// UDP is an exchange of datagrams.
type UDP struct{ link }

// UDP begins an exchange.
func (s *Scene) UDP(client, server netip.AddrPort) *UDP {
	return &UDP{s.link(client, server)}
}

// Client sends a datagram to the server.
func (u *UDP) Client(b []byte) { u.send(packet.ToServer, b) }

// Server sends a datagram to the client.
func (u *UDP) Server(b []byte) { u.send(packet.ToClient, b) }

func (u *UDP) send(dir packet.Dir, b []byte) {
	u.turn(dir)
	u.put(dir, packet.ProtoUDP, AppendUDP(nil, u.end[dir], u.end[dir.Opposite()], b))
	u.done()
}

// Ping has a ask b n times, a second apart, and b answer.
func (s *Scene) Ping(a, b netip.Addr, n int) {
	l := s.link(netip.AddrPortFrom(a, 0), netip.AddrPortFrom(b, 0))
	proto := uint8(packet.ProtoICMP)
	if a.Is6() {
		proto = packet.ProtoICMPv6
	}
	id, body := uint16(s.rng.Uint32()), s.bytes(56)
	for i := range n {
		l.turn(packet.ToServer)
		l.put(packet.ToServer, proto, AppendEcho(nil, a, b, false, id, uint16(i+1), body))
		l.turn(packet.ToClient)
		l.put(packet.ToClient, proto, AppendEcho(nil, b, a, true, id, uint16(i+1), body))
		l.Wait(time.Second)
	}
	l.done()
}
