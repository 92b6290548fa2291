// Package x509 reads the fields of a certificate that a sensor logs and
// matches (RFC 5280 §4.1).
//
// It walks the DER itself, in one pass and without recursion, so that hostile
// certificates cost no more than their bytes. It never verifies a signature,
// never builds a chain, and keeps nothing: the Certificate's slices point into
// memory that it owns and uses again.
package x509

import (
	"net/netip"

	"github.com/mirrorwall/mirrorwall/internal/proto/internal/asn1"
)

// Fault is the part of a certificate that could not be read.
type Fault uint8

// Faults, named after the certificate's fields.
const (
	OK             Fault = iota
	BadCertificate       // a length in it does not fit what was sent
	BadDER
	BadLength // more follows it
	BadVersion
	BadSerial
	BadAlgorithm
	BadIssuer
	BadValidity
	BadDate
	BadSubject
	BadExtensions
)

// MaxNames bounds the subject alternative names kept of one certificate.
const MaxNames = 256

// maxText bounds the text of a distinguished name.
const maxText = 4096

// commonName is the value of the identifier 2.5.4.3.
const commonName = "\x55\x04\x03"

// Certificate is what was read. Text is owned by the Certificate and valid
// until the next Parse or Reset.
type Certificate struct {
	Subject   []byte // "C=US, O=Example, CN=www.example.com", as in the certificate
	Issuer    []byte
	Serial    []byte // "00:9C:…"
	NotBefore int64  // seconds since 1970
	NotAfter  int64
	Dated     bool // the validity was read

	names    []byte // alternative names, one after the other
	ends     []int  // where each ends in names
	cn0, cn1 int    // the last common name in Subject
}

// Reset forgets the certificate and keeps the memory.
func (c *Certificate) Reset() {
	*c = Certificate{
		Subject: c.Subject[:0], Issuer: c.Issuer[:0], Serial: c.Serial[:0],
		names: c.names[:0], ends: c.ends[:0],
	}
}

// CommonName is the subject's last CN, the most specific one; empty without.
func (c *Certificate) CommonName() []byte { return c.Subject[c.cn0:c.cn1] }

// Names is how many alternative names there are.
func (c *Certificate) Names() int { return len(c.ends) }

// Name is alternative name i: a DNS name, mail address or URI as it stands, an
// address printed.
func (c *Certificate) Name(i int) []byte {
	start := 0
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.names[start:c.ends[i]:c.ends[i]]
}

// Parse reads der. With a fault, the fields before it are set.
func (c *Certificate) Parse(der []byte) Fault {
	c.Reset()
	cert, rest, ok := asn1.Next(der)
	switch {
	case !ok:
		return BadCertificate
	case !cert.Is(asn1.Sequence):
		return BadDER
	}
	tbs, _, ok := asn1.Next(cert.Body)
	switch {
	case !ok:
		return BadCertificate
	case !tbs.Is(asn1.Sequence):
		return BadDER
	}
	fault := c.tbs(tbs.Body)
	if fault == OK && len(rest) > 0 {
		return BadLength
	}
	return fault
}

// tbs reads TBSCertificate's members in their order.
func (c *Certificate) tbs(b []byte) Fault {
	b, fault := c.head(b)
	if fault != OK {
		return fault
	}
	e, b, ok := asn1.Next(b)
	if !ok || !e.Is(asn1.Sequence) {
		return BadIssuer
	}
	if c.Issuer, _, _, ok = appendName(c.Issuer, e.Body); !ok {
		return BadIssuer
	}
	if e, b, ok = asn1.Next(b); !ok || !e.Is(asn1.Sequence) {
		return BadValidity
	}
	if !c.validity(e.Body) {
		return BadDate
	}
	if e, b, ok = asn1.Next(b); !ok || !e.Is(asn1.Sequence) {
		return BadSubject
	}
	if c.Subject, c.cn0, c.cn1, ok = appendName(c.Subject, e.Body); !ok {
		return BadSubject
	}
	if !c.extensions(b) {
		return BadExtensions
	}
	return OK
}

// head reads version, serial number and signature algorithm.
func (c *Certificate) head(b []byte) (rest []byte, fault Fault) {
	e, rest, ok := asn1.Next(b)
	if !ok {
		return nil, BadDER
	}
	if e.IsContext(0) {
		if v, _, ok := asn1.Expect(e.Body, asn1.Integer); !ok || len(v) != 1 {
			return nil, BadVersion
		}
		if e, rest, ok = asn1.Next(rest); !ok {
			return nil, BadSerial
		}
	}
	if !e.Is(asn1.Integer) || len(e.Body) == 0 {
		return nil, BadSerial
	}
	c.Serial = AppendHex(c.Serial, e.Body[:min(len(e.Body), 64)], true)
	if _, rest, ok = asn1.Expect(rest, asn1.Sequence); !ok {
		return nil, BadAlgorithm
	}
	return rest, OK
}

func (c *Certificate) validity(b []byte) bool {
	before, b, ok := asn1.Next(b)
	if !ok {
		return false
	}
	after, _, ok := asn1.Next(b)
	if !ok {
		return false
	}
	var ok1, ok2 bool
	c.NotBefore, ok1 = asn1.Time(&before)
	c.NotAfter, ok2 = asn1.Time(&after)
	c.Dated = ok1 && ok2
	return c.Dated
}

// extensions skips the public key and the unique identifiers, then looks for
// subjectAltName (2.5.29.17).
func (c *Certificate) extensions(b []byte) bool {
	for len(b) > 0 {
		var e asn1.Element
		var ok bool
		if e, b, ok = asn1.Next(b); !ok {
			return false
		}
		if !e.IsContext(3) {
			continue
		}
		list, _, ok := asn1.Expect(e.Body, asn1.Sequence)
		if !ok {
			return false
		}
		return c.extensionList(list)
	}
	return true
}

func (c *Certificate) extensionList(b []byte) bool {
	for len(b) > 0 {
		ext, rest, ok := asn1.Expect(b, asn1.Sequence)
		if !ok {
			return false
		}
		b = rest
		id, v, ok := asn1.Expect(ext, asn1.OID)
		if !ok {
			return false
		}
		if string(id) == "\x55\x1d\x11" {
			c.altNames(v)
		}
	}
	return true
}

// altNames reads GeneralNames (RFC 5280 §4.2.1.6) behind the critical flag, as
// far as they can be read: an extension's content is its own affair.
func (c *Certificate) altNames(b []byte) {
	if _, rest, ok := asn1.Expect(b, asn1.Boolean); ok {
		b = rest
	}
	b, _, ok := asn1.Expect(b, asn1.OctetString)
	if !ok {
		return
	}
	if b, _, ok = asn1.Expect(b, asn1.Sequence); !ok {
		return
	}
	for len(b) > 0 && len(c.ends) < MaxNames {
		var e asn1.Element
		if e, b, ok = asn1.Next(b); !ok {
			return
		}
		if e.Class == asn1.Context {
			c.altName(&e)
		}
	}
}

// altName keeps mail addresses [1], DNS names [2], URIs [6] and addresses [7];
// other kinds have no text that rules look for.
func (c *Certificate) altName(e *asn1.Element) {
	switch e.Tag {
	case 1, 2, 6:
		c.names = append(c.names, e.Body...)
	case 7:
		a, ok := netip.AddrFromSlice(e.Body)
		if !ok {
			return
		}
		c.names = a.AppendTo(c.names)
	default:
		return
	}
	c.ends = append(c.ends, len(c.names))
}

// appendName appends the text of a distinguished name: attributes in order
// with ", " between them, " + " inside a multi-valued one. cn0 and cn1 bound
// the last common name in the result.
func appendName(dst, b []byte) (_ []byte, cn0, cn1 int, ok bool) {
	for len(b) > 0 {
		set, rest, ok := asn1.Expect(b, asn1.Set)
		if !ok {
			return dst, cn0, cn1, false
		}
		b = rest
		sep := ", "
		for len(set) > 0 {
			attr, more, ok := asn1.Expect(set, asn1.Sequence)
			if !ok || len(dst) > maxText {
				return dst, cn0, cn1, false
			}
			set = more
			id, v, ok := asn1.Expect(attr, asn1.OID)
			if !ok {
				return dst, cn0, cn1, false
			}
			value, _, ok := asn1.Next(v)
			if !ok {
				return dst, cn0, cn1, false
			}
			if len(dst) > 0 {
				dst = append(dst, sep...)
			}
			sep = " + "
			dst = append(appendType(dst, id), '=')
			start := len(dst)
			dst = appendValue(dst, &value)
			if string(id) == commonName {
				cn0, cn1 = start, len(dst)
			}
		}
	}
	return dst, cn0, cn1, true
}

// appendValue appends a name's value: text as it stands, the 16 bit string
// types as UTF-8, other types as hex behind '#' (RFC 4514 §2.4).
func appendValue(dst []byte, e *asn1.Element) []byte {
	if e.Class != asn1.Universal || e.Constructed {
		return appendHash(dst, e)
	}
	body := e.Body[:min(len(e.Body), maxText)]
	switch e.Tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.TeletexString, asn1.IA5String,
		asn1.NumericString, asn1.VisibleString:
		return append(dst, body...)
	case asn1.BMPString:
		return appendUTF16(dst, body)
	case asn1.UniversalString:
		return appendUTF32(dst, body)
	}
	return appendHash(dst, e)
}
