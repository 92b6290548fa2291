// Package tlshello reads TLS ClientHello and ServerHello messages and makes
// their fingerprints: JA3, JA3S and JA4.
//
// TLS, DTLS and QUIC share it; each brings the handshake message whole and
// without its header. The hellos are views: their slices point into the
// message. Nothing here knows records, and nothing is allocated unless a
// hello is larger than any client's.
package tlshello

import "encoding/binary"

// Protocol versions as they stand in hellos.
const (
	SSL20 = 0x0002
	SSL30 = 0x0300
	TLS10 = 0x0301
	TLS11 = 0x0302
	TLS12 = 0x0303
	TLS13 = 0x0304
)

// Extension numbers (IANA).
const (
	extSNI               = 0
	extGroups            = 10
	extPointFormats      = 11
	extSigAlgs           = 13
	extALPN              = 16
	extSessionTicket     = 35
	extSupportedVersions = 43
	extQUICParams        = 57
	extECH               = 0xfe0d
)

// Flaw is something wrong with a hello that did not stop its reading.
type Flaw uint8

// Flaws, as a set.
const (
	Truncated   Flaw = 1 << iota // a field runs over the end of what holds it
	ManySNI                      // more than one server_name extension
	BadSNIType                   // a name type other than host_name
	BadSNILen                    // an empty name, or one longer than its list
	BadVersion                   // not a version that TLS ever had
	BadListSize                  // an odd or empty list of 16 bit values
)

// maxSNI is the longest host name that is believed (RFC 1035 §2.3.4 plus the
// final dot).
const maxSNI = 256

// Client is a view of a ClientHello (RFC 8446 §4.1.2).
type Client struct {
	Version   uint16 // legacy_version
	Random    []byte // 32 bytes
	SessionID []byte
	Cookie    []byte // DTLS only
	Ciphers   []byte // 16 bit values
	Exts      []byte // the extensions block, whole extensions only

	HasSNI            bool   // the extension is there, with or without a name
	SNI               []byte // the first host_name
	ALPN              []byte // the list: length, name, length, name …
	Groups            []byte // 16 bit values
	PointFormats      []byte
	SigAlgs           []byte // 16 bit values
	SupportedVersions []byte // 16 bit values
	Ticket            bool   // a session ticket that is not empty
	ECH               bool   // encrypted_client_hello is offered (or greased)
	QUICParams        []byte // quic_transport_parameters
	Flaws             Flaw
}

// Server is a view of a ServerHello, a HelloRetryRequest included.
type Server struct {
	Version   uint16 // legacy_version
	Random    []byte
	SessionID []byte
	Cipher    uint16
	Exts      []byte
	ALPN      []byte // the list, of one name
	Selected  uint16 // from supported_versions, 0 without
	Retry     bool   // it is a HelloRetryRequest
	Ticket    bool   // it will issue a session ticket
	Flaws     Flaw
}

// Grease reports whether v is one of the reserved values of RFC 8701.
func Grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// KnownVersion reports whether v is a version or draft version of SSL or TLS.
func KnownVersion(v uint16) bool {
	switch {
	case v == SSL20, v >= SSL30 && v <= TLS13:
		return true
	case v>>8 == 0x7f, v>>8 == 0xfb, v == 0x7e01, v == 0x7e02:
		return true // drafts, and Facebook's spelling of them
	}
	return false
}

// reader takes fields off the front of a message; after the first field that
// is not there, bad is set and every further field is empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() int {
	if v := r.take(1); v != nil {
		return int(v[0])
	}
	return 0
}

func (r *reader) u16() int {
	if v := r.take(2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (r *reader) vec8() []byte  { return r.take(r.u8()) }
func (r *reader) vec16() []byte { return r.take(r.u16()) }

// some is what is left of a vector that says it has n bytes.
func (r *reader) some(n int) []byte {
	if n > len(r.b) {
		r.bad = true
		n = len(r.b)
	}
	return r.take(n)
}

// ViewClient reads the body of a ClientHello. ok is false when the fixed part
// is not whole; damage behind it is in Flaws.
func ViewClient(msg []byte, dtls bool) (c Client, ok bool) {
	r := reader{b: msg}
	c.Version = uint16(r.u16())
	c.Random = r.take(32)
	c.SessionID = r.vec8()
	if dtls {
		c.Cookie = r.vec8()
	}
	c.Ciphers = r.vec16()
	r.vec8() // compression methods
	if r.bad {
		return c, false
	}
	if len(c.Ciphers)%2 != 0 || len(c.Ciphers) == 0 {
		c.Flaws |= BadListSize
		c.Ciphers = even(c.Ciphers)
	}
	if len(r.b) == 0 {
		return c, true
	}
	exts, whole := r.extensions(c.extension)
	c.Exts = exts
	if !whole {
		c.Flaws |= Truncated
	}
	return c, true
}

// extensions calls each for the extensions of a block (RFC 8446 §4.2) and
// returns those that are whole; all says that none was cut.
func (r *reader) extensions(each func(typ uint16, body []byte)) (exts []byte, all bool) {
	block := reader{b: r.some(r.u16())}
	exts = block.b
	for len(block.b) > 0 {
		at := len(exts) - len(block.b)
		typ := block.u16()
		body := block.vec16()
		if block.bad {
			return exts[:at], false
		}
		each(uint16(typ), body)
	}
	return exts, !r.bad
}

// extension reads one extension's body.
func (c *Client) extension(typ uint16, body []byte) {
	r := reader{b: body}
	switch typ {
	case extSNI:
		c.serverName(body)
		return
	case extGroups:
		c.Groups = c.list16(r.some(r.u16()))
	case extPointFormats:
		c.PointFormats = r.some(r.u8())
	case extSigAlgs:
		c.SigAlgs = c.list16(r.some(r.u16()))
	case extALPN:
		c.ALPN = r.some(r.u16())
	case extSessionTicket:
		c.Ticket = len(body) > 0
	case extSupportedVersions:
		c.SupportedVersions = c.list16(r.some(r.u8()))
	case extQUICParams:
		c.QUICParams = body
	case extECH:
		c.ECH = true
	}
	if r.bad {
		c.Flaws |= Truncated
	}
}

func even(b []byte) []byte { return b[:len(b)&^1] }

func (c *Client) list16(b []byte) []byte {
	if len(b)%2 != 0 {
		c.Flaws |= BadListSize
	}
	return even(b)
}

// serverName reads RFC 6066 §3's list; the first host_name counts.
func (c *Client) serverName(body []byte) {
	if c.HasSNI {
		c.Flaws |= ManySNI
		return
	}
	c.HasSNI = true
	if len(body) == 0 {
		return
	}
	r := reader{b: body}
	r.b = r.some(r.u16())
	kind := r.u8()
	n := r.u16()
	switch {
	case r.bad:
		c.Flaws |= BadSNILen
	case kind != 0:
		c.Flaws |= BadSNIType
	case n == 0 || n > maxSNI || n > len(r.b):
		c.Flaws |= BadSNILen
	default:
		c.SNI = r.take(n)
	}
}

// Preferred is the version that the client wants most: the first known one of
// supported_versions, else legacy_version.
func (c *Client) Preferred() uint16 {
	for b := c.SupportedVersions; len(b) >= 2; b = b[2:] {
		if v := binary.BigEndian.Uint16(b); KnownVersion(v) {
			return v
		}
	}
	return c.Version
}

// retryRandom is the random of a HelloRetryRequest (RFC 8446 §4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// ViewServer reads the body of a ServerHello (RFC 8446 §4.1.3). The drafts of
// TLS 1.3 up to 21 had neither session id nor compression.
func ViewServer(msg []byte) (s Server, ok bool) {
	r := reader{b: msg}
	s.Version = uint16(r.u16())
	s.Random = r.take(32)
	draft := s.Version>>8 == 0x7f && s.Version < 0x7f16
	if !draft {
		s.SessionID = r.vec8()
	}
	s.Cipher = uint16(r.u16())
	if !draft {
		r.take(1)
	}
	if r.bad {
		return s, false
	}
	s.Retry = string(s.Random) == retryRandom
	if len(r.b) == 0 {
		return s, true
	}
	exts, whole := r.extensions(s.extension)
	s.Exts = exts
	if !whole {
		s.Flaws |= Truncated
	}
	return s, true
}

func (s *Server) extension(typ uint16, body []byte) {
	r := reader{b: body}
	switch typ {
	case extALPN:
		s.ALPN = r.some(r.u16())
	case extSupportedVersions:
		s.Selected = uint16(r.u16())
	case extSessionTicket:
		s.Ticket = true
	}
	if r.bad {
		s.Flaws |= Truncated
	}
}

// Chosen is the negotiated version.
func (s *Server) Chosen() uint16 {
	if s.Selected != 0 {
		return s.Selected
	}
	return s.Version
}

// NextName splits the first name off an ALPN list; ok is false at its end.
func NextName(list []byte) (name, rest []byte, ok bool) {
	if len(list) == 0 {
		return nil, nil, false
	}
	n := int(list[0])
	if n > len(list)-1 {
		return nil, nil, false
	}
	return list[1 : 1+n : 1+n], list[1+n:], true
}
