// Package appid names the application of a flow.
//
// It owns the catalogue and the evidence of each flow. The strongest evidence
// wins: a protocol chosen by ALPN, a host name (SNI, Host), a decoder that
// understood the bytes, a pattern in the first bytes; a port only confirms.
// The names of a certificate count where the client named no host. The owner of
// an address or a bare port is never the application, and it never guesses: what nothing explains stays unknown. Names and the values for
// "not known" are PAN-OS's.
package appid

import (
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Dir is the direction inside a flow; see packet.Dir.
type Dir = packet.Dir

// Names for flows without an application, as PAN-OS logs them.
const (
	Incomplete       = "incomplete"        // no handshake, or no data after it
	InsufficientData = "insufficient-data" // data, too little to tell
	UnknownTCP       = "unknown-tcp"       // data, and nothing fits
	UnknownUDP       = "unknown-udp"
	NotApplicable    = "not-applicable"
)

// Confidence says how sure a verdict is.
type Confidence uint8

// Confidence values, weakest first.
const (
	ConfidenceNone    Confidence = iota
	ConfidencePattern            // first bytes fit a pattern
	ConfidenceHost               // a name that the peer claimed: host or user agent
	ConfidenceDecoder            // a parser understood the protocol
)

// String returns the word used in records.
func (c Confidence) String() string {
	return [...]string{"none", "pattern", "host", "decoder"}[c]
}

// evidence is what a refinement rests on.
type evidence uint8

// Evidence, weakest first: a stronger one replaces a weaker one.
const (
	noEvidence    evidence = iota
	byAgent                // HTTP user agent
	byCert                 // names in the server's certificate
	byHost                 // SNI or Host
	byHTTP                 // path, content type or server of a transaction
	byALPN                 // protocol named in the TLS handshake
	byDecoderPort          // decoder, confirmed by the port it is registered for
)

// confidence of what the evidence says.
func (e evidence) confidence() Confidence {
	if e <= byHost {
		return ConfidenceHost
	}
	return ConfidenceDecoder
}
