package appid

import (
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// maxHost bounds the host name that is kept.
const maxHost = 255

// maxRounds is how many chunks or datagrams of a direction are looked at.
const maxRounds = 8

// enoughPayload is how many bytes without a match make a flow unknown rather
// than short of data.
const enoughPayload = 16

// State is what is known of one flow's application. The zero value is ready
// for Begin; the memory is used again by the next Begin.
type State struct {
	ipProto                uint8
	clientPort, serverPort uint16

	first  [2][maxFirst]byte
	kept   [2]uint8
	size   [2]uint32 // bytes of the first chunk or datagram
	rounds [2]uint8
	done   bool // first bytes need no more looking at

	pattern *pattern
	decoder *App
	decName string
	refined *App // by ALPN, user agent or host name
	hostApp bool // refined is by host name
	kind    string
	host    [maxHost]byte
	hostLen uint8
	reason  []byte
}

// Verdict is the answer for one flow. The bytes borrow from the State.
type Verdict struct {
	Name       string
	App        *App // nil for the values that mean "not known"
	Confidence Confidence
	Reason     []byte // "sni: www.example.com", "decoder: http", "first bytes: client"
	Hostname   []byte // the name that the peer claimed, lower case
}

// Facts are what the flow itself knows when a verdict is asked for.
type Facts struct {
	Handshake bool      // TCP: three-way handshake seen whole, or mid-stream
	Payload   [2]uint64 // transport payload bytes by direction
	Packets   [2]uint64
}

// Begin starts a flow.
func (c *Catalogue) Begin(s *State, ipProto uint8, clientPort, serverPort uint16) {
	reason := s.reason[:0]
	s.kept, s.size, s.rounds = [2]uint8{}, [2]uint32{}, [2]uint8{}
	s.pattern, s.decoder, s.refined, s.hostApp = nil, nil, nil, false
	s.decName, s.kind, s.hostLen = "", "", 0
	s.ipProto, s.clientPort, s.serverPort, s.reason = ipProto, clientPort, serverPort, reason
	s.done = ipProto != packet.ProtoTCP && ipProto != packet.ProtoUDP
}

// Bytes shows the next in-order bytes of a stream, or one datagram. It is
// cheap once the first bytes were seen.
func (c *Catalogue) Bytes(s *State, d Dir, b []byte) {
	if s.done || len(b) == 0 {
		return
	}
	udp := s.ipProto == packet.ProtoUDP
	if udp {
		// Each datagram is a message of its own.
		s.kept[d] = uint8(copy(s.first[d][:], b))
		s.size[d] = uint32(len(b))
	} else {
		s.kept[d] += uint8(copy(s.first[d][s.kept[d]:], b))
		s.size[d] += uint32(len(b))
	}
	if s.rounds[d]++; s.rounds[d] > maxRounds {
		s.done = true
		return
	}
	c.look(s)
}

// look tries the patterns on what is there. A decoder's word ends it.
func (c *Catalogue) look(s *State) {
	t := &c.patterns[0]
	if s.ipProto == packet.ProtoUDP {
		t = &c.patterns[1]
	}
	wait := s.ipProto == packet.ProtoUDP
	for d := range Dir(2) {
		p, more := t.find(s, d)
		if p != nil {
			s.pattern, s.done = p, true
			return
		}
		wait = wait || more
	}
	s.done = !wait
}

// Decoder says which protocol's parser runs (a proto.Descriptor's name).
func (c *Catalogue) Decoder(s *State, name string) {
	s.decName, s.done = name, true
	s.decoder = c.decoders[name]
	if s.decoder != nil {
		s.pattern = nil // the decoder has understood more than the first bytes
	}
}

// hostKind names where a protocol's host name comes from.
func hostKind(name string) string {
	switch name {
	case "tls", "quic":
		return "sni"
	case "http":
		return "host"
	}
	return "question"
}

// Identity shows what a transaction of protocol name says of the peer. The
// first host name stays; a later transaction refines what is still plain.
func (c *Catalogue) Identity(s *State, name string, id *proto.Identity) {
	if s.hostLen == 0 && len(id.Hostname) > 0 {
		s.hostLen = uint8(copyLower(s.host[:], trimHost(id.Hostname)))
		s.kind = hostKind(name)
		if s.kind != "question" {
			if app := c.hosts.find(s.host[:s.hostLen]); app != nil {
				s.refined, s.hostApp = app, true
			}
		}
	}
	if s.refined != nil {
		return
	}
	if len(id.ALPN) > 0 {
		s.refined = c.alpn[string(id.ALPN)]
	}
	if s.refined == nil && len(id.UserAgent) > 0 {
		s.refined = c.agent(id.UserAgent)
	}
}

func (c *Catalogue) agent(ua []byte) *App {
	for i := range c.agents {
		if r := &c.agents[i]; len(ua) >= len(r.text) && string(ua[:len(r.text)]) == r.text {
			return r.app
		}
	}
	return nil
}

// trimHost takes the port, the root's dot and the brackets of an IPv6 address
// off a host name.
func trimHost(h []byte) []byte {
	if len(h) > 0 && h[0] == '[' {
		for i, ch := range h {
			if ch == ']' {
				return h[1:i]
			}
		}
		return h
	}
	for i := len(h) - 1; i >= 0; i-- {
		if h[i] == ':' {
			h = h[:i]
			break
		}
		if h[i] < '0' || h[i] > '9' {
			break
		}
	}
	if n := len(h); n > 0 && h[n-1] == '.' {
		h = h[:n-1]
	}
	return h
}

func copyLower(dst, src []byte) int {
	n := copy(dst, src)
	for i, ch := range dst[:n] {
		if ch >= 'A' && ch <= 'Z' {
			dst[i] = ch | 0x20
		}
	}
	return n
}

// Verdict names the application as known now.
func (c *Catalogue) Verdict(s *State, f *Facts) Verdict {
	v := Verdict{Hostname: s.host[:s.hostLen]}
	switch {
	case s.refined != nil && s.hostApp:
		v.App, v.Confidence = s.refined, ConfidenceHost
		s.reason = append(append(append(s.reason[:0], s.kind...), ": "...), v.Hostname...)
	case s.refined != nil:
		v.App, v.Confidence = s.refined, ConfidenceDecoder
		s.reason = append(append(s.reason[:0], "refined: "...), s.decName...)
	case s.decoder != nil:
		v.App, v.Confidence = s.decoder, ConfidenceDecoder
		s.reason = append(append(s.reason[:0], "decoder: "...), s.decName...)
	case s.pattern != nil:
		v.App, v.Confidence = s.pattern.app, ConfidencePattern
		s.reason = append(s.reason[:0], "first bytes"...)
		if len(s.pattern.ports) > 0 {
			s.reason = append(s.reason, " and port"...)
		}
	case c.ipProtos[s.ipProto] != nil:
		v.App, v.Confidence = c.ipProtos[s.ipProto], ConfidenceDecoder
		s.reason = append(s.reason[:0], "ip protocol"...)
	default:
		v.Name = sentinel(s.ipProto, f)
		return v
	}
	v.Name, v.Reason = v.App.Name, s.reason
	return v
}

// sentinel is PAN-OS's word for a flow without an application.
func sentinel(ipProto uint8, f *Facts) string {
	total := f.Payload[0] + f.Payload[1]
	switch {
	case ipProto == packet.ProtoTCP && total == 0:
		return Incomplete
	case total < enoughPayload && f.Packets[0]+f.Packets[1] < maxRounds:
		return InsufficientData
	case ipProto == packet.ProtoTCP:
		return UnknownTCP
	case ipProto == packet.ProtoUDP:
		return UnknownUDP
	}
	return NotApplicable
}
