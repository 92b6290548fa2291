package appid

import (
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// maxHost bounds the host name that is kept.
const maxHost = 255

// maxRounds is how many datagrams of a direction are looked at, and how many
// chunks of a stream beyond its first bytes.
const maxRounds = 8

// maxAsks bounds the calls of Identity that look for a refinement.
const maxAsks = 32

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
	size   [2]uint32 // bytes so far, or of the last datagram
	rounds [2]uint8
	done   bool    // first bytes need no more looking at
	fresh  Dir     // direction of the bytes that came last
	more   [2]bool // a pattern could fit with more bytes

	repeated [2]*pattern // the patterns that repeats counts
	repeats  [2]uint8
	serial   [2]uint16
	constant [2]uint32

	pattern *pattern
	decoder *App
	decName string
	refined *App
	how     evidence // what refined rests on
	asks    uint8
	cert    bool // a certificate was looked at

	last, from *App // the last verdict, and the one before it
	kind       string
	host       [maxHost]byte
	hostLen    uint8
	reason     []byte
}

// Verdict is the answer for one flow. The bytes borrow from the State.
type Verdict struct {
	Name       string
	App        *App // nil for the values that mean "not known"
	Confidence Confidence
	Reason     []byte // "sni: www.example.com", "decoder: http", "first bytes"
	Hostname   []byte // the name that the peer claimed, lower case
	// Shifted is the application that an earlier verdict named, nil when there
	// was no other: an application shift in the sense of PAN-OS.
	Shifted *App
}

// Facts are what the flow itself knows when a verdict is asked for.
type Facts struct {
	Handshake bool      // TCP: three-way handshake seen whole, or mid-stream
	Payload   [2]uint64 // transport payload bytes by direction
	Packets   [2]uint64
	ICMPType  uint8 // of the first message; ICMP only
}

// Begin starts a flow.
func (c *Catalogue) Begin(s *State, ipProto uint8, clientPort, serverPort uint16) {
	s.kept, s.size, s.rounds = [2]uint8{}, [2]uint32{}, [2]uint8{}
	s.more = [2]bool{}
	s.repeated, s.repeats = [2]*pattern{}, [2]uint8{}
	s.pattern, s.decoder, s.refined, s.last, s.from = nil, nil, nil, nil, nil
	s.cert = false
	s.how, s.asks, s.decName, s.kind, s.hostLen = noEvidence, 0, "", "", 0
	s.ipProto, s.clientPort, s.serverPort, s.reason = ipProto, clientPort, serverPort, s.reason[:0]
	s.done = ipProto != packet.ProtoTCP && ipProto != packet.ProtoUDP
}

// Bytes shows the next in-order bytes of a stream, or one datagram. It is
// cheap once the first bytes were seen.
func (c *Catalogue) Bytes(s *State, d Dir, b []byte) {
	if s.done || len(b) == 0 {
		return
	}
	if s.ipProto == packet.ProtoUDP {
		// Each datagram is a message of its own.
		s.kept[d] = uint8(copy(s.first[d][:], b))
		s.size[d] = uint32(len(b))
		s.rounds[d]++
	} else {
		if s.kept[d] == maxFirst {
			s.rounds[d]++
		}
		s.kept[d] += uint8(copy(s.first[d][s.kept[d]:], b))
		s.size[d] += uint32(min(len(b), maxSize))
	}
	if s.rounds[d] > maxRounds {
		s.done = true
		return
	}
	s.fresh = d
	c.look(s)
}

// maxSize keeps the sum of the sizes of maxFirst chunks within 32 bits.
const maxSize = 1 << 24

// look tries the patterns on what is there.
func (c *Catalogue) look(s *State) {
	t := &c.patterns[0]
	if s.ipProto == packet.ProtoUDP {
		t = &c.patterns[1]
	}
	wait := s.ipProto == packet.ProtoUDP
	for d := range Dir(2) {
		p, more := t.find(s, d)
		if d == s.fresh {
			s.more[d] = more
		}
		if p != nil && !p.keep {
			s.pattern, s.done = p, true
			return
		}
		if p != nil && s.pattern == nil {
			s.pattern = p
		}
		wait = wait || s.more[d] || s.kept[d] == 0
	}
	s.done = !wait
}

// Decoder says which protocol's parser runs (a proto.Descriptor's name). It
// has understood more than the first bytes: their pattern counts only where it
// refines the protocol, or where the protocol began behind it (STARTTLS, or
// what a proxy carries).
func (c *Catalogue) Decoder(s *State, name string) {
	before := s.decName
	s.decName = name
	app := c.decoders[name]
	if app == nil {
		return
	}
	s.decoder = app
	if s.pattern != nil && s.pattern.refines != name && !s.follows(name, before) {
		s.pattern = nil
	}
	r := c.refining[name]
	i := 0
	if s.ipProto == packet.ProtoUDP {
		i = 1
	}
	s.done = s.done || r == nil || !r[i]
	if app := c.byPort(name, s.serverPort, s.host[:s.hostLen]); app != nil {
		s.refine(app, byDecoderPort)
	}
}

// follows reports whether protocol name began inside what the pattern found.
func (s *State) follows(name, before string) bool {
	if before != "" && before != name {
		return true
	}
	// A stream that is TLS from its start begins with a handshake record's
	// 0x16, or 0x80 of SSLv2's hello. The pattern may have needed the server's
	// bytes alone.
	d := Dir(0)
	if s.kept[d] == 0 {
		d = 1
	}
	first := s.first[d][0]
	return name == "tls" && s.kept[d] > 0 && first != 0x16 && first != 0x80
}

// refine files the application under the evidence for it; weaker evidence
// never replaces stronger.
func (s *State) refine(app *App, how evidence) {
	if app != nil && how > s.how {
		s.refined, s.how = app, how
	}
}

// Identity shows what a transaction of protocol name says of the peer. The
// first host name stays; later transactions refine what is still plain.
func (c *Catalogue) Identity(s *State, name string, id *proto.Identity) {
	if s.hostLen == 0 && len(id.Hostname) > 0 {
		c.hostname(s, name, id.Hostname)
	}
	if s.asks >= maxAsks {
		return
	}
	s.asks++
	if len(id.ALPN) > 0 {
		s.refine(c.alpn[string(id.ALPN)], byALPN)
	}
	if s.how < byHTTP && len(id.Path)+len(id.ContentType)+len(id.Server) > 0 {
		s.refine(c.transaction(s, id.Path, id.ContentType, id.Server), byHTTP)
	}
	if s.how < byCert && len(id.CertNames) > 0 && !s.cert {
		s.cert = true
		// What carries TLS inside (STARTTLS) says more than whose server it is.
		s.refine(c.certificate(id.CertNames, s.hostLen == 0 && s.pattern == nil), byCert)
	}
	if s.how < byAgent && len(id.UserAgent) > 0 {
		s.refine(c.agent(id.UserAgent), byAgent)
	}
}

// hostname keeps the host name that the peer claims and looks it up. A name
// too long to be kept whole names nothing: its end decides.
func (c *Catalogue) hostname(s *State, name string, host []byte) {
	host = trimHost(host)
	s.hostLen = uint8(copyLower(s.host[:], host))
	s.kind = hostKind(name)
	if s.kind == "question" || len(host) > maxHost {
		return
	}
	host = s.host[:s.hostLen]
	s.refine(c.hosts.find(host), byHost)
	s.refine(c.byPort(name, s.serverPort, host), byDecoderPort)
}

// Verdict names the application as known now.
func (c *Catalogue) Verdict(s *State, f *Facts) Verdict {
	v := Verdict{Hostname: s.host[:s.hostLen]}
	s.reason = s.reason[:0]
	switch {
	case s.refined != nil:
		v.App, v.Confidence = s.refined, s.how.confidence()
		s.explain(s.how)
	case s.pattern != nil:
		v.App, v.Confidence = s.pattern.app, ConfidencePattern
		s.reason = append(s.reason, "first bytes"...)
		if len(s.pattern.ports) > 0 {
			s.reason = append(s.reason, ", port"...)
		}
		if len(s.pattern.reply) > 0 {
			s.reason = append(s.reason, ", reply"...)
		}
	case s.decoder != nil:
		v.App, v.Confidence = s.decoder, ConfidenceDecoder
		s.reason = append(append(s.reason, "decoder: "...), s.decName...)
	default:
		if v.App = c.byNumber(s, f); v.App == nil {
			v.Name = sentinel(s.ipProto, f)
			return v
		}
		v.Confidence = ConfidenceDecoder
		s.reason = append(s.reason, "ip protocol"...)
	}
	if s.last != v.App {
		s.last, s.from = v.App, s.last
	}
	v.Name, v.Reason, v.Shifted = v.App.Name, s.reason, s.from
	return v
}

// explain writes what the refinement rests on.
func (s *State) explain(how evidence) {
	switch how {
	case byHost:
		s.reason = append(append(append(s.reason, s.kind...), ": "...), s.host[:s.hostLen]...)
	case byAgent:
		s.reason = append(s.reason, "user agent"...)
	case byCert:
		s.reason = append(s.reason, "certificate"...)
	case byHTTP:
		s.reason = append(s.reason, "transaction: http"...)
	case byALPN:
		s.reason = append(append(s.reason, "alpn: "...), s.decName...)
	case byDecoderPort:
		s.reason = append(append(append(s.reason, "decoder: "...), s.decName...), ", port"...)
	}
}

// byNumber is the application of an IP protocol or an ICMP type.
func (c *Catalogue) byNumber(s *State, f *Facts) *App {
	if s.ipProto == packet.ProtoICMP && c.icmp[f.ICMPType] != nil {
		return c.icmp[f.ICMPType]
	}
	return c.ipProtos[s.ipProto]
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
