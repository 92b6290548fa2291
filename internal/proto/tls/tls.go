// Package tls is SSL and TLS over TCP: SSLv2 hellos, SSLv3, TLS 1.0 to 1.3 and
// its drafts.
//
// It owns the record and handshake layers, the transaction (one a flow: the
// handshake), the tls, ja3 and ja4 buffers and keywords, and the EVE object
// tls. It never decrypts, never validates a certificate, and never buffers
// application data: behind the handshake records are only counted off.
package tls

import "github.com/mirrorwall/mirrorwall/internal/proto"

// Progress of the client's direction, in the order of Descriptor.States.
const (
	clientStart = iota
	clientHelloDone
	clientCertDone
	clientHandshakeDone
	clientFinished
)

// Progress of the server's direction.
const (
	serverStart = iota
	serverHello
	serverCertDone
	serverHelloDone
	serverHandshakeDone
	serverFinished
)

// Descriptor describes TLS.
func Descriptor() *proto.Descriptor {
	return &proto.Descriptor{
		Name:      "tls",
		Aliases:   []string{"ssl"},
		TCP:       true,
		Ports:     []uint16{443, 8443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5223, 5671, 6443, 8883},
		First:     proto.MaskServer,
		Probe:     probe,
		New:       newParser,
		Buffers:   buffers(),
		Keywords:  keywords(),
		Frames:    frameNames(),
		Events:    eventNames(),
		EVE:       "tls",
		AppendEVE: appendEVE,
		Late:      true,
		Identify:  identify,
		States: [2][]string{
			proto.ToServer: {
				"client_in_progress", "client_hello_done", "client_cert_done",
				"client_handshake_done", "client_finished",
			},
			proto.ToClient: {
				"server_in_progress", "server_hello", "server_cert_done",
				"server_hello_done", "server_handshake_done", "server_finished",
			},
		},
	}
}

// probe accepts a record of a plausible version and length, of a type that
// begins a conversation or, for flows picked up in the middle, of application
// data; and the SSLv2 hello that old clients begin with. An empty handshake
// record decides: nothing else begins so, whatever follows.
func probe(d proto.Dir, b []byte) proto.Verdict {
	if len(b) > 0 && b[0]&0x80 != 0 {
		return probeSSLv2(d, b)
	}
	n, v := probeHeader(b)
	if v != proto.Accept {
		return v
	}
	switch b[0] {
	case recordHandshake:
		if n == 0 {
			return proto.Accept
		}
		return probeHandshake(d, b[recordHeader:])
	case recordCCS:
		return verdict(n == 1)
	case recordAlert:
		return verdict(n == 2 || n >= 16)
	}
	return verdict(n >= 16)
}

// probeHeader looks at a record header and returns the record's length.
func probeHeader(b []byte) (n int, v proto.Verdict) {
	switch {
	case len(b) == 0:
		return 0, proto.NeedMore
	case b[0] < recordCCS || b[0] > recordData,
		len(b) > 1 && b[1] != 3,
		len(b) > 2 && b[2] > 4:
		return 0, proto.Reject
	case len(b) < recordHeader:
		return 0, proto.NeedMore
	}
	n = int(b[3])<<8 | int(b[4])
	return n, verdict(n <= maxRecord)
}

func verdict(ok bool) proto.Verdict {
	if ok {
		return proto.Accept
	}
	return proto.Reject
}

// probeHandshake looks at the message type: each side begins with its hello,
// a flow picked up late with anything.
func probeHandshake(d proto.Dir, b []byte) proto.Verdict {
	if len(b) == 0 {
		return proto.NeedMore
	}
	switch b[0] {
	case msgClientHello:
		return verdict(d == proto.ToServer)
	case msgServerHello:
		return verdict(d == proto.ToClient)
	}
	return verdict(knownMessage(b[0]))
}

// probeSSLv2 wants a two byte header, a hello's type and a version.
func probeSSLv2(d proto.Dir, b []byte) proto.Verdict {
	typ, at := byte(v2ClientHello), 3
	if d == proto.ToClient {
		typ, at = v2ServerHello, 5
	}
	if len(b) > 2 && b[2] != typ {
		return proto.Reject
	}
	if len(b) < at+2 {
		return proto.NeedMore
	}
	n := int(b[0]&0x7f)<<8 | int(b[1])
	version := uint16(b[at])<<8 | uint16(b[at+1])
	ok := version == 2 || d == proto.ToServer && version >= 0x0300 && version <= 0x0303
	return verdict(ok && n >= v2MinHello && n <= v2MaxHello)
}
