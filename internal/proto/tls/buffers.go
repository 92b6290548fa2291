package tls

import (
	"errors"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Buffer ids. What both sides have comes twice, the client's first: the ids
// differ, the name is the same.
const (
	bufSNI = iota
	bufJA3Hash
	bufJA3String
	bufJA3SHash
	bufJA3SString
	bufJA4
	bufALPN      // both sides from here on
	bufRandom    = bufALPN + 2
	bufTime      = bufRandom + 2
	bufBytes     = bufTime + 2
	bufSubject   = bufBytes + 2
	bufIssuer    = bufSubject + 2
	bufSerial    = bufIssuer + 2
	bufPrint     = bufSerial + 2
	bufCerts     = bufPrint + 2
	bufAltName   = bufCerts + 2
	bufferCount  = bufAltName + 2
	timeLen      = 4 // gmt_unix_time at the start of a random
	wholeRandoms = 32
)

func buffers() []proto.Buffer {
	client := func(name string, check func([]byte, bool) error, aliases ...string) proto.Buffer {
		return proto.Buffer{
			Name: name, Aliases: aliases, Dir: proto.MaskServer, Progress: clientHelloDone, Check: check,
		}
	}
	server := func(name string, check func([]byte, bool) error, aliases ...string) proto.Buffer {
		return proto.Buffer{
			Name: name, Aliases: aliases, Dir: proto.MaskClient, Progress: serverHello, Check: check,
		}
	}
	b := []proto.Buffer{
		bufSNI:        client("tls.sni", nil, "tls_sni"),
		bufJA3Hash:    client("ja3.hash", lowerOnly, "ja3_hash"),
		bufJA3String:  client("ja3.string", nil, "ja3_string"),
		bufJA3SHash:   server("ja3s.hash", lowerOnly),
		bufJA3SString: server("ja3s.string", nil),
		bufJA4:        client("ja4.hash", nil, "ja4_hash"),
	}
	b = b[:len(b):len(b)]
	hello := func(name string, multi bool) {
		c, s := client(name, nil), server(name, nil)
		c.Multi, s.Multi = multi, multi
		b = append(b, c, s)
	}
	cert := func(name string, multi bool, check func([]byte, bool) error, aliases ...string) {
		c, s := client(name, check, aliases...), server(name, check, aliases...)
		c.Progress, s.Progress = clientCertDone, serverCertDone
		c.Multi, s.Multi = multi, multi
		b = append(b, c, s)
	}
	hello("tls.alpn", true)
	hello("tls.random", false)
	hello("tls.random_time", false)
	hello("tls.random_bytes", false)
	cert("tls.cert_subject", false, nil, "tls_cert_subject")
	cert("tls.cert_issuer", false, nil, "tls_cert_issuer")
	cert("tls.cert_serial", false, upperOnly, "tls_cert_serial")
	cert("tls.cert_fingerprint", false, lowerOnly, "tls_cert_fingerprint")
	cert("tls.certs", true, nil)
	cert("tls.subjectaltname", true, nil)
	return b
}

// lowerOnly refuses letters that a lower case hex buffer never holds.
func lowerOnly(content []byte, nocase bool) error {
	for _, c := range content {
		if c >= 'A' && c <= 'Z' && !nocase {
			return errors.New("upper case letter in a lower case buffer")
		}
	}
	return nil
}

// upperOnly refuses letters that an upper case hex buffer never holds.
func upperOnly(content []byte, nocase bool) error {
	for _, c := range content {
		if c >= 'a' && c <= 'z' && !nocase {
			return errors.New("lower case letter in an upper case buffer")
		}
	}
	return nil
}

// Buffer implements proto.Tx.
func (t *tx) Buffer(id uint8, i int) (b []byte, ok bool) {
	if id >= bufALPN && id < bufferCount {
		n := id - bufALPN
		return t.sided(bufALPN+n&^1, proto.Dir(n&1), i)
	}
	if i != 0 {
		return nil, false
	}
	switch id {
	case bufSNI:
		b = t.sni
	case bufJA3Hash:
		b = t.ja3Hash
	case bufJA3String:
		b = t.ja3
	case bufJA3SHash:
		b = t.ja3sHash
	case bufJA3SString:
		b = t.ja3s
	case bufJA4:
		b = t.ja4EVE
	}
	return b, len(b) > 0
}

// sided is Buffer for what both sides have.
func (t *tx) sided(id uint8, d proto.Dir, i int) (b []byte, ok bool) {
	h, c := t.side(d), &t.certs[d]
	switch id {
	case bufALPN:
		return h.name(i)
	case bufCerts:
		return c.cert(i)
	case bufAltName:
		if i < 0 || i >= c.leaf.Names() {
			return nil, false
		}
		return c.leaf.Name(i), true
	}
	if i != 0 {
		return nil, false
	}
	switch id {
	case bufRandom, bufTime, bufBytes:
		if len(h.random) != wholeRandoms {
			return nil, false
		}
		b = h.random
		if id == bufTime {
			b = b[:timeLen]
		} else if id == bufBytes {
			b = b[timeLen:]
		}
	case bufSubject:
		b = c.leaf.Subject
	case bufIssuer:
		b = c.leaf.Issuer
	case bufSerial:
		b = c.leaf.Serial
	case bufPrint:
		b = c.fingerprint
	}
	return b, len(b) > 0
}
