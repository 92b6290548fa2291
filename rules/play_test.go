package rules_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// player plays a script into frames.
type player struct {
	scene  *traffic.Scene
	raw    []traffic.Frame // packets without a conversation
	now    time.Time       // of raw packets
	round  int
	tcp    *traffic.Conv
	udp    *traffic.UDP
	said   speech
	client bool // who speaks
}

// play returns the frames of a script, in order of time.
func play(s *script) ([]traffic.Frame, error) {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	p := &player{scene: traffic.NewScene(uint64(s.sid), start), now: start}
	lines, rounds, gap, err := repetition(s.lines)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.pos(), err)
	}
	for p.round = range rounds {
		for _, l := range lines {
			l = strings.ReplaceAll(l, "{n}", strconv.Itoa(p.round+1))
			if err := p.line(l); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", s.pos(), l, err)
			}
		}
		p.end()
		p.scene.Wait(gap)
		p.now = p.now.Add(gap)
	}
	frames := append(p.scene.Frames(), p.raw...)
	slices.SortStableFunc(frames, func(a, b traffic.Frame) int { return cmp.Compare(a.Time, b.Time) })
	return frames, nil
}

// repetition reads a leading "repeat N DURATION".
func repetition(lines []string) (rest []string, n int, gap time.Duration, err error) {
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "repeat ") {
		return lines, 1, 0, nil
	}
	w := strings.Fields(lines[0])
	if len(w) != 3 {
		return nil, 0, 0, errors.New("want repeat N DURATION")
	}
	n, err = strconv.Atoi(w[1])
	if err != nil {
		return nil, 0, 0, err
	}
	gap, err = time.ParseDuration(w[2])
	return lines[1:], n, gap, err
}

func (p *player) line(l string) error {
	switch l[0] {
	case '>', '<':
		return p.say(l[0] == '>', l[1:])
	}
	p.flush()
	word, arg, _ := strings.Cut(l, " ")
	switch word {
	case "tcp", "udp":
		return p.open(word, arg)
	case "dns":
		return p.dns(strings.Fields(arg))
	case "tls":
		return p.tls(arg)
	case "flags", "ping":
		return p.packet(word, arg)
	}
	return errors.New("want tcp, udp, dns, tls, flags, ping, > or <")
}

// say adds to what the present speaker says. Without a conversation it begins
// one: a stranger calls the web server.
func (p *player) say(client bool, line string) error {
	if p.tcp == nil && p.udp == nil {
		if err := p.open("tcp", "203.0.113.66 -> 10.20.1.11:80"); err != nil {
			return err
		}
	}
	if client != p.client {
		p.flush()
		p.client = client
	}
	return p.said.add(line)
}

// flush sends what was said.
func (p *player) flush() {
	b := p.said.take()
	switch {
	case len(b) == 0:
	case p.tcp != nil && p.client:
		p.tcp.Client(b)
	case p.tcp != nil:
		p.tcp.Server(b)
	case p.client:
		p.udp.Client(b)
	default:
		p.udp.Server(b)
	}
}

// end closes the conversation.
func (p *player) end() {
	p.flush()
	if p.tcp != nil {
		p.tcp.Close()
	}
	p.tcp, p.udp = nil, nil
}

func (p *player) open(kind, arg string) error {
	p.end()
	client, server, _, err := p.ends(arg)
	if err != nil {
		return err
	}
	p.client = true
	if kind == "udp" {
		p.udp = p.scene.UDP(client, server)
	} else {
		p.tcp = p.scene.TCP(client, server)
	}
	return nil
}

// ends reads "CLIENT -> SERVER:PORT rest"; the client's port moves with the
// round.
func (p *player) ends(arg string) (client, server netip.AddrPort, rest string, err error) {
	w := strings.SplitN(arg, " ", 4)
	if len(w) < 3 || w[1] != "->" {
		return client, server, "", errors.New("want CLIENT -> SERVER:PORT")
	}
	addr, err := netip.ParseAddr(w[0])
	if err != nil {
		return client, server, "", err
	}
	if server, err = netip.ParseAddrPort(w[2]); err != nil {
		return client, server, "", err
	}
	if len(w) == 4 {
		rest = w[3]
	}
	return netip.AddrPortFrom(addr, uint16(40000+p.round)), server, rest, nil
}

// packet sends "flags A -> B:PORT FPU" or "ping A -> B:0 SIZE".
func (p *player) packet(kind, arg string) error {
	client, server, rest, err := p.ends(arg)
	if err != nil {
		return err
	}
	ip := traffic.IP{Src: client.Addr(), Dst: server.Addr(), TTL: 64}
	var l4 []byte
	if kind == "ping" {
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		ip.Proto = packet.ProtoICMP
		l4 = traffic.AppendEcho(nil, ip.Src, ip.Dst, false, 7, uint16(p.round), make([]byte, n))
	} else {
		ip.Proto = packet.ProtoTCP
		h := traffic.TCP{Window: 1024}
		for _, c := range rest {
			h.Flags |= 1 << strings.IndexRune("FSRPAU", c)
		}
		l4 = h.Append(nil, client, server, nil)
	}
	frame := traffic.AppendEthernet(nil, traffic.MAC{2, 0, 0, 0, 0, 1}, traffic.MAC{2, 0, 0, 0, 0, 2}, 0x0800)
	p.raw = append(p.raw, traffic.Frame{Time: p.now.UnixNano(), Data: ip.Append(frame, l4)})
	p.now = p.now.Add(time.Millisecond)
	return nil
}

// dns sends the query "NAME TYPE" of a server to its resolver. In a name,
// "*63" is a label of 63 letters.
func (p *player) dns(w []string) error {
	if len(w) != 2 {
		return errors.New("want NAME TYPE")
	}
	typ, ok := map[string]uint16{"A": 1, "CNAME": 5, "NULL": 10, "TXT": 16}[w[1]]
	if !ok {
		return fmt.Errorf("want A, CNAME, NULL or TXT, got %q", w[1])
	}
	if err := p.open("udp", "10.20.2.14 -> 10.20.0.2:53"); err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(p.round+1))
	b = append(b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for label := range strings.SplitSeq(w[0], ".") {
		if n, err := strconv.Atoi(strings.TrimPrefix(label, "*")); err == nil && label[0] == '*' {
			label = strings.Repeat("a", n)
		}
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, typ)
	b = append(b, 0, 1)
	p.udp.Client(b)
	b = slices.Clone(b)
	b[2], b[3] = 0x81, 0x80
	p.udp.Server(b)
	return nil
}
