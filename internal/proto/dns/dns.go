// Package dns parses DNS over UDP and TCP, multicast DNS and LLMNR.
//
// It owns the message format (RFC 1035 §4), its transactions, the dns.* and
// mdns.* buffers and keywords, and the EVE objects dns (version 3) and mdns. As
// in Suricata 8 every message is a transaction of its own: nothing waits for an
// answer, so one-sided mirrors lose nothing. It never resolves, caches answers
// across messages, or keeps the bytes it was lent.
package dns

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Bounds of one message and one flow.
const (
	// MaxName is how many bytes of a name are kept; longer ones are cut and
	// flagged. RFC 1035 allows 255, Suricata keeps 1025.
	MaxName = 1025
	// maxSteps bounds the labels and pointers of one name.
	maxSteps = 255
	// maxRecords bounds the questions and records kept of one message.
	maxRecords = 4096
	// maxNameBytes bounds the decoded names of one message: pointers let 12
	// bytes on the wire name 1025.
	maxNameBytes = 256 << 10
	// maxLive bounds the transactions that wait to be freed.
	maxLive = 256
	// maxBad is how many broken messages in a row a stream may hold before the
	// parser gives that direction up.
	maxBad = 3
)

// Events, in the order of eventNames.
const (
	evMalformed = iota
	evNotRequest
	evNotResponse
	evZFlag
	evOpcode
	evNameTooLong
	evInfiniteLoop
	evTooManyLabels
	evAuthorities
	evAdditionals
	evFlooded
)

// eventNames returns the names for app-layer-event; flooded says that a bound
// of this parser was hit.
func eventNames() []string {
	return []string{
		"malformed_data", "not_a_request", "not_a_response", "z_flag_set",
		"invalid_opcode", "name_too_long", "infinite_loop", "too_many_labels",
		"invalid_authorities", "invalid_additionals", "flooded",
	}
}

// Progress values of a message's direction.
const (
	stateStarted = iota
	stateComplete
)

func stateNames() [2][]string {
	return [2][]string{
		{"request_started", "request_complete"},
		{"response_started", "response_complete"},
	}
}

// Descriptor is DNS on UDP and TCP, any port.
func Descriptor() *proto.Descriptor {
	return &proto.Descriptor{
		Name: "dns", TCP: true, UDP: true, Ports: []uint16{53},
		Probe:  probe,
		New:    func(*proto.Config) proto.Parser { return &parser{} },
		States: stateNames(), Events: eventNames(), Frames: frameNames(),
		Buffers: buffers("dns"), Keywords: keywords(),
		EVE: "dns", AppendEVE: appendEVE,
		Identify: identify,
	}
}

// MDNS is multicast DNS (RFC 6762). Its probe takes only names under .local
// and .arpa, so that unicast DNS on port 5353 stays dns.
func MDNS() *proto.Descriptor {
	return &proto.Descriptor{
		Name: "mdns", UDP: true, Ports: []uint16{5353},
		Probe: probeMDNS,
		New: func(*proto.Config) proto.Parser {
			return &parser{peers: true, first: datagrams, transport: datagrams}
		},
		States: stateNames(), Events: eventNames(),
		Buffers: buffers("mdns"),
		EVE:     "mdns", AppendEVE: appendMDNS,
		Identify: identify,
	}
}

// LLMNR is link-local multicast name resolution (RFC 4795). Suricata 8 has no
// record for it, so it has no EVE object: flows are named, events are raised.
// It must stand behind Descriptor in the registry's list: on other ports than
// 5355 the two can't be told apart.
func LLMNR() *proto.Descriptor {
	return &proto.Descriptor{
		Name: "llmnr", TCP: true, UDP: true, Ports: []uint16{5355},
		Probe:  probe,
		New:    func(*proto.Config) proto.Parser { return &parser{peers: true} },
		States: stateNames(), Events: eventNames(),
	}
}

// Buffer ids, the same for dns and mdns but for dns.query.
const (
	bufQueries = iota
	bufAnswers
	bufAuthorities
	bufAdditionals
	bufResponse
	bufQuery
)

// buffers lists the sticky buffers of dns or mdns. Multicast has no server, so
// its buffers look both ways.
func buffers(name string) []proto.Buffer {
	mk := func(id string, dir proto.DirMask, aliases ...string) proto.Buffer {
		return proto.Buffer{
			Name: name + "." + id, Aliases: aliases, Dir: dir,
			Progress: stateComplete, Multi: true,
		}
	}
	if name == "mdns" {
		return []proto.Buffer{
			mk("queries.rrname", proto.MaskBoth), mk("answers.rrname", proto.MaskBoth),
			mk("authorities.rrname", proto.MaskBoth), mk("additionals.rrname", proto.MaskBoth),
			mk("response.rrname", proto.MaskBoth),
		}
	}
	return []proto.Buffer{
		mk("queries.rrname", proto.MaskBoth, "dns.query.name"),
		mk("answers.rrname", proto.MaskBoth, "dns.answer.name"),
		mk("authorities.rrname", proto.MaskBoth),
		mk("additionals.rrname", proto.MaskBoth),
		mk("response.rrname", proto.MaskClient),
		mk("query", proto.MaskServer, "dns_query"),
	}
}
