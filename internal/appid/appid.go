// Package appid names the application of a flow.
//
// It owns the catalogue and the evidence of each flow. The strongest evidence
// wins: a decoder that understood the bytes, a host name (SNI, Host, DNS), a
// protocol chosen by ALPN, a pattern in the first bytes; a port only confirms.
// The owner of an address or a bare port is never the application. Names and
// the values for "not known" are PAN-OS's.
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
	ConfidenceHost               // a host name that the peer claimed
	ConfidenceDecoder            // a parser understood the protocol
)

// String returns the word used in records.
func (c Confidence) String() string {
	return [...]string{"none", "pattern", "host", "decoder"}[c]
}
