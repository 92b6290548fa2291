package traffic

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"hash/fnv"
	"io"
	"math/big"
	"time"
)

// The TLS here is built by hand: crypto/tls takes its keys from the system and
// would make other bytes every time. What follows a handshake is noise, which
// is all that an observer sees of ciphertext.

// TLS versions.
const (
	tls12 = 0x0303
	tls13 = 0x0304
)

// session describes one TLS session.
type session struct {
	sni     string // empty: none is sent
	alpn    []string
	version uint16 // tls12 or tls13
	client  profile
	up      []int // sizes of application data, sent in turns
	down    []int
}

// profile is what makes one client library's hello differ from another's.
type profile struct {
	ciphers []uint16
	groups  []uint16
	sigs    []uint16
	// order lists the extensions as sent.
	order []uint16
}

// Extension types (IANA TLS ExtensionType Values).
const (
	extSNI       = 0
	extStatus    = 5
	extGroups    = 10
	extPoints    = 11
	extSigs      = 13
	extALPN      = 16
	extSCT       = 18
	extEMS       = 23
	extTicket    = 35
	extVersions  = 43
	extPSKModes  = 45
	extKeyShare  = 51
	extQUIC      = 57
	extRenegInfo = 0xff01
)

// browser offers what browsers offer, in their order.
func browser() profile {
	return profile{
		ciphers: []uint16{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
		groups:  []uint16{29, 23, 24},
		sigs:    []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
		order:   []uint16{extSNI, extEMS, extRenegInfo, extGroups, extPoints, extTicket, extALPN, extStatus, extSigs, extSCT, extKeyShare, extPSKModes, extVersions},
	}
}

// library offers what OpenSSL's users offer: command-line tools and SDKs.
func library() profile {
	return profile{
		ciphers: []uint16{0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x009e, 0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0x00ff},
		groups:  []uint16{29, 23, 30, 25, 24},
		sigs:    []uint16{0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601},
		order:   []uint16{extSNI, extPoints, extGroups, extTicket, extALPN, extEMS, extSigs, extVersions, extPSKModes, extKeyShare},
	}
}

// implant offers little, as small malware that brings its own TLS does.
func implant() profile {
	return profile{
		ciphers: []uint16{0xc02c, 0xc02b, 0xc030, 0xc02f, 0x009d, 0x009c},
		groups:  []uint16{29, 23, 24},
		sigs:    []uint16{0x0804, 0x0805, 0x0401, 0x0501, 0x0403},
		order:   []uint16{extSNI, extGroups, extPoints, extSigs, extEMS, extRenegInfo},
	}
}

// v8 and v16 append a block with its length in 1 or 2 bytes.
func v8(b, body []byte) []byte { return append(append(b, byte(len(body))), body...) }

func v16(b, body []byte) []byte {
	return append(be.AppendUint16(b, uint16(len(body))), body...)
}

func u16s(vs []uint16) (b []byte) {
	for _, v := range vs {
		b = be.AppendUint16(b, v)
	}
	return b
}

// record is a TLS record (RFC 8446 §5.1).
func record(typ byte, version uint16, body []byte) []byte {
	b := append([]byte{typ}, byte(version>>8), byte(version))
	return v16(b, body)
}

// message is a handshake message (RFC 8446 §4).
func message(typ byte, body []byte) []byte {
	n := len(body)
	return append([]byte{typ, byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// clientHello builds the record of a hello.
func (s *Scene) clientHello(t session) []byte {
	return record(22, 0x0301, s.hello(t, s.bytes(32)))
}

// hello builds the hello message (RFC 8446 §4.1.2).
func (s *Scene) hello(t session, sessionID []byte) []byte {
	b := be.AppendUint16(nil, tls12)
	b = append(b, s.bytes(32)...)
	b = v8(b, sessionID)
	ciphers := t.client.ciphers
	if t.version < tls13 {
		ciphers = without13(ciphers)
	}
	b = v16(b, u16s(ciphers))
	b = append(b, 1, 0)
	var exts []byte
	for _, e := range t.client.order {
		if body, ok := s.extension(t, e); ok {
			exts = v16(be.AppendUint16(exts, e), body)
		}
	}
	return message(1, v16(b, exts))
}

// without13 drops the suites of TLS 1.3.
func without13(cs []uint16) (out []uint16) {
	for _, c := range cs {
		if c>>8 != 0x13 {
			out = append(out, c)
		}
	}
	return out
}

// extension builds the body of one extension; false leaves it out.
func (s *Scene) extension(t session, e uint16) ([]byte, bool) {
	p := t.client
	switch e {
	case extSNI:
		name := v16([]byte{0}, []byte(t.sni))
		return v16(nil, name), t.sni != ""
	case extALPN:
		var list []byte
		for _, a := range t.alpn {
			list = v8(list, []byte(a))
		}
		return v16(nil, list), len(t.alpn) > 0
	case extGroups:
		return v16(nil, u16s(p.groups)), true
	case extPoints:
		return []byte{1, 0}, true
	case extSigs:
		return v16(nil, u16s(p.sigs)), true
	case extStatus:
		return []byte{1, 0, 0, 0, 0}, true
	case extRenegInfo:
		return []byte{0}, true
	case extVersions:
		return v8(nil, u16s([]uint16{tls13, tls12})), t.version >= tls13
	case extPSKModes:
		return []byte{1, 1}, t.version >= tls13
	case extKeyShare:
		share := v16(be.AppendUint16(nil, 29), s.bytes(32))
		return v16(nil, share), t.version >= tls13
	case extQUIC:
		// RFC 9000 §18.2: idle timeout, datagram size, flow control.
		return []byte{1, 4, 0x80, 0, 0x75, 0x30, 3, 2, 0x45, 0xc0, 4, 4, 0x80, 0x10, 0, 0, 8, 2, 0x40, 0x64}, true
	}
	return nil, true // extSCT, extEMS, extTicket
}

// serverHello builds the hello message of the server (RFC 8446 §4.1.3).
func (s *Scene) serverHello(t session) []byte {
	b := be.AppendUint16(nil, tls12)
	b = append(b, s.bytes(32)...)
	b = v8(b, s.bytes(32))
	var exts []byte
	if t.version >= tls13 {
		b = be.AppendUint16(b, 0x1301)
		exts = v16(be.AppendUint16(exts, extVersions), be.AppendUint16(nil, tls13))
		exts = v16(be.AppendUint16(exts, extKeyShare), v16(be.AppendUint16(nil, 29), s.bytes(32)))
	} else {
		b = be.AppendUint16(b, 0xc02b)
		exts = v16(be.AppendUint16(exts, extRenegInfo), []byte{0})
		if len(t.alpn) > 0 {
			exts = v16(be.AppendUint16(exts, extALPN), v16(nil, v8(nil, []byte(t.alpn[0]))))
		}
	}
	return message(2, v16(append(b, 0), exts))
}

// TLS plays a session over the conversation.
func (c *Conv) TLS(t session) {
	s := c.sc
	if t.version == 0 {
		t.version = tls13
	}
	c.Client(s.clientHello(t))
	ccs := record(20, tls12, []byte{1})
	if t.version >= tls13 {
		// RFC 8446 §2: all after the hello is ciphertext.
		flight := record(22, tls12, s.serverHello(t))
		flight = append(flight, ccs...)
		for _, n := range []int{32, 2400 + s.rng.IntN(900), 280, 74} {
			flight = append(flight, record(23, tls12, s.bytes(n))...)
		}
		c.Server(flight)
		c.Client(append(ccs, record(23, tls12, s.bytes(69))...))
	} else {
		c.Server(s.serverFlight12(t))
		kex := record(22, tls12, message(16, v8(nil, append([]byte{4}, s.bytes(64)...))))
		c.Client(append(append(kex, ccs...), record(22, tls12, s.bytes(40))...))
		c.Server(append(ccs, record(22, tls12, s.bytes(40))...))
	}
	for i := range max(len(t.up), len(t.down)) {
		if i < len(t.up) {
			c.Client(s.sealed(t.up[i]))
		}
		if i < len(t.down) {
			c.Server(s.sealed(t.down[i]))
		}
	}
	c.Client(s.alert(t.version))
}

// serverFlight12 is hello, certificate, key exchange and done (RFC 5246 §7.3).
func (s *Scene) serverFlight12(t session) []byte {
	flight := s.serverHello(t)
	var certs []byte
	for _, der := range certificates(t.sni) {
		certs = append(certs, byte(len(der)>>16), byte(len(der)>>8), byte(len(der)))
		certs = append(certs, der...)
	}
	n := len(certs)
	flight = append(flight, message(11, append([]byte{byte(n >> 16), byte(n >> 8), byte(n)}, certs...))...)
	// RFC 8422 §5.4: a named curve, a point, and a signature over both.
	kex := v8([]byte{3, 0, 23}, append([]byte{4}, s.bytes(64)...))
	kex = be.AppendUint16(kex, 0x0403)
	kex = v16(kex, append([]byte{0x30, 0x44, 2, 0x20, 0x11}, s.bytes(65)...))
	flight = append(flight, message(12, kex)...)
	flight = append(flight, message(14, nil)...)
	return record(22, tls12, flight)
}

// sealed is n bytes of application data in records of at most 4 KiB.
func (s *Scene) sealed(n int) (b []byte) {
	for n > 0 {
		m := min(n, 4096)
		b = append(b, record(23, tls12, s.bytes(m+24))...)
		n -= m
	}
	return b
}

// alert is close_notify, encrypted.
func (s *Scene) alert(version uint16) []byte {
	if version >= tls13 {
		return record(23, tls12, s.bytes(19))
	}
	return record(21, tls12, s.bytes(26))
}

// fixedKey makes the key that belongs to a name: a certificate must be the same
// every time, and its owner never signs anything but test traffic.
func fixedKey(name string) (*ecdsa.PrivateKey, error) {
	h := fnv.New128a()
	h.Write([]byte("mirrorwall test traffic " + name))
	sum := h.Sum(nil)
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), append(sum, sum...))
}

// signer signs without randomness (RFC 6979), whoever asks.
type signer struct{ *ecdsa.PrivateKey }

func (s signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(nil, digest, opts)
}

// certificates makes the chain of a name: leaf and issuer. A name that no
// certificate can be made for has an empty chain.
func certificates(name string) [][]byte {
	if name == "" {
		name = "localhost"
	}
	leafKey, err1 := fixedKey(name)
	caKey, err2 := fixedKey("issuer")
	if err1 != nil || err2 != nil {
		return nil
	}
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1001), NotBefore: from.AddDate(-2, 0, 0), NotAfter: from.AddDate(8, 0, 0),
		Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"Example Trust Services"}, CommonName: "Example TLS Issuer 1"},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		SubjectKeyId: []byte{1, 2, 3, 4},
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).SetUint64(h.Sum64() >> 1), NotBefore: from, NotAfter: from.AddDate(0, 3, 0),
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err1 := x509.CreateCertificate(nil, leaf, ca, &leafKey.PublicKey, signer{caKey})
	caDER, err2 := x509.CreateCertificate(nil, ca, ca, &caKey.PublicKey, signer{caKey})
	if err1 != nil || err2 != nil {
		return nil
	}
	return [][]byte{leafDER, caDER}
}
