package tls

import (
	"crypto/sha1"

	"github.com/mirrorwall/mirrorwall/internal/proto/internal/x509"
)

// maxChain bounds the certificates kept of one side; all are counted.
const maxChain = 32

// chain is the certificates that one side has sent.
type chain struct {
	seen        bool
	leaf        x509.Certificate
	fault       x509.Fault
	fingerprint []byte // SHA-1 of the leaf, "ab:cd:…"
	count       int    // certificates sent

	der  []byte // the first maxChain of them, one after the other
	ends []int  // where each ends in der
}

func (c *chain) reset() {
	c.leaf.Reset()
	der := c.der[:0]
	if cap(der) > keepBuffer {
		der = nil
	}
	*c = chain{leaf: c.leaf, fingerprint: c.fingerprint[:0], der: der, ends: c.ends[:0]}
}

// cert is certificate i in DER.
func (c *chain) cert(i int) ([]byte, bool) {
	if i < 0 || i >= len(c.ends) {
		return nil, false
	}
	start := 0
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.der[start:c.ends[i]:c.ends[i]], true
}

// read takes a certificate list with its length in front. ok is false when the
// lengths don't fit together; the certificates before that are kept.
func (c *chain) read(b []byte) (ok bool) {
	n, b, ok := uint24(b)
	if !ok || n != len(b) {
		return false
	}
	for len(b) > 0 {
		n, rest, ok := uint24(b)
		if !ok || n == 0 || n > len(rest) {
			return false
		}
		c.add(rest[:n])
		b = rest[n:]
	}
	return true
}

// add keeps one certificate and, of the first, its fields.
func (c *chain) add(der []byte) {
	if c.count++; c.count > maxChain {
		return
	}
	c.der = append(c.der, der...)
	c.ends = append(c.ends, len(c.der))
	if c.count > 1 {
		return
	}
	c.fault = c.leaf.Parse(der)
	sum := sha1.Sum(der)
	c.fingerprint = x509.AppendHex(c.fingerprint[:0], sum[:], false)
}

func uint24(b []byte) (n int, rest []byte, ok bool) {
	if len(b) < 3 {
		return 0, nil, false
	}
	return int(b[0])<<16 | int(b[1])<<8 | int(b[2]), b[3:], true
}
